"""The command line as scripts and people meet it: results, one-line mistakes, help."""

import importlib
import inspect
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
import yaml
from PIL import Image

from projgan import request
from projgan.cli import COMMANDS, DATA_COMMANDS, run_command
from projgan.commands import progress
from projgan.commands.paths import NewPath
from projgan.request import Request
from small_runs import (
    ENVIRONMENT,
    assert_one_line_error,
    command_line,
    differences,
    files_of,
    last_checkpoint,
    projgan,
    small_settings,
    start,
    train_small,
)

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line in this process, in an empty folder and home."""
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = run_command(words)
        except SystemExit as ending:
            code = int(ending.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("trained") / "run"
    train_small(run_dir, {"training.steps": 2})
    return run_dir


def brief(run_dir: str = "run", **changes: Any) -> list[str]:
    """Words that train for two steps."""
    settings = {"training.steps": 2} | {key.replace("__", "."): value for key, value in changes.items()}
    return command_line(Path(run_dir), settings)


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


def test_one_real_process_fails_like_that_too(tmp_path: Path) -> None:
    assert_one_line_error(*projgan("train", "dmeo", HOME=str(tmp_path)))


def test_training_prints_the_generator_and_nothing_else(run: Run) -> None:
    code, out, err = run(*brief("a b"))
    assert (code, out) == (0, "a b/generator.safetensors\n")
    assert "training" in err
    code, out, _ = run(*brief("a b"), "--json")
    assert code == 0
    assert json.loads(out) == {"step": 2, "generator": "a b/generator.safetensors", "finished": True}


def test_the_command_line_stands_above_the_preset_and_data_is_short_for_its_source(run: Run) -> None:
    code, _, err = run(*brief(data__source="absent"), "--data", "digits")
    assert code == 2, err  # given twice
    words = brief()
    place = words.index("--data.source")
    words[place] = "--data"
    assert run(*words)[0] == 0
    stored = yaml.safe_load(Path("run/config.yaml").read_text())
    assert stored["data"]["source"] == "digits"
    assert stored["training"]["steps"] == 2
    assert stored["optimizer"]["betas"] == [0.0, 0.9]


def test_a_yaml_file_trains_the_run_that_the_same_words_train(run: Run, trained: Path) -> None:
    Path("small.yaml").write_text(yaml.safe_dump(small_settings({"training.steps": 2})))
    code, out, err = run("train", "small.yaml")
    assert (code, out) == (0, "runs/small/generator.safetensors\n"), err
    assert differences(last_checkpoint(Path("runs/small")), last_checkpoint(trained)) == []
    # And the configuration a run keeps is itself a file to train from.
    assert run("train", "runs/small/config.yaml", "--run-dir", "again")[0] == 0
    assert differences(last_checkpoint(Path("again")), last_checkpoint(trained)) == []


def test_the_same_command_on_a_finished_run_changes_nothing(run: Run) -> None:
    first = run(*brief())
    before = files_of(Path("run"))
    second = run(*brief())
    assert first[:2] == second[:2]
    assert files_of(Path("run")) == before
    assert "resuming run at step 2" in second[2]


def test_an_interrupted_run_says_so_in_its_exit_code_and_json(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from projgan.training.trainer import Trainer

    advance = Trainer.advance

    def interrupted(trainer: Trainer) -> Any:
        losses = advance(trainer)
        signal.raise_signal(signal.SIGTERM)
        return losses

    monkeypatch.setattr(Trainer, "advance", interrupted)
    code, out, err = run(*brief(), "--json")
    assert code == 143
    assert json.loads(out)["finished"] is False
    assert "stopped at step 1; the same command resumes" in err


def test_a_dry_run_writes_nothing_and_says_what_would_be_trained(run: Run, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    code, out, _ = run(*brief(), "--dry-run")
    assert code == 0
    settings = yaml.safe_load(out.split("\ndata   ")[0])
    assert settings["training"]["steps"] == 2
    assert settings["generator"]["width"] == 8
    assert "1,797 images of 10 classes" in out
    code, out, _ = run(*brief(), "--dry-run", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["config"]["training"]["steps"] == 2
    assert found["generator_parameters"] > 0
    assert found["num_images"] == 1797
    assert sorted(tmp_path.rglob("*")) == before


def test_the_first_page_imports_no_command_and_says_what_each_says_of_itself(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from projgan.cli import run_command\n"
        "assert run_command(['--help']) == 0\n"
        "heavy = {'torch', 'numpy', 'pydantic', 'tqdm', 'yaml', 'projgan.config'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    process = start(["-c", script], HOME=str(tmp_path))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    for name in COMMANDS:
        assert f" {name} " in out
        function = name.replace("-", "_")
        command = getattr(importlib.import_module(f"projgan.commands.{function}"), function)
        assert " ".join(command.__doc__.split("\n\n")[0].split()) == COMMANDS[name]
    for name, summary in DATA_COMMANDS.items():
        command = getattr(importlib.import_module("projgan.commands.data"), name)
        assert " ".join(command.__doc__.split("\n\n")[0].split()) == summary


def test_help_needs_no_torch_and_names_every_command(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from projgan.cli import run_command\n"
        "words = ['', 'train', 'demo', 'sample', 'evaluate', 'compare', 'classifier', 'morph', 'data', "
        "'data describe', 'data pack']\n"
        "for command in words:\n"
        "    print('=====', command)\n"
        "    assert run_command([*command.split(), '--help']) == 0\n"
        "assert run_command(['--version']) == 0\n"
        "heavy = {'torch', 'numpy', 'pyarrow', 'PIL', 'matplotlib'} & set(sys.modules)\n"
        "assert not {'torch', 'matplotlib'} & heavy, heavy\n"
    )
    process = start(["-c", script], HOME=str(tmp_path))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    pages = out.split("===== ")
    for word in ("train", "demo", "sample", "evaluate", "compare", "classifier", "morph", "data"):
        assert word in pages[1]
    assert "--training.steps" in pages[2]
    assert "--dry-run" in pages[2]
    assert "--mix" in pages[4]
    assert "--metrics" in pages[5]
    assert "--out" in pages[6]
    assert "--flip" in pages[7]
    assert "--square" in pages[8]
    assert "--resolution" in pages[11]
    assert list(tmp_path.iterdir()) == []


QUICK_MISTAKES = {
    "an unknown key": "train demo --training.stepz 3",
    "settings that do not fit": "train demo --data.resolution 32",
    "a value": "train demo --optimizer.betas 0.5,0.9",
    "a preset": "train dmeo",
    "no images named": "train cifar10",
    "no such images": "train demo --data absent",
    "a folder of something else": "train demo --run-dir full",
    "a folder of another run": "train demo --run-dir RUN",
    "a run among the images": "train demo --data full --run-dir full/run",
    "no such run": "sample absent",
    "no such run to morph": "morph absent --classes 1 2",
    "no such run to inspect": "inspect absent",
    "no such run to compare": "compare absent --out x",
    "no such run to go on from": "finetune absent --classifier c --run-dir x",
    "no such run to enlarge by": "super-resolve absent full --out x",
    "no such inverter": "plug-and-play absent",
    "nothing to measure": "evaluate absent",
    "nothing to compare with": "evaluate RUN --data absent",
    "nothing to classify": "classifier absent",
    "nothing to invert": "inverter absent --classifier c",
    "nothing to describe": "data describe absent",
    "nothing to pack": "data pack absent x --resolution 8",
}


def test_what_needs_no_torch_to_be_seen_is_told_without_it(trained: Path, tmp_path: Path) -> None:
    """In one process: what one command imported, the next would not import again."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").touch()
    script = (
        "import sys\n"
        "from projgan.cli import run_command\n"
        "assert run_command(['data', 'describe', 'digits']) == 0\n"
        "for line in sys.argv[1:]:\n"
        "    assert run_command(line.split()) == 2, line\n"
        "    assert not {'torch', 'matplotlib'} & set(sys.modules), line\n"
    )
    lines = [line.replace("RUN", str(trained)) for line in QUICK_MISTAKES.values()]
    environment = ENVIRONMENT | {"HOME": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", script, *lines], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert len(result.stderr.splitlines()) == len(lines)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]


def test_sampling_from_a_run_and_from_its_one_file_gives_the_same_bytes(
    run: Run, trained: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "elsewhere"
    alone.mkdir()
    shutil.copy(trained / "generator.safetensors", alone / "mine.safetensors")
    words = ["--class", "3", "--class", "7", "--count", "3", "--seed", "5"]
    for source, out in ((trained, "a"), (alone / "mine.safetensors", "b")):
        assert run("sample", str(source), *words, "--out", f"{out}.png")[:2] == (0, f"{out}.png\n")
        assert run("sample", str(source), *words, "--out", out)[:2] == (0, f"{out}: 6 images\n")
    assert files_of(Path("a")) == files_of(Path("b"))
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    assert sorted(files_of(Path("a"))) == [
        ".projgan.json",
        *(f"{label}/seed00000{seed}.png" for label in "37" for seed in "567"),
    ]
    assert Image.open("a/3/seed000005.png").size == (8, 8)
    # A seed is one image, whatever is sampled beside it.
    assert run("sample", str(trained), "--class", "7", "--count", "1", "--seed", "6", "--out", "c")[0] == 0
    assert Path("c/7/seed000006.png").read_bytes() == Path("a/7/seed000006.png").read_bytes()
    assert Path("c/7/seed000006.png").read_bytes() != Path("a/7/seed000005.png").read_bytes()


def test_samples_as_json_and_mixes(run: Run, trained: Path) -> None:
    code, out, _ = run(
        *(
            "sample",
            str(trained),
            "--mix",
            "1=0.5,2=0.5",
            "--mix",
            "3=1",
            "--count",
            "2",
            "--out",
            "m",
            "--json",
        )
    )
    assert code == 0
    found = json.loads(out)
    assert found["rows"] == ["1=0.5,2=0.5", "3=1"]
    assert (found["first_seed"], found["last_seed"]) == (0, 1)
    assert all(Path(name).is_file() for name in found["files"])
    assert len(found["files"]) == 4
    assert run("sample", str(trained), "--class", "3", "--count", "2", "--out", "c")[0] == 0
    # The whole weight on one class is that class.
    assert Path("m/3=1/seed000001.png").read_bytes() == Path("c/3/seed000001.png").read_bytes()


def test_describing_and_packing_and_training_on_what_was_packed(run: Run, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for index in range(6):
            pixels = draw.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / name / f"{index}.png")
    folder = str(tmp_path / "set")
    code, out, _ = run("data", "describe", folder, "--json")
    assert code == 0
    assert json.loads(out)["count"] == 12
    assert "cat" in run("data", "describe", folder)[1]
    pack = ["data", "pack", folder, "packed", "--resolution", "8", "--channels", "1"]
    code, out, _ = run(*pack, "--json")
    assert (code, json.loads(out)) == (0, {"out": "packed", "images": 12, "classes": ["cat", "dog"]})
    assert run(*pack)[1] == "packed: 12 images of 2 classes, 8x8\n"
    assert files_of(tmp_path / "home") == {}  # neither needs the cache

    results = [run(*brief(name, data__source=source)) for name, source in (("p", "packed"), ("f", folder))]
    assert [code for code, _, _ in results] == [0, 0], results
    ours, theirs = last_checkpoint(Path("p")), last_checkpoint(Path("f"))
    assert differences(ours, theirs) == []
    line = assert_one_line_error(*run(*brief("q", data__source="packed", data__channels=3)))
    assert "1 channels" in line


def test_no_folder_is_made_on_the_way_to_an_output(run: Run, tmp_path: Path) -> None:
    assert run("sample", "digits", "--class", "3", "--count", "1", "--out", "a/../b/three.png")[0] == 0
    assert run("sample", "digits", "--class", "3", "--count", "1", "--out", "a/x/../../c")[0] == 0
    assert sorted(str(path.relative_to(tmp_path / "here")) for path in Path().resolve().rglob("*")) == [
        "b",
        "b/three.png",
        "c",
        "c/.projgan.json",
        "c/3",
        "c/3/seed000000.png",
    ]
    code, out, _ = run(*brief("d/../run", data__cache="e/../cache"), "--dry-run", "--json")
    assert code == 0
    assert json.loads(out)["config"]["data"]["cache"] == str(Path("cache").resolve())


def test_every_command_takes_what_it_makes_as_a_new_path() -> None:
    functions = [(f"projgan.commands.{name.replace('-', '_')}", name.replace("-", "_")) for name in COMMANDS]
    functions += [("projgan.commands.data", name) for name in DATA_COMMANDS]
    made = []
    for module, name in functions:
        command = getattr(importlib.import_module(module), name)
        options = {key: found.annotation for key, found in inspect.signature(command).parameters.items()}
        for asked in [get_args(annotation)[0] for annotation in options.values() if get_args(annotation)]:
            if isinstance(asked, type) and issubclass(asked, Request):
                options |= get_type_hints(asked, include_extras=True)
        made += [(name, key, options[key]) for key in ("out", "run_dir", "cache") if key in options]
    assert len(made) > 12
    for name, key, annotation in made:
        allowed = (NewPath, NewPath | None, request.NewPath, request.NewPath | None)
        assert annotation in allowed, (name, key)


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


def test_a_full_disk_in_a_real_process_is_one_line(tmp_path: Path) -> None:
    # Files may grow to 100 kB, which the checkpoint (220 kB) does not fit into.
    script = (
        "import resource, signal, sys\n"
        "from projgan.cli import run_command\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "sys.exit(run_command(sys.argv[1:]))\n"
    )
    # No other file may be cut short: neither compiled modules, which would stay, nor coverage's.
    others = {"PYTHONDONTWRITEBYTECODE": "1", "COVERAGE_PROCESS_CONFIG": "", "COVERAGE_PROCESS_START": ""}
    process = start(["-c", script, *brief(str(tmp_path / "run"))], **others)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert "Traceback" not in err
    line = next(line for line in err.splitlines() if line.startswith("projgan: "))
    assert "step-00000002.pt: cannot be written" in line
    assert sorted(path for path in files_of(tmp_path / "run") if path.startswith("checkpoints")) == []
    assert list((tmp_path / "run").rglob("*.tmp")) == []
    train_small(tmp_path / "run", {"training.steps": 2})  # with room again, it goes on


def test_a_pipe_that_closes_is_no_traceback(tmp_path: Path) -> None:
    process = start(["-m", "projgan", "data", "describe", "digits"])
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.wait(timeout=60)
    assert "Traceback" not in err, err
    assert "Exception" not in err, err


def test_an_output_that_cannot_be_written_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        process = subprocess.run(
            [sys.executable, "-m", "projgan", "data", "describe", "digits"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
            check=False,
        )
    assert process.returncode == 2
    assert process.stderr.splitlines() == ["projgan: output: No space left on device"]


def test_a_message_after_an_unfinished_progress_line_has_a_line_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress._LinePerUpdate().write("\rtraining: 10%")
    progress.Say.line("few images")
    progress.Say.line("another")
    assert capsys.readouterr().err == "\ntraining: 10%\nfew images\nanother\n"


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


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("[enforce] can't allocate memory: you tried")])
def test_no_memory_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("projgan.generation.sample_writing.write_images", fail)
    assert "not enough memory" in assert_one_line_error(*run("sample", "digits"))


def test_another_error_of_ours_is_no_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("a mistake of this program")

    monkeypatch.setattr("projgan.generation.sample_writing.write_images", fail)
    with pytest.raises(RuntimeError, match="mistake of this program"):
        run("sample", "digits")
