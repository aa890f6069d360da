"""Numbers that say how good generated images are: pure functions of features, logits, labels and pixels."""

from projgan.evaluation.classification_accuracy import ClassificationAccuracy, classification_accuracy_score
from projgan.evaluation.diversity import WithinClassSimilarity, within_class_ms_ssim
from projgan.evaluation.estimates import Estimate
from projgan.evaluation.frechet import (
    CovarianceFactor,
    FeatureStatistics,
    distance_between_factors,
    factor_of_covariance,
    factor_of_features,
    frechet_distance_from_features,
    frechet_distance_from_statistics,
    merge,
    remark_on_counts,
    statistics_of,
)
from projgan.evaluation.frechet_error import frechet_distance_with_error
from projgan.evaluation.intra_class import (
    IntraClassDistances,
    class_distances,
    class_estimates,
    intra_class_distances,
)
from projgan.evaluation.neighbours import DensityCoverage, PrecisionRecall, density_coverage, precision_recall
from projgan.evaluation.scores import (
    InceptionScore,
    inception_score,
    kernel_distance,
    kernel_distance_of_all,
    top_k_accuracy,
)

__all__ = [
    "ClassificationAccuracy",
    "CovarianceFactor",
    "DensityCoverage",
    "Estimate",
    "FeatureStatistics",
    "InceptionScore",
    "IntraClassDistances",
    "PrecisionRecall",
    "WithinClassSimilarity",
    "class_distances",
    "class_estimates",
    "classification_accuracy_score",
    "density_coverage",
    "distance_between_factors",
    "factor_of_covariance",
    "factor_of_features",
    "frechet_distance_from_features",
    "frechet_distance_from_statistics",
    "frechet_distance_with_error",
    "inception_score",
    "intra_class_distances",
    "kernel_distance",
    "kernel_distance_of_all",
    "merge",
    "precision_recall",
    "remark_on_counts",
    "statistics_of",
    "top_k_accuracy",
    "within_class_ms_ssim",
]
