"""Training images nearest to generated ones: copies made on purpose are found, named and drawn."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from projgan.cli import run_command
from projgan.data import load_images
from projgan.measuring import nearest as module
from small_runs import assert_one_line_error, save_blank_classifier

DIGITS = tuple("0123456789")


@pytest.fixture
def copying(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A generator that gives the images of these positions in the digits, whatever it is asked for."""
    chosen = [5, 0, 1000, 77]
    images = torch.from_numpy(load_images("digits", resolution=8, channels=1, cache=None).images[chosen])

    def sample(generator: object, seeds: list[int], condition: object) -> Iterator[torch.Tensor]:
        yield images.repeat(len(seeds) // len(chosen), 1, 1, 1)

    monkeypatch.setattr(module, "sample", sample)
    return chosen


def words(tmp_path: Path) -> list[str]:
    features = save_blank_classifier(tmp_path / "judge.safetensors", DIGITS)
    cache = ["--cache", str(tmp_path / "cache"), "--device", "cpu"]
    return ["nearest", "digits", "digits", "--features", f"classifier:{features}", *cache]


def test_copies_are_found_named_and_drawn(copying: list[int], tmp_path: Path, capsys) -> None:
    out = tmp_path / "copies.png"
    asked = ["--class", "3", "--count", "4", "--top", "4", "--neighbours", "2", "--out", str(out), "--json"]
    assert run_command([*words(tmp_path), *asked]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {pair["image"] for pair in found["pairs"]} == {f"image {place} of digits" for place in copying}
    assert all(pair["distance"] < 1e-3 < pair["real_distance"] for pair in found["pairs"])
    assert found["nearer_than_real"] == 1
    assert (found["generated_images"], found["real_images"]) == (4, 1797)
    picture = np.asarray(Image.open(out).convert("L"))
    # A row is a copy, the image itself, and another: tiles of 48 pixels, 2 apart, at the right edge.
    first, second, third = (picture[:, -x - 48 : -x][-48 - 2 : -2] for x in (102, 52, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(second, third)


def test_the_words_say_what_was_found(tmp_path: Path, capsys) -> None:
    out = tmp_path / "nearest.png"
    assert run_command([*words(tmp_path), "--count", "2", "--top", "3", "--out", str(out)]) == 0
    head, share, *pairs, file = capsys.readouterr().out.splitlines()
    assert head.startswith(
        "20 generated images and 1,797 real ones of digits, in the features of classifier:"
    )
    assert "of the generated ones lie nearer to a real one than half of these to another" in share
    assert len(pairs) == 3
    assert all(", seed " in pair and " of digits, whose nearest other is " in pair for pair in pairs)
    assert file == str(out)
    assert out.is_file()


def test_what_cannot_be_is_refused(tmp_path: Path, capsys) -> None:
    start = words(tmp_path)
    for more, message in (
        (["--class", "eight"], "unknown class 'eight'"),
        (["--count", "1"], "--count"),
    ):
        code = run_command([*start, *more, "--out", str(tmp_path / "x.png")])
        assert message in assert_one_line_error(code, *capsys.readouterr())
    code = run_command(
        ["nearest", "digits", "digits", "--features", "magic", "--out", str(tmp_path / "x.png")]
    )
    assert "unknown feature network 'magic'" in assert_one_line_error(code, *capsys.readouterr())
    code = run_command(["nearest", "digits", "--out", str(tmp_path / "x.png")])
    assert "give images: nearest RUN DATA" in assert_one_line_error(code, *capsys.readouterr())
    (tmp_path / "mine.png").write_bytes(b"precious")
    code = run_command([*start, "--out", str(tmp_path / "mine.png")])
    assert "mine.png" in assert_one_line_error(code, *capsys.readouterr())
    assert (tmp_path / "mine.png").read_bytes() == b"precious"
