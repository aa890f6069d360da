"""Images to rows, with features that can be computed by hand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from pixel_network import QuarterMeans
from projgan.data import PackedImages
from projgan.errors import UserError
from projgan.evaluation import evaluator as evaluator_module
from projgan.evaluation.diversity import within_class_ms_ssim
from projgan.evaluation.evaluator import Evaluator
from projgan.evaluation.frechet import factor_of_features, frechet_distance_from_features
from projgan.evaluation.frechet_error import frechet_distance_with_error
from projgan.evaluation.image_sources import GeneratorImages, RealConditions
from projgan.evaluation.intra_class import intra_class_distances
from projgan.evaluation.neighbours import density_coverage, precision_recall
from projgan.evaluation.protocol import choose_protocol, choose_real
from projgan.evaluation.rows import MetricRow, Subject, differing_keys
from projgan.evaluation.scores import inception_score, kernel_distance, top_k_accuracy
from projgan.evaluation.stored_images import StoredImages, stored_images
from projgan.generation.sampling import sample
from projgan.listening import Listener
from projgan.networks.resnet import Generator
from projgan.pictures.grids import write_png
from projgan.pictures.pillow import to_pil
from projgan.process.ranks import Ranks
from small_runs import ONE_RANK

NAMES = ("dark", "grey", "light")


def classes(count: int, seed: int, names: tuple[str, ...] = NAMES) -> PackedImages:
    """Images whose mean level is that of their class, the first a third in reverse order of classes."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % len(names)
    levels = labels[:, None, None, None] * (200 / (len(names) - 1)) + 20
    images = (levels + generator.normal(0, 12, (count, 1, 8, 8))).clip(0, 255).astype(np.uint8)
    return PackedImages(images, labels, names, "levels", f"{seed:064d}", split="train")


def evaluator(data: PackedImages, **changes: Any) -> Evaluator:
    settings: dict[str, Any] = {"ranks": ONE_RANK, "protocol": choose_protocol("standard", None, len(data))}
    settings |= changes
    network = settings.pop("network", None) or QuarterMeans(NAMES)
    return Evaluator(data, network, settings.pop("protocol"), **settings)


def by_name(rows: list[MetricRow]) -> dict[str, MetricRow]:
    return {row.metric: row for row in rows}


def test_the_real_images_themselves_are_perfect() -> None:
    data = classes(120, 0)
    rows = by_name(evaluator(data).measure(StoredImages(data)))
    assert rows["fd"].value == pytest.approx(0, abs=1e-9)
    assert rows["intra_fd"].value == pytest.approx(0, abs=1e-9)
    assert {name: pytest.approx(0, abs=1e-9) for name in NAMES} == rows["intra_fd"].per_class
    assert rows["precision"].value == rows["recall"].value == rows["coverage"].value == 1
    assert rows["accuracy_top1"].value == 1
    assert rows["accuracy_top1"].per_class == {"dark": 1, "grey": 1, "light": 1}
    assert rows["classifier_score"].value > 1
    assert 0 < rows["within_class_ms_ssim"].value < 1
    assert "classification_accuracy_score" not in rows  # it takes minutes, so nobody gets it unasked


def test_numbers_are_those_of_the_features_by_hand() -> None:
    data, other = classes(120, 0), classes(90, 1)
    rows = by_name(
        evaluator(data, protocol=choose_protocol("standard", None, 90)).measure(StoredImages(other))
    )
    network = QuarterMeans()
    real, generated = (network.extract(torch.from_numpy(packed.images)).features for packed in (data, other))
    assert rows["fd"].value == pytest.approx(frechet_distance_from_features(real, generated), rel=1e-9)
    within = [
        frechet_distance_from_features(real[data.labels == label], generated[other.labels == label])
        for label in range(3)
    ]
    assert rows["intra_fd"].value == pytest.approx(np.mean(within), rel=1e-9)
    assert list(rows["intra_fd"].per_class or ()) == list(NAMES)
    assert list((rows["intra_fd"].per_class or {}).values()) == pytest.approx(within, rel=1e-9)
    assert (rows["fd"].measurement.real_images, rows["fd"].measurement.generated_images) == (120, 90)


@pytest.mark.parametrize(("count", "splits"), [(99, 1), (120, 2), (600, 10)])
def test_the_score_has_splits_of_enough_images(count: int, splits: int) -> None:
    """Ten splits of one image would be 1 ± 0; one split has no error."""
    data, made = classes(count, 0), classes(count, 1)
    rows = evaluator(data, metrics=["classifier_score"]).measure(StoredImages(made))
    (row,) = rows
    assert row.measurement.parameters == {"splits": splits}
    assert (row.standard_error is None) == (splits == 1)
    assert row.value > 1


