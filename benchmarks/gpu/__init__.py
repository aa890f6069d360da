"""The first meeting with a GPU: what is looked at, one idea a file."""
