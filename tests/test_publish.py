"""`benchmarks/publish.py`: what is published stays until a measured generator takes its place."""

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import publish
from fabricated_runs import metric_row
from projgan.errors import UserError
from projgan.storage.network_file import load_generator
from small_runs import files_of, train_small

SAID = {
    "data": "digits",
    "commit": "x",
    "command": "projgan train demo",
    "features": "classifier:c.safetensors",
    "features_command": "projgan classifier digits",
    "hardware": "a CPU",
}


def answer(monkeypatch: pytest.MonkeyPatch, code: int) -> list[list[str]]:
    """Let the evaluation end with a code; returns the words it will have been called with."""
    called: list[list[str]] = []

    def run(words: list[str], **_: Any) -> SimpleNamespace:
        called.append(words)
        assert Path(words[words.index("evaluate") + 1]).is_file()
        return SimpleNamespace(returncode=code, stdout=json.dumps([metric_row("fd", 1.0)]))

    monkeypatch.setattr(subprocess, "run", run)
    return called


def test_a_generator_that_cannot_be_measured_or_is_too_large_leaves_the_published_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_small(tmp_path / "run", {"training.steps": 1})
    (tmp_path / "models").mkdir()
    (tmp_path / "models/digits.safetensors").write_text("the one before")
    before = files_of(tmp_path / "models")
    answer(monkeypatch, 2)
    with pytest.raises(UserError, match="digits was not measured, so it is not published"):
        publish.publish(tmp_path / "run", "digits", folder=tmp_path / "models", **SAID)
    assert files_of(tmp_path / "models") == before
    monkeypatch.setattr(publish, "LARGEST", 100)
    with pytest.raises(UserError, match="are too many for the package"):
        publish.publish(tmp_path / "run", "digits", folder=tmp_path / "models", **SAID)
    assert files_of(tmp_path / "models") == before


def test_one_that_was_measured_takes_its_place_and_is_called_as_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_small(tmp_path / "run", {"training.steps": 1})
    (tmp_path / "models").mkdir()
    called = answer(monkeypatch, 0)
    publish.publish(tmp_path / "run", "digits", folder=tmp_path / "models", **SAID)
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == [
        "digits.md",
        "digits.safetensors",
    ]
    assert load_generator(tmp_path / "models/digits.safetensors")[1].provenance.step == 1
    assert Path(called[0][called[0].index("evaluate") + 1]).name == "digits.safetensors"
