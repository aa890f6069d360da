"""The findings in sentences, made from the numbers."""

from collections.abc import Sequence

from projgan.report.methods import Method
from projgan.report.results import MetricResult


def in_a_row(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def what_was_compared(methods: Sequence[Method]) -> str:
    """Return one sentence: how many methods and seeds, on which data."""
    run = methods[0].runs[0]
    size = run.config.data.resolution
    seeds = sorted({len(method.runs) for method in methods})
    count = f"{seeds[0]} to {seeds[-1]} seeds each" if len(seeds) > 1 else _counted(seeds[0], "seed")
    each = " each" if len(seeds) == 1 and len(methods) > 1 else ""
    what = (
        f"{len(methods)} methods were compared"
        if len(methods) > 1
        else f"One method, {methods[0].name}, was trained"
    )
    return (
        f"{what} on {run.provenance.data} ({_counted(len(run.present_classes), 'class', 'classes')}, "
        f"{size}×{size} pixels), with {count}{each}."
    )


def _counted(number: int, one: str, several: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def findings(results: Sequence[MetricResult]) -> list[str]:
    """Return who leads on which metric, and on which nobody does; empty where nothing can be said."""
    judged = [result for result in results if len(result.ranking()) > 1]
    clear: dict[str, list[MetricResult]] = {}
    for result in judged:
        if result.best is not None:
            clear.setdefault(result.best, []).append(result)
    sentences = []
    for best, led in clear.items():
        intervals = "its interval overlaps" if len(led) == 1 else "its intervals overlap"
        sentences.append(
            f"{_capital(best)} is best on {in_a_row([_with_values(result) for result in led])}; "
            f"{intervals} no other method's{_caution(led)}."
        )
    open_ones = [result for result in judged if result.best is None]
    unknown = [result for result in open_ones if _lacks_intervals(result)]
    tied = [result for result in open_ones if result not in unknown]
    if tied:
        sentences.append(
            f"No method leads on {_titles(tied, judged)}: the intervals of those in front overlap."
        )
    if unknown:
        sentences.append(
            f"Which method leads on {_titles(unknown, judged)} is not known: intervals are missing."
        )
    return sentences


def what_errors_are(results: Sequence[MetricResult]) -> str:
    """Say what ± means in this report; "" where there is none."""
    kinds = {of.spread.kind for result in results for of in result.methods if of.spread}
    own = any(
        row.standard_error is not None for result in results for of in result.methods for _, row in of.rows
    )
    parts = []
    if "student-t" in kinds:
        parts.append("over a method's seeds by Student's t, for where the mean of many trainings may lie")
    if own:
        parts.append(
            "of one run 1.96 of its standard errors, for another draw of images and not for another training"
        )
    return f"± is half of a 95% interval: {'; '.join(parts)}." if parts else ""


def _titles(results: Sequence[MetricResult], judged: Sequence[MetricResult]) -> str:
    if len(results) > 2 and len(results) == len(judged):
        return f"any of the {len(results)} metrics that can be ranked"
    return in_a_row([result.metric.title for result in results])


def _caution(results: Sequence[MetricResult]) -> str:
    spreads = [of.spread for result in results for of in result.methods if of.spread is not None]
    if all(spread.kind == "student-t" for spread in spreads):
        return ""
    return " (some are of one seed, so another training may decide otherwise)"


def _with_values(result: MetricResult) -> str:
    first, second = result.ranking()[:2]
    return f"{result.metric.title} ({first.spread}; next is {second.method} with {second.spread})"


def _lacks_intervals(result: MetricResult) -> bool:
    compared = (result.ranking()[0], *result.rivals())
    return any(other.spread is not None and other.spread.half_width is None for other in compared)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