def test_every_number_is_that_of_its_own_metric(tmp_path: Path) -> None:
    """Each metric, called alone on the images that the seed chooses, is the oracle of its row."""
    data, other = classes(150, 0), classes(120, 1)
    other = PackedImages(
        (other.images * 0.98 + 1).astype(np.uint8),
        (other.labels + (np.arange(120) % 7 == 0)) % 3,
        NAMES,
        "o",
        "9" * 64,
    )
    protocol = choose_protocol("standard", 100, 90)
    measured = by_name(
        evaluator(data, protocol=protocol, seed=5, cache=tmp_path).measure(StoredImages(other))
    )
    assert len(list((tmp_path / "references").iterdir())) == 1
    draw = StoredImages(other).draw(protocol, RealConditions(torch.zeros(1), torch.arange(3)), seed=5)
    images, network = torch.cat(list(draw.read(torch.arange(90)))), QuarterMeans(NAMES)
    made = network.extract(images)
    chosen = choose_real(protocol, 150, 5)
    features = network.extract(torch.from_numpy(data.images)[chosen]).features
    pr, dc = precision_recall(features, made.features, 3), density_coverage(features, made.features, 5)
    alike = within_class_ms_ssim(images, draw.labels, 3, 100, 5)
    within = intra_class_distances(
        features, torch.from_numpy(data.labels)[chosen], made.features, draw.labels, 3, groups=5
    )
    distance = frechet_distance_with_error(factor_of_features(features), made.features)
    top1 = top_k_accuracy(made.logits, draw.labels, 1)
    score = inception_score(
        made.logits, 1
    )  # 90 images: ten splits of nine would be near 1, whatever they show
    kernel = kernel_distance(features, made.features, 100, 90, 5)
    expected = {
        "fd": (distance.value, distance.standard_error, 100),
        "kd": (kernel.value, kernel.standard_error, 100),
        "classifier_score": (score.mean, score.standard_error, 0),
        "precision": (pr.precision.value, pr.precision.standard_error, 100),
        "recall": (pr.recall.value, pr.recall.standard_error, 100),
        "density": (dc.density.value, dc.density.standard_error, 100),
        "coverage": (dc.coverage.value, dc.coverage.standard_error, 100),
        "intra_fd": (within.mean, within.standard_error, 100),
        "accuracy_top1": (top1.value, top1.standard_error, 0),
        "within_class_ms_ssim": (alike.mean, alike.standard_error, 0),
    }
    assert measured.keys() == expected.keys()
    assert len({value for value, _, _ in expected.values()}) == len(expected)  # a swap would be seen
    for name, (value, error, real) in expected.items():
        row = measured[name]
        assert (row.value, row.standard_error) == (pytest.approx(value, rel=1e-9), pytest.approx(error)), name
        assert (row.measurement.real_images, row.measurement.generated_images) == (real, 90), name
    per_class = measured["within_class_ms_ssim"].per_class
    assert per_class == pytest.approx(dict(zip(NAMES, alike.per_class.tolist(), strict=True)))
    right = (made.logits.argmax(dim=1) == draw.labels).double()
    shares = {name: right[draw.labels == label].mean().item() for label, name in enumerate(NAMES)}
    assert measured["accuracy_top1"].per_class == pytest.approx(shares)


def test_wrong_labels_cost_accuracy_and_within_class_distance_only() -> None:
    data = classes(120, 0)
    turned = PackedImages(data.images, (data.labels + 1) % 3, NAMES, "turned", "c" * 64)
    rows = by_name(evaluator(data).measure(StoredImages(turned)))
    assert rows["fd"].value == pytest.approx(0, abs=1e-9)
    assert rows["accuracy_top1"].value == 0
    assert rows["intra_fd"].value > 0.05


def generator() -> Generator:
    torch.manual_seed(2)
    network = Generator("resnet-8", channels=1, num_classes=3, latent_size=4, width=4)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.ndim == 2 and name.endswith(("gain", "bias")):
                parameter.normal_(std=2)
    return network.eval()


SUBJECT = Subject(kind="generator", name="g", sha256="d" * 64, step=7, images_seen=70, averaged=True)


def test_a_generator_is_asked_for_the_classes_and_seeds_of_the_protocol() -> None:
    images = GeneratorImages(generator(), NAMES, SUBJECT)
    draw = images.draw(
        choose_protocol("standard", None, 30),
        RealConditions(torch.tensor([0, 0, 1]), torch.arange(3)),
        seed=40,
    )
    assert torch.bincount(draw.labels, minlength=3).tolist() == [20, 10, 0]
    expected = torch.cat(list(sample(generator(), list(range(40, 70)), draw.labels)))
    assert torch.equal(torch.cat(list(draw.read(torch.arange(30)))), expected)
    assert torch.equal(torch.cat(list(draw.read(torch.tensor([29, 3])))), expected[[29, 3]])
    images.truncation = 0.5
    truncated = torch.cat(list(sample(generator(), list(range(40, 70)), draw.labels, 0.5)))
    assert torch.equal(torch.cat(list(draw.read(torch.arange(30)))), truncated)


