"""Images in Parquet, arrays and pickles that are damaged or that mean harm."""

import pickletools
import random
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hostile_inputs.good import Good, cifar_python, damaged, picture, write_zip
from hostile_inputs.pictures import look
from hostile_inputs.words import hostile_dumps, hostile_json, hostile_text


def _parquet_column(source: random.Random, count: int) -> pa.Array:
    match source.randrange(12):
        case 0:
            return pa.array([source.choice((0, 1, 2**64 - 1)) for _ in range(count)], pa.uint64())
        case 1:
            return pa.array([source.choice((0, 1, -1, 2**62)) for _ in range(count)], pa.int64())
        case 2:
            return pa.array([2**40] * count, pa.timestamp("s"))
        case 3:
            return pa.array([source.choice((None, 1)) for _ in range(count)], pa.int8())
        case 4:
            return pa.array(
                [hostile_text(source)[:2000].encode("utf-8", "replace").decode() for _ in range(count)]
            )
        case 5:
            return pa.array([source.choice((0.5, float("nan"), 1e300)) for _ in range(count)])
        case 6:
            return pa.array([[1]] * count)
        case 7:
            return pa.array([{"a": 1}] * count)
        case 8:
            return pa.array(["cat", "dog", None] * count).slice(0, count).dictionary_encode()
        case 9:
            return pa.array([b"\xff\xfe"] * count)
        case 10:
            return pa.nulls(count)
        case _:
            return pa.array([2**70] * count, pa.decimal128(30, 0))


def odd_parquet(good: Good, source: random.Random, folder: Path) -> list[str]:
    """A Parquet file of columns in an unusual layout."""
    count = source.choice((0, 1, 4))
    contents = [source.choice((picture(), b"", b"junk")) for _ in range(count)]
    images: Any = source.choice(
        (
            pa.array([{"bytes": content} for content in contents]),
            pa.array([{"bytes": content, "path": None} for content in contents]),
            pa.array([{"bytes": content, "path": 3} for content in contents]),
            pa.array([{"path": "a", "bytes": None} for _ in contents]),
            pa.array(contents, pa.large_binary()),
            pa.array(contents, pa.binary_view()),
            pa.array([None] * count, pa.binary()),
            pa.array([[1, 2]] * count),
            pa.array(contents, pa.binary()).dictionary_encode(),
        )
    )
    labels = pa.array([number % 2 for number in range(count)]) if source.random() < 0.3 else None
    columns = {"image": images, "label": labels if labels is not None else _parquet_column(source, count)}
    names, arrays = list(columns), list(columns.values())
    for _ in range(source.randrange(3)):
        names.append(source.choice(("image", "label", "img", "fine_label", "\x1b[31m", "")))
        arrays.append(source.choice(arrays))
    table = pa.Table.from_arrays(arrays, names=names)
    if source.random() < 0.4:
        features = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
        text = hostile_dumps(hostile_json(features, source)) if source.random() < 0.8 else "[" * 100_000
        table = table.replace_schema_metadata({"huggingface": text})
    pq.write_table(
        table, folder / "odd.parquet", compression=source.choice(("snappy", "gzip", "none", "zstd"))
    )
    return look(folder / "odd.parquet", source, folder)


def odd_arrays(good: Good, source: random.Random, folder: Path) -> list[str]:
    """An .npz with arrays that are no images or no labels, or with headers that lie."""
    arrays: dict[str, Any] = {"images": np.zeros((4, 8, 8), np.uint8), "labels": np.array([0, 1, 0, 1])}
    odd: list[Any] = [
        *(np.zeros((0, 8, 8), np.uint8), np.zeros((4, 8, 8, 8, 3), np.uint8), np.zeros(4), np.array(3)),
        *(
            np.array([2**64 - 1] * 4, np.uint64),
            np.array([-5] * 4),
            np.array(["a"] * 4),
            np.array([None] * 4),
        ),
        *(np.zeros(4, [("a", "i4")]), np.array([np.nan] * 4), np.array(["2024-01-01"] * 4, "M8[D]")),
    ]
    for name in source.sample(("images", "labels", "class_names", "conditions", "condition_names"), 2):
        arrays[name] = source.choice(odd)
    path = folder / "odd.npz"
    np.savez(path, **arrays)
    if source.random() < 0.4:
        header = source.choice(
            ("{'descr': '|u1', 'fortran_order': False, 'shape': (9999999999, 8, 8), }", "(" * 5000, "1")
        )
        words = header.encode() + b"\n"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("images.npy", b"\x93NUMPY\x01\0" + struct.pack("<H", len(words)) + words)
            archive.writestr("labels.npy", b"\x93NUMPY\x03\0" + struct.pack("<I", 2**31) + words)
    more = source.choice(((), (), ("--condition", "vector"), ("--condition", "multi-hot")))
    return ["data", "describe", str(path), *more] if more else look(path, source, folder)


_OPCODES = [opcode.code.encode("latin1") for opcode in pickletools.opcodes]


def odd_pickle(good: Good, source: random.Random, folder: Path) -> list[str]:
    """CIFAR's Python version with pickles that grow, run something, or make no sense."""
    files = cifar_python()
    name = source.choice(sorted(files))
    match source.randrange(6):
        case 0:
            files[name] = damaged(files[name], source)
        case 1:
            body = b"".join(source.choice(_OPCODES) + bytes([source.randrange(4)]) for _ in range(200))
            files[name] = b"\x80\x02" + body + b"."
        case 2:
            files[name] = (
                b"\x80\x02(" + source.choice((b"}", b"]", b"G" + bytes(8), b"K\x01")) * 3_000_000 + b"t."
            )
        case 3:
            files[name] = _amplified(source)
        case 4:
            files[name] = b"cposix\nsystem\n(S'touch hacked'\ntR."
        case _:
            files[name] = (
                b"\x80\x02"
                + source.choice((b"]" * 50_000 + b"a" * 49_999, b"(" * 100_000, b"K\x01\x85" * 50_000))
                + b"."
            )
    return ["data", "describe", str(write_zip(folder / "cifar.zip", files))]


def _amplified(source: random.Random) -> bytes:
    size, times = 20_000_000, source.choice((60, 2000))
    text = b"X" + struct.pack("<I", size) + b"a" * size
    call = b"q\x00c_codecs\nencode\nq\x01X\x06\0\0\0latin1q\x02" + b"h\x01h\x00h\x02\x86R" * times
    keys = b"q\x00}q\x01" + b"h\x00K\x01s" * times
    return b"\x80\x02" + text + source.choice((call, keys, b"q\x00" + b"h\x00" * times)) + b"."


KINDS = {function.__name__: function for function in (odd_parquet, odd_arrays, odd_pickle)}
