"""Every metric: a function from two sets of images to findings, what it needs, and the table `METRICS`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from projgan.classification.training import class_logits, train_classifier
from projgan.data.tensors import places_of
from projgan.errors import UserError
from projgan.evaluation.classification_accuracy import Classify, classification_accuracy_score
from projgan.evaluation.diversity import within_class_ms_ssim
from projgan.evaluation.estimates import evenly
from projgan.evaluation.feature_sets import FeatureSet
from projgan.evaluation.frechet import CovarianceFactor
from projgan.evaluation.frechet_error import frechet_distance_with_error
from projgan.evaluation.intra_class import intra_class_distances
from projgan.evaluation.measured_classes import names_of, shortage
from projgan.evaluation.neighbours import density_coverage, precision_recall
from projgan.evaluation.scores import SUBSET_SIZE, hits, inception_score, kernel_distance, top_k_accuracy
from projgan.listening import Count

KERNEL_SUBSETS = 100
SCORE_SPLITS, SCORE_IMAGES_OF_SPLIT = 10, 50
"""As published, but for few images: the score of a handful says how many they are. One split has no error."""
INTRA_CLASS_GROUPS = 5
"""Of the jackknife behind the standard error within classes."""
NEIGHBOURS_AT_MOST = 10_000
"""Images of each kind in precision, recall, density and coverage: their cost is that of all pairs."""
PAIRS_PER_CLASS = 100
SCORING_WIDTH, SCORING_EPOCHS, SCORING_BATCH = 64, 10, 128
"""Of the classifier behind the classification accuracy score, which is trained at each measurement."""


@dataclass(frozen=True)
class Compared:
    """The two sets of images of one evaluation."""

    real: FeatureSet
    generated: FeatureSet
    reference: CovarianceFactor
    """The Gaussian of the real features."""
    class_names: tuple[str, ...]
    """Of all labels."""
    classes: Tensor
    """int64 [K], labels of the classes to measure, ascending."""
    images_at: Callable[[Tensor], Tensor]
    """Positions [n] of generated images -> the images, uint8 [n, C, R, R]."""
    held_out: Callable[[], tuple[Tensor, Tensor]]
    """Real images that nothing was trained on, uint8 [M, C, R, R], and their labels [M]."""
    seed: int
    device: torch.device
    progress: Count | None
    """Told of what takes minutes: (done, in all)."""


@dataclass(frozen=True)
class Finding:
    """A number on its way to a row."""

    name: str
    value: float
    standard_error: float | None
    real_images: int
    generated_images: int
    per_class: dict[str, float] | None = None
    parameters: dict[str, int | float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Metric:
    """One metric, and what it needs."""

    measure: Callable[[Compared], list[Finding]]
    conditional: bool = False
    """The generated images must have classes."""
    classifies: bool = False
    """The feature network must know the classes of the data."""
    of_logits: bool = False
    """The feature network must have scores of classes, whichever."""
    asked_only: bool = False
    """It takes minutes, so it must be asked for by name."""
    of_each_class: int = 0
    """Generated images that it needs of every class."""
    real_of_each_class: int = 0
    """Real images that it needs of every class."""


def _frechet_distance(compared: Compared) -> list[Finding]:
    real, generated = compared.real, compared.generated
    found = frechet_distance_with_error(compared.reference, generated.features)
    return [Finding("fid", found.value, found.standard_error, len(real), len(generated))]


def _intra_class_frechet_distance(compared: Compared) -> list[Finding]:
    real, generated = (_of_classes(part, compared.classes) for part in (compared.real, compared.generated))
    found = intra_class_distances(*real, *generated, len(compared.classes), groups=INTRA_CLASS_GROUPS)
    per_class = _by_name(compared, found.distances)
    counts = len(compared.real), len(compared.generated)
    return [Finding("intra_fid", found.mean, found.standard_error, *counts, per_class)]


def _of_classes(part: FeatureSet, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Features and labels of the images of some classes, which are numbered anew."""
    positions, labels = places_of(part.labels, classes)
    return part.features if len(positions) == len(part) else part.features[positions], labels


def _by_name(compared: Compared, values: Tensor) -> dict[str, float]:
    """A value for each class that is measured."""
    return dict(zip(names_of(compared.classes, compared.class_names), values.tolist(), strict=True))


def _kernel_distance(compared: Compared) -> list[Finding]:
    real, generated = compared.real, compared.generated
    size = min(SUBSET_SIZE, len(real), len(generated))
    found = kernel_distance(real.features, generated.features, KERNEL_SUBSETS, size, compared.seed)
    parameters: dict[str, int | float | str] = {"subsets": KERNEL_SUBSETS, "subset_size": size}
    return [Finding("kid", found.value, found.standard_error, len(real), len(generated), None, parameters)]


