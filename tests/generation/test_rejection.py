"""The seeds that a discriminator leaves, by brute force, and the same through the command."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from projgan.cli import run_command
from projgan.generation.rejection import most_real
from projgan.generation.request import pool_size
from projgan.generation.sampling import sample
from projgan.networks.resnet import Discriminator, Generator
from projgan.storage.network_file import load_discriminator, load_generator
from small_runs import Run, assert_one_line_error, train_small


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("trained") / "run"
    train_small(run_dir, {"training.steps": 2})
    return run_dir


@pytest.fixture
def sampled(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    monkeypatch.chdir(tmp_path)

    def run(*words: str, run_dir: Path = trained) -> tuple[int, str, str]:
        code = run_command(["sample", str(run_dir), *words])
        return code, *capsys.readouterr()

    return run


def networks(run_dir: Path) -> tuple[Generator, Discriminator]:
    generator, _ = load_generator(run_dir / "generator.safetensors")
    discriminator, _ = load_discriminator(run_dir / "discriminator.safetensors")
    return generator, discriminator


def best_by_brute_force(run_dir: Path, seeds: list[int], label: int, count: int) -> list[int]:
    generator, discriminator = networks(run_dir)
    logits = {}
    for seed in seeds:
        (image,) = sample(generator, [seed], torch.tensor([label]))
        with torch.no_grad():
            logits[seed] = discriminator((image.float() + 0.5) / 128 - 1, torch.tensor([label])).logits.item()
    return sorted(sorted(seeds, key=lambda seed: -logits[seed])[:count])


def test_the_pool_is_what_leaves_the_count() -> None:
    assert pool_size(10, 0.9) == 100
    assert pool_size(10, 0.75) == 40
    assert pool_size(10, 0.7) == 34  # 33 would leave 9.9
    assert pool_size(7, 0) == 7


@pytest.mark.parametrize("label", [0, 3])
def test_the_most_real_are_kept_in_the_order_of_the_seeds(trained: Path, label: int) -> None:
    seeds = list(range(5, 26))
    found = most_real(*networks(trained), seeds, 6, torch.tensor(label))
    assert found == best_by_brute_force(trained, seeds, label, 6)
    assert most_real(*networks(trained), seeds, 21, torch.tensor(label)) == seeds


def test_a_mix_of_one_class_keeps_the_same_seeds(trained: Path) -> None:
    weights = torch.zeros(10)
    weights[3] = 1
    seeds = list(range(20))
    found = most_real(*networks(trained), seeds, 5, weights)
    assert found == most_real(*networks(trained), seeds, 5, torch.tensor(3))


@pytest.mark.parametrize("batch_size", ["1", "7"])
def test_the_command_keeps_them_whatever_the_batch(
    sampled: Run, trained: Path, tmp_path: Path, batch_size: str
) -> None:
    words = ["--class", "4", "7", "--count", "5", "--seed", "2", "--reject", "0.6", "--json"]
    code, out, _ = sampled(*words, "--batch-size", batch_size, "--out", "kept")
    written = json.loads(out)
    assert code == 0
    assert (written["first_seed"], written["last_seed"]) == (2, 14)
    kept = [best_by_brute_force(trained, list(range(2, 15)), label, 5) for label in (4, 7)]
    assert written["kept_seeds"] == kept
    names = [f"{name}/seed{seed:06d}.png" for name, row in zip("47", kept, strict=True) for seed in row]
    out = tmp_path / "kept"
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.png")) == names
    sampled("--class", "7", "--count", "13", "--seed", "2", "--out", "plain")
    for seed in kept[1]:
        pixels = [
            np.asarray(Image.open(tmp_path / folder / "7" / f"seed{seed:06d}.png"))
            for folder in ("kept", "plain")
        ]
        assert np.array_equal(*pixels)


def test_one_line_says_what_was_kept(sampled: Run) -> None:
    code, out, _ = sampled("--count", "2", "--reject", "0.5", "--out", "kept.png")
    assert code == 0
    assert out.splitlines() == ["kept.png", "2 of seeds 0 to 3 kept for each; --json lists them"]


def test_nothing_is_rejected_where_nothing_is_asked(sampled: Run) -> None:
    _, out, _ = sampled("--count", "2", "--out", "all.png", "--json")
    assert json.loads(out)["kept_seeds"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--reject", "0"], "--reject is 0; it must be above 0 and below 1"),
        (["--reject", "1"], "--reject is 1; it must be above 0 and below 1"),
        (["--reject", "nan"], "--reject is nan; it must be above 0 and below 1"),
        (["--count", "900000", "--reject", "0.5"], "draw 1,800,000 seeds of each class"),
    ],
)
def test_shares_that_are_none(sampled: Run, words: list[str], message: str) -> None:
    assert message in assert_one_line_error(*sampled(*words))


def test_the_discriminator_must_be_there_and_of_the_run(sampled: Run, trained: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "moved"
    run_dir.mkdir()
    (run_dir / "generator.safetensors").write_bytes((trained / "generator.safetensors").read_bytes())
    line = assert_one_line_error(*sampled("--reject", "0.5", run_dir=run_dir))
    assert "discriminator.safetensors: no such file" in line


def test_what_another_number_of_seeds_would_reject_does_not_stay(sampled: Run) -> None:
    words = ["--class", "4", "--reject", "0.5", "--out", "kept"]
    assert sampled(*words, "--count", "4")[0] == 0
    assert sampled(*words, "--count", "4")[0] == 0
    line = assert_one_line_error(*sampled(*words, "--count", "8"))
    assert "has images made with count 4, not 8" in line


def test_too_many_for_one_grid_are_refused_before_any_is_judged(
    sampled: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projgan.generation.sample_writing._keep", None)
    line = assert_one_line_error(*sampled("--count", "100000", "--reject", "0.5", "--out", "all.png"))
    assert "1000000 images are too many for one grid; give a folder" in line
