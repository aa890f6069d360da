"""The two updates against hand-written ones, and the order in which the trainer calls them."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from projgan.config import RunConfig
from projgan.data.stream import uniform_labels
from projgan.losses import ADVERSARIAL_LOSSES, ClassTerm, adversarial_objective
from projgan.networks.resnet import Discriminator, Generator
from projgan.networks.spectral_norm import SpectralNorm
from projgan.process.ranks import Ranks
from projgan.randomness import generator_at
from projgan.training import trainer as trainer_module
from projgan.training.building import build_trainer
from projgan.training.steps import discriminator_step, fake_images, generator_step
from projgan.training.trainer import Trainer

CLASSES, LATENT = 3, 5
HINGE = adversarial_objective(ADVERSARIAL_LOSSES["hinge"], ClassTerm())


def not_averaged(parameters: object) -> None:
    pass


class Game:
    """Two small networks in float64 and what they are updated with."""

    def __init__(self) -> None:
        self.generator = Generator(
            "resnet-8", channels=1, num_classes=CLASSES, latent_size=LATENT, width=4
        ).double()
        self.discriminator = Discriminator("resnet-8", channels=1, num_classes=CLASSES, width=4).double()
        self.optimizers = [
            torch.optim.Adam(network.parameters(), lr=1e-2, betas=(0.0, 0.9))
            for network in (self.generator, self.discriminator)
        ]

    def latents(self, count: int = 6) -> tuple[Tensor, Tensor]:
        return torch.randn(count, LATENT, dtype=torch.float64), torch.arange(count) % CLASSES

    def real(self, count: int = 4) -> tuple[Tensor, Tensor]:
        return torch.rand(count, 1, 8, 8, dtype=torch.float64) * 2 - 1, torch.arange(count) % CLASSES

    def update_generator(self, latents: Tensor, labels: Tensor, average: Callable = not_averaged) -> Tensor:
        return generator_step(
            self.generator, self.discriminator, self.optimizers[0], HINGE, latents, labels, average
        )

    def update_discriminator(
        self, real: tuple[Tensor, Tensor], fake: tuple[Tensor, Tensor], average: Callable = not_averaged
    ) -> Tensor:
        images = fake_images(self.generator, *fake, 1), fake[1]
        return discriminator_step(self.discriminator, self.optimizers[1], HINGE, real, images, average)


@pytest.fixture
def game() -> Game:
    return Game()


def parameters(network: nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.detach().numpy().copy() for name, tensor in network.named_parameters()}


def buffers(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.named_buffers()}


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


class AdamByHand:
    """Kingma & Ba 2015 with beta1 = 0 and beta2 = 0.9, in NumPy."""

    def __init__(self) -> None:
        self.steps, self.squares = 0, {}

    def step(self, values: dict[str, np.ndarray], grads: dict[str, np.ndarray], rate: float) -> None:
        self.steps += 1
        for name, gradient in grads.items():
            square = 0.9 * self.squares.get(name, 0) + 0.1 * gradient**2
            self.squares[name] = square
            values[name] = values[name] - rate * gradient / (np.sqrt(square / (1 - 0.9**self.steps)) + 1e-8)


def gradients(value: Tensor, network: nn.Module) -> dict[str, np.ndarray]:
    names, tensors = zip(*network.named_parameters(), strict=True)
    grads = torch.autograd.grad(value, tensors)
    return {name: gradient.numpy() for name, gradient in zip(names, grads, strict=True)}


def test_generator_updates_equal_adam_by_hand(game: Game) -> None:
    """Two updates, so that the second moment matters; the loss is -mean f(G(z, y), y)."""
    shadow, adam = copy.deepcopy(game), AdamByHand()
    for _ in range(2):
        latents, labels = game.latents()
        expected = parameters(game.generator)
        value = -shadow.discriminator(shadow.generator(latents, labels), labels).logits.mean()
        adam.step(expected, gradients(value, shadow.generator), rate=1e-2)
        found = game.update_generator(latents, labels)
        assert found.item() == pytest.approx(value.item(), abs=1e-12)
        assert (found.shape, found.requires_grad) == ((), False)
        for name, array in parameters(game.generator).items():
            np.testing.assert_allclose(array, expected[name], rtol=0, atol=1e-9, err_msg=name)
        shadow.generator.load_state_dict(game.generator.state_dict())


def test_discriminator_updates_equal_adam_by_hand(game: Game) -> None:
    """The loss is mean max(0, 1 - f(x, y)) + mean max(0, 1 + f(G(z, y), y)), each over its own images."""
    shadow, adam = copy.deepcopy(game), AdamByHand()
    for _ in range(2):
        real, (latents, labels) = game.real(4), game.latents(6)
        expected = parameters(game.discriminator)
        fake_images = shadow.generator(latents, labels).detach()
        images, conditions = torch.cat([real[0], fake_images]), torch.cat([real[1], labels])
        logits = shadow.discriminator(images, conditions).logits
        value = (1 - logits[:4]).clamp(min=0).sum() / 4 + (1 + logits[4:]).clamp(min=0).sum() / 6
        adam.step(expected, gradients(value, shadow.discriminator), rate=1e-2)
        found = game.update_discriminator(real, (latents, labels))
        assert found.item() == pytest.approx(value.item(), abs=1e-12)
        assert (found.shape, found.requires_grad) == ((), False)
        for name, array in parameters(game.discriminator).items():
            np.testing.assert_allclose(array, expected[name], rtol=0, atol=1e-9, err_msg=name)
        shadow.discriminator.load_state_dict(game.discriminator.state_dict())
        shadow.generator.load_state_dict(game.generator.state_dict())


def next_u(network: Discriminator) -> dict[str, np.ndarray]:
    found = {}
    for name, module in network.named_modules():
        if isinstance(module, SpectralNorm):
            matrix = module.weight.detach().flatten(1).numpy()
            v = matrix.T @ module.u.numpy()
            found[name] = matrix @ v / np.linalg.norm(matrix @ v)
    return found


def test_a_generator_step_moves_of_the_discriminator_only_its_power_iteration(game: Game) -> None:
    before, u = parameters(game.discriminator), next_u(game.discriminator)
    own = parameters(game.generator)
    game.update_generator(*game.latents())
    assert same(parameters(game.discriminator), before)
    for name, expected in u.items():
        found = game.discriminator.get_submodule(name).u.numpy()
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    assert all(parameter.grad is None for parameter in game.discriminator.parameters())
    assert all(parameter.requires_grad for parameter in game.discriminator.parameters())
    changed = parameters(game.generator)
    assert not any(np.array_equal(own[name], changed[name]) for name in own if "gain" not in name)


def test_a_discriminator_step_moves_of_the_generator_only_its_running_statistics(game: Game) -> None:
    before, (latents, labels), u = parameters(game.generator), game.latents(), next_u(game.discriminator)
    shadow = copy.deepcopy(game.generator)
    statistics = buffers(game.generator)
    game.update_discriminator(game.real(), (latents, labels))
    assert same(parameters(game.generator), before)
    assert all(parameter.grad is None for parameter in game.generator.parameters())
    shadow(latents, labels)  # one training forward, no more and no less
    found = buffers(game.generator)
    assert same(found, buffers(shadow))
    assert not any(torch.equal(found[name], statistics[name]) for name in statistics)
    for name, expected in u.items():  # one iteration an update
        np.testing.assert_allclose(
            game.discriminator.get_submodule(name).u.numpy(), expected, rtol=0, atol=1e-12
        )


def test_gradients_do_not_pile_up(game: Game) -> None:
    """The same batch through a fresh copy and through a used one of the same weights: the same gradient."""
    real, fake, latents = game.real(), game.latents(), game.latents()
    fresh = copy.deepcopy(game)
    game.optimizers[0].param_groups[0]["lr"] = game.optimizers[1].param_groups[0]["lr"] = 0.0
    state = copy.deepcopy((game.generator.state_dict(), game.discriminator.state_dict()))
    game.update_generator(*latents)
    game.update_discriminator(real, fake)
    game.generator.load_state_dict(state[0])
    game.discriminator.load_state_dict(state[1])
    for network in (game, fresh):
        network.update_discriminator(real, fake)
    for one, other in zip(game.discriminator.parameters(), fresh.discriminator.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)


@pytest.mark.parametrize("which", ["generator", "discriminator"])
def test_gradients_are_averaged_between_backward_and_update(game: Game, which: str) -> None:
    """An averaging that doubles one gradient and turns another: the update goes by what it left."""
    network = getattr(game, which)
    seen = []

    def turned(given: object) -> None:
        given = list(given)
        seen.append([id(parameter) for parameter in given])
        for parameter in given:
            parameter.grad.copy_(torch.full_like(parameter.grad, -3.0))

    before = parameters(network)
    if which == "generator":
        game.update_generator(*game.latents(), average=turned)
    else:
        game.update_discriminator(game.real(), game.latents(), average=turned)
    assert seen == [[id(parameter) for parameter in network.parameters()]]
    for name, array in parameters(network).items():  # Adam's first step is the rate against the sign
        np.testing.assert_allclose(array, before[name] + 1e-2, rtol=0, atol=1e-9)


# --- the trainer's loop ---------------------------------------------------------------------------


def settings(**training: object) -> RunConfig:
    return RunConfig.model_validate(
        {
            "data": {"resolution": 8, "channels": 1},
            "generator": {"architecture": "resnet-8", "width": 4, "latent_size": LATENT},
            "discriminator": {"architecture": "resnet-8", "width": 4},
            "training": {"batch_size": 4, "discriminator_updates": 3} | training,
        }
    )


def make_trainer(config: RunConfig, count: int = 50) -> Trainer:
    images = torch.randint(0, 256, (count, 1, 8, 8), dtype=torch.uint8)
    return build_trainer(
        config, images, torch.arange(count) % CLASSES, CLASSES, Ranks(0, 1, torch.device("cpu"))
    )


Call = tuple[str, dict[str, Tensor]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """Every update the trainer makes, with what it was given."""
    made: list[Call] = []

    def spied_generator(generator, discriminator, optimizer, loss, latents, condition, average):
        made.append(("generator", {"latents": latents, "labels": condition, "optimizer": optimizer}))
        return generator_step(generator, discriminator, optimizer, loss, latents, condition, average)

    def spied_fakes(generator, latents, condition, updates):
        assert updates == 1
        made.append(("discriminator", {"latents": latents, "labels": condition}))
        return fake_images(generator, latents, condition, updates)

    def spied_discriminator(discriminator, optimizer, loss, real, fake, average):
        given = made[-1][1]
        assert torch.equal(given["labels"], fake[1])
        given |= {"images": real[0], "real_labels": real[1], "fake_images": fake[0], "optimizer": optimizer}
        return discriminator_step(discriminator, optimizer, loss, real, fake, average)

    monkeypatch.setattr(trainer_module, "generator_step", spied_generator)
    monkeypatch.setattr(trainer_module, "fake_images", spied_fakes)
    monkeypatch.setattr(trainer_module, "discriminator_step", spied_discriminator)
    return made


def test_the_generator_is_updated_first_then_the_discriminator_n_dis_times(calls: list[Call]) -> None:
    trainer = make_trainer(settings())
    trainer.advance()
    trainer.advance()
    assert [kind for kind, _ in calls] == ["generator", *["discriminator"] * 3] * 2
    for kind, given in calls:
        assert given["optimizer"] is trainer.optimizers[kind == "discriminator"]
    assert (trainer.step, trainer.images_per_step, trainer.images_seen) == (2, 12, 24)


def test_each_update_has_its_own_real_images_latents_and_labels(calls: list[Call]) -> None:
    trainer = make_trainer(settings())
    for _ in range(4):
        trainer.advance()
    updates = [given for kind, given in calls if kind == "discriminator"]
    for index, given in enumerate(updates):  # the stream goes on without a gap or an overlap
        images, labels = trainer.stream.batch(4 * index)
        assert torch.equal(given["images"], images)
        assert torch.equal(given["real_labels"], labels)
    latents = torch.cat([given["latents"] for _, given in calls])
    assert len(latents.unique(dim=0)) == len(latents)
    assert {tuple(given["latents"].shape) for given in updates} == {(4, LATENT)}


def test_the_generator_sees_twice_the_batch_unless_told_otherwise(calls: list[Call]) -> None:
    make_trainer(settings()).advance()
    make_trainer(settings(generator_batch_size=5)).advance()
    assert [len(given["latents"]) for kind, given in calls if kind == "generator"] == [8, 5]
    assert [len(given["labels"]) for kind, given in calls if kind == "generator"] == [8, 5]


def test_latents_are_standard_normal_and_labels_uniform_whatever_the_data(calls: list[Call]) -> None:
    """The data has 34 of 50 images in class 0; the labels of generated images do not care."""
    images = torch.randint(0, 256, (50, 1, 8, 8), dtype=torch.uint8)
    labels = torch.tensor([0] * 34 + [1] * 8 + [2] * 8)
    config = settings(batch_size=100, generator_batch_size=600)
    trainer = build_trainer(config, images, labels, CLASSES, Ranks(0, 1, torch.device("cpu")))
    for _ in range(3):
        trainer.advance()
    for kind in ("generator", "discriminator"):
        drawn = torch.cat([given["labels"] for name, given in calls if name == kind])
        assert stats.chisquare(torch.bincount(drawn, minlength=CLASSES)).pvalue > 1e-4
        latents = torch.cat([given["latents"] for name, given in calls if name == kind])
        assert stats.kstest(latents.flatten().numpy(), "norm").pvalue > 1e-4
        # Labels say nothing of latents: each class has the same mean.
        assert stats.f_oneway(*(latents[drawn == c].mean(dim=1) for c in range(CLASSES))).pvalue > 1e-4


def test_a_run_equals_the_algorithm_written_out() -> None:
    """Three steps of the trainer, and the same without it: networks, losses and averages bit for bit."""
    trainer = make_trainer(settings())
    shadow = copy.deepcopy([trainer.generator, trainer.discriminator])
    optimizers = [
        torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.0, 0.9), eps=1e-8, fused=True)
        for network in shadow
    ]

    def fakes(stream: str, position: int, count: int) -> tuple[Tensor, Tensor]:
        draws = generator_at(0, stream, position)
        return torch.randn(count, LATENT, generator=draws), uniform_labels(
            torch.arange(CLASSES), count, draws
        )

    generator, discriminator = shadow
    for step in range(3):
        trainer.advance()
        latents, labels = fakes("generator", step, 8)
        generator_loss = -discriminator(generator(latents, labels), labels).logits.mean()
        optimizers[0].zero_grad()
        generator_loss.backward()
        optimizers[0].step()
        losses = []
        for update in range(3):
            images, real_labels = trainer.stream.batch((3 * step + update) * 4)
            latents, labels = fakes("discriminator", 3 * step + update, 4)
            with torch.no_grad():
                fake_images = generator(latents, labels)
            logits = discriminator(torch.cat([images, fake_images]), torch.cat([real_labels, labels])).logits
            loss = (1 - logits[:4]).relu().mean() + (1 + logits[4:]).relu().mean()
            optimizers[1].zero_grad()
            loss.backward()
            optimizers[1].step()
            losses.append(loss.item())
        assert trainer.pending[-1].tolist() == pytest.approx(
            [generator_loss.item(), np.mean(losses)], abs=1e-6
        )
    for ours, theirs in zip((trainer.generator, trainer.discriminator), shadow, strict=True):
        state = theirs.state_dict()
        assert all(torch.equal(tensor, state[name]) for name, tensor in ours.state_dict().items())


def test_networks_start_from_the_seed_alone() -> None:
    states = []
    for seed in (0, 0, 1):
        torch.rand(3)
        states.append(make_trainer(settings(seed=seed)).generator.state_dict()["linear.weight"].clone())
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_loss_rows_average_the_steps_and_name_the_first_bad_one() -> None:
    trainer = make_trainer(settings())
    assert trainer.read_losses() is None
    trainer.step, trainer.pending = 7, [torch.tensor([1.0, 2.0]), torch.tensor([3.0, 6.0])]
    row = trainer.read_losses()
    assert (row.generator, row.discriminator) == (2.0, 4.0)
    trainer.pending.append(torch.tensor([1.5, float("nan")]))
    with pytest.raises(
        ValueError, match=r"^step 7: a loss is not finite \(generator 1\.5, discriminator nan\)$"
    ):
        trainer.read_losses()
    trainer.forget_losses()
    assert trainer.read_losses() is None


def test_a_batch_that_ranks_cannot_share_is_refused() -> None:
    images = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"training\.batch_size is 4, which 3 processes"):
        build_trainer(settings(), images, torch.zeros(4).long(), CLASSES, Ranks(0, 3, torch.device("cpu")))
