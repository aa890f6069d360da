import dataclasses
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from projgan import training_loop
from projgan.classification.held_out import LabelledParts
from projgan.classification.training import train_classifier
from projgan.errors import UserError
from projgan.listening import Listener, Progress
from projgan.networks.classifier import Classifier
from projgan.networks.inverting_generator import InvertingGenerator
from projgan.plug_and_play import run as inverter_run
from projgan.plug_and_play.losses import inversion_loss, relative_error
from projgan.plug_and_play.run import (
    InverterRun,
    feature_error,
    largest_feature,
    train_inverter,
)
from projgan.plug_and_play.settings import InverterSettings
from projgan.plug_and_play.trainer import InverterTrainer, architecture_of, decay
from projgan.storage.network_file import load_classifier, load_inverting_generator, weights_sha256
from small_runs import differences, save_blank_classifier

from .conftest import SETTINGS


def test_the_losses_by_hand() -> None:
    real, made = torch.zeros(2, 1, 2, 2), torch.full((2, 1, 2, 2), 0.5)
    real_maps, maps = torch.full((2, 3, 1, 1), 2.0), torch.full((2, 3, 1, 1), 3.0)
    assert relative_error(maps, real_maps).item() == 0.25
    settings = InverterSettings(image_weight=2.0, feature_weight=8.0, adversarial_weight=0.5)
    loss = inversion_loss(made, real, maps, real_maps, torch.tensor([1.0, 3.0]), settings)
    assert loss.item() == pytest.approx(2 * 0.25 + 8 * 0.25 - 0.5 * 2)
    assert [decay(step, 8) for step in (0, 4, 6, 7)] == [1, 1, 0.5, 0.25]


def test_the_network_is_three_connected_layers_and_a_generator() -> None:
    network = InvertingGenerator("resnet-8", channels=1, num_features=6, width=4).eval()
    features = torch.randn(2, 6)
    state = network.state_dict()
    hidden = features
    for layer in ("layers.0", "layers.2"):
        hidden = hidden @ state[f"{layer}.weight"].T + state[f"{layer}.bias"]
        hidden = hidden.maximum(0.3 * hidden)
    torch.testing.assert_close(network(features), network.generator(hidden))


def test_features_come_back_after_a_short_training(digits: LabelledParts) -> None:
    images, labels = digits.images[:640], digits.labels[:640]
    encoder = train_classifier(images, labels, 10, width=16, epochs=6)
    trainer = InverterTrainer(InverterSettings(width=16, steps=40, batch_size=32), digits.images, encoder)
    before = feature_error(trainer.inverter.eval(), encoder, digits.test_images)
    weights = weights_sha256(encoder)
    while trainer.step < trainer.steps:
        trainer.advance()
    after = feature_error(trainer.inverter.eval(), encoder, digits.test_images)
    assert before > 1
    assert after < 0.75
    assert weights_sha256(encoder) == weights, "the encoder is left as it is"
    assert not encoder.training


def test_the_files_say_what_they_are(digits: LabelledParts, classifier: Path, trained: InverterRun) -> None:
    inverter, words = load_inverting_generator(trained.inverter)
    encoder, encoder_words = load_classifier(trained.encoder)
    given, given_words = load_classifier(classifier)
    assert weights_sha256(encoder) == weights_sha256(given)
    assert encoder_words == given_words
    assert words.network == {"architecture": "resnet-8", "channels": 1, "num_features": 8, "width": 4}
    assert words.provenance.settings == SETTINGS.model_dump()
    assert (words.provenance.step, words.provenance.images_seen) == (6, 96)
    assert words.inversion is not None
    assert words.inversion.encoder_sha256 == weights_sha256(given)
    with torch.no_grad():  # one image at a time, and pixels to numbers by hand
        pixels = [image[None].float() / 128 - 1 for image in digits.images]
        assert words.inversion.largest_feature == pytest.approx(
            max(encoder.features(x).max() for x in pixels)
        )
        test = digits.test_images.float() / 128 - 1
        features = encoder.features(test)
        missed = (encoder.features(inverter(features)) - features).square().sum()
        spread = (features - features.mean(dim=0)).square().sum()
    assert words.inversion.feature_error == pytest.approx((missed / spread).item(), rel=1e-4)
    assert not trained.checkpoint.exists()


