"""Images that `projgan invert` has found, drawn and morphed."""

from pathlib import Path

import pytest

from explored_pages import assert_equal, found_in, pixels_in, written
from projgan.errors import UserError
from projgan.explore.found_tab import drawn
from projgan.explore.morph_tab import end_names, morphed
from projgan.explore.subjects import Subject, open_subjects


def test_found_images_are_drawn_as_found_and_in_other_classes(
    looked_for: Subject, uninterrupted: Path, tmp_path: Path
) -> None:
    html = drawn(looked_for, [0, 1], [6])
    theirs = written(tmp_path / "a", uninterrupted, classes=["3", "6"], seed=8, count=1)
    theirs += written(tmp_path / "b", uninterrupted, mix=["4=0.25,5=0.75"], seed=9, count=1)
    theirs += written(tmp_path / "c", uninterrupted, classes=["6"], seed=9, count=1)
    assert_equal(pixels_in(html), theirs)
    assert "as found: 3<" in html
    assert "as found: 5 0.75, 4 0.25<" in html
    assert "&lt;b&gt;three.png" in html
    assert "/photos" not in html
    assert len(pixels_in(drawn(looked_for, [1], []))) == 1
    for images, classes in (([], []), ([2], []), (["/etc/passwd"], []), ([0], [10])):
        with pytest.raises(UserError):
            drawn(looked_for, images, classes)


def test_morphs_go_from_and_to_found_images(looked_for: Subject, uninterrupted: Path, tmp_path: Path) -> None:
    assert looked_for.maker is not None
    assert end_names(looked_for.maker)[10:] == ["<b>three.png", "mixed.png"]
    three, six = written(tmp_path / "a", uninterrupted, classes=["3", "6"], seed=8, count=1)
    mix = written(tmp_path / "b", uninterrupted, mix=["4=0.25,5=0.75"], seed=9, count=1)[0]
    other = written(tmp_path / "c", uninterrupted, classes=["6"], seed=2, count=1)[0]
    for first, last, seed, to_seed, ends in (
        (10, 11, 0, "", [three, mix]),
        (10, 6, 0, "", [three, six]),  # its latent stays
        (10, 6, 0, "2", [three, other]),
        (6, 11, 2, "", [other, mix]),
    ):
        html = morphed(looked_for, first, last, seed, to_seed, 3, "")
        frames = pixels_in(html)[1:]
        assert_equal([frames[0], frames[2]], ends)
        assert "projgan morph" not in html  # which goes through all of a file
    assert_equal(pixels_in(morphed(looked_for, 10, 11, 0, "", 3, "0.5"))[3:], [mix])  # not truncated
    with pytest.raises(UserError, match="nothing changes"):
        morphed(looked_for, 11, 11, 0, "", 3, "")
    with pytest.raises(UserError, match=r"mixed\.png has its own latent; empty the field To seed"):
        morphed(looked_for, 0, 11, 0, "5", 3, "")
    with pytest.raises(UserError, match="a class is 12"):
        morphed(looked_for, 12, 0, 0, "", 3, "")


def test_latents_belong_to_the_run_that_they_were_found_in(uninterrupted: Path, tmp_path: Path) -> None:
    file = found_in(uninterrupted, tmp_path / "found")
    both = open_subjects([Path("digits"), uninterrupted], latents=[file])
    assert [len(subject.maker.found) for subject in both if subject.maker] == [0, 2]
    again = open_subjects([uninterrupted], latents=[file, found_in(uninterrupted, tmp_path / "again")])[0]
    assert again.maker is not None
    assert [one.name for one in again.maker.found] == [
        "<b>three.png", "mixed.png", "<b>three.png (2)", "mixed.png (2)",
    ]  # fmt: skip
    with pytest.raises(UserError, match="found in another generator; name the run that it was found in"):
        open_subjects([Path("digits")], latents=[file])
    with pytest.raises(UserError, match="no such file; `projgan invert RUN IMAGE` makes one"):
        open_subjects([uninterrupted], latents=[tmp_path / "none"])
    with pytest.raises(UserError, match="102 found images are too many; give at most 100"):
        open_subjects(
            [uninterrupted], latents=[found_in(uninterrupted, tmp_path / str(place)) for place in range(51)]
        )
