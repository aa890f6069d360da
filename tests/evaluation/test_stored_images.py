"""Folders of images as what is measured."""

from pathlib import Path

import numpy as np
import pytest

from levelled_images import NAMES, by_name, classes, evaluator
from projgan.errors import UserError
from projgan.evaluation.protocol import choose_protocol
from projgan.evaluation.stored_images import stored_images
from projgan.pictures.grids import write_png
from projgan.pictures.pillow import to_pil


def test_a_folder_of_images_is_measured_at_its_own_size(tmp_path: Path) -> None:
    data = classes(30, 3)
    for index, (image, label) in enumerate(zip(data.images, data.labels, strict=True)):
        write_png(to_pil(image), tmp_path / NAMES[label] / f"{index}.png")
    images = stored_images(tmp_path, 1)
    assert images.class_names == NAMES
    rows = by_name(evaluator(data, protocol=choose_protocol("standard", None, 30)).measure(images))
    assert rows["fd"].value == pytest.approx(0, abs=1e-9)
    assert rows["accuracy_top1"].value == 1
    assert rows["fd"].measurement.generated_labels == "as-given"
    assert rows["fd"].subject.kind == "images"
    write_png(to_pil(np.zeros((1, 8, 9), dtype=np.uint8)), tmp_path / "dark" / "wide.png")
    with pytest.raises(UserError, match=r"several sizes \(dark/0.png is 8x8, dark/wide.png is 9x8\)"):
        stored_images(tmp_path, 1)


def test_images_of_one_folder_have_no_classes(tmp_path: Path) -> None:
    data = classes(30, 3)
    for index, image in enumerate(data.images):
        write_png(to_pil(image), tmp_path / "all" / f"{index}.png")
    rows = by_name(evaluator(data).measure(stored_images(tmp_path, 1)))
    assert rows["fd"].value == pytest.approx(0, abs=1e-9)
    assert "intra_fd" not in rows
