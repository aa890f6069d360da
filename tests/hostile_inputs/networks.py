"""Files of networks and checkpoints that are damaged, or hold what no training wrote."""

import json
import random
import shutil
import struct
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save

from hostile_inputs.good import TINY, Good, damaged
from hostile_inputs.words import NAMES, hostile_dumps, hostile_json, hostile_value

FEW = ["--real-images", "50", "--generated-images", "50", "--metrics", "fd"]


def _use(path: Path, origin: Path, good: Good, source: random.Random, folder: Path) -> list[str]:
    """A command that reads a network's file of this kind."""
    out = ["--out", str(folder / "out.png")]
    if origin == good.classifier:
        fit = ["--epochs", "1", "--width", "8", "--device", "cpu", "--cache", str(folder / "cache")]
        walk = [
            "plug-and-play",
            str(good.inverter),
            "--classifier",
            str(path),
            "--steps",
            "1",
            "--count",
            "1",
            *out,
        ]
        tune = ["finetune", str(good.run), "--classifier", str(path), "--run-dir", str(folder / "run")]
        measure = ["evaluate", "digits", "--data", "digits", "--features", f"classifier:{path}", *FEW]
        measure += ["--cache", str(folder / "cache"), "--device", "cpu"]
        return source.choice((walk, tune, ["classifier", "digits", "--out", str(path), *fit], measure))
    if origin.parent == good.inverter:
        return ["plug-and-play", str(path.parent), "--steps", "1", "--count", "1", *out]
    if origin.parent == good.enlarger:
        return ["super-resolve", str(path), str(good.tree / "cat"), "--out", str(folder / "out")]
    if origin.name.startswith("discriminator"):
        cache = ["--generated-per-class", "0", "--cache", str(folder / "cache"), "--device", "cpu"]
        return source.choice(
            (
                ["inspect", str(path), "digits", "--out", str(folder / "out"), *cache],
                ["sample", str(path.parent), "--reject", "0.5", "--count", "1", *out],
            )
        )
    words = [["sample", str(path), "--count", "1", *out], ["sample", str(path), "--class", "0", *out]]
    words.append(["morph", str(path), "--classes", "0", "1", "--rows", "1", "--columns", "2", *out])
    return source.choice(words)


def _copy(origin: Path, content: bytes, folder: Path) -> Path:
    """The file changed, beside copies of what belongs to it."""
    (folder / "given").mkdir()
    for beside in origin.parent.glob("*.safetensors"):
        shutil.copy(beside, folder / "given" / beside.name)
    path = folder / "given" / origin.name
    path.write_bytes(content)
    return path


def damaged_network(good: Good, source: random.Random, folder: Path) -> list[str]:
    """A network's file with wrong bytes."""
    origin = source.choice(good.networks)
    return _use(_copy(origin, damaged(origin.read_bytes(), source), folder), origin, good, source, folder)


def odd_description(good: Good, source: random.Random, folder: Path) -> list[str]:
    """A network's file whose header or description of itself lies."""
    origin = source.choice(good.networks)
    content = origin.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    described = json.loads(header["__metadata__"]["projgan"])
    if source.random() < 0.3:
        header = hostile_json(header, source)
    elif source.random() < 0.4:
        described["network"][source.choice(sorted(described["network"]))] = source.choice(
            (10**6, 10**6 + 1, -1, 0, None, "x", 1.5, True, 2**70)
        )
        header["__metadata__"]["projgan"] = json.dumps(described)
    else:
        header["__metadata__"]["projgan"] = hostile_dumps(hostile_json(described, source))
    words = hostile_dumps(header).encode()
    lie = len(words) if source.random() < 0.9 else source.choice((0, 2**63, 2**40))
    changed = struct.pack("<Q", lie) + words + content[8 + size :]
    return _use(_copy(origin, changed, folder), origin, good, source, folder)


