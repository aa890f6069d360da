"""What a discriminator says of images: the reading, p(y|x), its request and its files."""
