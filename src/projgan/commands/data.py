"""`projgan data describe` and `projgan data pack`."""

from typing import TYPE_CHECKING, Literal

from projgan.commands.paths import DataSource, NewPath
from projgan.commands.printing import Json, dumps, show
from projgan.commands.progress import Say, counted
from projgan.config import Fit

if TYPE_CHECKING:
    from projgan.data import ConditionRequest, PackedImages

Condition = Literal["class", "multi-hot", "vector"]


def describe(
    path: DataSource,
    *,
    split: str | None = None,
    condition: Condition = "class",
    condition_columns: list[str] | None = None,
    json: Json = False,
) -> None:
    """Say what is in a folder, archive or Parquet set, decoding every image once.

    Parameters
    ----------
    path
        Folder, archive, Parquet file or folder, .npz, packed store, or `digits`.
    split
        Part to look at, such as `test`; the training part if not given.
    condition
        What is known of an image: one class, several classes, or numbers.
    condition_columns
        Columns of several classes or numbers; all there are if not given.
    json
        Print as JSON.
    """
    from projgan.data import describe as describe_images

    request = _request(condition, condition_columns)
    description = describe_images(path, split, counted("reading", " images"), request)
    show(dumps(description.to_dict()) if json else description.to_text())


def pack(
    path: DataSource,
    out: NewPath,
    *,
    resolution: int,
    channels: Literal["1", "3"] = "3",
    fit: Fit = "crop",
    split: str | None = None,
    condition: Condition = "class",
    condition_columns: list[str] | None = None,
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
        Height and width in pixels.
    channels
        1 for grey, 3 for RGB.
    fit
        What becomes of images that are not square: their centre square, all of them on black, or stretched.
    split
        Part to pack; the training part if not given.
    condition
        What is known of an image: one class, several classes, or numbers.
    condition_columns
        Columns of several classes or numbers; all there are if not given.
    on_unreadable
        What to do about images that cannot be decoded.
    json
        Print the result as JSON.
    """
    from projgan.data import open_source, reading_of
    from projgan.data import pack as pack_images

    source = open_source(path, split, _request(condition, condition_columns))
    packed = pack_images(
        source,
        out,
        resolution=resolution,
        channels=int(channels),
        fit=fit,
        progress=counted("decoding", " images"),
        on_unreadable=on_unreadable,
    )
    for line in reading_of(source):
        Say.line(f"{source.name}: {line}")
    if json:
        show(dumps({"out": str(out), "images": len(packed), "classes": list(packed.class_names)}))
    else:
        show(f"{out}: {len(packed)} images of {_condition_text(packed)}, {resolution}x{resolution}")


def _request(kind: Condition, columns: list[str] | None) -> "ConditionRequest":
    from projgan.data import ConditionRequest

    return ConditionRequest(kind, None if columns is None else tuple(columns))


def _condition_text(packed: "PackedImages") -> str:
    if packed.conditions is None:
        return f"{packed.num_classes} classes"
    return f"{len(packed.condition_names)} columns"
