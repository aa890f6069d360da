"""A generator to ONNX or to a torch program, checked against the generator before it is written.

The file takes latents [N, latent_size] of a standard normal, and a condition: labels int64 [N], or float
[N, K] of mixing weights or values. It gives images float32 [N, channels, R, R] in [-1, 1].
"""

import json
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from projgan.errors import UserError
from projgan.files import make_folder, write_atomically
from projgan.generation.sampling import latents_of
from projgan.networks.plain import compute_as_written
from projgan.networks.resnet import Generator
from projgan.storage.network_description import NetworkDescription, versions

TOLERANCE = 1e-5
"""Of an image in [-1, 1], between the file and torch."""
COLUMNS = {
    "class": "weights float32 [N, K]",
    "multi-hot": "0 or 1 of each class, float32 [N, K]",
    "vector": "float32 [N, K], (value - mean) / deviation of each column, see units",
}
"""What a file takes where the condition is no label, by its kind."""
MOST_CHECKED = 1000
"""Classes that are compared, evenly over all."""


class ByLabels(nn.Module):
    """Labels as one-hot weights, which every generator of classes takes too."""

    def __init__(self, generator: Generator, num_classes: int) -> None:
        super().__init__()
        self.generator, self.num_classes = generator, num_classes

    def forward(self, latents: Tensor, condition: Tensor) -> Tensor:
        """Float [N, latent_size], int64 [N] -> float [N, channels, R, R]."""
        return self.generator(latents, F.one_hot(condition, self.num_classes).to(latents.dtype))


class WithoutCondition(nn.Module):
    """A generator that meets no condition."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, latents: Tensor) -> Tensor:
        """Float [N, latent_size] -> float [N, channels, R, R]."""
        return self.generator(latents)


def inputs_of(generator: Generator, num_classes: int, labels: bool) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """Return what is exported and one input of each condition, or 16 latents where there is none.

    Raises:
        UserError: labels are asked for, and the condition is no class.
    """
    count = min(num_classes, MOST_CHECKED) if generator.condition else 16
    latents = latents_of(range(max(count, 2)), generator.latent_size)
    if generator.condition is None:
        return WithoutCondition(generator), (latents,)
    chosen = torch.linspace(0, num_classes - 1, len(latents)).long()
    if labels:
        if generator.condition != "class":
            raise UserError(f"--condition labels: this generator's condition is {generator.condition}")
        return ByLabels(generator, num_classes), (latents, chosen)
    return generator, (latents, F.one_hot(chosen, num_classes).float())


def metadata_of(generator: Generator, description: NetworkDescription, labels: bool) -> dict[str, Any]:
    """Return what the file says of itself, plain values for JSON."""
    units = description.standardization
    return {
        "class_names": list(description.class_names),
        "condition": generator.condition and ("labels int64 [N]" if labels else COLUMNS[generator.condition]),
        "units": None if units is None else units.model_dump(),
        "latents": f"standard normal float32 [N, {generator.latent_size}]",
        "latent_size": generator.latent_size,
        "seeds": "latents of seed s: torch.randn(latent_size, generator=torch.Generator().manual_seed(s))",
        "images": "float32 [N, C, H, W] in [-1, 1]; uint8 is floor((x + 1) * 128), cut to 0..255",
        "resolution": generator.resolution,
        "channels": generator.channels,
        "trained_on": description.provenance.data,
        "step": description.provenance.step,
        "versions": versions(),
    }


def export(
    generator: Generator, description: NetworkDescription, path: Path, *, kind: str, labels: bool
) -> float:
    """Write a generator as another program's file; returns how far its images are from torch's, at most.

    Args:
        generator: in evaluation mode, on the CPU; it computes plainly from here on.
        description: of its file.
        path: to write; its folder is made if need be.
        kind: a name in `EXPORTERS`.
        labels: whether the condition is a label; else float [N, K].

    Raises:
        UserError: a package is missing, or the file's images are not torch's.
    """
    compute_as_written(generator)
    network, inputs = inputs_of(generator, len(description.class_names), labels)
    with torch.inference_mode():
        expected = network(*inputs)
    metadata = metadata_of(generator, description, labels)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / f"made{path.suffix}"
        with _quiet():
            found = EXPORTERS[kind](network.eval(), inputs, metadata, made)
        difference = (found - expected).abs().max().item()
        if not difference <= TOLERANCE:
            raise UserError(
                f"{path}: not written, since its images are up to {difference:.2g} from torch's; "
                "please report it with the generator's card"
            )
        make_folder(path.parent)
        write_atomically(path, lambda file: file.write(made.read_bytes()))
    return difference


def export_onnx(
    network: nn.Module, inputs: tuple[Tensor, ...], metadata: dict[str, Any], path: Path
) -> Tensor:
    """Write an ONNX file and return what onnxruntime makes of it."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if find_spec(package) is None:
            raise UserError(f"{package} is not installed; pip install 'projgan[onnx]'")
    import onnxruntime

    names = ["latents", "condition"][: len(inputs)]
    batch = torch.export.Dim("batch")
    program = torch.onnx.export(
        network,
        inputs,
        dynamo=True,
        input_names=names,
        output_names=["images"],
        dynamic_shapes=tuple({0: batch} for _ in inputs),
        verbose=False,
    )
    assert program is not None
    for key, value in metadata.items():
        program.model.metadata_props[key] = value if isinstance(value, str) else json.dumps(value)
    program.save(str(path), external_data=False)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    fed = {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}
    return torch.from_numpy(session.run(None, fed)[0])


def export_torch(
    network: nn.Module, inputs: tuple[Tensor, ...], metadata: dict[str, Any], path: Path
) -> Tensor:
    """Write a program of `torch.export` and return what it makes when read back."""
    batch = torch.export.Dim("batch")
    program = torch.export.export(network, inputs, dynamic_shapes=tuple({0: batch} for _ in inputs))
    torch.export.save(program, path, extra_files={"projgan.json": json.dumps(metadata)})
    with torch.inference_mode():
        return torch.export.load(path).module()(*inputs)


EXPORTERS: dict[str, Callable[[nn.Module, tuple[Tensor, ...], dict[str, Any], Path], Tensor]] = {
    "onnx": export_onnx,
    "torch": export_torch,
}
"""What writes a network to a path and returns what the file makes of the inputs, by `--to`."""
SUFFIXES = {"onnx": ".onnx", "torch": ".pt2"}


@contextmanager
def _quiet() -> Iterator[None]:
    """Exporters warn of packages that nobody needs here."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
