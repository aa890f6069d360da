"""What a killed process left is cleared away by the next one, and nothing else is."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from projgan.data import half_made as module
from projgan.data import open_source, pack
from projgan.data.half_made import LOCK, discard, half_made, holds_only_ours

HEX = "0123456789abcdef" * 2


def partial(folder: Path, name: str, *files: str) -> Path:
    path = folder / f".{name}-{HEX}.partial"
    path.mkdir()
    for file in files:
        (path / file).write_bytes(b"x")
    return path


def test_what_nobody_holds_is_cleared_whatever_it_was_to_be_called(tmp_path):
    left = [partial(tmp_path, name, LOCK, "images.npy") for name in ("store", "another[1]", "x" * 100)]
    pack(open_source("digits"), tmp_path / "store", resolution=8, channels=1)
    assert not any(path.exists() for path in left)
    names = sorted(path.name for path in (tmp_path / "store").iterdir())
    assert names == ["images.npy", "labels.npy", "manifest.json"]


def test_what_another_process_is_making_stays(tmp_path):
    program = (
        "import sys\nfrom pathlib import Path\nfrom projgan.data.half_made import half_made\n"
        "with half_made(Path(sys.argv[1])) as made:\n"
        "    print(made.folder, flush=True)\n    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "store")]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout
    folder = Path(other.stdout.readline().strip())
    with half_made(tmp_path / "store") as made:
        assert folder.is_dir()
        assert made.folder != folder
    other.kill()
    other.communicate()
    assert folder.is_dir()
    with half_made(tmp_path / "store"):
        assert not folder.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", ["notes.txt", "images.npy.old"])
def test_what_holds_anything_else_is_somebody_elses(tmp_path, file):
    theirs = [
        partial(tmp_path, "store", LOCK, file),
        tmp_path / "folder.partial",
        tmp_path / f"visible-{HEX}.partial",
    ]
    for path in theirs[1:]:
        path.mkdir()
    (tmp_path / f".file-{HEX}.partial").write_bytes(b"x")
    (tmp_path / f".link-{HEX}.partial").symlink_to(tmp_path / "folder.partial")
    with half_made(tmp_path / "store"):
        pass
    assert all(path.is_dir() for path in theirs)
    assert len(list(tmp_path.iterdir())) == 5


def test_where_nothing_can_be_locked_a_day_has_to_pass(tmp_path, monkeypatch):
    def unlockable(file):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(module, "lock_for_this_process", unlockable)
    old, young = partial(tmp_path, "old", "images.npy"), partial(tmp_path, "young", "images.npy")
    locked = partial(tmp_path, "locked", LOCK)
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (two_days_ago, two_days_ago))
    pack(open_source("digits"), tmp_path / "store", resolution=8, channels=1)
    assert not old.exists()
    assert young.exists()
    assert locked.exists()  # made where locks work, so it may be in use


def test_an_error_leaves_nothing(tmp_path):
    def fail():
        with half_made(tmp_path / "store") as made:
            (made.folder / "images.npy").touch()
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_store_and_its_note_are_ours_and_go_together(tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    for name in ("images.npy", "manifest.json", ".verified.json", "..verified.json.12.tmp"):
        (store / name).touch()
    assert holds_only_ours(store)
    (tmp_path / "link").symlink_to(store)
    assert not holds_only_ours(tmp_path / "link")
    discard(store)
    discard(store)
    assert [path.name for path in tmp_path.iterdir()] == ["link"]
