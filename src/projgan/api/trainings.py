"""Training from a notebook: the same settings as on the command line, as keywords."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from projgan.api.gan import GAN, load
from projgan.commands.progress import bar_listener
from projgan.config import RunConfig, check_config, load_config, read_preset
from projgan.config.own_names import OF_ANY_PROGRAM
from projgan.errors import UserError
from projgan.listening import Listener
from projgan.process.ranks import join_ranks
from projgan.request import named_as_arguments
from projgan.storage.run_directory import RunDirectory


@dataclass(frozen=True)
class Run:
    """A run directory."""

    path: Path
    interrupted: bool = False
    """Whether the training was stopped before its end; the same call resumes."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))  # also where it is given as text

    def load(self, *, device: str = "auto") -> GAN:
        """Open its generator."""
        return load(self.path, device=device)

    @property
    def config(self) -> RunConfig:
        """Its settings."""
        return load_config(str(RunDirectory(self.path).config), OF_ANY_PROGRAM)

    @property
    def stats(self) -> list[dict[str, Any]]:
        """Losses, learning rate and speed, a row every `training.log_every` steps."""
        return RunDirectory(self.path).read_stats()

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """What was measured of it, in the order it was."""
        return RunDirectory(self.path).read_metrics()


def place_of_images(data: object) -> str:
    """Return the place of a set of images.

    Raises:
        UserError: images themselves, which are not taken.
    """
    if isinstance(data, str | Path):
        return str(data)
    raise UserError(
        f"images are given as {type(data).__name__}; give the place where they lie. Save arrays with "
        "np.savez('set.npz', images=images, labels=labels), uint8 [N, H, W, 3] and integers [N]"
    )


def train(
    preset: str | Path,
    *,
    run_dir: str | Path | None = None,
    data: str | Path | dict[str, Any] | None = None,
    progress: bool = True,
    **sections: dict[str, Any],
) -> Run:
    """Train a GAN, as `projgan train` does; the same call again resumes.

    Args:
        preset: name of a built-in preset (`demo`, `cifar10`, ...) or a YAML file.
        run_dir: folder of the run; `runs/PRESET` if not given.
        data: where the images are, or the whole section `data` as a dict.
        progress: whether to show how far it is.
        **sections: settings by section, as `training={"steps": 200}` or `optimizer={"betas": (0.5, 0.999)}`.

    Returns:
        The run, whose `load()` gives the generator.

    Raises:
        UserError: an unknown setting, images that cannot be read, a loss that is not finite.
    """
    from projgan.training.run import train as train_run

    settings, place = read_preset(str(preset))
    if data is not None:
        sections["data"] = dict(data) if isinstance(data, dict) else {"source": place_of_images(data)}
    for name, changes in sections.items():
        if not isinstance(changes, dict):
            raise UserError(f"{name} is {changes!r}; give the settings of a section as a dict")
        settings[name] = settings.get(name, {}) | changes
    config = check_config(settings, place)
    folder = Path(run_dir or Path("runs") / Path(preset).stem)
    with join_ranks(config.training.device) as ranks:
        result = train_run(config, folder, ranks, listener_of(progress and ranks.is_first))
    return Run(folder, interrupted=result.interrupted_by is not None)


def finetune(
    run: Run | str | Path,
    classifier: str | Path,
    *,
    run_dir: str | Path | None = None,
    weight: float = 1.0,
    steps: int | None = None,
    learning_rate: float | None = None,
    classes: str | Path | None = None,
    device: str | None = None,
    progress: bool = True,
) -> Run:
    """Train a run further while a frozen classifier guides its generator, as `projgan finetune` does.

    `classifier` is a file of ours, or `imagenet`; `classes` names those of the run in ILSVRC2012; `device` is
    `auto`, `cpu`, `cuda`, or that of the run if None.

    Raises:
        UserError: no run, no classifier of its classes, or a number out of its range.
    """
    from projgan.training.finetuning import choose_run_dir, finetuned_config
    from projgan.training.request import FinetuningRequest
    from projgan.training.run import train as train_run

    start = run.path if isinstance(run, Run) else Path(run)
    folder = choose_run_dir(start, None if run_dir is None else Path(run_dir))
    asked: dict[str, Any] = {"classes": classes, "device": device}
    with named_as_arguments():
        request = FinetuningRequest(
            classifier=Path(classifier), weight=weight, steps=steps, learning_rate=learning_rate, **asked
        )
        config = finetuned_config(start, request)
    with join_ranks(config.training.device) as ranks:
        result = train_run(config, folder, ranks, listener_of(progress and ranks.is_first))
    return Run(folder, interrupted=result.interrupted_by is not None)


def train_classifier(
    data: str | Path,
    out: str | Path = "classifier.safetensors",
    *,
    device: str = "auto",
    progress: bool = True,
    **settings: Any,
) -> Path:
    """Train a classifier of labelled images, as `projgan classifier` does; the same call again resumes.

    Args:
        data: labelled images.
        out: file to write.
        device: `auto`, `cpu` or `cuda`.
        progress: whether to show how far it is.
        **settings: `width`, `epochs`, `batch_size`, `learning_rate`, `flip`, `shift`, `seed`, `resolution`,
            `channels`, `fit`.

    Returns:
        The file, for `features="classifier:FILE"` and for `finetune`.

    Raises:
        UserError: images that cannot be read, or a setting out of its range.
    """
    from projgan.classification.held_out import load_parts
    from projgan.classification.request import ClassifierRequest
    from projgan.classification.run import checkpoint_beside, train_to_file
    from projgan.files import chosen_cache
    from projgan.process.ranks import choose_device

    path, listener = Path(out), listener_of(progress)
    with named_as_arguments():
        request = ClassifierRequest(**settings)
        chosen = request.settings(str(data), path, listener.counting("looking at images"))
    parts = load_parts(
        str(data),
        resolution=chosen.resolution,
        channels=chosen.channels,
        fit=chosen.fit,
        seed=chosen.seed,
        cache=chosen_cache(None),
        progress=listener.counting("decoding images"),
        verify="always" if checkpoint_beside(path).exists() else "once",
    )
    result = train_to_file(chosen, parts, path, choose_device(device), listener)
    if result.interrupted_by:
        raise UserError(f"{path}: stopped at step {result.step}; the same call resumes")
    return path


def listener_of(shown: bool) -> Listener:
    """Return what shows how far long work is, or nothing."""
    return bar_listener() if shown else Listener()
