"""What cannot be measured is refused before anything is, or left out where nobody asked for it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from levelled_images import NAMES, SUBJECT, by_name, classes, evaluator, generator, inception_like
from pixel_network import QuarterMeans
from projgan.data import PackedImages
from projgan.errors import UserError
from projgan.evaluation.image_sources import GeneratorImages
from projgan.evaluation.protocol import choose_protocol
from projgan.evaluation.stored_images import StoredImages
from projgan.listening import Listener


def test_few_images_for_the_features_are_remarked_on() -> None:
    told: list[str] = []
    data = classes(120, 0)
    protocol = choose_protocol("standard", 4, 60)
    evaluator(data, protocol=protocol, metrics=["fd"], listener=Listener(said=told.append)).measure(
        StoredImages(data)
    )
    assert len(told) == 1
    assert told[0].startswith("fd: 4 images for 4 features")


@pytest.mark.parametrize(
    ("metrics", "network", "words"),
    [
        (["fid"], QuarterMeans, "fid is not what classifier:quarters measures; .* is called fd"),
        (["fd"], inception_like, "fd is not what inception measures; .* is called fid"),
        (["fud"], QuarterMeans, "unknown metric 'fud'; did you mean 'fd'"),
        (["fd,kd"], QuarterMeans, "unknown metric 'fd,kd'; give several as words of their own: fd kd"),
        (["accuracy"], inception_like, "accuracy needs features of a classifier of the data's classes"),
        (
            ["classification_accuracy_score"],
            lambda: QuarterMeans(NAMES),
            "levels has no other part to test on",
        ),
    ],
)
def test_metrics_that_cannot_be_measured_are_refused(
    metrics: list[str], network: Callable[[], QuarterMeans], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        evaluator(classes(60, 0), network=network(), metrics=metrics).check(StoredImages(classes(60, 1)))


@pytest.mark.parametrize(
    ("other", "protocol", "words"),
    [
        (
            classes(60, 1, ("dark", "gray", "light")),
            ("standard", None, 60),
            "levels is of other classes than levels: 'gray' is none of them; did you mean 'grey'",
        ),
        (classes(60, 1), ("standard", None, 61), "measures 61 images, and there are 60; .* 60"),
        (classes(60, 1), ("standard", 121, 60), "compares with 121 real images, and there are 120"),
        (classes(60, 1), ("intra", None, None, 21), "class dark has 20 images to measure of the 21 wanted"),
    ],
)
def test_images_that_cannot_be_compared_are_refused(
    other: PackedImages, protocol: tuple[Any, ...], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        evaluator(classes(120, 0), protocol=choose_protocol(*protocol)).measure(StoredImages(other))


def test_images_of_another_size_are_refused() -> None:
    small = PackedImages(np.zeros((6, 1, 4, 4), dtype=np.uint8), np.arange(6) % 3, NAMES, "small", "e" * 64)
    with pytest.raises(UserError, match=r"small: images of 4 pixels and 1 channel\(s\), not 8 and 1"):
        evaluator(classes(60, 0)).check(StoredImages(small))


def test_a_class_with_too_few_real_images_is_named() -> None:
    data = classes(61, 0)
    lonely = PackedImages(data.images, np.minimum(np.arange(61), 1) * 2, NAMES, "lonely", "f" * 64)
    images = GeneratorImages(generator(), NAMES, SUBJECT)
    with pytest.raises(UserError, match=r"class dark has 1 real image\(s\), and intra_fd needs 2 of each"):
        evaluator(lonely, metrics=["intra_fd"]).check(images)
    with pytest.raises(UserError, match=r"class dark has 1 real image\(s\), and intra_fd needs 2 of each"):
        evaluator(lonely, protocol=choose_protocol("intra", None, None, 5)).check(images)
    few = evaluator(data, protocol=choose_protocol("standard", None, 14), metrics=["kd", "intra_fd"])
    for refuse in (few.check, few.measure):  # a run is told before it trains
        with pytest.raises(UserError, match=r"class light has 4 generated image\(s\), and intra_fd needs 5"):
            refuse(images)
    fewer = evaluator(data, protocol=choose_protocol("standard", None, 5), metrics=["ms_ssim"])
    with pytest.raises(UserError, match=r"class light has 1 generated image\(s\), and ms_ssim needs 2"):
        fewer.check(images)


def test_what_a_class_is_too_small_for_is_left_out_where_nobody_asked_for_it() -> None:
    data = classes(61, 0)
    lonely = PackedImages(data.images, np.minimum(np.arange(61), 1) * 2, NAMES, "lonely", "f" * 64)
    images, said = GeneratorImages(generator(), NAMES, SUBJECT), []
    asked = evaluator(lonely, listener=Listener(said=said.append))
    for _ in range(2):
        assert by_name(asked.measure(images)).keys() == {
            *("fd", "kd", "classifier_score", "precision", "recall", "density", "coverage", "accuracy_top1")
        }
    # As real: 1 of 61 generated images is dark, so there is no pair of them either. Each is said once.
    assert [words for words in said if "left out" in words] == [
        "intra_fd is left out: class dark has 1 real image(s), and intra_fd needs 2 of each",
        "ms_ssim is left out: class dark has 1 generated image(s), and ms_ssim needs 2 of each",
    ]


def test_a_network_of_another_size_is_refused_at_once() -> None:
    network = QuarterMeans(NAMES)
    network.resolution = 32
    with pytest.raises(UserError, match="looks at images of 32 pixels, and these have 8"):
        evaluator(classes(60, 0), network=network)
