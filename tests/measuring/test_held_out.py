"""Measuring against data of several parts: which part is compared with, which one is held out."""

from pathlib import Path

import numpy as np
import pytest

from projgan.config import DataConfig, EvaluationConfig
from projgan.data.configured import held_out_images
from projgan.errors import UserError
from projgan.evaluation import metrics
from projgan.measuring.measuring import evaluate
from projgan.pictures.grids import write_png
from projgan.pictures.pillow import to_pil
from small_runs import ONE_RANK, save_blank_classifier

COUNTS = {"train": 12, "validation": 3, "test": 5}
LEVELS = {"dark": 40, "light": 210}


def write(folder: Path, count: int, levels: dict[str, int]) -> Path:
    draws = np.random.default_rng(count)
    for name, level in levels.items():
        for index in range(count):
            noisy = np.clip(level + draws.normal(0, 10, (1, 8, 8)), 0, 255).astype(np.uint8)
            write_png(to_pil(noisy), folder / name / f"{index}.png")
    return folder


@pytest.fixture
def data(tmp_path: Path) -> DataConfig:
    """Parts of unlike sizes; in the training part every class looks like the other one."""
    for part, count in COUNTS.items():
        shown = list(LEVELS.values())[:: -1 if part == "train" else 1]
        write(tmp_path / "set" / part, count, dict(zip(LEVELS, shown, strict=True)))
    return DataConfig(source=str(tmp_path / "set"), resolution=8, channels=1, cache=tmp_path / "cache")


def test_the_part_held_out_is_never_the_one_compared_with(data: DataConfig, tmp_path: Path) -> None:
    def held_out(split: str | None) -> tuple[str | None, int]:
        load = held_out_images(data.model_copy(update={"split": split}), (8, 1))
        assert load is not None
        return load().split, len(load())

    assert held_out(None) == held_out("train") == ("test", 2 * COUNTS["test"])
    assert held_out("test") == ("validation", 2 * COUNTS["validation"])
    assert held_out_images(DataConfig(source="digits"), (8, 1)) is None


@pytest.mark.parametrize(("shown", "score"), [((40, 210), 1.0), ((210, 40), 0.0)])
def test_a_classifier_of_generated_images_is_scored_on_the_test_part(
    data: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: tuple[int, int], score: float
) -> None:
    monkeypatch.setattr(metrics, "SCORING_WIDTH", 8)
    network = save_blank_classifier(tmp_path / "c.safetensors", tuple(LEVELS))
    images = write(tmp_path / "made", 20, dict(zip(LEVELS, shown, strict=True)))
    settings = EvaluationConfig(
        features=f"classifier:{network}", generated_images=36, metrics=("classification-accuracy-score",)
    )
    (row,) = evaluate(images, data, settings, ONE_RANK)
    assert (row.metric, row.value) == ("classification_accuracy_score", score)
    assert row.per_class == dict.fromkeys(LEVELS, score)
    assert (row.measurement.real_images, row.measurement.generated_images) == (2 * COUNTS["test"], 36)
    assert row.measurement.real_split == "train"


def test_images_that_are_there_have_no_truncation(data: DataConfig, tmp_path: Path) -> None:
    network = save_blank_classifier(tmp_path / "c.safetensors", tuple(LEVELS))
    settings = EvaluationConfig(features=f"classifier:{network}", generated_images=36)
    for truncation, words in ((0.5, "have no truncation"), (-1, "truncation is -1; it must be above 0")):
        with pytest.raises(UserError, match=words):
            evaluate(tmp_path / "set" / "test", data, settings, ONE_RANK, truncation=truncation)
