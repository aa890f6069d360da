import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from projgan.errors import UserError
from projgan.generation.request import SampleRequest
from projgan.generation.sample_writing import Written, write_images
from projgan.generation.sampling import sample
from projgan.networks.resnet import Generator
from projgan.overwriting import MARK
from projgan.pictures.grids import grid
from projgan.storage.network_description import NetworkDescription, Provenance
from projgan.storage.network_file import generator_path, save_network


def network(num_classes: int | None) -> Generator:
    """Classes far apart, so that no two images are alike by chance."""
    torch.manual_seed(2)
    generator = Generator("resnet-8", channels=1, num_classes=num_classes, latent_size=4, width=4)
    if num_classes:
        with torch.no_grad():
            for name, parameter in generator.named_parameters():
                if parameter.ndim == 2 and name.endswith(("gain", "bias")):
                    parameter.normal_(std=2)
    return generator.eval()


def save(folder: Path, *class_names: str, conditional: bool = True) -> Path:
    count = len(class_names) if conditional else None
    words = {"architecture": "resnet-8", "channels": 1, "num_classes": count, "latent_size": 4, "width": 4}
    provenance = Provenance(
        data="x", data_fingerprint="x", step=1, images_seen=1, averaged=False, settings={}, versions={}
    )
    description = NetworkDescription(
        kind="generator", network=words, class_names=class_names, provenance=provenance
    )
    folder.mkdir(exist_ok=True)
    save_network(network(count), description, folder / "generator.safetensors")
    return folder


def images_of(num_classes: int | None, seeds: list[int], condition: torch.Tensor | None) -> np.ndarray:
    return torch.cat(list(sample(network(num_classes), seeds, condition))).numpy()


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_a_folder_gets_one_file_per_class_and_seed(tmp_path: Path) -> None:
    run, out = save(tmp_path / "run", "cat", "dog", "owl"), tmp_path / "out"
    told = []
    request = SampleRequest(classes=["owl", "cat"], count=5, seed=7, out=out)
    written = write_images(run, request, progress=lambda done, total: told.append((done, total)))
    names = [f"{name}/seed{seed:06d}.png" for name in ("owl", "cat") for seed in range(7, 12)]
    assert [path.relative_to(out).as_posix() for path in written.files] == names
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.png")) == sorted(names)
    expected = images_of(3, [*range(7, 12)] * 2, torch.tensor([2] * 5 + [0] * 5))
    for path, image in zip(written.files, expected, strict=True):
        np.testing.assert_array_equal(pixels(path), image[0])
    assert told[-1] == (10, 10)
    assert (written.rows, written.seeds) == (("owl", "cat"), (7, 11))
    assert json.loads(json.dumps(written.to_dict()))["last_seed"] == 11


def test_a_png_gets_a_row_per_class_and_a_column_per_seed(tmp_path: Path) -> None:
    run, out = save(tmp_path / "run", "cat", "dog"), tmp_path / "grid.PNG"
    written = write_images(run, SampleRequest(count=3, seed=4, out=out))
    assert written.files == [out]
    images = images_of(2, [4, 5, 6] * 2, torch.tensor([0] * 3 + [1] * 3))
    np.testing.assert_array_equal(pixels(out), grid(torch.from_numpy(images), 3, ["cat", "dog"]))


def test_one_class_fills_rows_of_sixteen(tmp_path: Path) -> None:
    run, out = save(tmp_path / "run", "cat", "dog"), tmp_path / "grid.png"
    write_images(run, SampleRequest(classes=["dog"], count=20, out=out))
    images = images_of(2, list(range(20)), torch.tensor([1] * 20))
    np.testing.assert_array_equal(pixels(out), grid(torch.from_numpy(images), 16))


def test_mixes(tmp_path: Path) -> None:
    run, out = save(tmp_path / "run", "cat", "dog"), tmp_path / "out"
    written = write_images(run, SampleRequest(mix=["cat=0.25,dog=0.75", "dog=1"], count=2, out=out))
    weights = torch.tensor([[0.25, 0.75]] * 2 + [[0.0, 1.0]] * 2)
    expected = images_of(2, [0, 1] * 2, weights)
    for path, image in zip(written.files, expected, strict=True):
        np.testing.assert_array_equal(pixels(path), image[0])
    assert len(set(written.files)) == 4


def test_an_unconditional_generator(tmp_path: Path) -> None:
    run = save(tmp_path / "run", "cat", "dog", conditional=False)
    written = write_images(run, SampleRequest(count=3, truncation=1.0, out=tmp_path / "out"))
    plain = images_of(None, [0, 1, 2], None)
    cut = torch.cat(list(sample(network(None), [0, 1, 2], None, 1.0))).numpy()
    assert not np.array_equal(plain, cut)
    for path, image in zip(written.files, cut, strict=True):
        np.testing.assert_array_equal(pixels(path), image[0])
    with pytest.raises(UserError, match="unconditional generator; leave --class and --mix out"):
        write_images(run, SampleRequest(classes=["cat"], out=tmp_path / "out"))


EVIL = [
    "../../x",
    "/etc/x",
    "..",
    ".",
    "",
    "a/b",
    "a\\b",
    "C:x",
    ".hidden",
    "nul\0",
    "line\nbreak",
    "-rf",
    "x" * 999,
]


