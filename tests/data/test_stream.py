from types import SimpleNamespace

import pytest
import torch
from scipy import stats
from torch import Tensor

from projgan.data.stream import FAKE_CONDITIONS, ImageStream, PairStream, as_in_the_data, uniform_labels
from projgan.pictures.pixels import downscale, to_uint8

CPU = torch.device("cpu")


def numbered(count: int, side: int = 2) -> Tensor:
    """Images each filled with its own number, so that a batch says which images it holds."""
    return torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(count, 1, side, side).clone()


def stream(images: Tensor, batch_size: int, *, share: slice | None = None, **options: object) -> ImageStream:
    options = {"resolution": images.shape[-1], "seed": 5, "dequantize": False} | options
    labels = torch.arange(len(images)) * 10
    share = share or slice(0, batch_size)
    return ImageStream(images, labels, batch_size=batch_size, share=share, device=CPU, **options)


def numbers(batch: tuple[Tensor, Tensor]) -> list[int]:
    images, labels = batch
    found = to_uint8(images)[:, 0, 0, 0].tolist()
    assert labels.tolist() == [number * 10 for number in found]  # labels stay with their images
    return found


def test_every_epoch_is_a_new_permutation_and_batches_straddle_the_borders() -> None:
    source = stream(numbered(10), 4)
    drawn = [number for step in range(15) for number in numbers(source.batch(4 * step))]
    epochs = [drawn[start : start + 10] for start in range(0, 60, 10)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 6
    assert epochs[0] != list(range(10))


def test_a_batch_may_be_larger_than_the_data() -> None:
    large, small = stream(numbered(3), 11), stream(numbered(3), 1)
    assert numbers(large.batch(22)) == [numbers(small.batch(22 + index))[0] for index in range(11)]


def test_the_order_follows_the_seed() -> None:
    orders = {tuple(numbers(stream(numbered(50), 50, seed=seed).batch(0))) for seed in (1, 2, 3)}
    assert len(orders) == 3


def everything(images: Tensor, **options: object) -> ImageStream:
    return stream(images, 6, resolution=6, horizontal_flip=True, dequantize=True, **options)


def test_a_position_gives_one_batch_whatever_was_asked_before() -> None:
    images = torch.randint(0, 256, (10, 3, 8, 8), dtype=torch.uint8)
    inorder = everything(images)
    batches = {position: inorder.batch(position) for position in range(0, 120, 6)}
    other = everything(images)
    for position in (114, 0, 60, 54, 0, 108, 6):
        for found, expected in zip(other.batch(position), batches[position], strict=True):
            assert torch.equal(found, expected)


@pytest.mark.parametrize("ranks", [2, 3])
def test_the_shares_of_all_ranks_together_are_the_batch_of_one(ranks: int) -> None:
    """Images, flips, crops, noise and labels alike."""
    images = torch.randint(0, 256, (10, 3, 8, 8), dtype=torch.uint8)
    size = 6 // ranks
    for position in (0, 6, 24):
        whole = everything(images).batch(position)
        parts = [
            everything(images, share=slice(rank * size, (rank + 1) * size)).batch(position)
            for rank in range(ranks)
        ]
        for kind in (0, 1):
            assert torch.equal(torch.cat([part[kind] for part in parts]), whole[kind])


def test_half_the_images_are_mirrored_and_left_to_right() -> None:
    images = torch.tensor([[[[1, 2], [3, 4]]]], dtype=torch.uint8)
    source = stream(images, 4000, horizontal_flip=True)
    found = to_uint8(source.batch(0)[0])[:, 0].flatten(1).tolist()
    mirrored = found.count([2, 1, 4, 3])
    assert mirrored + found.count([1, 2, 3, 4]) == 4000
    assert stats.binomtest(mirrored, 4000, 0.5).pvalue > 1e-4
    # Without the option, and at the same positions, none is.
    assert (to_uint8(stream(images, 100).batch(0)[0]) == images).all()


def test_flips_change_from_epoch_to_epoch() -> None:
    images = torch.tensor([[[[1, 2], [1, 2]]]], dtype=torch.uint8)
    source = stream(images, 64, horizontal_flip=True)
    first, second = (source.batch(position)[0][:, 0, 0, 0] for position in (0, 64))
    assert not torch.equal(first, second)


def test_crops_are_windows_of_the_image_at_every_offset_alike() -> None:
    image = torch.arange(36, dtype=torch.uint8).view(1, 1, 6, 6)
    crops = to_uint8(stream(image, 4500, resolution=4).batch(0)[0])
    windows = image.unfold(2, 4, 1).unfold(3, 4, 1).reshape(9, 16).tolist()
    counts = [0] * 9
    for crop in crops.flatten(1).tolist():
        counts[windows.index(crop)] += 1
    assert stats.chisquare(counts).pvalue > 1e-4


def test_crops_of_colour_keep_channels_together() -> None:
    image = torch.arange(75, dtype=torch.uint8).view(1, 3, 5, 5)
    crops = to_uint8(stream(image, 20, resolution=3).batch(0)[0]).int()
    assert ((crops[:, 1] - crops[:, 0]) == 25).all()
    assert ((crops[:, 2] - crops[:, 1]) == 25).all()


def test_noise_is_uniform_over_one_grey_level_and_independent_of_it() -> None:
    images = numbered(200, side=8)
    source = stream(images, 200, dequantize=True)
    batch, labels = source.batch(0)
    levels = (labels // 10)[:, None, None, None]
    noise = ((batch.double() + 1) * 128 - levels).flatten()
    assert noise.min() >= 0
    assert noise.max() < 1
    assert stats.kstest(noise.numpy(), "uniform").pvalue > 1e-4
    assert len(noise.unique()) > 0.9 * len(noise)  # each pixel its own
    again = source.batch(200)[0]
    assert not torch.equal(batch.sort(dim=0).values, again.sort(dim=0).values)  # anew at every access


def test_without_noise_levels_are_exact() -> None:
    batch, labels = stream(numbered(100), 100).batch(0)
    assert torch.equal(batch[:, 0, 0, 0], (labels // 10) / 128 - 1)


def test_labels_of_fakes_are_uniform() -> None:
    labels = uniform_labels(torch.arange(7), 7000, torch.Generator().manual_seed(0))
    assert labels.dtype == torch.int64
    assert stats.chisquare(torch.bincount(labels, minlength=7)).pvalue > 1e-4
    assert (labels.min(), labels.max()) == (0, 6)


def test_other_conditions_of_fakes_are_rows_of_the_data_as_often_as_there() -> None:
    """Whole rows: the columns of one are never mixed with those of another."""
    rows = torch.tensor([[1.0, 10.0], [2.0, 20.0], [2.0, 20.0], [3.0, 30.0]])
    source = SimpleNamespace(conditions=rows)
    drawn = as_in_the_data(source, 8000, torch.Generator().manual_seed(0))
    assert torch.equal(drawn[:, 1], 10 * drawn[:, 0])
    counts = torch.bincount(drawn[:, 0].long())[1:]
    assert stats.chisquare(counts, [2000, 4000, 2000]).pvalue > 1e-4
    again = as_in_the_data(source, 8000, torch.Generator().manual_seed(0))
    assert torch.equal(drawn, again)


@pytest.mark.parametrize(("present", "declared"), [((1, 2), 3), ((3, 5), 10), ((1001, 1002), 1003)])
def test_labels_of_fakes_are_those_of_classes_that_have_images(
    present: tuple[int, ...], declared: int
) -> None:
    """Uniform over them, however unlike their numbers of images are."""
    labels = torch.tensor([present[0]] * 9 + list(present[1:]))
    source = ImageStream(
        numbered(len(labels)),
        labels,
        resolution=4,
        batch_size=2,
        share=slice(None),
        seed=0,
        device=torch.device("cpu"),
    )
    drawn = FAKE_CONDITIONS["class"](source, 8000, torch.Generator().manual_seed(0))
    counts = torch.bincount(drawn, minlength=declared)
    assert counts[list(present)].sum() == 8000
    assert stats.chisquare(counts[list(present)]).pvalue > 1e-4


def test_where_every_class_has_images_the_draws_are_those_of_their_number_alone() -> None:
    """A run trained before it was looked at which classes have images goes on to the bit."""
    source = SimpleNamespace(classes=torch.arange(7))
    found = FAKE_CONDITIONS["class"](source, 500, torch.Generator().manual_seed(3))
    assert torch.equal(found, torch.randint(7, (500,), generator=torch.Generator().manual_seed(3)))


def test_a_batch_has_the_rows_of_its_images() -> None:
    rows = torch.rand(10, 3)
    source = ImageStream(
        numbered(10),
        rows,
        resolution=2,
        batch_size=25,
        share=slice(0, 25),
        seed=1,
        device=CPU,
        dequantize=False,
    )
    images, conditions = source.batch(0)
    assert torch.equal(conditions, rows[to_uint8(images)[:, 0, 0, 0].long()])


def pairs(images: Tensor, share: slice = slice(0, 6), **options: object) -> PairStream:
    labels = torch.zeros(len(images), dtype=torch.int64)
    options = {"resolution": 16, "horizontal_flip": True, "seed": 5} | options
    return PairStream(images, labels, batch_size=6, share=share, device=CPU, **options)


def test_the_condition_is_the_very_image_made_small_however_it_was_cropped_and_mirrored() -> None:
    source = pairs(torch.randint(0, 256, (10, 3, 18, 18), dtype=torch.uint8))
    for position in (0, 6, 54):
        images, small = source.batch(position)
        assert torch.equal(to_uint8(small), downscale(to_uint8(images), 4))


def test_both_images_of_a_pair_have_noise_of_their_own() -> None:
    """Uniform in the grey level, and drawn anew."""
    images, small = pairs(torch.full((6, 3, 16, 16), 77, dtype=torch.uint8)).batch(0)
    for noise in ((images + 1) * 128 - 77, (small + 1) * 128 - 77):
        assert stats.kstest(noise.flatten(), "uniform").pvalue > 1e-4
    shared = torch.isin(small.flatten(), images.flatten()).float().mean()
    assert shared < 0.1  # float32 numbers meet by chance
    plain = pairs(torch.full((6, 3, 16, 16), 77, dtype=torch.uint8), dequantize=False).batch(0)
    assert all(bool((part == 77 / 128 - 1).all()) for part in plain)


def test_small_images_of_all_ranks_together_are_those_of_one() -> None:
    images = torch.randint(0, 256, (10, 3, 18, 18), dtype=torch.uint8)
    _, whole = pairs(images).batch(6)
    parts = [pairs(images, slice(start, start + 3)).batch(6)[1] for start in (0, 3)]
    assert torch.equal(torch.cat(parts), whole)


def test_small_images_for_fakes_are_those_of_the_data_alike_often() -> None:
    """Each drawn as often as any other, half of them mirrored, all with noise of their own."""
    ramp = torch.arange(16, dtype=torch.uint8).expand(16, 16) * 4
    images = torch.stack([ramp + 60 * number for number in range(4)])[:, None]
    source = pairs(images)
    drawn = FAKE_CONDITIONS["low-resolution"](source, 4000, torch.Generator().manual_seed(0))
    levels = to_uint8(drawn)
    kinds = [downscale(images, 4), downscale(images.flip(3), 4)]
    counts = [
        int((levels == kind[:, None]).flatten(2).all(dim=2).sum(dim=1)[n]) for kind in kinds for n in range(4)
    ]
    assert sum(counts) == 4000
    assert stats.chisquare(counts).pvalue > 1e-4
    assert len(drawn.unique(dim=0)) == 4000
    again = FAKE_CONDITIONS["low-resolution"](source, 4000, torch.Generator().manual_seed(0))
    assert torch.equal(again, drawn)


def test_the_first_images_are_the_middles_of_the_data() -> None:
    images = torch.randint(0, 256, (3, 3, 18, 18), dtype=torch.uint8)
    assert torch.equal(pairs(images).first_images(2), images[:2, :, 1:17, 1:17])
