"""Where commands compute."""

from typing import Literal

Device = Literal["auto", "cpu", "cuda"]
"""`auto` takes a GPU where there is one; see `projgan.process.ranks.choose_device`."""
