"""Training from a notebook: the same settings as on the command line, as keywords."""

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from projgan.api.ambient import undisturbed
from projgan.api.gan import GAN
from projgan.api.listeners import Progress, listener_of
from projgan.api.opening import load, path_of, stored_path
from projgan.config import RunConfig, check_config, load_config, read_preset
from projgan.config.own_names import OF_ANY_PROGRAM
from projgan.errors import UserError
from projgan.listening import Listener
from projgan.process.ranks import join_ranks
from projgan.request import named_as_arguments
from projgan.storage.run_directory import RunDirectory, run_directory_of

if TYPE_CHECKING:
    from projgan.training_loop import TrainingResult


@dataclass(frozen=True)
class Run:
    """A run directory; its path is absolute, so that it stays where it is."""

    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path).absolute())  # also where it is given as text

    def load(self, *, device: str = "auto") -> GAN:
        """Open its generator."""
        return load(self.path, device=device)

    @property
    def config(self) -> RunConfig:
        """Its settings."""
        return load_config(str(RunDirectory(self.path).config), OF_ANY_PROGRAM)

    @property
    def stats(self) -> list[dict[str, Any]]:
        """Losses, learning rate and speed, a row every `training.log_every` steps.

        Raises:
            UserError: there is no such folder.
        """
        return self._directory.read_stats()

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """What was measured of it, in the order it was.

        Raises:
            UserError: there is no such folder.
        """
        return self._directory.read_metrics()

    @property
    def _directory(self) -> RunDirectory:
        if not self.path.is_dir():
            raise UserError(f"{self.path}: no such folder; give that of a run")
        return RunDirectory(self.path)


def place_of_images(data: object) -> str:
    """Return the place of a set of images.

    Raises:
        UserError: images themselves, which are not taken.
    """
    if isinstance(data, str | Path):
        return str(data)
    raise UserError(
        f"images are given as {type(data).__name__}; give the place where they lie, as "
        "projgan.write_images('set.npz', images, labels) returns it"
    )


def train(
    preset: str | Path | RunConfig,
    *,
    run_dir: str | Path | None = None,
    data: str | Path | dict[str, Any] | None = None,
    progress: Progress = True,
    **sections: dict[str, Any],
) -> Run:
    """Train a GAN, as `projgan train` does; the same call again resumes.

    Ctrl-C ends it after the current step, with a checkpoint, by KeyboardInterrupt; SIGTERM by SystemExit.

    Args:
        preset: name of a built-in preset (`demo`, `cifar10`, ...), a YAML file, or the `config` of a run.
        run_dir: folder of the run; if not given, that of the run whose `config.yaml` is given, else
            `runs/PRESET`.
        data: where the images are (`write_images` puts arrays somewhere), or the whole section as a dict.
        progress: whether to show how far it is; a function takes what there is to say, line by line.
        **sections: settings by section, as `training={"steps": 200}` or `optimizer={"betas": (0.5, 0.999)}`.

    Returns:
        The run, whose `load()` gives the generator.

    Raises:
        UserError: an unknown setting, images that cannot be read, a loss that is not finite.
    """
    if isinstance(preset, RunConfig):
        if run_dir is None:
            raise UserError("settings have no name that a folder could have; give run_dir")
        settings, place, folder = preset.model_dump(mode="json"), "these settings", Path(run_dir)
    else:
        settings, place = read_preset(str(preset))
        folder = Path(run_dir or run_directory_of(str(preset)))
    if data is not None:
        sections["data"] = dict(data) if isinstance(data, dict) else {"source": place_of_images(data)}
    for name, changes in sections.items():
        settings[name] = settings.get(name, {}) | _section(name, changes)
    return _train(check_config(settings, place), folder, progress)


