"""The command line: one documented function a command, which parses, calls the library and prints.

Results go to stdout, progress and messages to stderr. A mistake is one line and exit code 2.
torch is imported inside the commands, so that `--help` is immediate.
"""

import io
import json
import os
import re
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import cyclopts
from cyclopts import App, Parameter
from cyclopts.argument import ArgumentCollection
from pydantic import ValidationError

import projgan
from projgan.config import RunConfig, dump_config, explain, load_config, read_preset
from projgan.errors import UserError
from projgan.progress import Say, counted, training_listener

if TYPE_CHECKING:
    from collections.abc import Sequence

    from projgan.training.probe import Estimate

Json = Annotated[bool, Parameter(negative=())]


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


@app.command
def train(
    preset: str,
    /,
    *,
    run_dir: Path | None = None,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    json: Json = False,
    config: Annotated[RunConfig, Parameter(name="*")] = RunConfig(),  # noqa: B008 - frozen
) -> int:
    """Train a GAN; the same command again resumes where it stopped.

    Any setting of the preset can be overridden: `--training.steps 100`,
    `--optimizer.betas 0.5 0.999`, `--data FOLDER` (short for `--data.source FOLDER`).

    Parameters
    ----------
    preset
        Name of a built-in preset (`demo`, `cifar10`, ...) or a YAML file of settings.
    run_dir
        Folder of the run; `runs/PRESET` if not given.
    dry_run
        Print the resolved settings, parameter counts, memory and time, and write nothing.
    json
        Print the result as JSON.
    """
    from projgan.distributed import join_ranks

    with join_ranks(config.training.device) as ranks:
        if dry_run:
            from projgan.training.probe import probe

            estimate = probe(config, ranks, Say.line if ranks.is_first else lambda message: None)
            if ranks.is_first:
                _report_estimate(config, estimate, as_json=json)
            return 0
        from projgan.training.run import Listener
        from projgan.training.run import train as train_run

        run_dir = run_dir or Path("runs") / Path(preset).stem
        listener = training_listener() if ranks.is_first else Listener()
        result = train_run(config, run_dir, ranks, listener)
        if ranks.is_first:
            _report_training(result.step, result.interrupted_by, result.generator, as_json=json)
        return 128 + result.interrupted_by if result.interrupted_by else 0


def _report_estimate(config: RunConfig, estimate: "Estimate", *, as_json: bool) -> None:
    if as_json:
        print(_dumps({"config": config.model_dump(mode="json"), **vars(estimate)}))
    else:
        print(f"{dump_config(config)}\n{estimate.to_text()}")


def _report_training(step: int, interrupted_by: int | None, generator: Path, *, as_json: bool) -> None:
    if interrupted_by:
        Say.line(f"stopped at step {step}; the same command resumes")
    if as_json:
        print(_dumps({"step": step, "generator": str(generator), "finished": interrupted_by is None}))
    elif not interrupted_by:
        print(generator)


@app.command
def demo(run_dir: Path = Path("runs/demo"), *, json: Json = False) -> int:
    """Train on real 8x8 digits for a few minutes, draw a grid and count the recognised samples.

    Parameters
    ----------
    run_dir
        Folder of the run; the same command again resumes.
    json
        Print the result as JSON.
    """
    from projgan.demo import score_demo
    from projgan.distributed import join_ranks
    from projgan.run_directory import RunDirectory
    from projgan.training.run import train as train_run

    config = load_config("demo")
    with join_ranks(config.training.device) as ranks:
        run = train_run(config, run_dir, ranks, training_listener())
    if run.interrupted_by:
        Say.line(f"stopped at step {run.step}; the same command resumes")
        return 128 + run.interrupted_by
    result = score_demo(RunDirectory(run_dir))
    if json:
        print(_dumps(vars(result)))
        return 0
    share = result.recognised / result.samples
    print(f"samples, one class a row: {result.grid}")
    print(
        f"recognised as the digit asked for: {result.recognised} of {result.samples} ({share:.1%}), "
        "by a classifier trained on real digits only "
        f"(right on {result.classifier_accuracy:.1%} of held-out ones)"
    )
    return 0


