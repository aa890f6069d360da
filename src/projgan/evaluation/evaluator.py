"""Images to rows: what one real data set, one feature network and one protocol say of any images.

An `Evaluator` is made once and measures many times: generators on the way of a run, several runs, folders.
"""

import collections
import json
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from projgan.data import PackedImages
from projgan.data.tensors import as_tensor
from projgan.errors import UserError
from projgan.evaluation.extractors import FeatureNetwork
from projgan.evaluation.feature_sets import FeatureSet, extract, real_features
from projgan.evaluation.frechet import CovarianceFactor, factor_of_features, remark_on_counts
from projgan.evaluation.image_sources import Draw, ImageSource, RealConditions
from projgan.evaluation.intra_class import class_estimates
from projgan.evaluation.measured_before import measured_before
from projgan.evaluation.measured_classes import (
    classes_to_measure,
    classes_with_images,
    names_of,
    rarest,
    shortage,
)
from projgan.evaluation.metric_names import choose_metrics, public_name
from projgan.evaluation.metrics import INTRA_CLASS_GROUPS, METRICS, Compared, Finding
from projgan.evaluation.protocol import Protocol, choose_real
from projgan.evaluation.row_making import RowMaker
from projgan.evaluation.rows import MetricRow
from projgan.listening import Listener
from projgan.process.ranks import Ranks


