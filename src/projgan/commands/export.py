"""`projgan export`."""

from pathlib import Path
from typing import Literal

from projgan.commands.paths import NewPath, RunOrModel
from projgan.commands.printing import Json, Overwrite, dumps
from projgan.errors import UserError
from projgan.files import why_not_writable
from projgan.hub.names import hub_name, is_hub_name


def export(
    run: RunOrModel,
    /,
    *,
    to: Literal["onnx", "torch"] = "onnx",
    out: NewPath | None = None,
    condition: Literal["labels", "weights"] = "weights",
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Write a generator as ONNX or as a torch program, checked against torch on every class first.

    The number of images is free. Class names and how to draw latents are in the file's metadata; ten lines
    of Python that use the file are printed.

    Parameters
    ----------
    run
        A run directory, a generator's file, a model that `projgan models` lists, or `hf:USER/NAME`.
    to
        `onnx` (extra `onnx`), or `torch`: a program that `torch.export.load` reads.
    out
        File to write; GENERATOR.onnx or GENERATOR.pt2 in the current folder if not given.
    condition
        What the file takes beside the latents: mixing `weights` of all classes (a class is its one-hot row),
        or int64 `labels`.
    overwrite
        Write over what somebody else made, or another call.
    json
        Print the result as JSON.
    """
    from projgan.export.examples import example
    from projgan.export.exporting import SUFFIXES, export
    from projgan.storage.checkpoint_generators import open_generator
    from projgan.storage.network_file import generator_path

    out = out or Path(f"{_name_of(run)}{SUFFIXES[to]}")
    if out.suffix != SUFFIXES[to]:
        raise UserError(f"--out {out}: a file for {to} ends in {SUFFIXES[to]}")
    if out.is_dir():
        raise UserError(f"--out {out}: a folder; give a file in it")
    if out.exists() and not overwrite:
        raise UserError(f"{out} is there already; give another --out, or --overwrite")
    reason = why_not_writable(out.parent)
    if reason:  # before a minute is spent on the file
        raise UserError(f"--out {out}: cannot be written ({reason}); choose another place")
    generator, description = open_generator(generator_path(run))
    labels = condition == "labels"
    difference = export(generator, description, out, kind=to, labels=labels)
    if json:
        print(dumps({"out": str(out), "to": to, "condition": condition, "largest_difference": difference}))
        return
    print(f"{out}: up to {difference:.1g} from torch's images on every class\n")
    print(example(to, out, generator.condition, labels))


def _name_of(run: Path) -> str:
    if run.is_dir():
        return run.resolve().name
    return hub_name(run).repository.split("/")[1] if is_hub_name(run) else run.stem
