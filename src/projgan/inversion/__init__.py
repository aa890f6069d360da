"""From an image to the latent and the class that give it: `searching`, what it looks at, and its files."""
