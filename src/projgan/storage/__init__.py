"""What is kept on disk: run directories, networks' files, checkpoints, published models."""
