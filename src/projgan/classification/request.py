"""What may be asked of labelled images: a classifier, whose form is that of the images if nothing is said."""

from pathlib import Path

from projgan.classification.settings import (
    Channels,
    ClassifierRecipe,
    ClassifierSettings,
    Resolution,
    Shift,
)
from projgan.errors import UserError
from projgan.listening import Count
from projgan.networks.shapes import MAX_RESOLUTION, MIN_RESOLUTION


class ClassifierRequest(ClassifierRecipe):
    """How a classifier is trained, where the images may decide the rest."""

    resolution: Resolution | None = None
    """Height and width in pixels, 8 to 512; that of the images if they all have one."""
    channels: Channels | None = None
    """1 for grey, 3 for RGB; that of the images if not given."""
    shift: Shift | None = None
    """Largest number of pixels to move an image by; if not given, a sixteenth of the resolution, at most
    7."""

    def settings(self, location: str, out: Path, progress: Count | None = None) -> ClassifierSettings:
        """Return all settings; what is None is chosen by the images, from their headers alone.

        Raises:
            UserError: no images, images of several sizes and no resolution given, or a folder as `out`.
        """
        if out.is_dir():
            raise UserError(f"{out} is a folder; give --out the name of a file in it")
        resolution, channels, shift = self.resolution, self.channels, self.shift
        if resolution is None or channels is None:
            from projgan.data import open_source, survey

            seen = survey(open_source(location), progress)
            resolution = _allowed(seen.resolution, location) if resolution is None else resolution
            channels = channels or (1 if seen.grey == seen.modes.total() else 3)
        if shift is None:
            shift = min(resolution // 16, MIN_RESOLUTION - 1)
        recipe = {key: getattr(self, key) for key in ClassifierRecipe.model_fields}
        return ClassifierSettings(resolution=resolution, channels=channels, shift=shift, **recipe)


def _allowed(resolution: int | None, location: str) -> int:
    if resolution is None:
        raise UserError(
            f"{location}: the images are not all squares of one size; give --resolution, such as 32"
        )
    if not MIN_RESOLUTION <= resolution <= MAX_RESOLUTION:
        raise UserError(
            f"{location}: the images are {resolution}x{resolution}, and a classifier takes "
            f"{MIN_RESOLUTION} to {MAX_RESOLUTION} pixels; give --resolution"
        )
    return resolution
