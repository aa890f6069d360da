from pathlib import Path

import pytest

from small_runs import train_small


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 20 steps that nothing disturbed; not to be written to."""
    run_dir = tmp_path_factory.mktemp("uninterrupted") / "run"
    train_small(run_dir)
    return run_dir
