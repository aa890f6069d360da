"""A run, a file or a folder to an evaluator and its rows."""
