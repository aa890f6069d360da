"""The command line: the commands of `projgan.commands` under one name, and what a mistake looks like.

Results go to stdout, progress and messages to stderr. A mistake is one line and exit code 2.
A command's module is imported when it is called, and torch inside the command, so that `--help` is immediate.
"""

import io
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from inspect import BoundArguments
from types import FrameType

import cyclopts
from cyclopts import App, Parameter
from cyclopts.argument import ArgumentCollection

from projgan.errors import UserError, is_out_of_memory, reason_of, shortened, visible
from projgan.version import VERSION


def _preset_below_command_line(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Let the preset's settings stand wherever the command line says nothing."""
    if commands != ("train",):
        return
    for argument in arguments:
        if argument.field_info.name == "preset" and argument.tokens:
            from projgan.config import read_preset

            settings, place = read_preset(argument.tokens[0].value)
            cyclopts.config.Dict({"train": settings}, source=place)(app, commands, arguments)


COMMANDS = {
    "train": "Train a GAN; the same command again resumes where it stopped.",
    "demo": "Train on real 8x8 digits for a few minutes, draw a grid and count the recognised samples.",
    "sample": "Generate images by class name, from a run or from its one generator file alone.",
    "evaluate": "Measure a generator, or images of any origin, against real images.",
    "models": "List the generators that come with the package; `sample`, `morph` and `evaluate` take "
    "their names.",
    "classifier": "Train a classifier of labelled images, and measure it on images that it has not seen.",
    "compare": "Put several runs into one report: results with intervals over seeds, curves, images, cost, "
    "protocol.",
    "morph": "Show what lies between classes, between latents, and between truncations.",
    "explore": "Look at generators in the browser: sample, mix, morph, ask the discriminator, "
    "follow a training.",
    "invert": "Find the latent and the class from which a generator makes an image that is given.",
    "export": "Write a generator as ONNX or as a torch program, checked against torch on every class first.",
    "share": "Put a run's networks on the Hugging Face hub, with a card, for use as `hf:USER/NAME`.",
    "finetune": "Train a run further while a frozen classifier guides its generator: clearer classes, "
    "less variety.",
    "super-resolve": "Enlarge images four times in height and width, or measure how well a run does it.",
    "inverter": "Train a generator that turns a classifier's features back into images, for "
    "`projgan plug-and-play`.",
    "plug-and-play": "Generate images of a class by steps to it in a classifier's features "
    "(Nguyen et al. 2017, PPGN).",
    "nearest": "Show the training images nearest to generated ones: has the generator learned them by heart?",
    "inspect": "Say what the discriminator thinks of images: how real each is, and whether its label fits.",
}
"""Every command with the first line of its docstring; `a-b` is the function `a_b` of a module `a_b`."""

DATA_COMMANDS = {
    "describe": "Say what is in a folder, archive or Parquet set, decoding every image once.",
    "pack": "Decode a set of images once into a uint8 store, which training maps into memory.",
}
"""The same for `projgan data`, all of `projgan.commands.data`."""

SHORT_OPTIONS = {
    "--data": "--data.source",
    "--on-unreadable": "--data.on-unreadable",
    "--start-from": "--training.start-from",
    "--logging": "--training.logging",
}
"""Of `train`, with the settings they stand for."""

app = App(
    name="projgan",
    help="Train, measure and explore class-conditional GANs with a projection discriminator.",
    version=VERSION,
    config=_preset_below_command_line,
    help_format="markdown",
    default_parameter=Parameter(negative_iterable=()),
    suppress_keyboard_interrupt=False,
)
data_app = App(name="data", help="Say what is in a set of images, or decode it once for training.")
app.command(data_app)
for _name, _summary in COMMANDS.items():
    _function = _name.replace("-", "_")
    app.command(f"projgan.commands.{_function}:{_function}", name=_name, help=_summary)
for _name, _summary in DATA_COMMANDS.items():
    data_app.command(f"projgan.commands.data:{_name}", name=_name, help=_summary)


def _expand_short_options(words: Sequence[str]) -> list[str]:
    """`train --data X` is short for `train --data.source X`."""
    if not words or words[0] != "train":
        return list(words)

    def whole(word: str) -> str:
        name, equals, value = word.partition("=")
        return SHORT_OPTIONS.get(name, name) + equals + value

    return [whole(word) for word in words]


def _forget_output() -> None:
    """Let what stdout still holds go nowhere: flushing it at exit would fail again, in a traceback."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _parsed(words: Sequence[str]) -> tuple[Callable[..., int | None], BoundArguments]:
    """Find the command and its arguments, whatever the words may be.

    Raises:
        UserError, CycloptsError: they ask for nothing there is.
    """
    try:
        command, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
        return command, bound
    except (UserError, cyclopts.CycloptsError, ImportError):
        raise
    except Exception as error:  # of the parser, about words that it did not expect
        raise UserError(f"these words are no command ({reason_of(error)}); see --help") from error


def run_command(words: Sequence[str]) -> int:
    """Run one command line; returns its exit code."""
    words = _expand_short_options(words)
    warnings.filterwarnings("ignore", module="PIL")  # what is wrong with an image we say in our own words
    try:
        command, bound = _parsed(words)
        code = command(*bound.args, **bound.kwargs)
        sys.stdout.flush()
        return code or 0
    except UserError as error:
        message = str(error)
    except cyclopts.CycloptsError as error:
        from projgan.commands.mistakes import in_one_line

        message = in_one_line(error)
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
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        message = f"not enough memory ({reason_of(error)}); ask for less at once, or use smaller widths"
    print(f"projgan: {shortened(visible(message))}", file=sys.stderr)
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
