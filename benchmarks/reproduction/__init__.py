"""Tables of published experiments as data, and ours beside them; `reproduce.py` is the command."""
