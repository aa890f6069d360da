"""What a report says in words: summary, warnings, protocol, cost."""

from typing import Any

import pytest

from fabricated_runs import metric_row, run_in_memory
from projgan.report.costs import costs_of
from projgan.report.methods import group_runs
from projgan.report.pictures import shown_classes
from projgan.report.protocol import protocol_rows, warnings_of
from projgan.report.results import measure_methods
from projgan.report.summary import findings, what_errors_are, what_was_compared

VALUES = {"projection": (10.0, 10.2), "ac-gan": (14.0, 14.2), "output-concat": (14.1, 14.3)}


def runs_with(metric: str, values: dict[str, tuple[float, ...]], **changes: Any) -> list[Any]:
    return [
        run_in_memory(
            f"{name}-{seed}",
            [metric_row(metric, value, **changes)],
            discriminator__condition=name,
            training__seed=seed,
        )
        for name, of_seeds in values.items()
        for seed, value in enumerate(of_seeds)
    ]


def said(metric: str, values: dict[str, tuple[float, ...]], **changes: Any) -> list[str]:
    return findings(measure_methods(group_runs(runs_with(metric, values, **changes))))


def test_the_summary_says_who_leads() -> None:
    # t for one degree of freedom is 12.706, the standard error 0.1.
    assert said("fd", VALUES) == [
        "Projection is best on Fréchet distance (10.1 ± 1.3; next is ac-gan with 14.1 ± 1.3); its "
        "interval overlaps no other method's."
    ]


def test_the_summary_is_careful_about_one_seed() -> None:
    (sentence,) = said("fd", {"projection": (10.0,), "ac-gan": (14.0,)}, standard_error=0.5)
    assert sentence == (
        "Projection is best on Fréchet distance (10.00 ± 0.98; next is ac-gan with 14.00 ± 0.98); its "
        "interval overlaps no other method's (some are of one seed, so another training may decide "
        "otherwise)."
    )


def test_the_summary_calls_nobody_best_whose_interval_overlaps_another() -> None:
    assert said("precision", {"projection": (0.5, 0.6), "ac-gan": (0.52, 0.6)}) == [
        "No method leads on Precision: the intervals of those in front overlap."
    ]
    # Equal to the last digit, and without any spread.
    (sentence,) = said(
        "accuracy_top1", {"projection": (1.0, 1.0), "ac-gan": (1.0, 1.0), "tac-gan": (0.1, 0.1)}
    )
    assert sentence == "No method leads on Top-1 accuracy: the intervals of those in front overlap."


def of_several(*metrics: tuple[str, float]) -> list[str]:
    """What is said where projection is ahead in each metric by so much, with two seeds that are 0.2 apart."""
    values = {"projection": 0.0, "ac-gan": 1.0, "tac-gan": 1.1}
    runs = [
        run_in_memory(
            f"{method}-{seed}",
            [metric_row(name, 10 + ahead * behind + 0.2 * seed) for name, ahead in metrics],
            discriminator__condition=method,
            training__seed=seed,
        )
        for method, behind in values.items()
        for seed in range(2)
    ]
    return findings(measure_methods(group_runs(runs)))


def test_one_sentence_says_on_what_no_method_leads() -> None:
    assert of_several(("fd", 0.1), ("kd", 0.1), ("intra_fd", 0.1)) == [
        "No method leads on any of the 3 metrics that can be ranked: the intervals of those in front overlap."
    ]
    leads, tied = of_several(("fd", 9.0), ("kd", 0.1), ("intra_fd", 0.1), ("within_class_ms_ssim", 9.0))
    assert leads.startswith(
        "Projection is best on Fréchet distance (10.1 ± 1.3; next is ac-gan with 19.1 ± 1.3)"
    )
    assert tied == (
        "No method leads on Kernel distance and Intra-class Fréchet distance: the intervals of those in "
        "front overlap."
    )


def test_what_errors_are_is_said_for_those_that_are_there() -> None:
    def errors(values: dict[str, tuple[float, ...]], **changes: Any) -> str:
        return what_errors_are(measure_methods(group_runs(runs_with("fd", values, **changes))))

    half = "± is half of a 95% interval: "
    seeds = "over a method's seeds by Student's t, for where the mean of many trainings may lie"
    draw = "of one run 1.96 of its standard errors, for another draw of images and not for another training."
    assert errors(VALUES) == f"{half}{seeds}."
    assert errors(VALUES, standard_error=0.1) == f"{half}{seeds}; {draw}"
    assert errors({"projection": (1.0,)}, standard_error=0.1) == f"{half}{draw}"
    assert errors({"projection": (1.0,)}) == ""


def test_the_summary_claims_nothing_without_intervals_or_direction_or_rivals() -> None:
    assert said("fd", {"projection": (1.0,), "ac-gan": (2.0,)}) == [
        "Which method leads on Fréchet distance is not known: intervals are missing."
    ]
    assert said("unknown", VALUES) == []
    assert said("fd", {"projection": (1.0, 1.1)}) == []


def test_the_opening_counts() -> None:
    assert what_was_compared(group_runs(runs_with("fd", VALUES))) == (
        "3 methods were compared on digits (10 classes, 8×8 pixels), with 2 seeds each."
    )
    assert what_was_compared(group_runs(runs_with("fd", {"ac-gan": (1.0,)}))) == (
        "One method, ac-gan, was trained on digits (10 classes, 8×8 pixels), with 1 seed."
    )
    assert what_was_compared(group_runs(runs_with("fd", {"ac-gan": (1.0,), "projection": (1.0, 2.0)}))) == (
        "2 methods were compared on digits (10 classes, 8×8 pixels), with 1 to 2 seeds each."
    )


