"""`projgan sample`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from projgan.commands.devices import Device
from projgan.commands.paths import NewPath, RunOrModel
from projgan.commands.printing import Json, Overwrite, dumps, show
from projgan.commands.progress import Say, counted


def sample(
    run: RunOrModel,
    *,
    class_: Annotated[list[str] | None, Parameter(name="--class", consume_multiple=True)] = None,
    mix: list[str] | None = None,
    count: int = 10,
    seed: int = 0,
    truncation: float | None = None,
    reject: float | None = None,
    batch_size: int | None = None,
    out: NewPath = Path("samples.png"),
    overwrite: Overwrite = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Generate images by class name, from a run or from its one generator file alone.

    Seeds SEED, SEED+1, ... give one image each, the same whatever else is sampled. --reject leaves
    images as they are, and what it keeps depends on the seeds drawn alone.

    Parameters
    ----------
    run
        A run directory, a `generator.safetensors`, or a model that `projgan models` lists.
    class_
        Class names, or `all`; every class if not given.
    mix
        Instead of classes, weights over them, as in `cat=0.3,dog=0.7`; several classes at once, as in
        `smiling=1,hat=1`; or numbers in the units of the data, as in `age=30,height=1.7`. What the generator
        was trained on decides which. May be given several times.
    count
        Images per class or mix.
    seed
        Seed of the first image.
    truncation
        Bound of the latents' entries: lower is more typical and less varied. Around 0.5 to 2.
    reject
        Share of the seeds to reject, as in 0.75: seeds are drawn until COUNT are left of each class once the
        discriminator's least real ones are gone. More precision, less variety.
    batch_size
        Images made between two writes; it changes nothing in them.
    out
        `FILE.png` for one grid with a row per class, else a folder with a folder of PNGs per class, which
        `projgan evaluate` and `--data` take.
    overwrite
        Write over what somebody else made, or another call.
    device
        auto takes a GPU where there is one.
    json
        Print what was written as JSON.
    """
    from projgan.generation.sample_files import SampleRequest, write_images
    from projgan.process.ranks import choose_device

    request = SampleRequest(
        run=run,
        classes=class_,
        mixes=mix,
        count=count,
        seed=seed,
        truncation=truncation,
        reject=reject,
        batch_size=batch_size,
        out=out,
        overwrite=overwrite,
        device=choose_device(device),
    )
    written = write_images(request, counted("sampling", " images"), counted("choosing", " images"), Say.line)
    if json:
        show(dumps(written.to_dict()))
    else:
        show(out if len(written.files) == 1 else f"{out}: {len(written.files)} images")
        if reject is not None:
            first, last = written.seeds
            show(f"{count} of seeds {first} to {last} kept for each; --json lists them")
