"""Two processes under torchrun, on a CPU with gloo, are the run that one process would be."""

import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file

from projgan.config import EvaluationConfig
from projgan.data import load_images
from projgan.data.tensors import as_tensor
from projgan.errors import UserError
from projgan.measuring.measuring import evaluate
from projgan.process import ranks as distributed
from projgan.process.ranks import Ranks, choose_device, hardware, join_ranks
from projgan.storage.checkpoints import checkpoint_path
from projgan.storage.run_directory import RunDirectory
from projgan.training.building import build_trainer
from small_runs import (
    ONE_RANK,
    assert_no_leftovers,
    command_line,
    files_of,
    last_checkpoint,
    read_rows,
    save_blank_classifier,
    small_config,
    start,
    train_small,
)

SHARED = {"training.batch_norm_statistics": "shared"}
PER_RANK = {"training.batch_norm_statistics": "per-rank"}
HERE = Path(__file__).parent


def torchrun(*words: str) -> "subprocess.Popen[str]":
    """Start two ranks of a command, each with as many threads as this process."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    paths = [str(HERE.parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    path = os.pathsep.join(filter(None, paths))
    return start([*launcher, *words], PYTHONPATH=path)


def train_on_two(
    run_dir: Path, changes: dict[str, Any] | None = None, *options: str
) -> "subprocess.Popen[str]":
    return torchrun(*options, "-m", "projgan", *command_line(run_dir, changes))


def ended(process: "subprocess.Popen[str]", seconds: float = 120) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out, err


def wait_for_step(run_dir: Path, step: int, process: "subprocess.Popen[str]") -> None:
    deadline, stats = time.monotonic() + 90, run_dir / "stats.jsonl"
    while time.monotonic() < deadline and process.poll() is None:
        lines = stats.read_text().splitlines() if stats.exists() else []
        if lines and lines[-1].endswith("}") and json.loads(lines[-1])["step"] >= step:
            return
        time.sleep(0.02)
    raise AssertionError(f"step {step} was not reached: {process.poll()}")


def ranks_of(run_dir: Path) -> list[int]:
    """Ids of the processes that train in a run directory, the launcher left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode().split("\0")
            except OSError:
                continue
            if str(run_dir) in words and "torch.distributed.run" not in words:
                found.append(int(entry.name))
    return sorted(found)


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("ranks") / "losses.json"
    process = torchrun(str(HERE / "ranks_script.py"), json.dumps([SHARED, PER_RANK]), str(out))
    code, _, err = ended(process)
    assert code == 0, err
    found: dict[str, Any] = json.loads(out.read_text())
    assert found["ranks"] == 2
    return found | dict(zip(("shared", "per-rank"), found["results"], strict=True))


@pytest.fixture(scope="module")
def one_rank() -> torch.Tensor:
    """Losses of the same steps in this process."""
    data = load_images("digits", resolution=8, channels=1, cache=None)
    images, labels = as_tensor(data.images), as_tensor(data.labels)
    trainer = build_trainer(small_config(SHARED), images, labels, data.num_classes, ONE_RANK)
    for _ in range(4):
        trainer.advance()
    return torch.stack(trainer.pending).double()


@pytest.mark.parametrize("statistics", ["shared", "per-rank"])
def test_parameters_are_the_same_bits_on_every_rank(two_ranks: dict[str, Any], statistics: str) -> None:
    same = two_ranks[statistics]["same_on_all_ranks"]
    assert same["parameters"]
    assert not same["images"]  # each rank has its own share, or equality would mean nothing
    assert same["statistics"] == (statistics == "shared")


def test_ranks_average_gradients_and_values_and_do_not_sum_them(two_ranks: dict[str, Any]) -> None:
    # Adam would hide a factor in the gradients, so they are looked at themselves.
    assert two_ranks["gradients of 0 and 1"] == [[0.5] * 3] * 2
    assert two_ranks["values of 0 and 1"] == [0.5]
    assert two_ranks["largest of 0 and 1"] == 1
    assert two_ranks["text of the first"] == ["größer 0", "", 2 * 10, 0]  # bytes, over both ranks


