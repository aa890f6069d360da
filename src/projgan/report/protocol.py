"""How the numbers were made, in words, and what a reader should beware of."""

from collections.abc import Callable, Sequence
from typing import Any

from projgan.errors import listed
from projgan.report.methods import Method
from projgan.report.results import MetricResult
from projgan.report.summary import in_a_row

FEATURES_OF_INCEPTION = 2048

WORDS = {
    "protocol": "protocol",
    "data": "real images of",
    "data_fingerprint": "checksum of the real images",
    "resolution": "resolution",
    "real_split": "part of the data",
    "real_images": "number of real images",
    "generated_images": "number of generated images",
    "generated_labels": "classes of the generated images",
    "features": "feature network",
    "features_sha256": "checksum of the feature network",
    "resize": "before the network, images are",
    "seed": "seed of the draw of images",
    "truncation": "truncation of the latents",
    "parameters": "parameters of the metric",
}
"""What a key of a measurement is called here; one that is missing shows as it is."""

NONE_WORDS = {"features_sha256": "none: no network", "truncation": "none"}
LABEL_WORDS = {"as-real": "in the proportions of the real ones", "balanced": "as many of each"}


def protocol_rows(results: Sequence[MetricResult]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return, for each key, its values in words, each with the metrics it holds for; "" where it is all."""
    rows = []
    for key in results[0].measurement.model_dump() if results else ():
        rows.append((WORDS.get(key, key.replace("_", " ")), _grouped(results, _reader(key))))
    if results:
        rows.append(("versions", _grouped(results, _versions)))
        rows.append(("generator", _grouped(results, _subject)))
    return rows


def _reader(key: str) -> Callable[[MetricResult], str]:
    return lambda result: _in_words(key, getattr(result.measurement, key))


def _grouped(results: Sequence[MetricResult], read: Callable[[MetricResult], str]) -> list[tuple[str, str]]:
    titles: dict[str, list[str]] = {}
    for result in results:
        titles.setdefault(read(result), []).append(result.metric.title)
    if len(titles) == 1:
        return [(value, "") for value in titles]
    return [(value, ", ".join(names)) for value, names in titles.items()]


def _in_words(key: str, value: Any) -> str:
    if value is None:
        return NONE_WORDS.get(key, "none")
    if key == "parameters":
        return ", ".join(f"{name} {number}" for name, number in value.items()) or "none"
    if key == "resolution":
        return f"{value}×{value} pixels"
    if key == "generated_labels":
        return LABEL_WORDS.get(value, str(value))
    if key in ("real_images", "generated_images"):
        return f"{value:,}" if value else "none needed"
    return str(value)


def _versions(result: MetricResult) -> str:
    return "; ".join(
        ", ".join(f"{name} {version}" for name, version in versions.items()) for versions in result.versions
    )


def _subject(result: MetricResult) -> str:
    return "; ".join(_kinds_of_weights(result))


def _kinds_of_weights(result: MetricResult) -> list[str]:
    subjects = [row.subject for method in result.methods for _, row in method.rows]
    kinds = {
        {True: "moving average of the weights", False: "weights as trained", None: "unknown weights"}[
            subject.averaged
        ]
        + (f", batch norm with {subject.batch_norm}" if subject.batch_norm else "")
        for subject in subjects
    }
    return sorted(kinds)


def warnings_of(methods: Sequence[Method], results: Sequence[MetricResult]) -> list[str]:
    """Return what a reader should beware of, a sentence each."""
    return [
        *_damage(methods),
        *_confounders(methods),
        *_seeds(methods),
        *_unlike_networks(methods),
        *_steps(methods, results),
        *_gaps(methods, results),
        *_counts(results),
        *_teachers(results),
    ]


def _damage(methods: Sequence[Method]) -> list[str]:
    return [
        f"{run.damaged_rows} line(s) of metrics.jsonl of {run.name} cannot be read and count for nothing."
        for method in methods
        for run in method.runs
        if run.damaged_rows
    ]


def _confounders(methods: Sequence[Method]) -> list[str]:
    unnamed = methods[0].unnamed
    if unnamed:
        return [f"The methods differ in more than their names say: {listed(unnamed, 4)}."]
    return []


def _seeds(methods: Sequence[Method]) -> list[str]:
    counts = sorted({len(method.runs) for method in methods})
    if len(counts) > 1:
        return [f"The methods have unequal numbers of seeds ({counts[0]} to {counts[-1]})."]
    return []


def _unlike_networks(methods: Sequence[Method]) -> list[str]:
    """Seeds of one method have networks of one form; else a program put something else in its place."""
    return [
        f"The discriminators of {method.name} have different tensors, so its runs are not seeds of one "
        "method. Give a method of your own a name of its own (projgan.register_condition)."
        for method in methods
        if len({run.discriminator_shapes for run in method.runs if run.discriminator_shapes}) > 1
    ]


def _steps(methods: Sequence[Method], results: Sequence[MetricResult]) -> list[str]:
    found = []
    ends = sorted({run.provenance.step for method in methods for run in method.runs})
    if len(ends) > 1:
        found.append(f"The runs were not trained equally long: {ends[0]:,} to {ends[-1]:,} steps.")
    said: list[tuple[MetricResult, str]] = []
    for result in results:
        rows = [pair for method in result.methods for pair in method.rows]
        steps = sorted({row.subject.step or 0 for _, row in rows})
        if len(steps) > 1:
            said.append((result, f"measured at unequal steps: {steps[0]:,} to {steps[-1]:,}"))
        behind = [run.name for run, row in rows if (row.subject.step or 0) < run.provenance.step]
        if behind:
            said.append(
                (result, f"last measured before the end of {listed(behind, 4)}, whose training went on")
            )
        if len(_kinds_of_weights(result)) > 1:
            said.append((result, f"measured of unlike weights: {_subject(result)}"))
        if len(result.versions) > 1:
            said.append((result, "measured with different versions of projgan or torch"))
    return found + _together(said)


def _gaps(methods: Sequence[Method], results: Sequence[MetricResult]) -> list[str]:
    said: list[tuple[MetricResult, str]] = []
    for result in results:
        measured = {run.name for method in result.methods for run, _ in method.rows}
        missing = [run.name for method in methods for run in method.runs if run.name not in measured]
        if missing:
            said.append((result, f"not measured for {listed(missing, 4)}"))
    return _together(said)


def _together(said: Sequence[tuple[MetricResult, str]]) -> list[str]:
    """One sentence for all metrics of which the same is to be said."""
    titles: dict[str, list[str]] = {}
    for result, what in said:
        titles.setdefault(what, []).append(result.metric.title)
    return [
        f"{in_a_row(names)} {'was' if len(names) == 1 else 'were'} {what}." for what, names in titles.items()
    ]


def _counts(results: Sequence[MetricResult]) -> list[str]:
    """A covariance of N images has rank N - 1 at most."""
    found = []
    for result in results:
        measurement = result.measurement
        if result.name not in ("fid", "intra_fid"):
            continue
        counts = [count for count in (measurement.real_images, measurement.generated_images) if count]
        # The first method may be one that was not measured.
        known = max(len(of.per_class) for of in result.methods)
        classes = known if result.name == "intra_fid" else 0
        images = min(counts, default=0) // max(1, classes)
        if counts and images <= FEATURES_OF_INCEPTION:
            found.append(
                f"{result.metric.title} rests on {'about ' if classes else ''}{images:,} images"
                f"{' a class' if classes else ''}, no more than Inception's {FEATURES_OF_INCEPTION:,} "
                "features: its covariances are singular and its value is biased upwards, so compare it only "
                "with values from as many images."
            )
    return found


def _teachers(results: Sequence[MetricResult]) -> list[str]:
    """A generator learns to please the network it is trained against, whether its images gain or not."""
    titles: dict[tuple[str, str], list[str]] = {}
    for result in results:
        taught = [of.method for of in result.methods if of.by_own_teacher]
        if taught:
            titles.setdefault((listed(taught, 4), result.measurement.features), []).append(
                result.metric.title
            )
    return [
        f"{methods} was trained against {features}, so {listed(names, 4)} by that network is shown but not "
        "ranked; measure with another network."
        for (methods, features), names in titles.items()
    ]
