import pytest
import torch

from projgan.errors import UserError
from projgan.evaluation.protocol import PROTOCOLS, choose_labels, choose_protocol, choose_real


def test_the_published_counts() -> None:
    paper, standard, intra = (PROTOCOLS[name] for name in ("paper", "standard", "intra"))
    assert (paper.real_images, paper.generated_images, paper.labels) == (10_000, 5_000, "balanced")
    assert (standard.real_images, standard.generated_images) == (None, 50_000)
    assert (intra.real_images, intra.generated_images, intra.generated_per_class) == (None, None, 5_000)


def test_other_counts_are_another_protocol() -> None:
    assert choose_protocol("standard") is PROTOCOLS["standard"]
    changed = choose_protocol("standard", generated_images=100)
    assert (changed.name, changed.generated_images, changed.real_images) == ("custom", 100, None)
    assert choose_protocol("intra", generated_per_class=7).generated_per_class == 7


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("standrad",), "unknown protocol 'standrad'; did you mean 'standard'?"),
        (("paper", 1), "real_images is 1; it must be from 2"),
        (("paper", None, 10**9), "generated_images is 1000000000"),
        (("intra", None, 100), "protocol intra counts generated images per class"),
        (("paper", None, None, 100), "protocol paper counts generated images in all"),
    ],
)
def test_counts_that_do_not_fit_are_refused(arguments: tuple[object, ...], words: str) -> None:
    with pytest.raises(UserError, match=words.replace("?", r"\?")):
        choose_protocol(*arguments)  # type: ignore[arg-type]


def test_real_images_are_drawn_without_repeats_by_the_seed() -> None:
    protocol = choose_protocol("paper", real_images=30)
    chosen = choose_real(protocol, 100, seed=0)
    assert len(chosen) == len(set(chosen.tolist())) == 30
    assert torch.equal(chosen, chosen.sort().values)
    assert torch.equal(chosen, choose_real(protocol, 100, seed=0))
    assert not torch.equal(chosen, choose_real(protocol, 100, seed=1))
    assert torch.equal(choose_real(PROTOCOLS["standard"], 5, seed=3), torch.arange(5))
    with pytest.raises(
        UserError, match="compares with 30 real images, and there are 20; give real_images 20"
    ):
        choose_real(protocol, 20, seed=0)


def test_labels_are_in_the_proportions_of_the_real_ones() -> None:
    real = torch.tensor([0] * 50 + [1] * 30 + [3] * 20)
    labels = choose_labels(choose_protocol("standard", generated_images=10), real, torch.arange(4), seed=0)
    assert torch.bincount(labels, minlength=4).tolist() == [5, 3, 0, 2]
    # 7 x (0.5, 0.3, 0.2) = 3.5, 2.1, 1.4: whole parts 3, 2, 1, and the largest remainder is the first's.
    labels = choose_labels(choose_protocol("standard", generated_images=7), real, torch.arange(4), seed=0)
    assert torch.bincount(labels, minlength=4).tolist() == [4, 2, 0, 1]


def test_balanced_labels_are_as_many_of_each_in_random_order() -> None:
    real = torch.tensor([0] * 99 + [1, 2])
    labels = choose_labels(choose_protocol("paper", generated_images=300), real, torch.arange(3), seed=0)
    assert torch.bincount(labels).tolist() == [100, 100, 100]
    # Splits of the Inception score are consecutive images: each must see every class.
    assert all(len(part.unique()) == 3 for part in labels.split(30))
    assert not torch.equal(
        labels, choose_labels(choose_protocol("paper", generated_images=300), real, torch.arange(3), 1)
    )
    assert torch.bincount(
        choose_labels(choose_protocol("intra", None, None, 4), real, torch.arange(3), 0)
    ).tolist() == [
        4,
        4,
        4,
    ]
    assert torch.bincount(
        choose_labels(choose_protocol("paper", None, 4), real, torch.arange(3), 0)
    ).tolist() == [2, 1, 1]
