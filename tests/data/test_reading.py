"""Every command says in the same words what was taken for classes, from where, and what was passed over."""

import json

import pytest

from projgan.cli import run_command
from projgan.data import ConditionRequest, describe, open_source, reading_of
from projgan.errors import UserError

TINY = (
    "--data.channels 3 --generator.width 8 --discriminator.width 8 --training.batch-size 4 "
    "--training.steps 1 --training.log-every 1 --sampling.every 1 --sampling.columns 2 --training.device cpu"
).split()
FORMS = ("folder", "zip", "tar", "tar.gz")


@pytest.fixture
def mixed(png):
    """Two classes, and one of each kind of what is passed over."""
    files = {f"{name}/{index}.png": png(index, size=(8, 8)) for name in ("cat", "dog") for index in range(4)}
    files |= {f"cat/{index}.heic": b"x" for index in range(9)} | {"stray.png": png(), "readme.md": b"x"}
    files |= {"@eaDir/SYNOPHOTO_THUMB.jpg": b"x", "cat/@eaDir/0.png/SYNOPHOTO_THUMB_M.jpg": b"x"}
    files |= {"__MACOSX/cat/._0.png": b"x", "#recycle/old.png": png(), "lost+found/1.png": png()}
    return files | {
        "cat/.DS_Store": b"x",
        "Thumbs.db": b"x",
        ".thumbnails/1.png": png(),
        "dog/desktop.ini": b"x",
    }


LINES = (
    "8 images, 2 classes (cat, dog) from the names of folders",
    "1 images beside the class folders are ignored (such as stray.png)",
    "pictures in a format that is not read are ignored (9 .heic); convert them to JPEG",
    "1 files that are not images by name are ignored (1 .md)",
    "folders of the system are passed over (#recycle, @eaDir, __MACOSX, lost+found)",
)


@pytest.mark.parametrize("form", FORMS)
def test_folders_and_archives_say_the_same(make, mixed, form):
    source = open_source(make(form, mixed))
    assert reading_of(source) == LINES
    assert source.problems == ()


@pytest.mark.parametrize("form", FORMS)
def test_a_class_of_pictures_that_are_not_read_does_not_vanish(make, png, form):
    source = open_source(make(form, {"cat/a.png": png(), "dog/b.heic": b"x", "emu/c.AVIF": b"x"}))
    assert source.class_names == ("cat", "dog", "emu")
    words = "class folder {} holds no images in a format that is read, but {}; convert them to JPEG"
    for problem, *shown in zip(source.problems, ("'dog'", "'emu'"), ("1 .heic", "1 .avif"), strict=True):
        assert problem.endswith(words.format(*shown))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("names", [("cat/a.HEIC", "cat/b.heic", "dog/c.dng"), ("a.heic", "b.heic", "c.dng")])
def test_pictures_none_of_which_is_read_are_counted_with_the_remedy(make, form, names):
    files = dict.fromkeys((*names, "notes.txt"), b"x")
    words = r"holds no images in a format that is read, but 2 \.heic, 1 \.dng; convert them to JPEG$"
    with pytest.raises(UserError, match=words):
        open_source(make(form, files))


def test_describe_and_every_training_say_the_same(make, mixed, tmp_path, capsys):
    path = make("zip", mixed)
    facts = describe(path)
    assert facts.classes_from == LINES[0]
    assert facts.remarks[: len(LINES) - 1] == LINES[1:]
    said = [f"set: {line}" for line in LINES]

    assert run_command(["data", "describe", str(path)]) == 0
    assert [f"note: {line}" for line in LINES] == capsys.readouterr().out.splitlines()[-len(LINES) :]
    assert run_command(["data", "describe", str(path), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["classes_from"], printed["remarks"][: len(LINES) - 1]) == (LINES[0], list(LINES[1:]))

    data = ["--data", str(path), "--data.cache", str(tmp_path / "cache")]
    for words in (
        ["train", "demo", *data, *TINY, "--run-dir", str(tmp_path / "run")],
        ["train", "demo", *data, *TINY, "--run-dir", str(tmp_path / "other"), "--dry-run"],
        ["data", "pack", str(path), str(tmp_path / "store"), "--resolution", "8"],
        ["classifier", str(path), "--width", "8", "--epochs", "1", "--out", str(tmp_path / "c.safetensors")],
    ):
        assert run_command(words) == 0
        lines = capsys.readouterr().err.splitlines()
        assert [line for line in lines if line.startswith("set: ")] == said, words


def test_an_error_stays_one_line(make, png, tmp_path, capsys):
    path = make("zip", {"00000/a.png": png(), "dataset.json": b'{"labels": [["00000/a.png", 3]]}'})
    words = ["train", "demo", "--data", str(path), "--data.cache", str(tmp_path), *TINY, "--run-dir"]
    assert run_command([*words, str(tmp_path / "run")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "one class only (3)" in line


def test_the_words(make, png, real_data):
    files = {f"{index}.png": png() for index in range(7)}
    rows = "\n".join(f"{index}.png,{'x' * 60 if index else 'y'}{index},{index}" for index in range(7))
    path = make("folder", files | {"labels.csv": f"file,label,age\n{rows}".encode()})
    first = f"{'x' * 40}…"
    assert reading_of(open_source(path)) == (
        f"7 images, 7 classes ({', '.join([first] * 5)}, …) from labels.csv (column label)",
    )
    vectors = ConditionRequest("vector")
    assert reading_of(open_source(path, request=vectors)) == ("7 images, 1 column (age) from labels.csv",)
    assert reading_of(open_source("digits")) == (
        "1,797 images, 10 classes (0, 1, 2, 3, 4, …) from the built-in digits",
    )
    line = reading_of(open_source(real_data / "cifar10"))[0]
    assert line.startswith(
        "50,000 images of the split train, 10 classes (airplane, automobile, bird, cat, deer, …)"
    )
    assert line.endswith("from the column label")


def test_a_system_folder_is_no_class_even_if_alone(make, png):
    with pytest.raises(UserError, match="holds no images"):
        open_source(make("zip", {"@eaDir/a.png": png(), "__MACOSX/b.png": png()}))
