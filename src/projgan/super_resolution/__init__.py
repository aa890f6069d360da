"""Small images to large ones: enlarging, its files, its evaluation."""
