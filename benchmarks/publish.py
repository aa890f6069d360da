"""Publish a run's generator in the package: `src/projgan/models/NAME.safetensors`, with a card beside it.

    python benchmarks/publish.py runs/cifar10-small cifar10 --data cifar10 --commit 20b546f
        --hardware "one thread of ..." --command "projgan train cifar10-small --data cifar10"
        --features classifier:cifar10-classifier.safetensors --protocol paper

The weights are stored as float16, and it is that file whose numbers `projgan evaluate` then measures for the
card. Run it from the repository's root.
"""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import torch
from cyclopts import App, Parameter

from projgan.errors import UserError, nearest_name
from projgan.evaluation.rows import MetricRow
from projgan.files import file_sha256, write_atomically
from projgan.sharing.card import number_lines, table
from projgan.storage.network_description import NetworkDescription
from projgan.storage.network_file import generator_path, load_generator, save_network
from projgan.storage.published_models import FOLDER
from projgan.storage.travelling import travelling

LARGEST = 8_000_000
"""Bytes of a file that still belongs into a package."""

_CIFAR = (
    "was published for research without a licence of its own (Krizhevsky 2009); its images are from 80 "
    "Million Tiny Images, which its authors withdrew in 2020. No image of it is in this file or package. The "
    "weights are under the package's MIT licence as far as rights in weights exist."
)
NOTES = {
    "cifar10": f"CIFAR-10 {_CIFAR}",
    "cifar100": f"CIFAR-100 {_CIFAR}",
    "tiny-imagenet-dogs-cats": (
        "Ten classes of Tiny ImageNet (Stanford's CS231n), reduced images of ImageNet (Deng et al. 2009), "
        "whose terms allow research and teaching that are not commercial. No image of it is in this file or "
        "package. The weights are under the package's MIT licence as far as rights in weights exist."
    ),
    "digits": (
        "*Optical Recognition of Handwritten Digits* (Alpaydin and Kaynak 1998) is under CC BY 4.0. The "
        "weights are under the package's MIT licence as far as rights in weights exist."
    ),
}
"""What is to be said of the rights in the data, by the name of the data."""

app = App(name="publish", help=__doc__, help_format="plaintext")


@app.default
def publish(
    run: Path,
    name: str,
    *,
    data: str,
    commit: str,
    command: str,
    features: str,
    features_command: str,
    protocol: str = "standard",
    hardware: str,
    words: str = "",
    options: Annotated[tuple[str, ...], Parameter(allow_leading_hyphen=True, consume_multiple=True)] = (),
    folder: Path = FOLDER,
) -> None:
    """Store, measure, and write the card.

    Parameters
    ----------
    run
        A run directory or a generator file.
    name
        What it is to be called.
    data
        The real images to measure against.
    commit
        Of the code that trained it.
    command
        That trained it.
    features
        Feature network of the numbers, as for `projgan evaluate`.
    features_command
        That made it.
    protocol
        Of the numbers.
    hardware
        That it was trained on.
    words
        What a person should know before using it, in a sentence or two.
    options
        Further ones of `projgan evaluate`, after `--options`.
    folder
        Where published models are.
    """
    generator, description = load_generator(generator_path(run))
    description = travelling(description)
    source = description.provenance.data
    if source not in NOTES:
        raise UserError(
            f"no licence note for data {source!r}{nearest_name(source, NOTES)}; write one here first"
        )
    path = folder / f"{name}.safetensors"
    asked = ["--data", data, "--features", features, "--protocol", protocol, *options]
    with TemporaryDirectory(prefix=".", dir=folder) as beside:  # what is published stays until this can be
        new = Path(beside) / path.name
        save_network(generator, description, new, dtype=torch.float16)
        if new.stat().st_size > LARGEST:
            size = new.stat().st_size
            raise UserError(f"{path}: {size:,} bytes are too many for the package (at most {LARGEST:,})")
        measured = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "projgan", "evaluate", str(new), *asked, "--json"],
            stdout=subprocess.PIPE,
            text=True,
        )
        if measured.returncode:
            raise UserError(f"{name} was not measured, so it is not published; the reason is above")
        new.replace(path)
    rows = [MetricRow.model_validate(row) for row in json.loads(measured.stdout)]
    shown = ["projgan", "evaluate", name, *(re.sub(r"(^|[:=])/.*/", r"\1", word) for word in asked)]
    facts = {
        "data": f"{source}, {description.provenance.images_seen:,} images shown in training",
        "trained with": f"`{command}`",
        "at commit": commit,
        "on": hardware,
        "steps": f"{description.provenance.step:,}",
        "weights": f"{sum(p.numel() for p in generator.parameters()):,} parameters, "
        + ("moving average, " if description.provenance.averaged else "")
        + f"float16, {path.stat().st_size:,} bytes",
        "sha256": f"`{file_sha256(path)}`",
    }
    card = [
        *heading(name, description, words),
        *table(facts),
        "",
        *numbers(rows, [features_command, shlex.join(shown)]),
        "",
    ]
    text = "\n".join([*card, "## Rights", "", NOTES[source]]) + "\n"
    write_atomically(folder / f"{name}.md", lambda file: file.write(text.encode()))
    print(path)


def heading(name: str, description: NetworkDescription, words: str) -> list[str]:
    """The first lines of a card: what it is, and how it is used."""
    first = description.class_names[0]
    return [
        f"# {name}",
        "",
        f"A generator of {description.provenance.data}: {', '.join(description.class_names)}.",
        *([words] if words else []),
        "",
        f"    projgan sample {name} --class {first} --count 64 --out {first}.png",
        "",
    ]


def numbers(rows: list[MetricRow], commands: list[str]) -> list[str]:
    """What was measured of the published file, and how."""
    return ["## Numbers", "", *(f"    {command}" for command in commands), "", *number_lines(rows)]


def main() -> int:
    """Run the command line; a mistake is one line."""
    try:
        app()
    except UserError as error:
        print(f"publish: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