def test_class_by_class_is_the_same_number() -> None:
    data = classes(90, 0)
    images = GeneratorImages(generator(), NAMES, SUBJECT)
    (row,) = evaluator(data, protocol=choose_protocol("intra", None, None, 20)).measure(images)
    draw = images.draw(
        choose_protocol("intra", None, None, 20), RealConditions(torch.zeros(1), torch.arange(3)), seed=0
    )
    network = QuarterMeans()
    generated = network.extract(torch.cat(list(draw.read(torch.arange(60))))).features
    real = network.extract(torch.from_numpy(data.images)).features
    within = [
        frechet_distance_from_features(real[data.labels == label], generated[draw.labels == label])
        for label in range(3)
    ]
    assert row.metric == "intra_fd"
    assert row.per_class == pytest.approx(dict(zip(NAMES, within, strict=True)), rel=1e-9)
    assert row.value == pytest.approx(np.mean(within), rel=1e-9)
    assert row.measurement.generated_images == 60
    expected = intra_class_distances(real, torch.from_numpy(data.labels), generated, draw.labels, 3, groups=5)
    assert row.standard_error == pytest.approx(expected.standard_error, rel=1e-9)


def test_an_unconditional_generator_has_no_numbers_within_classes() -> None:
    torch.manual_seed(0)
    plain = Generator("resnet-8", channels=1, num_classes=None, latent_size=4, width=4).eval()
    rows = by_name(evaluator(classes(60, 0)).measure(GeneratorImages(plain, NAMES, SUBJECT)))
    assert {"fd", "kd", "precision", "density"} < rows.keys()
    assert not {"intra_fd", "accuracy_top1", "within_class_ms_ssim"} & rows.keys()
    with pytest.raises(UserError, match="intra_fd is measured within classes, and these images have none"):
        evaluator(classes(60, 0), metrics=["intra-fd"]).measure(GeneratorImages(plain, NAMES, SUBJECT))


def test_a_row_says_how_it_was_made() -> None:
    data = classes(60, 0)
    row = by_name(evaluator(data, seed=5).measure(GeneratorImages(generator(), NAMES, SUBJECT, 0.9)))["kd"]
    made = row.measurement
    assert row.subject == SUBJECT
    assert made.model_dump() == {
        "protocol": "custom",
        "data": "levels",
        "data_fingerprint": data.fingerprint,
        "resolution": 8,
        "real_split": "train",
        "real_images": 60,
        "generated_images": 60,
        "generated_labels": "as-real",
        "features": "classifier:quarters",
        "features_sha256": "a" * 64,
        "resize": "none",
        "seed": 5,
        "truncation": 0.9,
        "parameters": {"subsets": 100, "subset_size": 60},
    }
    assert MetricRow.model_validate_json(row.model_dump_json()) == row
    other = made.model_copy(update={"seed": 6, "parameters": {"subsets": 100, "subset_size": 50}})
    assert differing_keys(made, other) == {"seed": (5, 6), "parameters.subset_size": (60, 50)}
    assert differing_keys(made, made) == {}


def test_real_images_are_looked_at_once() -> None:
    network, told = QuarterMeans(NAMES), []
    measure = evaluator(
        classes(60, 0), network=network, metrics=["fd"], listener=Listener(said=told.append)
    ).measure
    measure(GeneratorImages(generator(), NAMES, SUBJECT))
    seen = network.seen
    measure(GeneratorImages(generator(), NAMES, SUBJECT))
    assert network.seen - seen == 64  # of generated images, in whole lanes
    assert told == []


def test_few_images_for_the_features_are_remarked_on() -> None:
    told: list[str] = []
    data = classes(120, 0)
    protocol = choose_protocol("standard", 4, 60)
    evaluator(data, protocol=protocol, metrics=["fd"], listener=Listener(said=told.append)).measure(
        StoredImages(data)
    )
    assert len(told) == 1
    assert told[0].startswith("fd: 4 images for 4 features")


def inception_like() -> QuarterMeans:
    network = QuarterMeans(None)
    network.is_inception, network.name = True, "inception"
    return network


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


