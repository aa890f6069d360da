"""A run that stopped and went on is, bit for bit, the run that did not stop."""

import copy
import signal
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from projgan.cli import run_command
from projgan.data import load_images, verification
from projgan.data.tensors import as_tensor
from projgan.errors import UserError
from projgan.listening import Listener, Progress
from projgan.storage.optimizer_state import load_moments
from projgan.storage.run_directory import RunDirectory
from projgan.training.building import build_trainer
from projgan.training.optimization import learning_rate_factor
from projgan.training.run import train
from projgan.training.trainer import Trainer
from small_runs import (
    ONE_RANK,
    THREADS,
    assert_no_leftovers,
    assert_same_run,
    differences,
    files_of,
    last_checkpoint,
    read_rows,
    small_config,
    train_small,
)


def test_the_comparison_finds_a_single_bit() -> None:
    # The oracle of this file must itself be able to fail.
    tensor = torch.zeros(3)
    changed = tensor.clone()
    changed[1] = -0.0
    assert differences({"a": [tensor]}, {"a": [tensor.clone()]}) == []
    assert differences({"a": [tensor]}, {"a": [changed]}) == ["/a/0"]
    assert differences({"a": tensor}, {"a": tensor.double()}) == ["/a"]
    assert differences({"a": 1}, {"a": 1, "b": 2}) != []
    assert differences((1, 2), (1, 3)) == ["/1: 2 and 3"]


def test_the_same_command_gives_the_same_run(uninterrupted: Path, tmp_path: Path) -> None:
    train_small(tmp_path)
    assert_same_run(uninterrupted, tmp_path)


def test_another_seed_gives_another_run(uninterrupted: Path, tmp_path: Path) -> None:
    train_small(tmp_path, {"training.seed": 1})
    assert differences(last_checkpoint(uninterrupted), last_checkpoint(tmp_path)) != []


@pytest.mark.parametrize("stop", [1, 7, 9, 10, 19])
def test_stopping_and_resuming_changes_no_bit(uninterrupted: Path, tmp_path: Path, stop: int) -> None:
    # Rows are written every 3 steps and checkpoints every 5, so most stops fall between rows.
    train_small(tmp_path, {"training.steps": stop})
    assert last_checkpoint(tmp_path)["step"] == stop
    torch.manual_seed(stop)  # whatever the process drew in between must not matter
    torch.rand(1000 + stop)
    result = train_small(tmp_path)
    assert result.step == 20
    assert result.interrupted_by is None
    assert_same_run(uninterrupted, tmp_path)


def test_a_checkpoint_holds_everything_the_next_step_depends_on(uninterrupted: Path) -> None:
    state = last_checkpoint(uninterrupted)
    assert state["step"] == 20
    assert any(name.endswith(".u") for name in state["discriminator"])
    assert any(name.endswith("running_var") for name in state["generator"])
    assert differences(state["average"], state["generator"]) != []
    for optimizer in ("generator_optimizer", "discriminator_optimizer"):
        assert state[optimizer]["state"][0].keys() == {"step", "exp_avg", "exp_avg_sq"}
        # The rate of the last step, numbered 19 from 0: a fall from step 4 to zero at 24.
        assert state[optimizer]["param_groups"][0]["lr"] == pytest.approx(5e-4 * (1 - 15 / 20))
    assert state["pending"].shape == (2, 2)  # steps 19 and 20, for the row at 21


def test_every_part_of_the_state_matters(uninterrupted: Path) -> None:
    # Without this, a part could be saved, never loaded, and equality be luck.
    state = last_checkpoint(uninterrupted)
    for part in ("generator", "discriminator", "average", "generator_optimizer", "discriminator_optimizer"):
        trainer, untouched = _trainer(), _trainer().state_dict()
        trainer.load_state_dict(state)
        assert differences(trainer.state_dict()[part], state[part]) == []
        assert differences(untouched[part], state[part]) != []


