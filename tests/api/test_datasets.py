"""Images in memory become a file that is read as they were given."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import projgan

PIXELS = np.arange(6 * 8 * 8 * 3, dtype=np.uint32).reshape(6, 8, 8, 3).astype(np.uint8)
NUMBERS = [2, 0, 1, 0, 2, 1]
NAMES = ["light", "dark", "grey", "dark", "light", "grey"]


def pictures() -> list[Image.Image]:
    return [Image.fromarray(pixels) for pixels in PIXELS]


class Pairs:
    """As a dataset of torchvision."""

    classes = ("dark", "grey", "light")

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        if not 0 <= index < 6:
            raise AssertionError("asked beyond its end")  # as some do, instead of an IndexError
        return pictures()[index], NUMBERS[index]


@pytest.mark.parametrize(
    ("images", "labels", "class_names", "known"),
    [
        (PIXELS, NUMBERS, None, ("0", "1", "2")),
        (PIXELS, NUMBERS, ["dark", "grey", "light"], ("dark", "grey", "light")),
        (PIXELS, NAMES, None, ("dark", "grey", "light")),
        (PIXELS, np.array(NAMES), ["light", "grey", "dark", "black"], ("light", "grey", "dark", "black")),
        (torch.from_numpy(PIXELS).permute(0, 3, 1, 2), torch.tensor(NUMBERS), None, ("0", "1", "2")),
        (pictures(), NAMES, None, ("dark", "grey", "light")),
        (Pairs(), None, None, ("dark", "grey", "light")),
        ([(pixels, name) for pixels, name in zip(PIXELS, NAMES, strict=True)], None, None, Pairs.classes),
    ],
    ids=["numbers", "named numbers", "names", "names in an order", "torch", "PIL", "dataset", "pairs"],
)
def test_what_is_given_is_read(
    images: Any, labels: Any, class_names: Any, known: Any, tmp_path: Path
) -> None:
    path = projgan.write_images(tmp_path / "set.npz", images, labels, class_names=class_names)
    read = projgan.images(path, resolution=8)
    assert read.class_names == known
    assert np.array_equal(read.images, PIXELS.transpose(0, 3, 1, 2))
    words = NAMES if "dark" in known else [str(number) for number in NUMBERS]
    assert [read.class_names[label] for label in read.labels] == words


def test_modes_of_pictures_are_what_is_seen(tmp_path: Path) -> None:
    red = Image.new("P", (8, 8), 1)
    red.putpalette([0, 0, 0, 255, 0, 0])
    path = projgan.write_images(tmp_path / "set.npz", [red, Image.new("L", (8, 8), 7)], ["a", "b"])
    read = projgan.images(path, resolution=8)
    assert read.images[:, :, 0, 0].tolist() == [[255, 0, 0], [7, 7, 7]]


@pytest.mark.parametrize("mode", ["I;16", "RGBA", "LA", "CMYK", "1"])
def test_pictures_are_seen_as_those_of_a_folder(mode: str, tmp_path: Path) -> None:
    grey = np.linspace(0, 255, 64).reshape(8, 8)
    if mode == "I;16":
        picture = Image.fromarray((grey * 257).astype(np.uint16))
    else:
        picture = Image.fromarray(grey.astype(np.uint8)).convert(mode)
    if mode in ("RGBA", "LA"):
        picture.putalpha(Image.fromarray(np.eye(8, dtype=np.uint8) * 255))
    for name in ("a", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        picture.save(tmp_path / "set" / name / ("1.tif" if mode == "CMYK" else "1.png"))
    path = projgan.write_images(tmp_path / "set.npz", [picture, picture], ["a", "b"])
    found, expected = (projgan.images(place, resolution=8).images for place in (path, tmp_path / "set"))
    assert np.array_equal(found, expected)


def test_a_set_that_would_be_refused_takes_no_files_place(tmp_path: Path) -> None:
    path = projgan.write_images(tmp_path / "set.npz", PIXELS, NUMBERS)
    before = path.read_bytes()
    with pytest.raises(projgan.UserError):
        projgan.write_images(path, PIXELS, NUMBERS, class_names=["a", "a", "b"])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_dataset_is_read_to_its_end_and_its_errors_are_its_own() -> None:
    def torn() -> Any:
        yield PIXELS[0], 0
        raise ValueError("truncated JPEG number 2")

    with pytest.raises(ValueError, match="truncated JPEG number 2"):
        projgan.write_images("set.npz", torn())


def test_one_trains_on_what_was_in_memory_and_goes_on(tmp_path: Path) -> None:
    data = projgan.write_images(tmp_path / "set.npz", PIXELS, NAMES)
    small = {"data": {"source": str(data), "channels": 3}, "progress": False}
    run = projgan.train("demo", run_dir=tmp_path / "run", training={"steps": 1}, **small)
    projgan.write_images(data, PIXELS, NAMES)  # the same again is the same set
    run = projgan.train("demo", run_dir=run.path, training={"steps": 2}, **small)
    assert run.load().class_names == ("dark", "grey", "light")
    assert run.load().description.provenance.step == 2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: (PIXELS / 255, NUMBERS), r"float64 \[6, 8, 8, 3\], not uint8 .*; floats in \[0, 1\]"),
        (lambda: ([{"image": 1}], None), "no pairs"),
        (lambda: (5, [1]), "int is no set of images"),
        (lambda: (PIXELS, [[1], [2, 3], 4, 5, 6, 7]), "no images or labels in an array"),
        (lambda: (PIXELS[:, :, :, :2], NUMBERS), r"set\.npz"),
        (lambda: (PIXELS, [0, 1, 0, 1, 0, 1], ["a", "a"]), r"set\.npz"),
        (lambda: (PIXELS, [0, 0, 0, 0, 0, 0], 3), "class_names is 3; give a list"),
        (lambda: ("photos", NUMBERS), "photos: images are to be written"),
        (lambda: (PIXELS, None), "images without labels"),
        (lambda: (list(PIXELS), None), "no pairs"),
        (lambda: (PIXELS, NUMBERS[:5]), "6 images and 5 labels"),
        (lambda: (PIXELS, [0.5] * 6), r"labels are float64 \[6\]; give a whole number or a name"),
        (lambda: (PIXELS, [0, 1, 2, 3, 4, -1]), "label -1"),
        (
            lambda: (PIXELS, ["a", "b", "c", "d", "e", "f"], list("abcde")),
            "label 'f' is none of the class names",
        ),
        (lambda: (PIXELS, [0, 1, 2, 3, 4, 5], list("abcde")), "label 5: labels are 0, 1"),
        (lambda: ([*PIXELS, np.zeros((9, 8, 3), np.uint8)], [*NUMBERS, 0]), "of several sizes"),
        (lambda: ([], []), "the images are none"),
    ],
)
def test_what_cannot_be_meant_is_refused(call: Callable[[], Any], words: str, tmp_path: Path) -> None:
    images, labels, *names = call()
    with pytest.raises(projgan.UserError, match=words) as caught:
        projgan.write_images(tmp_path / "set.npz", images, labels, class_names=names[0] if names else None)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_arrays_where_a_place_is_meant_name_the_remedy() -> None:
    with pytest.raises(projgan.UserError, match=r"given as ndarray; .* projgan\.write_images"):
        projgan.train("demo", data=PIXELS)
    with pytest.raises(projgan.UserError, match=r"ends in \.npz"):
        projgan.write_images("set.zip", PIXELS, NUMBERS)
