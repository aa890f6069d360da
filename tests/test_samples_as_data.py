"""What `sample` writes is a set of images like any other: described, trained on and measured."""

import json
import shlex
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from projgan.classification.training import predict
from projgan.cli import run_command
from projgan.data import describe, load_images, open_source
from projgan.data.tensors import as_tensor
from projgan.storage.network_file import load_classifier

SMALL = (
    "--generator.width 8 --discriminator.width 8 --training.batch-size 4 --training.steps 2 "
    "--sampling.every None --optimizer.decay-start None --optimizer.decay-end None --data.cache cache"
)
NAMES = [
    "tench, Tinca tinca",
    "..",
    "a/b",
    "CON",
    "café",
    "train",
    "test",
    "A",
    "a",
    "50%",
    "a%2Fb",
    ".x",
    "12:30",
]
Run = Callable[..., tuple[str, str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of classes with awkward names, in an order that is not that of letters."""
    folder = tmp_path_factory.mktemp("samples")
    rng = np.random.default_rng(0)
    count = 8 * len(NAMES)
    np.savez(
        folder / "set.npz",
        images=rng.integers(0, 255, (count, 8, 8), np.uint8),
        labels=np.arange(count) % len(NAMES),
        class_names=NAMES,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run_command(shlex.split(f"train demo --data set.npz --run-dir run {SMALL}")) == 0
        command = "classifier set.npz --width 8 --epochs 1 --cache cache --out c.safetensors"
        assert run_command(shlex.split(command)) == 0
    return folder


@pytest.fixture
def cli(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(place)

    def run(line: str, code: int = 0) -> tuple[str, str]:
        capsys.readouterr()
        assert run_command(shlex.split(line)) == code, capsys.readouterr().err
        return capsys.readouterr()

    return run


def test_samples_of_every_class_come_back_under_their_names(cli: Run, place: Path) -> None:
    out, _ = cli("sample run --class all --count 3 --out all --json")
    files = json.loads(out)["files"]
    assert len(files) == 3 * len(NAMES)
    assert all(Path(file).parts[0] == "all" and len(Path(file).parts) == 3 for file in files)
    described = describe(place / "all")
    assert described.classes == dict.fromkeys(sorted(NAMES), 3)
    with zipfile.ZipFile(place / "all.zip", "w") as archive:
        for file in files:
            archive.write(place / file, file)
    assert set(open_source(place / "all.zip").class_names) == set(NAMES)


def test_samples_are_measured_class_by_class_whatever_their_order(cli: Run, place: Path) -> None:
    """Each folder against the classifier's own word on its images, one by one."""
    measures = "--features classifier:c.safetensors --metrics intra_fd accuracy_top1 --cache cache --json"
    cli("sample run --class all --count 6 --out six")
    out, _ = cli(f"evaluate six --data set.npz {measures} --generated-images {6 * len(NAMES)}")
    found = {row["metric"]: row for row in json.loads(out)}
    assert list(found["intra_fd"]["per_class"]) == NAMES
    classifier, _ = load_classifier(place / "c.safetensors")
    stored = load_images(place / "six", resolution=8, channels=1, cache=None)
    said = predict(classifier, as_tensor(stored.images)).tolist()
    names = [stored.class_names[label] for label in stored.labels]
    for name in NAMES:
        right = [NAMES[answer] == name for answer, own in zip(said, names, strict=True) if own == name]
        assert found["accuracy_top1"]["per_class"][name] == pytest.approx(np.mean(right))
    assert len(set(found["accuracy_top1"]["per_class"].values())) > 1


def test_samples_can_be_trained_on(cli: Run) -> None:
    cli("sample run --class A a --count 8 --out two")
    _, err = cli(f"train demo --data two --run-dir again {SMALL}")
    assert "Traceback" not in err


def test_one_more_class_joins_those_that_are_there(cli: Run, place: Path) -> None:
    cli("sample run --class a --count 2 --out growing")
    cli("sample run --class A --count 2 --out growing")
    assert describe(place / "growing").classes == {"A": 2, "a": 2}


def test_mixtures_have_a_folder_each(cli: Run, place: Path) -> None:
    cli("sample run --mix 'tench, Tinca tinca=0.5,a/b=0.5' --mix a/b=1 --count 2 --out mixed")
    assert describe(place / "mixed").classes == {"a/b=1": 2, "tench, Tinca tinca=0.5,a/b=0.5": 2}
    _, err = cli("evaluate mixed --data set.npz --features classifier:c.safetensors --cache cache", code=2)
    assert "mixed is of other classes than set: 'a/b=1' is none of them" in err


def test_one_mixture_or_one_class_is_measured_as_a_whole(cli: Run) -> None:
    cli("sample run --mix a/b=0.5,CON=0.5 --count 12 --out mixture")
    out, _ = cli(
        "evaluate mixture --data set.npz --features classifier:c.safetensors --generated-images 12 "
        "--cache cache --json"
    )
    metrics = {row["metric"] for row in json.loads(out)}
    assert "fd" in metrics
    assert "intra_fd" not in metrics


def test_an_unconditional_generator_has_one_folder(cli: Run, place: Path) -> None:
    unconditional = "--generator.condition None --discriminator.condition unconditional"
    cli(f"train demo --data set.npz --run-dir plain {unconditional} {SMALL}")
    cli("sample plain --count 12 --out whole")
    assert describe(place / "whole").classes == {"samples": 12}
    measures = "--features classifier:c.safetensors --metrics fd --generated-images 12 --cache cache"
    cli(f"evaluate whole --data set.npz {measures}")


def test_long_names_are_matched_too(cli: Run, place: Path) -> None:
    names = ["x" * 300, "y" * 300 + "1", "y" * 300 + "2"]
    images = np.random.default_rng(1).integers(0, 255, (24, 8, 8), np.uint8)
    np.savez(place / "long.npz", images=images, labels=np.arange(24) % 3, class_names=names)
    cli(f"train demo --data long.npz --run-dir long {SMALL}")
    cli("classifier long.npz --width 8 --epochs 1 --cache cache --out long.safetensors")
    cli("sample long --count 6 --out lengthy")
    measures = "--features classifier:long.safetensors --metrics accuracy_top1 --cache cache --json"
    out, _ = cli(f"evaluate lengthy --data long.npz {measures} --generated-images 18")
    assert set(json.loads(out)[0]["per_class"]) == set(names)