def test_a_checkpoint_of_an_average_with_foreign_statistics_is_mended_at_its_first_use() -> None:
    """Version 0.1 stored the trained generator's statistics with the averaged weights."""
    whole, resumed = _trainer(), _trainer()
    for _ in range(3):
        whole.advance()
    own = copy.deepcopy(dict(whole.sampling_generator.state_dict()))
    state = copy.deepcopy(whole.state_dict())
    assert state.pop("average_is_measured") is True
    statistics = [name for name in own if name.endswith(("running_mean", "running_var"))]
    assert statistics
    assert differences({n: own[n] for n in statistics}, {n: state["generator"][n] for n in statistics}) != []
    state["average"] = own | {name: state["generator"][name] for name in statistics}
    resumed.load_state_dict(state)
    assert differences(dict(resumed.sampling_generator.state_dict()), own) == []


def test_a_state_is_taken_without_a_measurement_which_is_kept_where_there_was_one() -> None:
    """A signal leaves seconds to write a checkpoint; a finished run's generator stays what it was."""
    whole, resumed = _trainer(), _trainer()
    for _ in range(3):
        whole.advance()
    early = copy.deepcopy(whole.state_dict())
    assert early["average_is_measured"] is False
    whole.prepare_samples()
    own = copy.deepcopy(dict(whole.sampling_generator.state_dict()))
    assert differences(dict(early["average"]), own) != []
    resumed.load_state_dict(early)
    assert differences(dict(resumed.sampling_generator.state_dict()), own) == []
    late = copy.deepcopy(whole.state_dict())
    late["average"]["blocks.0.norm1.running_mean"] += 1  # to see that it is taken as it is
    resumed.load_state_dict(late)
    assert differences(dict(resumed.sampling_generator.state_dict()), dict(late["average"])) == []


def test_the_data_go_on_where_they_stopped(tmp_path: Path) -> None:
    whole, resumed = _trainer(), _trainer()
    for _ in range(3):
        whole.advance()
    resumed.load_state_dict(whole.state_dict())
    shown: dict[str, list[torch.Tensor]] = {"whole": [], "resumed": []}
    for name, trainer in (("whole", whole), ("resumed", resumed)):
        batch = trainer.stream.batch

        def noting(position: int, name: str = name, batch=batch):
            images, labels = batch(position)
            shown[name].append(images)
            return images, labels

        trainer.stream.batch = noting
        trainer.advance()
    assert len(shown["whole"]) == 2
    assert differences(shown["whole"], shown["resumed"]) == []
    assert differences(shown["whole"][0], shown["whole"][1]) != []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_after_the_step_with_a_checkpoint(
    uninterrupted: Path, tmp_path: Path, number: signal.Signals
) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.step == 8:
            signal.raise_signal(number)

    before = signal.getsignal(number)
    result = train_small(tmp_path, stepped=interrupt)
    assert (result.step, result.interrupted_by) == (8, number)
    assert signal.getsignal(number) is before
    assert last_checkpoint(tmp_path)["step"] == 8
    assert [row["step"] for row in read_rows(tmp_path)] == [3, 6]
    train_small(tmp_path)
    assert_same_run(uninterrupted, tmp_path)


