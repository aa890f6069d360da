"""Each mistake of a person is one line that names it, and nothing is made."""

from pathlib import Path

import pytest
import yaml
from PIL import Image

from small_runs import (
    Run,
    assert_one_line_error,
    brief,
    files_of,
    projgan,
    small_settings,
)

MISTAKES: dict[str, tuple[list[str], list[str]]] = {
    "a preset's name": (["train", "dmeo"], ["unknown preset 'dmeo'", "did you mean 'demo'?"]),
    "a key": (["train", "demo", "--training.step", "5"], ["--training.step", "--training.steps"]),
    "a section": (["train", "demo", "--trainig.steps", "5"], ["--trainig.steps", "--training.steps"]),
    "a block that is not there": (
        ["train", "demo", "--discriminator.condition", "hidden-concat", "--discriminator.hidden-block", "3"],
        ["discriminator.hidden_block is 3", "resnet-8 has 3 blocks"],
    ),
    "too many threads": (["train", "demo", "--training.cpu-threads", "100000"], ["training.cpu_threads"]),
    "steps at no learning rate": (
        ["train", "demo", "--training.steps", "1501"],
        ["training.steps is 1501", "raise optimizer.decay_end too, --optimizer.decay-end 1501, or turn"],
    ),
    "a whole number": (["train", "demo", "--training.steps", "ten"], ["training.steps", "ten"]),
    "a number out of range": (["train", "demo", "--training.steps", "-5"], ["training.steps", "-5"]),
    "a choice": (["train", "demo", "--discriminator.condition", "projektion"], ["condition", "projektion"]),
    "a choice of numbers": (["train", "demo", "--data.resolution", "33"], ["resolution", "33"]),
    "one value of two": (
        ["train", "demo", "--optimizer.betas", "0.5", "--training.steps", "5"],
        ["--optimizer.betas takes 2 values as words of their own, and got '0.5' alone"],
    ),
    **{
        f"two values in one word: {sign}{word}": (
            ["train", "demo", *f"--optimizer.betas{sign}{word}".split()],
            [
                f"--optimizer.betas takes 2 values, not '{word}'; give several as words of their own, ",
                "--optimizer.betas 0.5 0.9, or as a list in YAML, [0.5, 0.9]",
            ],
        )
        for sign, word in ((" ", "0.5,0.9"), ("=", "0.5,0.9"), (" ", "[0.5,0.9]"), (" ", "0.5,,0.9,"))
    },
    "a comma after a value": (
        ["train", "demo", "--optimizer.betas", "0.5,", "0.9"],
        ["optimizer.betas.0 is '0.5,'", "; give several as words of their own, without commas"],
    ),
    "a decimal comma": (
        ["train", "demo", "--optimizer.betas", "0,5", "0,9"],
        ["optimizer.betas.0 is '0,5'", "; write it with a point, 0.5"],
    ),
    "a comma in one number": (
        ["train", "demo", "--optimizer.learning-rate", "0,0002"],
        ["optimizer.learning_rate is '0,0002'", "; write it with a point, 0.0002"],
    ),
    "a word too many": (
        ["train", "demo", "--data", "my", "photos"],
        ["projgan train has no place for 'photos'; put names with spaces in quotes"],
    ),
    "several names in one word": (
        ["train", "demo", "--discriminator.augmentation", "translation,cutout"],
        [
            "discriminator.augmentation.0 is 'translation,cutout'",
            "; give several as words of their own, --discriminator.augmentation translation cutout, or as a "
            "list in YAML, [translation, cutout]",
        ],
    ),
    "settings that do not fit": (
        ["train", "demo", "--data.resolution", "32"],
        ["architecture is resnet-8, but data.resolution is 32"],
    ),
    "several values, but no such data": (
        ["train", "demo", "--data", "absent-folder", "--discriminator.augmentation", "colour", "cutout"],
        ["absent-folder"],
    ),
    "one of several values": (
        ["train", "demo", "--discriminator.augmentation", "colour", "cutt"],
        ["discriminator.augmentation.1 is 'cutt'"],
    ),
    "half a decay": (["train", "demo", "--optimizer.decay_end", "None"], ["decay_start", "decay_end"]),
    "no such YAML": (["train", "absent.yaml"], ["absent.yaml: no such file"]),
    "no such data": (["train", "demo", "--data", "absent-folder"], ["absent-folder"]),
    "no images named": (["train", "cifar10"], ["name no images; add --data"]),
    "no preset": (["train"], ["PRESET requires an argument"]),
    "a command": (["trian", "demo"], ["trian", "train"]),
    "no such run": (["sample", "absent"], ["absent: no such file"]),
    "no such data to describe": (["data", "describe", "absent"], ["absent"]),
    "a missing argument": (["data", "pack", "digits"], ["pack"]),
    "a dry run of no data": (["train", "demo", "--data", "absent-folder", "--dry-run"], ["absent-folder"]),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_mistake_is_one_line_that_names_it(run: Run, tmp_path: Path, kind: str) -> None:
    words, parts = MISTAKES[kind]
    line = assert_one_line_error(*run(*words))
    assert [part for part in parts if part not in line] == [], line
    assert files_of(tmp_path) == {}


SAMPLING_MISTAKES: dict[str, tuple[list[str], str]] = {
    "a class": (["--class", "4 "], "unknown class '4 '; did you mean '4'?"),
    "a class beyond": (["--class", "10"], "unknown class '10'"),
    "a mix without weights": (["--mix", "1,2"], "'1' is not of the form class=weight"),
    "a mix that is not 1": (["--mix", "1=0.3,2=0.3"], "the weights sum to 0.6; they must sum to 1"),
    "a mix of no class": (["--mix", "one=1"], "unknown class 'one'"),
    "both": (["--mix", "1=1", "--class", "1"], "--class and --mix exclude each other"),
    "no images": (["--count", "0"], "--count is 0"),
    "a negative seed": (["--seed", "-1"], "--seed is -1"),
    "a truncation": (["--truncation", "0"], "--truncation is 0"),
    "a count of words": (["--count", "many"], "many"),
    "a place below a file": (["--out", "file/x.png"], "file"),
}


@pytest.mark.parametrize("kind", SAMPLING_MISTAKES)
def test_a_mistake_in_sampling_is_one_line(run: Run, trained: Path, kind: str) -> None:
    Path("file").touch()
    words, part = SAMPLING_MISTAKES[kind]
    assert part in assert_one_line_error(*run("sample", str(trained), *words))
    assert not Path("samples.png").exists()


def test_a_mistake_in_a_yaml_file_names_the_key(run: Run) -> None:
    settings = small_settings()
    for section, key, value, expected in (
        ("training", "stepz", 5, "stepz"),
        ("training", "steps", "ten", "ten"),
        ("trainings", "steps", 5, "trainings"),
    ):
        broken = {**settings, section: {**settings.get(section, {}), key: value}}
        Path("broken.yaml").write_text(yaml.safe_dump(broken))
        assert expected in assert_one_line_error(*run("train", "broken.yaml"))
    for text in ("training: [", "- 1", "training: 5", "", "a: &a [*a]", "!!python/object:os.system {}"):
        Path("broken.yaml").write_text(text)
        assert "broken.yaml" in assert_one_line_error(*run("train", "broken.yaml"))
    assert not Path("runs").exists()


def test_settings_that_yaml_makes_something_else_of_are_one_line(run: Run) -> None:
    for text, part in (
        ("training: {steps: 2024-13-45}", "not valid YAML: month must be in 1..12"),
        ("training: {steps: 0x_}", "not valid YAML"),
        ("data: {horizontal_flip: !!bool maybe}", "not valid YAML"),
        ("optimizer: {betas: null}", "optimizer.betas is None"),
        ("training: {steps: 2024-10-05}", "training.steps is datetime.date(2024, 10, 5)"),
        ("a: " + "[" * 30_000, "not valid YAML: nested too deeply"),
    ):
        Path("odd.yaml").write_text(text)
        line = assert_one_line_error(*run("train", "odd.yaml"))
        assert line.startswith(f"projgan: odd.yaml: {part}"), line


def test_one_real_process_fails_like_that_too(tmp_path: Path) -> None:
    assert_one_line_error(*projgan("train", "dmeo", HOME=str(tmp_path)))


def test_one_class_only_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "set" / "cat").mkdir(parents=True)
    for index in range(8):
        Image.new("L", (8, 8), index).save(tmp_path / "set" / "cat" / f"{index}.png")
    line = assert_one_line_error(*run(*brief(data__source=tmp_path / "set")))
    assert "--generator.condition None --discriminator.condition unconditional" in line
    words = brief(
        data__source=tmp_path / "set",
        generator__condition=None,
        discriminator__condition="unconditional",
    )
    assert run(*words)[0] == 0
    assert run("sample", "run", "--count", "2")[0] == 0
    assert "unconditional" in assert_one_line_error(*run("sample", "run", "--class", "cat"))


