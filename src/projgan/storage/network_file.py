"""One self-describing safetensors file: the weights, and JSON that says all that is needed to use them.

Nothing in such a file is ever executed. Its description is checked before anything is allocated, and its
tensors must be exactly those that the described network has.
"""

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Any, get_args

import torch
from pydantic import ValidationError
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from projgan.errors import UserError, printable, reason_of
from projgan.files import write_atomically
from projgan.networks.classifier import Classifier
from projgan.networks.conditions import CONDITIONS
from projgan.networks.convolutions import channels_last
from projgan.networks.inverting_generator import InvertingGenerator
from projgan.networks.resnet import Discriminator, Generator
from projgan.networks.shapes import UnknownNameError
from projgan.networks.super_resolution import SuperResolutionDiscriminator, SuperResolutionGenerator
from projgan.storage.hub_models import DISCRIMINATOR
from projgan.storage.network_description import NetworkDescription, NetworkKind
from projgan.storage.network_kinds import DISCRIMINATORS, KINDS, DiscriminatorArguments
from projgan.storage.published_models import existing_run_or_model
from projgan.stored import Checked, first_mistake


class UnknownMethodError(UserError):
    """A discriminator meets the condition in a way that another program has registered."""


METADATA_KEY = "projgan"


def save_network(
    network: nn.Module, description: NetworkDescription, path: Path, dtype: torch.dtype = torch.float32
) -> None:
    """Write a network's weights and its description to one file, atomically.

    float16 halves the file for publishing: what is read back is float32 again, rounded once.

    Raises:
        UserError: a weight that this type cannot hold.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    tensors |= {name: tensor.to(dtype) for name, tensor in tensors.items() if tensor.is_floating_point()}
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise UserError(f"{path}: {name} does not fit into {dtype}; store it as float32")
    content = save(tensors, metadata={METADATA_KEY: description.model_dump_json()})
    write_atomically(path, lambda file: file.write(content))


def weights_sha256(network: nn.Module) -> str:
    """Return a checksum of a network's parameters and buffers, the same in memory and from a file."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def generator_path(run: Path) -> Path:
    """Return the generator file of a run directory or of a published model, here or on the hub, or the file.

    Raises:
        UserError: a folder without one, or neither a path nor a name.
    """
    return _network_path(existing_run_or_model(run), "generator")


def discriminator_path(run: Path) -> Path:
    """Return the discriminator file of a run directory or of a model on the hub, or the file itself.

    Raises:
        UserError: as `generator_path`.
    """
    found = existing_run_or_model(run)
    if found == run:
        return _network_path(run, "discriminator")
    beside = found.with_name(DISCRIMINATOR)
    if not beside.is_file():
        raise UserError(f"{run}: comes without a discriminator")
    return beside


def _network_path(run: Path, kind: str) -> Path:
    path = run / f"{kind}.safetensors"
    if run.is_dir() and not path.is_file():
        raise UserError(f"{run}: no {path.name} there; is it a run that has reached a checkpoint?")
    return path if run.is_dir() else run


def load_generator(
    path: Path | str, device: torch.device | str = "cpu"
) -> tuple[Generator, NetworkDescription]:
    """Read a generator and its description, in evaluation mode.

    Raises:
        UserError: no such file, not a generator file of this package, or damaged.
    """
    return _load(path, device, "generator")


def load_discriminator(
    path: Path | str, device: torch.device | str = "cpu"
) -> tuple[Discriminator, NetworkDescription]:
    """Read a discriminator and its description, in evaluation mode; errors as in `load_generator`.

    One that is projected keeps the contract of the others; the network it looks through is read from where
    it is installed.
    """
    return _load(path, device, *DISCRIMINATORS)


def read_description(path: Path | str) -> NetworkDescription:
    """Read what a network's file says of itself, whatever network it holds; errors as in `load_generator`."""
    return _read(Path(path), get_args(NetworkKind), tensors=False)[0]


def count_parameters(path: Path | str) -> int:
    """Return how many parameters a discriminator has that are trained; errors as in `load_generator`."""
    path = Path(path)
    description, _ = _read(path, DISCRIMINATORS)
    return sum(parameter.numel() for parameter in _build(path, description).parameters())


def discriminator_shapes(path: Path | str) -> frozenset[tuple[str, tuple[int, ...]]]:
    """Return the names and shapes of a discriminator's tensors; errors as in `load_generator`."""
    _, tensors = _read(Path(path), DISCRIMINATORS)
    return frozenset((name, tuple(tensor.shape)) for name, tensor in tensors.items())


def load_super_resolution_generator(
    path: Path | str, device: torch.device | str = "cpu"
) -> tuple[SuperResolutionGenerator, NetworkDescription]:
    """Read a generator of super-resolution and its description; errors and mode as in `load_generator`."""
    return _load(path, device, "super-resolution generator")


def load_super_resolution_discriminator(
    path: Path | str, device: torch.device | str = "cpu"
) -> tuple[SuperResolutionDiscriminator, NetworkDescription]:
    """Read a discriminator of super-resolution and its description; errors as in `load_generator`."""
    return _load(path, device, "super-resolution discriminator")


