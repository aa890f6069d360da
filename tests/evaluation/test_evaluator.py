"""Images to rows, with features that can be computed by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from levelled_images import NAMES, SUBJECT, by_name, classes, evaluator, generator, inception_like
from pixel_network import QuarterMeans
from projgan.data import PackedImages
from projgan.evaluation import evaluator as evaluator_module
from projgan.evaluation.diversity import within_class_ms_ssim
from projgan.evaluation.frechet import factor_of_features, frechet_distance_from_features
from projgan.evaluation.frechet_error import frechet_distance_with_error
from projgan.evaluation.image_sources import GeneratorImages, RealConditions
from projgan.evaluation.intra_class import intra_class_distances
from projgan.evaluation.neighbours import density_coverage, precision_recall
from projgan.evaluation.protocol import choose_protocol, choose_real
from projgan.evaluation.rows import MetricRow, differing_keys
from projgan.evaluation.scores import inception_score, kernel_distance, top_k_accuracy
from projgan.evaluation.stored_images import StoredImages
from projgan.listening import Listener
from projgan.process.ranks import Ranks


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


def test_inception_numbers_have_their_own_names() -> None:
    rows = by_name(evaluator(classes(60, 0), network=inception_like()).measure(StoredImages(classes(60, 1))))
    assert {"fid", "kid", "inception_score", "intra_fid"} < rows.keys()
    assert not {"fd", "kd", "classifier_score", "intra_fd", "accuracy_top1"} & rows.keys()


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
