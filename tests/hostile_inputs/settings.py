"""Settings, run directories and command lines that no one means well with."""

import os
import random
import shutil
from pathlib import Path

from hostile_inputs.good import TINY, Good, damaged
from hostile_inputs.words import (
    DIGITS,
    NAMES,
    TEXTS,
    hostile_dumps,
    hostile_json,
    hostile_text,
    hostile_value,
)

OPTIONS = ("training.steps", "optimizer.betas", "data.source", "data.split", "training.seed")
SECTIONS = {
    "data": (
        "source",
        "split",
        "condition",
        "condition_columns",
        "resolution",
        "channels",
        "cache",
        "random_crop",
    ),
    "generator": ("architecture", "width", "latent_size", "condition"),
    "discriminator": ("width", "condition", "hidden_block", "augmentation"),
    "optimizer": ("betas", "learning_rate", "decay_start", "decay_end"),
    "training": ("steps", "batch_size", "seed", "ema_decay", "cpu_threads"),
    "sampling": ("every", "columns", "classes"),
    "evaluation": ("every", "features", "metrics"),
    "finetuning": ("run", "classifier", "step"),
}


def odd_settings(good: Good, source: random.Random, folder: Path) -> list[str]:
    """A YAML file with values that YAML reads as something else, or cannot read."""
    lines = ["data: {source: digits, resolution: 8, channels: 1}", "generator: {architecture: resnet-8}"]
    lines.append("discriminator: {architecture: resnet-8}")
    for _ in range(source.choice((1, 2))):
        section = source.choice((*SECTIONS, hostile_text(source)))
        key = source.choice(SECTIONS.get(section, ("a",)))
        value = hostile_text(source) if source.random() < 0.8 else f"[{hostile_text(source)}, 1]"
        shape = source.choice(("{0}: {{{1}: {2}}}", "{0}:\n  {1}: {2}", "{0}: {2}", "{1}: {2}"))
        lines.append(shape.format(section, key, value))
    if source.random() < 0.1:
        lines = ["a: &a [x, x]"] + [
            f"{b}: &{b} [*{a}, *{a}]" for a, b in zip("abcdefghijklmnop", "bcdefghijklmnopq", strict=True)
        ]
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    path = folder / "odd.yaml"
    path.write_bytes(damaged(content, source) if source.random() < 0.1 else content)
    steps = ["--training.steps", "1", "--generator.width", "4", "--discriminator.width", "4"]
    steps += [
        "--training.batch-size",
        "4",
        "--training.generator-batch-size",
        "4",
        "--training.device",
        "cpu",
    ]
    return ["train", str(path), "--run-dir", str(folder / "run"), *steps]


def odd_run(good: Good, source: random.Random, folder: Path) -> list[str]:
    """A run directory with wrong settings or wrong rows, or with a name that is not text."""
    name = (
        b"given"
        if source.random() < 0.8
        else source.choice((b"\xff\xfe", b"\x1b[31m", b"a\nb", b"*", b"x" * 200))
    )
    run = Path(os.fsdecode(os.path.join(os.fsencode(folder), name)))
    shutil.copytree(good.run, run)
    match source.randrange(5):
        case 0:
            path = run / "config.yaml"
            text = path.read_text().replace(
                source.choice(("digits", "resnet-8", "0.9", "hinge", "null")), hostile_text(source)
            )
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
        case 1:
            path = run / source.choice(("config.yaml", "metrics.jsonl"))
            path.write_bytes(damaged((run / "config.yaml").read_bytes(), source))
        case 2:
            rows = [
                {"step": 1, "images_seen": 8, "loss_generator": 0.1, "loss_discriminator": 0.1}
                for _ in range(3)
            ]
            lines = [hostile_dumps(hostile_json(row, source)) for row in rows]
            (run / "stats.jsonl").write_text("\n".join([*lines, f'{{"step": {DIGITS}}}', "[" * 5000]))
        case 3:
            row = {
                "metric": "fd",
                "value": 1.0,
                "measurement": {},
                "subject": {"step": 2, "kind": "generator"},
            }
            lines = [hostile_dumps(hostile_json(row, source)), f'{{"metric": {DIGITS}}}']
            (run / "metrics.jsonl").write_text("\n".join(lines))
    resume = ["train", "demo", "--run-dir", str(run), *TINY, "--training.steps", "3"]
    picture = ["sample", str(run), "--count", "1", "--out", str(folder / "out.png")]
    report = ["compare", str(run), "--out", str(folder / "out")]
    return source.choice((resume, resume, picture, picture, report))