def odd_weights(good: Good, source: random.Random, folder: Path) -> list[str]:
    """A network's file with weights that are no numbers, variances below zero, or tensors of another form."""
    origin = source.choice(good.networks)
    content = origin.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    metadata = json.loads(content[8 : 8 + size])["__metadata__"]
    tensors = load(content)
    name = source.choice(sorted(tensors))
    match source.randrange(7):
        case 0:
            tensors[name] = torch.full_like(tensors[name].float(), float("nan"))
        case 1:
            tensors[name] = torch.full_like(tensors[name].float(), float("inf"))
        case 2:
            for key in tensors:
                if "var" in key:
                    tensors[key] = torch.full_like(tensors[key], -1.0)
        case 3:
            tensors[name] = tensors[name].double()
        case 4:
            tensors[name] = tensors[name][None]
        case 5:
            tensors[name] = tensors[name].to(torch.complex64)
        case _:
            tensors = {
                key: tensor * 1e30 if tensor.is_floating_point() else tensor
                for key, tensor in tensors.items()
            }
    return _use(_copy(origin, save(tensors, metadata), folder), origin, good, source, folder)


def odd_class_names(good: Good, source: random.Random, folder: Path) -> list[str]:
    """A run whose networks were told of classes that are called by what no one would call them."""
    run = folder / "given"
    shutil.copytree(good.run, run)
    known = [name for name in (*NAMES, "$\\frac{", "<b>", "|", "\\") if name.isascii() or name.isprintable()]
    names = source.sample(sorted(set(known)), 10)
    for file in ("generator", "discriminator"):
        content = (run / f"{file}.safetensors").read_bytes()
        (size,) = struct.unpack("<Q", content[:8])
        header = json.loads(content[8 : 8 + size])
        described = json.loads(header["__metadata__"]["projgan"]) | {"class_names": names}
        header["__metadata__"]["projgan"] = json.dumps(described)
        words = json.dumps(header).encode()
        (run / f"{file}.safetensors").write_bytes(struct.pack("<Q", len(words)) + words + content[8 + size :])
    small = ["--count", "1", "--out", str(folder / source.choice(("out.png", "out")))]
    shown = ["--rows", "1", "--columns", "2", "--out", str(folder / "out.png")]
    return source.choice(
        (
            ["sample", str(run), *small],
            ["sample", str(run), "--class", source.choice(names), *small],
            ["morph", str(run), "--classes", *source.sample(names, 2), *shown],
            ["compare", str(run), "--out", str(folder / "out")],
            ["inspect", str(run), "digits", "--out", str(folder / "out"), "--cache", str(folder / "cache")],
        )
    )


def _leaves(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [above] if above else []
    return found + [place for key, inside in items for place in _leaves(inside, (*above, key))]


def _odd_state(state: dict[str, Any], source: random.Random) -> dict[str, Any]:
    place = source.choice(_leaves(state)) if source.random() < 0.6 else (source.choice(sorted(state)),)
    container: Any = state
    for key in place[:-1]:
        container = container[key]
    now = container[place[-1]]
    odd = [
        torch.zeros(3),
        torch.tensor(float("nan")),
        torch.zeros(0),
        [],
        {},
        {"a": [1]},
        torch.zeros(2, 2).bool(),
    ]
    odd += [hostile_value(source), hostile_value(source), torch.zeros(3).to_sparse(), (1, 2)]
    if isinstance(now, torch.Tensor) and now.is_floating_point():
        odd += [now * float("nan"), -now.abs() - 1, now.double(), now[None], now.half()] * 2
    container[place[-1]] = source.choice(odd)
    return state


def odd_checkpoint(good: Good, source: random.Random, folder: Path) -> list[str]:
    """A run whose last checkpoint is damaged, or holds other things than it should."""
    run = folder / "given"
    shutil.copytree(good.run, run)
    (path,) = sorted((run / "checkpoints").glob("*.pt"))[-1:]
    if source.random() < 0.4:
        path.write_bytes(damaged(path.read_bytes(), source))
    else:
        state = torch.load(path, weights_only=True)
        try:
            torch.save(_odd_state(state, source), path)
        except (ValueError, OverflowError):  # text that no file can hold
            path.write_bytes(b"")
    resume = ["train", "demo", "--run-dir", str(run), *TINY, "--training.steps", "3"]
    tune = [
        "finetune",
        str(run),
        "--classifier",
        str(good.classifier),
        "--steps",
        "1",
        "--run-dir",
        str(folder / "run"),
    ]
    cache = ["--cache", str(folder / "cache"), "--device", "cpu"]
    measure = ["evaluate", str(run), "--checkpoints", "--features", f"classifier:{good.classifier}", *cache]
    return source.choice((resume, resume, tune, [*measure, *FEW]))


KINDS = {
    function.__name__: function
    for function in (damaged_network, odd_description, odd_weights, odd_checkpoint, odd_class_names)
}
