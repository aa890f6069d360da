"""The command line: the commands of `projgan.commands` under one name, and what a mistake looks like.

Results go to stdout, progress and messages to stderr. A mistake is one line and exit code 2.
torch is imported inside the commands, so that `--help` is immediate.
"""

import io
import os
import re
import signal
import sys
from collections.abc import Sequence
from types import FrameType

import cyclopts
from cyclopts import App, Parameter
from cyclopts.argument import ArgumentCollection
from pydantic import ValidationError

import projgan
from projgan.commands.classifier import classifier
from projgan.commands.compare import compare
from projgan.commands.data import describe, pack
from projgan.commands.demo import demo
from projgan.commands.evaluate import evaluate
from projgan.commands.inspect import inspect
from projgan.commands.models import models
from projgan.commands.morph import morph
from projgan.commands.sample import sample
from projgan.commands.train import train
from projgan.config import explain, read_preset
from projgan.errors import UserError


def _preset_below_command_line(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Let the preset's settings stand wherever the command line says nothing."""
    if commands != ("train",):
        return
    for argument in arguments:
        if argument.field_info.name == "preset" and argument.tokens:
            settings, place = read_preset(argument.tokens[0].value)
            cyclopts.config.Dict({"train": settings}, source=place)(app, commands, arguments)


app = App(
    name="projgan",
    help="Train, measure and explore class-conditional GANs with a projection discriminator.",
    version=projgan.__version__,
    config=_preset_below_command_line,
    help_format="markdown",
    default_parameter=Parameter(negative_iterable=()),
    suppress_keyboard_interrupt=False,
)
data_app = App(name="data", help="Say what is in a set of images, or decode it once for training.")
app.command(data_app)
app.command(train)
app.command(demo)
app.command(sample)
app.command(models)
app.command(evaluate)
app.command(classifier)
app.command(compare)
app.command(morph)
app.command(inspect)
data_app.command(describe)
data_app.command(pack)


def _expand_short_options(words: Sequence[str]) -> list[str]:
    """`train --data X` is short for `--data.source X`."""
    if not words or words[0] != "train":
        return list(words)
    return [re.sub(r"^--data(?==|$)", "--data.source", word) for word in words]


def _forget_output() -> None:
    """Let what stdout still holds go nowhere: flushing it at exit would fail again, in a traceback."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def run_command(words: Sequence[str]) -> int:
    """Run one command line; returns its exit code."""
    words = _expand_short_options(words)
    try:
        code = app(words, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
        return code or 0
    except UserError as error:
        message = str(error)
    except cyclopts.CycloptsError as error:
        cause = error.__cause__
        message = explain(cause) if isinstance(cause, ValidationError) else " ".join(str(error).split())
    except KeyboardInterrupt:
        print("projgan: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _forget_output()
        return 141
    except OSError as error:
        if error.filename is None:
            _forget_output()
        message = f"{error.filename or 'output'}: {error.strerror or error}"
    print(f"projgan: {message}", file=sys.stderr)
    return 2


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def main() -> None:
    """Entry point of the `projgan` command and of `python -m projgan`."""
    signal.signal(signal.SIGTERM, _leave)  # so that what is half made is cleared away
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a class name may have letters the terminal lacks
    code = run_command(sys.argv[1:])
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # leaving already: raising now would end in a traceback
    sys.exit(code)
