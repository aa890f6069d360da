from collections import Counter

import pytest
import torch
from torch import Tensor

from projgan.config import RunConfig, check_config
from projgan.data.order import ORDERS, ClassesAlike, Order, Permutations
from projgan.data.stream import ImageStream, uniform_class
from projgan.errors import UserError
from projgan.pictures.pixels import to_uint8
from projgan.randomness import generator_at

CPU = torch.device("cpu")
LABELS = torch.tensor([2, 0, 2, 2, 5, 0, 2, 5, 2, 2])  # two of class 0, six of 2, two of 5, none of others
MEMBERS = [[1, 5], [0, 2, 3, 6, 8, 9], [4, 7]]


def drawn(order: Order, count: int, batch: int = 7) -> list[int]:
    return [index for start in range(0, count, batch) for index in order.at(start, batch).tolist()][:count]


def test_over_whole_rounds_every_class_has_as_many_images() -> None:
    indices = drawn(ClassesAlike(LABELS, 5), 3 * 40)
    assert Counter(LABELS[indices].tolist()) == {0: 40, 2: 40, 5: 40}
    for start in range(0, 120, 3):  # and each round of three has all three
        assert sorted(LABELS[indices[start : start + 3]].tolist()) == [0, 2, 5]


def test_an_image_of_a_class_comes_again_only_when_all_of_it_have_come() -> None:
    indices = drawn(ClassesAlike(LABELS, 5), 3 * 12)
    large = [index for index in indices if LABELS[index] == 2]
    assert sorted(large[:6]) == sorted(large[6:]) == MEMBERS[1]
    assert large[:6] != large[6:]
    small = [index for index in indices if LABELS[index] == 0]
    assert all(sorted(pair) == [1, 5] for pair in zip(small[::2], small[1::2], strict=True))


def test_what_is_where_by_hand() -> None:
    """The class is the round's permutation's, the image is its class's own permutation's."""
    expected = []
    for turn in range(8):
        for place in torch.randperm(3, generator=generator_at(11, "order of classes", turn)).tolist():
            members = MEMBERS[place]
            epoch, offset = divmod(turn, len(members))
            source = generator_at(11, f"order in class {place}", epoch)
            expected.append(members[torch.randperm(len(members), generator=source)[offset]])
    assert drawn(ClassesAlike(LABELS, 11), 24) == expected


def test_a_position_does_not_depend_on_what_was_asked_and_seeds_differ() -> None:
    straight = drawn(ClassesAlike(LABELS, 5), 90, batch=1)
    order = ClassesAlike(LABELS, 5)
    for position in (50, 0, 33, 51):
        assert order.at(position, 9).tolist() == straight[position : position + 9]
    assert drawn(ClassesAlike(LABELS, 6), 90) != straight
    assert len({tuple(LABELS[straight[start : start + 3]].tolist()) for start in range(0, 90, 3)}) == 6


def batch(labels: Tensor, share: slice, order: Order | None) -> tuple[Tensor, Tensor]:
    images = torch.arange(len(labels), dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 2, 2).clone()
    options = {"resolution": 2, "batch_size": 6, "seed": 3, "dequantize": False, "order": order}
    return ImageStream(images, labels, share=share, device=CPU, **options).batch(12)


def test_shares_of_ranks_are_the_batch_of_one_and_labels_stay_with_their_images() -> None:
    whole = batch(LABELS, slice(0, 6), ClassesAlike(LABELS, 3))
    parts = [batch(LABELS, slice(start, start + 2), ClassesAlike(LABELS, 3)) for start in (0, 2, 4)]
    for kind in (0, 1):
        assert torch.equal(torch.cat([part[kind] for part in parts]), whole[kind])
    numbers = to_uint8(whole[0])[:, 0, 0, 0].long()
    assert torch.equal(LABELS[numbers], whole[1])
    assert torch.equal(numbers, ClassesAlike(LABELS, 3).at(12, 6))


def test_generated_labels_are_of_the_classes_that_have_images_alike() -> None:
    options = {"resolution": 2, "batch_size": 6, "share": slice(0, 6), "seed": 3, "device": CPU}
    stream = ImageStream(torch.zeros(10, 1, 2, 2, dtype=torch.uint8), LABELS, **options)
    counts = Counter(uniform_class(stream, 3000, torch.Generator().manual_seed(0)).tolist())
    assert counts.keys() == {0, 2, 5}
    assert all(870 < count < 1130 for count in counts.values())  # 1000, five deviations of 26


def test_without_balance_the_order_is_what_it_was() -> None:
    plain = ORDERS[None](LABELS, 9)
    assert isinstance(plain, Permutations)
    epochs = [torch.randperm(10, generator=generator_at(9, "order", epoch)) for epoch in (0, 1)]
    assert torch.equal(plain.at(4, 12), torch.cat(epochs)[4:16])
    chosen, unsaid = (batch(LABELS, slice(0, 6), order) for order in (ORDERS[None](LABELS, 3), None))
    assert all(map(torch.equal, chosen, unsaid))


def test_balance_is_for_one_class_an_image() -> None:
    assert set(ORDERS) == {None, "classes"}
    assert check_config({"data": {"balance": "classes"}}, "here").data.balance == "classes"
    assert RunConfig().data.balance is None
    settings = {"data": {"balance": "classes", "condition": "multi-hot"}}
    with pytest.raises(UserError, match=r"data\.balance is classes, but data\.condition is multi-hot"):
        check_config(settings, "here")
