"""What is known of each metric: its title, unit, direction and what it says in a line."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """How a metric is shown."""

    title: str
    better: Literal["lower", "higher"] | None
    """Direction; None where it is not known."""
    explanation: str
    unit: str = ""


_FRECHET = (
    "Fréchet distance between Gaussians fitted to the features of real and generated images (Heusel et al. "
    "2017)"
)
_KERNEL = (
    "squared maximum mean discrepancy between features with a cubic kernel (Bińkowski et al. 2018); unbiased"
)
_SCORE = (
    "exp of the mean divergence of a classifier's answers from their mean (Salimans et al. 2016); real "
    "images play no part"
)

METRICS: dict[str, Metric] = {
    "fid": Metric("FID", "lower", f"{_FRECHET}, by Inception"),
    "fd": Metric("Fréchet distance", "lower", f"{_FRECHET}, by a network other than Inception"),
    "kid": Metric("KID", "lower", f"{_KERNEL}, by Inception"),
    "kd": Metric("Kernel distance", "lower", f"{_KERNEL}, by a network other than Inception"),
    "inception_score": Metric("Inception score", "higher", f"{_SCORE}, by Inception"),
    "classifier_score": Metric(
        "Classifier score", "higher", f"{_SCORE}, by a classifier other than Inception"
    ),
    "precision": Metric(
        "Precision",
        "higher",
        "share of generated images within the real ones' neighbourhoods (Kynkäänniemi et al. 2019)",
    ),
    "recall": Metric(
        "Recall",
        "higher",
        "share of real images within the generated ones' neighbourhoods (Kynkäänniemi et al. 2019)",
    ),
    "density": Metric(
        "Density",
        "higher",
        "real neighbourhoods a generated image lies in, over k; may exceed 1 (Naeem et al. 2020)",
    ),
    "coverage": Metric(
        "Coverage",
        "higher",
        "share of real images with a generated one in their neighbourhood (Naeem et al. 2020)",
    ),
    "intra_fid": Metric(
        "Intra-class FID", "lower", "mean over classes of the FID within a class (Miyato & Koyama 2018)"
    ),
    "intra_fd": Metric(
        "Intra-class Fréchet distance",
        "lower",
        "mean over classes of the Fréchet distance within a class, by a network other than Inception",
    ),
    "accuracy_top1": Metric(
        "Top-1 accuracy",
        "higher",
        "share of generated images that a classifier of real images recognises as the requested class",
    ),
    "accuracy_top5": Metric(
        "Top-5 accuracy",
        "higher",
        "share of generated images whose class is among the classifier's first five",
    ),
    "classification_accuracy_score": Metric(
        "Classification accuracy score",
        "higher",
        "accuracy on real images of a classifier trained on generated ones only (Ravuri & Vinyals 2019)",
    ),
    "within_class_ms_ssim": Metric(
        "Within-class MS-SSIM",
        None,  # noise has the lowest
        "mean similarity of two generated images of one class (Odena et al. 2017); lower is more varied, but "
        "so is noise: read it beside accuracy",
    ),
}
"""By the name that rows carry. Names with an f are Inception's, the others another network's."""


def metric_named(name: str) -> Metric:
    """Return what is known of a metric; one that is not known has its own name and no direction."""
    return METRICS.get(name) or Metric(name, None, "not known to this version")


def in_reading_order(names: set[str]) -> list[str]:
    """Return metric names in the order of `METRICS`, then the unknown ones by name."""
    return [name for name in METRICS if name in names] + sorted(names - METRICS.keys())