def test_two_ranks_with_shared_statistics_have_the_losses_of_one(
    two_ranks: dict[str, Any], one_rank: torch.Tensor
) -> None:
    # The same sums in another order: float32 rounds at 6e-8, sums of thousands of terms at some 1e-6. Adam
    # divides by the gradient's size, so rounding near zero gradients moves weights by a share of the rate:
    # 5e-4 x 1e-2 a step. That is what 1e-4 allows; per-rank statistics differ by far more (next test).
    difference = (torch.tensor(two_ranks["shared"]["losses"]) - one_rank).abs()
    assert difference[0, 0] < 5e-6  # the generator's first loss comes before any update
    assert difference.max() < 1e-4


def test_per_rank_statistics_give_other_losses(two_ranks: dict[str, Any], one_rank: torch.Tensor) -> None:
    difference = (torch.tensor(two_ranks["per-rank"]["losses"]) - one_rank).abs()
    assert difference.max() > 1e-3


def test_two_ranks_train_and_either_number_resumes_the_other(tmp_path: Path) -> None:
    changes = SHARED | {"training.steps": 4, "training.log_every": 2, "sampling.every": 4}
    changes |= {"sampling.columns": 2}
    one, two = tmp_path / "one", tmp_path / "two"
    code, out, err = ended(train_on_two(two, changes))
    assert code == 0, err
    assert out.splitlines() == [str(two / "generator.safetensors")]  # said once, not by each rank
    assert "Traceback" not in err
    assert (two / "samples" / "step-00000004.png").is_file()
    assert_no_leftovers(two)
    train_small(one, changes)
    assert_close_rows(one, two, 1e-4)
    ours, theirs = (load_file(run / "generator.safetensors") for run in (one, two))
    for name, tensor in ours.items():  # also the statistics of the average, which one rank measures
        torch.testing.assert_close(tensor, theirs[name], rtol=1e-3, atol=5e-3)

    more = changes | {"training.steps": 8}
    train_small(two, more)  # two ranks' checkpoint goes on with one
    assert ended(train_on_two(one, more))[0] == 0  # and one's with two
    assert [row["step"] for row in read_rows(one)] == [2, 4, 6, 8]
    assert_close_rows(one, two, 5e-3)
    # Losing any part of the state on the way would show: this is what another path looks like.
    restarted = tmp_path / "restarted"
    train_small(restarted, more | {"training.seed": 1})
    with pytest.raises(AssertionError):
        assert_close_rows(one, restarted, 5e-3)


def test_losses_that_a_checkpoint_of_two_ranks_keeps_are_those_of_both(tmp_path: Path) -> None:
    changes = PER_RANK | {"training.steps": 4, "training.log_every": 4, "training.checkpoint_every": 3}
    code, _, err = ended(train_on_two(tmp_path / "whole", changes))
    assert code == 0, err
    shutil.copytree(tmp_path / "whole", tmp_path / "resumed")
    checkpoint_path(tmp_path / "resumed/checkpoints", 4).unlink()  # in the midst of the row
    code, _, err = ended(train_on_two(tmp_path / "resumed", changes))
    assert code == 0, err
    assert "at step 3" in err
    assert read_rows(tmp_path / "resumed") == read_rows(tmp_path / "whole")


def test_what_ranks_measure_on_the_way_is_what_the_file_gives(tmp_path: Path) -> None:
    """Each has batch norm statistics of its own; those of the first are written, and so measured."""
    torch.manual_seed(0)
    classifier = save_blank_classifier(tmp_path / "blank.safetensors", tuple("0123456789"))
    asked = {"evaluation.generated_images": 60, "evaluation.metrics": "fd"}
    asked |= {"evaluation.features": f"classifier:{classifier}", "evaluation.every": 4}
    changes = PER_RANK | {"training.steps": 4, "training.ema_decay": None} | asked
    code, _, err = ended(train_on_two(tmp_path / "run", changes))
    assert code == 0, err
    settings = EvaluationConfig(features=f"classifier:{classifier}", generated_images=60, metrics=("fd",))
    (again,) = evaluate(tmp_path / "run", None, settings, ONE_RANK)
    (first, _) = RunDirectory(tmp_path / "run").read_metrics()
    assert first["subject"]["sha256"] == again.subject.sha256
    assert first["value"] == again.value


