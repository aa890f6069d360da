"""`projgan evaluate`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from projgan.commands.options import Asked, Device
from projgan.commands.paths import DataSource, RunOrModel
from projgan.commands.printing import Json, dumps, show
from projgan.commands.progress import bar_listener
from projgan.config import DataConfig, MeasurementConfig
from projgan.config.request import ImagesRequest

if TYPE_CHECKING:
    from projgan.evaluation.rows import MetricRow


def evaluate(
    subject: RunOrModel,
    *,
    data: DataSource | None = None,
    settings: Asked[MeasurementConfig] = MeasurementConfig(),
    images: Asked[ImagesRequest] = ImagesRequest(),
    truncation: float | None = None,
    checkpoints: Annotated[bool, Parameter(negative=())] = False,
    device: Device = "auto",
    json: Json = False,
) -> int:
    """Measure a generator, or images of any origin, against real images.

    The numbers of a run are also added to its `metrics.jsonl`, from which `projgan compare` makes reports.

    Parameters
    ----------
    subject
        A run directory, a `generator.safetensors`, a model (of `projgan models`, or `hf:USER/NAME`), or
        images: a folder of class folders, an archive, an .npz.
    data
        Real images to compare with; those that the run was trained on if not given, of which `--split test`
        takes another part.
    truncation
        Bound of the latents' entries.
    checkpoints
        Measure every checkpoint that the run has kept.
    device
        auto takes a GPU where there is one.
    json
        Print the rows as JSON.
    """
    from projgan.measuring.measuring import evaluate as measure
    from projgan.process.ranks import join_ranks

    real = None if data is None else images.of(DataConfig(source=data))
    with join_ranks(device) as ranks:
        rows = measure(
            subject,
            real,
            settings,
            ranks,
            checkpoints=checkpoints,
            truncation=truncation,
            images=images,
            listener=bar_listener() if ranks.is_first else None,
        )
        if ranks.is_first:
            show(dumps([row.model_dump(mode="json") for row in rows]) if json else _text(rows))
    return 0


def _text(rows: "Sequence[MetricRow]") -> str:
    """One line a number, under a line for each state that was measured; then how they were made."""
    lines: list[str] = []
    state: object = None
    for row in rows:
        if row.subject != state:
            state = row.subject
            at = "" if row.subject.step is None else f", step {row.subject.step:,}"
            lines.append(f"{row.subject.name}{at}")
        error = "" if row.standard_error is None else f" ± {row.standard_error:.2g}"
        counts = f"{row.measurement.generated_images:,} generated"
        if row.measurement.real_images:
            counts += f", {row.measurement.real_images:,} real"
        counts += ", by its own teacher" if row.by_own_teacher else ""
        lines.append(f"  {row.metric:30}{row.value:10.4g}{error:12}{counts}")
    if rows:
        made = rows[0].measurement
        lines.append(
            f"± is one standard error. Protocol {made.protocol}, features {made.features}, real images "
            f"{made.data} ({made.real_split}) at {made.resolution}x{made.resolution}, seed {made.seed}"
        )
    return "\n".join(lines)
