import math
from typing import Any

import pytest

from fabricated_runs import IMAGES_PER_STEP, metric_row, run_in_memory
from projgan.errors import UserError
from projgan.report.curves import metric_lines
from projgan.report.methods import Method, group_runs
from projgan.report.protocol import warnings_of
from projgan.report.results import MetricResult, measure_methods
from projgan.report.summary import findings
from projgan.report.tables import results_table, seeds_table

Rows = list[dict[str, Any]]


def methods_of(**rows_of_runs: Rows) -> list[Method]:
    """Runs called like `projection_0`: condition and seed."""
    runs = []
    for name, rows in rows_of_runs.items():
        condition, seed = name.rsplit("_", 1)
        runs.append(
            run_in_memory(
                name, rows, discriminator__condition=condition.replace("_", "-"), training__seed=int(seed)
            )
        )
    return group_runs(runs)


def only(**rows_of_runs: Rows) -> MetricResult:
    (result,) = measure_methods(methods_of(**rows_of_runs))
    return result


def test_the_last_line_of_the_last_step_counts() -> None:
    result = only(
        projection_0=[
            metric_row("fd", 1.0, 1000),
            metric_row("fd", 2.0, 1000),
            metric_row("fd", 99.0, 500),  # written later, but of an earlier step
        ]
    )
    spread = result.methods[0].spread
    assert spread is not None
    assert spread.value == 2.0


def test_mean_and_interval_over_seeds_by_hand() -> None:
    rows = {f"projection_{seed}": [metric_row("fd", value)] for seed, value in enumerate([10.0, 11.0, 15.0])}
    spread = only(**rows).methods[0].spread
    assert spread is not None
    assert spread.value == 12.0
    # Deviations -2, -1, 3: variance 14 / 2.
    assert spread.half_width == pytest.approx(4.302653 * math.sqrt(7 / 3), rel=1e-6)


@pytest.mark.parametrize(
    ("metric", "best"), [("fd", "projection"), ("precision", "ac-gan"), ("someone_elses", None)]
)
def test_the_best_follows_the_direction_of_the_metric(metric: str, best: str | None) -> None:
    result = only(
        projection_0=[metric_row(metric, 1.0)],
        projection_1=[metric_row(metric, 1.01)],
        ac_gan_0=[metric_row(metric, 2.0)],
        ac_gan_1=[metric_row(metric, 2.01)],
    )
    assert result.best == best