def _inception_score(compared: Compared) -> list[Finding]:
    count = len(compared.generated)
    splits = min(SCORE_SPLITS, max(1, count // SCORE_IMAGES_OF_SPLIT))
    found = inception_score(compared.generated.logits, splits)
    return [Finding("inception_score", found.mean, found.standard_error, 0, count, None, {"splits": splits})]


def _neighbours(compared: Compared) -> tuple[Tensor, Tensor]:
    return (
        evenly(compared.real.features, NEIGHBOURS_AT_MOST),
        evenly(compared.generated.features, NEIGHBOURS_AT_MOST),
    )


def _precision_recall(compared: Compared) -> list[Finding]:
    real, generated = _neighbours(compared)
    found = precision_recall(real, generated, k=3)
    return [
        Finding(name, part.value, part.standard_error, len(real), len(generated), None, {"k": 3})
        for name, part in (("precision", found.precision), ("recall", found.recall))
    ]


def _density_coverage(compared: Compared) -> list[Finding]:
    real, generated = _neighbours(compared)
    found = density_coverage(real, generated, k=5)
    return [
        Finding(name, part.value, part.standard_error, len(real), len(generated), None, {"k": 5})
        for name, part in (("density", found.density), ("coverage", found.coverage))
    ]


def _accuracy(compared: Compared) -> list[Finding]:
    generated, names = compared.generated, compared.class_names
    findings = []
    for k in (1, 5):
        if k < len(compared.classes):
            found = top_k_accuracy(generated.logits, generated.labels, k)
            per_class = _share_right_by_class(generated, names) if k == 1 else None
            findings.append(
                Finding(f"accuracy_top{k}", found.value, found.standard_error, 0, len(generated), per_class)
            )
    return findings


def _share_right_by_class(generated: FeatureSet, names: tuple[str, ...]) -> dict[str, float]:
    right = hits(generated.logits.cpu(), generated.labels).double()
    return {
        name: right[generated.labels == label].mean().item()
        for label, name in enumerate(names)
        if (generated.labels == label).any()
    }


def _ms_ssim(compared: Compared) -> list[Finding]:
    positions = torch.cat(
        [
            (compared.generated.labels == label).nonzero().squeeze(1)[: 2 * PAIRS_PER_CLASS]
            for label in compared.classes
        ]
    )
    _, labels = places_of(compared.generated.labels[positions], compared.classes)
    images = compared.images_at(positions).to(compared.device)
    found = within_class_ms_ssim(images, labels, len(compared.classes), PAIRS_PER_CLASS, compared.seed)
    return [
        Finding(
            "within_class_ms_ssim",
            found.mean,
            found.standard_error,
            0,
            len(positions),
            _by_name(compared, found.per_class),
            {"pairs_per_class": PAIRS_PER_CLASS, "scales": found.scales},
        )
    ]


def _classification_accuracy_score(compared: Compared) -> list[Finding]:
    images, labels = compared.held_out()
    needed = [("test", labels, 1)]
    short = shortage("classification_accuracy_score", needed, compared.classes, compared.class_names)
    if short:
        raise UserError(f"{short}; leave it out")
    kept, labels = places_of(labels, compared.classes)
    images = images if len(kept) == len(images) else images[kept]
    of_generated, generated_labels = places_of(compared.generated.labels, compared.classes)
    count = len(compared.classes)

    def train(images: Tensor, labels: Tensor) -> Classify:
        classifier = train_classifier(
            images,
            labels,
            count,
            width=SCORING_WIDTH,
            epochs=SCORING_EPOCHS,
            batch_size=SCORING_BATCH,
            seed=compared.seed,
            device=compared.device,
            progress=compared.progress,
        )
        return partial(class_logits, classifier)

    made = compared.images_at(of_generated)
    found = classification_accuracy_score(made, generated_labels, images, labels, count, train)
    return [
        Finding(
            "classification_accuracy_score",
            found.top1.value,
            found.top1.standard_error,
            len(labels),
            len(made),
            _by_name(compared, found.per_class),
            {"width": SCORING_WIDTH, "epochs": SCORING_EPOCHS},
        )
    ]


METRICS: dict[str, Metric] = {
    "fid": Metric(_frechet_distance),
    "kid": Metric(_kernel_distance),
    "inception_score": Metric(_inception_score, of_logits=True),
    "precision_recall": Metric(_precision_recall),
    "density_coverage": Metric(_density_coverage),
    "intra_fid": Metric(
        _intra_class_frechet_distance,
        conditional=True,
        of_each_class=INTRA_CLASS_GROUPS,
        real_of_each_class=2,
    ),
    "accuracy": Metric(_accuracy, conditional=True, classifies=True),
    "ms_ssim": Metric(_ms_ssim, conditional=True, of_each_class=2),
    "classification_accuracy_score": Metric(
        _classification_accuracy_score, conditional=True, asked_only=True, of_each_class=1
    ),
}
"""Every metric, by the name it is asked for with Inception's features."""
OF_A_PART = {"precision_recall", "density_coverage", "ms_ssim"}
"""Those that may be made of some of the generated images only."""
