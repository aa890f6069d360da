"""What is said before a training is refused."""

from pathlib import Path

import pytest
from PIL import Image

from projgan.errors import UserError
from small_runs import train_small


def test_one_folder_around_all_classes_is_named(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        for index in range(3):
            path = tmp_path / "set" / "images" / name / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), 10 * index).save(path)
    with pytest.raises(UserError) as caught:
        train_small(
            tmp_path / "run", {"data.source": str(tmp_path / "set"), "data.cache": str(tmp_path / "c")}
        )
    assert "one class only (images)" in str(caught.value)
    assert f"{tmp_path / 'set' / 'images'}" in str(caught.value)
    assert "unconditional" not in str(caught.value)
    changes = {"data.source": str(tmp_path / "set" / "images"), "data.cache": str(tmp_path / "c")}
    train_small(tmp_path / "run", changes | {"training.steps": 1, "training.batch_size": 2})
