from pathlib import Path

import pytest

from explored_pages import found_in
from projgan.explore.subjects import Subject, open_subjects

pytest.importorskip("gradio", reason="the extra explore is not installed")


@pytest.fixture(scope="session")
def trained(uninterrupted: Path) -> Subject:
    return open_subjects([uninterrupted])[0]


@pytest.fixture
def looked_for(uninterrupted: Path, tmp_path: Path) -> Subject:
    """With an image found at seed 8 of the class 3, and one at seed 9 of 4 and 5."""
    return open_subjects([uninterrupted], latents=[found_in(uninterrupted, tmp_path / "found")])[0]
