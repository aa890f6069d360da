"""The findings in sentences, made from the numbers."""

from collections.abc import Sequence

from projgan.report.methods import Method
from projgan.report.results import MethodResult, MetricResult


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
    """Return who leads on which metric, and where intervals overlap; empty where nothing can be said."""
    judged = [result for result in results if len(result.ranking()) > 1]
    sentences = []
    clear: dict[str, list[MetricResult]] = {}
    for result in judged:
        if result.best is not None:
            clear.setdefault(result.best, []).append(result)
    for best, led in clear.items():
        intervals = "its interval overlaps" if len(led) == 1 else "its intervals overlap"
        sentences.append(
            f"{_capital(best)} is best on {in_a_row([_with_values(result) for result in led])}; "
            f"{intervals} no other method's{_caution(led)}."
        )
    open_ones = [result for result in judged if result.best is None]
    sentences += [_overlapping(result) for result in open_ones if not _lacks_intervals(result)]
    return sentences + _without_intervals([result for result in open_ones if _lacks_intervals(result)])


def _caution(results: Sequence[MetricResult]) -> str:
    spreads = [of.spread for result in results for of in result.methods if of.spread is not None]
    if all(spread.kind == "student-t" for spread in spreads):
        return ""
    return " (some are of one seed, so another training may decide otherwise)"


def _with_values(result: MetricResult) -> str:
    first, second = result.ranking()[:2]
    return (
        f"{result.metric.title} ({_value(result, first)}; next is {second.method} with "
        f"{_value(result, second)})"
    )


def _lacks_intervals(result: MetricResult) -> bool:
    compared = (result.ranking()[0], *result.rivals())
    return any(other.spread is not None and other.spread.half_width is None for other in compared)


def _overlapping(result: MetricResult) -> str:
    first = result.ranking()[0]
    rivals = [f"{rival.method} ({_value(result, rival)})" for rival in result.rivals()]
    intervals = "that" if len(rivals) == 1 else "those"
    return (
        f"On {result.metric.title}, {first.method} has the best value ({_value(result, first)}), but its "
        f"interval overlaps with {intervals} of {in_a_row(rivals)}: no method leads."
    )


def _without_intervals(results: Sequence[MetricResult]) -> list[str]:
    led: dict[str, list[str]] = {}
    for result in results:
        first = result.ranking()[0]
        led.setdefault(first.method, []).append(f"{result.metric.title} ({_value(result, first)})")
    return [
        f"{_capital(method)} has the best value on {in_a_row(titles)}; where intervals are missing, "
        "nothing says whether it leads."
        for method, titles in led.items()
    ]


def _value(result: MetricResult, method: MethodResult) -> str:
    assert method.spread is not None  # a ranking holds measured methods only
    value = result.metric.format(method.spread.value)
    half = method.spread.half_width
    return value if half is None else f"{value} ± {result.metric.format(half)}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
