"""Settings from presets and YAML files to a checked configuration, and what a mistake in them is called."""

import re
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from projgan.config.plain_yaml import PlainLoader
from projgan.config.run_config import RunConfig
from projgan.errors import UserError, nearest_name, printable, quoted, reason_of


def preset_names() -> list[str]:
    """Return the names of the built-in presets."""
    return sorted(
        entry.name.removesuffix(".yaml")
        for entry in (resources.files("projgan") / "presets").iterdir()
        if entry.name.endswith(".yaml")
    )


def read_preset(preset: str, context: dict[str, bool] | None = None) -> tuple[dict[str, Any], str]:
    """Return the settings of a built-in preset or a YAML file, unchecked, and where they came from.

    With `OF_ANY_PROGRAM` as the context, methods and losses may have names of which nothing is known here.

    Raises:
        UserError: no such preset or file, or not a mapping in YAML.
    """
    path = Path(preset)
    if path.suffix in {".yaml", ".yml"}:
        if not path.is_file():
            raise UserError(f"{preset}: no such file; give a YAML file or a preset's name")
        if path.stat().st_size > 1 << 20:
            raise UserError(f"{preset}: larger than 1 MiB, so not a configuration")
        text, place = path.read_text(encoding="utf-8", errors="replace"), preset
    elif preset in preset_names():
        text = (resources.files("projgan") / "presets" / f"{preset}.yaml").read_text(encoding="utf-8")
        place = f"preset {preset}"
    else:
        raise UserError(f"unknown preset {preset!r}{nearest_name(preset, preset_names())}")
    try:
        settings = yaml.load(text, PlainLoader)  # a SafeLoader  # noqa: S506
    except Exception as error:  # YAML makes dates and numbers of words, and fails at it in many ways
        raise UserError(f"{place}: not valid YAML: {reason_of(error)}") from None
    if not isinstance(settings, dict) or not all(map(_is_section, settings, settings.values())):
        raise UserError(
            f"{place}: expected sections ({', '.join(RunConfig.model_fields)}), each with its keys and "
            "their values, which are single or plain lists"
        )
    _check_values(settings, place, context)
    return settings, place


def _check_values(settings: dict[str, Any], place: str, context: dict[str, bool] | None) -> None:
    """Refuse a key or a value by itself; whether they fit together shows when the command line has spoken."""
    try:
        RunConfig.model_validate(settings, context=context)
    except ValidationError as error:
        for found in error.errors():
            if len(found["loc"]) > 1:
                raise UserError(f"{place}: {_explained(found)}") from None


def _is_section(name: object, keys: object) -> bool:
    """Whether these are names and flat values; YAML can also make a mapping that contains itself."""
    if not isinstance(name, str) or not isinstance(keys, dict):
        return False
    return all(
        isinstance(key, str)
        and not isinstance(value, dict)
        and not (isinstance(value, list) and any(isinstance(part, dict | list) for part in value))
        for key, value in keys.items()
    )


def check_config(settings: dict[str, Any], place: str, context: dict[str, bool] | None = None) -> RunConfig:
    """Turn plain settings into a checked configuration.

    Raises:
        UserError: naming the key, what is wrong with it and the nearest valid one.
    """
    try:
        return RunConfig.model_validate(settings, context=context)
    except ValidationError as error:
        raise UserError(f"{place}: {explain(error)}") from None


def load_config(preset: str, context: dict[str, bool] | None = None) -> RunConfig:
    """Load a built-in preset or a YAML file; see `read_preset`."""
    return check_config(*read_preset(preset, context), context)


def dump_config(config: RunConfig) -> str:
    """Return the configuration as YAML that `load_config` reads back."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def differing_keys(one: RunConfig, other: RunConfig) -> dict[str, tuple[Any, Any]]:
    """Return the dotted keys on which two configurations differ, with both values."""
    ours, theirs = one.model_dump(), other.model_dump()
    return {
        f"{section}.{key}": (value, theirs[section][key])
        for section, values in ours.items()
        for key, value in values.items()
        if value != theirs[section][key]
    }


def explain(error: ValidationError) -> str:
    """Say in one line what pydantic found first."""
    return _explained(error.errors()[0])


def _explained(first: ErrorDetails) -> str:
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        key = printable(key)
        section = RunConfig.model_fields.get(str(first["loc"][0]))
        in_section = len(first["loc"]) > 1 and section is not None and section.annotation is not None
        known = section.annotation.model_fields if in_section else RunConfig.model_fields  # type: ignore[union-attr]
        prefix = f"{first['loc'][0]}." if in_section else ""
        return f"unknown key {key}{nearest_name(key, [prefix + name for name in known])}"
    message = first["msg"].removeprefix("Value error, ")
    if not key:
        return message
    if first["type"] == "value_error":
        return message
    where = f"{printable(key)} is {quoted(first['input'])}"
    return f"{where}: {message[0].lower()}{message[1:]}{_how_to_write_it(first)}{_if_it_is_own(key)}"


def _how_to_write_it(error: ErrorDetails) -> str:
    """What to do about a comma where none belongs; "" for any other mistake."""
    word = error["input"]
    if not isinstance(word, str) or "," not in word:
        return ""
    if error["type"] == "float_parsing" and re.fullmatch(r"[-+]?\d*,\d+", word):
        return f"; write it with a point, {word.replace(',', '.')}"
    if error["type"] == "tuple_type" or isinstance(error["loc"][-1], int):
        option = ".".join(str(part) for part in error["loc"] if isinstance(part, str)).replace("_", "-")
        return "; " + as_words_of_their_own(f"--{option}", word)
    return ""


def _if_it_is_own(key: str) -> str:
    """What is missing where the name of a method or a loss is not one of the package's."""
    if key not in ("discriminator.condition", "loss.adversarial"):
        return ""
    return ", or one of your own, in a program that registers it"


def as_words_of_their_own(option: str, word: str) -> str:
    """Say how to give several values to one option, where `a,b` was given."""
    parts = [part.strip() for part in printable(word).strip("[]").split(",") if part.strip()]
    if len(parts) < 2:
        return "give several as words of their own, without commas"
    return (
        f"give several as words of their own, {option} {' '.join(parts)}, "
        f"or as a list in YAML, [{', '.join(parts)}]"
    )