def test_inception_numbers_have_their_own_names() -> None:
    rows = by_name(evaluator(classes(60, 0), network=inception_like()).measure(StoredImages(classes(60, 1))))
    assert {"fid", "kid", "inception_score", "intra_fid"} < rows.keys()
    assert not {"fd", "kd", "classifier_score", "intra_fd", "accuracy_top1"} & rows.keys()


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


# --- classes without images ------------------------------------------------------------------------

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


def test_a_folder_of_images_is_measured_at_its_own_size(tmp_path: Path) -> None:
    data = classes(30, 3)
    for index, (image, label) in enumerate(zip(data.images, data.labels, strict=True)):
        write_png(to_pil(image), tmp_path / NAMES[label] / f"{index}.png")
    images = stored_images(tmp_path, 1)
    assert images.class_names == NAMES
    rows = by_name(evaluator(data, protocol=choose_protocol("standard", None, 30)).measure(images))
    assert rows["fd"].value == pytest.approx(0, abs=1e-9)
    assert rows["accuracy_top1"].value == 1
    assert rows["fd"].measurement.generated_labels == "as-given"
    assert rows["fd"].subject.kind == "images"
    write_png(to_pil(np.zeros((1, 8, 9), dtype=np.uint8)), tmp_path / "dark" / "wide.png")
    with pytest.raises(UserError, match=r"several sizes \(dark/0.png is 8x8, dark/wide.png is 9x8\)"):
        stored_images(tmp_path, 1)


def test_images_of_one_folder_have_no_classes(tmp_path: Path) -> None:
    data = classes(30, 3)
    for index, image in enumerate(data.images):
        write_png(to_pil(image), tmp_path / "all" / f"{index}.png")
    rows = by_name(evaluator(data).measure(stored_images(tmp_path, 1)))
    assert rows["fd"].value == pytest.approx(0, abs=1e-9)
    assert "intra_fd" not in rows


def test_a_network_of_another_size_is_refused_at_once() -> None:
    network = QuarterMeans(NAMES)
    network.resolution = 32
    with pytest.raises(UserError, match="looks at images of 32 pixels, and these have 8"):
        evaluator(classes(60, 0), network=network)


def test_a_generator_of_vectors_is_given_those_of_real_images() -> None:
    vectors = torch.randn(7, 3)
    images = GeneratorImages(generator(), ("age", "height", "width"), SUBJECT, kind="vector")
    assert images.class_names is None
    real = RealConditions(torch.zeros(7, dtype=torch.int64), torch.arange(1), vectors=vectors)
    draw = images.draw(choose_protocol("standard", None, 14), real, seed=3)
    made = torch.cat(list(draw.read(torch.arange(14))))
    # Each real vector twice, in two random orders: found by making every image of every vector.
    rows = [
        next(
            row
            for row, vector in enumerate(vectors)
            if torch.equal(next(sample(generator(), [3 + place], vector[None])), image[None])
        )
        for place, image in enumerate(made)
    ]
    assert sorted(rows[:7]) == sorted(rows[7:]) == list(range(7))
    assert rows[:7] != rows[7:]
    data = classes(70, 0)
    measure = evaluator(data, vectors=torch.randn(70, 3), metrics=["fd"]).measure
    assert measure(images)[0].measurement.generated_images == 70


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e308, -1e308])
def test_a_number_that_no_page_can_show_is_none(value: float) -> None:
    row = evaluator(classes(60, 0), metrics=["fd"]).measure(StoredImages(classes(60, 1)))[0]
    with pytest.raises(ValidationError):
        MetricRow.model_validate(row.model_dump() | {"value": value})


@pytest.mark.parametrize("protocol", ["standard", "intra"])
def test_the_first_process_alone_compares_and_the_others_take_its_rows(
    monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    data = classes(60, 0)
    counts = {"standard": {"generated_images": 60}, "intra": {"generated_per_class": 10}}
    chosen = choose_protocol(protocol, **counts[protocol])
    rows = evaluator(data, protocol=chosen).measure(StoredImages(data))
    told = json.dumps([row.model_dump(mode="json") for row in rows])

    class Second(Ranks):
        """Gets all images to look at, so that it alone can be seen."""

        def share(self, total: int) -> slice:
            return slice(0, total)

        def text_of_first(self, text: str) -> str:
            assert text == "[]"
            return told

    def compares(*given: object) -> None:
        raise AssertionError("the first process does that")

    monkeypatch.setattr(evaluator_module, "factor_of_features", compares)
    monkeypatch.setattr(evaluator_module, "class_estimates", compares)
    network = QuarterMeans(NAMES)
    second = Second(1, 1, torch.device("cpu"))
    assert evaluator(data, protocol=chosen, network=network, ranks=second).measure(StoredImages(data)) == rows
    assert network.seen >= 60 + 30  # its share of the features it takes
