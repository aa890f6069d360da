"""The comparison from one command, at the smallest size, and again where it stopped."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TINY = (
    "training.batch_size=4 training.generator_batch_size=4 generator.width=4 discriminator.width=4 "
    "training.checkpoint_every=1 sampling.every=None evaluation.metrics=fd"
).split()


@pytest.mark.slow
def test_methods_and_seeds_are_trained_measured_and_reported(tmp_path: Path) -> None:
    features = tmp_path / "digits.safetensors"
    made = [sys.executable, "-m", "projgan", "classifier", "digits", "--epochs", "1", "--out", str(features)]
    subprocess.run(made, check=True, capture_output=True)
    words = [sys.executable, str(ROOT / "benchmarks" / "conditions.py"), "demo", "--data", "digits"]
    words += ["--features", f"classifier:{features}", "--methods", "projection", "unconditional"]
    words += ["--seeds", "0", "1", "--steps", "4", "--measurements", "2", "--generated-images", "64"]
    words += ["--jobs", "2", "--threads", "1", "--out", str(tmp_path / "runs"), "--options", *TINY]
    subprocess.run(words, check=True, capture_output=True)
    report = json.loads((tmp_path / "runs" / "report" / "report.json").read_text())
    assert (tmp_path / "runs" / "report" / "report.html").stat().st_size > 10_000
    names = {f"{method}-seed{seed}" for method in ("projection", "unconditional") for seed in (0, 1)}
    assert names == {path.name for path in (tmp_path / "runs").iterdir()} - {"report"}
    for name in names:
        rows = [json.loads(line) for line in (tmp_path / "runs" / name / "metrics.jsonl").open()]
        assert [(row["metric"], row["subject"]["step"]) for row in rows] == [("fd", 2), ("fd", 4)]
    # What was trained is not trained again; what is gone is.
    kept = tmp_path / "runs" / "projection-seed1" / "checkpoints" / "step-00000004.pt"
    before = kept.stat().st_mtime_ns
    shutil.rmtree(tmp_path / "runs" / "projection-seed0")
    subprocess.run(words, check=True, capture_output=True)
    assert kept.stat().st_mtime_ns == before
    assert json.loads((tmp_path / "runs" / "report" / "report.json").read_text()) == report