def finetune(
    run: Run | GAN | str | Path,
    classifier: str | Path,
    *,
    run_dir: str | Path | None = None,
    weight: float = 1.0,
    steps: int | None = None,
    learning_rate: float | None = None,
    classes: str | Path | None = None,
    device: str | None = None,
    progress: Progress = True,
) -> Run:
    """Train a run further while a frozen classifier guides its generator, as `projgan finetune` does.

    `classifier` is a file of ours, or `imagenet`; `classes` names those of the run in ILSVRC2012; `device` is
    `auto`, `cpu`, `cuda`, or that of the run if None. Stopped as `train` is.

    Raises:
        UserError: no run, no classifier of its classes, or a number out of its range.
    """
    from projgan.training.finetuning import choose_run_dir, finetuned_config
    from projgan.training.request import FinetuningRequest

    start = stored_path(run).parent if isinstance(run, GAN) else path_of(run)
    folder = choose_run_dir(start, None if run_dir is None else Path(run_dir))
    asked: dict[str, Any] = {"classes": classes, "device": device}
    with named_as_arguments():
        request = FinetuningRequest(
            classifier=Path(classifier), weight=weight, steps=steps, learning_rate=learning_rate, **asked
        )
        config = finetuned_config(start, request)
    return _train(config, folder, progress)


def train_classifier(
    data: str | Path,
    out: str | Path = "classifier.safetensors",
    *,
    device: str = "auto",
    on_unreadable: Literal["error", "skip"] = "error",
    progress: Progress = True,
    **settings: Any,
) -> Path:
    """Train a classifier of labelled images, as `projgan classifier` does; the same call again resumes.

    Args:
        data: labelled images.
        out: file to write.
        device: `auto`, `cpu` or `cuda`.
        on_unreadable: what to do about images that cannot be decoded.
        progress: as in `train`.
        **settings: `width`, `epochs`, `batch_size`, `learning_rate`, `flip`, `shift`, `seed`, `resolution`,
            `channels`, `fit`.

    Returns:
        The file, for `features="classifier:FILE"` and for `finetune`.

    Raises:
        UserError: images that cannot be read, or a setting out of its range.
    """
    from projgan.classification.making import make_classifier
    from projgan.classification.request import ClassifierRequest
    from projgan.process.ranks import choose_device

    path = Path(out)
    with named_as_arguments(), undisturbed():
        request = ClassifierRequest(**settings)
        result = make_classifier(
            place_of_images(data),
            path,
            request,
            choose_device(device),
            listener_of(progress),
            on_unreadable=on_unreadable,
        )
    _go_on_only_if_done(result, path)
    return path


def _train(config: RunConfig, folder: Path, progress: Progress) -> Run:
    from projgan.training.run import train as train_run

    with join_ranks(config.training.device) as ranks, undisturbed():
        result = train_run(config, folder, ranks, listener_of(progress) if ranks.is_first else Listener())
    _go_on_only_if_done(result, folder)
    return Run(folder)


def _section(name: str, changes: object) -> dict[str, Any]:
    """The settings of a section, of which one may be a run or a generator to start from."""
    if not isinstance(changes, dict):
        sections = [
            section
            for section, field in RunConfig.model_fields.items()
            if name in getattr(field.annotation, "model_fields", ())
        ]
        example = f", as {sections[0]}={{{name!r}: {changes!r}}}" if sections else ""
        raise UserError(f"{name} is {changes!r}; give the settings of a section as a dict{example}")
    if name == "training" and isinstance(changes.get("start_from"), Run | GAN | Path):
        return changes | {"start_from": str(stored_path(changes["start_from"]))}
    return changes


def _go_on_only_if_done(result: "TrainingResult", place: Path) -> None:
    """Stop what called, too, which was meant as well: its next lines might take a part for the whole."""
    number = result.interrupted_by or result.signal
    if number is None:
        return
    if number == signal.SIGINT:
        rest = "; the same call resumes" if result.interrupted_by else ", the last"
        raise KeyboardInterrupt(f"{place}: stopped after step {result.step}{rest}")
    raise SystemExit(128 + number)
