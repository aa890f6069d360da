"""Every command that computes, once, on the device: each must end well and leave what it says."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from gpu.notes import Notes
from gpu.settings import Place
from projgan.cli import run_command

SMALL = (
    "--generator.width 8 --discriminator.width 8 --discriminator.embedding-size 8 --training.batch-size 8 "
    "--training.generator-batch-size 8 --training.discriminator-updates 2 --training.checkpoint-every 4 "
    "--sampling.every 4 --sampling.columns 2"
).split()


def check(place: Place, notes: Notes) -> None:
    """Run them one after another, each on what those before have left."""
    _photos(place.folder / "photos")
    for name, words, left in commands(place):
        with notes.case(name) as facts:
            said = io.StringIO()
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                code = run_command(words)
            missing = [str(path) for path in left if not path.exists()]
            if code or missing:
                facts |= {"ok": False, "code": code, "missing": missing, "said": said.getvalue()[-300:]}


def commands(place: Place) -> Iterator[tuple[str, list[str], list[Path]]]:
    """Yield each by name, with its words and the files that it must leave."""
    folder, device = place.folder, place.device.type
    run, classifier, inverter = folder / "run", folder / "classifier.safetensors", folder / "inverter"
    small = [*SMALL, "--training.device", device, "--training.precision", "bf16", "--run-dir", str(run)]
    generator = run / "generator.safetensors"
    yield "dry run", ["train", "demo", *small, "--dry-run"], []
    yield "train", ["train", "demo", *small, "--training.steps", "6"], [generator]
    yield "resume", ["train", "demo", *small, "--training.steps", "10"], [generator]
    on = ["--device", device]
    size = ["--width", "8", "--epochs", "1"]
    yield "classifier", ["classifier", "digits", *size, "--out", str(classifier), *on], [classifier]
    tuned = folder / "tuned"
    yield (
        "finetune",
        ["finetune", str(run), "--classifier", str(classifier), "--steps", "5", "--run-dir", str(tuned), *on],
        [tuned / "generator.safetensors"],
    )
    grid, kept = folder / "grid.png", folder / "kept.png"
    yield "sample", ["sample", str(run), "--count", "3", "--out", str(grid), *on], [grid]
    yield "reject", ["sample", str(run), "--count", "2", "--reject", "0.5", "--out", str(kept), *on], [kept]
    morph = folder / "morph.png"
    yield (
        "morph",
        ["morph", str(run), "--classes", "1", "7", "--rows", "2", "--out", str(morph), *on],
        [morph],
    )
    measured = ["--features", f"classifier:{classifier}", "--generated-images", "200", *on]
    yield "evaluate", ["evaluate", str(run), *measured], [run / "metrics.jsonl"]
    intra = ["--protocol", "intra", "--generated-per-class", "10"]
    yield "evaluate by class", ["evaluate", str(run), *intra, *measured[:2], *on], []
    looked = folder / "inspection"
    words = ["inspect", str(run), "--generated-per-class", "20", "--out", str(looked), *on]
    yield "inspect", words, [looked / "inspection.csv"]
    near = folder / "nearest.png"
    words = [
        "nearest",
        str(run),
        "--features",
        f"classifier:{classifier}",
        "--count",
        "4",
        "--out",
        str(near),
    ]
    yield "nearest", [*words, *on], [near]
    words = ["inverter", "digits", "--classifier", str(classifier), "--width", "8", "--steps", "5"]
    left = [inverter / "inverter.safetensors"]
    yield "inverter", [*words, "--batch-size", "8", "--out", str(inverter), *on], left
    chains = folder / "chains.png"
    words = ["plug-and-play", str(inverter), "--class", "3", "--count", "2", "--steps", "3"]
    yield "plug-and-play", [*words, "--noise", "0.1", "--out", str(chains), *on], [chains]
    photos, enlarging, large = folder / "photos", folder / "enlarging", folder / "large"
    words = ["train", "super-resolution-16-64-small", "--data", str(photos), "--data.cache", str(folder)]
    words += ["--generator.width", "8", "--discriminator.width", "8", "--training.batch-size", "2"]
    words += ["--training.generator-batch-size", "2", "--training.steps", "5", "--training.device", device]
    left = [enlarging / "generator.safetensors"]
    yield "train super-resolution", [*words, "--run-dir", str(enlarging)], left
    words = ["super-resolve", str(enlarging), str(photos / "cat" / "0.png"), "--out", str(large), *on]
    yield "super-resolve", words, [large / "comparison.png"]
    words = [
        "super-resolve",
        str(enlarging),
        str(photos),
        "--evaluate",
        "--count",
        "8",
        "--cache",
        str(folder),
    ]
    measured = folder / "measured"
    yield "measure super-resolution", [*words, "--out", str(measured), *on], [measured / "evaluation.json"]


def _photos(folder: Path) -> None:
    """Twelve images of two classes."""
    draw = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for index in range(6):
            image = Image.fromarray(draw.integers(0, 256, (64, 64, 3), dtype=np.uint8))
            image.save(folder / name / f"{index}.png")
