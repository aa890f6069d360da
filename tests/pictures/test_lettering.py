"""No box is drawn for any name, and what stands in place of a letter can be read."""

import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import features

from projgan.pictures import lettering
from projgan.pictures.lettering import NOWHERE, font, legible

BOX = bytes(font(16).getmask(NOWHERE))


@pytest.mark.parametrize(
    "name",
    [
        "café",
        "Ångström",
        "Łódź",
        "Việt Nam",
        "Ωμέγα",
        "Щука",
        "ґєї",
        "ქართული",
        "½ €",
        "naïve ﬁ",
        "α→β ♥",
        "",
    ],
)
def test_latin_greek_cyrillic_and_more_are_as_they_are(name: str) -> None:
    assert legible(name) == name


def test_a_name_is_composed_first() -> None:
    assert legible(unicodedata.normalize("NFD", "café")) == "café"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("猫", "U+732B"),
        ("日本 (Japan)", "U+65E5 U+672C (Japan)"),
        ("ねこ", "neko"),
        ("ネッコ", "netuko"),
        ("한국", "hangug"),
        ("a 🐈", "a [cat]"),
        ("🐈\ufe0f", "[cat]"),
        ("Ａ１", "A1"),
        ("𝐀", "A"),
        ("🇯🇵", "jp"),
        ("a\nb", "a U+000A b"),
        ("a\x1b[2J", "a U+001B [2J"),
        ("\u202eabc", "abc"),
        ("\u0378", "U+0378"),
        (NOWHERE, "U+10FFFF"),
    ],
)
def test_what_the_font_lacks_is_said_in_its_letters(name: str, shown: str) -> None:
    assert legible(name) == shown


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=20))
def test_no_letter_of_any_name_is_a_box(name: str) -> None:
    shown = legible(name)
    assert shown.isprintable()
    assert all(bytes(font(16).getmask(letter)) != BOX for letter in shown)
    assert legible(shown) == shown  # nothing that it says needs saying again


def test_letters_from_the_right_are_drawn_where_they_can_be_laid_out() -> None:
    assert legible("חת") == ("חת" if features.check("raqm") else "hettav")


def test_where_they_cannot_be_laid_out_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda feature: False)
    lettering._is_drawn.cache_clear()
    lettering._in_letters.cache_clear()
    try:
        assert legible("חת") == "hettav"
        assert legible("café") == "café"
    finally:
        lettering._is_drawn.cache_clear()
        lettering._in_letters.cache_clear()


def test_without_matplotlib_accents_are_dropped_rather_than_boxed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    caches = (lettering.font, lettering._is_drawn, lettering._in_letters)
    for cache in caches:
        cache.cache_clear()
    try:
        box = bytes(font(16).getmask(NOWHERE))
        assert all(bytes(font(16).getmask(letter)) != box for letter in legible("café Щ"))
        assert legible("café").startswith("caf")
    finally:
        for cache in caches:
            cache.cache_clear()


def test_the_font_costs_no_import_of_matplotlib() -> None:
    code = (
        "import sys; from projgan.pictures.lettering import legible\n"
        "legible('é'); print('matplotlib' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
