import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from projgan.config.own_names import CLASSIFYING_OWN, OWN_LOSSES
from projgan.evaluation.own_features import OWN_FEATURES
from projgan.inspection.inspection import READINGS
from projgan.losses import ADVERSARIAL_LOSSES, OBJECTIVES
from projgan.networks.conditions import CONDITIONS
from small_runs import THREADS, train_small

LONG = (
    "test_readme.py",
    "test_distributed.py",
    "test_pretend_gpu.py",
    "test_first_gpu.py",
    "test_measuring.py",
    "test_benchmarks.py",
    "test_kill.py",
    "test_finetuning.py",
    "test_reproduce.py",
    "test_flipped_labels.py",
    "test_acceleration.py",
    "test_known_answer.py",
    "test_parquet_source.py",
    "test_results_of_commands.py",
)


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


@pytest.fixture
def nothing_registered_stays() -> Iterator[None]:
    """Methods, losses and features that a test registers are unknown to the next one."""
    tables: list[dict[str, Any]] = [CONDITIONS, OBJECTIVES, READINGS, ADVERSARIAL_LOSSES]
    tables += [CLASSIFYING_OWN, OWN_FEATURES]
    before = [dict(table) for table in tables]
    yield
    for table, was in zip(tables, before, strict=True):
        table.clear()
        table.update(was)
    OWN_LOSSES.clear()


@pytest.fixture
def real_data() -> Path:
    """The folder with CIFAR and Tiny ImageNet in Parquet, which is not part of the repository."""
    beside = Path(__file__).parents[1].parent / "shared" / "data"
    folder = Path(os.environ.get("PROJGAN_TEST_DATA", beside))
    if not (folder / "cifar10").is_dir():
        words = f"no real data at {folder}; point PROJGAN_TEST_DATA to a folder with cifar10/ in Parquet"
        if os.environ.get("PROJGAN_REQUIRE_DATA") == "1":
            pytest.fail(words)
        pytest.skip(words)
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of minutes come first, the longest at the head, so that several processes end together."""
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONG)))
