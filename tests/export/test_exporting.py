"""Exported files against the generator they were made of, run as a stranger would run them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from projgan.cli import run_command
from projgan.data.standardization import Standardization
from projgan.errors import UserError
from projgan.export import exporting
from projgan.export.exporting import export
from projgan.generation.conditions_in_words import MIXES
from projgan.generation.sampling import latents_of, sample
from projgan.networks.resnet import Generator
from projgan.storage.network_description import NetworkDescription
from projgan.storage.network_file import generator_path, load_generator, save_network

onnxruntime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")


def small(path: Path, condition: str | None) -> Path:
    """Write a generator of 3 classes, or of none, that has learned nothing."""
    torch.manual_seed(0)
    arguments = {
        "architecture": "resnet-8",
        "channels": 1,
        "num_classes": 3 if condition else None,
        "condition": condition or "class",
        "norm": "conditional-batch-norm",
        "latent_size": 6,
        "width": 8,
    }
    _, words = load_generator(generator_path(Path("digits")))
    names = ("a", "b", "c") if condition else words.class_names
    units = Standardization(means=(30.0, 1.7, 5.0), deviations=(10.0, 0.1, 2.0))
    known = {"network": arguments, "class_names": names}
    description = words.model_copy(
        update=known | ({"standardization": units} if condition == "vector" else {})
    )
    generator = Generator(**arguments).eval()
    for parameter in generator.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    save_network(generator, NetworkDescription.model_validate(description.model_dump()), path)
    return path


@pytest.mark.parametrize("condition", ["labels", "weights"])
def test_onnx_makes_torchs_images_for_any_number_of_them(
    condition: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = small(tmp_path / "g.safetensors", "class"), tmp_path / "g.onnx"
    assert run_command(["export", str(source), "--condition", condition, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["class_names"]) == ["a", "b", "c"]
    assert about["latent_size"] == "6"
    generator, _ = load_generator(source)
    for count in (1, 5):
        latents, labels = torch.randn(count, 6), torch.arange(count) % 3
        given = labels if condition == "labels" else torch.nn.functional.one_hot(labels, 3).float()
        images = session.run(None, {"latents": latents.numpy(), "condition": given.numpy()})[0]
        with torch.inference_mode():
            np.testing.assert_allclose(images, generator(latents, labels).numpy(), rtol=0, atol=1e-5)
    example = printed.partition("\n\n")[2]
    made = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, check=True)
    assert made.stdout.strip() == "(4, 1, 8, 8)"


@pytest.mark.parametrize("condition", ["class", None])
def test_a_torch_program_makes_torchs_images(
    condition: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = small(tmp_path / "g.safetensors", condition), tmp_path / "g.pt2"
    assert run_command(["export", str(source), "--to", "torch", "--out", str(out)]) == 0
    example = capsys.readouterr().out.partition("\n\n")[2]
    made = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, check=True)
    assert made.stdout.strip() == "(4, 1, 8, 8)"
    generator, _ = load_generator(source)
    latents, weights = torch.randn(5, 6), torch.tensor([[0.2, 0.3, 0.5]]).expand(5, 3)
    inputs = (latents, weights) if condition else (latents,)
    with torch.inference_mode():
        expected = generator(latents, weights if condition else torch.zeros(5, dtype=torch.int64))
        found = torch.export.load(out).module()(*inputs)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["onnx", "torch"])
@pytest.mark.parametrize(
    ("condition", "asked", "change"),
    [
        ("class", "a=1", ""),
        ("multi-hot", "a=1,c=1", "{condition}[:, 2] = 1"),
        ("vector", "a=45,c=1", "values[:, 0], values[:, 2] = 45, 1"),
    ],
)
def test_the_printed_lines_give_what_is_asked_for_in_the_words_of_sample(
    kind: str,
    condition: str,
    asked: str,
    change: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With one line of a person's own, in the place where the condition is said."""
    source = small(tmp_path / "g.safetensors", condition)
    out = tmp_path / f"g{exporting.SUFFIXES[kind]}"
    assert run_command(["export", str(source), "--to", kind, "--out", str(out)]) == 0
    lines = capsys.readouterr().out.partition("\n\n")[2].splitlines()
    met = "inputs['condition']" if kind == "onnx" else "inputs[1]"
    after = "values = " if condition == "vector" else ('inputs["condition"]', "inputs.append")
    (place,) = [number for number, line in enumerate(lines) if line.startswith(after)]
    lines.insert(place + 1, change.format(condition=met))
    said: dict = {}
    exec("\n".join(lines), said)
    generator, description = load_generator(source)
    given = MIXES[condition](asked, description.class_names, description.standardization, ())
    found = said["inputs"]["condition"] if kind == "onnx" else said["inputs"][1].numpy()
    np.testing.assert_allclose(found, given.expand(4, -1).numpy(), rtol=0, atol=1e-6)
    if kind == "torch":
        assert said["inputs"][0].equal(latents_of(range(4), 6))
        expected = torch.cat(list(sample(generator, range(4), given.expand(4, -1))))
        assert (said["pixels"].int() - expected.int()).abs().max() <= 1


def test_a_folder_that_is_not_there_is_made_and_a_file_in_its_place_is_refused_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = small(tmp_path / "g.safetensors", "class"), tmp_path / "new" / "folder" / "g.pt2"
    assert run_command(["export", str(source), "--to", "torch", "--out", str(out)]) == 0
    assert out.is_file()
    monkeypatch.setattr(exporting, "export", lambda *given, **named: pytest.fail("it was exported first"))
    assert run_command(["export", str(source), "--to", "torch", "--out", str(source / "g.pt2")]) == 2
    assert "g.pt2: cannot be written (Not a directory)" in capsys.readouterr().err
    (tmp_path / "h.pt2").mkdir()
    words = ["export", str(source), "--to", "torch", "--out", str(tmp_path / "h.pt2"), "--overwrite"]
    assert run_command(words) == 2
    assert "h.pt2: a folder; give a file in it" in capsys.readouterr().err


def test_a_file_whose_images_differ_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator, description = load_generator(small(tmp_path / "g.safetensors", "class"))
    whole = exporting.export_torch

    def shifted(*given):
        return whole(*given) + 2e-5

    monkeypatch.setitem(exporting.EXPORTERS, "torch", shifted)
    with pytest.raises(UserError, match=r"not written, since its images are up to 2e-05 from torch's"):
        export(generator, description, tmp_path / "g.pt2", kind="torch", labels=False)
    assert not (tmp_path / "g.pt2").exists()


def test_mistakes_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_command(["export", "digits", "--out", str(tmp_path / "g.txt")]) == 2
    assert "a file for onnx ends in .onnx" in capsys.readouterr().err
    (tmp_path / "g.onnx").write_bytes(b"somebody's")
    assert run_command(["export", "digits", "--out", str(tmp_path / "g.onnx")]) == 2
    assert "is there already" in capsys.readouterr().err
    assert run_command(["export", str(tmp_path / "g.onnx")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    monkeypatch.setattr(exporting, "find_spec", lambda name: None)
    assert run_command(["export", "digits", "--out", str(tmp_path / "h.onnx")]) == 2
    assert "pip install 'projgan[onnx]'" in capsys.readouterr().err
