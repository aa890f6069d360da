"""A run as others can use it: a folder with a card, its networks and settings, and that folder on the hub."""