def test_warnings_name_what_is_unlike() -> None:
    runs = [
        run_in_memory("a", [metric_row("fd", 1.0, 1000)]),
        run_in_memory("b", [metric_row("fd", 1.0, 800)], training__seed=1),
        run_in_memory("c", step=500, discriminator__condition="ac-gan"),
    ]
    methods = group_runs(runs)
    assert warnings_of(methods, measure_methods(methods)) == [
        "The methods have unequal numbers of seeds (1 to 2).",
        "The runs were not trained equally long: 500 to 1,000 steps.",
        "Fréchet distance was measured at unequal steps: 800 to 1,000.",
        "Fréchet distance was last measured before the end of b, whose training went on.",
        "Fréchet distance was not measured for c.",
    ]
    confounded = group_runs(
        [run_in_memory("a"), run_in_memory("b", discriminator__condition="ac-gan", training__ema_decay=0.5)]
    )
    assert warnings_of(confounded, []) == [
        "The methods differ in more than their names say: training.ema_decay."
    ]
    trained = metric_row("fd", 1.0)
    trained["subject"]["averaged"] = False
    trained["versions"] = {"projgan": "0.2.0"}
    mixed = group_runs(
        [run_in_memory("a", [metric_row("fd", 1.0)]), run_in_memory("b", [trained], training__seed=1)]
    )
    assert warnings_of(mixed, measure_methods(mixed)) == [
        "Fréchet distance was measured of unlike weights: moving average of the weights, batch norm with "
        "running statistics; weights as trained, batch norm with running statistics.",
        "Fréchet distance was measured with different versions of projgan or torch.",
    ]
    alike = group_runs(runs_with("fd", VALUES))
    assert warnings_of(alike, measure_methods(alike)) == []


@pytest.mark.parametrize(
    ("metric", "images", "warned"), [("fid", 2048, True), ("fid", 2049, False), ("fd", 100, False)]
)
def test_too_few_images_for_the_features_are_warned_of(metric: str, images: int, warned: bool) -> None:
    methods = group_runs(runs_with(metric, VALUES, generated_images=images, real_images=50_000))
    warnings = warnings_of(methods, measure_methods(methods))
    assert [f"FID rests on {images:,} images" in warning for warning in warnings] == [True] * warned


def test_images_a_class_are_counted_though_the_first_method_was_not_measured() -> None:
    row = metric_row("intra_fid", 1.0, generated_images=4000, real_images=50_000)
    row["per_class"] = dict.fromkeys(run_in_memory("a").class_names[:4], 1.0)
    runs = [run_in_memory("a"), run_in_memory("b", [row], discriminator__condition="ac-gan")]
    methods = group_runs(runs)
    (warning,) = (line for line in warnings_of(methods, measure_methods(methods)) if "rests on" in line)
    assert "rests on about 1,000 images a class, no more" in warning


def test_what_holds_for_several_metrics_is_warned_of_once() -> None:
    rows = [metric_row(name, 1.0) for name in ("fd", "kd", "precision")]
    methods = group_runs([run_in_memory("a", rows), run_in_memory("b", rows[:1], training__seed=1)])
    assert warnings_of(methods, measure_methods(methods)) == [
        "Kernel distance and Precision were not measured for b."
    ]


def test_the_protocol_is_said_once_for_all_metrics_and_apart_where_they_differ() -> None:
    row = metric_row("precision", 0.5, parameters={"k": 3}, generated_labels="balanced")
    methods = group_runs([run_in_memory("a", [metric_row("fd", 1.0), row])])
    rows = dict(protocol_rows(measure_methods(methods)))
    assert rows["number of real images"] == [("1,797", "")]
    assert rows["parameters of the metric"] == [("none", "Fréchet distance"), ("k 3", "Precision")]
    assert rows["classes of the generated images"] == [
        ("in the proportions of the real ones", "Fréchet distance"),
        ("as many of each", "Precision"),
    ]
    assert rows["versions"] == [("projgan 0.1.0, torch 2.13.0", "")]
    assert rows["generator"] == [("moving average of the weights, batch norm with running statistics", "")]


def test_cost_by_hand() -> None:
    stats = [
        {"step": 1, "images_seen": 100, "images_per_second": 50.0},
        {"step": 2, "images_seen": 400, "images_per_second": 100.0},
        {"step": 3, "images_seen": 500, "images_per_second": 1.0},
        {"step": 4, "images_per_second": 9.0},  # no row of training
        {"step": 5, "images_seen": 600, "images_per_second": float("inf")},
    ]
    (cost,) = costs_of(group_runs([run_in_memory("a", stats=stats)]))
    assert cost.images_per_second == 50.0  # the median of 50, 100, 1
    assert cost.training_seconds == 2 + 3 + 100
    assert (cost.generator_parameters, cost.discriminator_parameters) == (7, 5)
    (bare,) = costs_of(group_runs([run_in_memory("a")]))
    assert bare.images_per_second is None
    assert bare.training_seconds is None


def test_of_many_classes_the_best_and_the_worst_are_shown() -> None:
    names = tuple(f"c{number}" for number in range(30))
    per_class = {name: float(number * 7 % 30) for number, name in enumerate(names)}
    run = run_in_memory("a", [metric_row("intra_fd", 1.0, per_class=per_class)], class_names=names)
    (result,) = measure_methods(group_runs([run]))
    shown, _ = shown_classes(result, names)
    assert [per_class[name] for name in shown] == [*range(10), *range(20, 30)]
    few, which = shown_classes(result, names[:20])
    assert (few, which) == (list(names[:20]), "each class")
