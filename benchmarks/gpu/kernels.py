"""What is fused on a GPU against the same written out in float64: results and gradients."""

import copy
import os
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from gpu.notes import Notes
from gpu.settings import Place
from projgan.arithmetic import compute
from projgan.networks import fused, fused_finishing, fused_norm
from projgan.networks.batch_norm import statistics_of_parts
from projgan.networks.convolutions import channels_last
from projgan.networks.fused_branch import branch
from projgan.networks.fused_weights import NormalizeWeights
from projgan.networks.plain import compute_as_written
from projgan.networks.resnet import Discriminator, Generator
from projgan.networks.spectral_norm import (
    SpectralNorm,
    SpectralNormConv2d,
    SpectralNormEmbedding,
    SpectralNormLinear,
)
from projgan.training.acceleration import make_fast

LIMITS = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
"""Length of a difference over the length of what is right."""
SHAPES = [(6, 5, 4, 3, 6), (4, 40, 6, 1, 1), (2, 130, 8, 2, 2)]
LARGE = [(320, 256, 32, 5, 320), (128, 1024, 4, 1, 128), (64, 96, 16, 1, 1)]
"""Images, channels, height and width, parts, and rows of gain and bias."""
WEIGHTS = [[(1, 7)], [(5, 27), (130, 70), (1, 9), (5, 27)], [(3, 1), (70, 130)]]
"""Rows and columns of weights that are normalised at once."""
WEIGHTS_OF_NETWORK = [(128, 27), (128, 3), *[(128, 1152)] * 7, (10, 128), (1, 128), (1024, 9216)]
EPSILON, MOMENTUM = 2e-5, 0.1
NETWORKS = 1e-3
"""The same of whole networks in float32, in which a ReLU near zero may go either way."""
NEAR = 1e-4
"""To zero: there one precision passes a ReLU and another does not, so nothing is asked of it."""
Function = Callable[..., Tensor]


def check(place: Place, notes: Notes) -> None:
    """Compare each function at sizes that are no multiples of anything, and at those of networks.

    On a CPU Triton's interpreter runs the kernels.
    """
    if place.device.type == "cpu":
        os.environ["TRITON_INTERPRET"] = "1"
        fused.DEVICES.add("cpu")
    reason = fused.refusal(place.device.type)
    if reason:
        notes.write("fused", place.device.type == "cpu", 0.0, {"skipped": reason})
        return
    compute(tf32=False)  # whose rounding is far above what is looked for
    with notes.case("what is no number stays none") as facts:
        maps, none = (
            torch.full((1, 2, 2, 2), float("nan"), device=place.device),
            torch.zeros(2, device=place.device),
        )
        kept = [
            fused_finishing.add_rectify(maps, none),
            fused_norm.normalize_rectify(maps, *[none[None]] * 4, EPSILON),
        ]
        kept += branch(maps, halves=True)
        facts["ok"] = all(bool(found.isnan().all()) for found in kept)
    for shape in [*SHAPES, *([] if place.quick else LARGE)]:
        for dtype, limit in LIMITS.items():
            with notes.case(f"{shape}, {str(dtype).removeprefix('torch.')}") as facts:
                errors = dict(compare(shape, dtype, place.device))
                worst = max(errors, key=lambda name: errors[name])
                facts |= {"ok": errors[worst] < limit, "error_at_most": f"{errors[worst]:.2g}", "of": worst}
    for shapes in [*WEIGHTS, *([] if place.quick else [WEIGHTS_OF_NETWORK])]:
        with notes.case(f"weights {shapes[:4]}") as facts:
            error = max(compare_weights(shapes, place.device))
            facts |= {"ok": error < LIMITS[torch.float32], "error_at_most": f"{error:.2g}"}
    for name, layer in lone_layers().items():
        with notes.case(f"alone, {name}") as facts:
            error, alike = compare_alone(layer.to(place.device))
            facts |= {"ok": error < LIMITS[torch.float32] and alike, "error_at_most": f"{error:.2g}"}
    with notes.case("networks") as facts:
        errors = compare_networks(place.device)
        worst = max(errors, key=lambda name: errors[name])
        facts |= {"ok": errors[worst] < NETWORKS, "error_at_most": f"{errors[worst]:.2g}", "of": worst}


