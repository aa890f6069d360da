"""Words that no one means well with: names, numbers and texts, and JSON with such things in it."""

import json
import random
from typing import Any

DIGITS = "9" * 5000
"""More than Python turns into a number without being told so."""
NAMES = (
    *("../x", "/etc/x", "a/../../x", "C:/x", "a:b", "a\\..\\b", ".", "..", "./", "", " ", "-", "--out"),
    *("\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "a\nb", "a\tb", "a\rb", "\x00", "\x7f", "\x9b31m"),
    *("\u202eegnp.exe", "e\u0301", "\u00e9", "\ufeff", "\ud800", "\udcff", "\U0001f600", "\ufdd0"),
    *("x" * 300, "x/" * 200, "é" * 5000, "CON", "~", "$(touch hacked)", "`id`", "{0}", "%s", "*", "[a-z]"),
    *("None", "null", "true", "0", "-1", "1e999", "nan", "inf", DIGITS, "0x_", "1_000", "٣", "²"),
)
TEXTS = (
    *("2024-13-45", "0x_", "!!bool maybe", "!!python/object/apply:os.system [touch hacked]", "!!set {a}"),
    *("!!timestamp x", "!!binary x", "!!int x", "!!float x", "*a", "&a [*a]", "{a: {b: {c: 1}}}", "[1, [2]]"),
    *(
        "null",
        "[null]",
        "[]",
        "{}",
        "- a",
        "? a",
        "| text",
        "<<: 1",
        "12:30:45",
        "1e",
        ".inf",
        "-.nan",
        "0o17",
    ),
    *("'", '"', "[", "{" * 3000, "[" * 30_000, "%TAG", "\t", "@", "`", "\x07", "\x85", "\u2028"),
)


_HUGE = "a number of many digits"


def hostile_dumps(value: Any) -> str:
    """JSON in which numbers may have more digits than `json.dumps` writes."""
    return json.dumps(value).replace(json.dumps(_HUGE), DIGITS)


def hostile_text(source: random.Random) -> str:
    """A word for a cell, a name or a value."""
    return source.choice(NAMES if source.random() < 0.6 else TEXTS)


def hostile_value(source: random.Random) -> Any:
    """A value of JSON in the place of another."""
    return source.choice(
        (
            *(None, True, -1, 0, 10**6, 2**63, 10**4000, 1e308, float("nan"), float("inf"), "", [], {}),
            *(
                _HUGE,
                _HUGE,
                [[]] * 3,
                {"a": {}},
                "x" * 10_000,
                "\x1b[31m",
                "\udcff",
                "\x00",
                [None],
                ["a"] * 3,
                0.5,
            ),
        )
    )


def hostile_json(value: Any, source: random.Random) -> Any:
    """The value with one part of it, wherever it is, replaced, left out or given another name."""
    places = list(_places(value))
    if not places:
        return hostile_value(source)
    for _ in range(source.choice((1, 1, 2))):
        container, key = source.choice(places)
        match source.randrange(6):
            case 0 if isinstance(container, dict):
                container.pop(key, None)
            case 1 if isinstance(container, dict) and key in container:
                container[str(hostile_text(source))] = container.pop(key)
            case _:
                if isinstance(container, dict) or key < len(container):
                    container[key] = hostile_value(source)
    return value


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inside in list(items):
        yield value, key
        yield from _places(inside)
