"""Sets that declare classes without images, through every command: none is generated of these."""

import csv
import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from projgan.cli import run_command
from projgan.data.empty_classes import words_on_empty
from projgan.generation.sampling import sample
from projgan.pictures.grids import grid
from projgan.storage.network_file import load_classifier, load_discriminator, load_generator

SMALL = (
    "--generator.width 8 --discriminator.width 8 --training.batch-size 4 --training.steps 3 "
    "--training.log-every 1 --sampling.every 3 --sampling.columns 2 --optimizer.decay-start None "
    "--optimizer.decay-end None --data.cache cache"
)
LEFT_OUT = "2 of 4 classes have no images and are left out: 0, 2"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty grey images of classes 1 and 3, dark and light, a run and a classifier of them."""
    folder = tmp_path_factory.mktemp("numbered")
    labels = np.arange(30) % 2 * 2 + 1
    noise = np.random.default_rng(0).integers(0, 40, (30, 8, 8))
    images = (labels[:, None, None] * 60 + noise).astype(np.uint8)
    np.savez(folder / "numbered.npz", images=images, labels=labels)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run_command(shlex.split(f"train demo --data numbered.npz --run-dir run {SMALL}")) == 0
        command = "classifier numbered.npz --width 8 --epochs 2 --cache cache --out c.safetensors"
        assert run_command(shlex.split(command)) == 0
    return folder


@pytest.fixture
def cli(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(place)

    def run(line: str, code: int = 0) -> tuple[str, str]:
        capsys.readouterr()
        assert run_command(shlex.split(line)) == code, capsys.readouterr().err
        return capsys.readouterr()

    return run


def test_the_words() -> None:
    assert words_on_empty([], 3) == ""
    assert words_on_empty(["emu"], 3) == "1 of 3 classes has no images and is left out: emu"
    names = [f"c{number}" for number in range(12)]
    assert words_on_empty(names, 90).endswith("are left out: c0, c1, c2, c3, c4 and 7 more")


def test_describe_leaves_them_out_and_says_so(cli) -> None:
    out, _ = cli("data describe numbered.npz")
    assert "classes    2, equally large" in out
    assert f"note: {LEFT_OUT}" in out
    assert "\n  1         15\n  3         15\n\n" in out
    described = json.loads(cli("data describe numbered.npz --json")[0])
    assert described["classes"] == {"1": 15, "3": 15}
    assert described["empty_classes"] == ["0", "2"]


def test_training_says_so_and_its_grid_and_files_know_it(cli, place: Path) -> None:
    _, err = cli(f"train demo --data numbered.npz --run-dir again {SMALL}")
    assert f"numbered: {LEFT_OUT}" in err
    generator, description = load_generator(place / "again" / "generator.safetensors")
    assert description.empty_classes == (0, 2)
    assert description.present_classes == [1, 3]
    assert load_discriminator(place / "again" / "discriminator.safetensors")[1].empty_classes == (0, 2)
    images = torch.cat(list(sample(generator, [0, 1] * 2, torch.tensor([1, 1, 3, 3]))))
    with Image.open(place / "again" / "samples" / "step-00000003.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), np.asarray(grid(images, 2, ["1", "3"])))


def test_one_class_with_images_is_one_class(cli, place: Path) -> None:
    np.savez(place / "one.npz", images=np.zeros((4, 8, 8), np.uint8), labels=[2, 2, 2, 2])
    for more in ("", " --dry-run"):
        _, err = cli(f"train demo --data one.npz --run-dir none {SMALL}{more}", code=2)
        assert "one.npz: one class only (2), so there is no condition to learn" in err


def test_sampling_everything_is_sampling_what_there_were_images_of(cli) -> None:
    for line in ("sample run --count 1 --out o --json", "sample run --class all --count 1 --out o --json"):
        out, err = cli(line)
        assert json.loads(out)["rows"] == ["1", "3"]
        assert LEFT_OUT in err
    _, err = cli("sample run --class 3 --count 1 --out o --json")
    assert "left out" not in err
    for asked in ("--class 2", "--class 1 0", "--mix 2=1", "--mix 1=0.5,0=0.5"):
        _, err = cli(f"sample run {asked} --count 1 --out o", code=2)
        assert "had no images when the network was trained" in err
    out, _ = cli("sample run --mix 1=0.5,3=0.5 --count 1 --out o --json")
    assert json.loads(out)["rows"] == ["1=0.5,3=0.5"]


def test_morphing_through_all_passes_by_them(cli) -> None:
    out, err = cli("morph run --classes all --rows 1 --columns 4 --out m.png --json")
    assert json.loads(out)["classes"] == ["1", "3"]
    assert LEFT_OUT in err
    _, err = cli("morph run --classes 1 2 --out m.png", code=2)
    assert "class '2' had no images" in err


@pytest.mark.parametrize("protocol", ["standard", "paper --real-images 20", "intra"])
def test_evaluation_generates_none_of_them(cli, protocol: str) -> None:
    count = "--generated-per-class 20" if protocol == "intra" else "--generated-images 40"
    out, err = cli(
        f"evaluate run --features classifier:c.safetensors --protocol {protocol} {count} --cache cache --json"
    )
    rows = {row["metric"]: row for row in json.loads(out)}
    assert list(rows["intra_fd"]["per_class"]) == ["1", "3"]
    assert f"numbered: {LEFT_OUT}" in err
    if protocol != "intra":
        assert list(rows["accuracy_top1"]["per_class"]) == ["1", "3"]
        assert list(rows["within_class_ms_ssim"]["per_class"]) == ["1", "3"]


def test_a_classifier_says_so_and_knows_it(cli, place: Path) -> None:
    _, err = cli("classifier numbered.npz --width 8 --epochs 1 --cache cache --out other.safetensors")
    assert f"numbered: {LEFT_OUT}" in err
    assert load_classifier(place / "other.safetensors")[1].empty_classes == (0, 2)


@pytest.mark.parametrize("per_class", [0, 3])
def test_inspection_asks_only_after_those_with_images(cli, place: Path, per_class: int) -> None:
    _, err = cli(f"inspect run --generated-per-class {per_class} --out i --cache cache")
    assert LEFT_OUT in err
    with (place / "i" / "inspection.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [key for key in rows[0] if key.startswith("posterior: ")] == ["posterior: 1", "posterior: 3"]
    assert {row["label"] for row in rows} == {"1", "3"} >= {row["most likely"] for row in rows}
    for row in rows:
        assert float(row["posterior: 1"]) + float(row["posterior: 3"]) == pytest.approx(1, abs=1e-6)
        assert float(row["posterior of label"]) == float(row[f"posterior: {row['label']}"])


def test_images_of_a_class_that_was_never_seen_cannot_be_inspected(cli, place: Path) -> None:
    np.savez(place / "other.npz", images=np.zeros((4, 8, 8), np.uint8), labels=[1, 2, 3, 3])
    _, err = cli("inspect run other.npz --out i --cache cache", code=2)
    assert "other: the discriminator was trained without images of class '2'" in err


def test_a_run_is_guided_by_a_classifier_that_has_seen_its_classes(cli, place: Path) -> None:
    np.savez(
        place / "wide.npz",
        images=np.random.default_rng(0).integers(0, 255, (40, 8, 8), np.uint8),
        labels=np.arange(40) % 4,
    )
    cli(f"train demo --data wide.npz --run-dir wide {SMALL}")
    _, err = cli("finetune wide --classifier c.safetensors --steps 1", code=2)
    assert "c.safetensors: a classifier that has seen no image of class 0, of which the run makes some" in err
    cli("finetune run --classifier c.safetensors --steps 1 --run-dir guided")


def test_a_classifier_that_steers_is_followed_to_what_it_has_seen(cli) -> None:
    cli("inverter numbered.npz --classifier c.safetensors --width 4 --steps 2 --cache cache --out inverter")
    out, err = cli("plug-and-play inverter --count 1 --steps 2 --out p.png --json")
    assert json.loads(out)["classes"] == ["1", "3"]
    assert LEFT_OUT in err
    _, err = cli("plug-and-play inverter --class 0 --count 1 --steps 2 --out p.png", code=2)
    assert "class '0' had no images" in err


def test_columns_that_no_image_has_are_no_rows_of_a_grid(cli, place: Path) -> None:
    values = np.zeros((20, 4), np.float32)
    values[::2, 1] = values[::3, 3] = 1
    images = np.random.default_rng(0).integers(0, 255, (20, 8, 8), np.uint8)
    names = ["hat", "beard", "wings", "smile"]
    np.savez(place / "several.npz", images=images, conditions=values, condition_names=names)
    cli(f"train demo --data several.npz --data.condition multi-hot --run-dir several {SMALL}")
    out, _ = cli("sample several --count 1 --out of-several --json")
    assert json.loads(out)["rows"] == ["beard", "smile"]
    _, err = cli("sample several --mix beard=1,hat=1 --out o.png", code=2)
    assert "class 'hat' had no images" in err


def test_a_class_of_pictures_that_are_not_read_is_named_before_the_class_that_is_left(
    cli, place: Path
) -> None:
    for name, kind in (("cat", "png"), ("dog", "heic")):
        (place / "phone" / name).mkdir(parents=True)
        Image.new("L", (8, 8)).save(place / "phone" / name / f"1.{kind}", format="png")
    for more in ("", " --dry-run"):
        _, err = cli(f"train demo --data phone --run-dir none {SMALL}{more}", code=2)
        assert "holds no images in a format that is read, but 1 .heic; convert them to JPEG" in err
