"""Every preset is loaded, built at full size without memory, and stepped once with narrow networks."""

import pytest
import torch

from projgan.config import check_config, load_config, preset_names
from projgan.process.ranks import Ranks
from projgan.storage.run_networks import build_networks
from projgan.training.building import build_trainer
from projgan.training.run import stored_resolution

PARAMETERS = {  # generator and discriminator of each preset, with the classes of its data
    "cifar10": (10, 4_304_387, 1_055_104),
    "cifar100": (100, 4_580_867, 1_066_624),
    "cifar10-best": (10, 4_304_387, 1_055_104),
    "cifar100-best": (100, 4_580_867, 1_066_624),
    "cifar10-unconditional": (10, 4_276_739, 1_053_824),
    "cifar10-small": (10, 237_987, 149_904),
    "cifar100-small": (100, 289_827, 154_224),
    "demo": (10, 194_881, 190_273),
    "dogs-cats-64": (143, 13_038_595, 10_287_873),
    "dogs-cats-128": (143, 10_606_339, 8_574_977),
    "dogs-cats-256": (143, 10_662_659, 8_576_129),
    "imagenet-64": (1000, 17_974_915, 11_165_441),
    "imagenet-128": (1000, 41_996_931, 30_041_857),
    "projected-32": (10, 738_627, 1_513_732),
    "projected-64": (10, 2_235_795, 1_513_732),
    "projected-128": (100, 33_126_531, 4_625_924),
    "projected-256": (100, 10_406_723, 4_625_924),
    "super-resolution-32-128": (0, 5_330_825, 29_390_340),
    "super-resolution-16-64": (0, 5_330_825, 7_628_292),
    "super-resolution-16-64-small": (0, 336_617, 478_596),
    "tiny-imagenet-64": (200, 13_366_915, 10_346_241),
}


def test_every_preset_is_here():
    assert set(PARAMETERS) == set(preset_names())


@pytest.mark.parametrize("preset", preset_names())
def test_parameter_counts(preset):
    num_classes, generator_count, discriminator_count = PARAMETERS[preset]
    with torch.device("meta"):
        networks = build_networks(load_config(preset), num_classes)
    counts = [sum(parameter.numel() for parameter in network.parameters()) for network in networks]
    assert counts == [generator_count, discriminator_count]


@pytest.mark.parametrize("preset", preset_names())
def test_one_step(preset):
    settings = load_config(preset).model_dump()
    settings["generator"]["width"] = settings["discriminator"]["width"] = 2
    settings["training"] |= {"batch_size": 2, "generator_batch_size": 2}
    config = check_config(settings, preset)
    size = stored_resolution(config)
    images = torch.randint(0, 256, (6, config.data.channels, size, size), dtype=torch.uint8)
    trainer = build_trainer(config, images, torch.arange(6) % 3, 3, Ranks(0, 1, torch.device("cpu")))
    before = {name: value.clone() for name, value in trainer.generator.named_parameters()}
    trainer.advance()
    losses = trainer.read_losses()
    assert losses is not None  # and finite, or reading them would have raised
    assert any(not torch.equal(before[name], value) for name, value in trainer.generator.named_parameters())
    assert trainer.images_seen == 2 * config.training.discriminator_updates


@pytest.mark.parametrize(
    ("preset", "expected"),
    [  # data batch, generator batch, steps, decay start: the table of section 3 of the paper's facts
        ("cifar10", (64, 128, 50_000, 0)),
        ("cifar100", (64, 128, 50_000, 0)),
        ("cifar10-unconditional", (64, 128, 50_000, 0)),
        ("imagenet-64", (64, 64, 250_000, 200_000)),
        ("dogs-cats-64", (64, 64, 250_000, 200_000)),
        ("imagenet-128", (64, 128, 450_000, 400_000)),
        ("dogs-cats-128", (64, 128, 450_000, 400_000)),
        ("dogs-cats-256", (32, 64, 450_000, 400_000)),
        ("super-resolution-32-128", (64, 64, 100_000, 50_000)),
    ],
)
def test_the_papers_settings(preset, expected):
    config = load_config(preset)
    training, optimizer = config.training, config.optimizer
    assert (
        training.batch_size,
        training.generator_batch_size,
        training.steps,
        optimizer.decay_start,
    ) == expected
    assert optimizer.decay_end == training.steps
    assert (optimizer.learning_rate, optimizer.betas, optimizer.epsilon) == (2e-4, (0.0, 0.9), 1e-8)
    assert (training.discriminator_updates, config.loss.adversarial) == (5, "hinge")
    assert (training.ema_decay, config.generator.latent_size) == (None, 128)
    augmented = preset.startswith("dogs-cats")
    assert (config.data.horizontal_flip, config.data.random_crop) == (augmented, 0.9 if augmented else None)
