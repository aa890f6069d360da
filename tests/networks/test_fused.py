"""Which maps are left to a GPU's kernels. What those compute is compared by `benchmarks/gpu/kernels.py`, in
test_first_gpu.py."""

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from projgan.networks import fused, fused_branch, fused_finishing
from projgan.networks.finishing import Finishing
from projgan.networks.layers import Conv1x1, Conv3x3, UpsampleConv2d, is_separable
from projgan.networks.spectral_norm import SpectralNormConv2d, SpectralNormConv2dDownsample


def test_only_maps_of_a_gpu_in_short_types_are_left_to_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = torch.zeros(1, 2, 2, 2)
    assert not fused.suits(maps)
    monkeypatch.setattr(fused, "refusal", lambda kind: None)
    assert not fused.suits(maps)
    monkeypatch.setattr(fused, "DEVICES", {"cpu"})
    assert fused.suits(maps)
    assert fused.suits(maps.bfloat16())
    assert not fused.suits(maps.double())
    assert not fused.suits(maps.long())
    assert not fused.suits(nn.Parameter(maps))  # a type of its own may only pretend to have memory
    with FakeTensorMode():
        assert not fused.suits(torch.zeros(1, 2, 2, 2))
    monkeypatch.setattr(fused, "refusal", lambda kind: "no compiler")
    assert not fused.suits(maps)


def test_a_triton_that_does_not_work_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(*given: object) -> None:
        raise RuntimeError("Failed to find C compiler. Please specify one\nmore")

    fused.refusal.cache_clear()
    monkeypatch.setattr(fused, "summed", cannot)
    monkeypatch.setattr(fused.importlib.util, "find_spec", lambda name: object())
    try:
        assert fused.refusal("cpu") == "Failed to find C compiler. Please specify one"
        fused.refusal.cache_clear()
        monkeypatch.setattr(fused.importlib.util, "find_spec", lambda name: None)
        assert fused.refusal("cpu") == "Triton is not installed"
    finally:
        fused.refusal.cache_clear()


@pytest.mark.parametrize(
    "convolution",
    [
        Conv1x1(3, 4),
        Conv3x3(3, 4),
        UpsampleConv2d(3, 4),
        SpectralNormConv2d(3, 4, 3),
        SpectralNormConv2dDownsample(3, 4),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_convolution_apart_from_its_bias_is_the_convolution(convolution: nn.Module) -> None:
    nn.init.normal_(convolution.bias)
    convolution.eval()
    images = torch.randn(2, 3, 8, 8)
    maps, bias = convolution.apart(images)
    torch.testing.assert_close(maps + bias[:, None, None], convolution(images))


@pytest.mark.parametrize("doubled", [False, True])
def test_blocks_are_finished_alike_by_kernels_and_as_written(
    monkeypatch: pytest.MonkeyPatch, doubled: bool
) -> None:
    """The kernels replaced by what they compute: that each is given the right maps and biases."""

    def add_shortcut(
        maps: Tensor, beside: Tensor, bias: Tensor, other: Tensor | None = None, *, doubled: bool = False
    ) -> Tensor:
        beside = beside.repeat_interleave(2, 2).repeat_interleave(2, 3) if doubled else beside
        return maps + beside + bias[:, None, None] + (0 if other is None else other[:, None, None])

    block, main, shortcut = Finishing(), Conv3x3(4, 5), Conv1x1(3, 5)
    for layer in (main, shortcut):
        nn.init.normal_(layer.bias)
    hidden, images = torch.randn(2, 4, 8, 8), torch.randn(2, 3, 4, 4) if doubled else torch.randn(2, 3, 8, 8)
    kept = torch.randn(2, 5, 8, 8)

    def finish() -> list[Tensor]:
        return [
            block.rectify(main, hidden),
            block.add(main, hidden, shortcut, images, doubled=doubled),
            block.add(main, hidden, nn.Identity(), kept),
            block.halve(hidden),
            *block.branch(hidden, halves=True),
            *block.branch(hidden, halves=False),
        ]

    def branch(maps: Tensor, *, halves: bool) -> tuple[Tensor, Tensor]:
        return maps.clamp(min=0), nn.functional.avg_pool2d(maps, 2) if halves else maps

    written = finish()
    monkeypatch.setattr(fused, "suits", lambda maps: True)
    monkeypatch.setattr(fused_branch, "branch", branch)
    monkeypatch.setattr(fused_finishing, "add_shortcut", add_shortcut)
    monkeypatch.setattr(
        fused_finishing, "add_rectify", lambda maps, bias: (maps + bias[:, None, None]).relu()
    )
    monkeypatch.setattr(fused_finishing, "downsample", lambda maps: nn.functional.avg_pool2d(maps, 2))
    for found, right in zip(finish(), written, strict=True):
        torch.testing.assert_close(found, right)
    hidden.requires_grad_()
    seen: list[str] = []
    main.register_forward_hook(lambda *given: seen.append("main"))
    shortcut.register_forward_pre_hook(lambda *given: seen.append("shortcut"))
    for found, right in zip(finish(), written, strict=True):  # whoever looks at a layer sees it called
        torch.testing.assert_close(found, right)
    assert seen == ["main", "main", "shortcut", "main"]
    odd = torch.randn(1, 2, 5, 5)
    monkeypatch.setattr(fused_branch, "branch", None)  # not for maps that cannot be halved
    torch.testing.assert_close(block.branch(odd, halves=True)[1], nn.functional.avg_pool2d(odd, 2))
    block.fused = False
    monkeypatch.setattr(fused_finishing, "add_rectify", None)
    torch.testing.assert_close(block.rectify(main, hidden), written[0])


@pytest.mark.parametrize("hook", ["forward_pre", "forward", "full_backward_pre", "full_backward"])
def test_a_convolution_with_any_hook_is_called_whole(hook: str) -> None:
    layer = Conv3x3(2, 2)
    assert is_separable(layer)
    getattr(layer, f"register_{hook}_hook")(lambda *given: None)
    assert not is_separable(layer)