class Evaluator:
    """Measures images against one real data set.

    Args:
        data: the real images, at the size of the generated ones.
        network: takes the features.
        protocol: how many images, of which classes.
        metrics: public names (`fid`, `intra_fid`, ... or `fd`, ... as the network is), or None for all that
            apply and take no minutes.
        seed: of the choice of images; generated ones have the seeds that follow it.
        ranks: this process among all; all of them call everything together.
        cache: folder that keeps the features of real images; None for none.
        vectors: float32 [L, K], several classes or a vector of each real image, where generators meet these.
        held_out: loads the real images that nothing was trained on; None where there are none.
        listener: what to tell.
    """

    def __init__(
        self,
        data: PackedImages,
        network: FeatureNetwork,
        protocol: Protocol,
        *,
        metrics: Sequence[str] | None = None,
        seed: int = 0,
        ranks: Ranks,
        cache: Path | None = None,
        vectors: Tensor | None = None,
        held_out: Callable[[], PackedImages] | None = None,
        listener: Listener | None = None,
    ) -> None:
        self.data, self.network, self.protocol, self.metrics = data, network, protocol, metrics
        self.seed, self.ranks, self.cache, self.held_out = seed, ranks, cache, held_out
        self.vectors = vectors
        self._rows = RowMaker(data, network, protocol, seed)
        self.listener = listener or Listener()
        self.classes = classes_with_images(data)
        self._unremarked = {"fid", "intra_fid"}
        self._said: set[str] = set()
        self._real: FeatureSet | None = None
        self._reference: CovarianceFactor | None = None
        if network.resolution not in (None, data.resolution):
            raise UserError(
                f"{network.name} looks at images of {network.resolution} pixels, and these have "
                f"{data.resolution}; train a classifier of that size"
            )
        if data.channels not in (1, network.channels):
            raise UserError(
                f"{network.name} looks at images of {network.channels} channel(s), and these have "
                f"{data.channels}; train a classifier with --channels {data.channels}"
            )

    def measure(self, source: ImageSource) -> list[MetricRow]:
        """Measure images: all processes take features, the first one compares them, all return the same rows.

        Raises:
            UserError: images that cannot be compared with the data, or a metric that cannot be measured.
        """
        names, classes = self.check(source), self._classes_of(source)
        real = self._look_at_real()
        draw = self._draw(source, real.labels)
        self._remark(names, classes, real.labels, draw.labels)
        if self.protocol.generated_per_class is not None:
            rows = self._class_by_class(classes, real, source, draw)
        else:
            rows = self._together(names, classes, real, source, draw)
        told = json.dumps([row.model_dump(mode="json") for row in rows])
        return [MetricRow.model_validate(row) for row in json.loads(self.ranks.text_of_first(told))]

    def _together(
        self, names: Sequence[str], classes: Tensor, real: FeatureSet, source: ImageSource, draw: Draw
    ) -> list[MetricRow]:
        generated = extract(
            draw.read,
            draw.labels,
            self.network,
            self.ranks,
            self.listener.counting("looking at generated images"),
        )
        with self.ranks.first_goes_ahead():
            first = self.ranks.is_first
            return self._compare(names, classes, real, generated, source, draw) if first else []

    def _compare(
        self,
        names: Sequence[str],
        classes: Tensor,
        real: FeatureSet,
        generated: FeatureSet,
        source: ImageSource,
        draw: Draw,
    ) -> list[MetricRow]:
        if self._reference is None:
            self._reference = factor_of_features(real.features)
        compared = Compared(
            real=real,
            generated=generated,
            reference=self._reference,
            class_names=self.data.class_names,
            classes=classes,
            images_at=lambda positions: torch.cat(list(draw.read(positions))),
            held_out=self._load_held_out,
            seed=self.seed,
            device=self.ranks.device,
            progress=self.listener.counting("training a classifier, steps"),
        )
        rows = []
        for done, name in enumerate(names, start=1):
            start = time.perf_counter()
            rows += [
                self._rows.row(finding, source, draw, start) for finding in METRICS[name].measure(compared)
            ]
            self.listener.working("measuring metrics", done, len(names))
        return rows

    def check(self, source: ImageSource) -> list[str]:
        """Refuse what cannot be measured before minutes are spent on it; returns the keys of `METRICS`.

        Raises:
            UserError: as `measure`.
        """
        self._check_images(source)
        names, classes, real = self._choose(source), self._classes_of(source), self._chosen_labels()
        generated = self._draw(source, real).labels
        names = [name for name in names if self._is_large_enough(name, classes, real, generated)]
        if "classification_accuracy_score" in names:
            self._loader_of_held_out()
        return names

    def has_all(self, source: ImageSource, rows: Sequence[dict[str, Any]]) -> bool:
        """Whether rows of `metrics.jsonl` hold every number that `measure` would find, made the same way."""
        names, total = self.check(source), len(self._draw(source, self._chosen_labels()).labels)
        how: dict[str, object] = {
            "protocol": self.protocol.name,
            "data_fingerprint": self.data.fingerprint,
            "features_sha256": self.network.sha256,
            "seed": self.seed,
            "truncation": source.truncation,
        }
        return measured_before(rows, how, total, self.network.is_inception).issuperset(names)

    def _draw(self, source: ImageSource, real_labels: Tensor) -> Draw:
        conditions = RealConditions(
            real_labels, self._classes_of(source), self.data.class_names, self.vectors
        )
        return source.draw(self.protocol, conditions, self.seed)

    def _chosen_labels(self) -> Tensor:
        return torch.from_numpy(self.data.labels)[choose_real(self.protocol, len(self.data), self.seed)]

    def _classes_of(self, source: ImageSource) -> Tensor:
        """Labels of the classes that there are images of, on both sides as far as is known; int64 [K]."""
        names = self.data.class_names
        classes, words = classes_to_measure(self.classes, source.never_seen, names, source.subject.name)
        self._say_once(words)
        return classes

    def _check_images(self, source: ImageSource) -> None:
        if (source.resolution, source.channels) != (self.data.resolution, self.data.channels):
            raise UserError(
                f"{source.subject.name}: images of {source.resolution} pixels and {source.channels} "
                f"channel(s), not {self.data.resolution} and {self.data.channels} as the real ones"
            )
        difference = source.differing_classes(self.data.class_names)
        if difference:
            raise UserError(f"{source.subject.name} is of other classes than {self.data.name}: {difference}")

    def _choose(self, source: ImageSource) -> list[str]:
        conditional = source.class_names is not None
        names = choose_metrics(
            self.metrics,
            is_inception=self.network.is_inception,
            conditional=conditional,
            classifies=self.network.class_names == self.data.class_names,
            network=self.network.name,
            has_logits=self.network.has_logits,
        )
        if self.protocol.generated_per_class is None:
            return names
        if self.metrics is not None and names != ["intra_fid"]:
            other = public_name(
                next(name for name in names if name != "intra_fid"), self.network.is_inception
            )
            raise UserError(
                f"{other} is of all classes together, and this protocol makes one class at a time; "
                "leave it out, or use protocol standard"
            )
        if not conditional:
            raise UserError(f"{source.subject.name}: its images have no classes, which this protocol needs")
        return ["intra_fid"]

    def _look_at_real(self) -> FeatureSet:
        if self._real is None:
            self._real = real_features(
                self.data,
                choose_real(self.protocol, len(self.data), self.seed),
                self.network,
                self.ranks,
                self.cache,
                self.listener.counting("looking at real images"),
                self._say_once,
            )
        return self._real

    def _is_large_enough(self, name: str, classes: Tensor, real: Tensor, generated: Tensor) -> bool:
        """Whether every class has the images that a metric needs; leave out one that nobody asked for."""
        metric, needs = public_name(name, self.network.is_inception), METRICS[name]
        needed = [("real", real, needs.real_of_each_class), ("generated", generated, needs.of_each_class)]
        short = shortage(metric, needed, classes, self.data.class_names)
        if short and (self.metrics is not None or self.protocol.generated_per_class is not None):
            raise UserError(f"{short}; add images, or name the metrics to measure without {metric}")
        self._say_once(short and f"{metric} is left out: {short}")
        return not short

    def _say_once(self, words: str) -> None:
        if words and words not in self._said:
            self.listener.said(words)
        self._said.add(words)

    def _remark(self, names: Sequence[str], classes: Tensor, real: Tensor, generated: Tensor) -> None:
        """Say once what few images mean for a Frechet distance."""
        counts = {"fid": min(len(real), len(generated))}
        if "intra_fid" in names:
            counts["intra_fid"] = min(rarest(part, classes)[1] for part in (real, generated))
        for name in self._unremarked & set(names):
            remark = remark_on_counts(counts[name], self.network.num_features)
            if remark:
                self.listener.said(f"{public_name(name, self.network.is_inception)}: {remark}")
            self._unremarked.discard(name)

    def _class_by_class(
        self, classes: Tensor, real: FeatureSet, source: ImageSource, draw: Draw
    ) -> list[MetricRow]:
        """Make, look at and compare one class at a time, so that memory does not grow with their number."""
        start = time.perf_counter()
        of_class = [(draw.labels == label).nonzero().squeeze(1) for label in classes]
        done = 0

        def generated() -> Iterator[Tensor]:
            nonlocal done
            for positions in of_class:
                read = partial(_read_at, draw, positions)
                yield extract(read, draw.labels[positions], self.network, self.ranks).features
                done += len(positions)
                self.listener.working("looking at generated images", done, len(draw.labels))

        if not self.ranks.is_first:
            collections.deque(generated(), maxlen=0)  # takes its share of the features
            return []
        of_real = (real.features[real.labels == label] for label in classes)
        found = list(class_estimates(of_real, generated(), INTRA_CLASS_GROUPS))
        values = torch.tensor([estimate.value for estimate in found], dtype=torch.float64)
        errors = torch.tensor([estimate.standard_error for estimate in found], dtype=torch.float64)
        finding = Finding(
            "intra_fid",
            values.mean().item(),
            errors.norm().item() / len(found),  # classes are drawn independently
            len(real),
            len(draw.labels),
            dict(zip(names_of(classes, self.data.class_names), values.tolist(), strict=True)),
        )
        return [self._rows.row(finding, source, draw, start)]

    def _loader_of_held_out(self) -> Callable[[], PackedImages]:
        if self.held_out is None:
            raise UserError(
                f"{self.data.name} has no other part to test on, as classification_accuracy_score does; "
                "leave it out"
            )
        return self.held_out

    def _load_held_out(self) -> tuple[Tensor, Tensor]:
        images = self._loader_of_held_out()()
        if images.class_names != self.data.class_names:
            raise UserError(
                f"the test images of {self.data.name} are of other classes than the training ones"
            )
        return as_tensor(images.images), as_tensor(images.labels)


def _read_at(draw: Draw, positions: Tensor, chosen: Tensor) -> Iterator[Tensor]:
    return draw.read(positions[chosen])
