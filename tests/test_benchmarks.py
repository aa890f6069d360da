"""The comparison from one command, at the smallest size, and again where it stopped."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import colours
import conditions
import runs
from projgan.config import load_config
from small_runs import save_blank_classifier

ROOT = Path(__file__).parents[1]
TINY = (
    "training.batch_size=4 training.generator_batch_size=4 generator.width=4 discriminator.width=4 "
    "training.checkpoint_every=1 sampling.every=None evaluation.metrics=[fd]"
).split()


def test_the_runs_differ_in_method_and_seed_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    called: list[list[str]] = []

    def call(words: list[str], deadline: float | None = None) -> int:
        called.append(list(words))
        return 3 * (len(called) == 2)

    monkeypatch.setattr(runs, "call", call)
    choices = {"methods": ("projection", "unconditional"), "seeds": (0, 7), "steps": 10, "out": tmp_path}
    code = conditions.conditions("demo", data="digits", options=("evaluation.metrics=[fd]",), **choices)
    assert code == 3  # one run failed, so there is no report
    assert [(words[0], words[2]) for words in called] == [("train", "--run-dir")] * 4
    configs = {Path(words[3]).name: load_config(words[1]).model_dump() for words in called}
    demo = load_config("demo")
    for name, config in configs.items():
        method, seed = name.split("-seed")
        assert config["discriminator"].pop("condition") == method
        assert config["training"].pop("seed") == int(seed)
        condition = config["generator"].pop("condition")
        assert condition == (None if method == "unconditional" else "conditional-batch-norm")
        assert (config["evaluation"]["every"], config["evaluation"]["metrics"]) == (1, ("fd",))
        # The decay is where the preset has it, as a share of the steps.
        for key in ("decay_start", "decay_end"):
            step = getattr(demo.optimizer, key)
            assert config["optimizer"][key] == (None if step is None else step * 10 // demo.training.steps)
    assert len(configs) == 4
    assert all(config == configs["projection-seed0"] for config in configs.values())


@pytest.mark.slow
def test_methods_are_trained_measured_and_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    features = save_blank_classifier(tmp_path / "digits.safetensors", tuple("0123456789"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    words = [sys.executable, str(ROOT / "benchmarks" / "conditions.py"), "demo", "--data", "digits"]
    words += ["--features", f"classifier:{features}", "--methods", "projection", "unconditional"]
    words += ["--seeds", "7", "--steps", "4", "--measurements", "2", "--generated-images", "64"]
    words += ["--jobs", "2", "--threads", "1", "--out", str(tmp_path / "runs"), "--options", *TINY]
    subprocess.run(words, check=True, capture_output=True)
    report = json.loads((tmp_path / "runs" / "report" / "report.json").read_text())
    assert (tmp_path / "runs" / "report" / "report.html").stat().st_size > 10_000
    names = {"projection-seed7", "unconditional-seed7"}
    assert names == {path.name for path in (tmp_path / "runs").iterdir() if path.is_dir()} - {"report"}
    for name in names:
        rows = [json.loads(line) for line in (tmp_path / "runs" / name / "metrics.jsonl").open()]
        assert [(row["metric"], row["subject"]["step"]) for row in rows] == [("fd", 2), ("fd", 4)]
    # What was trained is not trained again; what is gone is.
    kept = tmp_path / "runs" / "unconditional-seed7" / "checkpoints" / "step-00000004.pt"
    before = kept.stat().st_mtime_ns
    shutil.rmtree(tmp_path / "runs" / "projection-seed7")
    subprocess.run(words, check=True, capture_output=True)
    assert kept.stat().st_mtime_ns == before
    again = json.loads((tmp_path / "runs" / "report" / "report.json").read_text())
    for costs in (report.pop("costs"), again.pop("costs")):  # how fast they were is never the same
        assert [cost["generator_parameters"] for cost in costs] == [3061, 2773]
    assert again == report


def test_the_spread_of_colours_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, pair in (("a", ((10, 0, 0), (30, 0, 0))), ("b", ((5, 5, 1), (5, 5, 9)))):
        (tmp_path / "set" / name).mkdir(parents=True)
        for number, colour in enumerate(pair):
            Image.new("RGB", (4, 4), colour).save(tmp_path / "set" / name / f"{number}.png")
    colours.colours(tmp_path / "set", Path("cifar10"), count=2)
    ours, published = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert ours == {
        "subject": str(tmp_path / "set"),
        "colour_spread": (10 + 0 + 0 + 4) / 4,
        "images_per_class": 2,
    }
    assert 0 < published["colour_spread"] < 60
