"""A run from its configuration to its generator file: the plain loop."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from projgan.config import RunConfig
from projgan.data import PackedImages, load_images
from projgan.data.conditions import CONDITION_KINDS
from projgan.data.configured import cache_folder, condition_request
from projgan.data.tensors import as_tensor
from projgan.errors import UserError
from projgan.evaluation.evaluator import Listener as EvaluationListener
from projgan.evaluation.rows import MetricRow
from projgan.measuring.run_evaluator import RunEvaluator, run_evaluator
from projgan.process.interruption import Interruption
from projgan.process.ranks import Ranks
from projgan.storage.checkpoints import checkpoint_path, checkpoint_steps, load_checkpoint, save_checkpoint
from projgan.storage.networks import build_networks
from projgan.storage.run_directory import RunDirectory
from projgan.storage.state_file import restore
from projgan.training.graphs import remark_on_steps
from projgan.training.guidance import load_start, open_guide
from projgan.training.outputs import write_networks, write_samples
from projgan.training.trainer import LossRow, Trainer


@dataclass(frozen=True)
class Progress:
    """How far a run is, after each step."""

    step: int
    steps: int
    images_seen: int
    losses: Tensor
    """The last step's generator and discriminator losses, float [2] on the run's device."""


@dataclass(frozen=True)
class Listener:
    """Where a run reports to; a library user may leave everything as it is."""

    started: Callable[[int, int, int], None] = lambda step, steps, images_per_step: None
    stepped: Callable[[Progress], None] = lambda progress: None
    said: Callable[[str], None] = lambda message: None
    decoded: Callable[[int, int], None] | None = None
    measuring: Callable[[int, int], None] | None = None
    fetched: Callable[[int, int], None] | None = None
    measured: Callable[[Sequence[MetricRow]], None] = lambda rows: None


@dataclass(frozen=True)
class RunResult:
    """How a call of `train` ended."""

    generator: Path
    step: int
    interrupted_by: int | None
    """Number of the signal that ended the run early, or None."""

    @property
    def exit_code(self) -> int:
        """That of a process: 0, or 128 and the number of the signal."""
        return 128 + self.interrupted_by if self.interrupted_by else 0


def train(config: RunConfig, run_dir: Path, ranks: Ranks, listener: Listener | None = None) -> RunResult:
    """Train from the last checkpoint in `run_dir`, or from the start, to `config.training.steps`.

    Every rank of a run calls this; the first one writes the files. SIGTERM and Ctrl-C end it after the
    current step, with a checkpoint.

    Raises:
        UserError: anything a person can mend: data, settings, folders, a loss that is not finite.
    """
    listener = listener or Listener()
    directory = RunDirectory(run_dir)
    # What can be refused without the images is, before there is a folder.
    refuse_run_among_images(config, run_dir)
    with torch.device("meta"):
        build_networks(config, num_classes=2)
    with ExitStack() as held:
        with ranks.first_goes_ahead():
            if ranks.is_first:
                held.enter_context(directory.locked())
                directory.prepare(config)
                data = read_data(config, listener)
        if not ranks.is_first:
            data, listener = read_data(config, Listener()), Listener()
        return _Run(config, directory, data, ranks, listener).run()


def stored_resolution(config: RunConfig) -> int:
    """Height and width at which images are kept: larger than wanted where random crops are taken."""
    return round(config.data.resolution / (config.data.random_crop or 1.0))


def data_location(config: RunConfig) -> str:
    """Where the images are.

    Raises:
        UserError: neither the preset nor the person says so.
    """
    if config.data.source is None:
        raise UserError(
            "these settings name no images; add --data with a folder, an archive or a Parquet set"
        )
    return config.data.source


def refuse_run_among_images(config: RunConfig, run_dir: Path) -> None:
    """Keep a run's files out of the folder its images come from, where they would be taken for a class.

    Raises:
        UserError: the run directory lies in the folder of images, or there are no images.
    """
    images = Path(data_location(config))
    if images.is_dir() and run_dir.resolve().is_relative_to(images.resolve()):
        raise UserError(f"{run_dir} lies among the images of {images}; choose a --run-dir outside")


def read_data(config: RunConfig, listener: Listener) -> PackedImages:
    """Open or decode the run's images.

    Raises:
        UserError: nothing there, unreadable images, one class only where a condition is to be learned.
    """
    data = load_images(
        data_location(config),
        split=config.data.split,
        resolution=stored_resolution(config),
        channels=config.data.channels,
        cache=cache_folder(config.data),
        progress=listener.decoded,
        on_unreadable=config.data.on_unreadable,
        request=condition_request(config.data),
    )
    refuse_one_class(config, data.class_names)
    if data.skipped_words:
        listener.said(data.skipped_words)
    if data.empty_classes:
        named = ", ".join(data.empty_classes[:5]) + (", …" if len(data.empty_classes) > 5 else "")
        listener.said(f"{data.name}: {len(data.empty_classes)} classes have no image at all: {named}")
    if data.upscaled:
        listener.said(f"{data.name}: {data.upscaled} images are smaller than wanted and were enlarged")
    return data


def refuse_one_class(config: RunConfig, class_names: Sequence[str]) -> None:
    """A condition can only be learned from two classes or more.

    Raises:
        UserError: there is one class, and the networks are to meet it.
    """
    if config.data.condition == "class" and config.generator.condition and len(class_names) < 2:
        raise UserError(
            f"{config.data.source}: one class only ({class_names[0]}), so there is no condition to "
            "learn; use --generator.condition None --discriminator.condition unconditional"
        )


class _Run:
    """The loop, in a fixed order: step, report, log, samples, checkpoint, done?"""

    def __init__(
        self, config: RunConfig, directory: RunDirectory, data: PackedImages, ranks: Ranks, listener: Listener
    ) -> None:
        self.config, self.settings, self.sampling = config, config.training, config.sampling
        self.directory, self.data, self.ranks, self.listener = directory, data, ranks, listener
        self.conditions = CONDITION_KINDS[config.data.condition](data)
        images, conditions = as_tensor(data.images), as_tensor(self.conditions.values)
        guide = open_guide(config, self.conditions.names, ranks.device)
        self.trainer = Trainer(config, images, conditions, len(self.conditions.names), ranks, guide)
        self.evaluator: RunEvaluator | None = None
        if config.evaluation.every:
            told = EvaluationListener(*(listener.measuring,) * 3, said=listener.said)
            self.evaluator = run_evaluator(config, directory, data, ranks, told, listener.fetched)
            self.evaluator.check(self.trainer)
        self.last_saved: int | None = None

    def run(self) -> RunResult:
        trainer, steps = self.trainer, self.settings.steps
        self._resume()
        remark = remark_on_steps(self.ranks.device, self.ranks.size, self.settings.acceleration)
        if remark:
            self.listener.said(remark)
        self.listener.started(trainer.step, steps, trainer.images_per_step)
        self._restart_clock()
        self._measure_where_due()
        signal = 0  # the same on every rank, whichever got it
        with Interruption(
            lambda: self.listener.said("stopping after this step; again to stop at once")
        ) as interruption:
            while trainer.step < steps and not signal:
                trainer.advance()
                self.listener.stepped(Progress(trainer.step, steps, trainer.images_seen, trainer.pending[-1]))
                signal = self.ranks.largest(interruption.signal or 0)
                if trainer.step % self.settings.log_every == 0:
                    self._log()
                if self.ranks.is_first and self.sampling.every and trainer.step % self.sampling.every == 0:
                    write_samples(trainer, self.directory, self.conditions)
                if not signal:
                    self._measure_where_due()
                if signal or trainer.step == steps or trainer.step % self.settings.checkpoint_every == 0:
                    self._save()
        if self.ranks.is_first:
            # Also where nothing was left to do: a kill may have come between checkpoint and networks.
            write_networks(trainer, self.directory, self.data, self.conditions)
        self.ranks.barrier()  # torchrun ends the others when one fails, also in its last breath
        finished = trainer.step == steps
        return RunResult(self.directory.generator, trainer.step, None if finished else signal)

    def _measure_where_due(self) -> None:
        """Measure at the cadence and at the end, unless a run that was stopped here has done so."""
        every, step = self.config.evaluation.every, self.trainer.step
        if not (every and self.evaluator and step) or (step % every and step != self.settings.steps):
            return
        if self.ranks.largest(int(self.ranks.is_first and self.directory.has_metrics_at(step))):
            return
        start = time.perf_counter()
        rows = self.evaluator.measure(self.trainer)
        if self.ranks.is_first:
            self.directory.append_metrics([row.model_dump(mode="json") for row in rows])
        self.listener.measured(rows)
        self.clock += time.perf_counter() - start  # not training

    def _resume(self) -> None:
        directory, trainer = self.directory, self.trainer
        self.ranks.barrier()
        available = checkpoint_steps(directory.checkpoints)
        if available:
            state = load_checkpoint(directory.checkpoints, available[-1])
            self._load(state, checkpoint_path(directory.checkpoints, available[-1]))
            self.last_saved = trainer.step
            self.listener.said(f"resuming {directory.path} at step {trainer.step}")
        elif self.config.finetuning.run is not None:
            state, path = load_start(self.config.finetuning)
            self._load(state, path)
            self.listener.said(f"starting from {path}")
        if trainer.step > self.settings.steps:
            raise UserError(
                f"{directory.path} is at step {trainer.step}, past the {self.settings.steps} steps in all "
                "that are asked for; ask for more to go on"
            )
        if self.ranks.is_first:
            # Only now, when nothing can refuse the folder any more, is anything in it changed.
            directory.save_config(self.config)
            directory.forget_stats_after(trainer.step)
            directory.forget_metrics_after(trainer.step)

    def _load(self, state: dict[str, object], path: Path) -> None:
        if state.get("data_fingerprint") != self.data.fingerprint:
            raise UserError(
                f"{self.directory.path} was trained on other images than those of {self.data.name} here; "
                "give the same data or choose another --run-dir"
            )
        restore(self.trainer.load_state_dict, state, path, "remove it, or choose another --run-dir")

    def _read_losses(self) -> LossRow | None:
        try:
            return self.trainer.read_losses()
        except UserError as error:
            raise self._diverged(str(error)) from None

    def _diverged(self, what: str) -> UserError:
        good = (
            f"the last good checkpoint is {checkpoint_path(self.directory.checkpoints, self.last_saved)}"
            if self.last_saved is not None
            else "no checkpoint had been written"
        )
        weight = self.config.finetuning.classifier_weight
        guided = f" or --weight of `projgan finetune` (here {weight:g})" if weight else ""
        return UserError(
            f"{what}; {good}; a lower optimizer.learning_rate{guided} in another --run-dir may help"
        )

    def _log(self) -> None:
        losses = self._read_losses()
        self.trainer.forget_losses()
        if self.ranks.is_first and losses is not None:
            seen = self.trainer.images_seen
            self.directory.append_stats(
                {
                    "step": self.trainer.step,
                    "images_seen": seen,
                    "loss_generator": losses.generator,
                    "loss_discriminator": losses.discriminator,
                    "learning_rate": self.trainer.learning_rate,
                    "images_per_second": (seen - self.clock_images) / (time.perf_counter() - self.clock),
                }
            )
        self._restart_clock()

    def _restart_clock(self) -> None:
        self.clock, self.clock_images = time.perf_counter(), self.trainer.images_seen

    def _save(self) -> None:
        self._read_losses()
        # A finite loss may come before the very update that broke the weights.
        if self.ranks.largest(int(not self.trainer.is_finite())):
            raise self._diverged(f"step {self.trainer.step}: a weight is not finite")
        if self.ranks.is_first:
            state = self.trainer.state_dict() | {"data_fingerprint": self.data.fingerprint}
            save_checkpoint(
                self.directory.checkpoints, self.trainer.step, state, self.settings.keep_checkpoints
            )
            write_networks(self.trainer, self.directory, self.data, self.conditions)
        self.last_saved = self.trainer.step
