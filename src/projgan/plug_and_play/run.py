"""From images and a classifier to a folder with a generator that inverts it: loop, checkpoint, resume."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import projgan
from projgan.classification.held_out import LabelledParts
from projgan.errors import UserError
from projgan.files import make_folder
from projgan.networks.classifier import Classifier
from projgan.networks.inverting_generator import InvertingGenerator
from projgan.pictures.pixels import to_float
from projgan.plug_and_play.settings import InverterSettings
from projgan.plug_and_play.trainer import InverterTrainer
from projgan.process.interruption import Interruption
from projgan.storage.network_description import Inversion, NetworkDescription, Provenance
from projgan.storage.network_file import (
    load_classifier,
    load_inverting_generator,
    save_network,
    weights_sha256,
)
from projgan.storage.state_file import load_state, restore, save_state

CHECKPOINT = "projgan-inverter-checkpoint-1"
CHECKPOINT_SECONDS = 30.0
LOOKED_AT = 5000
"""Training images among whose features the largest is sought, spread evenly over them."""


AT_ONCE = 250


class InverterRun:
    """A folder with an inverting generator and the classifier it inverts; the same command resumes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.inverter = path / "inverter.safetensors"
        self.encoder = path / "encoder.safetensors"
        self.checkpoint = path / "checkpoint.pt"


@dataclass(frozen=True)
class InverterListener:
    """Where a training reports to; a library user may leave everything as it is."""

    started: Callable[[int, int, int], None] = lambda step, steps, images_per_step: None
    stepped: Callable[[int, int, Tensor], None] = lambda step, images_seen, losses: None
    """Told of the step, the images seen and the two losses [2], generator's first, on the device."""
    said: Callable[[str], None] = lambda message: None
    measuring: Callable[[int, int], None] = lambda done, total: None
    """Told of the images looked at, and all, once the training is done."""


@dataclass(frozen=True)
class InverterResult:
    """How a call of `train_inverter` ended."""

    run: InverterRun
    step: int
    description: NetworkDescription | None
    """What the inverter's file says of itself; None where the training was interrupted."""
    interrupted_by: int | None
    """Number of the signal that ended it early, or None."""


def train_inverter(
    settings: InverterSettings,
    parts: LabelledParts,
    classifier: Path,
    run: InverterRun,
    device: torch.device | str = "cpu",
    listener: InverterListener | None = None,
) -> InverterResult:
    """Train a generator that inverts a classifier's features, from its checkpoint where there is one.

    What these settings, images and classifier have already made is returned as it is. SIGTERM and Ctrl-C end
    the training after the current step, with a checkpoint.

    Raises:
        UserError: the folder holds a training of other settings, images or another classifier, the classifier
            is of other classes or gives all images the same features, or a loss is not finite.
    """
    listener = listener or InverterListener()
    encoder, words = load_classifier(classifier)
    if tuple(words.class_names) != tuple(parts.class_names):
        raise UserError(
            f"{classifier}: a classifier of other classes than the images have; train one with "
            "`projgan classifier` on the same data"
        )
    made_by = _origin(settings, parts, encoder)
    if run.inverter.exists():
        description = load_inverting_generator(run.inverter)[1]
        _refuse_others(made_by, _origin_of(description), run.inverter)
        run.checkpoint.unlink(missing_ok=True)
        listener.said(f"{run.path} was trained with these settings before; nothing to do")
        return InverterResult(run, description.provenance.step, description, None)
    trainer = InverterTrainer(settings, parts.images, encoder, device)
    return _Training(trainer, parts, words, run, made_by, listener).run_to_end()


def _origin(settings: InverterSettings, parts: LabelledParts, encoder: Classifier) -> dict[str, Any]:
    """Everything an inverter follows from, in plain values."""
    others = {"data_fingerprint": parts.fingerprint, "encoder_sha256": weights_sha256(encoder)}
    return settings.model_dump() | others


def _origin_of(description: NetworkDescription) -> dict[str, Any]:
    assert description.inversion is not None
    fingerprint = description.provenance.data_fingerprint
    others = {"data_fingerprint": fingerprint, "encoder_sha256": description.inversion.encoder_sha256}
    return description.provenance.settings | others


THINGS = {"data_fingerprint": "images", "encoder_sha256": "a classifier"}


def _refuse_others(now: dict[str, Any], before: object, place: Path) -> None:
    """Refuse to go on with, or to write over, what something else has made."""
    stored = before if isinstance(before, dict) else {}
    for key, value in now.items():
        if stored.get(key) == value:
            continue
        if key in THINGS:
            raise UserError(f"{place} is of {THINGS[key]} other than given here; choose another --out")
        raise UserError(
            f"{place} was trained with {key} {stored.get(key)}, not {value}; choose another --out"
        )


Progress = Callable[[int, int], None]


