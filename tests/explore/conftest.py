from pathlib import Path

import pytest

from projgan.explore.subjects import Subject, open_subjects

pytest.importorskip("gradio", reason="the extra explore is not installed")


@pytest.fixture(scope="session")
def trained(uninterrupted: Path) -> Subject:
    return open_subjects([uninterrupted])[0]
