"""Methods, losses and feature networks of one's own: named here, they stand beside those of the package."""

from collections.abc import Callable, Collection

from torch import nn

from projgan.config.own_names import CLASSIFYING_OWN, OWN_LOSSES, is_name
from projgan.errors import UserError
from projgan.evaluation.own_features import OWN_FEATURES, FeaturesOfImages, OwnFeatures
from projgan.inspection.inspection import READINGS, Reading, undecomposed
from projgan.losses import (
    ADVERSARIAL_LOSSES,
    OBJECTIVES,
    AdversarialLoss,
    ClassTerm,
    Objective,
    adversarial_objective,
)
from projgan.networks.condition_method import Method
from projgan.networks.conditions import CONDITIONS


def register_condition(
    name: str,
    method: type[Method],
    *,
    objective: Callable[[AdversarialLoss, ClassTerm], Objective] = adversarial_objective,
    classifies: bool = False,
    reading: Reading | None = None,
) -> None:
    """Let `discriminator.condition` be a method of your own, in this process.

    Args:
        name: in small letters, digits and hyphens; one of your own may be given again, as in a notebook.
        method: how the condition meets the image, the features and the logit.
        objective: what the two networks minimise; the adversarial loss alone if not given.
        classifies: whether it needs exactly one class per image, as a classifier does.
        reading: how `inspect` reads it; if not given by a pass a label. What classifies may be read from its
            `class_logits`: Reading(classified, "class logit").

    Raises:
        UserError: no such name can be, it is one of the package's, or `method` is no `Method`.
    """
    _check_name(name, CONDITIONS.keys() - CLASSIFYING_OWN.keys(), "a condition")
    if not (isinstance(method, type) and issubclass(method, Method)):
        raise UserError(f"{method!r} is no class of projgan.networks.condition_method.Method; derive one")
    if not callable(objective):
        raise UserError(
            f"{objective!r} is no objective; give a function as those in projgan.losses.OBJECTIVES"
        )
    CONDITIONS[name], OBJECTIVES[name] = method, objective
    READINGS[name] = reading or Reading(undecomposed, "r(y|x)")
    CLASSIFYING_OWN[name] = classifies


def register_loss(name: str, loss: AdversarialLoss) -> None:
    """Let `loss.adversarial` be a loss of your own, in this process.

    Args:
        name: as in `register_condition`.
        loss: its three functions, each from logits [N] to losses [N].

    Raises:
        UserError: no such name can be, it is one of the package's, or `loss` is no `AdversarialLoss`.
    """
    _check_name(name, ADVERSARIAL_LOSSES.keys() - OWN_LOSSES, "an adversarial loss")
    if not isinstance(loss, AdversarialLoss):
        raise UserError(f"{loss!r} is no projgan.losses.AdversarialLoss(real, fake, generator)")
    if not all(callable(one) for one in (loss.real, loss.fake, loss.generator)):
        raise UserError(f"{loss!r}: each of its three is a function of logits [N]")
    ADVERSARIAL_LOSSES[name] = loss
    OWN_LOSSES.add(name)


def register_features(
    name: str,
    network: nn.Module | FeaturesOfImages,
    *,
    channels: int = 3,
    resolution: int | None = None,
    resize: str = "none",
    version: str = "",
) -> str:
    """Let a network of your own judge images: `features="own:NAME"` in this process.

    Args:
        name: as in `register_condition`.
        network: float32 [N, channels, R, R] in [-1, 1] -> features float [N, D]; a module is put into
            evaluation mode. What it says of an image must not depend on the others.
        channels: 1 or 3; grey images are repeated to 3.
        resolution: the only height and width it takes; None takes any.
        resize: what it does to images first, in words; stands beside each number.
        version: of the network. Numbers of one name and version are compared. If not given, those of one
            checksum, over its weights and what it says of noise to the bit, which another processor may round
            otherwise.

    Returns:
        `own:NAME`.

    Raises:
        UserError: no such name can be, nothing that can be called, channels other than 1 or 3, or no size.
    """
    _check_name(name, (), "a feature network")
    if channels not in (1, 3):
        raise UserError(f"channels is {channels}; it must be 1 or 3")
    if resolution is not None and (not isinstance(resolution, int) or resolution < 1):
        raise UserError(f"resolution is {resolution!r}; it must be a whole number of pixels, or None for any")
    if not callable(network):
        raise UserError(f"{network!r} is no network; give a module of torch, or a function of images")
    OWN_FEATURES[name] = OwnFeatures(name, network, channels, resolution, resize, version)
    return f"own:{name}"


def _check_name(name: str, taken: Collection[str], what: str) -> None:
    if not is_name(name):
        raise UserError(f"{name!r} is no name of {what}; take small letters, digits and hyphens")
    if name in taken:
        raise UserError(f"{name!r} is {what} of the package; take another name")
