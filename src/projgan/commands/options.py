"""How a command takes what its room may be asked, and where it computes."""

from typing import Annotated, Literal, TypeVar

from cyclopts import Parameter

Room = TypeVar("Room")
Asked = Annotated[Room, Parameter(name="*", consume_multiple=True, negative=())]
"""Every field of a request, or of settings, is an option; its docstring is the help."""
Settings = Annotated[Room, Parameter(name="*", consume_multiple=True)]
"""The same where a switch has its opposite, as `--no-flip`."""
Device = Literal["auto", "cpu", "cuda"]
"""`auto` takes a GPU where there is one; see `projgan.process.ranks.choose_device`."""
