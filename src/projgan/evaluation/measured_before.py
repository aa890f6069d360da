"""Which numbers are there already, so that a run that goes on measures no state twice, and none never."""

from collections.abc import Mapping, Sequence
from typing import Any

from projgan.evaluation.metric_names import key_of
from projgan.evaluation.metrics import OF_A_PART


def measured_before(
    rows: Sequence[dict[str, Any]], how: Mapping[str, object], generated_images: int, is_inception: bool
) -> set[str]:
    """Return the keys of `METRICS` of which rows of `metrics.jsonl` hold a number.

    Args:
        rows: of one state, unchecked.
        how: what their `measurement` must say.
        generated_images: of which they must be, but for metrics that take some of them.
        is_inception: whose features are meant.
    """
    found = set()
    for row in rows:
        made = row.get("measurement")
        if not isinstance(made, dict) or any(made.get(key) != value for key, value in how.items()):
            continue
        name, count = key_of(str(row.get("metric")), is_inception), made.get("generated_images")
        if count == generated_images or (name in OF_A_PART and isinstance(count, int)):
            found.add(name)
    return found
