import json
from pathlib import Path

import pytest

from fabricated_runs import fabricate, metric_row
from projgan.cli import run_command


def test_json_goes_to_stdout_and_to_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = fabricate(tmp_path / "one", [metric_row("fd", 1.5)], stats=[])
    assert run_command(["compare", str(run), "--out", str(tmp_path / "a" / "out"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "a" / "out" / "report.json").read_text())
    assert printed["metrics"][0]["methods"][0]["mean"] == 1.5
    assert printed["metrics"][0]["measurement"]["data_fingerprint"] == "a" * 64


def test_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = fabricate(tmp_path / "one", [metric_row("fd", 1.0)])
    other = fabricate(tmp_path / "other", [metric_row("fd", 1.0, seed=3)], training__seed=1)
    out = str(tmp_path / "out")
    for words, said in (
        (["--out", out], "no run given"),
        ([str(tmp_path / "absent"), "--out", out], "no run directory (it has no config.yaml)"),
        ([str(one), str(other), "--out", out], "fd was measured with seed 0 in one and 3 in other"),
        ([str(one)], "--out"),
    ):
        assert run_command(["compare", *words]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert len(captured.err.splitlines()) == 1
        assert said in captured.err
    assert not Path(out).exists()


def test_it_says_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("projgan.commands.progress.DELAY", 0.0)
    run = fabricate(tmp_path / "one", [metric_row("fd", 1.5)], stats=[])
    assert run_command(["compare", str(run), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().err
    assert said.lstrip().startswith("sampling: ")
    assert " images/s" in said
