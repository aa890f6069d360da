"""The public face: what `import projgan` offers does what the commands do."""

import io
import pydoc
import shutil
import subprocess
import sys
import tomllib
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import projgan
from projgan.cli import run_command
from projgan.generation.sampling import latents_of, sample
from projgan.storage.network_file import generator_path, load_generator
from small_runs import small_config

ROOT = Path(__file__).parents[2]


def array(image: Image.Image) -> np.ndarray:
    return np.asarray(image)


@pytest.fixture(scope="module")
def digits() -> projgan.GAN:
    return projgan.load("digits", device="cpu")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> projgan.Run:
    folder = tmp_path_factory.mktemp("api")
    settings = small_config({"training.steps": 4}).model_dump(mode="json")
    settings["training"].pop("steps")
    return projgan.train(
        "demo",
        run_dir=folder / "run",
        progress=False,
        **settings | {"training": settings["training"] | {"steps": 4}},
    )


def test_importing_it_imports_nothing_heavy() -> None:
    code = (
        "import sys, projgan; dir(projgan); projgan.UserError\n"
        "print({'torch', 'numpy', 'pydantic', 'PIL'} & set(sys.modules))"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "set()"


def test_every_public_name_is_there_documented_and_known_to_type_checkers() -> None:
    stubs = (ROOT / "src/projgan/__init__.py").read_text().partition("if TYPE_CHECKING:")[2].partition(
        "\n\n__version__"
    )[0] + "\n"
    for name in projgan.__all__:
        assert getattr(projgan, name).__doc__, name
        assert f" {name}\n" in stubs or f" {name} =" in stubs, name
    with pytest.raises(AttributeError, match="has no attribute 'lode'"):
        projgan.lode  # noqa: B018
    text = pydoc.render_doc(projgan, renderer=pydoc.plaintext)
    assert "\n    train(preset" in text
    assert "projgan.load(" in text


def test_the_version_is_that_of_the_package() -> None:
    assert projgan.__version__ == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_images_are_those_of_the_command(digits: projgan.GAN, tmp_path: Path) -> None:
    assert (
        run_command(
            ["sample", "digits", "--class", "3", "--count", "2", "--seed", "5", "--out", str(tmp_path)]
        )
        == 0
    )
    written = sorted(tmp_path.rglob("*.png"))
    assert len(written) == 2
    for image, path in zip(digits.sample("3", count=2, seed=5), written, strict=True):
        np.testing.assert_array_equal(array(image), array(Image.open(path)))


def test_classes_mixtures_and_all_of_them(digits: projgan.GAN) -> None:
    generator, description = load_generator(generator_path(Path("digits")))
    labels = torch.tensor([8, 8, 1, 1])
    expected = torch.cat(list(sample(generator, [4, 5, 4, 5], labels)))
    torch.testing.assert_close(digits.sample_tensor(["8", "1"], count=2, seed=4), expected, rtol=0, atol=0)
    weights = torch.zeros(1, 10)
    weights[0, 3], weights[0, 8] = 0.25, 0.75
    expected = torch.cat(list(sample(generator, [7], weights, 0.5)))
    found = digits.sample_tensor({"3": 0.25, "8": 0.75}, seed=7, truncation=0.5)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert len(digits.sample()) == 10
    assert digits.class_names == description.class_names
    assert digits.grid(count=3).size[1] > 10 * 8


def test_a_morph_begins_and_ends_at_its_classes(digits: projgan.GAN) -> None:
    frames = digits.morph(["3", "8"], seed=2, steps=5)
    assert len(frames) == 5
    for frame, name in ((frames[0], "3"), (frames[-1], "8")):
        np.testing.assert_allclose(
            array(frame).astype(int), array(digits.sample(name, seed=2)[0]).astype(int), atol=1
        )
    assert (array(frames[2]) != array(frames[0])).any()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda gan: gan.sample("dog"), "unknown class 'dog'"),
        (lambda gan: gan.sample({"3": 0.5}), "the weights sum to 0.5; they must sum to 1"),
        (lambda gan: gan.sample({"3": float("nan")}), "nan of '3' is no finite number"),
        (lambda gan: gan.sample(count=0), "count is 0"),
        (lambda gan: gan.sample(seed=-1), "seed is -1"),
        (lambda gan: gan.sample(truncation=0), "truncation is 0"),
        (lambda gan: gan.sample(reject=1.5), "reject is 1.5"),
        (lambda gan: gan.sample("3", reject=0.5), "no discriminator.safetensors beside it to reject with"),
        (lambda gan: gan.inspect(torch.zeros(1, 1, 8, 8), torch.zeros(1)), "to ask"),
        (lambda gan: gan.morph(["3", "8"], steps=1), "1 steps are too few"),
        (lambda gan: gan.morph(["3", "8"], to_seed=-1), "to_seed is -1; it must be from 0 to 2**63 - 2"),
        (lambda gan: gan.morph(["3", "8"], to_seed=2**64), "to_seed is 18446744073709551616"),
        (lambda gan: gan.sample(3), "3 is no class; give its name, such as '3'"),
        (lambda gan: gan.sample(0), "0 is no class"),
        (lambda gan: gan.sample([3, 8]), "3 is no name of a class; give it as text"),
        (lambda gan: gan.sample({3: 1.0}), "3 is no name; give it as text"),
        (lambda gan: gan.sample([]), "no class is asked for"),
        (lambda gan: gan.sample(b"3"), "is no class"),
        (lambda gan: gan.morph([]), "no class is asked for"),
        (lambda gan: gan.morph(["3", "8"], steps=10**12), "it must be a whole number of at most 1,000"),
        (lambda gan: gan.morph(["3", "8"], steps="5"), "steps is '5'; it must be a whole number"),
        (lambda gan: gan.grid(count=10**5), "1,000,000 images are too many for one grid"),
        (lambda gan: gan.grid(count="many"), "count is 'many'"),
        (lambda gan: projgan.load("digits", device="gpu"), "the device is 'gpu'; it must be auto, cpu or"),
        (lambda gan: projgan.evaluate("digits", "digits", metrics=5), "metrics is 5"),
        (lambda gan: projgan.compare(3), "int is no path, run or generator: 3"),
        (lambda gan: projgan.images("digits", resolution=True), "resolution is True; it must be"),
        (
            lambda gan: projgan.images("digits", resolution=8.5),
            "resolution is 8.5; it must be a whole number",
        ),
        (lambda gan: projgan.images("digits", resolution=8, fit="x"), "fit is 'x'; it must be one of crop"),
        (lambda gan: projgan.images(np.zeros(3), resolution=8), "given as ndarray; give the place"),
        (lambda gan: projgan.train("demo", data=([1], [2])), "given as tuple; give the place"),
        (lambda gan: projgan.frechet_distance([1.0], [2.0]), "list: give a tensor of torch or an array"),
        (lambda gan: projgan.load("no-such-model"), "no-such-model"),
        (lambda gan: projgan.load(3), "int is no path, run or generator: 3"),
        (lambda gan: projgan.train("demo", training=3), "training is 3; give the settings of a section"),
        (lambda gan: projgan.train("demo", training={"stepz": 3}), "stepz"),
        (lambda gan: projgan.evaluate("digits", protocol="fast"), "protocol"),
    ],
)
def test_a_mistake_is_one_line(digits: projgan.GAN, call, words: str) -> None:
    with pytest.raises(projgan.UserError) as caught:
        call(digits)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_latents_may_be_given_in_place_of_seeds(digits: projgan.GAN) -> None:
    """Those of seeds 5 and 6 give what these seeds give, in each class, truncated or mixed."""
    latents = latents_of([5, 6], digits.generator.latent_size)
    mix = {"3": 0.5, "8": 0.5}
    for classes, truncation in ((["3", "8"], None), ("3", 0.7), (mix, None)):
        expected = digits.sample_tensor(classes, count=2, seed=5, truncation=truncation)
        given = digits.sample_tensor(classes, truncation=truncation, latents=latents.numpy().astype("f8"))
        assert torch.equal(given, expected)
    assert len(digits.sample(latents=latents)) == 20
    assert np.array_equal(array(digits.sample("3", latents=latents)[1]), array(digits.sample("3", seed=6)[0]))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"latents": torch.zeros(3)}, "latents are torch.float32 [3], not floats [N, "),
        ({"latents": torch.zeros(0, 128)}, "latents are torch.float32 [0, 128], not floats [N, "),
        ({"latents": torch.zeros(2, 128).long()}, "latents are torch.int64 [2, 128], not floats"),
        ({"latents": torch.full((2, 128), float("nan"))}, "latents are not all finite"),
        ({"latents": torch.zeros(2, 128), "count": 2}, "latents take the place of count, seed and reject"),
        ({"latents": [[0.0]]}, "list: give a tensor of torch or an array of numpy"),
    ],
)
def test_latents_that_are_none_are_refused(digits: projgan.GAN, settings: dict[str, Any], words: str) -> None:
    assert digits.generator.latent_size == 128
    with pytest.raises(projgan.UserError) as caught:
        digits.sample("3", **settings)
    assert words in str(caught.value)


