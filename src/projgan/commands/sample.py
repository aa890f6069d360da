"""`projgan sample`."""

from projgan.commands.options import Asked, Device
from projgan.commands.paths import RunOrModel
from projgan.commands.printing import Json, dumps, show, show_files
from projgan.commands.progress import Say, counted
from projgan.generation.request import SampleRequest


def sample(
    run: RunOrModel,
    *,
    request: Asked[SampleRequest] = SampleRequest(),
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Generate images by class name, from a run or from its one generator file alone.

    Seeds SEED, SEED+1, ... give one image each, the same whatever else is sampled. --reject leaves
    images as they are, and what it keeps depends on the seeds drawn alone.

    Parameters
    ----------
    run
        A run directory, a `generator.safetensors`, a checkpoint that a run has kept, a model that `projgan
        models` lists, or `hf:USER/NAME`.
    device
        auto takes a GPU where there is one.
    json
        Print what was written as JSON.
    """
    from projgan.generation.sample_writing import write_images
    from projgan.process.ranks import choose_device

    told = counted("sampling", " images"), counted("choosing", " images"), Say.line
    written = write_images(run, request, choose_device(device), *told)
    if json:
        show(dumps(written.to_dict()))
    else:
        show_files(request.out, written.files)
        if request.reject is not None:
            first, last = written.seeds
            show(f"{request.count} of seeds {first} to {last} kept for each; --json lists them")
