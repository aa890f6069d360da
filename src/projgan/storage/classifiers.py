"""Whether a classifier is one of the images that it is to look at."""

from collections.abc import Sequence
from pathlib import Path

from projgan.errors import UserError, printable
from projgan.storage.network_description import NetworkDescription

TRAIN_ONE = "train one on the run's own data with `projgan classifier`"


def check_classifier(
    path: Path,
    classifier: NetworkDescription,
    owner: str,
    *,
    resolution: int | None = None,
    channels: int | None = None,
    class_names: Sequence[str] | None = None,
) -> None:
    """Refuse a classifier of other images.

    Args:
        path: its file.
        classifier: what the file says of it.
        owner: whose images it is to look at, in words.
        resolution, channels, class_names: of these images; None for any.

    Raises:
        UserError: naming what differs first, and how to train another.
    """
    for word, ours in (("resolution", resolution), ("channels", channels)):
        theirs = classifier.network[word]
        if ours not in (None, theirs):
            raise UserError(
                f"{path}: a classifier of {word} {theirs}, but the images of {owner} have {word} {ours}; "
                f"train one with `projgan classifier DATA --{word} {ours}`"
            )
    if class_names is not None:
        _check_classes(path, classifier.class_names, class_names, owner)


def _check_classes(path: Path, theirs: Sequence[str], ours: Sequence[str], owner: str) -> None:
    if len(theirs) != len(ours):
        raise UserError(
            f"{path}: a classifier of {len(theirs)} classes, but {owner} has {len(ours)}; {TRAIN_ONE}"
        )
    for number, (their, our) in enumerate(zip(theirs, ours, strict=True)):
        if their != our:
            what = "in another order" if sorted(theirs) == sorted(ours) else "other ones"
            raise UserError(
                f"{path}: its classes are not those of {owner} but {what} (class {number} is "
                f"{printable(their)}, not {printable(our)}); {TRAIN_ONE}"
            )
