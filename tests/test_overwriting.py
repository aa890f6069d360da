"""What is somebody else's is not written over."""

import io
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from projgan.cli import run_command
from projgan.errors import UserError
from projgan.overwriting import MARK, claim_folder, is_ours, refuse_foreign
from projgan.pictures.animation import write_gif, write_mp4
from projgan.pictures.grids import write_png
from projgan.pictures.pillow import to_pil


def picture(size: int = 8) -> Image.Image:
    return to_pil(torch.randint(0, 256, (3, size, size), dtype=torch.uint8))


def theirs(path: Path) -> Path:
    content = io.BytesIO()
    picture().save(content, "GIF" if path.suffix == ".gif" else "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.getvalue())
    return path


def test_a_picture_says_what_made_it_and_anybody_elses_does_not(tmp_path: Path) -> None:
    write_png(picture(400), tmp_path / "a.png")
    write_gif([picture(400)] * 30, tmp_path / "a.gif", 0.1)
    assert is_ours(tmp_path / "a.png")
    assert is_ours(tmp_path / "a.gif")
    assert not is_ours(theirs(tmp_path / "b.png"))
    assert not is_ours(theirs(tmp_path / "b.gif"))
    assert not is_ours(tmp_path / "nothing")
    assert not is_ours(tmp_path)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no program ffmpeg is found")
def test_a_video_says_what_made_it(tmp_path: Path) -> None:
    ffmpeg = shutil.which("ffmpeg")
    assert ffmpeg
    write_mp4([picture(64)] * 900, tmp_path / "a.mp4", 0.02, ffmpeg)
    assert is_ours(tmp_path / "a.mp4")


def test_the_mark_in_a_picture_changes_no_pixel(tmp_path: Path) -> None:
    made = picture()
    write_png(made, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as again:
        assert again.tobytes() == made.tobytes()


def test_a_file_is_written_over_if_it_is_ours_or_if_that_is_asked_for(tmp_path: Path) -> None:
    write_png(picture(), tmp_path / "ours.png")
    foreign = theirs(tmp_path / "theirs.png")
    refuse_foreign([tmp_path / "ours.png", tmp_path / "nothing.png"])
    refuse_foreign([foreign], overwrite=True)
    with pytest.raises(
        UserError, match=r"theirs\.png: there already, and not written by projgan; .*--overwrite"
    ):
        refuse_foreign([tmp_path / "ours.png", foreign])
    for overwrite in (False, True):
        with pytest.raises(UserError, match="a folder; give a file in it"):
            refuse_foreign([tmp_path], overwrite)


def test_a_folder_is_taken_once_for_images_made_in_one_way(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    claim_folder(folder, {"seed": 1, "of": (1, 2)})
    claim_folder(folder, {"seed": 1, "of": (1, 2)})
    write_png(picture(), folder / "cat" / "ours.png")
    write_png(picture(), folder / "cat" / "seed000001.png")
    kept = theirs(folder / "cat" / "theirs.png")
    samples = folder / "run" / "samples" / "step-00001000.png"
    write_png(picture(), samples)
    with pytest.raises(
        UserError, match="has images made with seed 1, not 2; choose another --out, or add --over"
    ):
        claim_folder(folder, {"seed": 2, "of": (1, 2)})
    assert (folder / "cat" / "ours.png").exists()
    claim_folder(folder, {"seed": 2, "of": (1, 2)}, overwrite=True)
    assert kept.exists()
    assert not (folder / "cat" / "seed000001.png").exists()  # it would pass for one of seed 2
    assert (folder / "cat" / "ours.png").exists()  # no image of a folder of samples
    assert samples.exists()  # nor is a run's


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff", b'{"seed": 3}', b"[" * 10_000, b'{"seed": 1, "x": 2}']
)
def test_a_mark_that_is_damaged_is_that_of_other_images(tmp_path: Path, content: bytes) -> None:
    (tmp_path / MARK).write_bytes(content)
    with pytest.raises(UserError, match="has images made with"):
        claim_folder(tmp_path, {"seed": 1})
    claim_folder(tmp_path, {"seed": 1}, overwrite=True)
    claim_folder(tmp_path, {"seed": 1})


def test_a_folder_with_other_things_has_to_be_asked_for(tmp_path: Path) -> None:
    foreign = theirs(tmp_path / "photos" / "a.png")
    with pytest.raises(UserError, match="not empty, and holds no such images"):
        claim_folder(foreign.parent, {"seed": 1})
    assert not (foreign.parent / MARK).exists()
    claim_folder(foreign.parent, {"seed": 1}, overwrite=True)
    assert foreign.exists()
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / ".DS_Store").touch()
    claim_folder(tmp_path / "new", {"seed": 1})


def test_samples_of_two_generators_do_not_come_to_lie_beside_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["sample", "digits", "--class", "3", "--count", "1", "--out", "out"]
    assert run_command(words) == 0
    assert run_command([*words, "--seed", "1"]) == 0
    assert run_command([*words, "--truncation", "1"]) == 2
    assert "has images made with truncation None, not 1.0" in capsys.readouterr().err
    assert len(list(Path("out").rglob("*.png"))) == 2
    assert run_command([*words, "--truncation", "1", "--overwrite"]) == 0
    assert len(list(Path("out").rglob("*.png"))) == 1


@pytest.mark.parametrize(
    "words", ["sample digits --count 1", "morph digits --classes 1 2 --rows 1 --columns 2"]
)
def test_a_picture_of_somebody_else_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    theirs(Path("mine.png"))
    before = Path("mine.png").read_bytes()
    assert run_command([*words.split(), "--out", "mine.png"]) == 2
    assert capsys.readouterr().err == (
        "projgan: --out mine.png: there already, and not written by projgan; "
        "choose another --out, or add --overwrite\n"
    )
    assert Path("mine.png").read_bytes() == before
    assert run_command([*words.split(), "--out", "mine.png", "--overwrite"]) == 0
    assert run_command([*words.split(), "--out", "mine.png"]) == 0  # ours now
