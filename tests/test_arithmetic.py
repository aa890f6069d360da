"""How a GPU is told to compute: the switches can be read without one."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.backends import cuda, cudnn

from projgan.arithmetic import compute, in_float32
from projgan.classification.settings import ClassifierSettings
from projgan.classification.trainer import ClassifierTrainer
from projgan.evaluation.feature_network import FeatureNetwork
from projgan.lanes import in_lanes
from projgan.networks.classifier import Classifier
from projgan.networks.inverting_generator import InvertingGenerator
from projgan.networks.super_resolution import SuperResolutionGenerator
from projgan.plug_and_play.chains import CHAINS, PlugAndPlay, sample_classes
from projgan.plug_and_play.sampler import ChainSettings
from projgan.plug_and_play.settings import InverterSettings
from projgan.plug_and_play.trainer import InverterTrainer
from projgan.storage.network_description import NetworkDescription
from projgan.super_resolution.enlarging import super_resolve
from projgan.training.building import build_trainer
from small_runs import ONE_RANK, small_config

Switches = tuple[bool, ...]
EXACT = (True, False, False, True, False)


def switches() -> Switches:
    """Whether cuDNN is used at all; TF32 of convolutions and of products; fixed and searched algorithms."""
    return cudnn.enabled, cudnn.allow_tf32, cuda.matmul.allow_tf32, cudnn.deterministic, cudnn.benchmark


@pytest.fixture(autouse=True)
def as_torch_starts() -> Iterator[None]:
    def start() -> None:
        cudnn.allow_tf32, cuda.matmul.allow_tf32 = True, False
        cudnn.deterministic, cudnn.benchmark = False, True

    start()
    yield
    start()
    cudnn.benchmark = False


@pytest.mark.parametrize(("precision", "tf32"), [("fp32", False), ("tf32", True), ("bf16", False)])
def test_a_run_computes_in_its_precision_by_algorithms_that_repeat(precision: str, tf32: bool) -> None:
    images = torch.zeros(8, 1, 8, 8, dtype=torch.uint8)
    build_trainer(small_config({"training.precision": precision}), images, torch.arange(8) % 4, 4, ONE_RANK)
    assert switches() == (True, tf32, tf32, True, False)


def test_classifiers_and_inverters_train_in_float32() -> None:
    """Also beside a run that computes in TF32, which goes on as it was."""
    images = torch.randint(0, 256, (8, 1, 8, 8), dtype=torch.uint8)
    settings = ClassifierSettings(resolution=8, channels=1, width=16, epochs=1, batch_size=4)
    compute(tf32=True)
    before = switches()
    classifier = ClassifierTrainer(settings, images, torch.arange(8) % 4, 4)
    inverter = InverterTrainer(InverterSettings(width=4, batch_size=4), images, Classifier(8, 1, 4, 16))
    seen: list[Switches] = []
    for trainer, networks in (
        (classifier, [classifier.classifier]),
        (inverter, [inverter.inverter, inverter.discriminator]),
    ):
        for network in networks:
            watch(network, seen)
            for parameter in filter(lambda one: one.requires_grad, network.parameters()):  # backwards too
                parameter.register_hook(lambda gradient: seen.append(switches()))
        trainer.advance()
        assert switches() == before
    assert len(seen) > 20
    assert set(seen) == {EXACT}


def test_float32_is_for_a_while_and_ends_with_an_error_too() -> None:
    compute(tf32=True)
    before = switches()
    with in_float32():
        assert switches() == EXACT
    assert switches() == before
    with pytest.raises(ZeroDivisionError), in_float32():
        raise ZeroDivisionError
    assert switches() == before


def test_lanes_and_features_are_computed_in_float32_by_cudnn() -> None:
    compute(tf32=True)
    seen: list[Switches] = []

    class Watched(FeatureNetwork):
        name, channels, resolution, device = "watched", 1, None, torch.device("cpu")

        def _of_lane(self, images: Tensor) -> tuple[Tensor, Tensor]:
            seen.append(switches())
            return images.flatten(1).float(), images.flatten(1).float()

    Watched().extract(torch.zeros(3, 1, 4, 4, dtype=torch.uint8))
    list(in_lanes(lambda rows: seen.append(switches()), 2, torch.zeros(2, 3)))
    assert seen == [EXACT] * 2
    assert switches() == (True, True, True, True, False)


def test_chains_are_walked_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    compute(tf32=True)
    seen: list[Switches] = []
    classifier = Classifier(8, 1, 4, 16).eval()
    inverter = InvertingGenerator("resnet-8", channels=1, num_features=16, width=4).eval()
    watch(inverter, seen)
    description = NetworkDescription.model_construct()
    networks = PlugAndPlay(inverter, classifier, classifier, tuple("abcd"), 1.0, description)
    monkeypatch.setitem(CHAINS, "cpu", 2)
    list(sample_classes(networks, [0], [0], ChainSettings(), steps=2))
    assert set(seen) == {EXACT}


def watch(network: nn.Module, seen: list[Switches]) -> None:
    network.register_forward_hook(lambda module, given, made: seen.append(switches()))


def test_enlarged_images_are_computed_in_float32() -> None:
    compute(tf32=True)
    seen: list[Switches] = []
    generator = SuperResolutionGenerator("super-resolution-16-64", channels=1, width=4).eval()
    watch(generator, seen)
    list(super_resolve(generator, torch.zeros(1, 1, 4, 4, dtype=torch.uint8), [0]))
    assert seen == [EXACT]