def odd_words(good: Good, source: random.Random, folder: Path) -> list[str]:
    """A command line with words that are no answer to what is asked."""
    word = source.choice((*NAMES, *TEXTS, str(hostile_value(source))[:8000]))
    out = ["--out", str(folder / "out.png")]
    run = str(good.run)
    lines = [
        ["sample", run, "--class", word, *out],
        ["sample", run, "--mix", source.choice((word, f"{word}=1", f"0={word}", f"0=0.5,1={word}")), *out],
        ["sample", run, source.choice(("--count", "--seed", "--truncation", "--reject")), word, *out],
        ["sample", word, *out],
        ["morph", run, "--classes", "0", word, *out],
        ["morph", run, "--classes", "0", "1", source.choice(("--rows", "--columns", "--seed")), word, *out],
        ["models", word],
        ["data", "describe", word],
        ["data", "describe", "digits", "--split", word],
        ["data", "pack", "digits", str(folder / "out"), "--resolution", word],
        ["inspect", word, "digits", "--out", str(folder / "out")],
        ["evaluate", word, "--data", "digits"],
        ["evaluate", run, "--features", source.choice((word, f"classifier:{word}", f"inception:{word}"))],
        ["compare", word, "--out", str(folder / "out")],
        ["finetune", run, "--classifier", word],
        ["super-resolve", str(good.enlarger), word, "--out", str(folder / "out")],
        [
            "plug-and-play",
            str(good.inverter),
            source.choice(("--class", "--clip", "--steps")),
            word,
            "--count",
            "1",
            *out,
        ],
        ["classifier", "digits", source.choice(("--seed", "--epochs", "--resolution")), word, *out],
        [
            "train",
            "demo",
            "--run-dir",
            str(folder / "run"),
            f"--{source.choice(OPTIONS)}",
            word,
            "--dry-run",
        ],
        ["train", word, "--dry-run"],
        [word],
        ["sample", run, f"--{word}", *out],
        ["sample", run, "--count", "1", "--out", "x" if word.startswith("/") or ".." in word else word],
    ]
    return source.choice(lines)


def foreign_files(good: Good, source: random.Random, folder: Path) -> list[str]:
    """A command that is to write where something else is already."""
    theirs = folder / "theirs"
    for name in (
        "mine.png",
        "mine.gif",
        "mine.safetensors",
        "many/cat.png",
        "many/notes.txt",
        "many/report.md",
    ):
        (theirs / name).parent.mkdir(parents=True, exist_ok=True)
        (theirs / name).write_bytes(b"mine")
    for name in (
        "most-real.png",
        "comparison.png",
        "inspection.csv",
        "encoder.safetensors",
        "checkpoint.pt",
        "0_seed000000.png",
    ):
        (theirs / "many" / name).write_bytes(b"mine")
    run, many = str(good.run), str(theirs / "many")
    cache = ["--cache", str(folder / "cache"), "--device", "cpu"]
    return source.choice(
        (
            ["sample", run, "--count", "1", "--out", source.choice((many, str(theirs / "mine.png")))],
            [
                "morph",
                run,
                "--classes",
                "0",
                "1",
                "--rows",
                "1",
                "--out",
                str(theirs / source.choice(("mine.png", "mine.gif"))),
            ],
            [
                "plug-and-play",
                str(good.inverter),
                "--steps",
                "1",
                "--count",
                "1",
                "--out",
                source.choice((many, str(theirs / "mine.png"))),
            ],
            ["super-resolve", str(good.enlarger), str(good.tree / "cat"), "--out", many],
            ["inspect", run, "digits", "--generated-per-class", "0", "--out", many, *cache],
            ["compare", run, "--out", many],
            [
                "classifier",
                "digits",
                "--epochs",
                "1",
                "--width",
                "4",
                "--out",
                str(theirs / "mine.safetensors"),
                *cache,
            ],
            [
                "inverter",
                "digits",
                "--classifier",
                str(good.classifier),
                "--steps",
                "1",
                "--width",
                "4",
                "--out",
                many,
                *cache,
            ],
            ["data", "pack", "digits", many, "--resolution", "8"],
            ["train", "demo", "--run-dir", many, *TINY, "--training.steps", "1"],
        )
    )


KINDS = {
    function.__name__: function for function in (odd_settings, odd_run, odd_words, odd_words, foreign_files)
}
