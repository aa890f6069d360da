"""Inputs with nothing wrong, one of every form that the commands read: what damage begins with."""

import io
import pickle
import random
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image

from projgan.cli import run_command

CLASSES = ("cat", "dog")
ENCODINGS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
METHODS = {"stored": zipfile.ZIP_STORED, "bzip2": zipfile.ZIP_BZIP2, "lzma": zipfile.ZIP_LZMA}
ARCHIVES = (
    *("deflated.zip", "stored.zip", "bzip2.zip", "lzma.zip", "plain.tar", "packed.tar.gz"),
    *("cifar.zip", "cifar.tar.gz"),
)
TINY = [
    *("--generator.width", "8", "--discriminator.width", "8", "--training.batch-size", "4"),
    *("--training.generator-batch-size", "4", "--sampling.every", "None", "--training.device", "cpu"),
]


def picture(value: int = 0, form: str = "PNG", size: int = 8) -> bytes:
    """One small image, as the bytes of a file."""
    stream = io.BytesIO()
    ramp = np.arange(3 * size * size, dtype=np.uint32).reshape(size, size, 3) * 7 + value
    Image.fromarray((ramp % 256).astype(np.uint8)).save(stream, form)
    return stream.getvalue()


def members() -> dict[str, bytes]:
    """Six images of two classes, by the names they have in a folder."""
    forms = dict(enumerate(ENCODINGS))
    return {
        f"{CLASSES[number % 2]}/{number}.{form.lower()}": picture(number * 40, form)
        for number, form in forms.items()
    }


def write_zip(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def write_folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def cifar_python() -> dict[str, bytes]:
    """The Python version of CIFAR-10 with two images a batch, as Python 2 wrote it (protocol 2)."""
    names = {b"label_names": [name.encode() for name in CLASSES], b"num_vis": 3072}
    batch = {
        b"data": np.arange(2 * 3072, dtype=np.uint32).astype(np.uint8).reshape(2, 3072),
        b"labels": [0, 1],
        b"filenames": [b"a.png", b"b.png"],
    }
    files = {"c/batches.meta": pickle.dumps(names, 2)}
    return files | {f"c/data_batch_{number}": pickle.dumps(batch, 2) for number in range(1, 6)}


def cifar_binary() -> dict[str, bytes]:
    row = bytes([1]) + bytes(range(256)) * 12
    files = {"c/batches.meta.txt": "\n".join(CLASSES).encode()}
    return files | {f"c/data_batch_{number}.bin": row * 2 for number in range(1, 6)}


class Good:
    """A folder of good inputs, made once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.archives = [folder / name for name in ARCHIVES]
        self.parquet, self.npz = folder / "images.parquet", folder / "arrays.npz"
        self.tree, self.table, self.store = folder / "tree", folder / "table", folder / "store"
        self.run, self.enlarger = folder / "run", folder / "enlarger"
        self.classifier, self.inverter = folder / "classifier.safetensors", folder / "inverter"

    def make(self) -> "Good":
        """Write what needs no training, and train the rest by the commands themselves."""
        self._write_archives()
        self._write_arrays()
        self._train()
        return self

    def _write_archives(self) -> None:
        for name in ARCHIVES:
            path = self.folder / name
            files = {"cifar.zip": cifar_python, "cifar.tar.gz": cifar_binary}.get(name, members)()
            if path.suffix == ".zip":
                write_zip(path, files, METHODS.get(path.stem, zipfile.ZIP_DEFLATED))
            else:
                write_tar(path, files)
        write_folder(self.tree, members())
        write_folder(self.table, members())
        lines = [f"{name},{number % 2},{number}.5" for number, name in enumerate(members())]
        (self.table / "labels.csv").write_text("\n".join(["file,label,age", *lines]) + "\n")

    def _write_arrays(self) -> None:
        rows = [{"bytes": content, "path": name} for name, content in members().items()]
        table = pa.table({"image": rows, "label": [number % 2 for number in range(len(rows))]})
        pq.write_table(table, self.parquet)
        images = np.arange(6 * 8 * 8 * 3, dtype=np.uint32).reshape(6, 8, 8, 3).astype(np.uint8)
        np.savez(self.npz, images=images, labels=np.array([0, 1] * 3), conditions=np.eye(6)[:, :2])

    def _train(self) -> None:
        torch.set_num_threads(1)
        cache = ["--cache", str(self.folder / "cache")]
        small = ["--width", "8", "--batch-size", "300", "--device", "cpu", *cache]
        self._must("data", "pack", str(self.tree), str(self.store), "--resolution", "8")
        self._must("train", "demo", "--run-dir", str(self.run), *TINY, "--training.steps", "2")
        out = ["--out", str(self.classifier)]
        self._must("classifier", "digits", *out, "--epochs", "1", *small)
        steps = ["--classifier", str(self.classifier), "--steps", "1", *small[:2], *small[4:]]
        self._must("inverter", "digits", "--out", str(self.inverter), *steps)
        large = [*TINY, "--training.steps", "1", "--data", str(self.tree), "--data.cache", cache[1]]
        options = ["--run-dir", str(self.enlarger), "--generator.latent-size", "2", *large]
        self._must("train", "super-resolution-16-64-small", *options)

    def _must(self, *words: str) -> None:
        code = run_command(words)
        assert code == 0, (code, words)

    @property
    def networks(self) -> list[Path]:
        return [
            self.run / "generator.safetensors",
            self.run / "discriminator.safetensors",
            self.classifier,
            self.inverter / "inverter.safetensors",
            self.enlarger / "generator.safetensors",
        ]


def damaged(content: bytes, source: random.Random) -> bytes:
    """Bytes with a few things wrong, somewhere."""
    found = bytearray(content)
    for _ in range(source.choice((1, 1, 1, 2, 8))):
        if not found:
            break
        # The beginning and the end of a file are where its structure is.
        span = source.choice((32, 256, len(found), len(found)))
        place = source.randrange(min(span, len(found)))
        place = place if source.random() < 0.7 else len(found) - 1 - place
        match source.randrange(7):
            case 0:
                found[place] ^= 1 << source.randrange(8)
            case 1:
                found[place] = source.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 2:
                del found[place:]
            case 3:
                del found[place : place + source.choice((1, 4, 64))]
            case 4:
                found[place:place] = bytes(source.randrange(256) for _ in range(source.choice((1, 4, 64))))
            case 5:
                found[place : place + 4] = source.choice((b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\xff" * 4))
            case 6:
                other = source.randrange(len(found))
                found[place : place + 16] = found[other : other + 16]
    return bytes(found)
