"""A number with everything it depends on: one line of `metrics.jsonl`.

Two numbers may stand in one column only if their `Measurement` is the same; `differing_keys` names the rest.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from projgan.stored import Checked, Sha256

_Count = Annotated[int, Field(ge=0)]
_Finite = Annotated[float, Field(allow_inf_nan=False, gt=-1e15, lt=1e15)]


class Measurement(Checked):
    """How a number was made, apart from what was measured."""

    protocol: str
    """`paper`, `standard`, `intra`, or `custom`."""
    data: str
    """Name of the real data set."""
    data_fingerprint: Sha256
    """Of the real images as they were compared: pixels, labels, class names, resolution."""
    resolution: int
    """Height and width of the images compared, in pixels."""
    real_split: str
    """Part of the data the real images are from; `all` where it has no parts."""
    real_images: _Count
    """Real images behind the number; 0 where it needs none."""
    generated_images: _Count
    """Generated images behind the number."""
    generated_labels: Literal["as-real", "balanced", "as-given"]
    """Classes of the generated images: in the proportions of the real ones, as many of each, or as found."""
    features: str
    """Feature network: `inception`, `imagenet`, or `classifier:NAME`; `pixels` where there is none."""
    features_sha256: Sha256 | None
    """Checksum of the feature network's file."""
    resize: str
    """What happened to the images before the feature network, in words."""
    seed: int
    """Of the draw of images; generated ones have the seeds that follow it."""
    truncation: float | None
    """Bound of the latents' entries."""
    parameters: dict[str, int | float | str]
    """Of the metric itself, such as k or the number of splits."""


class Subject(Checked):
    """What was measured."""

    kind: Literal["generator", "images"]
    """A generator, or images that were there already."""
    name: str
    """Of the run, file or folder, without the way to it."""
    sha256: Sha256
    """Of the generator's weights, or of the images."""
    step: _Count | None = None
    """Generator updates done."""
    images_seen: _Count | None = None
    """Real images the discriminator had seen."""
    averaged: bool | None = None
    """Whether the weights are an exponential moving average."""
    batch_norm: Literal["running statistics"] | None = None
    """What the generator's batch norms used."""
    teachers: tuple[Sha256, ...] = ()
    """Checksums of the networks that it was trained against, none of which is a fair judge of it."""


class MetricRow(Checked):
    """One number."""

    metric: str
    """`fid`, `kid` and their like for Inception; `fd`, `kd` and their like for any other feature network."""
    value: _Finite
    standard_error: _Finite | None
    """In the unit of the value; of what draw, docs/guides/evaluation.md says for each metric."""
    per_class: dict[str, _Finite] | None = None
    """The same number of each class, by class name."""
    measurement: Measurement
    subject: Subject
    seconds: _Finite
    """Time this number took beyond making images and features."""
    versions: dict[str, str]
    """projgan and torch."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, as in `metrics.jsonl`."""
        return self.model_dump(mode="json")

    @property
    def by_own_teacher(self) -> bool:
        """Whether the feature network is one that the subject was trained against."""
        return self.measurement.features_sha256 in self.subject.teachers


def differing_keys(one: Measurement, other: Measurement) -> dict[str, tuple[object, object]]:
    """Return the keys in which two measurements differ, with both values; `parameters` key by key."""
    ours, theirs = _flat(one), _flat(other)
    return {
        key: (ours.get(key), theirs.get(key))
        for key in [*ours, *(key for key in theirs if key not in ours)]
        if ours.get(key) != theirs.get(key)
    }


def _flat(measurement: Measurement) -> dict[str, object]:
    values = measurement.model_dump()
    parameters = values.pop("parameters")
    return values | {f"parameters.{key}": value for key, value in parameters.items()}
