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
