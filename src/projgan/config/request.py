"""Which images a command is to take, and what to do about those that cannot be read."""

from typing import Literal

from projgan.config.sections import DataConfig
from projgan.request import NewPath, Request


class ImagesRequest(Request):
    """What a person says of the images of a run, or of others in their place."""

    split: str | None = None
    """Part of the data, such as `test`; the training part if not given."""
    cache: NewPath | None = None
    """Folder of decoded images; `~/.cache/projgan` if not given."""
    on_unreadable: Literal["error", "skip"] | None = None
    """What to do about images that cannot be decoded; as the run was trained, else `error`, if not given."""

    def of(self, settings: DataConfig) -> DataConfig:
        """Return the settings of some images with what is asked for in place of theirs."""
        asked = {"split": self.split, "cache": self.cache, "on_unreadable": self.on_unreadable}
        return settings.model_copy(update={key: value for key, value in asked.items() if value is not None})
