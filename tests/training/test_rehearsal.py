"""`train --dry-run` says word for word what `train` would refuse, and leaves nothing behind."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from projgan.cli import run_command
from projgan.commands import progress
from projgan.data import ConditionRequest, load_images, open_source, packing, verification
from projgan.data.decoding import Decoding
from projgan.storage.run_directory import RunDirectory
from small_runs import assert_one_line_error, command_line, files_of, save_blank_classifier, train_small


def write_images(folder: Path, names: tuple[str, ...] = ("cat", "dog"), count: int = 6) -> Path:
    draws = np.random.default_rng(len(names))
    for name in names:
        (folder / name).mkdir(parents=True)
        for index in range(count):
            pixels = draws.integers(256, size=(9, 8)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    return folder


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:50])


def a_run(run_dir: str, **changes: Any) -> None:
    settings = {"data.source": "photos", "data.cache": "cache", "training.steps": 2}
    train_small(Path(run_dir), settings | {key.replace("__", "."): value for key, value in changes.items()})


def a_broken_image() -> dict[str, Any]:
    cut(Path("photos/dog/3.png"))
    return {}


def every_image_of_a_class() -> dict[str, Any]:
    for file in Path("photos/dog").iterdir():
        cut(file)
    return {"data.on_unreadable": "skip"}


def a_cache_that_is_a_file() -> dict[str, Any]:
    Path("cache").touch()
    return {}


def a_cache_below_a_file() -> dict[str, Any]:
    Path("file").touch()
    return {"data.cache": "file/cache"}


def a_cache_in_the_kernel() -> dict[str, Any]:
    return {"data.cache": "/proc/cache"}


def a_cache_with_something_else() -> dict[str, Any]:
    load_images("photos", resolution=8, channels=1, cache="cache")
    (store,) = Path("cache").iterdir()
    (store / "manifest.json").rename(store / "somebody's.json")
    return {}


def a_cache_with_images_left_out() -> dict[str, Any]:
    cut(Path("photos/dog/3.png"))
    load_images("photos", resolution=8, channels=1, cache="cache", on_unreadable="skip")
    return {}


def a_run_that_is_a_file() -> dict[str, Any]:
    Path("run").touch()
    return {}


def a_run_below_a_file() -> dict[str, Any]:
    Path("file").touch()
    return {"run_dir": "file/run"}


def a_run_in_the_kernel() -> dict[str, Any]:
    return {"run_dir": "/proc/run"}


def a_run_among_the_images() -> dict[str, Any]:
    return {"run_dir": "photos/run"}


def a_folder_of_something_else() -> dict[str, Any]:
    Path("run").mkdir()
    Path("run/notes.txt").touch()
    return {}


def a_run_of_other_settings() -> dict[str, Any]:
    a_run("run")
    return {"generator.width": 16}


def a_run_of_other_images() -> dict[str, Any]:
    a_run("run")
    Image.new("L", (8, 8)).save("photos/dog/0.png")
    return {}


def a_run_that_is_further() -> dict[str, Any]:
    a_run("run")
    return {"training.steps": 1}


def a_run_whose_checkpoint_is_damaged() -> dict[str, Any]:
    a_run("run")
    (checkpoint,) = Path("run/checkpoints").iterdir()
    cut(checkpoint)
    return {}


def one_class() -> dict[str, Any]:
    shutil.rmtree("photos/dog")
    return {}


def an_empty_class() -> dict[str, Any]:
    for file in Path("photos/dog").iterdir():
        file.unlink()
    return {}


def no_images() -> dict[str, Any]:
    shutil.rmtree("photos")
    return {}


def a_store_of_another_size() -> dict[str, Any]:
    packing.pack(open_source("photos"), "store", resolution=16, channels=1)
    return {"data.source": "store"}


def networks_that_cannot_be() -> dict[str, Any]:
    return {"discriminator.condition": "hidden-concat", "discriminator.hidden_block": 3}


def no_feature_network() -> dict[str, Any]:
    return {"evaluation.every": 1, "evaluation.features": "classifier:absent.safetensors"}


def nothing_to_start_from() -> dict[str, Any]:
    return {"training.start_from": "nowhere"}


def something_else_to_start_from() -> dict[str, Any]:
    return {"training.start_from": str(blank_classifier())}


def blank_classifier(names: tuple[str, ...] = ("cat", "dog")) -> Path:
    return save_blank_classifier(Path("blank.safetensors"), names)


def measured(**changes: Any) -> dict[str, Any]:
    features = f"classifier:{blank_classifier()}"
    return {"evaluation.every": 1, "evaluation.features": features, "evaluation.generated_images": 8} | {
        f"evaluation.{key}": value for key, value in changes.items()
    }


def no_such_metric() -> dict[str, Any]:
    return measured(metrics="nonsense")


def a_metric_of_another_network() -> dict[str, Any]:
    return measured(metrics="fid")


def no_images_to_test_on() -> dict[str, Any]:
    return measured(metrics="classification_accuracy_score")


def more_real_images_than_there_are() -> dict[str, Any]:
    return measured(real_images=13)


def too_few_generated_images() -> dict[str, Any]:
    return measured(metrics="intra_fd", generated_images=9)


def a_classifier_of_another_size() -> dict[str, Any]:
    return (
        measured()
        | {"data.resolution": 16, "generator.architecture": "resnet-16"}
        | {"discriminator.architecture": "resnet-16"}
    )


REFUSED: tuple[Callable[[], dict[str, Any]], ...] = (
    a_broken_image,
    every_image_of_a_class,
    a_cache_that_is_a_file,
    a_cache_below_a_file,
    a_cache_in_the_kernel,
    a_cache_with_something_else,
    a_cache_with_images_left_out,
    a_run_that_is_a_file,
    a_run_below_a_file,
    a_run_in_the_kernel,
    a_run_among_the_images,
    a_folder_of_something_else,
    a_run_of_other_settings,
    a_run_of_other_images,
    a_run_that_is_further,
    a_run_whose_checkpoint_is_damaged,
    one_class,
    an_empty_class,
    no_images,
    a_store_of_another_size,
    networks_that_cannot_be,
    no_feature_network,
    nothing_to_start_from,
    something_else_to_start_from,
    no_such_metric,
    a_metric_of_another_network,
    no_images_to_test_on,
    more_real_images_than_there_are,
    too_few_generated_images,
    a_classifier_of_another_size,
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(verification, "SETTLED_SECONDS", 0)  # whatever is verified could be noted at once
    write_images(tmp_path / "photos")
    return tmp_path


def words(run_dir: str = "run", **changes: Any) -> list[str]:
    settings = {"data.source": "photos", "data.cache": "cache", "training.steps": 2}
    return command_line(Path(run_dir), settings | {key.replace("__", "."): v for key, v in changes.items()})


@pytest.mark.parametrize("prepare", REFUSED, ids=lambda prepare: prepare.__name__)
def test_a_dry_run_refuses_what_training_would_in_the_same_words(
    here: Path, capsys: pytest.CaptureFixture[str], prepare: Callable[[], dict[str, Any]]
) -> None:
    line = words(**prepare())
    before, folders = files_of(here), sorted(here.rglob("*"))
    capsys.readouterr()
    code, (out, err) = run_command([*line, "--dry-run"]), capsys.readouterr()
    assert (code, out) == (2, "")
    *read, rehearsed = err.splitlines()
    assert all(words.startswith("photos: ") for words in read), err
    assert (files_of(here), sorted(here.rglob("*"))) == (before, folders)
    assert run_command(line) == 2
    trained = capsys.readouterr().err.splitlines()
    assert (trained[: len(read)], trained[-1]) == (read, rehearsed)


def test_weights_that_are_not_there_are_refused_before_any_image_is_looked_at(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for more in ((), ("--dry-run",)):
        code = run_command([*words(training__start_from="nowhere"), *more])
        (line,) = capsys.readouterr().err.splitlines()
        assert code == 2
        assert line.startswith("projgan: nowhere: no such file or run")
        assert not (here / "cache").exists()


def test_a_dry_run_asks_inceptions_numbers_without_fetching_it(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = {"evaluation__every": 1, "evaluation__generated_images": 8}
    code = run_command([*words(**asked, evaluation__metrics="fd"), "--dry-run"])
    assert "fd is not what inception measures" in capsys.readouterr().err
    assert code == 2
    assert run_command([*words(**asked, evaluation__metrics="fid"), "--dry-run"]) == 0
    assert not (here / "cache").exists()


def test_a_dry_run_refuses_a_folder_where_another_process_trains(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_run("run")
    with RunDirectory(Path("run")).locked():
        capsys.readouterr()
        message = assert_one_line_error(run_command([*words(), "--dry-run"]), *capsys.readouterr())
    assert message.endswith("run: another process is training here; wait for it or choose another --run-dir")


def test_a_dry_run_refuses_a_full_disk(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing.shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10, 9, 1))
    message = assert_one_line_error(run_command([*words(), "--dry-run"]), *capsys.readouterr())
    assert message == assert_one_line_error(run_command(words()), *capsys.readouterr())
    assert "GiB free; free some or choose another place" in message


def test_a_dry_run_shows_how_far_it_is_and_says_what_it_leaves_out(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cut(here / "photos/dog/3.png")
    monkeypatch.setattr(progress, "DELAY", 0.0)
    monkeypatch.setattr(progress, "_interval", lambda: 0.0)
    before = files_of(here)
    assert run_command([*words(data__on_unreadable="skip"), "--dry-run"]) == 0
    err = capsys.readouterr().err
    assert "decoding images: " in err
    assert "12/12" in err
    assert "photos: 1 unreadable image is left out\n" in err
    assert "probing steps: " in err
    assert "6/6" in err
    assert files_of(here) == before


def test_a_dry_run_of_a_run_that_is_there_says_where_it_would_go_on(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    a_run("run")
    monkeypatch.setattr(Decoding, "images", None)  # the cache has them, as it would for training
    assert run_command([*words(training__steps=5), "--dry-run"]) == 0
    assert "run would go on from step 2\n" in capsys.readouterr().err


@pytest.mark.parametrize("cache", ["cache", None])
@pytest.mark.parametrize("broken", [False, True])
def test_images_looked_at_and_images_loaded_have_one_fingerprint(
    here: Path, cache: str | None, broken: bool
) -> None:
    if broken:
        cut(here / "photos/dog/3.png")
    size: dict[str, Any] = {"resolution": 8, "channels": 3, "cache": cache, "on_unreadable": "skip"}
    looked_at = load_images("photos", keep=False, **size)
    assert not (here / "cache").exists()
    loaded = load_images("photos", **size)
    again = load_images("photos", keep=False, **size)
    for key in ("fingerprint", "remarks", "name", "class_names", "skipped", "upscaled", "split"):
        assert getattr(looked_at, key) == getattr(loaded, key) == getattr(again, key)
    assert looked_at.labels.tolist() == loaded.labels.tolist()
    assert looked_at.images.shape == loaded.images.shape


def test_conditions_are_part_of_the_fingerprint(here: Path) -> None:
    rows = [f"cat/{index}.png,{index}.5,{index % 2}" for index in range(6)]
    (here / "photos/labels.csv").write_text("\n".join(["file,age,height", *rows]) + "\n")
    request = ConditionRequest("vector", None)
    size: dict[str, Any] = {"resolution": 8, "channels": 1, "cache": "cache"}
    looked_at = load_images("photos", keep=False, request=request, **size)
    loaded = load_images("photos", request=request, **size)
    assert looked_at.fingerprint == loaded.fingerprint
    assert np.array_equal(looked_at.conditions, loaded.conditions)
