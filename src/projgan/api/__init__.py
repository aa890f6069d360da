"""What a notebook uses: the functions that `import projgan` offers."""
