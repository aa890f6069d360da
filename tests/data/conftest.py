import tarfile
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def encoded(value: int = 0, size: tuple[int, int] = (4, 4), kind: str = "PNG", mode: str = "RGB") -> bytes:
    """One image of a single value, as the bytes of a file."""
    stream = BytesIO()
    Image.new(mode, size, value if mode == "L" else (value, value, value)).save(stream, kind)
    return stream.getvalue()


@pytest.fixture
def png() -> Callable[..., bytes]:
    return encoded


@pytest.fixture
def write_files(tmp_path: Path) -> Callable[[dict[str, bytes]], Path]:
    def write(files: dict[str, bytes], folder: str = "set") -> Path:
        root = tmp_path / folder
        root.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        return root

    return write


@pytest.fixture
def two_classes(write_files: Callable[[dict[str, bytes]], Path]) -> Path:
    """cat: 10, 20; dog: 30 - each image of one value everywhere."""
    return write_files({"cat/a.png": encoded(10), "cat/b.png": encoded(20), "dog/c.png": encoded(30)})


@pytest.fixture
def ramp() -> np.ndarray:
    """An RGB image of 4x4 in which all values differ: uint8 [4,4,3]."""
    return np.arange(48, dtype=np.uint8).reshape(4, 4, 3) * 5


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Write the same files as a folder or an archive: make(form, {name: bytes}, name="set") -> its path."""

    def make(form: str, files: dict[str, bytes], name: str = "set") -> Path:
        path = tmp_path / (name if form == "folder" else f"{name}.{form}")
        if form == "folder":
            path.mkdir()
            for member, content in files.items():
                (path / member).parent.mkdir(parents=True, exist_ok=True)
                (path / member).write_bytes(content)
        elif form == "zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                for member, content in files.items():
                    archive.writestr(member, content)
        else:
            with tarfile.open(path, "w:gz" if form == "tar.gz" else "w") as archive:
                for member, content in files.items():
                    info = tarfile.TarInfo(member)
                    info.size = len(content)
                    archive.addfile(info, BytesIO(content))
        return path

    return make


@pytest.fixture(params=("folder", "zip", "tar", "tar.gz"))
def form(request: pytest.FixtureRequest) -> str:
    """What `make` is to write."""
    return request.param
