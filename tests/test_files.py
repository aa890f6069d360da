import os
import pwd
from pathlib import Path
from typing import IO

import pytest

from projgan.errors import UserError
from projgan.files import chosen_cache, file_sha256, without_detours, write_atomically


def test_the_file_is_there_whole_and_nothing_else_is(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", lambda file: file.write(b"new"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"new"


def test_until_the_last_moment_the_old_file_is_whole_and_the_new_one_is_synced_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, events = tmp_path / "file", []
    path.write_bytes(b"old")
    fsync, replace = os.fsync, Path.replace

    def noting_fsync(descriptor: int) -> None:
        is_folder = os.path.isdir(f"/proc/self/fd/{descriptor}")  # noqa: PTH112
        events.append(("sync folder" if is_folder else "sync file", path.read_bytes()))
        fsync(descriptor)

    def noting_replace(temporary: Path, target: Path) -> Path:
        events.append(("rename", path.read_bytes()))
        assert temporary.read_bytes() == b"new"
        return replace(temporary, target)

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(Path, "replace", noting_replace)
    write_atomically(path, lambda file: file.write(b"new"))
    assert events == [("sync file", b"old"), ("rename", b"old"), ("sync folder", b"new")]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (RuntimeError("PytorchStreamWriter failed\nmore"), "PytorchStreamWriter failed more"),
        (RuntimeError(), ""),
    ],
)
def test_a_failure_is_one_line_and_leaves_what_was_there(
    tmp_path: Path, error: Exception, reason: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(file: IO[bytes]) -> None:
        file.write(b"half")
        raise error

    with pytest.raises(UserError) as caught:
        write_atomically(path, fail)
    assert f"{path}: cannot be written ({reason}" in str(caught.value)
    assert "what was there before is untouched" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"


def test_other_errors_and_interruptions_pass_and_leave_nothing(tmp_path: Path) -> None:
    def stop(file: IO[bytes]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", stop)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file or directory"):
        write_atomically(tmp_path / "absent" / "file", lambda file: file.write(b""))


def test_a_path_goes_through_no_folder_only_to_leave_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("elsewhere/deep")
    assert without_detours(Path("a/b")) == Path("a/b")
    assert without_detours(Path("a/x/../../b")) == tmp_path / "b"
    assert without_detours(Path("../b")) == tmp_path.parent / "b"
    assert without_detours(Path("link/../b")) == tmp_path / "elsewhere" / "b"  # where the system goes, too


def test_a_folder_in_the_place_of_the_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(UserError, match="cannot be written"):
        write_atomically(tmp_path / "file", lambda file: file.write(b""))
    assert (tmp_path / "file").is_dir()


def test_the_sha256_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")  # the example of FIPS 180
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_sha256(tmp_path / "file") == expected
    with pytest.raises(UserError, match="cannot be read"):
        file_sha256(tmp_path / "absent")


def test_the_cache_lies_where_it_is_said_where_it_lay_or_where_the_system_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, system = tmp_path / "home", tmp_path / "system"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(system))
    assert chosen_cache(tmp_path / "given") == tmp_path / "given"
    assert chosen_cache(None) == system / "projgan"
    (home / ".cache" / "projgan").mkdir(parents=True)
    assert chosen_cache(None) == home / ".cache" / "projgan"  # what is there already stays in use
    monkeypatch.setenv("HOME", str(tmp_path))
    for relative in ("system", ""):  # which the specification says to ignore
        monkeypatch.setenv("XDG_CACHE_HOME", relative)
        assert chosen_cache(None) == tmp_path / ".cache" / "projgan"


def test_without_a_home_directory_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert chosen_cache(tmp_path) == tmp_path
    with pytest.raises(UserError, match="this user has no home directory; set HOME to a folder") as caught:
        chosen_cache(None)
    assert len(str(caught.value).splitlines()) == 1
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert chosen_cache(None) == tmp_path / "projgan"
