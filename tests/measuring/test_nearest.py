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
from projgan.pictures.grids import write_png
from projgan.pictures.pillow import to_pil
from small_runs import assert_one_line_error, save_blank_classifier, train_small

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


@pytest.mark.parametrize(
    ("kind", "header", "cells"), [("vector", "age", ["1", "3"]), ("multi-hot", "tags", ["a;b", "b"])]
)
def test_other_conditions_than_a_class_are_looked_at_too(
    kind: str, header: str, cells: list[str], tmp_path: Path, capsys
) -> None:
    draws = np.random.default_rng(0)
    folder = tmp_path / "table"
    for index in range(8):
        write_png(to_pil(draws.integers(0, 256, (1, 8, 8), dtype=np.uint8)), folder / f"{index}.png")
    lines = [f"file,{header}", *(f"{index}.png,{cells[index % 2]}" for index in range(8))]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    changes = {"data.source": str(folder), "data.condition": kind, "data.cache": str(tmp_path / "cache")}
    train_small(tmp_path / "run", changes | {"training.steps": 1})
    features = save_blank_classifier(tmp_path / "blank.safetensors", ("a", "b"))
    start = ["nearest", str(tmp_path / "run"), "--features", f"classifier:{features}", "--count", "2"]
    start += ["--cache", str(tmp_path / "cache"), "--device", "cpu", "--out", str(tmp_path / "x.png")]
    for more in ([], [str(folder), "--overwrite"]):
        assert run_command([*start, *more, "--json"]) == 0, capsys.readouterr()
        pairs = json.loads(capsys.readouterr().out)["pairs"]
        assert {pair["image"] for pair in pairs} <= {f"{index}.png" for index in range(8)}
    if kind == "vector":
        code = run_command([*start, "--class", "age", "--overwrite"])
        assert "has no classes but numbers; leave --class out" in assert_one_line_error(
            code, *capsys.readouterr()
        )


def test_the_share_of_one_class_is_that_among_its_images(tmp_path: Path, capsys, monkeypatch) -> None:
    """Real digits in place of generated ones: of each class alone about half lie nearer, not all or none."""
    real = load_images("digits", resolution=8, channels=1, cache=None)
    halves = tmp_path / "half"
    for index in range(0, len(real), 2):
        write_png(to_pil(real.images[index]), halves / real.class_names[real.labels[index]] / f"{index}.png")
    for name in ("1", "8"):  # by the median of all classes .9 and .0, in a classifier's features
        others = torch.from_numpy(real.images[1::2][real.labels[1::2] == int(name)][:80])
        monkeypatch.setattr(module, "sample", lambda *asked, others=others: iter([others]))
        features = save_blank_classifier(tmp_path / f"{name}.safetensors", DIGITS)
        asked = [
            "--class",
            name,
            "--count",
            str(len(others)),
            "--out",
            str(tmp_path / f"{name}.png"),
            "--json",
        ]
        start = ["nearest", "digits", str(halves), "--features", f"classifier:{features}", "--device", "cpu"]
        assert run_command([*start, "--cache", str(tmp_path / "cache"), *asked]) == 0
        assert json.loads(capsys.readouterr().out)["nearer_than_real"] == pytest.approx(0.5, abs=0.2)


def test_only_a_png_is_written(tmp_path: Path, capsys) -> None:
    code = run_command([*words(tmp_path), "--out", str(tmp_path / "x.jpg")])
    assert "the picture is a PNG; give FILE.png" in assert_one_line_error(code, *capsys.readouterr())
