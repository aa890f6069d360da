"""The feature network of a table: its name, and whether it suits the data before anything is trained."""

from collections.abc import Iterable
from pathlib import Path

from projgan.data import open_source
from projgan.errors import UserError
from projgan.evaluation.extractors import open_feature_network
from projgan.evaluation.metric_names import PRINTED_AS
from projgan.evaluation.metrics import METRICS


def name_of(features: str) -> str:
    """Return what measurements call `inception`, `inception:FILE` or `classifier:FILE`."""
    kind, _, path = features.partition(":")
    return kind if kind == "inception" else f"{kind}:{Path(path).stem}"


def refuse_stranger(features: str, data: str, metrics: Iterable[str]) -> None:
    """Refuse a feature network from a file that could not measure this of the data.

    Args:
        features: as for `projgan evaluate`.
        data: the real images.
        metrics: names of numbers with Inception's features.

    Raises:
        UserError: there is no such network, or it is a classifier of other classes than the data's and a
            number says how many images it recognises.
    """
    if features == "inception":
        return  # fetched when first used
    network, classes = open_feature_network(features, "cpu", Path()), open_source(data).class_names
    asked = not network.is_inception and any(
        METRICS[PRINTED_AS.get(name, name)].classifies for name in metrics
    )
    if asked and tuple(network.class_names or ()) != tuple(classes):
        raise UserError(
            f"{network.name} was not trained on the classes of {Path(data).name}, and the table asks how "
            f"many images it recognises; train one with `projgan classifier {data} --out FILE`"
        )
