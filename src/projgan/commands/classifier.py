"""`projgan classifier`."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from projgan.classification.request import ClassifierRequest
from projgan.commands.options import Device, Settings
from projgan.commands.paths import DataSource, NewPath
from projgan.commands.printing import Json, dumps, show
from projgan.commands.progress import Say, bar_listener

if TYPE_CHECKING:
    from projgan.training_loop import TrainingResult


def classifier(
    data: DataSource,
    /,
    *,
    out: NewPath = Path("classifier.safetensors"),
    request: Settings[ClassifierRequest] = ClassifierRequest(),
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
    on_unreadable
        What to do about images that cannot be decoded.
    device
        auto takes a GPU where there is one.
    cache
        Folder of packed images; `~/.cache/projgan` if not given.
    json
        Print the result as JSON.
    """
    from projgan.classification.making import make_classifier
    from projgan.process.ranks import choose_device

    result = make_classifier(
        data, out, request, choose_device(device), bar_listener(), cache=cache, on_unreadable=on_unreadable
    )
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
