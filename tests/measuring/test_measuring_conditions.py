"""Runs whose condition is a vector or several classes, measured afterwards against a table of images."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from projgan.config import DataConfig, EvaluationConfig
from projgan.data import ConditionRequest, load_images
from projgan.errors import UserError
from projgan.evaluation.evaluator import Evaluator
from projgan.measuring import measuring
from projgan.pictures.grids import write_png
from projgan.pictures.pillow import to_pil
from small_runs import ONE_RANK, save_blank_classifier, train_small


def write_table(folder: Path, header: str, cells: list[str]) -> Path:
    draws = np.random.default_rng(0)
    for index in range(len(cells)):
        write_png(to_pil(draws.integers(0, 256, (1, 8, 8), dtype=np.uint8)), folder / f"{index}.png")
    lines = [f"file,{header}", *(f"{index}.png,{cell}" for index, cell in enumerate(cells))]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def evaluate_noting_vectors(
    run: Path, source: Path | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> list[torch.Tensor]:
    """Measure the generator file, or the checkpoint where no other data is given; returns the conditions."""
    noted = []

    class Noting(Evaluator):
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            noted.append(settings["vectors"])
            super().__init__(*arguments, **settings)

    monkeypatch.setattr(measuring, "Evaluator", Noting)
    network = save_blank_classifier(tmp_path / "blank.safetensors", ("a", "b"))
    settings = EvaluationConfig(features=f"classifier:{network}", generated_images=16, metrics=("fd",))
    data = None if source is None else DataConfig(source=str(source), cache=tmp_path / "cache")
    for checkpoints in (False, True):
        measuring.evaluate(run, data, settings, ONE_RANK, checkpoints=checkpoints)
    return noted


def train_table(folder: Path, kind: str, tmp_path: Path) -> Path:
    changes = {"data.source": str(folder), "data.condition": kind, "data.cache": str(tmp_path / "cache")}
    train_small(tmp_path / "run", changes | {"training.steps": 1})
    return tmp_path / "run"


def test_vectors_of_other_images_are_in_the_units_that_were_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train_table(write_table(tmp_path / "one", "age", ["1", "3"] * 8), "vector", tmp_path)
    other = write_table(tmp_path / "other", "age", ["3", "7"] * 8)
    # Learned: mean 2, deviation 1; by their own the others would be -1 and 1.
    for vectors in evaluate_noting_vectors(run, other, monkeypatch, tmp_path):
        assert vectors.flatten().tolist() == [1, 5] * 8
    for vectors in evaluate_noting_vectors(run, None, monkeypatch, tmp_path):
        assert vectors.flatten().tolist() == [-1, 1] * 8


def test_a_run_of_several_named_classes_is_measured_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train_table(write_table(tmp_path / "one", "tags", ["cat;dog", "dog"] * 8), "multi-hot", tmp_path)
    other = write_table(tmp_path / "other", "tags", ["ant", "dog|cat"] * 8)
    for vectors in evaluate_noting_vectors(run, None, monkeypatch, tmp_path):
        assert vectors.tolist() == [[1, 1], [0, 1]] * 8
    for vectors in evaluate_noting_vectors(run, other, monkeypatch, tmp_path):
        assert vectors.tolist() == [[0, 0], [1, 1]] * 8
    request = ConditionRequest("multi-hot", ("cat", "dgo"))
    with pytest.raises(UserError, match="has no column 'dgo' for a condition; did you mean 'dog'"):
        load_images(other, resolution=8, channels=1, cache=None, request=request)
