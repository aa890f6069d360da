from pathlib import Path

import pytest

from projgan.classification.held_out import LabelledParts, load_parts
from projgan.plug_and_play.run import InverterRun, train_inverter
from projgan.plug_and_play.settings import InverterSettings
from small_runs import save_blank_classifier

SETTINGS = InverterSettings(width=4, steps=6, batch_size=16, flip=True, seed=3)


@pytest.fixture(scope="session")
def digits() -> LabelledParts:
    return load_parts("digits", resolution=8, channels=1, seed=3, cache=None)


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classifier")
    return save_blank_classifier(folder / "c.safetensors", tuple("0123456789"))


@pytest.fixture(scope="session")
def trained(digits: LabelledParts, classifier: Path, tmp_path_factory: pytest.TempPathFactory) -> InverterRun:
    """A run of six steps."""
    run = InverterRun(tmp_path_factory.mktemp("trained") / "run")
    train_inverter(SETTINGS, digits, classifier, run)
    return run
