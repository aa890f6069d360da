"""Any class as a folder and back."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projgan.data.class_folders import class_of_folder, folder_names

NAMES = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=30).map(
    lambda name: unicodedata.normalize("NFC", name)
)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("cat", "cat"),
        ("tench, Tinca tinca", "tench, Tinca tinca"),
        ("café", "café"),
        ("cafe\u0301", "café"),
        ("猫 🐈", "猫 🐈"),
        ("-rf", "-rf"),
        ("50%", "50%"),
        ("100% cotton", "100% cotton"),
        ("cat=0.3,dog=0.7", "cat=0.3,dog=0.7"),
        ("a/b", "a%2Fb"),
        ("a\\b", "a%5Cb"),
        ("12:30", "12%3A30"),
        ("a%2Fb", "a%252Fb"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("../../etc/x", "%2E.%2F..%2Fetc%2Fx"),
        (".hidden", "%2Ehidden"),
        ("end.", "end%2E"),
        ("end ", "end%20"),
        (" start", "%20start"),
        ("CON", "%43ON"),
        ("con.txt", "%63on.txt"),
        ("lpt1", "%6Cpt1"),
        ("Aux .b", "%41ux .b"),
        ("console", "console"),
        ("train", "%74rain"),
        ("Test", "%54est"),
        ("trainer", "trainer"),
        ("train_images", "%74rain_images"),
        ("@eaDir", "%40eaDir"),
        ("Thumbs.db", "%54humbs.db"),
        ("line\nbreak", "line%0Abreak"),
        ("nul\0", "nul%00"),
        ("\u202eevil", "%E2%80%AEevil"),
    ],
)
def test_names_by_hand(name: str, folder: str) -> None:
    assert folder_names([name]) == [folder]
    assert class_of_folder(folder) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(
    "folder", ["a%20b", "%zz", "%", "100%25", "a%2fb", "%FF", "caf%C3%A9", "a%2Fb%20c", "%41BC%41"]
)
def test_what_we_would_not_write_is_taken_as_it_is(folder: str) -> None:
    assert class_of_folder(folder) == folder or folder_names([class_of_folder(folder)]) == [folder]
    if folder not in {"100%25"}:
        assert class_of_folder(folder) == folder


@given(st.lists(NAMES, min_size=1, max_size=8, unique=True))
def test_every_class_has_a_folder_of_its_own_that_tells_its_name(names: list[str]) -> None:
    folders = folder_names(names)
    assert len({folder.casefold() for folder in folders}) == len(names)
    assert [class_of_folder(folder) for folder in folders] == names
    for folder in folders:
        assert folder.isprintable()
        assert not folder.startswith(".")
        assert not set('<>:"/\\|?*') & set(folder)
        assert Path(folder).name == folder
        assert unicodedata.normalize("NFC", folder) == folder


@pytest.mark.parametrize(
    "names",
    [
        ["Polish", "polish", "POLISH"],  # one folder on a disk that does not tell case apart
        ["crane", "crane", "crane"],  # the bird and the machine of ImageNet
        ["a", "%61"],
        ["con", "%63on", "CON"],
        ["ß", "SS", "ss"],
    ],
)
def test_names_that_would_share_a_folder_do_not(names: list[str]) -> None:
    folders = folder_names(names)
    assert len({folder.casefold() for folder in folders}) == len(names)
    assert [class_of_folder(folder) for folder in folders] == names


def test_the_rest_of_the_classes_decides_nothing_but_who_comes_first() -> None:
    assert folder_names(["polish", "x", "Polish"])[::2] == ["polish", "%50olish"]
    assert folder_names(["Polish", "polish"]) == ["Polish", "%70olish"]


@pytest.mark.parametrize("name", ["x" * 4096, "犬" * 120, "/" * 100, "🐕" * 70])
def test_long_names_are_cut_and_told_apart(name: str) -> None:
    folders = folder_names([name, name + "y", name + "z"])
    assert len(set(folders)) == 3
    assert all(len(folder.encode()) <= 200 for folder in folders)
    assert all(class_of_folder(folder) == folder or "%" in folder for folder in folders)


def test_a_class_without_a_name_has_a_folder() -> None:
    assert folder_names(["", "_"]) == ["_", "%5F"]