def test_no_best_where_any_interval_overlaps_or_is_missing_or_there_is_one_method() -> None:
    def best(*, width: float, error: float | None) -> str | None:
        return only(
            projection_0=[metric_row("fd", 1.0)],
            projection_1=[metric_row("fd", 1.01)],
            ac_gan_0=[metric_row("fd", 2.0 - width)],
            ac_gan_1=[metric_row("fd", 2.0 + width)],
            output_concat_0=[metric_row("fd", 3.0, standard_error=error)],
        ).best

    assert best(width=0.001, error=0.1) == "projection"
    assert best(width=0.5, error=0.1) is None  # the second's
    assert best(width=0.001, error=5.0) is None  # the third's
    assert best(width=0.001, error=None) is None
    assert only(projection_0=[metric_row("fd", 1.0, standard_error=0.1)]).best is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"generated_images": 500}, "generated_images 1797 in projection_0 and 500 in ac_gan_0"),
        ({"features": "inception"}, "features classifier:digits in projection_0 and inception in ac_gan_0"),
        ({"parameters": {"k": 5}}, "parameters.k None in projection_0 and 5 in ac_gan_0"),
        ({"truncation": 1.5}, "truncation None in projection_0 and 1.5 in ac_gan_0"),
    ],
)
def test_unlike_protocols_are_refused_by_key(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as refused:
        only(projection_0=[metric_row("fd", 1.0)], ac_gan_0=[metric_row("fd", 2.0, **changes)])
    assert str(refused.value) == (
        f"fd was measured with {said}: numbers of unlike protocol cannot be compared; "
        "evaluate one of them again"
    )


def test_of_several_protocols_at_the_last_step_the_shared_one_counts() -> None:
    result = only(
        projection_0=[metric_row("fd", 1.0, generated_images=500), metric_row("fd", 2.0)],
        ac_gan_0=[metric_row("fd", 3.0, generated_images=500)],
    )
    assert result.measurement.generated_images == 500
    assert [of.spread.value for of in result.methods if of.spread] == [1.0, 3.0]


def test_curves_keep_one_protocol_and_their_means_need_every_seed() -> None:
    few = {"generated_images": 500}
    methods = methods_of(
        projection_0=[
            metric_row("fd", 8.0, 200, **few),
            metric_row("fd", 4.0, 100, **few),
            metric_row("fd", 5.0, 100, **few),  # measured again: the last line counts
            metric_row("fd", 1.0, 300, **few),
            metric_row("fd", 0.5, 300),
        ],
        projection_1=[
            metric_row("fd", 7.0, 100, **few),
            metric_row("fd", 3.0, 300, **few),
            metric_row("fd", 0.7, 300),
        ],
    )
    (result,) = measure_methods(methods)
    assert (result.measurement.generated_images, result.curve_measurement.generated_images) == (1797, 500)
    one, other, mean = metric_lines(result, methods)
    unit = IMAGES_PER_STEP
    assert one.points == ((100 * unit, 5.0), (200 * unit, 8.0), (300 * unit, 1.0))
    assert other.points == ((100 * unit, 7.0), (300 * unit, 3.0))
    assert mean.points == ((100 * unit, 6.0), (300 * unit, 2.0))
    assert (one.mean, other.mean, mean.mean) == (False, False, True)


def test_classes_have_their_own_intervals_over_seeds() -> None:
    result = only(
        projection_0=[metric_row("intra_fd", 2.0, per_class={"0": 1.0, "1": 3.0})],
        projection_1=[metric_row("intra_fd", 3.0, per_class={"0": 3.0, "1": 3.0})],
    )
    per_class = result.methods[0].per_class
    assert {name: spread.value for name, spread in per_class.items()} == {"0": 2.0, "1": 3.0}
    assert per_class["0"].half_width == pytest.approx(12.706205, rel=1e-6)  # t for 1, times sqrt(2) / sqrt(2)
    assert per_class["1"].half_width == 0


def test_metrics_come_in_reading_order_and_a_method_may_lack_one() -> None:
    results = measure_methods(
        methods_of(
            projection_0=[metric_row("zzz", 1.0), metric_row("aaa", 1.0), metric_row("recall", 0.5)],
            ac_gan_0=[metric_row("fd", 1.0), metric_row("recall", 0.5)],
        )
    )
    assert [result.name for result in results] == ["fd", "recall", "aaa", "zzz"]
    assert results[0].methods[0].spread is None
    assert results[0].ranking()[0].method == "ac-gan"


def test_nobody_is_ranked_by_its_own_teacher() -> None:
    """The projected run has the best value, but by the network that it looked through."""
    row = metric_row("fd", 1.0, standard_error=0.01)
    taught = row | {"subject": row["subject"] | {"teachers": [row["measurement"]["features_sha256"]]}}
    others = {
        name: [metric_row("fd", value, standard_error=0.01)]
        for name, value in (("ac-gan_0", 3.0), ("hidden-concat_0", 2.0))
    }
    methods = methods_of(projection_0=[taught], **others)
    (result,) = measure_methods(methods)
    assert [of.method for of in result.ranking()] == ["hidden-concat", "ac-gan"]
    assert result.best == "hidden-concat"
    cells = {row[0].text: row[2] for row in results_table(methods, [result]).rows}
    assert cells["projection"].text.startswith("1.00")
    assert cells["projection"].note == "by its own teacher"
    assert "teacher" not in cells["ac-gan"].note
    (seed,) = (row for row in seeds_table(methods, [result]).rows if row[0].text == "projection")
    assert (seed[3].text, seed[3].note) == ("1.000 ± 0.020", "by its own teacher")
    warnings = warnings_of(methods, [result])
    assert (
        "projection was trained against classifier:digits, so Fréchet distance by that network is shown but "
        "not ranked; measure with another network."
    ) in warnings
    assert not any("best on" in sentence and "Projection" in sentence for sentence in findings([result]))


def test_teachers_that_do_not_judge_change_nothing() -> None:
    row = metric_row("fd", 1.0, standard_error=0.01)
    taught = row | {"subject": row["subject"] | {"teachers": ["e" * 64]}}
    result = only(projection_0=[taught], **{"ac-gan_0": [metric_row("fd", 3.0, standard_error=0.01)]})
    assert result.best == "projection"
