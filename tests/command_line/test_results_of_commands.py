"""The command line as scripts and people meet it: what it prints and leaves."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from small_runs import (
    Run,
    assert_one_line_error,
    brief,
    differences,
    files_of,
    last_checkpoint,
    small_settings,
)


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
