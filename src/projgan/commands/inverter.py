"""`projgan inverter`."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from projgan.commands.devices import Device
from projgan.commands.paths import DataSource, GivenPath, NewPath
from projgan.commands.printing import Json, dumps, show
from projgan.commands.progress import Say, bar_listener, counted
from projgan.files import chosen_cache

if TYPE_CHECKING:
    from projgan.training_loop import TrainingResult


def inverter(
    data: DataSource,
    /,
    *,
    classifier: GivenPath,
    out: NewPath = Path("runs/inverter"),
    width: int | None = None,
    steps: int = 2000,
    batch_size: int = 64,
    learning_rate: float = 5e-4,
    image_weight: float = 1.0,
    feature_weight: float = 1.0,
    adversarial_weight: float = 0.1,
    flip: bool = False,
    seed: int = 0,
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
    width
        Channels of generator and discriminator; those of the architecture if not given.
    steps
        Updates of each network.
    batch_size
        Images of one update.
    learning_rate
        Of Adam in the first half; it falls to zero in the second.
    image_weight
        Of the error of the pixels.
    feature_weight
        Of the error of the classifier's last maps.
    adversarial_weight
        Of the adversarial loss.
    flip
        Show mirrored images too: for photographs, not for digits or letters.
    seed
        Of weights and order, and of what is held out where the data has no test part.
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
    from projgan.plug_and_play.settings import check_settings
    from projgan.process.ranks import choose_device
    from projgan.storage.network_file import load_classifier

    torch_device = choose_device(device)
    settings = check_settings(
        width=width,
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        image_weight=image_weight,
        feature_weight=feature_weight,
        adversarial_weight=adversarial_weight,
        flip=flip,
        seed=seed,
    )
    encoder, description = load_classifier(classifier)
    run = InverterRun(out)
    parts = load_parts(
        data,
        resolution=encoder.resolution,
        channels=encoder.channels,
        fit=fit_of(description.provenance.settings),
        seed=seed,
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
