"""The feature network of a table: its name, and whether it suits the data before anything is trained."""

from collections.abc import Sequence
from pathlib import Path

from projgan.data import open_source
from projgan.errors import UserError
from projgan.evaluation.extractors import open_feature_network
from projgan.evaluation.metrics import METRICS, PRINTED_AS
from reproduction.tables import MeasuredProtocol


def name_of(features: str) -> str:
    """Return what measurements call `inception`, `inception:FILE` or `classifier:FILE`."""
    kind, _, path = features.partition(":")
    return kind if kind == "inception" else f"{kind}:{Path(path).stem}"


def refuse_stranger(features: str, data: str, protocols: Sequence[MeasuredProtocol]) -> None:
    """Refuse a feature network from a file that could not measure what the protocols name, of this data.

    Raises:
        UserError: there is no such network, or it is a classifier of other classes than the data's where a
            protocol asks what it recognises.
    """
    if features == "inception":
        return  # fetched when first used
    network, classes = open_feature_network(features, "cpu", Path()), open_source(data).class_names
    names = {PRINTED_AS.get(name, name) for protocol in protocols for name in protocol.metrics}
    asked = not network.is_inception and any(METRICS[name].classifies for name in names)
    if asked and tuple(network.class_names or ()) != tuple(classes):
        raise UserError(
            f"{network.name} was not trained on the classes of {Path(data).name}, and the table asks how "
            f"many images it recognises; train one with `projgan classifier {data} --out FILE`"
        )
