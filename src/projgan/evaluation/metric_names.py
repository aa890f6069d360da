"""What metrics are called, and which of them a person means.

What a number is called says whose features it is made of: `fid`, `kid` and their like are Inception's, `fd`,
`kd` and their like those of any other network. Asking for one with the features of the other is refused.
"""

from collections.abc import Sequence

from projgan.errors import UserError, nearest_of_several
from projgan.evaluation.metrics import METRICS, Metric

PRINTED_AS = {
    "precision": "precision_recall",
    "recall": "precision_recall",
    "density": "density_coverage",
    "coverage": "density_coverage",
    "accuracy_top1": "accuracy",
    "accuracy_top5": "accuracy",
    "within_class_ms_ssim": "ms_ssim",
}
"""Names of numbers that a metric of another name measures: they may be asked for, and bring it whole."""


OTHER_NAMES = {"fid": "fd", "kid": "kd", "inception_score": "classifier_score", "intra_fid": "intra_fd"}
"""What those numbers are called that are made of another network's features."""


def public_name(name: str, is_inception: bool) -> str:
    """Return what a metric or finding is called with Inception's or another network's features."""
    return name if is_inception else OTHER_NAMES.get(name, name)


def key_of(metric: str, is_inception: bool) -> str:
    """Return the key in `METRICS` of what a number is called; the name itself where there is none."""
    return PRINTED_AS.get(metric) or next(
        (name for name in METRICS if public_name(name, is_inception) == metric), metric
    )


def choose_metrics(
    wanted: Sequence[str] | None,
    *,
    is_inception: bool,
    conditional: bool,
    classifies: bool,
    network: str,
    has_logits: bool = True,
) -> list[str]:
    """Return keys of `METRICS`: those asked for, or all that apply and take no minutes.

    Args:
        wanted: public names, with hyphens or underscores; None for the default.
        is_inception: whose features there are.
        conditional: whether the generated images have classes.
        classifies: whether the network knows the classes of the data.
        network: its name, for the refusal.
        has_logits: whether it has scores of classes at all.

    Raises:
        UserError: an unknown metric, or one that cannot be measured here.
    """
    known = {public_name(name, is_inception): name for name in METRICS} | PRINTED_AS
    if wanted is None:
        return [
            name
            for name, metric in METRICS.items()
            if not metric.asked_only
            and _applies(metric, conditional, classifies)
            and (has_logits or not metric.of_logits)
        ]
    chosen = []
    for word in (name.replace("-", "_") for name in wanted):
        if word not in known:
            raise UserError(_unknown(word, known, is_inception, network))
        metric = METRICS[known[word]]
        if metric.conditional and not conditional:
            raise UserError(f"{word} is measured within classes, and these images have none; leave it out")
        if metric.classifies and not classifies:
            raise UserError(
                f"{word} needs features of a classifier of the data's classes, not {network}; train one with "
                "`projgan classifier` and give it as classifier:FILE"
            )
        if metric.of_logits and not has_logits:
            raise UserError(f"{word} needs scores of classes, which {network} has not; leave it out")
        chosen.append(known[word])
    return list(dict.fromkeys(chosen))


def _applies(metric: Metric, conditional: bool, classifies: bool) -> bool:
    return (conditional or not metric.conditional) and (classifies or not metric.classifies)


def _unknown(word: str, known: dict[str, str], is_inception: bool, network: str) -> str:
    of_the_other = {public_name(name, not is_inception): name for name in METRICS}
    if word in of_the_other:
        here = public_name(of_the_other[word], is_inception)
        return f"{word} is not what {network} measures; with these features the metric is called {here}"
    return f"unknown metric {word!r}{nearest_of_several(word, known)}"
