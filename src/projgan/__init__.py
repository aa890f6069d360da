"""Class-conditional GANs whose discriminator meets the condition by projection.

    import projgan

    gan = projgan.load("cifar10")                       # a published model, a run directory, or a file
    images = gan.sample("dog", count=8, seed=0)         # a list of PIL images
    images = gan.sample({"cat": 0.5, "dog": 0.5})       # a mixture of classes
    frames = gan.morph(["cat", "dog"], seed=3, steps=24)

    run = projgan.train("demo", run_dir="runs/demo", training={"steps": 200})
    rows = projgan.evaluate(run, features="classifier:digits.safetensors")

Everything here does what the command of its name does; docs/guides/python.md has it all. A mistake
that you can mend raises `projgan.UserError`, with one line that says what, where, and what to do.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from projgan.version import VERSION

if TYPE_CHECKING:
    from projgan.api.datasets import write_images as write_images
    from projgan.api.gan import GAN as GAN
    from projgan.api.measurements import compare as compare
    from projgan.api.measurements import evaluate as evaluate
    from projgan.api.measurements import images as images
    from projgan.api.opening import load as load
    from projgan.api.own import register_condition as register_condition
    from projgan.api.own import register_features as register_features
    from projgan.api.own import register_loss as register_loss
    from projgan.api.sharing import share as share
    from projgan.api.trainings import Run as Run
    from projgan.api.trainings import finetune as finetune
    from projgan.api.trainings import train as train
    from projgan.api.trainings import train_classifier as train_classifier
    from projgan.errors import UserError as UserError
    from projgan.evaluation.frechet import frechet_distance_from_features

    frechet_distance = frechet_distance_from_features
    from projgan.pictures.grids import grid as grid

__version__ = VERSION

_PUBLIC = {
    "load": "projgan.api.opening",
    "GAN": "projgan.api.gan",
    "train": "projgan.api.trainings",
    "finetune": "projgan.api.trainings",
    "train_classifier": "projgan.api.trainings",
    "Run": "projgan.api.trainings",
    "evaluate": "projgan.api.measurements",
    "compare": "projgan.api.measurements",
    "images": "projgan.api.measurements",
    "write_images": "projgan.api.datasets",
    "share": "projgan.api.sharing",
    "register_condition": "projgan.api.own",
    "register_loss": "projgan.api.own",
    "register_features": "projgan.api.own",
    "frechet_distance": "projgan.evaluation.frechet:frechet_distance_from_features",
    "grid": "projgan.pictures.grids",
    "UserError": "projgan.errors",
}
"""Every public name with where it lies; nothing is imported before it is asked for (PEP 562)."""

__all__ = [*_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'projgan' has no attribute {name!r}; it has {', '.join(_PUBLIC)}")
    module, _, attribute = _PUBLIC[name].partition(":")
    value = getattr(import_module(module), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
