"""Features of a set of images, taken once and gathered over processes; those of real images are kept."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from projgan.data import PackedImages
from projgan.errors import UserError
from projgan.evaluation.extractors import FeatureNetwork
from projgan.files import make_folder, write_atomically
from projgan.listening import Count, told
from projgan.process.ranks import Ranks

KEY = "projgan-reference"


@dataclass(frozen=True)
class FeatureSet:
    """What a feature network says of N images."""

    labels: Tensor
    """int64 [N], on the CPU."""
    features: Tensor
    """float32 [N, D], on the device of the network."""
    logits: Tensor
    """float32 [N, K], on the device of the network."""

    def __len__(self) -> int:
        return len(self.labels)


def extract(
    read: Callable[[Tensor], Iterator[Tensor]],
    labels: Tensor,
    network: FeatureNetwork,
    ranks: Ranks,
    progress: Count | None = None,
) -> FeatureSet:
    """Take the features of images [N], each process of its share; every process gets all of them, in order.

    Args:
        read: positions [n] in 0..N-1 -> their images, uint8 [*, C, R, R], batch by batch.
        labels: int64 [N].
        network: takes the features; the same for any batch size.
        ranks: this process among all.
        progress: called with (images done, images in all) of this process.
    """
    share = ranks.share(len(labels))
    count = share.stop - share.start
    positions = torch.arange(share.start, max(share.stop, share.start + 1)).clamp(max=len(labels) - 1)
    features, logits = [], []  # of one image at least: a process without a share knows their widths then
    for images in told(read(positions), len(positions), progress, len):
        extracted = network.extract(images)
        features.append(extracted.features)
        logits.append(extracted.logits)
    gathered = [ranks.gather_rows(torch.cat(parts)[:count]) for parts in (features, logits)]
    return FeatureSet(labels, *(rows.to(network.device) for rows in gathered))


def real_features(
    data: PackedImages,
    chosen: Tensor,
    network: FeatureNetwork,
    ranks: Ranks,
    cache: Path | None = None,
    progress: Count | None = None,
    said: Callable[[str], None] = lambda words: None,
) -> FeatureSet:
    """Return the features of the chosen real images, from the cache where they were taken before.

    Args:
        data: the real images.
        chosen: int64 [N], positions in them.
        network: takes the features.
        ranks: this process among all; the first one writes the cache.
        cache: folder that keeps one file per set of images and network, checked when read; None for none.
        progress: as for `extract`.
        said: told where the cache cannot be written, without which all goes on.
    """
    labels = torch.from_numpy(data.labels)[chosen]
    path = None if cache is None else cache / "references" / f"{_key(data, chosen, network)}.safetensors"
    kept = None if path is None else _read(path, labels)
    if not ranks.largest(int(kept is None)):
        assert kept is not None
        return FeatureSet(labels, kept.features.to(network.device), kept.logits.to(network.device))

    def read(positions: Tensor) -> Iterator[Tensor]:
        for part in chosen[positions].split(256):
            yield torch.from_numpy(data.images[part.numpy()])

    taken = extract(read, labels, network, ranks, progress)
    if path is not None and ranks.is_first:
        try:
            _write(taken, path)
        except UserError as error:
            said(f"features of real images are not kept for the next time: {error}")
    return taken


def _key(data: PackedImages, chosen: Tensor, network: FeatureNetwork) -> str:
    parts = [data.fingerprint, network.sha256, hashlib.sha256(chosen.numpy().tobytes()).hexdigest()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _checksum(taken: FeatureSet) -> str:
    digest = hashlib.sha256()
    for tensor in (taken.labels, taken.features, taken.logits):
        digest.update(f"{tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.cpu().contiguous().numpy().data)
    return digest.hexdigest()


def _write(taken: FeatureSet, path: Path) -> None:
    make_folder(path.parent)
    tensors = {"labels": taken.labels, "features": taken.features.cpu(), "logits": taken.logits.cpu()}
    content = save(tensors, {KEY: _checksum(taken)})
    write_atomically(path, lambda file: file.write(content), sync=False)


def _read(path: Path, labels: Tensor) -> FeatureSet | None:
    """What is kept, or None where it is not there, damaged, or of other images: it is then taken anew."""
    try:
        with safe_open(path, framework="pt") as file:
            kept = FeatureSet(*(file.get_tensor(name) for name in ("labels", "features", "logits")))
            checksum = (file.metadata() or {}).get(KEY)
    except (SafetensorError, OSError, KeyError):
        return None
    if not torch.equal(kept.labels, labels) or checksum != _checksum(kept):
        return None
    return kept
