import fcntl
import json
import resource
from pathlib import Path

import pytest

from projgan.cli import run_command
from projgan.errors import UserError
from projgan.storage.run_directory import RunDirectory
from small_runs import (
    ONE_RANK,
    assert_one_line_error,
    command_line,
    files_of,
    small_config,
    start,
    train_small,
)


def test_a_new_folder_is_made_with_its_parents_and_keeps_the_configuration(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "a" / "b")
    config = small_config()
    with directory.locked():
        directory.prepare(config)
        assert files_of(directory.path) == {}  # nothing before everything is accepted
        directory.save_config(config)
    again = RunDirectory(tmp_path / "a" / "b")
    with again.locked():
        again.prepare(config)
    assert sorted(files_of(directory.path)) == ["config.yaml"]


def test_a_folder_of_other_things_is_left_exactly_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"beach")
    (tmp_path / ".lock").write_bytes(b"somebody else's")
    (tmp_path / ".holiday.jpg.7.tmp").write_bytes(b"somebody else's too")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UserError, match="is not empty and holds no run; choose another --run-dir"):
        train_small(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_without_other_things_gets_no_lock_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(UserError, match="holds no run"):
        train_small(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_what_a_kill_left_before_there_was_a_configuration_is_not_other_things(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    (tmp_path / ".config.yaml.123.tmp").write_bytes(b"data:\n  sou")
    assert train_small(tmp_path, {"training.steps": 1}).step == 1
    assert not (tmp_path / ".config.yaml.123.tmp").exists()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("training.seed", 7, "holds a run with training.seed 0, not 7; "),
        ("optimizer.learning_rate", 0.1, "holds a run with optimizer.learning_rate 0.0005, not 0.1; "),
        ("generator.width", 16, "holds a run with generator.width 8, not 16; "),
        ("training.ema_decay", None, "holds a run with training.ema_decay 0.9, not None; "),
        ("data.horizontal_flip", True, "holds a run with data.horizontal_flip False, not True; "),
    ],
)
def test_a_run_of_another_configuration_is_refused_by_key(
    uninterrupted_copy: Path, key: str, value: object, message: str
) -> None:
    before = files_of(uninterrupted_copy)
    with pytest.raises(UserError) as caught:
        train_small(uninterrupted_copy, {key: value, "training.steps": 22})
    assert message in str(caught.value)
    assert "use its settings or choose another --run-dir" in str(caught.value)
    assert files_of(uninterrupted_copy) == before


@pytest.fixture
def uninterrupted_copy(tmp_path: Path) -> Path:
    train_small(tmp_path / "run", {"training.steps": 1})
    return tmp_path / "run"


def test_several_differing_keys_are_all_named(uninterrupted_copy: Path) -> None:
    with pytest.raises(UserError) as caught:
        train_small(uninterrupted_copy, {"training.seed": 7, "generator.width": 16, "training.steps": 3})
    assert "generator.width 8, not 16 (and 1 more: training.seed)" in str(caught.value)


@pytest.mark.parametrize("text", ["", "data: 5", "training: {steps: -1}", "[", "training: {unheard_of: 1}"])
def test_a_damaged_configuration_is_refused_and_kept(uninterrupted_copy: Path, text: str) -> None:
    (uninterrupted_copy / "config.yaml").write_text(text)
    before = files_of(uninterrupted_copy)
    with pytest.raises(UserError, match=r"config\.yaml"):
        train_small(uninterrupted_copy)
    assert files_of(uninterrupted_copy) == before


def test_a_second_process_is_refused_while_the_first_trains(uninterrupted_copy: Path) -> None:
    holder = (
        "import sys\n"
        "from pathlib import Path\n"
        "from projgan.storage.run_directory import RunDirectory\n"
        "with RunDirectory(Path(sys.argv[1])).locked():\n"
        "    print('locked', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    process = start(["-c", holder, str(uninterrupted_copy)])
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        before = files_of(uninterrupted_copy)
        with pytest.raises(UserError, match="another process is training here; wait for it or choose"):
            train_small(uninterrupted_copy, {"training.steps": 3})
        assert files_of(uninterrupted_copy) == before
    finally:
        process.kill()  # a killed process keeps no lock
        process.communicate(timeout=30)
    assert train_small(uninterrupted_copy, {"training.steps": 3}).step == 3


def test_a_file_system_that_cannot_lock_is_not_taken_for_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unable(file: object, operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unable)
    with pytest.raises(UserError, match=r"cannot be locked \(Operation not supported\)"):
        train_small(tmp_path / "run")


WITHOUT_FCNTL = "import sys; sys.modules['fcntl'] = None\n"
LIKE_WINDOWS = (
    WITHOUT_FCNTL
    + """
import os, types
taken = sys.argv[1] == "taken"
def locking(descriptor, mode, count):
    assert (mode, count, os.lseek(descriptor, 0, os.SEEK_CUR)) == (2, 1, 0)
    if taken:
        raise PermissionError(13, "Permission denied")
    print("locked", flush=True)
sys.modules["msvcrt"] = types.SimpleNamespace(LK_NBLCK=2, locking=locking)
"""
)
LOCK = """
from pathlib import Path
from projgan.storage.run_directory import RunDirectory
with RunDirectory(Path(sys.argv[2])).locked():
    print("inside")
"""


def test_where_there_is_no_fcntl_the_lock_of_windows_is_taken(tmp_path: Path) -> None:
    """A stand-in for Windows' module, which says what was asked of it: the first byte, without waiting."""
    out, err = start(["-c", LIKE_WINDOWS + LOCK, "free", str(tmp_path / "run")]).communicate(timeout=300)
    assert out == "locked\ninside\n", err
    out, err = start(["-c", LIKE_WINDOWS + LOCK, "taken", str(tmp_path / "run")]).communicate(timeout=300)
    assert out == ""
    assert "UserError" in err
    assert "another process is training here" in err


def test_a_system_without_any_lock_is_one_line_to_train_and_nothing_to_sample(tmp_path: Path) -> None:
    train = "from projgan.cli import main; sys.argv = ['projgan', *sys.argv[1:]]; main()"
    run = str(tmp_path / "run")
    process = start(["-c", WITHOUT_FCNTL + train, "train", "demo", "--run-dir", run])
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (2, "")
    assert err == (
        "projgan: this system locks no files (Python has neither fcntl nor msvcrt here), so two trainings "
        "could spoil each other; train on Linux, macOS or Windows\n"
    )
    assert not (tmp_path / "run").exists()
    sample = ["sample", "digits", "--class", "3", "--count", "1", "--out", str(tmp_path / "three.png")]
    process = start(["-c", WITHOUT_FCNTL + train, *sample])
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err


@pytest.mark.parametrize("below", ["", "run"])
def test_a_file_where_the_folder_should_be(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(UserError, match="cannot be written") as caught:
        train_small(tmp_path / "file" / below)
    assert "choose another --run-dir" in str(caught.value)
    assert (tmp_path / "file").read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["checkpoints", "stats.jsonl", "config.yaml"])
def test_something_odd_in_the_place_of_its_parts_is_one_line(uninterrupted_copy: Path, name: str) -> None:
    part = uninterrupted_copy / name
    if part.is_dir():
        for entry in part.iterdir():
            entry.unlink()
        part.rmdir()
        part.write_bytes(b"a file")
    else:
        part.unlink(missing_ok=True)
        part.mkdir()
    with pytest.raises(UserError) as caught:
        train_small(uninterrupted_copy, {"training.steps": 3, "training.log_every": 1})
    assert len(str(caught.value).splitlines()) == 1


def test_a_read_only_folder_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Permissions do not bind root, whom tests may run as: the refusal is made up.
    def refused(path: Path, *arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(UserError, match=r"cannot be written \(Permission denied\); choose another --run-dir"):
        train_small(tmp_path / "run")


def test_statistics_that_cannot_be_written_are_one_line(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "absent")
    with pytest.raises(UserError, match=r"stats.jsonl: cannot be written \(No such file"):
        directory.append_stats({"step": 1})


def test_statistics_survive_lines_cut_short_and_forget_what_is_later(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    assert directory.read_stats() == []
    directory.forget_stats_after(5)
    assert not directory.stats.exists()
    for step in (1, 2, 3):
        directory.append_stats({"step": step, "name": "é"})
    with directory.stats.open("ab") as file:
        file.write('{"step": 4, "name": "é'.encode()[:-1])  # cut within a character
    assert [row["step"] for row in directory.read_stats()] == [1, 2, 3]
    directory.forget_stats_after(2)
    assert [row["step"] for row in directory.read_stats()] == [1, 2]
    assert directory.stats.read_bytes().endswith(b"}\n")
    directory.append_stats({"step": 3})
    assert [row["step"] for row in directory.read_stats()] == [1, 2, 3]


def test_names_of_a_run(tmp_path: Path) -> None:
    assert RunDirectory(tmp_path).samples_at(12) == tmp_path / "samples" / "step-00000012.png"
    assert ONE_RANK.is_first


def test_a_run_that_never_reached_a_checkpoint_makes_way_for_another(tmp_path: Path) -> None:
    diverging = small_config({"optimizer.learning_rate": 1e30})
    with pytest.raises(UserError, match="not finite"):
        train_small(tmp_path, {"optimizer.learning_rate": 1e30})
    RunDirectory(tmp_path).prepare(diverging)
    train_small(tmp_path, {"training.steps": 5})
    with pytest.raises(UserError, match=r"optimizer\.learning_rate 0.0005, not 1e"):
        RunDirectory(tmp_path).prepare(diverging)


def test_lines_that_are_no_rows_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "stats.jsonl").write_text('3\n[1]\n{"step": "x"}\n{"step": 2}\n')
    assert RunDirectory(tmp_path).read_stats() == [{"step": 2}]
    largest = {"step": 2, "images_seen": 2**63 - 1}
    (tmp_path / "stats.jsonl").write_text(
        json.dumps(largest) + "\n" + '{"step": 3, "images_seen": %s}' % ("9" * 400)
    )
    assert RunDirectory(tmp_path).read_stats() == [largest]


def test_numbers_of_a_later_state_alone_are_forgotten(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    rows = [{"metric": "fid", "subject": {"step": step}} for step in (2, 3, 4)]
    directory.append_metrics([*rows, {"metric": "fid", "subject": {"step": None}}, {"metric": "kid"}])
    assert [len(directory.metrics_at(step)) for step in range(6)] == [2, 0, 1, 1, 1, 0]
    written = directory.metrics.stat().st_ino
    directory.forget_metrics_after(4)
    assert directory.metrics.stat().st_ino == written  # nothing to forget, nothing written
    directory.forget_metrics_after(3)
    assert directory.read_metrics() == [
        *rows[:2],
        {"metric": "fid", "subject": {"step": None}},
        {"metric": "kid"},
    ]


def test_measured_numbers_survive_a_line_cut_short_which_swallows_nothing(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    assert directory.read_metrics() == []
    directory.append_metrics([{"metric": "fid", "value": 1.0}, {"metric": "kid", "value": 2.0}])
    with directory.metrics.open("ab") as file:
        file.write('{"metric": "fid", "name": "é'.encode()[:-1])
    assert [row["metric"] for row in directory.read_metrics()] == ["fid", "kid"]
    directory.append_metrics([{"metric": "recall", "value": 3.0}])
    with directory.metrics.open("ab") as file:
        file.write(b'[1]\n{"metric": 3}\n{"value": 3}\n' + b"[" * 100_000 + b"\n")
    assert [row["metric"] for row in directory.read_metrics()] == ["fid", "kid", "recall"]
    assert directory.count_damaged_metrics() == 5
    assert RunDirectory(tmp_path / "absent").count_damaged_metrics() == 0
    assert directory.metrics.read_bytes().startswith(b'{"metric": "fid", "value": 1.0}\n')
    with pytest.raises(UserError, match=r"metrics.jsonl: cannot be written \(No such file"):
        RunDirectory(tmp_path / "absent").append_metrics([{"metric": "fid"}])


def test_a_name_that_is_no_text_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    """Numbers and reports name their run in UTF-8; the bytes of such a name are not."""
    (tmp_path / "real\udcff").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real\udcff")
    for path in (tmp_path / "run\udcff", tmp_path / "a\udcff" / "run", tmp_path / "link"):
        with pytest.raises(UserError, match="the name is not valid UTF-8"):
            train_small(path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["link", "real\udcff"]
    assert list((tmp_path / "real\udcff").iterdir()) == []


def without_checkpoints(run: Path) -> Path:
    for path in (run / "checkpoints").iterdir():
        path.unlink()
    return run


@pytest.mark.parametrize("changes", [{"training.steps": 1}, {"training.seed": 7, "generator.width": 16}])
def test_a_run_whose_checkpoints_were_removed_is_not_trained_over(
    uninterrupted_copy: Path, changes: dict[str, object]
) -> None:
    run = without_checkpoints(uninterrupted_copy)
    RunDirectory(run).append_metrics([{"metric": "fid", "subject": {"step": 1}}])
    before = files_of(run)
    words = (
        f"{run} holds generator.safetensors and metrics.jsonl of a run, and no checkpoint to go on from; "
        f"choose another --run-dir (--start-from {run} takes these weights), or remove them to train anew"
    )
    for refused in (train_small, rehearsed):
        with pytest.raises(UserError) as caught:
            refused(run, changes)
        assert str(caught.value) == words
    assert files_of(run) == before
    (run / "generator.safetensors").unlink()
    (run / "metrics.jsonl").unlink()
    assert train_small(run, changes).step == small_config(changes).training.steps


def rehearsed(run: Path, changes: dict[str, object]) -> None:
    RunDirectory(run).rehearse(small_config(changes))


def test_the_commands_refuse_to_train_over_a_run_without_checkpoints(
    uninterrupted_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_of(without_checkpoints(uninterrupted_copy))
    for more in ([], ["--dry-run"]):
        code = run_command([*command_line(uninterrupted_copy, {"training.steps": 1}), *more])
        assert "no checkpoint to go on from" in assert_one_line_error(code, *capsys.readouterr())
    assert files_of(uninterrupted_copy) == before


def test_numbers_alone_are_kept_unless_the_run_may_have_been_killed_before_its_first_checkpoint(
    tmp_path: Path,
) -> None:
    """Numbers of step 5 are measured before its checkpoint is written, those of step 6 after."""
    directory, config = RunDirectory(tmp_path), small_config()  # a checkpoint every 5 of 20 steps
    directory.save_config(config)
    directory.append_metrics([{"metric": "fid", "subject": {"step": step}} for step in (3, 5)])
    directory.refuse(config)
    directory.append_metrics([{"metric": "fid", "subject": {"step": 6}}])
    with pytest.raises(
        UserError, match=r"holds metrics\.jsonl of a run.*--run-dir, or remove it to train anew"
    ):
        directory.refuse(config)


def test_rows_that_find_no_room_are_not_there_in_part(tmp_path: Path) -> None:
    """As on a full disk: a number that is there says that its state was measured."""
    directory = RunDirectory(tmp_path)
    directory.append_metrics([{"metric": "fid"}])
    before = directory.metrics.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 50, limits[1]))
        with pytest.raises(
            UserError, match=r"metrics.jsonl: cannot be written \(File too large\); make room"
        ):
            directory.append_metrics([{"metric": name * 10} for name in "abcd"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert directory.metrics.read_bytes() == before
    directory.append_metrics([{"metric": "kid"}])
    assert [row["metric"] for row in directory.read_metrics()] == ["fid", "kid"]
