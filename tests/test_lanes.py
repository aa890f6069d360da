"""An answer must not depend on its neighbours: bit for bit in float32, at every place of a lane."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from projgan.generation import sampling
from projgan.generation.sampling import sample_latents
from projgan.lanes import LANES, in_lanes, rows_apart
from projgan.networks import convolutions
from projgan.networks.convolutions import channels_last
from projgan.networks.resnet import Generator
from projgan.storage.network_file import generator_path, load_generator

LANE = LANES["cpu"]


PRODUCTS = {torch.ops.aten.linear.default: 0, torch.ops.aten.mm.default: 0, torch.ops.aten.addmm.default: 1}
"""Of matrices, and which argument is the first one."""


class Recorded(TorchDispatchMode):
    """Keeps the first matrix of every product, also of the backward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Tensor] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function in PRODUCTS:
            self.rows.append(args[PRODUCTS[function]])
        return function(*args, **kwargs or {})

    def assert_all_alike(self, at_least: int) -> None:
        assert len(self.rows) >= at_least
        assert {len(row) for row in self.rows} == {1}
        assert {row.data_ptr() % 64 for row in self.rows} == {0}


def test_every_product_in_a_lane_is_of_one_row_aligned_as_all_others() -> None:
    layer, rows = torch.nn.Linear(9, 8), torch.randn(11, 9)
    with Recorded() as recorded:
        answers = torch.cat([answer[:count] for answer, count in in_lanes(layer, LANE, rows)])
    recorded.assert_all_alike(at_least=11)
    torch.testing.assert_close(answers, layer(rows))


def test_so_is_every_product_of_the_backward_pass() -> None:
    layer, rows = torch.nn.Linear(9, 7).requires_grad_(False), torch.randn(11, 9, requires_grad=True)
    with Recorded() as recorded:
        with rows_apart():
            answers = layer(rows)
        (gradient,) = torch.autograd.grad(answers, rows, torch.randn(11, 7))
    recorded.assert_all_alike(at_least=22)
    assert gradient.shape == rows.shape


# Sizes at which products of whole lanes do depend on the place, with AVX-512 or AVX2.
@pytest.mark.parametrize(("inputs", "outputs"), [(5, 8), (9, 8), (13, 10), (129, 4), (20, 10), (64, 10)])
def test_a_row_and_its_gradient_do_not_depend_on_the_place(inputs: int, outputs: int) -> None:
    weight, row, slope = torch.randn(outputs, inputs), torch.randn(inputs), torch.randn(outputs)
    found = []
    for place in range(LANE):
        rows, slopes = torch.randn(LANE, inputs), torch.randn(LANE, outputs)
        rows[place], slopes[place] = row, slope
        with rows_apart():
            answers = F.linear(rows.requires_grad_(), weight)
        (gradient,) = torch.autograd.grad(answers, rows, slopes)
        torch.testing.assert_close(gradient, slopes @ weight)
        found.append((answers[place], gradient[place]))
    assert all(torch.equal(*pair) for other in found for pair in zip(other, found[0], strict=True))


def test_rows_are_cut_into_full_lanes() -> None:
    seen: list[list[int]] = []

    def ask(numbers: Tensor, doubles: Tensor) -> Tensor:
        seen.append(numbers.tolist())
        return numbers + doubles

    rows = torch.arange(5)
    answers = [answer[:count].tolist() for answer, count in in_lanes(ask, 3, rows, 2 * rows)]
    assert answers == [[0, 3, 6], [9, 12]]
    assert seen == [[0, 1, 2], [3, 4, 3]]


def test_no_gradient_and_no_inference_mode_leaves_a_lane() -> None:
    for answer, _ in in_lanes(torch.nn.Linear(3, 2), LANE, torch.randn(2, 3)):
        assert not answer.requires_grad
        assert not torch.is_inference_mode_enabled()


@pytest.fixture
def other_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def shipped() -> Generator:
    return load_generator(generator_path(Path("digits")))[0]


def made(architecture: str, **arguments: Any) -> Generator:
    """With classes and statistics that differ, laid out as networks are that are used."""
    network = Generator(architecture, num_classes=10, **arguments)
    for name, tensor in network.state_dict().items():
        if name.endswith(("gain", "bias")):
            tensor.add_(torch.randn_like(tensor) * 0.3)
    network(torch.randn(8, network.latent_size), torch.arange(8))
    return channels_last(network).eval()


@pytest.mark.usefixtures("other_threads")
@pytest.mark.parametrize(
    ("network", "count"),
    [
        (shipped, 1),
        (shipped, 2),
        (shipped, 3),  # which does not divide a lane
        (lambda: made("resnet-8", channels=1, width=8, latent_size=9), 1),
        (lambda: made("resnet-32", channels=1, width=48), 1),
        (lambda: made("resnet-32", channels=1, width=48), 2),
        (lambda: made("resnet-32", width=96, latent_size=100), 1),  # by Winograd's algorithm
    ],
)
def test_an_image_does_not_depend_on_its_place(
    network: Any, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With labels and with mixing weights, on each number of threads."""
    monkeypatch.setattr(sampling, "to_uint8", lambda images: images)
    monkeypatch.setattr(convolutions, "WINOGRAD_PRODUCTS", 0)
    monkeypatch.setattr(convolutions, "WINOGRAD_TILES", 0)
    torch.set_num_threads(count)
    generator = network()
    size, classes = generator.latent_size, generator.num_classes
    latent, weights = torch.randn(size), torch.rand(classes)
    for own, others in (
        (torch.tensor(4), torch.arange(LANE) % classes),
        (weights, torch.rand(LANE, classes)),
    ):
        found = []
        for place in (0, 1, 3, 6, 7):
            latents, condition = torch.randn(LANE, size), others.clone()
            latents[place], condition[place] = latent, own
            found.append(torch.cat(list(sample_latents(generator, latents, condition)))[place])
        assert all(torch.equal(image, found[0]) for image in found)
