from pathlib import Path

import pytest

from fabricated_runs import fabricate, metric_row
from projgan.errors import UserError
from projgan.report.runs import read_runs


def test_a_run_is_read_with_the_rows_of_its_own_generator(tmp_path: Path) -> None:
    folder = metric_row("fd", 9.0)
    folder["subject"] |= {"kind": "images", "step": None}
    path = fabricate(tmp_path / "one", [folder, metric_row("fd", 1.5)], training__seed=4)
    (run,) = read_runs([path])
    assert (run.name, run.seed, run.provenance.step) == ("one", 4, 1000)
    assert [row.value for row in run.rows] == [1.5]
    assert [row["step"] for row in run.stats] == list(range(50, 1001, 50))
    # By hand, width 8, with biases: a 3x3 convolution 8 to 8 has 584, the first 1 to 8 has 80; 1x1 shortcuts
    # 16 and 72, none in the last block; then the linear map, and one row of 8 for each of 10 classes.
    assert run.discriminator_parameters == (80 + 584 + 16) + (2 * 584 + 72) + 2 * 584 + 9 + 10 * 8


def test_names_are_as_long_as_needed(tmp_path: Path) -> None:
    paths = [fabricate(tmp_path / name) for name in ("a/seed-0", "b/seed-0")]
    assert [run.name for run in read_runs(paths)] == ["a/seed-0", "b/seed-0"]
    assert [run.name for run in read_runs(paths[:1])] == ["seed-0"]


def test_a_run_without_discriminator_or_statistics_is_read(tmp_path: Path) -> None:
    path = fabricate(tmp_path / "one", stats=[])
    (path / "discriminator.safetensors").unlink()
    (run,) = read_runs([path])
    assert run.discriminator_parameters is None
    assert run.stats == ()


def test_what_is_no_run_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^no run given; name one run directory or more"):
        read_runs([])
    with pytest.raises(UserError, match=r"no run directory \(it has no config.yaml\)"):
        read_runs([tmp_path])
    path = fabricate(tmp_path / "one")
    with pytest.raises(UserError, match="given twice; a run counts once"):
        read_runs([path, tmp_path / "." / "one"])
    (path / "generator.safetensors").unlink()
    with pytest.raises(UserError, match="the run has not reached a checkpoint yet"):
        read_runs([path])


def test_a_row_of_another_form_is_refused_by_its_key(tmp_path: Path) -> None:
    row = metric_row("fd", 1.0)
    del row["measurement"]["resize"]
    path = fabricate(tmp_path / "one", [row])
    with pytest.raises(
        UserError, match=r"metrics.jsonl: a row of fd is not .* measurement.resize: Field req"
    ):
        read_runs([path])


def test_other_data_and_other_classes_are_refused(tmp_path: Path) -> None:
    one = fabricate(tmp_path / "one")
    other = fabricate(tmp_path / "other", fingerprint="e" * 64)
    with pytest.raises(
        UserError, match=r"^one was trained on digits \(dddddddddddd\) and other on digits \(e{12}\)"
    ):
        read_runs([one, other])
    fewer = fabricate(tmp_path / "fewer", class_names=("a", "b"))
    with pytest.raises(UserError, match=r"^one and fewer have 10 and 2 classes: runs on other data"):
        read_runs([one, fewer])
    renamed = fabricate(tmp_path / "renamed", class_names=tuple("abcdefghij"))
    with pytest.raises(UserError, match=r"^one and renamed have other class names: runs on other data"):
        read_runs([one, renamed])
