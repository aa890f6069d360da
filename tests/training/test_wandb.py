"""What Weights & Biases has of a run, offline, beside the run's own files; read without its help."""

import json
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from projgan.cli import run_command
from projgan.listening import Progress
from projgan.storage.run_directory import RunDirectory
from projgan.training import journals
from small_runs import save_blank_classifier, train_small

records = pytest.importorskip("wandb.proto.wandb_internal_pb2", reason="the extra wandb is not installed")
CHANGES: dict[str, Any] = {"training.logging": ["wandb"], "sampling.every": 8, "sampling.columns": 2}
BLOCK = 2**15


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A person who has never logged in; whatever asks for the keyboard fails."""
    import wandb

    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "settings"))
    monkeypatch.setattr("builtins.input", lambda *words: pytest.fail("it asked"))
    wandb.teardown()
    yield
    wandb.teardown()


def read(file: Path) -> list[Any]:
    """The records of a log in LevelDB's format: blocks of chunks, each with checksum, length and kind."""
    content = file.read_bytes()
    assert content[:4] == b":W&B"
    found, part, place = [], b"", 7
    while place + 7 <= len(content):
        left = BLOCK - place % BLOCK
        if left < 7:
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + 7])
        part += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part of one
            record = records.Record()
            record.ParseFromString(part)
            found.append(record)
            part = b""
    return found


def history(run: Path) -> list[dict[str, Any]]:
    """What was logged, in all files of the run, by steps."""
    rows = []
    for file in sorted((run / "wandb").glob("offline-run-*/*.wandb")):
        for record in read(file):
            if record.WhichOneof("record_type") == "history":
                names = [(".".join(item.nested_key) or item.key, item) for item in record.history.item]
                rows.append({name: json.loads(item.value_json) for name, item in names})
    return rows


def steps(run: Path, name: str) -> list[int]:
    return [row["_step"] for row in history(run) if name in row]


def test_it_has_what_the_runs_own_files_say_and_asks_nothing(tmp_path: Path) -> None:
    classifier = save_blank_classifier(tmp_path / "c.safetensors", tuple("0123456789"))
    measured = {
        "evaluation.every": 20,
        "evaluation.features": f"classifier:{classifier}",
        "evaluation.metrics": ["fd"],
        "evaluation.generated_images": 20,
        "evaluation.real_images": 20,
        "data.cache": str(tmp_path / "cache"),
    }
    train_small(tmp_path / "run", CHANGES | measured)
    rows, own = history(tmp_path / "run"), RunDirectory(tmp_path / "run")
    stats = own.read_stats()
    assert len(stats) == 7
    for name in ("loss_generator", "loss_discriminator", "learning_rate", "images_per_second"):
        assert [(row["_step"], row[name]) for row in rows if name in row] == [
            (row["step"], row[name]) for row in stats
        ]
    (number,) = own.read_metrics()
    assert [(row["_step"], row["fd"]) for row in rows if "fd" in row] == [(20, number["value"])]
    assert steps(tmp_path / "run", "samples.path") == [8, 16, 20]
    shown = next(row["samples.path"] for row in rows if "samples.path" in row)
    (file,) = (tmp_path / "run" / "wandb").glob(f"offline-run-*/files/{shown}")
    assert Image.open(file).size == Image.open(own.samples_at(8)).size
    whole = b"".join(path.read_bytes() for path in (tmp_path / "run" / "wandb").rglob("*.wandb"))
    assert b"resnet-8" in whole  # the settings
    assert str(tmp_path / "cache").encode() not in whole


def test_a_run_that_resumes_has_everything_and_nothing_twice(tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.step == 13:
            raise KeyboardInterrupt  # between checkpoints: steps 11 to 13 are done again

    with pytest.raises(KeyboardInterrupt):
        train_small(tmp_path / "run", CHANGES, stepped=stop)
    (file,) = (tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb")
    file.write_bytes(file.read_bytes()[:7])  # as a kill leaves it: what was not flushed is lost
    train_small(tmp_path / "run", CHANGES)
    assert steps(tmp_path / "run", "loss_generator") == [3, 6, 9, 12, 15, 18, 20]
    assert steps(tmp_path / "run", "samples.path") == [8, 16, 20]
    assert [found.name for found in (tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb")] == [file.name]


def test_the_environment_may_forbid_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    train_small(tmp_path / "run", CHANGES | {"training.steps": 3})
    assert history(tmp_path / "run") == []
    assert len(RunDirectory(tmp_path / "run").read_stats()) == 1


def test_without_an_answer_a_run_goes_on_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0123456789" * 4)
    monkeypatch.setattr(journals, "PATIENCE", 1.0)
    said: list[str] = []
    started = time.monotonic()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        train_small(tmp_path / "run", CHANGES | {"training.steps": 3}, said=said.append)
    assert time.monotonic() - started < 60  # wandb's own patience is 90
    assert steps(tmp_path / "run", "loss_generator") == [3]
    (line,) = [line for line in said if "Weights & Biases" in line]
    assert line.startswith("Weights & Biases cannot be reached (")
    assert "\n" not in line
    (folder,) = (tmp_path / "run" / "wandb").glob("offline-run-*")
    assert line.endswith(f"; the run goes on offline; to send it later: wandb sync {folder}")


@pytest.mark.parametrize(
    ("place", "known"),
    [("nowhere", False), ("environment", True), ("netrc", True), ("netrc of another host", False)],
)
def test_who_has_logged_in(place: str, known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import wandb

    key = "0123456789" * 4
    if place == "environment":
        monkeypatch.setenv("WANDB_API_KEY", key)
    if place.startswith("netrc"):
        host = "example.org" if "another" in place else urlsplit(wandb.Settings().base_url).hostname
        (tmp_path / ".netrc").write_text(f"machine {host} login user password {key}")
        (tmp_path / ".netrc").chmod(0o600)
    assert journals._has_logged_in(wandb.setup().settings) is known


def test_what_is_not_installed_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(journals, "find_spec", lambda name: None)
    words = ["train", "demo", "--logging", "wandb", "--run-dir", str(tmp_path / "run")]
    assert run_command(words) == 2
    assert "pip install 'projgan[wandb]'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
