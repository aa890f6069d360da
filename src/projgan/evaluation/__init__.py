"""Numbers that say how good generated images are: pure functions of features, logits and labels."""

from projgan.evaluation.estimates import Estimate, Interval, bootstrap_interval
from projgan.evaluation.frechet import (
    CovarianceFactor,
    FeatureStatistics,
    distance_between_factors,
    factor_of_covariance,
    factor_of_features,
    frechet_distance,
    frechet_distance_from_features,
    merge,
    statistics_of,
)
from projgan.evaluation.intra_class import IntraClassDistances, class_distances, intra_class_distances
from projgan.evaluation.neighbours import (
    DensityCoverage,
    PrecisionRecall,
    density_coverage,
    precision_recall,
)
from projgan.evaluation.scores import (
    InceptionScore,
    inception_score,
    kernel_distance,
    kernel_distance_of_all,
    top_k_accuracy,
)

__all__ = [
    "CovarianceFactor",
    "DensityCoverage",
    "Estimate",
    "FeatureStatistics",
    "InceptionScore",
    "Interval",
    "IntraClassDistances",
    "PrecisionRecall",
    "bootstrap_interval",
    "class_distances",
    "density_coverage",
    "distance_between_factors",
    "factor_of_covariance",
    "factor_of_features",
    "frechet_distance",
    "frechet_distance_from_features",
    "inception_score",
    "intra_class_distances",
    "kernel_distance",
    "kernel_distance_of_all",
    "merge",
    "precision_recall",
    "statistics_of",
    "top_k_accuracy",
]
