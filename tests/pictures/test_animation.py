"""GIF read back by Pillow, and MP4 by programs that stand in for ffmpeg."""

import itertools
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from projgan.errors import UserError
from projgan.pictures.animation import there_and_back, write_gif, write_mp4


def noise(count: int, side: int = 24, levels: int = 256, channels: int = 3) -> list[Image.Image]:
    draw = np.random.default_rng(0)
    arrays = draw.integers(0, levels, (count, side, side, channels), dtype=np.uint8)
    return [Image.fromarray(np.broadcast_to(array, (side, side, 3)).copy()) for array in arrays]


def program(folder: Path, script: str) -> str:
    path = folder / "ffmpeg"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    return str(path)


KEEP = 'for last; do :; done\ncat > "${last#file:}"\nprintf "%s\\n" "$@" > "$0.words"\n'
"""Keeps what comes in as what goes out, and the words it was called with."""


def test_there_and_back_shows_each_end_once() -> None:
    frames = noise(4)
    loop = there_and_back(frames)
    assert [frames.index(frame) for frame in loop] == [0, 1, 2, 3, 2, 1]
    assert [frames[:2].index(frame) for frame in there_and_back(frames[:2])] == [0, 1]


def test_a_gif_has_its_frames_its_times_and_no_end(tmp_path: Path) -> None:
    told = []
    path = tmp_path / "new" / "a.gif"
    write_gif(noise(6), path, 0.069, lambda done, total: told.append((done, total)))
    with Image.open(path) as gif:
        assert gif.n_frames == 6
        assert gif.info["loop"] == 0
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(gif)]
    assert durations == [70, 70, 70, 70, 60, 70]  # round(6.9 n) = 7, 14, 21, 28, 34, 41 hundredths
    assert told == [(done, 6) for done in range(1, 7)]


def test_grey_frames_come_back_exactly(tmp_path: Path) -> None:
    """Grey has 256 levels at most, as many as a palette."""
    frames = noise(5, channels=1)
    write_gif(frames, tmp_path / "a.gif", 0.05)
    with Image.open(tmp_path / "a.gif") as gif:
        for found, frame in zip(ImageSequence.Iterator(gif), frames, strict=True):
            np.testing.assert_array_equal(found.convert("RGB"), frame)


def test_every_frame_has_a_palette_of_its_own(tmp_path: Path) -> None:
    """Each frame has 250 colours, all of them together 1000, and every one comes back."""
    frames = []
    for index in range(4):
        array = np.zeros((25, 10, 3), dtype=np.uint8)
        array[..., 0] = np.arange(250).reshape(25, 10)
        array[..., 1] = 60 * index
        frames.append(Image.fromarray(array))
    write_gif(frames, tmp_path / "a.gif", 0.05)
    with Image.open(tmp_path / "a.gif") as gif:
        for found, frame in zip(ImageSequence.Iterator(gif), frames, strict=True):
            np.testing.assert_array_equal(found.convert("RGB"), frame)


def test_mp4_frames_reach_ffmpeg_byte_for_byte(tmp_path: Path) -> None:
    frames = noise(3, side=25)
    told = []
    write_mp4(
        frames,
        tmp_path / "-y a.mp4",
        0.08,
        program(tmp_path, KEEP),
        lambda done, total: told.append((done, total)),
    )
    assert (tmp_path / "-y a.mp4").read_bytes() == b"".join(frame.tobytes() for frame in frames)
    words = (tmp_path / "ffmpeg.words").read_text().splitlines()
    options = dict(itertools.pairwise(words))
    assert options["-video_size"] == "25x25"
    assert options["-pixel_format"] == "rgb24"
    assert options["-framerate"] == "12.5"
    assert words[-1].startswith("file:/")
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["-y a.mp4", "ffmpeg", "ffmpeg.words"]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (KEEP + "echo 'Unknown encoder' >&2; echo x264 >&2; exit 3", "3: Unknown encoder x264"),
        ("exit 4", "4: no word"),  # before it has read anything
        ("exit 0", "-1: no word"),
        ("head -c 1000000 /dev/zero >&2; cat > /dev/null; exit 5", "5: "),  # more than a pipe holds
    ],
)
def test_an_ffmpeg_that_fails_leaves_what_was_there(tmp_path: Path, script: str, message: str) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"before")
    with pytest.raises(UserError) as caught:
        write_mp4(noise(20, side=100), path, 0.1, program(tmp_path, script))
    assert str(caught.value).startswith(f"{path}: ffmpeg failed with exit code {message}")
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == b"before"
    assert {entry.name for entry in tmp_path.iterdir()} <= {"a.mp4", "ffmpeg", "ffmpeg.words"}


def test_stopping_stops_ffmpeg(tmp_path: Path) -> None:
    script = 'echo $$ > "$0.words"; exec sleep 30'

    def interrupt(done: int, total: int) -> None:
        while not (tmp_path / "ffmpeg.words").exists() or not (tmp_path / "ffmpeg.words").read_text():
            pass
        raise KeyboardInterrupt

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        write_mp4(noise(3), tmp_path / "a.mp4", 0.1, program(tmp_path, script), interrupt)
    assert time.monotonic() - begun < 15
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "ffmpeg.words").read_text()), 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ffmpeg", "ffmpeg.words"]


def test_a_program_that_cannot_start_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.mp4: cannot be written \(No such file or directory\)"):
        write_mp4(noise(2), tmp_path / "a.mp4", 0.1, str(tmp_path / "none"))
    assert list(tmp_path.iterdir()) == []
