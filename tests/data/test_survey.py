from collections.abc import Callable
from pathlib import Path

import pytest

from projgan.data import open_source, survey

Png = Callable[..., bytes]
Write = Callable[[dict[str, bytes]], Path]


@pytest.mark.parametrize(
    ("second", "mode", "resolution", "grey"),
    [((9, 9), "L", 9, 2), ((9, 9), "RGB", 9, 1), ((8, 8), "L", None, 2), ((9, 8), "L", None, 2)],
)
def test_what_all_images_have_in_common(
    png: Png, write_files: Write, second: tuple[int, int], mode: str, resolution: int | None, grey: int
) -> None:
    first = png(1, size=(9, 9), mode="L")
    seen = survey(open_source(write_files({"a/1.png": first, "b/2.png": png(2, size=second, mode=mode)})))
    assert (seen.resolution, seen.grey, seen.modes.total()) == (resolution, grey, 2)


def test_images_of_one_size_that_are_no_squares_have_no_resolution(png: Png, write_files: Write) -> None:
    folder = write_files({"a/1.png": png(size=(9, 8)), "b/2.png": png(size=(9, 8))})
    assert survey(open_source(folder)).resolution is None


def test_unreadable_images_have_no_say_and_every_image_is_counted(png: Png, write_files: Write) -> None:
    folder = write_files({"a/1.png": png(size=(9, 9)), "b/2.png": b"not an image"})
    counts: list[tuple[int, int]] = []
    seen = survey(open_source(folder), lambda done, total: counts.append((done, total)))
    assert (seen.resolution, seen.grey, [failure.name for failure in seen.failures]) == (9, 0, ["b/2.png"])
    assert counts == [(1, 2), (2, 2)]


def test_enough_sizes_met_is_enough(png: Png, write_files: Write) -> None:
    sizes = [(9, 9), (9, 9), (8, 8), (7, 7)]
    files = {f"a/{index}.png": png(size=size) for index, size in enumerate(sizes)}
    seen = survey(open_source(write_files(files)), sizes=2)
    assert seen.first == {(9, 9): 0, (8, 8): 2}


def test_digits_are_grey_and_8_pixels() -> None:
    seen = survey(open_source("digits"))
    assert (seen.resolution, seen.grey) == (8, 1797)
