"""Frames to a GIF or an MP4 that goes there and back without end."""

import itertools
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from PIL import Image

from projgan.errors import UserError, printable
from projgan.files import make_folder, write_atomically
from projgan.listening import Count, told
from projgan.overwriting import SIGN

SHORTEST_GIF_FRAME = 0.02
"""Seconds; browsers show frames that are shorter for a tenth of a second instead."""


def there_and_back(frames: Sequence[Image.Image]) -> list[Image.Image]:
    """Return the frames forwards, then backwards, each end once: 2 N - 2 of them."""
    return [*frames, *frames[-2:0:-1]]


def write_gif(
    frames: Sequence[Image.Image], path: Path, frame_seconds: float, progress: Count | None = None
) -> None:
    """Write an endless GIF with a palette of 256 colours for each frame.

    Args:
        frames: in RGB, all of one size.
        path: its folder is made if need be.
        frame_seconds: how long each is shown; GIF counts in hundredths, so that the sum is kept, not each.
        progress: told of (frames written, all).
    """
    ends = [round(100 * frame_seconds * index) for index in range(len(frames) + 1)]
    durations = [10 * (after - before) for before, after in itertools.pairwise(ends)]
    shown = told(frames, len(frames), progress)
    paletted = (frame.quantize(256, dither=Image.Dither.NONE) for frame in shown)
    first = next(paletted)
    make_folder(path.parent)
    write_atomically(
        path,
        lambda file: first.save(
            file,
            "GIF",
            save_all=True,
            append_images=paletted,
            duration=durations,
            loop=0,
            optimize=False,
            comment=SIGN.encode(),
        ),
        sync=False,
    )


def write_mp4(
    frames: Sequence[Image.Image],
    path: Path,
    frame_seconds: float,
    ffmpeg: str,
    progress: Count | None = None,
) -> None:
    """Pipe frames to ffmpeg, which chooses its encoder; what is written can be played while it loads.

    Args:
        frames: in RGB, all of one size; an odd height or width gets a white line more.
        path: its folder is made if need be.
        frame_seconds: how long each is shown.
        ffmpeg: the program.
        progress: told of (frames written, all).

    Raises:
        UserError: ffmpeg fails, with what it says; there is no file then.
    """
    make_folder(path.parent)
    width, height = frames[0].size
    words = [ffmpeg, "-loglevel", "error", "-y"]
    words += ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{width}x{height}"]
    words += ["-framerate", f"{1 / frame_seconds:.6g}", "-i", "-"]
    # Nearly every player wants halved colour planes, which want even sides.
    words += ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white", "-pix_fmt", "yuv420p"]
    words += ["-metadata", f"comment={SIGN}"]
    words += ["-movflags", "+faststart", "-f", "mp4"]

    def encode(file: IO[bytes]) -> None:
        # `file:` and a full path, so that no name is taken for an option or a protocol.
        _run([*words, f"file:{Path(file.name).absolute()}"], told(frames, len(frames), progress), path)

    write_atomically(path, encode, sync=False)


def _run(words: list[str], frames: Iterator[Image.Image], path: Path) -> None:
    with tempfile.TemporaryFile() as complaints:  # a pipe that nobody reads could fill and stop ffmpeg
        process = subprocess.Popen(  # noqa: S603 - no shell, and every word is ours
            words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=complaints
        )
        try:
            code = _feed(process, frames)
        finally:
            process.kill()  # nothing, where it has ended
            process.wait()
        if code != 0:
            complaints.seek(0)
            said = " ".join(complaints.read(2000).decode(errors="replace").split())
            raise UserError(f"{path}: ffmpeg failed with exit code {code}: {printable(said) or 'no word'}")


def _feed(process: "subprocess.Popen[bytes]", frames: Iterator[Image.Image]) -> int:
    assert process.stdin is not None
    try:
        with process.stdin:
            for frame in frames:
                process.stdin.write(frame.tobytes())
    except BrokenPipeError:
        return process.wait() or -1  # it stopped reading: whatever it says, the video is not whole
    return process.wait()
