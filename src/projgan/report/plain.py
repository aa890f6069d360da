"""A report as plain values for JSON: every number, none of the pictures."""

from typing import Any

from projgan.evaluation.rows import MetricRow
from projgan.overwriting import SIGN
from projgan.report.contents import Report
from projgan.report.costs import MethodCost
from projgan.report.intervals import CONFIDENCE, Spread
from projgan.report.results import MetricResult
from projgan.report.runs import Run

VERSION = 1
"""Of the form; it grows when a reader of an older one would go wrong."""


def to_plain(report: Report) -> dict[str, Any]:
    """Return what `report.json` holds."""
    run = report.methods[0].runs[0]
    return {
        "version": VERSION,
        "made_by": SIGN,
        "title": report.title,
        "summary": [report.opening, *report.findings],
        "warnings": list(report.warnings),
        "data": {
            "name": run.provenance.data,
            "fingerprint": run.provenance.data_fingerprint,
            "resolution": run.config.data.resolution,
            "channels": run.config.data.channels,
            "class_names": list(run.class_names),
        },
        "confidence": CONFIDENCE,
        "methods": [
            {
                "name": method.name,
                "settings": method.settings,
                "runs": [
                    {
                        "name": run.name,
                        "seed": run.seed,
                        "step": run.provenance.step,
                        "images_seen": run.provenance.images_seen,
                    }
                    for run in method.runs
                ],
            }
            for method in report.methods
        ],
        "metrics": [_metric(result) for result in report.results],
        "costs": [_cost(cost) for cost in report.costs],
    }


def _metric(result: MetricResult) -> dict[str, Any]:
    return {
        "name": result.name,
        "title": result.metric.title,
        "unit": result.metric.unit,
        "better": result.metric.better,
        "explanation": result.metric.explanation,
        "best": result.best,
        "measurement": result.measurement.model_dump(mode="json"),
        "versions": list(result.versions),
        "methods": [
            {
                "method": of.method,
                **_spread(of.spread),
                "seeds": [_seed(run, row) for run, row in of.rows],
                "per_class": {name: _spread(spread) for name, spread in of.per_class.items()},
            }
            for of in result.methods
        ],
        "curve_measurement": result.curve_measurement.model_dump(mode="json"),
        "curves": [
            {
                "method": curve.method,
                "run": curve.run,
                "steps": [row.subject.step for row in curve.rows],
                "images_seen": [row.subject.images_seen for row in curve.rows],
                "values": [row.value for row in curve.rows],
            }
            for curve in result.curves
        ],
    }


def _spread(spread: Spread | None) -> dict[str, Any]:
    interval = spread.interval if spread else None
    return {
        "mean": spread.value if spread else None,
        "lower": interval.lower if interval else None,
        "upper": interval.upper if interval else None,
        "interval": spread.kind if spread else None,
    }


def _seed(run: Run, row: MetricRow) -> dict[str, Any]:
    return {
        "run": run.name,
        "seed": run.seed,
        "step": row.subject.step,
        "value": row.value,
        "standard_error": row.standard_error,
        "by_own_teacher": row.by_own_teacher,
    }


def _cost(cost: MethodCost) -> dict[str, Any]:
    return {
        "method": cost.method,
        "generator_parameters": cost.generator_parameters,
        "discriminator_parameters": cost.discriminator_parameters,
        "images_per_second": cost.images_per_second,
        "training_seconds": cost.training_seconds,
        "runs": [vars(run) for run in cost.runs],
    }
