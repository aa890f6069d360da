"""Classes that some side lacks: declared without images, never seen by the generator, or in another order."""

from typing import Any

import numpy as np
import pytest
import torch

from levelled_images import NAMES, SUBJECT, by_name, classes, evaluator, generator
from pixel_network import QuarterMeans
from projgan.data import PackedImages
from projgan.errors import UserError
from projgan.evaluation.image_sources import GeneratorImages
from projgan.evaluation.protocol import choose_protocol
from projgan.evaluation.stored_images import StoredImages
from projgan.listening import Listener
from projgan.networks.resnet import Generator

DECLARED = ("void", "dark", "hollow", "grey", "light")


"""Of which the first and the third have no images."""


def declared(data: PackedImages) -> PackedImages:
    """The same images, among more classes than have any."""
    labels = np.array([1, 3, 4])[data.labels]
    return PackedImages(data.images, labels, DECLARED, data.name, data.fingerprint, split=data.split)


def wide_generator(never_seen: tuple[int, ...] = ()) -> GeneratorImages:
    """Classes that are those of `generator`, with others between, which would change every number."""
    narrow = generator()
    wide = Generator("resnet-8", channels=1, num_classes=5, latent_size=4, width=4).eval()
    state = narrow.state_dict()
    for name, tensor in wide.state_dict().items():
        own = state[name]
        if tensor.shape != own.shape:
            own = torch.full_like(tensor, 7.0).index_copy(0, torch.tensor([1, 3, 4]), own)
        state[name] = own
    wide.load_state_dict(state)
    return GeneratorImages(wide, DECLARED, SUBJECT, never_seen=never_seen)


@pytest.mark.parametrize("protocol", [("standard", None, 90), ("paper", 100, 90), ("intra", None, None, 20)])
def test_declared_classes_without_images_change_no_number(protocol: tuple[Any, ...]) -> None:
    """The same images and generator, with classes between that nothing is known of: generated of none."""
    data, chosen = classes(120, 0), choose_protocol(*protocol)
    metrics = None if protocol[0] == "intra" else ("fd", "intra_fd", "accuracy", "ms_ssim", "kd")
    alone = evaluator(data, protocol=chosen, metrics=metrics).measure(
        GeneratorImages(generator(), NAMES, SUBJECT)
    )
    network = QuarterMeans(DECLARED)
    among = evaluator(declared(data), protocol=chosen, metrics=metrics, network=network).measure(
        wide_generator()
    )
    assert [row.metric for row in among] == [row.metric for row in alone]
    for ours, theirs in zip(among, alone, strict=True):
        if ours.metric != "accuracy_top1":  # the classifiers are not the same
            assert (ours.value, ours.standard_error) == pytest.approx((theirs.value, theirs.standard_error))
        assert set(ours.per_class or ()) == set(theirs.per_class or ()) <= set(NAMES)


def test_a_generator_is_not_asked_for_what_it_has_never_seen() -> None:
    said: list[str] = []
    data = declared(classes(120, 0))
    asked = evaluator(data, network=QuarterMeans(DECLARED), listener=Listener(said=said.append))
    rows = by_name(asked.measure(wide_generator(never_seen=(0, 3))))
    assert "g has seen no image of grey, so none is made of that" in said
    assert set(rows["intra_fd"].per_class or ()) == {"dark", "light"}
    with pytest.raises(UserError, match="has seen no image of any class that there are real images of"):
        asked.check(wide_generator(never_seen=(1, 3, 4)))


def test_test_images_of_every_class_are_needed_and_the_class_without_is_named() -> None:
    data = declared(classes(60, 0))
    tested = PackedImages(data.images, np.full(60, 4), DECLARED, "test", "b" * 64, split="test")
    asked = evaluator(
        data,
        network=QuarterMeans(DECLARED),
        metrics=["classification_accuracy_score"],
        held_out=lambda: tested,
    )
    with pytest.raises(
        UserError, match=r"class dark has 0 test image\(s\), and classification_accuracy_score"
    ):
        asked.measure(wide_generator())


def test_images_of_some_of_the_classes_in_any_order_are_matched_by_name() -> None:
    """As a folder of samples has them: its classes are those that were asked for, in the order of names."""
    data, names = classes(120, 0), ("light", "dark")
    part = classes(60, 1)
    kept = part.labels != 1
    some = PackedImages(
        part.images[kept], np.where(part.labels[kept] == 2, 0, 1), names, "some", "e" * 64, split=None
    )
    said: list[str] = []
    rows = by_name(
        evaluator(
            data, protocol=choose_protocol("standard", None, 40), listener=Listener(said=said.append)
        ).measure(StoredImages(some))
    )
    assert rows["accuracy_top1"].value == 1  # each is of the class that it is said to be
    assert set(rows["accuracy_top1"].per_class or ()) == {"dark", "light"}
    assert "intra_fd is left out: class grey has 0 generated image(s), and intra_fd needs 5 of each" in said
