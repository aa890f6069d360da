"""The commands: one documented function each, which asks the library and prints; torch loads inside them."""