def load_classifier(
    path: Path | str, device: torch.device | str = "cpu"
) -> tuple[Classifier, NetworkDescription]:
    """Read a classifier and its description, in evaluation mode; errors as in `load_generator`."""
    return _load(path, device, "classifier")


def load_inverting_generator(
    path: Path | str, device: torch.device | str = "cpu"
) -> tuple[InvertingGenerator, NetworkDescription]:
    """Read a generator of images from features, in evaluation mode; errors as in `load_generator`."""
    network, description = _load(path, device, "feature inverter")
    if description.inversion is None:
        raise UserError(f"{path}: does not say which classifier it inverts; damaged")
    return network, description


def _load(
    path: Path | str, device: torch.device | str, *kinds: NetworkKind
) -> tuple[Any, NetworkDescription]:
    path = Path(path)
    description, tensors = _read(path, kinds)
    network = _fill(_build(path, description), tensors, path)
    KINDS[description.kind].complete(network)
    return network.to(device).eval(), description


def _build(path: Path, description: NetworkDescription) -> Any:
    """The network that a file describes, without numbers."""
    form = KINDS[description.kind]
    arguments = _check(form.arguments, description, path)
    with torch.device("meta"):  # nothing is allocated before the tensors are known to fit
        try:
            return form.network(**arguments)
        except UnknownNameError as error:
            raise UserError(f"{path}: {error}; written by a newer version?") from None
        except ValueError as error:
            raise UserError(f"{path}: {error}; damaged") from None


def _read(
    path: Path, kinds: Collection[NetworkKind], tensors: bool = True
) -> tuple[NetworkDescription, dict[str, Tensor]]:
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = (file.metadata() or {}).get(METADATA_KEY)
            if metadata is None:
                raise UserError(f"{path}: a safetensors file, but not one that projgan wrote")
            description = NetworkDescription.model_validate_json(metadata)
            if description.kind not in kinds:
                remedy = (
                    "; its command is `projgan super-resolve`" if description.kind.startswith("super") else ""
                )
                raise UserError(f"{path}: holds a {description.kind}, not a {next(iter(kinds))}{remedy}")
            names = file.keys() if tensors else ()
            return description, {name: file.get_tensor(name) for name in names}
    except UserError:
        raise
    except ValidationError as error:
        raise UserError(
            f"{path}: its description is not one this version reads: {first_mistake(error)}"
        ) from None
    except Exception as error:  # of safetensors, of torch, of the disk
        raise UserError(
            f"{path}: not a safetensors file, or damaged ({reason_of(error)}); projgan loads no pickles or "
            "other formats"
        ) from None


def _check(model: type[Checked], description: NetworkDescription, path: Path) -> dict[str, Any]:
    try:
        arguments = model.model_validate(description.network).model_dump()
        if model is DiscriminatorArguments and arguments["condition"] not in CONDITIONS:
            unknown = f"{printable(arguments['condition'])!r} is no method known here"
            raise UnknownMethodError(f"{path}: {unknown}; run the program that registers it")
    except ValidationError as error:
        raise UserError(
            f"{path}: its description is not one this version reads: {first_mistake(error)}"
        ) from None
    if arguments.get("num_classes") not in (None, len(description.class_names)):
        raise UserError(f"{path}: {arguments['num_classes']} classes but other class names; damaged")
    units = description.standardization
    if units is not None and {len(units.means), len(units.deviations)} != {len(description.class_names)}:
        raise UserError(f"{path}: {len(description.class_names)} columns but other units; damaged")
    if units is None and arguments.get("condition") == "vector":
        raise UserError(f"{path}: a vector without its units; damaged")
    return arguments


def _fill(network: Any, tensors: dict[str, Tensor], path: Path) -> Any:
    expected = {name: (tensor.shape, tensor.dtype) for name, tensor in network.state_dict().items()}
    floating = {name: tensor for name, tensor in tensors.items() if tensor.is_floating_point()}
    if all(tensor.dtype == torch.float16 for tensor in floating.values()):  # as models are published
        tensors = tensors | {name: tensor.float() for name, tensor in floating.items()}
    found = {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}
    for name in expected.keys() | found.keys():
        if expected.get(name) != found.get(name):
            raise UserError(
                f"{path}: tensor {printable(name)} is not that of the network it describes; damaged"
            )
    _refuse_impossible(tensors, path)
    # In a file tensors are not aligned, and sums round by where numbers lie: each gets a place of its own.
    network.load_state_dict({name: tensor.clone() for name, tensor in tensors.items()}, assign=True)
    return channels_last(network)


def _refuse_impossible(tensors: dict[str, Tensor], path: Path) -> None:
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise UserError(
                f"{path}: {name} has weights that are not finite; damaged, or of a run that broke"
            )
        if name.endswith("running_var") and (tensor < 0).any():
            raise UserError(f"{path}: {name} has variances below zero; damaged")
