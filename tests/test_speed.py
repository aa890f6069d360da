"""The speed benchmark counts what it says it counts, and its history survives what lies in its folder."""

import json
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import speed
from projgan.errors import UserError
from projgan.training.memory import memory_need
from timing import history, measures
from timing.measures import Case, Repetitions, in_turns, matrix_rate, operations_of, trainer_of

CPU = torch.device("cpu")
TINY = {"generator.width": 4, "discriminator.width": 4, "training.generator_batch_size": 4}


def operations(batch: int) -> int:
    return operations_of(Case("demo", TINY | {"training.batch_size": batch}), CPU)


def test_operations_of_one_more_image_are_those_of_its_convolutions_by_hand() -> None:
    """One real and one generated image more in an update of the discriminator."""
    width, side = 4, 8
    generator = 2 * 128 * width * 2 * 2  # the linear layer
    for size in (4, 8):
        generator += (
            2 * size**2 * width**2 * (9 + 9) + 2 * (size // 2) ** 2 * width**2
        )  # shortcut on the small map
    generator += 2 * side**2 * width * 9
    first = 2 * side**2 * width * 9 + 2 * side**2 * width**2 * 9  # before pooling, as written
    first_shortcut = 2 * (side // 2) ** 2 * width
    second = 2 * 4**2 * width**2 * 9 * 2 + 2 * 2**2 * width**2
    third = 2 * 2**2 * width**2 * 9 * 2
    head = 2 * width
    forward = first + first_shortcut + second + third + head
    # Weights and features get gradients, but the image gets none.
    backward = 2 * forward - 2 * side**2 * width * 9 - first_shortcut
    assert operations(7) - operations(6) == generator + 2 * (forward + backward)


def test_the_rate_of_a_matrix_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "in_turns", lambda *given: {"": Repetitions((2.0, 4.0))})
    assert matrix_rate(torch.float32, CPU, 3, size=8).values == (2 * 8**3 / 2, 2 * 8**3 / 4)


def test_two_things_take_turns_and_the_first_time_does_not_count() -> None:
    order: list[str] = []
    found = in_turns({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, CPU, 2)
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert [len(times.values) for times in found.values()] == [2, 2]


def test_median_and_spread() -> None:
    assert Repetitions((0.003, 0.001, 0.002)).text(1000, "ms") == "2 ms (1 to 3)"


def test_data_is_a_share_of_the_iteration(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that sleeps is most of an iteration of a tiny network; one that does not is little of it."""
    share = {}
    for name, pause in (("slow", 0.3), ("quick", 0.0)):

        def trainer(*given: Any, pause: float = pause) -> Any:
            made = trainer_of(Case("demo", TINY | {"training.discriminator_updates": 5}), "auto", CPU)
            batch = made.stream.batch
            made.stream.batch = lambda position: (measures.time.sleep(pause), batch(position))[1]
            return made

        monkeypatch.setattr(measures, "trainer_of", trainer)
        share[name] = measures.data_share("resnet-8", 8, CPU, 1).median
    assert 0.7 < share["slow"] < 1
    assert share["quick"] < 0.5


SMALL = Case("cifar10-small", {"training.batch_size": 32})


def peak_of_tensors(action: Callable[[], object]) -> int:
    """Most bytes that tensors made in an action took at once: no library's buffers, no holes."""
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as seen:
        action()
    events = [event for event in seen.profiler.kineto_results.events() if event.name() == "[memory]"]
    changes = (event.nbytes() for event in sorted(events, key=lambda event: event.start_ns()))
    return max(accumulate(changes))


def test_what_the_dry_run_foresees_is_near_the_peak() -> None:
    trainer = trainer_of(SMALL, "auto", CPU)
    need = memory_need(trainer)
    trainer.advance()  # makes the optimiser's state
    peak = need.constant + peak_of_tensors(trainer.advance)
    assert 0.8 < peak / need.at(32) < 1.0  # 0.887 by every instruction set and number of threads


def test_the_peak_of_a_process_is_measured() -> None:
    found = measures.memory_ratio(SMALL, CPU)
    assert found["ratio"] == found["peak"] / found["foreseen"]
    assert found["ratio"] > 0.7  # above it by what the libraries take and by holes: the machine's, not ours


RESULT: dict[str, Any] = {
    "date": "2026-01-02T03:04:05+00:00",
    "machine": {"hardware": "an abacus", "commit": "abc"},
    "training": [{"preset": "demo", "changes": {}, "seconds": {"auto": {"values": [1.0, 3.0, 2.0]}}}],
    "sampling_images_per_second": {"auto": {"values": [50.0]}},
    "start_up_seconds": {"cpu": {"values": [0.2]}},
}


def test_history_keeps_one_machine_in_order_and_names_what_it_cannot_read(tmp_path: Path) -> None:
    for name, changes in {
        "z.json": {},
        "a.json": {"date": "2026-02-01T00:00:00+00:00"},
        "other.json": {"machine": {"hardware": "a slide rule", "commit": None}},
        "b.json": {"date": "yesterday"},
        "c.json": {"training": [7]},
    }.items():
        (tmp_path / name).write_text(json.dumps(RESULT | changes))
    (tmp_path / "d.json").write_text("{")
    said: list[str] = []
    found = history.read(tmp_path, "an abacus", said.append)
    assert [result["date"][:7] for result in found] == ["2026-01", "2026-02"]
    assert [Path(message.split(":")[0]).name for message in said] == ["b.json", "c.json", "d.json"]
    assert history.figures(found[0]) == {
        "demo, auto: s an iteration": 2.0,
        "sampling, auto: s for 100 images": 2.0,
        "projgan --help: s": 0.2,
    }
    Image.open(history.draw(tmp_path, "an abacus", said.append)).verify()


def test_a_whole_run_of_the_smallest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(speed, "QUICK", (Case("demo", TINY),))
    monkeypatch.setattr(speed, "DATA_SIZES", {"resnet-8": 8})
    monkeypatch.setattr(speed, "sampling_rates", lambda *given: {"auto": Repetitions((50.0,))})
    threads = torch.get_num_threads()
    assert (
        speed.main(
            lambda: speed.app(["--repetitions", "1", "--out", str(tmp_path)], result_action="return_value")
        )
        == 0
    )
    assert torch.get_num_threads() == threads
    assert "times the plain path" in capsys.readouterr().out
    (path,) = tmp_path.glob("*.json")
    result = json.loads(path.read_text())
    assert result["training"][0]["speed_over_plain"] > 0
    assert result["machine"]["torch"] == torch.__version__
    assert (tmp_path / "history.png").is_file()


def test_no_repetitions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--repetitions is 0"):
        speed.speed(repetitions=0, out=tmp_path)
