"""`projgan evaluate`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from pydantic import ValidationError

from projgan.commands.devices import Device
from projgan.commands.paths import DataSource, NewPath, RunOrModel
from projgan.commands.printing import Json, dumps, show
from projgan.commands.progress import bar_listener
from projgan.config import DataConfig, EvaluationConfig, explain
from projgan.errors import UserError

if TYPE_CHECKING:
    from projgan.evaluation.rows import MetricRow


def evaluate(
    subject: RunOrModel,
    *,
    data: DataSource | None = None,
    split: str | None = None,
    features: str = "inception",
    protocol: Literal["paper", "standard", "intra"] = "standard",
    metrics: Annotated[tuple[str, ...] | None, Parameter(consume_multiple=True)] = None,
    real_images: int | None = None,
    generated_images: int | None = None,
    generated_per_class: int | None = None,
    seed: int = 0,
    truncation: float | None = None,
    checkpoints: Annotated[bool, Parameter(negative=())] = False,
    cache: NewPath | None = None,
    on_unreadable: Literal["error", "skip"] | None = None,
    device: Device = "auto",
    json: Json = False,
) -> int:
    """Measure a generator, or images of any origin, against real images.

    The numbers of a run are also added to its `metrics.jsonl`, from which `projgan compare` makes reports.

    Parameters
    ----------
    subject
        A run directory, a `generator.safetensors`, a model that `projgan models` lists, or images: a folder
        of class folders, an archive, an .npz.
    data
        Real images to compare with; those that the run was trained on if not given.
    split
        Part of the data, such as `test`; the training part if not given.
    features
        `inception` (of 2015, fetched once), `imagenet` (of the extra `pretrained`), either with `:FILE`, or
        `classifier:FILE` of `projgan classifier`.
    protocol
        `standard`: all real, 50,000 generated; `paper`: 10,000 and 5,000; `intra`: 5,000 generated a class.
    metrics
        Such as `fid intra_fid` (`fd intra_fd` of a classifier); if not given, all that take no minutes.
    real_images
        Real images, in place of the protocol's.
    generated_images
        Generated images, in place of the protocol's.
    generated_per_class
        Generated images of each class, in place of those of protocol `intra`.
    seed
        Of the choice of images and of the first generated one.
    truncation
        Bound of the latents' entries.
    checkpoints
        Measure every checkpoint that the run has kept.
    cache
        Folder of decoded images, features and fetched weights; `~/.cache/projgan` if not given.
    on_unreadable
        What to do about images that cannot be decoded; as the run was trained, else `error`, if not given.
    device
        auto takes a GPU where there is one.
    json
        Print the rows as JSON.
    """
    from projgan.measuring.measuring import evaluate as measure
    from projgan.process.ranks import join_ranks

    try:
        settings = EvaluationConfig(
            features=features,
            protocol=protocol,
            metrics=metrics,
            real_images=real_images,
            generated_images=generated_images,
            generated_per_class=generated_per_class,
            seed=seed,
        )
    except ValidationError as error:
        raise UserError(explain(error)) from None
    if data is None and split is not None:
        raise UserError("--split is of --data; give both, or neither for the run's own")
    real = None if data is None else DataConfig(source=data, split=split, cache=cache)
    with join_ranks(device) as ranks:
        rows = measure(
            subject,
            real,
            settings,
            ranks,
            checkpoints=checkpoints,
            truncation=truncation,
            on_unreadable=on_unreadable,
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
