import hashlib
from importlib.resources import files

import numpy as np
import pytest

from projgan.data import load_images, open_source
from projgan.errors import UserError

# Printed by tools/make_digits.py from scikit-learn's copy.
PIXELS_SHA256 = "b41ca9fd335466eee997366c2e6f6bbe0a1b4582afe091fc4eba35f4a254182f"
LEVELS_SHA256 = "8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3"

# The first digit, a zero, as the documentation of scikit-learn prints it.
FIRST_LEVELS = [
    [0, 0, 5, 13, 9, 1, 0, 0],
    [0, 0, 13, 15, 10, 15, 5, 0],
    [0, 3, 15, 2, 0, 11, 8, 0],
    [0, 4, 12, 0, 0, 8, 8, 0],
    [0, 5, 8, 0, 0, 9, 8, 0],
    [0, 4, 11, 0, 1, 12, 7, 0],
    [0, 2, 14, 5, 10, 12, 0, 0],
    [0, 0, 6, 13, 10, 0, 0, 0],
]


def test_counts_and_names():
    source = open_source("digits")
    assert np.bincount(source.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert source.class_names == tuple("0123456789")
    assert (source.name, source.split, len(source)) == ("digits", None, 1797)


def test_the_pixels_are_those_of_scikit_learn():
    packed = load_images("digits", resolution=8, channels=1, cache=None)
    assert packed.images.shape == (1797, 1, 8, 8)
    assert hashlib.sha256(packed.images.tobytes()).hexdigest() == PIXELS_SHA256
    with (files("projgan") / "data/digits/digits.npz").open("rb") as stream, np.load(stream) as arrays:
        assert hashlib.sha256(arrays["images"].tobytes()).hexdigest() == LEVELS_SHA256


def test_the_first_digit():
    packed = load_images("digits", resolution=8, channels=1, cache=None)
    spread = {0: 0, 1: 16, 2: 32, 3: 48, 4: 64, 5: 80, 6: 96, 7: 112, 8: 128, 9: 143}
    spread |= {10: 159, 11: 175, 12: 191, 13: 207, 14: 223, 15: 239, 16: 255}
    assert packed.labels[0] == 0
    assert packed.images[0, 0].tolist() == [[spread[level] for level in row] for row in FIRST_LEVELS]


def test_other_sizes_and_colour():
    packed = load_images("digits", resolution=32, channels=3, cache=None)
    assert packed.images.shape == (1797, 3, 32, 32)
    assert np.array_equal(packed.images[:, 0], packed.images[:, 2])
    assert packed.upscaled == 1797
    small = load_images("digits", resolution=8, channels=1, cache=None)
    assert small.upscaled == 0
    assert small.fingerprint != packed.fingerprint


def test_they_are_attributed():
    text = (files("projgan") / "data/digits/ATTRIBUTION.md").read_text()
    assert "10.24432/C50P49" in text
    assert "CC BY 4.0" in text


def test_they_have_no_splits():
    for all_there_is in ("train", "training", "Train"):
        assert len(open_source("digits", all_there_is)) == 1797
    with pytest.raises(UserError, match="digits has no splits, so 'test' cannot be chosen"):
        open_source("digits", "test")
