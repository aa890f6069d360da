"""One process among several: ranks, and signals."""
