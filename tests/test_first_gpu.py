"""The script for the first meeting with a GPU, on a CPU: everything tiny, recorded steps on a tape."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import first_gpu
from gpu import pieces
from gpu.notes import Notes, table
from gpu.settings import Place
from gpu.training import Request
from projgan.errors import UserError
from projgan.storage.checkpoints import checkpoint_steps
from small_runs import ENVIRONMENT

SCRIPT = Path(first_gpu.__file__)
QUICK = ["--quick", "--device", "cpu"]
TRAIN = ["--only", "training", "--data", "digits", "--preset", "demo", "--device", "cpu"]


def script(*words: str) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, lines of JSON and all that is said, where the script itself must find the package."""
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "PYTHONPATH"}
    made = subprocess.run(
        [sys.executable, str(SCRIPT), *words], capture_output=True, text=True, env=environment, timeout=550
    )
    lines = [json.loads(line) for line in made.stdout.splitlines() if line.startswith("{")]
    return made.returncode, lines, made.stdout + made.stderr


def test_checks_are_lines_at_once_a_file_and_a_table(tmp_path: Path) -> None:
    code, lines, said = script(*QUICK, "--only", "facts", "ranks", "--out", str(tmp_path))
    assert code == 0, said
    assert [line for line in lines if not line["ok"]] == []
    assert {line["check"] for line in lines} == {"facts", "ranks"}
    assert [json.loads(line) for line in (tmp_path / "first-gpu.jsonl").read_text().splitlines()] == lines
    assert f"{len(lines)} cases, 0 failed" in said


@pytest.mark.slow
@pytest.mark.parametrize("check", [check for check in first_gpu.CHECKS if check not in ("facts", "ranks")])
def test_every_check_runs_on_a_cpu(tmp_path: Path, check: str) -> None:
    if check == "kernels":
        pytest.importorskip("triton", reason="kernels need Triton, which there is for Linux")
    code, lines, said = script(*QUICK, "--only", check, "--out", str(tmp_path))
    assert code == 0, said[-3000:]
    assert len(lines) >= (3 if check == "compiled" else 9)


def test_no_check_takes_the_others_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (hung,) = first_gpu.run_check("facts", 0.2, QUICK, tmp_path)
    assert (hung["ok"], hung["error"]) == (False, "no end within 0 s")
    lines = first_gpu.run_check("nonsense", 60, QUICK, tmp_path)
    assert [line["ok"] for line in lines] == [False]
    assert "No module named 'gpu.nonsense'" in str(lines[0]["error"])
    assert capsys.readouterr().out.count("\n") == 2


def test_what_a_case_raises_is_a_fact_of_it(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    with path.open("w") as file:
        notes = Notes("sums", file)
        with notes.case("wrong") as facts:
            facts["sum"] = 3
            raise ValueError("not\n4")
        with notes.case("right") as facts:
            facts |= {"ok": True, "sum": 4}
    wrong, right = (json.loads(line) for line in path.read_text().splitlines())
    assert (wrong["ok"], wrong["sum"], right["ok"], right["sum"]) == (False, 3, True, 4)
    assert wrong["error"].startswith("ValueError at test_first_gpu.py:")
    assert wrong["error"].endswith(": not 4")
    assert "FAILED: wrong" in table([wrong, right])
    assert table([wrong, right]).endswith("2 cases, 1 failed")


def test_a_package_that_is_missing_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert first_gpu.missing_packages() == []
    find = first_gpu.importlib.util.find_spec
    monkeypatch.setattr(
        first_gpu.importlib.util, "find_spec", lambda name: None if name in ("PIL", "yaml") else find(name)
    )
    monkeypatch.setattr(sys, "argv", ["first_gpu.py"])
    assert first_gpu.main() == 2
    assert capsys.readouterr().err == "first_gpu: missing: pillow, pyyaml; pip install pillow pyyaml\n"


@pytest.mark.parametrize("size", [0, 1, 10, 30, 31])
def test_a_file_in_pieces_is_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(pieces, "LARGEST", 10)
    content = bytes(range(size))
    path, folder = tmp_path / "step-00000007.pt", tmp_path / "out"
    path.write_bytes(content)
    folder.mkdir()
    written = pieces.cut(path, folder)
    assert len(written) == max(1, -(-size // 10))
    assert all(piece.stat().st_size <= 10 for piece in written)
    joined = pieces.join(folder, tmp_path / "checkpoints")
    assert (joined.name, joined.read_bytes()) == (path.name, content)


def test_the_newest_whole_set_of_pieces_is_taken_and_damage_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "LARGEST", 4)
    folder, old, new = tmp_path / "out", tmp_path / "step-00000010.pt", tmp_path / "step-00000020.pt"
    folder.mkdir()
    old.write_bytes(b"old state")
    new.write_bytes(b"new state")
    earlier = {piece.name: piece.read_bytes() for piece in pieces.cut(old, folder)}
    later = pieces.cut(new, folder)
    assert sorted(folder.iterdir()) == sorted(later)  # the earlier ones are gone
    for name, content in earlier.items():
        (folder / name).write_bytes(content)
    assert pieces.join(folder, tmp_path).read_bytes() == b"new state"
    later[1].unlink()  # as a kill may leave it
    assert pieces.join(folder, tmp_path).read_bytes() == b"old state"
    (folder / next(iter(earlier))).write_bytes(b"dlo ")
    with pytest.raises(UserError, match=r"the pieces of step-00000010\.pt are damaged"):
        pieces.join(folder, tmp_path)
    with pytest.raises(UserError, match="no whole set of pieces"):
        pieces.join(tmp_path / "out" / "..", tmp_path)


def test_the_training_is_the_experiment_in_bfloat16(tmp_path: Path) -> None:
    request = Request(Path("cifar"), tmp_path, 1, torch.device("cuda", 0), changes=(("training.seed", 4),))
    config = request.config(tmp_path)
    assert (config.training.precision, config.training.device, config.training.seed) == ("bf16", "cuda", 4)
    assert (config.training.steps, config.optimizer.decay_end, config.data.source) == (50000, 50000, "cifar")
    assert config.training.acceleration == "auto"  # so its steps are graphs


@pytest.mark.slow
def test_a_training_is_carried_away_and_goes_on(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    words = [*TRAIN, "--set", "training.precision=fp32", "--train-seconds", "3"]
    code, lines, said = script(*words, "--out", str(first))
    assert code == 0, said
    files = sorted(path.name for path in first.iterdir())
    assert len(files) <= 8
    assert {"first-gpu.jsonl", "generator.safetensors", "samples.png"} < set(files)
    assert all(path.stat().st_size < 16 * 2**20 for path in first.iterdir())
    done = next(line["step"] for line in lines if line["case"] == "training")
    assert done > 0
    code, lines, said = script(*words, "--resume-from", str(first), "--out", str(second))
    assert code == 0, said
    assert any(line.get("message", "").endswith(f"at step {done} of 1500") for line in lines)
    assert next(line["step"] for line in lines if line["case"] == "training") > done
    assert checkpoint_steps(pieces.join(second, tmp_path / "joined").parent) == [
        next(line["step"] for line in lines if line["case"] == "training")
    ]


def test_a_place_builds_the_same_run_on_every_device(tmp_path: Path) -> None:
    place = Place(torch.device("cpu"), True, tmp_path)
    one, other = place.trainer({}), place.trainer({})
    assert all(map(torch.equal, one.generator.parameters(), other.generator.parameters()))
    assert torch.equal(one.stream.images, other.stream.images)
    assert place.config({}).generator.width == 8
    assert Place(torch.device("cpu"), False, tmp_path).config({}).generator.width is None