@torch.no_grad()
def largest_feature(encoder: Classifier, images: Tensor, progress: Progress | None = None) -> float:
    """Return the largest feature of up to 5,000 of the uint8 images [N, C, R, R], spread over them."""
    some = images[:: -(-len(images) // LOOKED_AT)]
    return max(float(encoder.features(batch).max()) for batch in _batches(some, encoder, progress))


@torch.no_grad()
def feature_error(
    inverter: InvertingGenerator, encoder: Classifier, images: Tensor, progress: Progress | None = None
) -> float:
    """How badly features come back: sum of |E(G(h)) - h|^2 over that of |h - mean of h|^2.

    Args:
        inverter: G, in evaluation mode.
        encoder: E.
        images: uint8 [N, C, R, R]; the first 5,000 are used.
        progress: told of (images looked at, all).

    Returns:
        0 where all come back, 1 where the mean would do as well.

    Raises:
        UserError: all images have the same features.
    """
    found, wanted = [], []
    for batch in _batches(images[:LOOKED_AT], encoder, progress):
        features = encoder.features(batch)
        wanted.append(features.double())
        found.append(encoder.features(inverter(features)).double())
    features = torch.cat(wanted)
    missed = (torch.cat(found) - features).square().sum()
    spread = (features - features.mean(dim=0)).square().sum()
    if spread == 0:
        raise UserError("the classifier gives all images the same features; train it further, or wider")
    return float(missed / spread)


def _batches(images: Tensor, encoder: Classifier, progress: Progress | None) -> Iterator[Tensor]:
    done = 0
    for batch in images.split(AT_ONCE):
        yield to_float(batch.to(encoder.linear.weight.device))
        done += len(batch)
        if progress is not None:
            progress(done, len(images))


class _Training:
    """The loop, in a fixed order: step, report, checkpoint, done?"""

    def __init__(
        self,
        trainer: InverterTrainer,
        parts: LabelledParts,
        words: NetworkDescription,
        run: InverterRun,
        made_by: dict[str, Any],
        listener: InverterListener,
    ) -> None:
        self.trainer, self.parts, self.words = trainer, parts, words
        self.run, self.made_by, self.listener = run, made_by, listener

    def run_to_end(self) -> InverterResult:
        trainer, listener = self.trainer, self.listener
        make_folder(self.run.path)
        self._resume()
        listener.started(trainer.step, trainer.steps, trainer.batch_size)
        saved = time.monotonic()
        with Interruption(
            lambda: listener.said("stopping after this step; again to stop at once")
        ) as interruption:
            while trainer.step < trainer.steps and not interruption.signal:
                losses = torch.stack(trainer.advance())
                listener.stepped(trainer.step, trainer.images_seen, losses)
                last = trainer.step == trainer.steps
                if interruption.signal or last or time.monotonic() - saved > CHECKPOINT_SECONDS:
                    self._save(losses)
                    saved = time.monotonic()
        if trainer.step < trainer.steps:
            return InverterResult(self.run, trainer.step, None, interruption.signal)
        return self._finish()

    def _save(self, losses: Tensor) -> None:
        if not losses.isfinite().all():
            raise UserError(
                f"step {self.trainer.step}: a loss is not finite; a lower --learning-rate may help"
            )
        save_state(self.run.checkpoint, self.trainer.state_dict() | {"made_by": self.made_by}, CHECKPOINT)

    def _resume(self) -> None:
        if not self.run.checkpoint.exists():
            return
        remedy = "remove it to start again, or choose another --out"
        state = load_state(self.run.checkpoint, CHECKPOINT, remedy)
        _refuse_others(self.made_by, state.get("made_by"), self.run.checkpoint)
        restore(self.trainer.load_state_dict, state, self.run.checkpoint, remedy)
        self.listener.said(f"resuming {self.run.path} at step {self.trainer.step} of {self.trainer.steps}")

    def _finish(self) -> InverterResult:
        trainer, parts = self.trainer, self.parts
        inverter, encoder, progress = trainer.inverter.eval(), trainer.encoder, self.listener.measuring
        description = NetworkDescription(
            kind="feature inverter",
            network={
                "architecture": trainer.architecture,
                "channels": encoder.channels,
                "num_features": encoder.num_features,
                "width": trainer.settings.width,
            },
            class_names=self.words.class_names,
            provenance=Provenance(
                data=parts.name,
                data_fingerprint=parts.fingerprint,
                step=trainer.step,
                images_seen=trainer.images_seen,
                averaged=False,
                settings=trainer.settings.model_dump(),
                versions={"projgan": projgan.__version__, "torch": torch.__version__},
            ),
            inversion=Inversion(
                encoder_sha256=self.made_by["encoder_sha256"],
                largest_feature=largest_feature(encoder, parts.images, progress),
                feature_error=feature_error(inverter, encoder, parts.test_images, progress),
            ),
        )
        save_network(encoder, self.words, self.run.encoder)
        save_network(inverter, description, self.run.inverter)
        self.run.checkpoint.unlink(missing_ok=True)
        return InverterResult(self.run, trainer.step, description, None)
