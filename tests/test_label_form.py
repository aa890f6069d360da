"""The two combinations of a label's form and place that no method has, and the command around them."""

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

import label_form
import runs
from projgan.networks.condition_method import ConditionShape
from projgan.storage.run_networks import build_networks

SHAPE = ConditionShape(num_classes=3, num_features=8, embedding_size=5, hidden_block=1)
LABELS = torch.tensor([0, 2])


@pytest.fixture
def maps() -> Tensor:
    """Two images of two channels."""
    return torch.arange(2 * 2 * 4 * 4.0).view(2, 2, 4, 4)


def test_the_vector_joins_the_pixels_alone(maps: Tensor) -> None:
    method = label_form.VectorAtPixels(SHAPE).eval()
    assert [method.added_channels(SHAPE, block) for block in range(3)] == [5, 0, 0]
    joined = method.join(maps, LABELS, 0)
    torch.testing.assert_close(joined[:, :2], maps)
    expected = method.embedding.normalized_weight()[LABELS][:, :, None, None].expand(-1, -1, 4, 4)
    torch.testing.assert_close(joined[:, 2:], expected)
    assert method.join(maps, LABELS, 1) is maps


def test_the_planes_join_after_the_block_alone(maps: Tensor) -> None:
    method = label_form.PlanesAfterBlock(SHAPE)
    assert [method.added_channels(SHAPE, block) for block in range(3)] == [0, 3, 0]
    joined = method.join(maps, LABELS, 1)
    torch.testing.assert_close(joined[:, :2], maps)
    expected = torch.tensor([[1.0, 0, 0], [0, 0, 1]])[:, :, None, None].expand(-1, -1, 4, 4)
    torch.testing.assert_close(joined[:, 2:], expected)
    assert method.join(maps, LABELS, 0) is maps


def parameters_of_the_discriminator(condition: str) -> int:
    config = runs.configure("demo", {"discriminator.condition": condition})
    return sum(parameter.numel() for parameter in build_networks(config, 10)[1].parameters())


@pytest.mark.parametrize("form", label_form.FORMS)
@pytest.mark.usefixtures("nothing_registered_stays")
def test_the_command_trains_with_the_form(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stock = parameters_of_the_discriminator("hidden-concat")
    assert label_form.main([form, "train", "demo", "--run-dir", str(tmp_path / "run"), "--dry-run"]) == 0
    count = parameters_of_the_discriminator(form)
    out = capsys.readouterr().out
    assert re.search(rf"discriminator +{count:,} parameters", out)
    assert f"condition: {form}" in out
    assert count != stock


def test_an_unknown_form_is_told_of() -> None:
    with pytest.raises(SystemExit, match="FORM is one of vector-at-pixels, planes-after-block"):
        label_form.main(["vector", "train"])
