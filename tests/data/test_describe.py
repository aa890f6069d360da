import json

import pytest

from projgan.data import describe
from projgan.errors import UserError


@pytest.fixture
def mixed(write_files, png):
    """cat: 20 images of 4x4; dog: one of 6x8, one broken; all RGB but two grey ones of cat."""
    files = {f"cat/{index:02}.png": png(index) for index in range(18)}
    files |= {"cat/18.png": png(1, mode="L"), "cat/19.jpg": png(1, mode="L", kind="JPEG")}
    return write_files(files | {"dog/a.png": png(size=(6, 8)), "dog/b.png": b"broken", "dog/notes.txt": b"x"})


def test_facts(mixed):
    facts = describe(mixed)
    assert (facts.kind, facts.name, facts.split, facts.splits) == ("folder of class folders", "set", None, ())
    assert facts.count == 22
    assert facts.classes == {"cat": 20, "dog": 2}
    assert facts.imbalance == 10
    assert (facts.width.minimum, facts.width.median, facts.width.maximum) == (4, 4, 6)
    assert (facts.height.minimum, facts.height.median, facts.height.maximum) == (4, 4, 8)
    assert facts.sizes == {"4x4": 20, "6x8": 1}
    assert facts.modes == {"RGB": 19, "L": 2}
    assert facts.formats == {"PNG": 20, "JPEG": 1}
    assert [(bad.name, bad.reason[:12]) for bad in facts.unreadable] == [("dog/b.png", "not an image")]
    assert facts.bytes == sum(path.stat().st_size for path in mixed.rglob("*.*g"))


def test_remarks(mixed):
    (mixed / "emu").mkdir()
    remarks = describe(mixed).remarks
    assert any("class folder 'emu' is empty" in remark for remark in remarks)
    assert "class dog has 2 images, 1/10 of the largest" in remarks
    assert "2 greyscale images in a set of colour become RGB" in remarks
    assert (
        "sizes vary from 4x4 to 6x8: each image is cut to its centre square and resized (see data.fit)"
        in remarks
    )
    assert any("1 images cannot be read" in remark for remark in remarks)
    assert any("1 files that are not images by name" in remark for remark in remarks)


def test_a_clean_set_has_nothing_to_remark(two_classes):
    assert describe(two_classes).remarks == ()


def test_one_class_is_remarked(write_files, png):
    assert (
        "one class only: conditional training needs two"
        in describe(write_files({"cat/a.png": png()})).remarks
    )


def test_a_broken_file_is_found_by_decoding_not_by_its_header(write_files, png):
    whole = png(size=(64, 64), kind="BMP")
    folder = write_files({"cat/a.bmp": whole, "cat/b.bmp": whole[:-100], "dog/c.bmp": whole})
    assert [bad.name for bad in describe(folder).unreadable] == ["cat/b.bmp"]


def test_json_has_plain_values(mixed):
    facts = json.loads(json.dumps(describe(mixed).to_dict()))
    assert facts["classes"] == {"cat": 20, "dog": 2}
    assert facts["unreadable"][0]["name"] == "dog/b.png"
    assert facts["width"] == {"minimum": 4, "median": 4, "maximum": 6}


def test_text(mixed):
    lines = describe(mixed).to_text().splitlines()
    assert "images     22, " in lines[2]
    assert "sizes      4x4 (20), 6x8 (1)" in lines
    assert "  cat         20" in lines
    assert any(line.startswith("  dog/b.png: not an image") for line in lines)
    assert "note: class dog has 2 images, 1/10 of the largest" in lines


def test_many_classes_are_abbreviated_to_the_largest_and_smallest(write_files, png):
    files = {
        f"class{label:02}/{index}.png": png() for label in range(40) for index in range(1 + (label == 7))
    }
    facts = describe(write_files(files))
    lines = facts.to_text().splitlines()
    assert "  class07          2" in lines
    assert "  … 30 classes between" in lines
    assert sum(line.startswith("  class") for line in lines) == 10
    assert len(facts.to_dict()["classes"]) == 40


def test_progress(two_classes):
    seen = []
    describe(two_classes, progress=lambda *step: seen.append(step))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_nothing_to_describe(tmp_path):
    with pytest.raises(UserError, match="holds no images"):
        describe(tmp_path)
