from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from projgan.errors import UserError
from projgan.overwriting import is_ours
from projgan.storage.latents_file import Latents, LatentsDescription, load_latents, save_latents

DESCRIPTION = LatentsDescription(
    generator_sha256="a" * 64, class_names=("cat", "dog"), rows=({"image": "é.png"},), made_by={"seed": 1}
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "latents.safetensors"
    save_latents(path, Latents(torch.tensor([[1.5, -2]]), torch.tensor([[0.25, 0.75]]), DESCRIPTION))
    found = load_latents(path)
    assert found.latents.tolist() == [[1.5, -2]]
    assert found.weights is not None
    assert found.weights.tolist() == [[0.25, 0.75]]
    assert found.description == DESCRIPTION
    assert is_ours(path)
    assert torch.equal(load_latents(tmp_path).latents, found.latents)


def test_a_folder_without_latents_says_where_they_should_be(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"latents.safetensors: no such file; `projgan invert"):
        load_latents(tmp_path)


@pytest.mark.parametrize(
    ("latents", "weights", "expected"),
    [
        (torch.zeros(2, 3), torch.zeros(1, 2), "do not fit"),
        (torch.zeros(1, 3), torch.zeros(1, 3), "do not fit"),
        (torch.zeros(1, 3), None, "do not fit"),
        (torch.full((1, 3), torch.nan), torch.zeros(1, 2), "do not fit"),
        (torch.zeros(1, 3, dtype=torch.float64), torch.zeros(1, 2), "do not fit"),
        (torch.zeros(3), torch.zeros(1, 2), "do not fit"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(
    tmp_path: Path, latents: torch.Tensor, weights: torch.Tensor | None, expected: str
) -> None:
    path = tmp_path / "latents.safetensors"
    save_latents(path, Latents(latents, weights, DESCRIPTION))
    with pytest.raises(UserError, match=expected):
        load_latents(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(UserError, match="not a file of latents, or damaged"):
        load_latents(path)
    save_file({"latents": torch.zeros(1, 2)}, path)
    with pytest.raises(UserError, match="not a file of latents, as `projgan invert` makes them"):
        load_latents(path)
    save_file({"latents": torch.zeros(1, 2)}, path, metadata={"projgan-latents": '{"rows": 3}'})
    with pytest.raises(UserError, match="damaged"):
        load_latents(path)
