"""Networks that only compute: no optimiser, loss, path, rank or logger."""
