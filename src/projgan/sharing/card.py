"""What is said of shared weights: what they are, of which data, how they were trained, and their numbers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from projgan.errors import listed
from projgan.evaluation.rows import Measurement, MetricRow
from projgan.report.numbers import with_error
from projgan.report.writing import escape_markdown
from projgan.storage.network_description import NetworkDescription

MOST_NAMES = 30
"""Classes that are listed by name."""
INSTALL = "pip install 'projgan[hub]'"


def front_matter(license_name: str) -> str:
    """Return what the hub reads of a card: the licence, and what to list it under."""
    facts = {
        "license": license_name,
        "library_name": "projgan",
        "pipeline_tag": "unconditional-image-generation",
        "tags": ["projgan", "gan", "class-conditional", "projection-discriminator"],
    }
    return f"---\n{yaml.safe_dump(facts, sort_keys=False)}---\n"


def names_in_words(names: Sequence[str]) -> str:
    """Return the names of classes for a card, the first of them where they are many; safe in Markdown."""
    shown = [str(escape_markdown(name)) for name in names[:MOST_NAMES]]
    return listed(shown, MOST_NAMES, count=len(names))


def facts_of(description: NetworkDescription, weights: str) -> dict[str, str]:
    """Return what is known of how weights came to be, in words by name."""
    origin = description.provenance
    settings = origin.settings
    facts = {"data": f"{origin.data}, {origin.images_seen:,} real images shown in training"}
    if settings:
        facts["discriminator"] = (
            f"{settings['discriminator']['architecture']}, condition {settings['discriminator']['condition']}"
        )
        facts["generator"] = str(settings["generator"]["architecture"])
    facts |= {
        "steps": f"{origin.step:,}",
        "weights": weights,
        "versions": ", ".join(f"{name} {version}" for name, version in origin.versions.items()),
    }
    return facts


def table(facts: Mapping[str, Any]) -> list[str]:
    """Return facts as a table in Markdown; values are taken as they are."""
    return ["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in facts.items())]


def number_lines(rows: Iterable[MetricRow]) -> list[str]:
    """Return numbers in tables of equal protocol, each under it a line of how they were made."""
    groups: dict[tuple[object, ...], list[MetricRow]] = {}
    for row in rows:
        made = row.measurement
        key = (made.protocol, made.features, made.features_sha256, made.data_fingerprint, made.seed)
        groups.setdefault((*key, made.truncation), []).append(row)
    lines: list[str] = []
    for group in groups.values():
        lines += [*([""] if lines else []), "| number | value | standard error |", "|---|---|---|"]
        for row in group:
            value, _, error = with_error(row.value, row.standard_error).partition(" ± ")
            own = " (by its own teacher)" if row.by_own_teacher else ""
            lines.append(f"| `{row.metric}`{own} | {value} | {error} |")
        lines += ["", _protocol(group[0].measurement, group)]
    return lines


def _protocol(made: Measurement, group: Sequence[MetricRow]) -> str:
    generated = max(row.measurement.generated_images for row in group)
    real = max(row.measurement.real_images for row in group)
    words = (
        f"Protocol {made.protocol}; features {escape_markdown(made.features)}; "
        f"real images: {escape_markdown(made.data)} ({escape_markdown(made.real_split)}) at "
        f"{made.resolution}x{made.resolution}; {generated:,} generated and {real:,} real images; "
        f"seed {made.seed}."
    )
    if made.truncation is not None:
        words += f" Latents within {made.truncation:g}."
    if made.features != "inception":
        words += " These features are not Inception's: the distances say nothing beside a published FID."
    return words
