"""Sets of images that are damaged or that mean harm: archives, folders, tables, labels."""

import json
import os
import random
import struct
import zlib
from pathlib import Path
from typing import Any

from hostile_inputs.good import (
    Good,
    damaged,
    members,
    picture,
    write_folder,
    write_tar,
    write_zip,
)
from hostile_inputs.words import DIGITS, NAMES, hostile_dumps, hostile_json, hostile_text

SIZE = ["--resolution", "8"]


def look(location: Path, source: random.Random, folder: Path, *more: str) -> list[str]:
    """One of the commands that read a set of images."""
    match source.randrange(5):
        case 0 | 1:
            return ["data", "describe", str(location), *more]
        case 2:
            skip = source.choice(("error", "skip"))
            return ["data", "pack", str(location), str(folder / "out"), *SIZE, "--on-unreadable", skip, *more]
        case 3:
            fit = ["--resolution", "8", "--epochs", "1", "--width", "4", "--device", "cpu"]
            out = ["--out", str(folder / "out.safetensors"), "--cache", str(folder / "cache")]
            return ["classifier", str(location), *fit, *out]
        case _:
            settings = [
                "--data.cache",
                str(folder / "cache"),
                "--data.channels",
                "3",
                "--training.steps",
                "1",
            ]
            small = ["--generator.width", "4", "--discriminator.width", "4", "--training.device", "cpu"]
            return [
                "train",
                "demo",
                "--data",
                str(location),
                "--run-dir",
                str(folder / "run"),
                *settings,
                *small,
            ]


def damaged_file(good: Good, source: random.Random, folder: Path) -> list[str]:
    """An archive, a Parquet file or arrays with wrong bytes."""
    origin = source.choice([*good.archives, good.parquet, good.npz])
    path = folder / origin.name
    path.write_bytes(damaged(origin.read_bytes(), source))
    return look(path, source, folder)


def damaged_store(good: Good, source: random.Random, folder: Path) -> list[str]:
    """A packed store with wrong bytes in one of its files."""
    files = {path.name: path.read_bytes() for path in good.store.iterdir() if path.is_file()}
    name = source.choice(sorted(files))
    if source.random() < 0.8:
        files[name] = damaged(files[name], source)
    else:
        files["manifest.json"] = hostile_dumps(
            hostile_json(json.loads(files["manifest.json"]), source)
        ).encode()
    return look(write_folder(folder / "store", files), source, folder)


def damaged_images(good: Good, source: random.Random, folder: Path) -> list[str]:
    """A folder in which some images have wrong bytes, or claim to be enormous."""
    files = members()
    for name in source.sample(sorted(files), 3):
        files[name] = damaged(files[name], source)
    if source.random() < 0.3:
        files["cat/bomb.png"] = _bomb(source)
    location = write_folder(folder / "tree", files)
    if source.random() < 0.2:
        out = ["--out", str(folder / "out"), "--on-unreadable", "skip"]
        return ["super-resolve", str(good.enlarger), str(location / "cat"), *out]
    return look(location, source, folder)


def _bomb(source: random.Random) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    side = source.choice((0, 8000, 60_000, 2**31 - 1))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    text = b"k\0\0" + zlib.compress(bytes(50_000_000))
    body = chunk(b"zTXt", text) + chunk(b"IDAT", zlib.compress(bytes(100_000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def odd_names(good: Good, source: random.Random, folder: Path) -> list[str]:
    """An archive whose members have names that no folder should have."""
    files = members()
    for _ in range(source.choice((1, 3))):
        name = source.choice(NAMES) + source.choice(("", "/x.png", ".png"))
        files[source.choice(("", "cat/")) + name] = picture()
    files = {name: content for name, content in files.items() if name}
    try:
        path = (
            write_zip(folder / "odd.zip", files)
            if source.random() < 0.5
            else write_tar(folder / "odd.tar", files)
        )
    except (ValueError, OSError, IndexError, struct.error):  # a name that the format itself cannot hold
        path = write_zip(folder / "odd.zip", members())
    return look(path, source, folder)


def odd_folder(good: Good, source: random.Random, folder: Path) -> list[str]:
    """A folder with links, pipes, names that are not text, and folders in the place of files."""
    location = write_folder(folder / "tree", members())
    root = os.fsencode(location)
    for _ in range(source.choice((1, 3))):
        name = source.choice(
            (b"\xff\xfe", b"\x1b[31mred", b"a\nb", b"dog.png", b"cat/x.png", b"train", b" ", b"-")
        )
        place = os.path.join(root, name)
        if os.path.lexists(place):
            continue
        match source.randrange(5):
            case 0:
                os.symlink(source.choice((b".", b"..", b"/", b"/dev/zero", b"nowhere", name)), place)
            case 1:
                os.mkfifo(place)
            case 2:
                os.mkdir(place)
                Path(os.fsdecode(place), "y.png").write_bytes(picture())
            case 3:
                Path(os.fsdecode(place)).write_bytes(picture())
            case _:
                os.mkdir(place)
    if source.random() < 0.2:
        return look(
            Path(source.choice(("/dev/zero", "/dev/null", "/proc/self/mem", ".", "/dev"))), source, folder
        )
    return look(location, source, folder)


def odd_table(good: Good, source: random.Random, folder: Path) -> list[str]:
    """A table of labels with cells that are none."""
    location = write_folder(folder / "table", members())
    header = ["file", "label", *source.choices(("age", "age", "\x1b[2J", "", "labels", "file"), k=2)]
    rows = [[name, "cat", "1", "0"] for name in members()]
    for _ in range(source.choice((1, 4))):
        source.choice(rows)[source.randrange(4)] = hostile_text(source)
    text = "\n".join(",".join(row) for row in [header, *rows])
    content = text.encode("utf-8", "surrogateescape" if "\udcff" in text else "replace")
    if source.random() < 0.3:
        content = damaged(content, source)
    (location / "labels.csv").write_bytes(content)
    kind = source.choice(("class", "vector", "multi-hot"))
    if kind == "class":
        return look(location, source, folder)
    return ["data", "describe", str(location), "--condition", kind]


def odd_labels(good: Good, source: random.Random, folder: Path) -> list[str]:
    """A file of labels in JSON, in a folder or an archive, with values that are none."""
    rows: Any = [{"file_name": name, "label": number % 2} for number, name in enumerate(members())]
    name = source.choice(("dataset.json", "metadata.jsonl", "labels.json", "labels.jsonl"))
    if name.endswith("json"):
        pairs = [[row["file_name"], row["label"]] for row in rows]
        rows = source.choice(({"labels": pairs}, {"labels": dict(pairs)}, rows))
    text = (
        "\n".join(hostile_dumps(hostile_json(row, source)) for row in rows)
        if name.endswith("jsonl")
        else hostile_dumps(hostile_json(rows, source))
    )
    content = text.encode() if source.random() < 0.8 else damaged(text.encode(), source)
    if source.random() < 0.1:
        content = source.choice(
            (b"[" * 100_000, b'{"labels":' * 20_000, b"\xff\xfe{", b"{}", b"", DIGITS.encode())
        )
    files = {source.choice(("", "cat/")) + name: content, **members()}
    if source.random() < 0.5:
        return look(write_zip(folder / "labelled.zip", files), source, folder)
    return look(write_folder(folder / "labelled", files), source, folder)


KINDS = {
    function.__name__: function
    for function in (
        *(damaged_file, damaged_store, damaged_images, odd_names, odd_folder, odd_table, odd_labels),
    )
}
