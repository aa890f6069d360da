"""Images fetched ahead are the very images that would have been fetched at once."""

import threading

import pytest
import torch

from projgan.data import stream as streams
from projgan.data.gathering import FetchedImages, ResidentImages, gathered
from projgan.data.stream import ImageStream, PairStream, small_images

CPU = torch.device("cpu")
IMAGES = torch.arange(20, dtype=torch.uint8)[:, None, None, None].expand(20, 1, 2, 2).clone()


def test_what_is_expected_is_gathered_by_another_thread_before_it_is_asked_for() -> None:
    fetched = FetchedImages(IMAGES, CPU)
    threads, real = [], fetched._gather
    fetched._gather = lambda indices: (threads.append(threading.current_thread().name), real(indices))[1]
    fetched.expect(torch.tensor([3, 1]))
    assert fetched.take(torch.tensor([3, 1]))[:, 0, 0, 0].tolist() == [3, 1]
    assert len(threads) == 1
    assert threads[0].startswith("images")


def test_what_is_not_expected_is_gathered_at_once() -> None:
    fetched = FetchedImages(IMAGES, CPU)
    assert fetched.take(torch.tensor([5]))[:, 0, 0, 0].tolist() == [5]
    fetched.expect(torch.tensor([3, 1]))
    assert fetched.take(torch.tensor([1, 3]))[:, 0, 0, 0].tolist() == [1, 3]
    assert fetched.take(torch.tensor([3, 1]))[:, 0, 0, 0].tolist() == [3, 1]  # and the old is forgotten


def test_a_mistake_in_the_thread_is_raised_where_the_images_are_taken() -> None:
    fetched = FetchedImages(IMAGES, CPU)
    fetched.expect(torch.tensor([99]))
    with pytest.raises(IndexError):
        fetched.take(torch.tensor([99]))


def stream(**options: object) -> ImageStream:
    return ImageStream(
        IMAGES, torch.arange(20), resolution=2, batch_size=6, share=slice(1, 4), seed=3, device=CPU, **options
    )


def test_a_stream_that_fetches_ahead_is_the_stream_that_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"horizontal_flip": True, "dequantize": True}
    resident = stream(**options)
    assert isinstance(resident.gathered, ResidentImages)
    monkeypatch.setattr(streams, "gathered", FetchedImages)
    fetched = stream(**options)
    threads, gather = [], fetched.gathered._gather
    fetched.gathered._gather = lambda indices: (
        threads.append(threading.current_thread().name),
        gather(indices),
    )[1]
    for position in (0, 6, 12, 18, 24, 6, 120, 126):
        pairs = zip(fetched.batch(position), resident.batch(position), strict=True)
        assert all(torch.equal(ours, theirs) for ours, theirs in pairs)
    at_once = [name for name in threads if not name.startswith("images")]
    assert len(at_once) == 3  # the first batch, and the two that did not follow the one before


def test_a_cpu_takes_images_from_where_they_are() -> None:
    assert isinstance(gathered(IMAGES, CPU), ResidentImages)
    assert gathered(IMAGES, CPU).take(torch.tensor([2])).data_ptr() != IMAGES.data_ptr()
    assert gathered(IMAGES, CPU).images is IMAGES  # no copy of what may be a file larger than memory


def test_images_taken_in_between_do_not_cost_what_is_fetched_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Super-resolution takes images for its generated ones between two batches of real ones."""
    images = torch.randint(0, 256, (20, 1, 8, 8), dtype=torch.uint8)
    monkeypatch.setattr(streams, "gathered", FetchedImages)
    pairs = PairStream(
        images, torch.zeros(20), resolution=8, batch_size=4, share=slice(0, 4), seed=3, device=CPU
    )
    at_once, gather = [], pairs.gathered._gather

    def noting(indices: torch.Tensor) -> torch.Tensor:
        if not threading.current_thread().name.startswith("images"):
            at_once.append(indices.tolist())
        return gather(indices)

    pairs.gathered._gather = noting
    given = torch.Generator().manual_seed(0)
    for position in range(0, 20, 4):
        pairs.batch(position)
        small_images(pairs, 4, given)
    assert len(at_once) == 1 + 5  # the first batch, and what is drawn anew each time