def assert_close_rows(one: Path, two: Path, tolerance: float) -> None:
    for ours, theirs in zip(read_rows(one), read_rows(two), strict=True):
        assert theirs == pytest.approx(ours, abs=tolerance)


def test_a_killed_rank_is_restarted_and_sigterm_then_stops_with_a_checkpoint(tmp_path: Path) -> None:
    endless = {"training.steps": 10**6, "optimizer.decay_end": 10**6, "training.checkpoint_every": 2}
    process = train_on_two(tmp_path, endless, "--max-restarts", "1")
    wait_for_step(tmp_path, 3, process)
    first = ranks_of(tmp_path)
    os.kill(first[-1], signal.SIGKILL)
    wait_for_step(tmp_path, read_rows(tmp_path)[-1]["step"] + 6, process)
    assert not set(first) & set(ranks_of(tmp_path))
    process.send_signal(signal.SIGTERM)
    code, out, err = ended(process, 60)
    assert code != 0
    assert out == ""
    assert "resuming" in err
    step = last_checkpoint(tmp_path)["step"]
    assert f"stopped at step {step}; the same command resumes" in err
    assert ranks_of(tmp_path) == []
    rows = [row["step"] for row in read_rows(tmp_path)]
    assert rows == list(range(3, step + 1, 3))
    assert train_small(tmp_path, endless | {"training.steps": step + 1}).step == step + 1
    assert_no_leftovers(tmp_path)


def test_a_killed_rank_ends_the_job_in_bounded_time(tmp_path: Path) -> None:
    endless = {"training.steps": 10**6, "optimizer.decay_end": 10**6, "training.checkpoint_every": 2}
    process = train_on_two(tmp_path, endless)
    wait_for_step(tmp_path, 3, process)
    os.kill(ranks_of(tmp_path)[0], signal.SIGKILL)
    code, _, err = ended(process, 60)
    assert code != 0
    assert ranks_of(tmp_path) == []
    assert last_checkpoint(tmp_path)["step"] >= 2
    assert "projgan/cli.py" not in err  # torchrun shows a traceback of its own; none is ours


def test_a_mistake_that_the_first_rank_finds_is_one_line(tmp_path: Path) -> None:
    code, out, err = ended(train_on_two(tmp_path / "run", {"data.source": "/nowhere/at/all"}))
    assert code != 0
    assert out == ""
    (line,) = [line for line in err.splitlines() if line.startswith("projgan: ")]
    assert "/nowhere/at/all" in line
    assert "projgan/cli.py" not in err
    assert files_of(tmp_path / "run") == {}


@pytest.mark.parametrize("key", ["batch_size", "generator_batch_size"])
def test_a_batch_that_ranks_cannot_share_is_one_line(key: str) -> None:
    images, labels = torch.zeros(9, 1, 8, 8, dtype=torch.uint8), torch.zeros(9, dtype=torch.int64)
    ranks = Ranks(rank=0, size=2, device=torch.device("cpu"))
    with pytest.raises(
        UserError, match=f"training.{key} is 9, which 2 processes cannot share equally; choose a"
    ):
        build_trainer(small_config({f"training.{key}": 9}), images, labels, 10, ranks)
    with pytest.raises(SystemExit):  # one of them says it
        build_trainer(small_config({f"training.{key}": 9}), images, labels, 10, replace(ranks, rank=1))


def test_a_launcher_without_its_variables_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(UserError, match="torchrun"), join_ranks("cpu"):
        pass