def test_the_scale_is_sought_over_all_images_evenly(
    digits: LabelledParts, trained: InverterRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, _ = load_classifier(trained.encoder)
    monkeypatch.setattr(inverter_run, "LOOKED_AT", 4)
    found = largest_feature(encoder, digits.images[:10])
    with torch.no_grad():
        assert found == encoder.features(digits.images[:10:3].float() / 128 - 1).max()
    inverter, _ = load_inverting_generator(trained.inverter)
    by_class = digits.test_images[digits.test_labels.argsort()][:100]
    some = feature_error(inverter, encoder, by_class[::25])
    assert feature_error(inverter, encoder, by_class) == some


def interrupted_at(step: int, digits: LabelledParts, classifier: Path, run: InverterRun) -> Any:
    def stepped(progress: Progress) -> None:
        if progress.step == step:
            signal.raise_signal(signal.SIGTERM)

    return train_inverter(SETTINGS, digits, classifier, run, listener=Listener(stepped=stepped))


def test_a_training_stopped_by_a_signal_ends_as_if_it_had_not_been(
    digits: LabelledParts, classifier: Path, trained: InverterRun, tmp_path: Path
) -> None:
    run = InverterRun(tmp_path / "run")
    for step in (2, 5):
        result = interrupted_at(step, digits, classifier, run)
        assert (result.step, result.interrupted_by, result.description) == (step, signal.SIGTERM, None)
        assert not run.inverter.exists()
    said: list[str] = []
    train_inverter(SETTINGS, digits, classifier, run, listener=Listener(said=said.append))
    assert said == [f"resuming {run.path} at step 5 of 6"]
    assert not differences(load_file(run.inverter), load_file(trained.inverter))
    assert run.inverter.read_bytes() == trained.inverter.read_bytes()
    assert sorted(entry.name for entry in run.path.iterdir()) == [
        "encoder.safetensors",
        "inverter.safetensors",
    ]


def test_a_checkpoint_is_written_as_time_goes_by(
    digits: LabelledParts, classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert training_loop.CHECKPOINT_SECONDS <= 60
    monkeypatch.setattr(training_loop, "CHECKPOINT_SECONDS", 0.0)
    run, seen = InverterRun(tmp_path), []
    listener = Listener(stepped=lambda *_: seen.append(run.checkpoint.exists()))
    train_inverter(SETTINGS, digits, classifier, run, listener=listener)
    assert seen == [False] + [True] * 5


def test_what_is_finished_is_not_trained_again(
    digits: LabelledParts, classifier: Path, trained: InverterRun
) -> None:
    said: list[str] = []
    before = trained.inverter.stat().st_mtime_ns
    result = train_inverter(SETTINGS, digits, classifier, trained, listener=Listener(said=said.append))
    assert said == [f"{trained.path} was trained with these settings before; nothing to do"]
    assert result.description == load_inverting_generator(trained.inverter)[1]
    assert trained.inverter.stat().st_mtime_ns == before


def test_nothing_of_other_settings_images_or_classifiers_is_overwritten(
    digits: LabelledParts, classifier: Path, trained: InverterRun, tmp_path: Path
) -> None:
    half = InverterRun(tmp_path / "half")
    interrupted_at(2, digits, classifier, half)
    torch.manual_seed(1)
    other = save_blank_classifier(tmp_path / "other.safetensors", tuple("0123456789"))
    letters = LabelledParts(**(vars(digits) | {"fingerprint": "cd"}))
    for run, place in ((trained, trained.inverter), (half, half.checkpoint)):
        with pytest.raises(UserError, match="was trained with steps 6, not 7; choose another --out"):
            train_inverter(SETTINGS.model_copy(update={"steps": 7}), digits, classifier, run)
        with pytest.raises(UserError, match=f"{place} is of a classifier other than given here"):
            train_inverter(SETTINGS, digits, other, run)
        with pytest.raises(UserError, match="is of images other than given here"):
            train_inverter(SETTINGS, letters, classifier, run)


class Payload:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.mkdir, (self.mark,)  # type: ignore[return-value]


def test_what_lies_in_the_classifiers_place_is_not_overwritten(
    digits: LabelledParts, classifier: Path, tmp_path: Path
) -> None:
    run = InverterRun(tmp_path)
    torch.manual_seed(7)
    other = save_blank_classifier(run.encoder, tuple("0123456789")).read_bytes()
    with pytest.raises(UserError, match=r"encoder\.safetensors: another classifier than .* choose another"):
        train_inverter(SETTINGS, digits, classifier, run)
    assert run.encoder.read_bytes() == other
    run.encoder.write_bytes(b"notes of somebody")
    with pytest.raises(UserError, match=r"encoder\.safetensors"):
        train_inverter(SETTINGS, digits, classifier, run)
    assert run.encoder.read_bytes() == b"notes of somebody"


def test_a_hostile_checkpoint_is_refused_and_not_run(
    digits: LabelledParts, classifier: Path, tmp_path: Path
) -> None:
    run, mark = InverterRun(tmp_path), tmp_path / "it ran"
    torch.save({"inverter": Payload(mark)}, run.checkpoint)
    with pytest.raises(UserError, match="holds more than tensors and numbers, so it was not loaded"):
        train_inverter(SETTINGS, digits, classifier, run)
    assert not mark.exists()


def test_a_loss_that_is_not_finite_is_one_line(
    digits: LabelledParts, classifier: Path, tmp_path: Path
) -> None:
    wild = SETTINGS.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(
        UserError,
        match="step 6: a loss is not finite; no checkpoint had been written; a lower --learning-rate",
    ):
        train_inverter(wild, digits, classifier, InverterRun(tmp_path))


def test_mistakes_name_the_option_and_the_sizes() -> None:
    with pytest.raises(UserError, match=r"^--batch-size is 0; it must be from 1 to 100,000,000"):
        InverterSettings(batch_size=0)
    assert architecture_of(32) == "resnet-32"
    with pytest.raises(
        UserError, match="at 12x12 pixels, and generators make 8, 32, 48, 64, 96, 128, 256, 512"
    ):
        architecture_of(12)


def test_a_file_without_its_classifier_or_of_another_kind_is_refused(trained: InverterRun) -> None:
    with pytest.raises(UserError, match="holds a classifier, not a feature inverter"):
        load_inverting_generator(trained.encoder)
    with pytest.raises(UserError, match="holds a feature inverter, not a classifier"):
        load_classifier(trained.inverter)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(inversion=None), "does not say which classifier it inverts; damaged"),
        (
            lambda d: d["inversion"].update(largest_feature=0),
            "largest_feature: Input should be greater than 0",
        ),
        (
            lambda d: d["inversion"].update(feature_error="nan"),
            "feature_error: Input should be a finite number",
        ),
        (
            lambda d: d["network"].update(num_features=10**6),
            "is not that of the network it describes; damaged",
        ),
        (
            lambda d: d["network"].update(num_features=10**7),
            "num_features: Input should be less than or equal",
        ),
        (lambda d: d["network"].update(architecture="evil"), "architecture is 'evil'; there are"),
        (lambda d: d["network"].update(condition="class"), "condition: Extra inputs are not permitted"),
    ],
)
def test_a_tampered_file_is_refused_before_anything_is_allocated(
    trained: InverterRun, tmp_path: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    with safe_open(trained.inverter, "pt") as opened:
        found = json.loads(opened.metadata()["projgan"])
    change(found)
    path = tmp_path / "inverter.safetensors"
    save_file(load_file(trained.inverter), path, {"projgan": json.dumps(found)})
    with pytest.raises(UserError) as error:
        load_inverting_generator(path)
    assert words in str(error.value)


def test_a_classifier_of_other_classes_is_refused(
    digits: LabelledParts, classifier: Path, tmp_path: Path
) -> None:
    letters = dataclasses.replace(digits, class_names=tuple("abcdefghij"))
    with pytest.raises(UserError, match="its classes are not those of digits but other ones"):
        train_inverter(SETTINGS, letters, classifier, InverterRun(tmp_path))


def test_features_that_are_all_the_same_have_no_error(digits: LabelledParts) -> None:
    blind = Classifier(resolution=8, channels=1, num_classes=10, width=4).eval()
    inverter = InvertingGenerator("resnet-8", channels=1, num_features=4, width=4).eval()
    images = digits.images[:1].expand(5, -1, -1, -1)
    with pytest.raises(UserError, match="gives all images the same features"):
        feature_error(inverter, blind, images)
