"""What is on the page of `projgan explore`, and a run for it to show."""

import base64
import io
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from fabricated_runs import fabricate, metric_row
from projgan.generation.request import SampleRequest
from projgan.generation.sample_writing import write_images
from projgan.generation.sampling import latents_of
from projgan.pictures.grids import write_png
from projgan.storage.latents_file import Latents, LatentsDescription, save_latents
from projgan.storage.network_file import generator_path, load_generator, weights_sha256
from projgan.storage.run_directory import RunDirectory


def pixels_in(html: str) -> list[np.ndarray]:
    """Every picture of a piece of the page, as uint8 [H, W] or [H, W, 3]."""
    found = re.findall(r'<img[^>]* src="data:image/png;base64,([^"]+)"', html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(content)))) for content in found]


def written(folder: Path, run: Path, **request: Any) -> list[np.ndarray]:
    """What `projgan sample` writes."""
    files = write_images(run, SampleRequest(out=folder, **request)).files
    return [np.asarray(Image.open(path)) for path in files]


def assert_equal(ours: list[np.ndarray], theirs: list[np.ndarray]) -> None:
    """Compare pictures pixel by pixel."""
    assert len(ours) == len(theirs) > 0
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape
        assert (one == other).all()


def claimed(width: int, height: int) -> bytes:
    """A PNG whose header claims a size; nothing of it is decoded."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def followed_run(path: Path, names: tuple[str, ...] = tuple("0123456789")) -> Path:
    """A run with losses, numbers and two sample grids, the newer of which is white."""
    rows = [metric_row("fd", 40.0, 500), metric_row("fd", 20.0, 1000, standard_error=0.5)]
    fabricate(path, rows, class_names=names)
    for step, grey in ((500, 0), (1000, 255)):
        write_png(Image.new("L", (40, 30), grey), RunDirectory(path).samples_at(step))
    return path


def found_in(run: Path, path: Path) -> Path:
    """A file of latents as if an image were seed 8 of the class 3, and another seed 9 of a mixture."""
    generator, description = load_generator(generator_path(run))
    weights = torch.zeros(2, len(description.class_names))
    weights[0, 3], weights[1, 4], weights[1, 5] = 1.0, 0.25, 0.75
    says = LatentsDescription(
        generator_sha256=weights_sha256(generator),
        class_names=description.class_names,
        rows=({"image": "/photos/<b>three.png"}, {"image": "mixed.png"}),
        made_by={},
    )
    save_latents(path, Latents(latents_of([8, 9], generator.latent_size), weights, says))
    return path
