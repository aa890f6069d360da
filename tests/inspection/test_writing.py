"""`projgan inspect` from its options to the cells of its table and the pixels of its pictures."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from projgan.cli import run_command
from projgan.data import load_images
from projgan.inspection.inspection import inspect
from projgan.inspection.label_posterior import label_posterior_of
from projgan.lanes import features_of
from projgan.storage.network_file import load_discriminator, load_generator
from small_runs import Run, assert_one_line_error, train_small

DIGITS = [str(digit) for digit in range(10)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    train_small(folder / "projection", {"training.steps": 2})
    train_small(folder / "ac-gan", {"training.steps": 1, "discriminator.condition": "ac-gan"})
    nothing = {"discriminator.condition": "unconditional", "generator.condition": None}
    train_small(folder / "unconditional", {"training.steps": 1, **nothing})
    return folder


@pytest.fixture
def command(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    digits = load_images("digits", resolution=8, channels=1, cache=None)
    np.savez("some.npz", images=digits.images[:30], labels=digits.labels[:30], class_names=np.array(DIGITS))

    def run(name: str, *words: str) -> tuple[int, str, str]:
        code = run_command(["inspect", str(runs / name), *words])
        return code, *capsys.readouterr()

    return run


def rows_of(folder: str = "inspection") -> list[dict[str, str]]:
    with Path(folder, "inspection.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def columns_of(rows: list[dict[str, str]], part: str) -> np.ndarray:
    return np.array([[float(row[f"{part}: {name}"]) for name in DIGITS] for row in rows])


def test_the_table_gives_back_what_was_found(command: Run, runs: Path) -> None:
    code, _, _ = command("projection", "some.npz", "--generated-per-class", "3")
    assert code == 0
    rows = rows_of()
    digits = load_images("digits", resolution=8, channels=1, cache=None)
    images, labels = torch.tensor(digits.images[:30]), torch.tensor(digits.labels[:30])
    discriminator, _ = load_discriminator(runs / "projection" / "discriminator.safetensors")
    found = inspect(discriminator, "projection", images, labels)
    assert [row["image"] for row in rows] == [f"image {index} of some" for index in range(30)]
    assert [row["label"] for row in rows] == [str(label) for label in labels.tolist()]
    scores, generated = columns_of(rows, "r(y|x)"), columns_of(rows, "log p(y|x)")
    assert np.array_equal(scores.astype(np.float32), found.class_scores)
    assert np.array_equal(np.array([row["logit"] for row in rows], dtype=np.float32), found.logits)
    assert np.array_equal(np.array([row["r(x)"] for row in rows], dtype=np.float32), found.marginal)
    generator, _ = load_generator(runs / "projection" / "generator.safetensors")
    learned = label_posterior_of(generator, discriminator, 3)
    expected = learned.log_probabilities(features_of(discriminator, images))
    np.testing.assert_allclose(generated, expected, rtol=1e-6, atol=0)

    powers = np.exp(scores + generated)
    posterior = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(columns_of(rows, "posterior"), posterior, rtol=1e-5, atol=0)
    own = posterior[np.arange(30), labels]
    np.testing.assert_allclose([float(row["posterior of label"]) for row in rows], own, rtol=1e-5)
    assert [row["most likely"] for row in rows] == [DIGITS[best] for best in posterior.argmax(axis=1)]
    posterior[np.arange(30), labels] = 0
    odds = np.log(posterior.max(axis=1) / own)
    np.testing.assert_allclose([float(row["dispute"]) for row in rows], odds, rtol=0, atol=1e-4)
    in_order = sorted(rows, key=lambda row: int(row["rank"]))
    disputes = [float(row["dispute"]) for row in in_order]
    assert disputes == sorted(disputes, reverse=True)
    assert [int(row["rank"]) for row in in_order] == list(range(1, 31))


def test_the_summary_and_the_pictures(command: Run) -> None:
    code, out, _ = command("projection", "some.npz", "--top", "2", "--generated-per-class", "0", "--json")
    summary = json.loads(out)
    rows = rows_of()
    assert code == 0
    assert summary["posterior"] == "r(y|x) with p(y|x) flat"
    assert summary["disputed"] == sum(float(row["dispute"]) > 0 for row in rows)
    assert "log p(y|x): 0" not in rows[0]
    first = min(rows, key=lambda row: int(row["rank"]))
    assert summary["suspects"][0]["image"] == first["image"]
    assert summary["suspects"][0]["suggested"] == first["most likely"]
    names = ["inspection.csv", "most-real.png", "least-real.png", "disputed.png"]
    assert summary["files"] == [f"inspection/{name}" for name in names]
    digits = load_images("digits", resolution=8, channels=1, cache=None)
    of_nine = [index for index, row in enumerate(rows) if row["label"] == "9"]
    logits = {index: float(rows[index]["logit"]) for index in of_nine}
    for name, best in (("most-real.png", max), ("least-real.png", min)):
        picture = np.asarray(Image.open(Path("inspection") / name).convert("L"))
        image = digits.images[best(of_nine, key=lambda index: logits[index])][0]
        left = picture.shape[1] - 2 * 50 - 2  # behind the names: two columns of six times eight and a margin
        cell = picture[2 + 9 * 50 :, left + 2 :][:48:6, :48:6]
        assert np.array_equal(cell, image)


def test_the_runs_own_images_are_taken_if_none_are_given(command: Run) -> None:
    code, out, _ = command("ac-gan", "--top", "1")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("1,797 images of digits: mean r(x) ")
    assert lines[1] == "posterior: softmax of each class logit"
    assert lines[2].startswith("another label is likelier for ")
    first = min(rows_of(), key=lambda row: int(row["rank"]))
    dispute = f"{float(first['dispute']):+.3g}"
    assert lines[3] == f"  {first['image']}: {first['label']}, rather {first['most likely']} ({dispute})"
    assert len(rows_of()) == 1797
    assert "class logit: 9" in rows_of()[0]


def test_an_unconditional_discriminator_says_r_of_x_alone(command: Run) -> None:
    code, out, _ = command("unconditional", "some.npz")
    assert code == 0
    assert "this discriminator tells no labels apart, so there is no posterior" in out
    assert list(rows_of()[0]) == ["image", "label", "logit", "r(x)"]
    assert not Path("inspection", "disputed.png").exists()


def test_classes_are_matched_by_name(command: Run) -> None:
    digits = load_images("digits", resolution=8, channels=1, cache=None)
    wanted = (digits.labels[:30] == 7) | (digits.labels[:30] == 2)
    labels = np.where(digits.labels[:30][wanted] == 7, 0, 1)
    np.savez("two.npz", images=digits.images[:30][wanted], labels=labels, class_names=np.array(["7", "2"]))
    command("projection", "two.npz", "--out", "two", "--generated-per-class", "0")
    command("projection", "some.npz", "--out", "all", "--generated-per-class", "0")
    logits = [row["logit"] for row in rows_of("all") if row["label"] in "72"]
    assert [row["logit"] for row in rows_of("two")] == logits


MISTAKES: dict[str, tuple[list[str], str]] = {
    "no such run": (["absent"], "absent: no such file"),
    "a generator": (["projection/generator.safetensors"], "holds a generator, not a discriminator"),
    "no data known": (["projection/discriminator.safetensors"], "give images: inspect RUN DATA"),
    "no such data": (["projection", "absent.npz"], "absent.npz"),
    "none to show": (["projection", "--top", "0"], "--top is 0"),
    "fewer than none": (["projection", "--generated-per-class", "-1"], "--generated-per-class is -1"),
    "a split of nothing": (["projection", "--split", "test"], "digits has no splits"),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_mistake_is_one_line(command: Run, kind: str) -> None:
    words, message = MISTAKES[kind]
    assert message in assert_one_line_error(*command(*words))
    assert not Path("inspection").exists()


def test_other_classes_are_refused(command: Run) -> None:
    images = np.zeros((4, 8, 8), dtype=np.uint8)
    np.savez("cats.npz", images=images, labels=np.arange(4) % 2, class_names=np.array(["7", "cat"]))
    line = assert_one_line_error(*command("projection", "cats.npz"))
    assert "cats: the discriminator knows no class 'cat'" in line


def test_without_a_generator_a_flat_posterior_must_be_asked_for(command: Run, runs: Path) -> None:
    Path("alone").mkdir()
    alone = Path("alone/discriminator.safetensors").resolve()
    alone.write_bytes((runs / "projection" / "discriminator.safetensors").read_bytes())
    line = assert_one_line_error(*command(str(alone), "some.npz"))
    assert "--generated-per-class 0 takes p(y|x) as flat" in line
    assert command(str(alone), "some.npz", "--generated-per-class", "0")[0] == 0
