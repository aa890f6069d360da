"""Reports a person reads, made from run directories."""
