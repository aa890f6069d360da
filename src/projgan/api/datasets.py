"""Images that a notebook has in memory, to a file that everything reads."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image
from torch import Tensor

from projgan.data import open_source
from projgan.data.decode import to_eight_bits
from projgan.errors import UserError
from projgan.files import made_beside, write_atomically

Labels = Sequence[Any] | np.ndarray | Tensor


def write_images(
    path: str | Path,
    images: Tensor | np.ndarray | Iterable[Any],
    labels: Labels | None = None,
    *,
    class_names: Sequence[str] | None = None,
) -> Path:
    """Write labelled images to one `.npz` file, for `data=` of every function and command.

    Args:
        path: of the file; one that is there is replaced.
        images: uint8 [N, H, W], [N, H, W, C] or [N, C, H, W]; or PIL images of one size; or, without
            `labels`, a dataset of pairs (image, label), as those of torchvision are.
        labels: of each image, a whole number or a name.
        class_names: of the labels 0, 1, ...; if not given, the `classes` of a dataset, or the names that are
            labels, in their order, or the numbers.

    Returns:
        That path.

    Raises:
        UserError: images of several sizes or of another type, labels that are none or do not fit.
    """
    file = Path(path)
    if isinstance(images, str | Path):
        raise UserError(f"{images}: images are to be written, and this is a place; it may be given as it is")
    if file.suffix != ".npz":
        raise UserError(f"{file}: the name of a file of images ends in .npz")
    if labels is None:
        class_names = getattr(images, "classes", None) if class_names is None else class_names
        images, labels = _apart(images)
    pixels = _pixels(images)
    numbers, names = _numbered(_array(labels), class_names)
    if len(numbers) != len(pixels):
        raise UserError(f"{len(pixels)} images and {len(numbers)} labels; give one label for each image")
    arrays = {"images": pixels, "labels": numbers} | ({} if names is None else {"class_names": names})
    with made_beside(file) as folder:
        made = folder / file.name

        def write(stream: IO[bytes]) -> None:
            np.savez_compressed(stream, allow_pickle=False, **arrays)

        write_atomically(made, write)
        try:
            open_source(made)  # what would be refused later takes no file's place now
        except UserError as error:
            raise UserError(str(error).replace(str(made), str(file))) from None
        made.replace(file)
    return file


def _array(given: object) -> np.ndarray:
    try:
        return given.detach().cpu().numpy() if isinstance(given, Tensor) else np.asarray(given)
    except ValueError as error:  # rows of several lengths
        raise UserError(f"these are no images or labels in an array: {error}") from None


def _apart(dataset: Any) -> tuple[list[Any], list[Any]]:
    if isinstance(dataset, Tensor | np.ndarray):
        raise UserError("images without labels; give one label for each image")
    counted = hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")
    images, labels = [], []
    for pair in (dataset[index] for index in range(len(dataset))) if counted else dataset:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise UserError("these are no pairs (image, label); give images and labels apart")
        images.append(pair[0])
        labels.append(pair[1])
    return images, labels


def _pixels(images: object) -> np.ndarray:
    if not isinstance(images, Tensor | np.ndarray):
        if not isinstance(images, Iterable):
            raise UserError(
                f"{type(images).__name__} is no set of images; give arrays, or a list of pictures"
            )
        parts = [_array(one) for one in _converted(images)]
        shapes = sorted({part.shape for part in parts})
        if len(shapes) != 1:
            found = f"of several sizes ({shapes[0]}, {shapes[1]})" if shapes else "none"
            raise UserError(f"the images are {found}; save them in a folder a class, where each may differ")
        images = np.stack(parts)
    pixels = _array(images)
    if pixels.dtype != np.uint8 or pixels.ndim not in (3, 4):
        raise UserError(
            f"images are {pixels.dtype} {list(pixels.shape)}, not uint8 [N, H, W, C] or [N, C, H, W]; leave "
            "the transform of a dataset out; floats in [0, 1] become so by numpy.uint8(255 * images)"
        )
    return pixels


def _converted(images: Any) -> list[Any]:
    """PIL images in a mode whose array is what is seen; all else as it is."""
    converted = [
        to_eight_bits(image, f"image {number}") if isinstance(image, Image.Image) else image
        for number, image in enumerate(images)
    ]
    modes = {image.mode for image in converted if isinstance(image, Image.Image)}
    return [image.convert("RGB") for image in converted] if len(modes) > 1 else converted


def _numbered(labels: np.ndarray, class_names: Sequence[str] | None) -> tuple[np.ndarray, np.ndarray | None]:
    if labels.ndim != 1 or labels.dtype.kind not in "iuUS":
        raise UserError(
            f"labels are {labels.dtype} {list(labels.shape)}; give a whole number or a name for each image"
        )
    if class_names is not None and (isinstance(class_names, str) or not isinstance(class_names, Iterable)):
        raise UserError(f"class_names is {class_names!r}; give a list of names")
    if labels.dtype.kind in "iu":
        names = None if class_names is None else np.asarray([str(name) for name in class_names])
        bad = labels[(labels < 0) | (labels >= (np.inf if names is None else len(names)))]
        if len(bad):
            raise UserError(f"label {bad[0]}: labels are 0, 1, ..., one for each class name")
        return labels.astype(np.int64), names
    found = np.asarray(sorted(set(labels.tolist())) if class_names is None else list(class_names))
    numbers = {name: number for number, name in enumerate(found.tolist())}
    strangers = [name for name in labels.tolist() if name not in numbers]
    if strangers:
        raise UserError(f"label {strangers[0]!r} is none of the class names")
    return np.asarray([numbers[name] for name in labels.tolist()], dtype=np.int64), found
