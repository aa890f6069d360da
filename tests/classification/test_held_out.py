from pathlib import Path

import numpy as np
import pytest
import torch

from projgan.classification.held_out import LabelledParts, labels_by_name, load_parts, stratified_tenth
from projgan.data import PackedImages, open_source
from projgan.errors import UserError


def parts_of(location: Path | str, **others: object) -> LabelledParts:
    return load_parts(str(location), **({"resolution": 8, "channels": 1, "seed": 0, "cache": None} | others))


def write_npz(path: Path, labels: list[int]) -> Path:
    """Grey 8x8 images that all differ, with these labels."""
    images = np.random.default_rng(0).integers(256, size=(len(labels), 8, 8), dtype=np.uint8)
    np.savez(path, images=images, labels=np.array(labels))
    return path


def test_a_tenth_of_every_class_is_held_out_by_hand() -> None:
    labels = torch.tensor([0] * 100 + [1] * 26 + [2] * 24 + [3] * 2 + [4])[torch.randperm(153)]
    held_out = stratified_tenth(labels, seed=0)
    # 10.0, 2.6 and 2.4 round to 10, 3 and 2; two images give one; a lone one is learned from.
    assert labels[held_out].bincount(minlength=5).tolist() == [10, 3, 2, 1, 0]
    assert torch.equal(held_out, stratified_tenth(labels, seed=0))
    assert not torch.equal(held_out, stratified_tenth(labels, seed=1))


def test_parts_are_disjoint_and_nothing_is_lost(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "set.npz", [0, 1, 1] * 20)
    parts = parts_of(path)
    assert (parts.test_split, len(parts.images), len(parts.test_images)) == ("held-out", 54, 6)
    assert parts.test_labels.bincount().tolist() == [2, 4]
    rows = torch.cat([parts.images, parts.test_images]).flatten(1)
    assert len(rows.unique(dim=0)) == 60
    whole = {
        tuple(image.flatten().tolist()): label
        for image, label in zip(np.load(path)["images"], [0, 1, 1] * 20, strict=True)
    }
    assert [whole[tuple(row.tolist())] for row in rows] == torch.cat(
        [parts.labels, parts.test_labels]
    ).tolist()


def test_the_datas_own_test_part_is_used_where_there_is_one(png_tree: Path) -> None:
    parts = parts_of(png_tree)
    assert (parts.test_split, len(parts.images), len(parts.test_images)) == ("test", 4, 2)
    # In the test part, "dog" is the only class.
    assert (parts.class_names, parts.test_labels.tolist()) == (("cat", "dog"), [1, 1])


def test_what_was_learned_from_is_not_what_is_measured_on(png_tree: Path) -> None:
    assert open_source(png_tree).test_split == "test"
    assert open_source(png_tree, "test").test_split is None


def test_a_test_class_that_was_never_taught_is_refused(png_tree: Path) -> None:
    (png_tree / "test" / "dog").rename(png_tree / "test" / "emu")
    with pytest.raises(UserError, match="its test part has a class emu that its training part lacks"):
        parts_of(png_tree)


def test_labels_are_matched_by_name() -> None:
    def packed(names: tuple[str, ...], labels: list[int]) -> PackedImages:
        return PackedImages(
            np.zeros((len(labels), 1, 8, 8), np.uint8), np.array(labels), names, "set", "ab", "test"
        )

    learned = packed(("ant", "bee", "cat"), [0, 1, 2])
    assert labels_by_name(packed(("bee", "cat"), [0, 1, 1]), learned).tolist() == [1, 2, 2]
    # A name without test images does no harm.
    assert labels_by_name(packed(("bee", "dog"), [0, 0]), learned).tolist() == [1, 1]


def test_one_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="one class only"):
        parts_of(write_npz(tmp_path / "set.npz", [0, 0, 0]))


def test_nothing_to_hold_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no class has two images"):
        parts_of(write_npz(tmp_path / "set.npz", [0, 1]))
