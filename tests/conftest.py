from pathlib import Path

import pytest
import torch

from small_runs import THREADS, train_small


@pytest.fixture(scope="session", autouse=True)
def threads() -> None:
    torch.set_num_threads(THREADS)


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 20 steps that nothing disturbed; not to be written to."""
    run_dir = tmp_path_factory.mktemp("uninterrupted") / "run"
    train_small(run_dir)
    return run_dir