def test_every_checkpoint_is_measured_against_a_part(run: projgan.Run, tmp_path: Path) -> None:
    data, path = projgan.images("digits", resolution=8, channels=1), tmp_path / "set.npz"
    parts = np.array(["train", "test"] * 45)
    images, labels = data.images[:90].transpose(0, 2, 3, 1), data.labels[:90]
    np.savez(path, images=images, labels=labels, split=parts)
    classifier = projgan.train_classifier("digits", tmp_path / "c", width=8, epochs=1, progress=False)
    asked: dict[str, Any] = {"features": f"classifier:{classifier}", "metrics": "fd", "generated_images": 30}
    rows = projgan.evaluate(run, path, checkpoints=True, split="test", progress=False, **asked)
    assert [row.subject.step for row in rows] == [4]
    assert rows[0].measurement.real_split == "test"
    with pytest.raises(projgan.UserError, match="no splits"):
        projgan.evaluate(run, split="test", progress=False, **asked)
    with pytest.raises(projgan.UserError, match=r"^split is of the real images; give them too: data DATA"):
        projgan.evaluate("digits", split="test", progress=False, **asked)


def test_a_run_is_trained_loaded_inspected_measured_and_reported(run: projgan.Run, tmp_path: Path) -> None:
    assert run.config.training.steps == 4
    assert [row["step"] for row in run.stats] == [3, 4]  # a row every third step, and at the end
    gan = run.load(device="cpu")
    assert gan.description.provenance.step == 4
    assert gan.discriminator is not None
    kept = gan.sample_tensor("3", count=2, reject=0.5)
    assert kept.shape == (2, 1, 8, 8)
    data = projgan.images("digits", resolution=8, channels=1)
    found = gan.inspect(torch.tensor(data.images[:20]), torch.tensor(data.labels[:20]))
    as_arrays = gan.inspect(data.images[:20], data.labels[:20].astype(np.int32))
    torch.testing.assert_close(as_arrays.logits, found.logits)
    for images, labels, words in (
        (data.images[:4] / 255, data.labels[:4], "images are torch.float64 [4, 1, 8, 8], not uint8"),
        (data.images[:4].repeat(2, axis=2).repeat(2, axis=3), data.labels[:4], "[4, 1, 16, 16], not uint8"),
        (data.images[:0], data.labels[:0], "N >= 1"),
        (data.images[:4], data.labels[:1], "labels are torch.int64 [1], not a whole number for each of 4"),
        (data.images[:4], data.labels[:4] * 1.0, "labels are torch.float64 [4], not a whole number"),
        ("digits", data.labels[:4], "str: give a tensor of torch or an array of numpy"),
    ):
        with pytest.raises(projgan.UserError) as caught:
            gan.inspect(images, labels)
        assert words in str(caught.value)
    assert found.logits.shape == (20,)
    classifier = projgan.train_classifier(
        "digits", tmp_path / "c.safetensors", width=8, epochs=1, progress=False
    )
    rows = projgan.evaluate(
        gan,
        "digits",
        features=f"classifier:{classifier}",
        metrics=["fd"],
        generated_images=60,
        progress=False,
    )
    assert [row.metric for row in rows] == ["fd"]
    assert rows[0].to_dict()["value"] == rows[0].value
    projgan.evaluate(
        run, features=f"classifier:{classifier}", metrics=["fd"], generated_images=60, progress=False
    )
    assert run.metrics[-1]["metric"] == "fd"
    report = projgan.compare([run], tmp_path / "report")
    assert report.title
    assert (tmp_path / "report" / "report.html").is_file()