@app.command
def sample(
    run: Path,
    *,
    class_: Annotated[list[str] | None, Parameter(name="--class", consume_multiple=True)] = None,
    mix: list[str] | None = None,
    count: int = 10,
    seed: int = 0,
    truncation: float | None = None,
    batch_size: int | None = None,
    out: Path = Path("samples.png"),
    json: Json = False,
) -> None:
    """Generate images by class name, from a run or from its one generator file alone.

    Seeds SEED, SEED+1, ... give one image each, the same whatever else is sampled.

    Parameters
    ----------
    run
        A run directory or a `generator.safetensors`.
    class_
        Class names, or `all`; every class if not given.
    mix
        Instead of classes, weights over them, as in `cat=0.3,dog=0.7`; may be given several times.
    count
        Images per class or mix.
    seed
        Seed of the first image.
    truncation
        Bound of the latents' entries: lower is more typical and less varied. Around 0.5 to 2.
    batch_size
        Images made between two writes; it changes nothing in them.
    out
        `FILE.png` for one grid with a row per class, else a folder of PNGs.
    json
        Print what was written as JSON.
    """
    from projgan.export import SampleRequest, write_images

    request = SampleRequest(
        run=run,
        classes=class_,
        mixes=mix,
        count=count,
        seed=seed,
        truncation=truncation,
        batch_size=batch_size,
        out=out,
    )
    written = write_images(request, counted("sampling", " images"))
    if json:
        print(_dumps(written.to_dict()))
    else:
        print(out if len(written.files) == 1 else f"{out}: {len(written.files)} images")


@data_app.command
def describe(path: str, *, split: str | None = None, json: Json = False) -> None:
    """Say what is in a folder, archive or Parquet set, decoding every image once.

    Parameters
    ----------
    path
        Folder, archive, Parquet file or folder, .npz, packed store, or `digits`.
    split
        Part to look at, such as `test`; the training part if not given.
    json
        Print as JSON.
    """
    from projgan.data import describe as describe_images

    description = describe_images(path, split, counted("reading", " images"))
    print(_dumps(description.to_dict()) if json else description.to_text())


@data_app.command
def pack(
    path: str,
    out: Path,
    *,
    resolution: int,
    channels: Literal["1", "3"] = "3",
    split: str | None = None,
    on_unreadable: Literal["error", "skip"] = "error",
    json: Json = False,
) -> None:
    """Decode a set of images once into a uint8 store, which training maps into memory.

    Parameters
    ----------
    path
        Folder, archive, Parquet file or folder, or .npz.
    out
        Folder to make; never overwritten.
    resolution
        Height and width in pixels; other sizes are centre-cropped and resized.
    channels
        1 for grey, 3 for RGB.
    split
        Part to pack; the training part if not given.
    on_unreadable
        What to do about images that cannot be decoded.
    json
        Print the result as JSON.
    """
    from projgan.data import open_source
    from projgan.data import pack as pack_images

    packed = pack_images(
        open_source(path, split),
        out,
        resolution=resolution,
        channels=int(channels),
        progress=counted("decoding", " images"),
        on_unreadable=on_unreadable,
    )
    if json:
        print(_dumps({"out": str(out), "images": len(packed), "classes": list(packed.class_names)}))
    else:
        print(f"{out}: {len(packed)} images of {packed.num_classes} classes, {resolution}x{resolution}")


def _dumps(value: Any) -> str:
    return json.dumps(value, indent=2, default=str)


def _expand_short_options(words: "Sequence[str]") -> list[str]:
    """`train --data X` is short for `--data.source X`."""
    if not words or words[0] != "train":
        return list(words)
    return [re.sub(r"^--data(?==|$)", "--data.source", word) for word in words]


def _forget_output() -> None:
    """Let what stdout still holds go nowhere: flushing it at exit would fail again, in a traceback."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def run_command(words: "Sequence[str]") -> int:
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
    sys.exit(run_command(sys.argv[1:]))
