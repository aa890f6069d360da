from collections.abc import Mapping
from typing import Any

import pytest

from projgan.data.configured import fit_of


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"data": {"fit": "pad"}}, "pad"),
        ({"fit": "stretch", "resolution": 32}, "stretch"),  # of a classifier
        ({"data": {"resolution": 32}}, "crop"),  # of a run of before
        ({}, "crop"),
        ({"data": {"fit": "odd"}}, "crop"),
        ({"data": 3, "fit": ["pad"]}, "crop"),
    ],
)
def test_what_a_network_was_trained_on_is_read_from_its_settings(
    settings: Mapping[str, Any], expected: str
) -> None:
    assert fit_of(settings) == expected
