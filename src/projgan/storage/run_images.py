"""The images that a run was trained on, or others in their place."""

from pathlib import Path

from projgan.config import DataConfig, load_config
from projgan.config.own_names import OF_ANY_PROGRAM
from projgan.config.request import ImagesRequest
from projgan.errors import UserError
from projgan.storage.hub_models import known_as
from projgan.storage.run_directory import RunDirectory


def images_of_run(
    run: Path, location: str | None, request: ImagesRequest | None = None, *, remedy: str
) -> DataConfig:
    """Return where the images are: at the location that is given, or where those of the run were.

    Args:
        run: a run directory, or a file, which says nothing of its images.
        location: labelled images; None for those of the run.
        request: what else is said of them.
        remedy: how to give some.

    Raises:
        UserError: the run says nothing of its images.
    """
    request = request or ImagesRequest()
    if location is not None:
        return request.of(DataConfig(source=location))
    config = RunDirectory(run).config
    if not config.is_file():
        raise UserError(f"{known_as(run)}: does not say which images it was trained on; {remedy}")
    return request.of(load_config(str(config), OF_ANY_PROGRAM).data)