def test_each_restart_on_one_machine_meets_where_no_address_of_the_dead_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agents_store, used = dist.HashStore(), []
    monkeypatch.setattr(distributed, "rendezvous", lambda url, timeout: iter([(agents_store, 0, 2)]))
    monkeypatch.setattr(dist, "init_process_group", lambda backend, store, **others: used.append(store))
    monkeypatch.setenv("WORLD_SIZE", "2")
    for local, restart in (("2", "0"), ("2", "1"), ("1", "1")):
        monkeypatch.setenv("LOCAL_WORLD_SIZE", local)
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", restart)
        assert distributed._connect(torch.device("cpu")) is None
    used[0].set("address", "of the dead")
    assert used[0].check(["address"])
    assert not used[1].check(["address"])
    # Machines may have restarted differently often: there, only torch knows where to meet.
    assert used[2] is agents_store


def test_gpus_wait_minutes_in_a_step_and_hours_for_the_first_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    """What torch is asked for; it takes NCCL to see it done."""
    asked: dict[str, Any] = {}
    monkeypatch.setattr(distributed, "rendezvous", lambda url, timeout: iter([(dist.HashStore(), 0, 2)]))
    monkeypatch.setattr(dist, "init_process_group", lambda backend, **named: asked.update(named, all=backend))
    monkeypatch.setattr(dist, "new_group", lambda **named: ("patient", named))
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: asked.update(set=device))
    monkeypatch.setenv("WORLD_SIZE", "2")
    gpu = torch.device("cuda", 1)
    name, of_patient = distributed._connect(gpu)
    assert (asked["all"], asked["device_id"], asked["set"]) == ("cpu:gloo,cuda:nccl", gpu, gpu)
    assert asked["timeout"] == timedelta(minutes=10)
    assert (name, of_patient) == ("patient", {"backend": "gloo", "timeout": timedelta(hours=6)})

    groups: list[Any] = []
    monkeypatch.setattr(dist, "all_reduce", lambda tensor, op, group: groups.append(group))
    monkeypatch.setattr(dist, "broadcast", lambda tensor, src, group: groups.append(group))
    ranks = Ranks(0, 2, gpu, patient="patient")
    ranks.barrier()
    with ranks.first_goes_ahead():
        pass
    ranks.text_of_first("a")
    assert groups == ["patient"] * 4


@pytest.mark.parametrize(("fails", "device"), [(True, "cuda"), (True, "cpu"), (False, "cuda")])
def test_what_is_under_way_between_gpus_is_not_waited_for_where_one_is_lost(
    monkeypatch: pytest.MonkeyPatch, fails: bool, device: str
) -> None:
    ended: list[str] = []
    monkeypatch.setattr(distributed, "_connect", lambda device: None)
    monkeypatch.setattr(distributed, "choose_device", lambda wanted, rank: torch.device(device))
    monkeypatch.setattr(dist, "get_rank", lambda: 0)
    monkeypatch.setattr(dist, "destroy_process_group", lambda: ended.append("destroyed"))
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="another process") if fails else nullcontext(), join_ranks():
        if fails:
            raise dist.DistBackendError("NCCL: a rank is gone")
    assert ended == ([] if fails and device == "cuda" else ["destroyed"])


def test_shares_are_equal_in_order_and_together_the_whole() -> None:
    ranks = [Ranks(rank, 4, torch.device("cpu")) for rank in range(4)]
    batch = list(range(24))
    assert [index for rank in ranks for index in batch[rank.share(24)]] == batch
    assert {len(batch[rank.share(24)]) for rank in ranks} == {6}
    assert [rank.is_first for rank in ranks] == [True, False, False, False]


def test_one_process_passes_everything_through() -> None:
    values = torch.tensor([1.0, 2.0])
    assert ONE_RANK.largest(15) == 15
    assert ONE_RANK.text_of_first("größer") == "größer"
    assert ONE_RANK.average_values(values) is values
    ONE_RANK.barrier()


def test_a_gpu_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    with pytest.raises(UserError, match=r"choose cpu"):
        choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("auto", 0) == torch.device("cuda", 0)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"card {device.index}")
    assert hardware(torch.device("cuda", 1)) == "card 1"
    with pytest.raises(UserError, match="2 processes on this machine but 1 GPUs"):
        choose_device("auto", 1)
