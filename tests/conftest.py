from pathlib import Path

import pytest
import torch

from small_runs import train_small


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Small tensors gain nothing from threads, and sums keep one order."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 20 steps that nothing disturbed; not to be written to."""
    run_dir = tmp_path_factory.mktemp("uninterrupted") / "run"
    train_small(run_dir)
    return run_dir
