"""What a run says when it starts: where its pictures will be, and a decay that it would not live to see."""

from pathlib import Path
from typing import Any

import pytest

from projgan.cli import run_command
from projgan.config import load_config
from projgan.config.sections import OptimizerConfig
from projgan.storage.run_directory import RunDirectory
from projgan.training.optimization import learning_rate_factor, remark_on_decay
from small_runs import command_line, last_checkpoint, train_small


def pictures(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "samples").glob("*"))


def train(run: Path, **changes: Any) -> list[str]:
    """What a run says."""
    told: list[str] = []
    settings = {"training.steps": 3} | {key.replace("__", "."): value for key, value in changes.items()}
    train_small(run, settings, said=told.append)
    return told


def test_a_run_shorter_than_its_cadence_leaves_a_grid_at_its_end_and_says_so(tmp_path: Path) -> None:
    run = tmp_path / "run"
    told = train(run, sampling__every=1000)
    assert f"pictures of samples: {run}/samples, at the end" in told
    assert pictures(run) == ["step-00000003.png"]
    # Longer, it goes on from there; the same again has nothing to say and nothing to draw.
    told = train(run, sampling__every=2, training__steps=7)
    assert f"pictures of samples: {run}/samples, every 2 steps and at the end" in told
    assert pictures(run) == [f"step-0000000{step}.png" for step in (3, 4, 6, 7)]
    told = train(run, sampling__every=2, training__steps=7)
    assert not [line for line in told if "pictures" in line]
    assert pictures(run) == [f"step-0000000{step}.png" for step in (3, 4, 6, 7)]


def test_without_a_cadence_there_are_no_pictures_and_nothing_is_said(tmp_path: Path) -> None:
    assert not [line for line in train(tmp_path / "run") if "pictures" in line]
    assert pictures(tmp_path / "run") == []


def test_the_command_says_it_where_progress_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = command_line(tmp_path / "run", {"training.steps": 2, "sampling.every": 1000})
    assert run_command(words) == 0
    out, err = capsys.readouterr()
    assert out == f"{tmp_path}/run/generator.safetensors\n"
    assert f"pictures of samples: {tmp_path}/run/samples, at the end\n" in err


def decay(start: int | None, end: int | None) -> OptimizerConfig:
    return OptimizerConfig(decay_start=start, decay_end=end)


def test_a_decay_that_a_run_would_not_see_is_told_with_the_options_that_fit_it() -> None:
    # Half of the way from 750 to 1,500 is at 1,125.
    assert remark_on_decay(decay(750, 1500), 1125) == (
        "the learning rate falls to zero by step 1,500, and this run ends at 1,125 with 50% of it; to let it "
        "fall to zero here, add --optimizer.decay-start 562 --optimizer.decay-end 1125"
    )
    assert "ends at 100 with 100% of it" in remark_on_decay(decay(750, 1500), 100)
    assert remark_on_decay(decay(750, 1500), 1500) == remark_on_decay(decay(None, None), 10) == ""


@pytest.mark.parametrize(("start", "end", "steps"), [(750, 1500, 100), (0, 50_000, 1), (1499, 1500, 2)])
def test_the_options_told_are_those_of_a_run_that_ends_at_zero(start: int, end: int, steps: int) -> None:
    words = remark_on_decay(decay(start, end), steps).split()
    options = dict(zip(words[-4::2], map(int, words[-3::2]), strict=True))
    told = decay(options["--optimizer.decay-start"], options["--optimizer.decay-end"])
    assert learning_rate_factor(steps, told.decay_start, told.decay_end) == 0
    assert remark_on_decay(told, steps) == ""


def test_it_is_said_of_a_new_run_and_not_of_one_that_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "the learning rate falls to zero by step 24, and this run ends at 2 with 100% of it"
    words = command_line(tmp_path / "run", {"training.steps": 2})
    assert run_command([*words, "--dry-run"]) == 0
    assert line in capsys.readouterr().err
    assert run_command(words) == 0
    assert line in capsys.readouterr().err
    assert run_command(command_line(tmp_path / "run", {"training.steps": 4})) == 0
    assert "the learning rate" not in capsys.readouterr().err


def test_a_stored_configuration_means_what_it_says(tmp_path: Path) -> None:
    """Neither fewer steps nor more change the decay that a run was started with; only the option does."""
    run = tmp_path / "run"
    train(run, training__steps=4)
    stored = load_config(str(RunDirectory(run).config)).optimizer
    assert (stored.decay_start, stored.decay_end) == (4, 24)
    train(run, training__steps=24)
    stored = load_config(str(RunDirectory(run).config)).optimizer
    assert (stored.decay_start, stored.decay_end) == (4, 24)
    train(tmp_path / "at-once", training__steps=24)
    one, other = last_checkpoint(run), last_checkpoint(tmp_path / "at-once")
    assert one["generator"].keys() == other["generator"].keys()
    assert all(one["generator"][key].equal(other["generator"][key]) for key in one["generator"])
    train(run, training__steps=30, optimizer__decay_end=30)
    assert load_config(str(RunDirectory(run).config)).optimizer.decay_end == 30
