"""Names that a program gives to methods, losses and feature networks of its own; see `projgan.register_*`.

Settings are checked before torch is imported, so the names lie here, apart from what they name.
"""

import re
from collections.abc import Container
from typing import Any

from pydantic import ValidationInfo, ValidatorFunctionWrapHandler, WrapValidator

OF_ANY_PROGRAM = {"own_names": True}
"""Context in which a run is only looked at: names that another program gave are taken too."""
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

CLASSIFYING_OWN: dict[str, bool] = {}
"""Conditions of the discriminator, and whether each needs exactly one class per image."""
OWN_LOSSES: set[str] = set()
"""Adversarial losses."""


def is_name(word: object) -> bool:
    """Whether a method, a loss or a network can be called so: small letters, digits and hyphens."""
    return isinstance(word, str) and len(word) <= 60 and _NAME.fullmatch(word) is not None


def or_own(names: Container[str]) -> WrapValidator:
    """Return what lets one of these names pass beside the choices of a type."""

    def check(value: Any, choices: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        looked_at = info.context == OF_ANY_PROGRAM and is_name(value)
        return value if isinstance(value, str) and (value in names or looked_at) else choices(value)

    return WrapValidator(check)
