"""Images that are only measured may lack classes, and come as other programs write them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from projgan.config import DataConfig, EvaluationConfig
from projgan.data import load_images, open_source
from projgan.errors import UserError
from projgan.measuring.measuring import evaluate
from projgan.pictures.grids import write_png
from projgan.pictures.pillow import to_pil
from small_runs import ONE_RANK, save_blank_classifier

COUNT = 40
PIXELS = np.random.default_rng(0).integers(0, 256, (COUNT, 8, 8, 3), dtype=np.uint8)
LABELS = np.arange(COUNT) % 10
Measure = Callable[..., list[tuple[str, float]]]


@pytest.fixture
def measure(tmp_path: Path) -> Measure:
    network = save_blank_classifier(tmp_path / "blank.safetensors", tuple("0123456789"))
    data = DataConfig(source="digits", cache=tmp_path / "cache")

    def measure(subject: Path, *metrics: str) -> list[tuple[str, float]]:
        settings = EvaluationConfig(
            features=f"classifier:{network}", generated_images=COUNT, real_images=200, metrics=metrics
        )
        return [(row.metric, row.value) for row in evaluate(subject, data, settings, ONE_RANK)]

    return measure


def write(folder: Path) -> Path:
    """In the order of names as in that of the pixels, so that the same are drawn at random."""
    for index, pixels in enumerate(PIXELS):
        write_png(to_pil(pixels.transpose(2, 0, 1)), folder / f"{index:02}.png")
    return folder


@pytest.fixture
def in_one_folder(tmp_path: Path) -> Path:
    write(tmp_path / "inside" / "all")
    return tmp_path / "inside"


@pytest.mark.parametrize("form", ["flat", "images alone", "arr_0 alone"])
def test_images_without_classes_are_measured_as_those_in_one_folder(
    form: str, measure: Measure, in_one_folder: Path, tmp_path: Path
) -> None:
    given = tmp_path / "given.npz"
    if form == "flat":
        given = write(tmp_path / "flat")
        (given / "notes.txt").write_text("seed 0")
    else:
        np.savez(given, **{form.split()[0]: PIXELS})
    assert measure(given, "fd") == measure(in_one_folder, "fd")
    with pytest.raises(UserError, match="accuracy"):
        measure(given, "accuracy")
    with pytest.raises(UserError, match=r"no class folders|no array 'images'|no array 'labels'"):
        load_images(given, resolution=8, channels=1, cache=None)  # for training they are no more than before


def test_samples_of_guided_diffusion_are_measured_with_their_labels(measure: Measure, tmp_path: Path) -> None:
    np.savez(tmp_path / "usual.npz", images=PIXELS, labels=LABELS)
    np.savez(tmp_path / "samples.npz", PIXELS, LABELS)  # numpy calls them arr_0 and arr_1
    rows = measure(tmp_path / "samples.npz", "fd", "accuracy")
    assert rows == measure(tmp_path / "usual.npz", "fd", "accuracy")
    assert [metric for metric, _ in rows] == ["fd", "accuracy_top1", "accuracy_top5"]
    with pytest.raises(UserError, match=r"no array 'images' \(present: arr_0, arr_1\)"):
        open_source(tmp_path / "samples.npz")
    np.savez(tmp_path / "samples.npz", PIXELS.astype(np.float32), LABELS)
    with pytest.raises(UserError, match=r"samples\.npz: arr_0 are float32 \[40, 8, 8, 3\]"):
        measure(tmp_path / "samples.npz", "fd")
    np.savez(tmp_path / "samples.npz", PIXELS, LABELS[:7])
    with pytest.raises(UserError, match=r"samples\.npz: arr_1 are int64 \[7\] for 40 images"):
        measure(tmp_path / "samples.npz", "fd")


def test_a_file_beside_flat_images_that_may_hold_their_classes_is_still_refused(
    measure: Measure, tmp_path: Path
) -> None:
    folder = write(tmp_path / "flat")
    (folder / "labels.txt").write_text("\n".join(f"{index:02}.png 3" for index in range(COUNT)))
    with pytest.raises(UserError, match=r"labels\.txt is in no form of labels that is read"):
        measure(folder, "fd")