def written_by_class(tmp_path: Path, names: list[str]) -> Written:
    run = save(tmp_path / "run", *names)
    return write_images(run, SampleRequest(classes=["all"], count=2, out=tmp_path / "out"))


def test_no_class_name_leaves_the_folder(tmp_path: Path) -> None:
    written = written_by_class(tmp_path, EVIL)
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file() and path.name != MARK)
    assert sorted([*written.files, tmp_path / "run" / "generator.safetensors"]) == files
    assert {path.parent.parent for path in written.files} == {tmp_path / "out"}
    assert len(files) == 2 * len(EVIL) + 1
    folders = {path.parent.name for path in written.files}
    assert all(folder.isprintable() and not folder.startswith(".") for folder in folders)


@pytest.mark.parametrize(
    "names",
    [
        ["a/b", "a_b", "a b"],
        ["crane", "crane"],  # the bird and the machine of ImageNet
        ["Polish", "polish"],  # one file on a disk that does not tell case apart
        ["a/b", "a_b", "a_b_1", "a_b_1_1"],
        ["x" * 150 + "1", "x" * 150 + "2"],
    ],
)
def test_every_class_has_files_of_its_own(tmp_path: Path, names: list[str]) -> None:
    written = written_by_class(tmp_path, names)
    assert len({path.parent.name.casefold() for path in written.files}) == len(names)
    labels = torch.arange(len(names)).repeat_interleave(2)
    expected = images_of(len(names), [0, 1] * len(names), labels)
    for path, image in zip(written.files, expected, strict=True):
        np.testing.assert_array_equal(pixels(path), image[0])


def test_a_class_keeps_its_file_name_whatever_else_is_asked_for(tmp_path: Path) -> None:
    run = save(tmp_path / "run", "a/b", "a_b")
    files = [
        write_images(run, SampleRequest(classes=classes, count=1, out=tmp_path / "out")).files
        for classes in (["a/b", "a_b"], ["a/b"], ["a_b"])
    ]
    assert files[0] == files[1] + files[2]


def test_long_names_of_any_script_make_files(tmp_path: Path) -> None:
    written = written_by_class(tmp_path, ["犬" * 120, "🐕" * 120])
    assert all(path.is_file() for path in written.files)


def test_a_very_long_name_does_not_blow_up_a_grid(tmp_path: Path) -> None:
    run = save(tmp_path / "run", "x" * 100_000, "dog")
    write_images(run, SampleRequest(count=1, out=tmp_path / "grid.png"))
    assert pixels(tmp_path / "grid.png").shape[1] < 1000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "--count is 0; it must be from 1 to 1,000,000"),
        ({"seed": -1}, "--seed is -1; it must be from 0 to 2**63 - 11"),
        ({"seed": 2**63}, f"--seed is {2**63}; it must be from 0 to 2**63 - 11"),
        ({"truncation": 0.0}, "--truncation is 0.0; it must be above 0 and below 10"),
        ({"truncation": float("nan")}, "--truncation is nan; it must be above 0 and below 10"),
        ({"classes": ["cat"], "mix": ["cat=1"]}, "--class and --mix exclude each other; give one of them"),
        ({"classes": ["ct"]}, "unknown class 'ct'; did you mean 'cat'?"),
        (
            {"count": 10**11},
            "--count is 100000000000; it must be from 1 to 1,000,000",
        ),
        (
            {"out": Path("x.jpg")},
            "--out x.jpg: images are written as PNG; give FILE.png or a folder",
        ),
        (
            {"count": 5001, "out": Path("x.png")},
            "--out x.png: 10002 images are too many for one grid; give a folder",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, options: dict[str, object], message: str) -> None:
    run = save(tmp_path / "run", "cat", "dog")
    with pytest.raises(UserError) as caught:
        write_images(run, SampleRequest(**({"out": tmp_path / "out"} | options)))
    assert str(caught.value) == message
    assert not (tmp_path / "out").exists()


def test_a_run_or_its_file_may_be_named(tmp_path: Path) -> None:
    run = save(tmp_path / "run", "cat", "dog")
    file = run / "generator.safetensors"
    assert generator_path(run) == generator_path(file) == file
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty: no generator\.safetensors there"):
        generator_path(tmp_path / "empty")


def test_a_class_called_all_is_one_of_all(tmp_path: Path) -> None:
    run = save(tmp_path / "run", "all", "other")
    every = write_images(run, SampleRequest(count=1, out=tmp_path / "every"))
    assert every.rows == ("all", "other")
    assert write_images(run, SampleRequest(classes=["all"], count=1, out=tmp_path / "one")).rows == ("all",)
    with pytest.raises(UserError, match="--class is given without a name"):
        write_images(run, SampleRequest(classes=[], out=tmp_path / "none"))


def test_a_class_asked_for_twice_is_made_once(tmp_path: Path) -> None:
    run = save(tmp_path / "run", "cat", "dog")
    written = write_images(run, SampleRequest(classes=["dog", "cat", "dog"], count=1, out=tmp_path / "out"))
    assert written.rows == ("dog", "cat")
    assert len(written.files) == 2
