"""Methods, losses and features that a program brings along, used like those of the package."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import label_form
import projgan
from projgan.cli import run_command
from projgan.config.own_names import CLASSIFYING_OWN
from projgan.data import load_images
from projgan.data.tensors import as_tensor
from projgan.evaluation.extractors import open_feature_network
from projgan.evaluation.frechet import frechet_distance_from_features
from projgan.inspection.inspection import READINGS
from projgan.listening import Listener
from projgan.losses import (
    ADVERSARIAL_LOSSES,
    OBJECTIVES,
    AdversarialLoss,
    hinge_fake,
    hinge_generator,
    hinge_real,
)
from projgan.networks.condition_method import ConditionShape, DiscriminatorOutput
from projgan.networks.conditions import CONDITIONS, Projection
from projgan.storage.network_file import load_discriminator
from projgan.training.run import train
from small_runs import (
    ONE_RANK,
    brief,
    differences,
    last_checkpoint,
    small_config,
    small_settings,
    train_small,
)

pytestmark = pytest.mark.usefixtures("nothing_registered_stays")


class Scaled(Projection):
    """The projection, times a learned number."""

    def __init__(self, shape: ConditionShape) -> None:
        super().__init__(shape)
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, features: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        found = super().forward(features, condition)
        return DiscriminatorOutput(found.logits * self.scale, None, None)


def test_a_method_of_ones_own_is_trained_resumed_inspected_and_loaded(tmp_path: Path) -> None:
    projgan.register_condition("scaled", Scaled)
    changes = {"discriminator.condition": "scaled", "training.steps": 4}
    train_small(tmp_path / "run", changes | {"training.steps": 2})
    train_small(tmp_path / "run", changes)
    train_small(tmp_path / "whole", changes)
    assert differences(last_checkpoint(tmp_path / "run"), last_checkpoint(tmp_path / "whole")) == []
    discriminator, _ = load_discriminator(tmp_path / "run" / "discriminator.safetensors")
    assert float(discriminator.condition.scale.detach()) != 1
    data = projgan.images("digits", resolution=8, channels=1)
    found = projgan.load(tmp_path / "run").inspect(data.images[:6], data.labels[:6])
    assert found.logits.shape == (6,)


class Dropping(Projection):
    """The projection of half of the features, drawn by torch's own generator."""

    def forward(self, features: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        return super().forward(nn.functional.dropout(features, 0.5, self.training), condition)


def test_a_method_that_draws_is_resumed_and_repeated(tmp_path: Path) -> None:
    projgan.register_condition("dropping", Dropping)
    changes = {"discriminator.condition": "dropping", "training.steps": 4}
    train_small(tmp_path / "run", changes | {"training.steps": 2})
    torch.manual_seed(5)
    train_small(tmp_path / "run", changes)
    train_small(tmp_path / "whole", changes)
    whole = last_checkpoint(tmp_path / "whole")
    assert differences(last_checkpoint(tmp_path / "run"), whole) == []
    train_small(tmp_path / "other", changes | {"training.seed": 1})
    assert differences(last_checkpoint(tmp_path / "other"), whole) != []


class Paired(Projection):
    """Forgets that a linear layer gives [N, 1], so that each image meets the label of every other one."""

    def forward(self, features: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        found = super().forward(features, condition)
        return DiscriminatorOutput(found.logits[:, None] + found.logits, None, None)


class Bare(Projection):
    def forward(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        return super().forward(features, condition).logits


@pytest.mark.parametrize(
    ("method", "error", "words"),
    [
        (Paired, ValueError, r"logits are \[8, 8\]; one number an image is meant"),
        (Bare, TypeError, "Bare.forward gives Tensor, not DiscriminatorOutput"),
    ],
)
def test_what_is_no_logit_an_image_is_told_at_the_first_step(
    method: type[Projection], error: type[Exception], words: str, tmp_path: Path
) -> None:
    projgan.register_condition("wrong", method)
    with pytest.raises(error, match=words):
        train_small(tmp_path / "run", {"discriminator.condition": "wrong"})


def test_a_method_that_is_the_projection_trains_what_the_projection_trains(tmp_path: Path) -> None:
    projgan.register_condition("again", Projection)
    projgan.register_loss("hinge-again", AdversarialLoss(hinge_real, hinge_fake, hinge_generator))
    own = {"discriminator.condition": "again", "loss.adversarial": "hinge-again", "training.steps": 3}
    train_small(tmp_path / "own", own)
    train_small(tmp_path / "stock", {"training.steps": 3})
    assert differences(last_checkpoint(tmp_path / "own"), last_checkpoint(tmp_path / "stock")) == []


def test_a_loss_of_ones_own_is_the_one_that_is_minimised(tmp_path: Path) -> None:
    flat = AdversarialLoss(*[lambda logits: 0 * logits + 0.25] * 3)
    projgan.register_loss("flat", flat)
    train_small(tmp_path / "run", {"loss.adversarial": "flat", "training.steps": 3})
    rows = projgan.Run(tmp_path / "run").stats
    assert rows[-1]["loss_generator"] == 0.25
    assert rows[-1]["loss_discriminator"] == 0.5


def test_where_it_is_not_registered_its_run_is_measured_and_nothing_asks_its_discriminator(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    projgan.register_condition("scaled", Scaled)
    run = tmp_path / "run"
    train_small(run, {"discriminator.condition": "scaled", "training.steps": 2})
    train_small(tmp_path / "other", {"training.steps": 2, "training.seed": 1})
    for table in (CONDITIONS, OBJECTIVES, READINGS, CLASSIFYING_OWN):
        del table["scaled"]  # type: ignore[attr-defined]
    assert run_command(["sample", str(run), "--count", "1", "--out", str(tmp_path / "a.png")]) == 0
    name = projgan.register_features("halves", halves, channels=1)
    assert projgan.evaluate(run, features=name, metrics="fd", generated_images=20, progress=False)
    report = projgan.compare([run, tmp_path / "other"])
    assert {method.name for method in report.methods} == {"scaled", "projection"}
    checkpoint = run / "checkpoints" / "step-00000002.pt"
    assert run_command(["sample", str(checkpoint), "--count", "1", "--out", str(tmp_path / "b.png")]) == 0
    for place in (run, checkpoint):
        said: list[str] = []
        start = {"training.start_from": str(place), "training.steps": 1}
        train(small_config(start), tmp_path / f"from-{place.name}", ONE_RANK, Listener(said=said.append))
        assert "discriminator: it meets the condition by a method that is not known here, so it" in " ".join(
            said
        )
    capsys.readouterr()
    assert run_command(["inspect", str(run), "--out", str(tmp_path / "x")]) == 2
    line = capsys.readouterr().err
    assert "'scaled' is no method known here; run the program that registers it" in line
    words = [*brief(str(run)), "--discriminator.condition", "scaled"]
    assert run_command(words) == 2
    assert "or one of your own, in a program that registers it" in capsys.readouterr().err


def test_what_classifies_takes_no_vectors(tmp_path: Path) -> None:
    projgan.register_condition("judge", CONDITIONS["ac-gan"], objective=OBJECTIVES["ac-gan"], classifies=True)
    settings = small_settings({"discriminator.condition": "judge", "data.condition": "vector"})
    with pytest.raises(projgan.UserError, match="judge tells one class from the others"):
        projgan.train("demo", run_dir=tmp_path / "run", **settings)


def halves(images: Tensor) -> Tensor:
    return nn.functional.avg_pool2d(images, 4).flatten(1)


def test_features_of_ones_own_measure(tmp_path: Path) -> None:
    train_small(tmp_path / "run", {"training.steps": 2})
    name = projgan.register_features("halves", halves, channels=1, resize="averaged")
    assert name == "own:halves"
    rows = projgan.evaluate(tmp_path / "run", features=name, generated_images=400, progress=False)
    found = {row.metric: row for row in rows}
    assert {"fd", "kd", "intra_fd", "recall"} <= found.keys()
    assert not {"fid", "classifier_score", "accuracy_top1"} & found.keys()
    measured = found["fd"].measurement
    assert (measured.features, measured.resize) == ("own:halves", "averaged")
    data = load_images("digits", resolution=8, channels=1, cache=None)
    real = halves(as_tensor(data.images).float() / 128 - 1)
    made = projgan.load(tmp_path / "run")
    labels = [data.class_names[label] for label in sorted(data.labels)]
    assert len(labels) == 1797
    assert found["fd"].value == pytest.approx(distance_of(made, real, found["fd"].measurement.seed), rel=0.2)
    with pytest.raises(projgan.UserError, match="classifier_score needs scores of classes, which own:halves"):
        projgan.evaluate(tmp_path / "run", features=name, metrics="classifier_score", progress=False)


def distance_of(made: projgan.GAN, real: Tensor, seed: int) -> float:
    """By other images of the same generator: the same within their number."""
    images = made.sample_tensor(count=40, seed=seed + 1000)
    return frechet_distance_from_features(real, halves(images.float() / 128 - 1))


def test_a_module_is_told_apart_by_its_weights_and_noise_in_training_mode_is_off(tmp_path: Path) -> None:
    def rows_of(seed: int) -> list[projgan.evaluate]:  # type: ignore[valid-type]
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.Dropout(0.5))
        name = projgan.register_features("random", network, channels=1, resolution=8)
        return projgan.evaluate(
            "digits", "digits", features=name, metrics="fd", generated_images=60, progress=False
        )

    (one,), (again,), (other,) = rows_of(0), rows_of(0), rows_of(1)
    assert one.value == again.value != other.value
    assert one.measurement.features_sha256 == again.measurement.features_sha256
    assert one.measurement.features_sha256 != other.measurement.features_sha256


@pytest.mark.parametrize(
    ("register", "words"),
    [
        (
            lambda: projgan.register_condition("projection", Scaled),
            "'projection' is a condition of the",
        ),
        (lambda: projgan.register_condition("My Method", Scaled), "is no name of a condition"),
        (lambda: projgan.register_condition("mine", nn.Linear), "is no class of projgan.networks.condition"),
        (lambda: projgan.register_condition("mine", Scaled(ConditionShape(2, 3))), "derive one"),
        (lambda: projgan.register_loss("hinge", ADVERSARIAL_LOSSES["hinge"]), "'hinge' is an adversarial"),
        (lambda: projgan.register_loss("mine", hinge_real), "AdversarialLoss(real, fake, generator)"),
        (lambda: projgan.register_features("mine", halves, channels=2), "channels is 2; it must be 1 or 3"),
        (lambda: projgan.register_features("mine", halves, resolution=0), "resolution is 0; it must be"),
        (lambda: projgan.register_features("mine", "x"), "'x' is no network; give a module"),
        (lambda: projgan.register_condition("mine", Scaled, objective=None), "None is no objective"),
        (lambda: projgan.register_loss("mine", AdversarialLoss(None, None, None)), "a function of logits"),
    ],
)
def test_what_cannot_be_registered_is_told(register, words: str) -> None:
    with pytest.raises(projgan.UserError) as caught:
        register()
    assert words in str(caught.value)


def checksum(network, **options) -> str:
    name = projgan.register_features("probed", network, **options)
    return open_feature_network(name, "cpu", Path("nowhere")).sha256


def test_networks_that_say_other_things_have_other_checksums() -> None:
    networks = [
        nn.Flatten(),
        nn.Sequential(nn.AvgPool2d(2), nn.Flatten()),
        nn.Sequential(nn.AvgPool2d(4), nn.Flatten()),
        lambda images: images.flatten(1),
        lambda images: images.flatten(1).flip(1),
        lambda images: images.mean((2, 3)),
    ]
    found = [checksum(network) for network in networks]
    assert len(set(found)) == len(networks) - 1  # the plain flattenings are one
    assert found == [checksum(network) for network in networks]
    versions = [checksum(networks[3], version="1"), checksum(networks[4], version="1")]
    assert versions[0] == versions[1] != checksum(networks[3], version="2")


def test_features_that_are_none_are_told() -> None:
    fits_digits = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    name = projgan.register_features("linear", fits_digits, channels=1)
    with pytest.raises(projgan.UserError, match=r"failed on two images of 1 channels and 32x32 pixels"):
        projgan.evaluate("digits", "digits", features=name, metrics="fd", progress=False)
    name = projgan.register_features("maps", lambda images: images, channels=1)
    with pytest.raises(projgan.UserError, match=r"own:maps: gave \[2, 1, 32, 32\] for 2 images"):
        projgan.evaluate("digits", "digits", features=name, metrics="fd", progress=False)
    with pytest.raises(projgan.UserError, match="own:NAME of one that this program has registered"):
        projgan.evaluate("digits", "digits", features="own:unknown", metrics="fd", progress=False)


def test_a_script_with_a_method_of_its_own_is_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, method in label_form.FORMS.items():
        projgan.register_condition(name, method)
        words = [*brief(name), "--discriminator.condition", name, "--json"]
        assert run_command(words) == 0
        assert json.loads(capsys.readouterr().out)["finished"]
    names = {method.name for method in projgan.compare([*label_form.FORMS]).methods}
    assert names == {*label_form.FORMS}


def test_what_was_put_in_the_place_of_a_method_is_no_seed_of_it(tmp_path: Path) -> None:
    train_small(tmp_path / "stock", {"training.steps": 1})
    CONDITIONS["projection"] = Scaled
    train_small(tmp_path / "replaced", {"training.steps": 1, "training.seed": 1})
    warnings = projgan.compare([tmp_path / "stock", tmp_path / "replaced"]).warnings
    assert any("its runs are not seeds of one method" in line for line in warnings)
    alone = projgan.compare([tmp_path / "stock"]).warnings
    assert not any("its runs are not seeds" in line for line in alone)