def compare_networks(device: torch.device) -> dict[str, float]:
    """Relative errors of small networks as fast as they go against the same as written, by name.

    Of generated images with statistics of parts; of gradients of both networks; and of what they keep.
    """
    draws = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        networks = [network("resnet-32", num_classes=3, width=6) for network in (Generator, Discriminator)]
    plain = copy.deepcopy(networks)
    for network, written in zip(networks, plain, strict=True):
        for parameter, same in zip(network.parameters(), written.parameters(), strict=True):
            change = 0.1 * torch.randn(parameter.shape, generator=draws)
            for one in (parameter, same):
                one.data += change
        make_fast(network.to(device), torch.device("cuda"))  # also where an interpreter stands in
        compute_as_written(written.to(device))
    latents, labels = torch.randn(4, 128, generator=draws).to(device), torch.tensor([0, 1, 2, 1]).to(device)
    found, right = (
        _whole(generator, discriminator, latents, labels) for generator, discriminator in (networks, plain)
    )
    return {name: _difference(found[name], tensor, right) for name, tensor in right.items()}


def _whole(
    generator: Generator, discriminator: Discriminator, latents: Tensor, labels: Tensor
) -> dict[str, Tensor]:
    with statistics_of_parts(generator, 2), torch.no_grad():
        kept = {"images": generator(latents, labels)}
    discriminator(generator(latents, labels), labels).logits.square().mean().backward()
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        kept |= {f"gradient of {name} {key}": value.grad for key, value in network.named_parameters()}
        kept |= {f"buffer of {name} {key}": value for key, value in network.named_buffers()}
    return kept


def _difference(found: Tensor, right: Tensor, of_all: dict[str, Tensor]) -> float:
    # Of a gradient that is next to nothing, such as a bias before batch norm's, only rounding is left.
    largest = max(float(tensor.norm()) for name, tensor in of_all.items() if name.startswith("gradient"))
    least = 1e-4 * largest if found.shape == right.shape and found.dim() == 1 else 1e-12
    return float((found - right).norm() / right.norm().clamp(min=least))


def compare_weights(shapes: Sequence[tuple[int, int]], device: torch.device) -> list[float]:
    """Relative errors of normalised weights of these shapes, of their `u` and of the gradients."""
    draws = torch.Generator().manual_seed(0)
    weights, directions = (
        [torch.randn(*shape, generator=draws).to(device) for shape in shapes] for _ in range(2)
    )
    u = [F.normalize(torch.randn(rows, generator=draws), dim=0).to(device) for rows, _ in shapes]
    ours, moved = [weight.clone().requires_grad_() for weight in weights], torch.cat(u)
    normalized = NormalizeWeights.apply(moved, *ours)
    gradients = torch.autograd.grad(normalized, ours, directions)
    found = [*(weight.detach() for weight in normalized), *moved.split([len(one) for one in u]), *gradients]
    exact = [weight.double().requires_grad_() for weight in weights]
    right, left = [], []
    for weight, one in zip(exact, u, strict=True):
        with torch.no_grad():
            v = F.normalize(weight.t() @ one.double(), dim=0)
            left.append(F.normalize(weight @ v, dim=0))
        right.append(weight / (left[-1] @ weight @ v))
    gradients = torch.autograd.grad(right, exact, [direction.double() for direction in directions])
    expected = [*(weight.detach() for weight in right), *left, *gradients]
    return [_error(*pair) for pair in zip(found, expected, strict=True)]


def lone_layers() -> dict[str, SpectralNorm]:
    """Layers whose weights lie in memory in every way."""
    torch.manual_seed(0)
    turned, grey = SpectralNormLinear(6, 4), SpectralNormConv2d(1, 5, 3)
    turned.weight.data = torch.randn(6, 4).t()
    cut = SpectralNormConv2d(3, 5, 3)
    cut.weight.data = torch.randn(5, 7, 3, 3)[:, :3]
    return {
        "linear": SpectralNormLinear(6, 4),
        "turned": turned,
        "table": SpectralNormEmbedding(3, 8),
        "cut": cut,
        "one channel": channels_last(grey),
    }


def compare_alone(layer: SpectralNorm) -> tuple[float, bool]:
    """Relative error of a layer's weight, `u` and gradient by kernels, twice; whether it lies as written.

    It is also asked that autograd knows of `u` having moved.
    """
    written = copy.deepcopy(layer)
    layer.grouped, errors, alike = True, [0.0], True
    for _ in range(2):
        before = layer.u._version
        found, right = layer.normalized_weight(), written.normalized_weight()
        slope = torch.ones_like(right).cumsum(dim=0)
        ours, theirs = (
            torch.autograd.grad(weight, network.weight, slope)[0]
            for weight, network in ((found, layer), (right, written))
        )
        pairs = ((found, right), (layer.u, written.u), (ours, theirs))
        errors += [_error(one.detach(), other.detach().double()) for one, other in pairs]
        lying = {tensor.is_contiguous(memory_format=torch.channels_last) for tensor in (found, right)}
        alike = alike and layer.u._version > before and (found.dim() != 4 or len(lying) == 1)
    return max(errors), alike


