from collections.abc import Callable
from pathlib import Path

import pytest

from projgan.data import NativeForm, native_form, open_source

Png = Callable[..., bytes]
Write = Callable[[dict[str, bytes]], Path]


@pytest.mark.parametrize(
    ("second", "mode", "form"),
    [
        ((9, 9), "L", NativeForm(9, 1)),
        ((9, 9), "RGB", NativeForm(9, 3)),
        ((8, 8), "L", NativeForm(None, 1)),
        ((9, 8), "L", NativeForm(None, 1)),
    ],
)
def test_what_all_images_have_in_common(
    png: Png, write_files: Write, second: tuple[int, int], mode: str, form: NativeForm
) -> None:
    first = png(1, size=(9, 9), mode="L")
    folder = write_files({"a/1.png": first, "b/2.png": png(2, size=second, mode=mode)})
    assert native_form(open_source(folder)) == form


def test_images_of_one_size_that_are_no_squares_have_no_resolution(png: Png, write_files: Write) -> None:
    folder = write_files({"a/1.png": png(size=(9, 8)), "b/2.png": png(size=(9, 8))})
    assert native_form(open_source(folder)) == NativeForm(None, 3)


def test_unreadable_images_have_no_say_and_every_image_is_counted(png: Png, write_files: Write) -> None:
    folder = write_files({"a/1.png": png(size=(9, 9)), "b/2.png": b"not an image"})
    counts: list[tuple[int, int]] = []
    form = native_form(open_source(folder), lambda done, total: counts.append((done, total)))
    assert form == NativeForm(9, 3)
    assert counts == [(1, 2), (2, 2)]


def test_digits_are_grey_and_8_pixels() -> None:
    assert native_form(open_source("digits")) == NativeForm(8, 1)
