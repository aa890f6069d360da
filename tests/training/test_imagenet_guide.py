"""Fine-tuning with the pretrained classifier of ILSVRC2012."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from projgan.config import load_config
from projgan.errors import UserError
from projgan.evaluation.image_sources import generator_images
from projgan.networks.efficientnet_lite import resized
from projgan.networks.guidance import ImagenetGuide
from projgan.storage.network_file import load_generator
from projgan.storage.pretrained import SHA256, load_imagenet
from projgan.training.finetuning import finetuned_config
from projgan.training.request import FinetuningRequest
from projgan.training.run import train
from small_runs import ONE_RANK, differences, read_rows, train_small

SYNSETS = ("n02085620", "n02094433", "n02099601", "n02099712", "n02106662", "n02113799", "n02123045",
           "n02123394", "n02124075", "n02125311")  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two steps on digits, and words of ILSVRC2012 for its classes; not to be written to."""
    folder = tmp_path_factory.mktemp("imagenet-guide")
    train_small(folder / "run", {"training.steps": 2, "training.checkpoint_every": 2})
    lines = [f"{digit},{synset}" for digit, synset in enumerate(SYNSETS)]
    (folder / "classes.csv").write_text("\n".join(lines))
    return folder


def request(folder: Path, **changes: object) -> FinetuningRequest:
    settings = {"steps": 2, "classes": folder / "classes.csv"} | changes
    return FinetuningRequest(classifier=Path("imagenet"), **settings)


def test_a_label_is_a_place_among_all_thousand() -> None:
    network = load_imagenet()
    guide = ImagenetGuide(network, [281, 151])
    images = (torch.rand(2, 1, 32, 32) * 2 - 1).requires_grad_()
    logits = guide(images)
    assert logits.shape == (2, 1000)
    plain = network(resized(images, 224))
    for label, place in ((0, 281), (1, 151)):
        labels = torch.tensor([label, label])
        expected = F.cross_entropy(plain, torch.tensor([place, place]))
        torch.testing.assert_close(F.cross_entropy(logits, labels), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(logits.sort(dim=1).values, plain.sort(dim=1).values, rtol=1e-3, atol=1e-3)
    logits[0, 0].backward()
    assert images.grad is not None
    assert images.grad[0].abs().max() > 0


def test_a_run_is_guided_by_its_synsets_and_says_so(folder: Path, tmp_path: Path) -> None:
    config = finetuned_config(folder / "run", request(folder, weight=5.0))
    assert config.finetuning.imagenet_classes == SYNSETS
    assert config.finetuning.classifier_sha256 == SHA256
    train(config, tmp_path / "guided", ONE_RANK)
    train(finetuned_config(folder / "run", request(folder, weight=0.0)), tmp_path / "plain", ONE_RANK)
    (guided,), (plain,) = (read_rows(tmp_path / name)[-1:] for name in ("guided", "plain"))
    # The row is of the last step alone. A guess among a thousand has a log loss of 6.9.
    error = (guided["loss_generator"] - plain["loss_generator"]) / 5
    assert 4 < error < 20
    first, second = (
        load_generator(tmp_path / name / "generator.safetensors")[0] for name in ("guided", "plain")
    )
    assert differences(first.state_dict(), second.state_dict())
    assert load_config(str(tmp_path / "guided" / "config.yaml")).finetuning.imagenet_classes == SYNSETS
    generator, description = load_generator(tmp_path / "guided" / "generator.safetensors")
    assert description.provenance.settings["finetuning"]["classifier"] == "efficientnet-lite0-57934424.pth"
    assert generator_images(generator, description, "guided").subject.teachers == (SHA256,)


def test_classes_it_does_not_know_are_refused_by_name(folder: Path) -> None:
    with pytest.raises(UserError, match=r"no one class of ILSVRC2012 is called 0, 1, 2, 3, 4 and 5 more"):
        finetuned_config(folder / "run", request(folder, classes=None))


def test_classes_are_for_imagenet_only(folder: Path) -> None:
    given = FinetuningRequest(classifier=folder / "absent.safetensors", classes=folder / "classes.csv")
    with pytest.raises(UserError, match="--classes belongs to --classifier imagenet"):
        finetuned_config(folder / "run", given)


def test_other_synsets_than_the_runs_classes_are_refused(folder: Path, tmp_path: Path) -> None:
    config = finetuned_config(folder / "run", request(folder))
    fewer = config.finetuning.model_copy(update={"imagenet_classes": SYNSETS[:9]})
    with pytest.raises(UserError, match="names 9 classes, but the run has 10"):
        train(config.model_copy(update={"finetuning": fewer}), tmp_path / "run", ONE_RANK)
