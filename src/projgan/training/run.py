"""A run from its configuration to its generator file: the plain loop."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from projgan.config import RunConfig
from projgan.data import PackedImages, load_images, open_source, reading_of
from projgan.data.conditions import CONDITION_KINDS
from projgan.data.configured import cache_folder, condition_request
from projgan.data.packing import refuse_problems
from projgan.data.tensors import as_tensor
from projgan.data.verification import Verify
from projgan.errors import is_out_of_memory
from projgan.evaluation.rows import MetricRow
from projgan.listening import Listener
from projgan.measuring.run_evaluator import RunEvaluator, run_evaluator
from projgan.process.ranks import Ranks, hardware
from projgan.storage.checkpoints import CheckpointFolder, checkpoint_steps
from projgan.storage.network_description import NetworkDescription
from projgan.storage.run_directory import RunDirectory
from projgan.storage.run_networks import build_networks
from projgan.training.building import build_trainer
from projgan.training.class_vectors import refuse_missing_network
from projgan.training.graphs import remark_on_steps
from projgan.training.guidance import load_start, open_guide
from projgan.training.journals import Journal, open_journals, refuse_missing_journals
from projgan.training.memory import out_of_memory
from projgan.training.optimization import remark_on_decay
from projgan.training.outputs import write_networks, write_samples
from projgan.training.refusals import (
    data_location,
    refuse_one_class,
    refuse_other_images,
    refuse_past_the_end,
    refuse_run_among_images,
    stored_resolution,
)
from projgan.training.starting import start_from, with_earlier_teachers
from projgan.training_loop import TrainingLoop, TrainingResult


def train(config: RunConfig, run_dir: Path, ranks: Ranks, listener: Listener | None = None) -> TrainingResult:
    """Train from the last checkpoint in `run_dir`, or from the start, to `config.training.steps`.

    Every rank of a run calls this; the first one writes the files. SIGTERM and Ctrl-C end it after the
    current step, with a checkpoint.

    Raises:
        UserError: anything a person can mend: data, settings, folders, a loss that is not finite.
    """
    listener = listener or Listener()
    directory = RunDirectory(run_dir)
    refuse_without_images(config, run_dir)
    with ExitStack() as held:
        with ranks.first_goes_ahead():
            if ranks.is_first:
                held.enter_context(directory.locked())
                directory.prepare(config)
                config = with_earlier_teachers(config, directory)
                data = read_data(config, listener, verify=when_to_verify(config, directory))
        if not ranks.is_first:
            config = with_earlier_teachers(config, directory)
            data, listener = read_data(config, Listener(), verify="never"), Listener()
        run = _Run(config, directory, data, ranks, listener)
        try:
            return run.run()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Only here, where what the step held is gone, is there memory to find what would fit.
        raise out_of_memory(run.trainer)


def refuse_without_images(config: RunConfig, run_dir: Path) -> None:
    """Refuse what can be refused without the images, before there is a folder.

    Raises:
        UserError: networks that cannot be, a network file that is missing, a folder among the images.
    """
    refuse_run_among_images(config, run_dir)
    with torch.device("meta"):
        build_networks(config, num_classes=2)
    refuse_missing_network(config)
    refuse_missing_journals(config.training.logging)


def when_to_verify(config: RunConfig, directory: RunDirectory) -> Verify:
    """Return when packed pixels are compared with their checksum: always, where training goes on."""
    goes_on = checkpoint_steps(directory.checkpoints) or config.finetuning.run is not None
    return "always" if goes_on else "once"


def read_data(
    config: RunConfig, listener: Listener, verify: Verify = "once", keep: bool = True
) -> PackedImages:
    """Open or decode the run's images; without `keep` this is rehearsed.

    Raises:
        UserError: nothing there, unreadable images, one class only where a condition is to be learned.
    """
    source = open_source(data_location(config), config.data.split, condition_request(config.data))
    refuse_problems(source)
    refuse_one_class(config, source)
    data = load_images(
        source,
        resolution=stored_resolution(config),
        channels=config.data.channels,
        fit=config.data.fit,
        cache=cache_folder(config.data),
        progress=listener.counting("decoding images"),
        on_unreadable=config.data.on_unreadable,
        verify=verify,
        keep=keep,
    )
    for line in reading_of(source):
        listener.said(f"{source.name}: {line}")
    for words in data.remarks:
        listener.said(words)
    return data


class _Run:
    """What a run does beside the loop: statistics, pictures, numbers, networks for people."""

    def __init__(
        self, config: RunConfig, directory: RunDirectory, data: PackedImages, ranks: Ranks, listener: Listener
    ) -> None:
        self.config, self.settings, self.sampling = config, config.training, config.sampling
        self.directory, self.data, self.ranks, self.listener = directory, data, ranks, listener
        self.conditions = CONDITION_KINDS[config.data.condition](data)
        images, conditions = as_tensor(data.images), as_tensor(self.conditions.values)
        guide = open_guide(config, self.conditions, ranks.device)
        self.trainer = build_trainer(config, images, conditions, len(self.conditions.names), ranks, guide)
        self.journals: list[Journal] = []
        self.evaluator: RunEvaluator | None = None
        if config.evaluation.every:
            self.evaluator = run_evaluator(config, directory, data, ranks, listener)
            self.evaluator.check(self.trainer)
        self.loop = TrainingLoop(
            self.trainer,
            CheckpointFolder(directory.checkpoints, self.settings.keep_checkpoints),
            name=directory.path,
            origin={"data_fingerprint": data.fingerprint},
            refuse=self._refuse_other_images,
            is_due=lambda step: step % self.settings.checkpoint_every == 0,
            remedy=self._remedy(),
            ranks=ranks,
            listener=listener,
            work=self._work,
            saved=self._write_networks,
        )

    def run(self) -> TrainingResult:
        trainer = self.trainer
        self._start()
        if trainer.step < trainer.steps:
            self._say_what_to_expect()
        remark = remark_on_steps(self.ranks.device, self.ranks.size, self.settings.acceleration)
        if remark:
            self.listener.said(remark)
        self._restart_clock()
        try:
            self._catch_up()
            interrupted_by = self.loop.run()
        finally:
            for journal in self.journals:
                journal.close()
        description = None
        if self.ranks.is_first:
            # Also where nothing was left to do: a kill may have come between checkpoint and networks.
            description = self._write_networks()
        self.ranks.barrier()  # torchrun ends the others when one fails, also in its last breath
        return TrainingResult(
            self.directory.generator,
            trainer.step,
            None if interrupted_by else description,
            interrupted_by,
            self.loop.signal,
        )

    def _catch_up(self) -> None:
        """Do what was due at the step gone on from, if it was cut off there."""
        trainer = self.trainer
        if trainer.step == trainer.steps:
            rows = self.directory.read_stats()[-1:] if self.ranks.is_first else []
            lacks_row = self.ranks.is_first and not (rows and rows[0]["step"] >= trainer.step)
            if self.ranks.largest(int(lacks_row)):
                self._log()
        if self.ranks.is_first and trainer.step and not self.directory.samples_at(trainer.step).exists():
            self._draw_where_due()
        self._measure_where_due()

    def _start(self) -> None:
        directory, trainer = self.directory, self.trainer
        if not self.loop.resume() and self.config.finetuning.run is not None:
            state, path = load_start(self.config.finetuning)
            self.loop.start_from(state, path)
            self.listener.said(f"starting from {path}")
        elif trainer.step == 0 and self.settings.start_from is not None:
            for words in start_from(trainer, self.config, self.conditions.names):
                self.listener.said(words)
        refuse_past_the_end(directory.path, trainer.step, trainer.steps)
        if self.ranks.is_first:
            # Only now, when nothing can refuse the folder any more, is anything in it changed.
            directory.save_config(self.config)
            directory.forget_stats_after(trainer.step - self._has_row_of_an_end())
            directory.forget_metrics_after(trainer.step)
            self.journals = open_journals(
                self.settings.logging, directory.path, trainer.step, self.listener.said
            )

    def _has_row_of_an_end(self) -> bool:
        """Whether the row at this step stood for an end that is none: the next one has its losses too."""
        return self.trainer.step < self.trainer.steps and len(self.trainer.averaged) > 0

    def _say_what_to_expect(self) -> None:
        ranks, precision = self.ranks, self.settings.precision
        processes = "" if ranks.size == 1 else f", {ranks.size} processes"
        self.listener.said(f"training in {precision} on {hardware(ranks.device)}{processes}")
        remark = remark_on_decay(self.config.optimizer, self.settings.steps)
        if remark and not self.trainer.step:
            self.listener.said(remark)
        every = self.sampling.every
        if every:
            often = f"every {every:,} steps and at the end" if every < self.settings.steps else "at the end"
            self.listener.said(f"pictures of samples: {self.directory.samples}, {often}")

    def _refuse_other_images(self, state: dict[str, Any], path: Path) -> None:
        refuse_other_images(self.directory.path, state, self.data.fingerprint, self.data.name)

    def _remedy(self) -> str:
        weight = self.config.finetuning.classifier_weight
        guided = f" or --weight of `projgan finetune` (here {weight:g})" if weight else ""
        return f"a lower optimizer.learning_rate{guided} in another --run-dir may help"

    def _work(self, stopping: bool) -> None:
        step = self.trainer.step
        if step % self.settings.log_every == 0:
            self._log()
            self.trainer.forget_losses()
        elif step == self.settings.steps:
            self._log()
        if self.ranks.is_first:
            with self._off_the_clock():
                self._draw_where_due()
                at_the_end = step == self.settings.steps
                if not stopping and (self.loop.is_due(step) or at_the_end):
                    self.trainer.prepare_samples()  # so that the checkpoint has what is sampled here
        if not stopping:
            self._measure_where_due()

    def _draw_where_due(self) -> None:
        every, step = self.sampling.every, self.trainer.step
        if every and (step % every == 0 or step == self.settings.steps):
            write_samples(self.trainer, self.config, self.directory, self.conditions)
            for journal in self.journals:
                journal.picture(step, self.directory.samples_at(step))

    def _measure_where_due(self) -> None:
        """Measure at the cadence and at the end, unless a run that was stopped here has done so."""
        every, step = self.config.evaluation.every, self.trainer.step
        if not (every and self.evaluator and step) or (step % every and step != self.settings.steps):
            return
        before = self.directory.metrics_at(step) if self.ranks.is_first else []
        if self.ranks.largest(int(bool(before) and self.evaluator.is_done(self.trainer, before))):
            return
        with self._off_the_clock():
            rows = self.evaluator.measure(self.trainer)
            if self.ranks.is_first:
                self.directory.append_metrics([row.model_dump(mode="json") for row in rows])
                for journal in self.journals:
                    journal.numbers(step, {row.metric: row.value for row in rows})
            self.listener.said(numbers_of(rows))

    def _log(self) -> None:
        self.loop.check_losses()
        losses = self.trainer.read_losses()
        if self.ranks.is_first and losses is not None:
            seen = self.trainer.images_seen
            speed = (seen - self.clock_images) / (time.perf_counter() - self.clock)
            numbers = {
                "loss_generator": losses.generator,
                "loss_discriminator": losses.discriminator,
                "learning_rate": self.trainer.learning_rate,
                "images_per_second": speed,
            }
            self.directory.append_stats({"step": self.trainer.step, "images_seen": seen} | numbers)
            for journal in self.journals:
                journal.numbers(self.trainer.step, numbers)
        self._restart_clock()

    @contextmanager
    def _off_the_clock(self) -> Iterator[None]:
        """What is done in here is not training: it does not count in images per second."""
        start = time.perf_counter()
        yield
        self.clock += time.perf_counter() - start

    def _restart_clock(self) -> None:
        self.clock, self.clock_images = time.perf_counter(), self.trainer.images_seen

    def _write_networks(self) -> NetworkDescription:
        return write_networks(self.trainer, self.config, self.directory, self.data, self.conditions)


def numbers_of(rows: Sequence[MetricRow]) -> str:
    """Return what was measured on the way of a run, in one line."""
    numbers = ", ".join(f"{row.metric} {row.value:.4g}" for row in rows)
    return f"step {rows[0].subject.step}: {numbers}" if rows else "nothing was measured"
