"""`python -m projgan`, which is what torchrun starts."""

from projgan.cli import main

main()
