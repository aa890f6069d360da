"""`projgan models`."""

from projgan.commands.printing import Json, dumps, show
from projgan.errors import UserError, nearest_name


def models(name: str | None = None, /, *, json: Json = False) -> None:
    """List the generators that come with the package; `sample`, `morph` and `evaluate` take their names.

    Parameters
    ----------
    name
        Print the card of this one: its data, commands, numbers and licence.
    json
        Print as JSON.
    """
    from projgan.storage.network_file import load_generator
    from projgan.storage.published_models import model_card, model_names, model_path

    if name is not None:
        path = model_path(name)
        if path is None:
            raise UserError(f"unknown model {name!r}{nearest_name(name, model_names())}")
        card = model_card(name)
        show(dumps({"name": name, "path": str(path), "card": card}) if json else card.rstrip())
        return
    loaded = {each: load_generator(path) for each in model_names() if (path := model_path(each))}
    if json:
        rows = [
            {"name": each, "resolution": generator.resolution, "class_names": description.class_names}
            for each, (generator, description) in loaded.items()
        ]
        show(dumps(rows))
        return
    for each, (generator, description) in loaded.items():
        size = f"{generator.resolution}x{generator.resolution}"
        show(f"{each:12} {description.provenance.data}, {size}: {', '.join(description.class_names)}")