def test_the_same_call_again_resumes_and_a_classifier_guides(run: projgan.Run, tmp_path: Path) -> None:
    classifier = projgan.train_classifier(
        "digits", tmp_path / "c.safetensors", width=8, epochs=1, progress=False
    )
    said = io.StringIO()
    with redirect_stdout(said):
        guided = projgan.finetune(run, classifier, run_dir=tmp_path / "guided", steps=2, progress=False)
    assert guided.load().description.provenance.step == 6
    assert said.getvalue() == ""


def test_a_distance_of_features_is_public() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 3))
    assert projgan.frechet_distance(rows, rows + 2) == pytest.approx(12.0, rel=1e-9)
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(50, 3, generator=generator, dtype=torch.float64)
    assert projgan.frechet_distance(features, features + 2) == pytest.approx(12.0, rel=1e-9)


def test_images_are_found_in_a_generator() -> None:
    gan = projgan.load("digits", device="cpu")
    pictures = gan.sample("3", count=2, seed=501)
    settings: dict[str, Any] = {"starts": 2, "steps": 6, "progress": False}
    one, other = gan.invert(pictures, **settings)
    assert one.latent.shape == (gan.generator.latent_size,)
    assert one.image.shape == (1, 8, 8)
    (as_tensor,) = gan.invert(gan.sample_tensor("3", seed=502), **settings)
    assert torch.equal(as_tensor.latent, other.latent)
    (known,) = gan.invert(pictures[0], class_name="5", **settings)
    assert known.weights is not None
    assert known.weights.argmax() == 5
    with pytest.raises(projgan.UserError, match="unknown class"):
        gan.invert(pictures, class_name="five", **settings)
    with pytest.raises(projgan.UserError, match=r"images are torch.uint8 \[1, 3, 8, 8\], not uint8"):
        gan.invert(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), **settings)


def test_a_discriminator_that_cannot_be_read_harms_nobody_who_does_not_ask_it(
    run: projgan.Run, tmp_path: Path
) -> None:
    shutil.copytree(run.path, tmp_path / "run")
    (tmp_path / "run" / "discriminator.safetensors").write_bytes(b"damaged")
    gan = projgan.load(tmp_path / "run", device="cpu").to("cpu")
    (found,) = gan.invert(gan.sample("3"), class_name="3", starts=1, steps=1, progress=False)
    assert found.image.shape == (1, 8, 8)
    with pytest.raises(projgan.UserError, match=r"discriminator\.safetensors"):
        gan.invert(gan.sample("3"), features="discriminator", starts=1, steps=1, progress=False)