def test_a_signal_in_the_last_step_is_a_finished_run(tmp_path: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.step == 4:
            signal.raise_signal(signal.SIGTERM)

    result = train_small(tmp_path, {"training.steps": 4}, stepped=interrupt)
    assert (result.step, result.interrupted_by) == (4, None)


def test_a_finished_run_stays_as_it_is(tmp_path: Path) -> None:
    changes = {"training.steps": 6, "sampling.every": 3, "sampling.columns": 2}
    train_small(tmp_path, changes)
    before, steps = files_of(tmp_path), []
    result = train_small(tmp_path, changes, stepped=lambda progress: steps.append(progress.step))
    assert (result.step, steps) == (6, [])
    assert files_of(tmp_path) == before
    assert {"samples/step-00000003.png", "samples/step-00000006.png"} < before.keys()


def test_cadences_and_length_may_change_on_resuming_and_change_no_weight(
    uninterrupted: Path, tmp_path: Path
) -> None:
    train_small(tmp_path, {"training.steps": 11, "training.log_every": 7, "training.checkpoint_every": 2})
    said: list[str] = []
    train_small(tmp_path, {"sampling.every": 10, "sampling.columns": 2}, said=said.append)
    ours, theirs = last_checkpoint(tmp_path), last_checkpoint(uninterrupted)
    del ours["pending"], theirs["pending"]  # rows of losses begin elsewhere
    assert differences(ours, theirs) == []
    assert any("step 11" in message for message in said)
    assert (tmp_path / "samples" / "step-00000020.png").is_file()


def test_samples_disturb_nothing(uninterrupted: Path, tmp_path: Path) -> None:
    train_small(tmp_path, {"sampling.every": 1, "sampling.columns": 2})
    assert_same_run(uninterrupted, tmp_path)
    assert len(list((tmp_path / "samples").iterdir())) == 20


def test_samples_of_a_generator_without_average_disturb_nothing(tmp_path: Path) -> None:
    plain = {"training.ema_decay": None, "training.steps": 6}
    train_small(tmp_path / "without", plain)
    train_small(tmp_path / "with", plain | {"sampling.every": 1, "sampling.columns": 2})
    assert_same_run(tmp_path / "without", tmp_path / "with")
    assert last_checkpoint(tmp_path / "with")["average"] is None


def test_unconditional_runs_resume_too(tmp_path: Path) -> None:
    changes = {
        "generator.condition": None,
        "discriminator.condition": "unconditional",
        "loss.adversarial": "standard",
        "sampling.every": 4,
        "sampling.columns": 2,
        "training.steps": 8,
    }
    train_small(tmp_path / "whole", changes)
    train_small(tmp_path / "parts", changes | {"training.steps": 3})
    train_small(tmp_path / "parts", changes)
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_runs_that_show_classes_alike_resume_too(tmp_path: Path) -> None:
    changes = {"data.balance": "classes", "training.steps": 8}
    train_small(tmp_path / "whole", changes)
    train_small(tmp_path / "parts", changes | {"training.steps": 3})
    train_small(tmp_path / "parts", changes)
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
    train_small(tmp_path / "without", {"training.steps": 8})
    assert read_rows(tmp_path / "without") != read_rows(tmp_path / "whole")
    with pytest.raises(UserError, match=r"data\.balance"):
        train_small(tmp_path / "parts", {"training.steps": 9})


def test_rows_average_the_losses_of_their_steps_and_say_the_rate(tmp_path: Path) -> None:
    seen: list[list[float]] = []
    train_small(tmp_path, stepped=lambda progress: seen.append(progress.losses.tolist()))
    rows = read_rows(tmp_path)
    assert [row["step"] for row in rows] == [3, 6, 9, 12, 15, 18, 20]
    for row in rows:
        window = torch.tensor(seen[(row["step"] - 1) // 3 * 3 : row["step"]], dtype=torch.float64)
        expected = window.mean(dim=0).tolist()
        assert [row["loss_generator"], row["loss_discriminator"]] == expected
        assert row["images_seen"] == row["step"] * 8 * 2
        assert row["learning_rate"] == 5e-4 * learning_rate_factor(row["step"] - 1, 4, 24)


def test_the_row_of_an_end_off_the_cadence_stands_until_the_run_goes_on(tmp_path: Path) -> None:
    def steps_of(steps: int) -> list[int]:
        train_small(tmp_path, {"training.steps": steps})
        return [row["step"] for row in read_rows(tmp_path)]

    assert steps_of(2) == [2]  # shorter than a row
    assert steps_of(2) == [2]
    assert steps_of(6) == [3, 6]
    assert steps_of(7) == [3, 6, 7]
    assert steps_of(8) == [3, 6, 8]  # 7 is in the row of 8
    train_small(tmp_path / "whole", {"training.steps": 8})
    assert read_rows(tmp_path) == read_rows(tmp_path / "whole")
    train_small(tmp_path, {"training.steps": 9, "training.log_every": 5})
    assert [row["step"] for row in read_rows(tmp_path)] == [3, 6, 9]


def test_rows_later_than_the_checkpoint_are_written_again_and_not_twice(
    uninterrupted: Path, tmp_path: Path
) -> None:
    # As a kill at step 18 leaves it, which had its last checkpoint at step 15.
    train_small(tmp_path, {"training.steps": 15})
    directory = RunDirectory(tmp_path)
    directory.append_stats({"step": 18, "loss_generator": 123.0})
    with directory.stats.open("a") as file:
        file.write('{"step": 21, "loss_gen')
    train_small(tmp_path)
    assert_same_run(uninterrupted, tmp_path)


def test_a_row_cut_short_within_the_checkpointed_part_is_dropped(tmp_path: Path) -> None:
    train_small(tmp_path, {"training.steps": 6})
    stats = tmp_path / "stats.jsonl"
    first, second = stats.read_text().splitlines()
    stats.write_text(first + "\n" + second[:40])
    train_small(tmp_path, {"training.steps": 9})
    assert [row["step"] for row in read_rows(tmp_path)] == [3, 9]


def test_only_the_newest_checkpoints_are_kept(tmp_path: Path) -> None:
    train_small(tmp_path, {"training.checkpoint_every": 2, "training.keep_checkpoints": 3})
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["step-00000016.pt", "step-00000018.pt", "step-00000020.pt"]
    assert_no_leftovers(tmp_path)


def _trainer() -> Trainer:
    data = load_images("digits", resolution=8, channels=1, cache=None)
    return build_trainer(
        small_config(), as_tensor(data.images), as_tensor(data.labels), data.num_classes, ONE_RANK
    )


def test_a_run_among_its_own_images_is_refused_before_there_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lies among the images"):
        train_small(tmp_path / "run", {"data.source": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_called_as_the_built_in_digits_is_not_taken_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    train(small_config({"training.steps": 1}), Path("digits/run"), ONE_RANK, Listener(said=said.append))
    assert any(
        "from the built-in digits, not from what is called so here, which is ./digits" in line
        for line in said
    )
    with pytest.raises(UserError, match="lies among the images of digits"):
        train_small(Path("digits/other"), {"data.source": "./digits"})


def test_what_is_odd_about_the_images_is_said(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 4, 4), dtype=np.uint8)
    np.savez(tmp_path / "odd.npz", images=images, labels=np.arange(6) % 2, class_names=["a", "b", "c"])
    said: list[str] = []
    changes = {"data.source": str(tmp_path / "odd.npz"), "data.cache": str(tmp_path / "cache")}
    config = small_config(changes | {"training.steps": 24})
    train(config, tmp_path / "run", ONE_RANK, Listener(said=said.append))
    assert said == [
        "odd: 6 images, 2 classes (a, b) from the array labels",
        "odd: 1 of 3 classes has no images and is left out: c",
        "odd: 6 images are smaller than wanted and were enlarged",
        f"training in fp32 on CPU, {THREADS} thread{'s' if THREADS > 1 else ''}",
    ]


def test_pixels_that_have_changed_are_not_resumed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where packed pixels were compared once, a run that goes on compares them again."""
    run_command(["data", "pack", "digits", str(tmp_path / "store"), "--resolution", "8", "--channels", "1"])
    changes = {"data.source": str(tmp_path / "store")}
    monkeypatch.setattr(verification, "SETTLED_SECONDS", -1.0)
    train_small(tmp_path / "run", changes | {"training.steps": 5})
    assert (tmp_path / "store" / verification.NOTE).exists()
    # As on a disk that loses bits: nothing about the file says so.
    monkeypatch.setattr(verification, "_sha256_from", lambda path, offset: "0" * 64)
    before = files_of(tmp_path / "run")
    with pytest.raises(UserError, match="its pixels are not those it was made with"):
        train_small(tmp_path / "run", changes)
    assert files_of(tmp_path / "run") == before
    train_small(tmp_path / "another", changes | {"training.steps": 1})  # begins, so once is enough


@pytest.mark.parametrize("state", [torch.zeros(3), [], {}, {"state": []}, {"state": torch.zeros(2)}])
def test_what_is_no_state_of_an_optimiser_is_refused_by_what_it_is(state: object) -> None:
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(2))])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="where an optimiser's moments belong"):
            load_moments(optimizer, state)  # type: ignore[arg-type]
