"""The folder that is shared: a card, networks, settings and a picture, the same here and on the hub."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import yaml
from torch import nn

from projgan.errors import UserError
from projgan.evaluation.rows import MetricRow
from projgan.files import file_sha256, made_beside, make_folder, write_atomically
from projgan.generation.request import SampleRequest
from projgan.generation.sample_writing import write_images
from projgan.hub.names import HubName
from projgan.listening import Count
from projgan.report.writing import escape_markdown
from projgan.sharing.card import INSTALL, facts_of, front_matter, names_in_words, number_lines, table
from projgan.sharing.request import ShareRequest
from projgan.storage.hub_models import DISCRIMINATOR, GENERATOR
from projgan.storage.network_description import NetworkDescription
from projgan.storage.network_file import (
    generator_path,
    load_generator,
    load_super_resolution_discriminator,
    load_super_resolution_generator,
    read_description,
    save_network,
    weights_sha256,
)
from projgan.storage.pairs import discriminator_of
from projgan.storage.run_directory import RunDirectory
from projgan.storage.travelling import travelling

CARD, CONFIG, SAMPLES = "README.md", "config.yaml", "samples.png"
FILES = (CARD, CONFIG, SAMPLES, GENERATOR, DISCRIMINATOR)
"""All that such a folder may hold."""
_ROWS, _COLUMNS = 10, 8
"""Of the picture."""

_AGAIN = f"`{CONFIG}` holds all settings: `projgan train {CONFIG} --data DATA` trains the same again."

Pair = tuple[nn.Module, NetworkDescription, tuple[nn.Module, NetworkDescription] | None]


def write_folder(
    run: Path, name: HubName, request: ShareRequest, folder: Path, progress: Count | None = None
) -> list[Path]:
    """Write everything that is shared of a run to a folder, in place of what was shared there before.

    Folders of this machine are left out of what networks and settings say.

    Returns:
        The files.

    Raises:
        UserError: no generator, a discriminator of another run, or settings that are none.
    """
    path = generator_path(run)
    kind = read_description(path).kind
    if kind not in _READ:
        raise UserError(f"{path}: holds a {kind}; what is shared are generators")
    read = _READ[kind](path)
    make_folder(folder)
    # What was shared before stays until all of the new is there.
    with made_beside(folder) as new:
        _write_all(run, path, read, name, request, new, progress)
        for file in FILES:
            if (new / file).is_file():
                (new / file).replace(folder / file)
            else:
                (folder / file).unlink(missing_ok=True)
    return [folder / file for file in FILES if (folder / file).is_file()]


def _write_all(
    run: Path,
    path: Path,
    read: Pair,
    name: HubName,
    request: ShareRequest,
    folder: Path,
    progress: Count | None,
) -> None:
    network, description, pair = read
    try:
        _write_network(path, network, description, folder / GENERATOR)
        if pair is not None:
            _write_network(path.with_name(DISCRIMINATOR), *pair, folder / DISCRIMINATOR)
        settings = _clean(description).provenance.settings
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: the settings in it are not those of a run ({error})") from None
    if settings:
        config = yaml.safe_dump(settings, sort_keys=False).encode()
        write_atomically(folder / CONFIG, lambda file: file.write(config))
    _draw(run, path, description, folder / SAMPLES, progress)
    numbers = numbers_of(run, weights_sha256(network))
    card = _card(name, request, folder, network, description, numbers)
    write_atomically(folder / CARD, lambda file: file.write(card.encode()))


def numbers_of(run: Path, weights: str) -> list[MetricRow]:
    """Return the newest of each number that was measured of these very weights; none of other states."""
    if not RunDirectory(run).metrics.is_file():
        return []
    found: dict[str, MetricRow] = {}
    for raw in RunDirectory(run).read_metrics():
        try:
            row = MetricRow.model_validate(raw)
        except ValueError:
            continue
        if row.subject.sha256 == weights:
            made = row.measurement.model_dump_json(exclude={"parameters"})
            found[f"{row.metric} {made}"] = row
    return list(found.values())


def _read_labelled(path: Path) -> Pair:
    generator, description = load_generator(path)
    return generator, description, discriminator_of(path, generator, description)


def _read_enlarging(path: Path) -> Pair:
    generator, description = load_super_resolution_generator(path)
    beside = path.with_name(DISCRIMINATOR)
    return generator, description, load_super_resolution_discriminator(beside) if beside.is_file() else None


_READ: dict[str, Callable[[Path], Pair]] = {
    "generator": _read_labelled,
    "super-resolution generator": _read_enlarging,
}


def _clean(description: NetworkDescription) -> NetworkDescription:
    return travelling(description) if description.provenance.settings else description


def _write_network(path: Path, network: nn.Module, description: NetworkDescription, out: Path) -> None:
    """The very file, unless it names folders of this machine."""
    clean = _clean(description)
    if clean == description:
        _copy(path, out)
    else:
        save_network(network, clean, out)


def _copy(path: Path, out: Path) -> None:
    with path.open("rb") as file:
        write_atomically(out, partial(shutil.copyfileobj, file))


def _draw(
    run: Path,
    path: Path,
    description: NetworkDescription,
    out: Path,
    progress: Count | None,
) -> None:
    """A grid of the first classes; of super-resolution the newest one of the run, for it needs images."""
    if description.kind != "generator":
        drawn = sorted(RunDirectory(run).samples.glob("step-*.png"))
        if drawn:
            _copy(drawn[-1], out)
        return
    classes = None
    if description.network.get("num_classes") and description.standardization is None:
        classes = tuple(description.class_names[label] for label in description.present_classes[:_ROWS])
    asked = SampleRequest(classes=classes, count=_COLUMNS, out=out)
    write_images(path, asked, progress=progress)


def _card(
    on_hub: HubName,
    request: ShareRequest,
    folder: Path,
    network: nn.Module,
    description: NetworkDescription,
    numbers: list[MetricRow],
) -> str:
    name, data = str(on_hub), str(escape_markdown(description.provenance.data))
    size = (folder / GENERATOR).stat().st_size
    count = sum(parameter.numel() for parameter in network.parameters())
    average = "moving average, " if description.provenance.averaged else ""
    facts = facts_of(description, f"{count:,} parameters, {average}{size:,} bytes")
    facts = {key: str(escape_markdown(value)) for key, value in facts.items()}
    facts["sha256"] = f"`{file_sha256(folder / GENERATOR)}`"
    enlarges = description.kind != "generator"
    what = (
        f"A generator of {names_in_words(description.class_names)}."
        if description.class_names
        else ("A generator that enlarges images four times in height and width.")
    )
    use = (
        f"projgan super-resolve {name} IMAGES --out FOLDER"
        if enlarges
        else f"projgan sample {name} --count 8 --out samples.png"
    )
    lines = [
        f"# {on_hub.repository.split('/')[1]}",
        "",
        f"{what} Trained on {data} by projgan.",
        *([request.words] if request.words else []),
        "",
        *([f"![Samples]({SAMPLES})", ""] if (folder / SAMPLES).is_file() else []),
        *(f"    {command}" for command in (INSTALL, use)),
        "",
        *table(facts),
        "",
        *([_AGAIN, ""] if (folder / CONFIG).is_file() else []),
        "## Numbers",
        "",
        *(number_lines(numbers) or ["Nothing has been measured of these weights."]),
        "",
        "## Licence",
        "",
        f"The weights are shared under {request.license}. Rights in the images that they were trained "
        "on are not part of it.",
    ]
    return front_matter(request.license) + "\n" + "\n".join(lines) + "\n"
