"""What a run takes of a GPU is foreseen from a few images; where it is too much, one line says what fits."""

import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from projgan.cli import run_command
from projgan.errors import UserError, is_out_of_memory
from projgan.process.ranks import Ranks
from projgan.training import memory
from projgan.training import probe as probe_module
from projgan.training.building import build_trainer
from projgan.training.memory import MemoryNeed, memory_need
from projgan.training.parts import Parts
from projgan.training.probe import probe
from projgan.training.trainer import Trainer
from small_runs import ONE_RANK, assert_one_line_error, command_line, small_config, train_small

LARGE: dict[str, Any] = {"training.batch_size": 32, "training.generator_batch_size": 64}
FULL = "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 7.92 GiB of which"


def test_what_fits_by_hand() -> None:
    need = MemoryNeed(constant=1000, maps=80, batch_size=8)
    assert [need.at(size) for size in (8, 16, 100)] == [1080, 1160, 2000]
    # 0.9 of 2000 is 1800; 800 of it are 80 images of 10 bytes.
    assert need.fitting(2000) == 80
    assert need.fits(80, 2000)
    assert not need.fits(81, 2000)
    assert need.fitting(2099) == 88  # 88.9, in eights
    assert need.fitting(1150) == 3
    assert need.fitting(500) == 0


def test_a_few_images_foresee_many() -> None:
    images = torch.zeros(32, 1, 8, 8, dtype=torch.uint8)
    trainer = build_trainer(small_config(LARGE), images, torch.arange(32) % 4, 4, ONE_RANK)
    few, all_of_them = memory_need(trainer, 8), memory_need(trainer)
    assert (few.batch_size, all_of_them.batch_size) == (8, 32)
    assert few.constant == all_of_them.constant
    # Activations go with the images; sums, weights normalised and the like do not.
    assert few.at(32) == pytest.approx(all_of_them.at(32), rel=0.1)
    assert few.maps < 0.3 * all_of_them.maps


def test_what_was_counted_is_free_again() -> None:
    """Or what adds up gradients stays where it was made, and a GPU refuses to record the run's steps."""
    images = torch.zeros(8, 1, 8, 8, dtype=torch.uint8)
    trainer = build_trainer(small_config(), images, torch.arange(8) % 4, 4, ONE_RANK)
    seen: list[weakref.ref[torch.Tensor]] = []
    for network in (trainer.generator, trainer.discriminator):
        for layer in network.modules():
            if isinstance(layer, nn.Linear):
                layer.register_forward_hook(lambda *given: seen.append(weakref.ref(given[2])))
    memory_need(trainer)
    assert len(seen) > 2
    assert [kept for kept in seen if kept() is not None] == []


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How much a GPU has, to be set; everything else is a CPU's."""
    there = {"bytes": 2**40}
    for module in (memory, probe_module):
        monkeypatch.setattr(module, "available_memory", lambda device: there["bytes"])
    monkeypatch.setattr(probe_module, "stays_on_gpu", lambda num_bytes, device: True)
    return there


def sizes_probed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    sizes: list[int] = []
    make = Trainer.__init__

    def noting(trainer: Trainer, parts: Parts, ranks: Ranks) -> None:
        sizes.append(parts.schedule.batch_size)
        make(trainer, parts, ranks)

    monkeypatch.setattr(Trainer, "__init__", noting)
    return sizes


def test_a_dry_run_on_a_gpu_times_the_batch_itself_where_it_fits(
    pretended: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = sizes_probed(monkeypatch)
    found = probe(small_config(LARGE), ONE_RANK)
    assert sizes == [8, 32]
    assert (found.probed_batch_size, found.fitting_batch_size) == (32, None)
    assert found.to_text().splitlines()[-1].endswith("of 1024.00 on the GPU")
    monkeypatch.undo()
    # The images themselves stay on a GPU: 1,797 of 8x8 digits.
    assert found.memory_bytes == probe(small_config(LARGE), ONE_RANK).memory_bytes + 1797 * 64


def test_a_dry_run_does_not_die_of_what_it_foresees(
    pretended: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = probe(small_config(LARGE), ONE_RANK)
    constant = 16 * (whole.generator_parameters + whole.discriminator_parameters)
    constant += 4 * whole.generator_parameters + 1797 * 64
    sizes = sizes_probed(monkeypatch)
    pretended["bytes"] = int((constant + 0.8 * (whole.memory_bytes - constant)) / 0.9)
    found = probe(small_config(LARGE), ONE_RANK)
    assert sizes == [8]
    assert found.probed_batch_size == 8
    assert found.fitting_batch_size == 24  # 25.6, in eights
    assert found.to_text().endswith("it does not fit, a batch of 24 would")
    pretended["bytes"] = 1000
    assert probe(small_config(LARGE), ONE_RANK).to_text().endswith("it does not fit, no batch would")


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception, step: int = 2) -> None:
    advance = Trainer.advance

    def short_of_memory(trainer: Trainer) -> torch.Tensor:
        if trainer.step == step:
            raise error
        return advance(trainer)

    monkeypatch.setattr(Trainer, "advance", short_of_memory)


@pytest.mark.parametrize(
    ("share", "remedy"),
    [
        (0.8, "batch_size 24 with generator_batch_size 48 would fit"),
        (2.0, "alone it would fit: end what else uses the memory, and the same command resumes"),
        (0.01, "no batch would fit: choose smaller widths"),
    ],
)
def test_a_step_without_memory_is_one_line_with_the_batch_and_what_would_fit(
    pretended: dict[str, int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, share: float, remedy: str
) -> None:
    images = torch.zeros(9, 1, 8, 8, dtype=torch.uint8)
    trainer = build_trainer(small_config(LARGE), images, torch.arange(9), 10, ONE_RANK)
    need = memory_need(trainer, 8)
    pretended["bytes"] = int((need.constant + (need.at(32) - need.constant) * share) / 0.9)
    if share < 0.1:
        pretended["bytes"] = 1000
    failing(monkeypatch, torch.OutOfMemoryError(FULL))
    with pytest.raises(UserError) as raised:
        train_small(tmp_path / "run", LARGE)
    assert str(raised.value) == (
        "this machine has not enough memory for training.batch_size 32 (generator_batch_size 64); "
        f"{remedy}; --training.precision bf16 takes less"
    )


def test_another_error_of_torch_is_not_taken_for_a_lack_of_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    failing(monkeypatch, RuntimeError("expected scalar type"))
    with pytest.raises(RuntimeError, match="expected scalar type"):
        train_small(tmp_path / "run")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.OutOfMemoryError(FULL), "not enough memory (CUDA out of memory. Tried to allocate 20.00 MiB."),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 8 bytes"),
            "[enforce fail]",
        ),
        (MemoryError(), "not enough memory (it does not fit into memory); ask for less"),
    ],
)
def test_every_command_says_in_one_line_that_memory_is_full(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    def full(*given: object, **named: object) -> None:
        raise error

    monkeypatch.setattr("projgan.generation.sample_writing.write_images", full)
    code = run_command(["sample", "digits", "--out", str(tmp_path / "a.png")])
    assert said in assert_one_line_error(code, *capsys.readouterr())
    assert is_out_of_memory(error)
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_another_error_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Trainer, "advance", lambda trainer: torch.ones(2) @ torch.ones(3))
    with pytest.raises(RuntimeError, match="inconsistent tensor size"):
        run_command(command_line(tmp_path / "run"))