def compare(
    shape: tuple[int, int, int, int, int], dtype: torch.dtype, device: torch.device
) -> list[tuple[str, float]]:
    """Relative errors of every function, of its result and its gradients, by name."""
    count, channels, side, parts, rows = shape
    draws = torch.Generator().manual_seed(0)

    def draw(*size: int, of: torch.dtype = dtype) -> Tensor:
        numbers = torch.randn(*size, generator=draws).to(device, of)
        return numbers.contiguous(memory_format=torch.channels_last) if len(size) == 4 else numbers

    full, half = (count, channels, side, side), (count, channels, side // 2, side // 2)
    images, beside, small, slope = draw(*full) * 2 + 3, draw(*full), draw(*half), draw(*full)
    gain, bias = (draw(rows, channels, of=torch.float32) for _ in range(2))
    first, second = (draw(channels, of=torch.float32) for _ in range(2))
    running = [torch.zeros(channels, device=device), torch.ones(channels, device=device)]
    expected = [numbers.double() for numbers in running]

    def by_kernels(x: Tensor, g: Tensor, b: Tensor) -> Tensor:
        moments = fused_norm.batch_statistics(x.detach(), *running, MOMENTUM, parts, first)
        found: Tensor = fused_norm.NormalizeRectify.apply(x, g, b, *moments, EPSILON, None)
        return found

    def written_out(x: Tensor, g: Tensor, b: Tensor) -> Tensor:
        for part in x.chunk(parts):
            shifted = part.detach() + first.double()[:, None, None]
            variance, mean = torch.var_mean(shifted, dim=(0, 2, 3))
            expected[0].lerp_(mean, MOMENTUM)
            expected[1].lerp_(variance, MOMENTUM)
        return F.relu(before(x, g, b))

    def before(x: Tensor, *given: Tensor) -> Tensor:
        """What the ReLU is given."""
        x, *affine = (tensor.double() for tensor in (x, *given))
        if len(affine) == 1:
            return x + affine[0][:, None, None]
        g, b = affine
        normed = [F.batch_norm(part, None, None, training=True, eps=EPSILON) for part in x.chunk(parts)]
        return torch.cat(normed) * g[:, :, None, None] + b[:, :, None, None]

    def shortcut(x: Tensor, s: Tensor, b: Tensor, c: Tensor) -> Tensor:
        s = F.interpolate(s, scale_factor=2) if s.shape != x.shape else s
        return x + s + (b + c)[:, None, None]

    both = draw(2 * images.numel())
    cases: list[tuple[str, Function, Function, list[Tensor], Tensor]] = [
        ("normalize_rectify", by_kernels, written_out, [images, gain, bias], slope),
        (
            "add_rectify",
            fused_finishing.add_rectify,
            lambda x, b: F.relu(x + b[:, None, None]),
            [images, -3 * first],
            slope,
        ),
        ("add_shortcut", fused_finishing.add_shortcut, shortcut, [images, beside, first, second], slope),
        (
            "add_shortcut, doubled",
            lambda *given: fused_finishing.add_shortcut(*given, doubled=True),
            shortcut,
            [images, small, first, second],
            slope,
        ),
        ("downsample", fused_finishing.downsample, lambda x: F.avg_pool2d(x, 2), [images], draw(*half)),
        (
            "branch",
            lambda x: _flat(*branch(x, halves=False)),
            lambda x: _flat(F.relu(x), x),
            [images - 3],
            both,
        ),
        (
            "branch, halves",
            lambda x: _flat(*branch(x, halves=True)),
            lambda x: _flat(F.relu(x), F.avg_pool2d(x, 2)),
            [images - 3],
            both[: images.numel() * 5 // 4],
        ),
    ]
    errors = []
    for name, ours, theirs, inputs, direction in cases:
        if "rectify" in name:
            direction = direction * (before(*inputs).abs() > NEAR)
        found = _with_gradients(ours, inputs, direction)
        right = _with_gradients(theirs, [tensor.double() for tensor in inputs], direction.double())
        errors += [
            (f"{name}, {index}", _error(*pair)) for index, pair in enumerate(zip(found, right, strict=True))
        ]
    return [*errors, *(("running", _error(*pair)) for pair in zip(running, expected, strict=True))]


def _flat(*maps: Tensor) -> Tensor:
    return torch.cat([part.flatten() for part in maps])


def _with_gradients(function: Function, inputs: list[Tensor], direction: Tensor) -> list[Tensor]:
    leaves = [tensor.detach().requires_grad_() for tensor in inputs]
    result = function(*leaves)
    return [result.detach(), *torch.autograd.grad(result, leaves, direction)]


def _error(found: Tensor, right: Tensor) -> float:
    return float((found.double() - right).norm() / right.norm())
