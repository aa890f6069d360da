"""Images as bytes and floats, as grids, and as animations."""
