from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from pixel_network import QuarterMeans
from projgan.data import PackedImages
from projgan.evaluation.feature_sets import KEY, FeatureSet, _checksum, extract, real_features
from projgan.process.ranks import Ranks
from small_runs import ONE_RANK

IMAGES = np.random.default_rng(0).integers(0, 256, (50, 1, 8, 8), dtype=np.uint8)


def packed(images: np.ndarray = IMAGES, fingerprint: str = "f" * 64) -> PackedImages:
    labels = np.arange(len(images), dtype=np.int64) % 5
    return PackedImages(images, labels, tuple("abcde"), "noise", fingerprint)


def by_hand(images: np.ndarray) -> np.ndarray:
    return images[:, 0].reshape(-1, 2, 4, 2, 4).mean(axis=(2, 4)).reshape(-1, 4) / 255


def test_features_are_in_the_order_of_the_images_whatever_the_batches() -> None:
    def read(size: int) -> "Iterator[Tensor]":
        return lambda positions: (torch.from_numpy(IMAGES[part.numpy()]) for part in positions.split(size))

    labels = torch.arange(50) % 5
    told: list[tuple[int, int]] = []
    whole = extract(read(50), labels, QuarterMeans(), ONE_RANK, lambda *counts: told.append(counts))
    assert told == [(50, 50)]
    assert np.allclose(whole.features.numpy(), by_hand(IMAGES), atol=1e-6)
    for size in (1, 7, 16):
        assert torch.equal(extract(read(size), labels, QuarterMeans(), ONE_RANK).features, whole.features)


def test_a_rank_takes_its_share_even_if_that_is_nothing() -> None:
    asked: list[list[int]] = []

    def read(positions: Tensor) -> Iterator[Tensor]:
        asked.append(positions.tolist())
        yield torch.from_numpy(IMAGES[positions.numpy()])

    class Alone(Ranks):
        def gather_rows(self, rows: Tensor) -> Tensor:
            return rows

    third = extract(read, torch.zeros(7, dtype=torch.int64), QuarterMeans(), Alone(2, 3, torch.device("cpu")))
    assert asked[-1] == [4, 5, 6]
    assert third.features.shape == (3, 4)
    none = extract(read, torch.zeros(1, dtype=torch.int64), QuarterMeans(), Alone(0, 3, torch.device("cpu")))
    assert none.features.shape == (0, 4)


def test_real_features_are_taken_once(tmp_path: Path) -> None:
    network, chosen = QuarterMeans(), torch.arange(0, 50, 2)
    taken = real_features(packed(), chosen, network, ONE_RANK, tmp_path)
    assert np.allclose(taken.features.numpy(), by_hand(IMAGES[::2]), atol=1e-6)
    assert taken.labels.tolist() == (np.arange(0, 50, 2) % 5).tolist()
    seen = network.seen
    kept = real_features(packed(), chosen, network, ONE_RANK, tmp_path)
    assert network.seen == seen
    assert torch.equal(kept.features, taken.features)
    assert torch.equal(kept.logits, taken.logits)


@pytest.mark.parametrize("change", ["images", "choice", "network"])
def test_features_of_something_else_are_not_mistaken_for_them(tmp_path: Path, change: str) -> None:
    network = QuarterMeans()
    real_features(packed(), torch.arange(10), network, ONE_RANK, tmp_path)
    seen = network.seen
    if change == "network":
        network.sha256 = "b" * 64
    images = packed(255 - IMAGES, "e" * 64) if change == "images" else packed()
    chosen = torch.arange(5, 15) if change == "choice" else torch.arange(10)
    taken = real_features(images, chosen, network, ONE_RANK, tmp_path)
    assert network.seen > seen
    assert np.allclose(taken.features.numpy(), by_hand(images.images[chosen.numpy()]), atol=1e-6)


@pytest.mark.parametrize("damage", ["cut short", "one feature changed", "labels of others", "not our file"])
def test_a_damaged_file_is_taken_anew(tmp_path: Path, damage: str) -> None:
    network = QuarterMeans()
    real_features(packed(), torch.arange(20), network, ONE_RANK, tmp_path)
    (path,) = (tmp_path / "references").iterdir()
    if damage == "cut short":
        path.write_bytes(path.read_bytes()[:-5])
    else:
        tensors = load_file(path)
        if damage == "one feature changed":
            content = bytearray(path.read_bytes())
            content[-1] ^= 1
            path.write_bytes(bytes(content))
        elif damage == "labels of others":
            tensors["labels"] += 1
            others = FeatureSet(tensors["labels"], tensors["features"], tensors["logits"])
            save_file(tensors, path, {KEY: _checksum(others)})
        else:
            save_file({"features": tensors["features"]}, path)
    seen = network.seen
    taken = real_features(packed(), torch.arange(20), network, ONE_RANK, tmp_path)
    assert network.seen > seen
    assert np.allclose(taken.features.numpy(), by_hand(IMAGES[:20]), atol=1e-6)
    seen = network.seen
    real_features(packed(), torch.arange(20), network, ONE_RANK, tmp_path)  # the good one is there again
    assert network.seen == seen
