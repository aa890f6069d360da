from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def png_tree(tmp_path: Path) -> Path:
    """train/cat, train/dog with two grey 8x8 images each; test/dog with two."""
    for number, place in enumerate(["train/cat", "train/dog", "test/dog"]):
        folder = tmp_path / "tree" / place
        folder.mkdir(parents=True)
        for index in range(2):
            Image.new("L", (8, 8), 40 * number + 9 * index).save(folder / f"{index}.png")
    return tmp_path / "tree"
