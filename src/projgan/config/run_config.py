"""The configuration of a run: frozen, checked once, saved beside the run, never mutated.

Each section is checked by itself (`sections`), and here whether they fit together.
"""

from pydantic import model_validator

from projgan.config.own_names import CLASSIFYING_OWN
from projgan.config.sections import (
    DataConfig,
    DiscriminatorConfig,
    EvaluationConfig,
    FinetuningConfig,
    GeneratorConfig,
    LossConfig,
    OptimizerConfig,
    SamplingConfig,
    Section,
    TrainingConfig,
)
from projgan.networks.shapes import resolution_of

CLASSIFYING = frozenset({"ac-gan", "tac-gan", "adc-gan", "d2d-ce", "multi-hinge"})
"""Conditions of the discriminator that need exactly one class per image."""
MEETING_IMAGES = frozenset({"projection", "hidden-concat"})
"""Conditions of the discriminator that a low-resolution image can take."""

MEETING_HEADS = frozenset({"projection", "unconditional"})
"""Conditions of the discriminator that the heads of `projected` can take."""


class RunConfig(Section):
    """Everything that decides a run."""

    data: DataConfig = DataConfig()
    generator: GeneratorConfig = GeneratorConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    loss: LossConfig = LossConfig()
    finetuning: FinetuningConfig = FinetuningConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    training: TrainingConfig = TrainingConfig()
    sampling: SamplingConfig = SamplingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    @model_validator(mode="after")
    def _parts_fit_together(self) -> "RunConfig":
        for name, section in (("generator", self.generator), ("discriminator", self.discriminator)):
            if resolution_of(section.architecture) not in (None, self.data.resolution):
                raise ValueError(
                    f"{name}.architecture is {section.architecture}, but data.resolution is "
                    f"{self.data.resolution}: choose both for one resolution"
                )
        if (self.generator.condition is None) != (self.discriminator.condition == "unconditional"):
            raise ValueError(
                f"generator.condition is {self.generator.condition} and discriminator.condition is "
                f"{self.discriminator.condition}: either both networks meet the label or neither does"
            )
        if self.discriminator.condition == "multi-hinge" and self.loss.adversarial != "hinge":
            raise ValueError(
                f"loss.adversarial is {self.loss.adversarial}, but discriminator.condition multi-hinge is a "
                "hinge loss itself: choose hinge, or another condition"
            )
        self._condition_can_be_met()
        self._projected_has_its_own_settings()
        self._low_resolution_goes_with_its_networks()
        end, steps = self.optimizer.decay_end, self.training.steps
        if end is not None and steps > end:
            raise ValueError(
                f"training.steps is {steps}, past optimizer.decay_end {end}, where the "
                "learning rate has fallen to zero: raise optimizer.decay_end too, "
                f"--optimizer.decay-end {steps}, or turn the decay off, --optimizer.decay-start None "
                "--optimizer.decay-end None"
            )
        return self

    def _condition_can_be_met(self) -> None:
        kind, method = self.data.condition, self.discriminator.condition
        if self.finetuning.classifier is not None and (kind != "class" or self.generator.condition is None):
            raise ValueError(
                f"a classifier guides towards one class an image, but data.condition is {kind} and "
                f"generator.condition {self.generator.condition}: fine-tune a run of class labels"
            )
        if kind != "class" and (method in CLASSIFYING or CLASSIFYING_OWN.get(method)):
            raise ValueError(
                f"discriminator.condition {method} tells one class from the others, but data.condition is "
                f"{kind}: choose projection or another that takes any condition"
            )
        if kind != "class" and self.data.balance is not None:
            raise ValueError(
                f"data.balance is {self.data.balance}, but data.condition is {kind}: only where an image has "
                "one class can classes be shown alike"
            )
        if kind == "class" and self.data.condition_columns is not None:
            raise ValueError(
                "data.condition_columns is given, but data.condition is class: name its kind too"
            )
        if self.discriminator.quadratic_term and (kind == "class" or method != "projection"):
            raise ValueError(
                "discriminator.quadratic_term belongs to projection and to data.condition vector or "
                f"multi-hot, not to {method} and {kind}: turn it off"
            )

    def _projected_has_its_own_settings(self) -> None:
        settings = self.discriminator
        if settings.architecture != "projected":
            return
        if settings.condition not in MEETING_HEADS:
            raise ValueError(
                f"discriminator.condition is {settings.condition}, but architecture projected meets a label "
                "by projection or not at all: choose projection or unconditional"
            )
        for key in ("hidden_block", "quadratic_term"):
            if getattr(settings, key):
                raise ValueError(f"discriminator.{key} is not for architecture projected: leave it out")

    def _low_resolution_goes_with_its_networks(self) -> None:
        wanted = self.data.condition == "low-resolution"
        found = {
            "generator.architecture": self.generator.architecture.startswith("super-resolution-"),
            "discriminator.architecture": self.discriminator.architecture.startswith("super-resolution-"),
            "generator.condition": self.generator.condition == "input",
        }
        for key, fits in found.items():
            if fits != wanted:
                section, name = key.split(".")
                raise ValueError(
                    f"{key} is {getattr(getattr(self, section), name)}, but data.condition is "
                    f"{self.data.condition}: start from a preset super-resolution-… or from another"
                )
        if not wanted:
            return
        if self.discriminator.condition not in MEETING_IMAGES:
            raise ValueError(
                f"discriminator.condition is {self.discriminator.condition}, but an image can be met by "
                "projection or hidden-concat: choose one of them"
            )
        if self.discriminator.augmentation:
            raise ValueError(
                "discriminator.augmentation changes images, but not the low-resolution ones they are judged "
                "beside: turn it off"
            )
        if self.discriminator.hidden_block is not None:
            raise ValueError(
                "discriminator.hidden_block is given, but a low-resolution image joins where the features "
                "have its size: leave it out"
            )
        if self.evaluation.every is not None:
            raise ValueError(
                "evaluation.every measures generators of classes: turn it off, and measure the finished run "
                "with `projgan super-resolve --evaluate`"
            )


RESUMABLE_KEYS = frozenset(
    {
        "data.source",
        "data.cache",
        "discriminator.features",
        "finetuning.classifier",
        "finetuning.run",
        "optimizer.decay_end",
        "training.earlier_teachers",  # found where the training began, and kept with the run
        "training.steps",
        "training.device",
        "training.acceleration",
        "training.cpu_threads",
        "training.log_every",
        "training.logging",
        "training.checkpoint_every",
        "training.keep_checkpoints",
        "sampling.every",
        "sampling.columns",
        "sampling.classes",
        "sampling.seed",
        *(f"evaluation.{key}" for key in EvaluationConfig.model_fields),
    }
)
"""Keys that may change when a run resumes; the data itself is compared by its fingerprint."""
