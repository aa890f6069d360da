"""What a checkpoint may hold, whoever has had it in hand."""

import pickle
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from projgan.errors import UserError
from projgan.storage.state_file import load_state, restore, same, save_state

FORM, REMEDY = "test-1", "remove it"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "state.pt"
    optimizer = {"state": {0: {"step": torch.tensor(1.0), "exp_avg_sq": torch.full((4,), float("inf"))}}}
    network = {"weight": torch.arange(64.0), "norm.running_var": torch.zeros(2)}
    save_state(path, {"step": 3, "network": network, "optimizer": optimizer}, FORM)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_state(path, FORM, REMEDY)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.endswith(f"; {REMEDY}")
    assert "\n" not in message
    return message


def changed(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    state = torch.load(path, weights_only=True)
    change(state)
    torch.save(state, path)
    return path


def test_what_was_saved_comes_back(path: Path) -> None:
    state = load_state(path, FORM, REMEDY)
    assert state["step"] == 3
    assert state["network"]["weight"].equal(torch.arange(64.0))


def test_one_changed_bit_of_a_weight_is_noticed(path: Path) -> None:
    (member,) = [info for info in zipfile.ZipFile(path).infolist() if info.file_size == 64 * 4]
    content = bytearray(path.read_bytes())
    lengths = struct.unpack("<HH", content[member.header_offset + 26 : member.header_offset + 30])
    content[member.header_offset + 30 + sum(lengths) + 130] ^= 1
    path.write_bytes(content)
    assert not torch.load(path, weights_only=True)["network"]["weight"].equal(
        torch.arange(64.0)
    )  # torch is silent
    assert "damaged" in refusal(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_weight_that_is_not_finite_is_refused(path: Path, value: float) -> None:
    message = refusal(changed(path, lambda state: state["network"]["weight"].fill_(value)))
    assert "network.weight has values that are not finite" in message


def test_squares_may_overflow_and_are_never_below_zero(path: Path) -> None:
    load_state(path, FORM, REMEDY)
    for place in ("network", "norm.running_var"), ("optimizer", "state", 0, "exp_avg_sq"):

        def change(state: Any, place: tuple[Any, ...] = place) -> None:
            for key in place:
                state = state[key]
            state.fill_(-1.0)

        other = Path(shutil.copy(path, path.with_name("other.pt")))
        assert f"{'.'.join(map(str, place))} has values below zero" in refusal(changed(other, change))
    other = changed(path, lambda state: state["optimizer"]["state"][0]["exp_avg_sq"].fill_(float("nan")))
    assert "not finite" in refusal(other)


@pytest.mark.parametrize("step", [None, "3", -1, True, 3.0, torch.tensor(3), torch.zeros(0)])
def test_a_step_is_a_number(path: Path, step: object) -> None:
    assert "without its step" in refusal(changed(path, lambda state: state.update(step=step)))


def test_a_compressed_state_is_not_read(path: Path) -> None:
    """It could unpack to any size."""
    with zipfile.ZipFile(path) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    assert "not loaded" in refusal(path)


class Grows:
    """What torch would accept, and what makes any number of bytes of one text."""

    def __reduce__(self) -> tuple[Any, ...]:
        import _codecs

        return _codecs.encode, ("a" * 1000, "latin1")


def test_names_that_no_state_needs_are_refused(path: Path) -> None:
    changed(path, lambda state: state.update(more=Grows()))
    assert torch.load(path, weights_only=True)["more"] == b"a" * 1000
    assert "not loaded" in refusal(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"junk", pickle.dumps({"format": FORM})])
def test_other_files_are_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refusal(path)


def test_a_state_that_holds_itself_is_refused(path: Path) -> None:
    def knot(state: dict[str, Any]) -> None:
        state["network"]["all"] = [state]

    refusal(changed(path, knot))


@pytest.mark.parametrize(
    "error", [KeyError("x"), AttributeError(), RecursionError(), RuntimeError("a\nb"), OverflowError()]
)
def test_whatever_restoring_raises_is_one_line(path: Path, error: Exception) -> None:
    def load(state: dict[str, Any]) -> None:
        raise error

    with pytest.raises(UserError, match=r"not a checkpoint of this training \([^\n]+\); remove it$"):
        restore(load, {}, path, REMEDY)


def test_same_is_of_one_type_and_never_a_tensor() -> None:
    assert same(3, 3)
    assert not same(3, 3.0)
    assert not same(True, 1)
    assert not same(torch.zeros(0), 3)
    assert not same(torch.zeros(3), 0)
