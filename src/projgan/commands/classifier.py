"""`projgan classifier`."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from projgan.commands.devices import Device
from projgan.commands.paths import DataSource, NewPath
from projgan.commands.printing import Json, dumps, show
from projgan.commands.progress import Say, bar_listener, counted
from projgan.config import Fit
from projgan.files import chosen_cache

if TYPE_CHECKING:
    from projgan.training_loop import TrainingResult


def classifier(
    data: DataSource,
    /,
    *,
    out: NewPath = Path("classifier.safetensors"),
    resolution: int | None = None,
    channels: Literal["1", "3"] | None = None,
    fit: Fit = "crop",
    width: int = 128,
    epochs: int = 20,
    batch_size: int = 128,
    learning_rate: float = 0.01,
    flip: bool = False,
    shift: int | None = None,
    seed: int = 0,
    on_unreadable: Literal["error", "skip"] = "error",
    device: Device = "auto",
    cache: NewPath | None = None,
    json: Json = False,
) -> int:
    """Train a classifier of labelled images, and measure it on images that it has not seen.

    The same command again resumes. Measured on the data's test (or validation) part where it has one, else on
    a tenth of every class, held out.

    Parameters
    ----------
    data
        Folder, archive, Parquet file or folder, .npz, packed store, or `digits`.
    out
        File to write; never overwritten.
    resolution
        Height and width in pixels, 8 to 512; that of the images if they all have one.
    channels
        1 for grey, 3 for RGB; that of the images if not given.
    fit
        What becomes of images that are not square: their centre square, all of them on black, or stretched.
    width
        Number of features; the cost goes with its square. 512 wants a GPU.
    epochs
        Passes over the training images.
    batch_size
        Images of one update.
    learning_rate
        Of AdamW, at its peak.
    flip
        Learn from mirrored images too: for photographs, not for digits or letters.
    shift
        Largest number of pixels to move an image by; a sixteenth of the resolution, at most 7, if not
        given.
    seed
        Of weights, order and augmentation, and of what is held out.
    on_unreadable
        What to do about images that cannot be decoded.
    device
        auto takes a GPU where there is one.
    cache
        Folder of packed images; `~/.cache/projgan` if not given.
    json
        Print the result as JSON.
    """
    from projgan.classification.held_out import load_parts
    from projgan.classification.run import checkpoint_beside, train_to_file
    from projgan.classification.settings import choose_settings
    from projgan.process.ranks import choose_device

    torch_device = choose_device(device)
    out.parent.mkdir(parents=True, exist_ok=True)
    settings = choose_settings(
        data,
        out,
        counted("looking", " images"),
        resolution=resolution,
        channels=int(channels) if channels else None,
        fit=fit,
        width=width,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        flip=flip,
        shift=shift,
        seed=seed,
    )
    parts = load_parts(
        data,
        resolution=settings.resolution,
        channels=settings.channels,
        fit=fit,
        seed=seed,
        cache=chosen_cache(cache),
        progress=counted("decoding", " images"),
        on_unreadable=on_unreadable,
        said=Say.line,
        verify="always" if checkpoint_beside(out).exists() else "once",
    )
    result = train_to_file(settings, parts, out, torch_device, bar_listener())
    _report(result, as_json=json)
    return result.exit_code


def _report(result: "TrainingResult", *, as_json: bool) -> None:
    if result.description is None:
        Say.line(f"stopped at step {result.step}; the same command resumes")
    accuracy = result.description.accuracy if result.description else None
    if as_json:
        facts = accuracy and {**accuracy.model_dump(), "accuracy": accuracy.value}
        finished = result.description is not None
        show(dumps({"step": result.step, "out": str(result.path), "finished": finished, "test": facts}))
    elif accuracy:
        show(
            f"{result.path}: right on {accuracy.correct} of {accuracy.count} {accuracy.split} images "
            f"({accuracy.value:.2%})"
        )
