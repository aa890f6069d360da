"""`projgan inverter`."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from projgan.commands.options import Device, Settings
from projgan.commands.paths import DataSource, GivenPath, NewPath
from projgan.commands.printing import Json, dumps, show
from projgan.commands.progress import Say, bar_listener, counted
from projgan.files import chosen_cache
from projgan.plug_and_play.settings import InverterSettings

if TYPE_CHECKING:
    from projgan.training_loop import TrainingResult


def inverter(
    data: DataSource,
    /,
    *,
    classifier: GivenPath,
    out: NewPath = Path("runs/inverter"),
    settings: Settings[InverterSettings] = InverterSettings(),
    on_unreadable: Literal["error", "skip"] = "error",
    device: Device = "auto",
    cache: NewPath | None = None,
    json: Json = False,
) -> int:
    """Train a generator that turns a classifier's features back into images, for `projgan plug-and-play`.

    The same command again resumes. The folder it writes holds the generator and a copy of the classifier.

    Parameters
    ----------
    data
        Folder, archive, Parquet file or folder, .npz, packed store, or `digits`: the classifier's images.
    classifier
        File of `projgan classifier`, whose features are inverted.
    out
        Folder to write.
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
    from projgan.data.configured import fit_of
    from projgan.plug_and_play.run import InverterRun, train_inverter
    from projgan.process.ranks import choose_device
    from projgan.storage.network_file import load_classifier

    torch_device = choose_device(device)
    encoder, description = load_classifier(classifier)
    run = InverterRun(out)
    parts = load_parts(
        data,
        resolution=encoder.resolution,
        channels=encoder.channels,
        fit=fit_of(description.provenance.settings),
        seed=settings.seed,
        cache=chosen_cache(cache),
        progress=counted("decoding", " images"),
        on_unreadable=on_unreadable,
        said=Say.line,
        verify="always" if run.checkpoint.exists() else "once",
    )
    result = train_inverter(settings, parts, classifier, run, torch_device, bar_listener())
    _report(result, parts.test_split, as_json=json)
    return result.exit_code


def _report(result: "TrainingResult", split: str, *, as_json: bool) -> None:
    inversion = result.description and result.description.inversion
    if inversion is None:
        Say.line(f"stopped at step {result.step}; the same command resumes")
    if as_json:
        facts = inversion and inversion.model_dump()
        finished = inversion is not None
        out = str(result.path)
        show(dumps({"step": result.step, "out": out, "finished": finished, "inversion": facts}))
    elif inversion:
        show(
            f"{result.path}: features of {split} images come back with an error of "
            f"{inversion.feature_error:.3g} (0: all, 1: no better than their mean)"
        )
