"""From a configuration and its images to all parts of a run, top to bottom."""

from functools import partial

import torch
from torch import Tensor, nn

from projgan.arithmetic import compute
from projgan.config import RunConfig
from projgan.data.order import ORDERS
from projgan.data.stream import FAKE_CONDITIONS, STREAMS, ImageStream
from projgan.errors import UserError
from projgan.losses import ADVERSARIAL_LOSSES, OBJECTIVES, ClassTerm, Objective, guided_objective
from projgan.networks.augmentation import AugmentedDiscriminator
from projgan.networks.batch_norm import BatchNorm2d
from projgan.networks.guidance import GuidedDiscriminator
from projgan.networks.resnet import Discriminator, Generator
from projgan.process.ranks import Ranks, average
from projgan.storage.run_networks import build_networks
from projgan.training.acceleration import place, use_precision
from projgan.training.averaging import GeneratorAverage
from projgan.training.class_vectors import start_from_elsewhere
from projgan.training.lecam import Anchors, lecam_objective
from projgan.training.optimization import build_optimizer, learning_rates
from projgan.training.parts import Fakes, Parts, Schedule
from projgan.training.trainer import Trainer


def build_trainer(
    config: RunConfig,
    images: Tensor,
    conditions: Tensor,
    num_classes: int,
    ranks: Ranks,
    guide: nn.Module | None = None,
) -> Trainer:
    """Build all parts of a run and what trains them; see `build_parts`."""
    return Trainer(build_parts(config, images, conditions, num_classes, ranks, guide), ranks)


def build_parts(
    config: RunConfig,
    images: Tensor,
    conditions: Tensor,
    num_classes: int,
    ranks: Ranks,
    guide: nn.Module | None = None,
) -> Parts:
    """Build all parts of a run on its device, and let the process compute in its precision.

    Args:
        config: of the run.
        images: uint8 [N, C, H, W].
        conditions: of each image, as `CONDITION_KINDS` reads them.
        num_classes: classes, or columns of another condition.
        ranks: this process among all.
        guide: the classifier that fine-tuning adds to the generator's loss; it never changes.

    Raises:
        UserError: a batch that the processes cannot share equally, or networks that cannot be built.
    """
    refuse_unequal_shares(config, ranks)
    training = config.training
    if training.cpu_threads:
        torch.set_num_threads(training.cpu_threads)
    compute(tf32=training.precision == "tf32")
    generator, discriminator = build_networks(config, num_classes)
    start_from_elsewhere(config, discriminator, images, conditions, ranks.device)
    place(generator, ranks.device, training.acceleration)
    place(discriminator, ranks.device, training.acceleration)
    # Before the precision wraps the generator: a copy would keep the wrapper of this one.
    moving = GeneratorAverage(generator, training.ema_decay) if training.ema_decay else None
    ranks.same_everywhere(generator)
    ranks.same_everywhere(discriminator)
    if training.batch_norm_statistics == "shared" and ranks.size > 1:
        share_batch_norm_statistics(generator, ranks)
    use_precision(generator, training.precision, ranks.device)
    use_precision(discriminator, training.precision, ranks.device)
    anchors = build_anchors(config, ranks)
    augmented = augment(config, discriminator)
    judge: nn.Module = augmented or discriminator
    stream = build_stream(config, images, conditions, ranks)
    return Parts(
        generator=generator,
        discriminator=discriminator,
        average=moving,
        optimizers=(build_optimizer(generator, config), build_optimizer(discriminator, config)),
        augmented=augmented,
        judge=judge,
        guided_judge=judge if guide is None else GuidedDiscriminator(judge, guide),
        objective=build_objective(config, anchors, is_guided=guide is not None),
        anchors=anchors,
        images=stream,
        fakes=Fakes(
            seed=training.seed,
            latent_size=generator.latent_size,
            conditions=partial(FAKE_CONDITIONS[config.data.condition], stream),
            changes=augmented.draws if augmented else 0,
            ranks=ranks,
        ),
        schedule=Schedule(
            steps=training.steps,
            batch_size=training.batch_size,
            generator_batch_size=training.generator_batch_size or 2 * training.batch_size,
            discriminator_updates=training.discriminator_updates,
            rates=partial(learning_rates, config.optimizer),
        ),
        acceleration=training.acceleration,
    )


def refuse_unequal_shares(config: RunConfig, ranks: Ranks) -> None:
    """Every process must get the same number of images of a batch.

    Raises:
        UserError: a batch size that the number of processes does not divide.
    """
    for key in ("batch_size", "generator_batch_size"):
        size = getattr(config.training, key)
        if size and size % ranks.size:
            if not ranks.is_first:
                raise SystemExit(2)  # one of them says it
            raise UserError(
                f"training.{key} is {size}, which {ranks.size} processes cannot share equally; choose a "
                f"multiple of {ranks.size}"
            )


def build_anchors(config: RunConfig, ranks: Ranks) -> Anchors | None:
    """Build what LeCam remembers of past logits, or None without it."""
    if config.loss.lecam_weight is None:
        return None
    return Anchors(config.loss.lecam_decay, ranks.average_values).to(ranks.device)


def augment(config: RunConfig, discriminator: Discriminator) -> AugmentedDiscriminator | None:
    """Put what changes images before the discriminator, or nothing."""
    settings = config.discriminator
    if not settings.augmentation:  # none, or an empty list
        return None
    return AugmentedDiscriminator(discriminator, settings.augmentation, settings.augmentation_strength)


def build_objective(config: RunConfig, anchors: Anchors | None, *, is_guided: bool) -> Objective:
    """Build what the two networks minimise."""
    settings, weight = config.loss, config.finetuning.classifier_weight
    term = ClassTerm(
        weight=settings.class_weight,
        positive_margin=settings.positive_margin,
        negative_margin=settings.negative_margin,
        temperature=settings.temperature,
    )
    objective = OBJECTIVES[config.discriminator.condition](ADVERSARIAL_LOSSES[settings.adversarial], term)
    if anchors is not None and settings.lecam_weight is not None:
        objective = lecam_objective(objective, settings.lecam_weight, anchors)
    if is_guided and weight is not None:
        objective = guided_objective(objective, weight)
    return objective


def build_stream(config: RunConfig, images: Tensor, conditions: Tensor, ranks: Ranks) -> ImageStream:
    """Build what draws batches of real images."""
    return STREAMS[config.data.condition](
        images,
        conditions,
        resolution=config.data.resolution,
        batch_size=config.training.batch_size,
        share=ranks.share(config.training.batch_size),
        seed=config.training.seed,
        device=ranks.device,
        horizontal_flip=config.data.horizontal_flip,
        dequantize=config.data.dequantize,
        order=ORDERS[config.data.balance](conditions, config.training.seed),
    )


def share_batch_norm_statistics(network: Generator, ranks: Ranks) -> None:
    """Let every batch norm of a network compute its statistics over the images of all processes."""
    for module in network.modules():
        if isinstance(module, BatchNorm2d):
            module.average_over_ranks, module.num_ranks = average, ranks.size