def test_a_rate_that_diverges_is_one_line(run: Run) -> None:
    code, out, err = run(*brief(optimizer__learning_rate=1e30))
    assert (code, out) == (2, "")
    line = next(line for line in err.splitlines() if line.startswith("projgan: "))
    assert "is not finite" in line
    assert "Traceback" not in err


NO_PATHS = {
    "no name of a new file": (["sample", "digits", "--out", ""], "--out is given an empty path"),
    "no name of a run": (["train", "demo", "--run-dir", ""], "--run-dir is given an empty path"),
    "no run": (["sample", ""], "empty path"),
    "a run among others": (["compare", "runs/demo", "", "--out", "x"], "empty path"),
    "no images": (["data", "describe", ""], "the place of the images is empty"),
    "a NUL": (["sample", "digits", "--out", "a\0b"], r"--out 'a\x00b': no path has a NUL"),
    "bytes that are no text": (["train", "demo", "--run-dir", "runs/\udcff"], "not valid UTF-8"),
    "a folder above that is no text": (["demo", "\udcff/run"], "not valid UTF-8"),
    "words that the parser fails at": (["train", "demo", "--training.steps", "9" * 5000], "training.steps"),
}


@pytest.mark.parametrize("kind", NO_PATHS)
def test_a_path_that_is_none_is_refused_before_anything_is_made(run: Run, kind: str) -> None:
    words, part = NO_PATHS[kind]
    assert part in assert_one_line_error(*run(*words))
    assert not list(Path.cwd().iterdir())


def test_what_a_terminal_obeys_is_shown_and_long_words_are_cut(run: Run) -> None:
    line = assert_one_line_error(*run("sample", "\x1b[31mred"))
    assert r"\x1b[31mred: no such file" in line
    line = assert_one_line_error(*run("sample", "digits", "--class", f"'{'x' * 10_000}"))
    assert "unknown class" in line
    assert "known: 0, 1, 2" in line
    assert len(line) <= 310
    line = assert_one_line_error(*run("sample", "a" * 200 + "/" + "b" * 10_000))
    assert len(line) <= 310
