"""Findings to rows, stamped with the protocol they were made under."""

import time
from dataclasses import dataclass

from pydantic import ValidationError

from projgan.data import PackedImages
from projgan.errors import UserError
from projgan.evaluation.extractors import FeatureNetwork
from projgan.evaluation.image_sources import Draw, ImageSource
from projgan.evaluation.metric_names import public_name
from projgan.evaluation.metrics import Finding
from projgan.evaluation.protocol import Protocol
from projgan.evaluation.rows import Measurement, MetricRow
from projgan.storage.network_description import versions


@dataclass(frozen=True)
class RowMaker:
    """What the rows of one evaluator have in common."""

    data: PackedImages
    network: FeatureNetwork
    protocol: Protocol
    seed: int

    def row(self, finding: Finding, source: ImageSource, draw: Draw, start: float) -> MetricRow:
        """Return a finding as a row; `start` is when work on it began, by `time.perf_counter`.

        Raises:
            UserError: the number is none.
        """
        metric = public_name(finding.name, self.network.is_inception)
        try:
            return self._checked(metric, finding, source, draw, start)
        except ValidationError:
            raise UserError(
                f"{metric} comes out as {finding.value:g}, which measures nothing: the feature network "
                f"{self.network.name} is damaged or broken; use another one"
            ) from None

    def _checked(
        self, metric: str, finding: Finding, source: ImageSource, draw: Draw, start: float
    ) -> MetricRow:
        return MetricRow(
            metric=metric,
            value=finding.value,
            standard_error=finding.standard_error,
            per_class=finding.per_class,
            measurement=Measurement(
                protocol=self.protocol.name,
                data=self.data.name,
                data_fingerprint=self.data.fingerprint,
                resolution=self.data.resolution,
                real_split=self.data.split or "all",
                real_images=finding.real_images,
                generated_images=finding.generated_images,
                generated_labels=draw.labels_are,
                features=self.network.name,
                features_sha256=self.network.sha256,
                resize=self.network.resize,
                seed=self.seed,
                truncation=source.truncation,
                parameters=finding.parameters,
            ),
            subject=source.subject,
            seconds=time.perf_counter() - start,
            versions=versions(),
        )
