"""A small random network stands in for Inception: the published weights are not in the repository."""

import contextlib
import hashlib
import shutil
import types
import zipfile
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from torch import Tensor, nn

from projgan.errors import UserError
from projgan.evaluation import extractors
from projgan.evaluation import inception as inception_module
from projgan.evaluation.extractors import Extracted, FeatureNetwork, open_feature_network
from projgan.evaluation.inception import open_published
from projgan.storage.pretrained import load_imagenet
from tiny_inception import TinyInception, write_script, write_tiny_inception

IMAGES = torch.randint(256, (37, 3, 20, 20), generator=torch.Generator().manual_seed(3)).byte()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TinyInception]:
    path = tmp_path_factory.mktemp("inception") / "tiny.pt"
    return path, write_tiny_inception(path)


@pytest.fixture(scope="module")
def network(tiny: tuple[Path, TinyInception]) -> FeatureNetwork:
    return open_feature_network(f"inception:{tiny[0]}", "cpu", Path("unused"))


class FakeClassifier(nn.Module):
    """The interface of a classifier."""

    num_features, resolution, channels = 6, 20, 3

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 6, 3)
        self.linear = nn.Linear(6, 2)

    def features(self, images: Tensor) -> Tensor:
        return self.convolution(images).amax(dim=(2, 3))

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(self.features(images))


@dataclass
class FakeDescription:
    class_names: tuple[str, ...] = ("cat", "dog")


@pytest.fixture
def classifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[FeatureNetwork, FakeClassifier]:
    fake = FakeClassifier().eval()
    monkeypatch.setattr(extractors, "load_classifier", lambda path, device: (fake, FakeDescription()))
    path = tmp_path / "digits.safetensors"
    path.write_bytes(b"weights")
    return open_feature_network(f"classifier:{path}", "cpu", tmp_path), fake


def in_parts(network: FeatureNetwork, images: Tensor, sizes: list[int]) -> Extracted:
    parts = [network.extract(part) for part in images.split(sizes)]
    return Extracted(torch.cat([part.features for part in parts]), torch.cat([part.logits for part in parts]))


@pytest.mark.parametrize("sizes", [[1] * 37, [36, 1], [5, 16, 16], [17, 3, 17]])
def test_the_batch_size_says_nothing_to_the_bit(
    network: FeatureNetwork, classifier: tuple[FeatureNetwork, FakeClassifier], sizes: list[int]
) -> None:
    for each in (network, classifier[0]):
        whole = each.extract(IMAGES)
        parts = in_parts(each, IMAGES, sizes)
        assert torch.equal(parts.features, whole.features)
        assert torch.equal(parts.logits, whole.logits)


def test_inception_says_what_the_scripted_network_says(
    network: FeatureNetwork, tiny: tuple[Path, TinyInception]
) -> None:
    path, original = tiny
    extracted = network.extract(IMAGES)
    with torch.no_grad():
        features, probabilities = (
            original(IMAGES, return_features=True),
            original(IMAGES, no_output_bias=True),
        )
    assert torch.allclose(extracted.features, features, atol=1e-5)
    assert torch.allclose(extracted.logits.exp(), probabilities, rtol=1e-4, atol=1e-9)
    assert not torch.allclose(extracted.logits.exp(), original(IMAGES), rtol=1e-2)  # the bias is left out
    assert extracted.features.dtype == extracted.logits.dtype == torch.float32
    assert network.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (network.name, network.is_inception, network.class_names) == ("inception", True, None)


def test_an_array_is_seen_as_the_tensor_is(network: FeatureNetwork) -> None:
    backwards = IMAGES.numpy()[::-1]
    assert torch.equal(network.extract(backwards).features, network.extract(IMAGES.flip(0)).features)  # type: ignore[arg-type]


def test_grey_images_are_repeated(network: FeatureNetwork) -> None:
    grey = IMAGES[:, :1]
    assert torch.equal(network.extract(grey).features, network.extract(grey.repeat(1, 3, 1, 1)).features)


def test_any_resolution_is_inceptions_own_matter(
    network: FeatureNetwork, tiny: tuple[Path, TinyInception]
) -> None:
    images = IMAGES[:3, :, :7, :9].contiguous()
    with torch.no_grad():
        features = tiny[1](images, return_features=True)
    assert features.shape == (3, 2048)
    torch.testing.assert_close(network.extract(images).features, features, rtol=1e-4, atol=1e-5)


def test_a_classifier_sees_what_it_was_trained_on(
    classifier: tuple[FeatureNetwork, FakeClassifier],
) -> None:
    """Grey level v is v / 128 - 1; the logits are those of the whole network."""
    network, fake = classifier
    extracted = network.extract(IMAGES)
    images = IMAGES.float() / 128 - 1
    assert torch.allclose(extracted.features, fake.features(images), atol=1e-5)
    assert torch.allclose(extracted.logits, fake(images), atol=1e-5)
    assert network.sha256 == hashlib.sha256(b"weights").hexdigest()
    assert (network.name, network.is_inception) == ("classifier:digits", False)
    assert (network.class_names, network.num_features) == (("cat", "dog"), 6)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES.float(), r"takes images as uint8 .*; these are torch.float32 \[37, 3, 20, 20\]"),
        (IMAGES[0], r"takes images as uint8 .* \[3, 20, 20\]"),
        (IMAGES[:0], r"takes images as uint8 .*N >= 1"),
        (IMAGES[:, :2], r"takes images of 3 channel\(s\); these have 2"),
    ],
)
def test_bad_images(network: FeatureNetwork, images: Tensor, message: str) -> None:
    with pytest.raises(UserError, match=f"^inception {message}"):
        network.extract(images)


def test_a_classifier_of_another_resolution(classifier: tuple[FeatureNetwork, FakeClassifier]) -> None:
    with pytest.raises(UserError, match="classifier:digits was trained on 20 x 20 images; these are 20 x 10"):
        classifier[0].extract(IMAGES[..., :10])


@pytest.mark.parametrize("name", ["inceptoin", "classifier", "classifier:", "inception:", "vgg:a.pt", ""])
def test_unknown_names(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"unknown feature network .*; known: inception"):
        open_feature_network(name, "cpu", tmp_path)


# Files that are not Inception


class WithoutFlags(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.output = nn.Linear(2048, 1008)

    def forward(self, images: Tensor) -> Tensor:
        return images


class UnlikeOutput(TinyInception):
    """Its probabilities have a temperature that the weights do not show."""

    def forward(
        self,
        img: Tensor,
        return_features: bool = False,
        use_fp16: bool = False,
        no_output_bias: bool = False,
    ) -> Tensor:
        features = img.float().mean(dim=(1, 2, 3))[:, None].expand(-1, 2048) / 128
        if return_features:
            return features
        return (100 * features @ self.output.weight.T).softmax(dim=1)


class UnlikeFeatures(TinyInception):
    def forward(
        self,
        img: Tensor,
        return_features: bool = False,
        use_fp16: bool = False,
        no_output_bias: bool = False,
    ) -> Tensor:
        return img.new_zeros(len(img), 1008 if no_output_bias else 64, dtype=torch.float32)


def refused(path: Path, message: str) -> None:
    with pytest.raises(UserError, match=f"^{path}: .*{message}") as caught:
        open_feature_network(f"inception:{path}", "cpu", path.parent)
    assert "\n" not in str(caught.value)
    assert "give it as inception:PATH" in str(caught.value)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (WithoutFlags, "it cannot be called as that is"),
        (lambda: TinyInception(64, 10), r"it has no output.weight of \[1008, 2048\]"),
        (lambda: nn.Linear(3, 4), "it has no output.weight"),
        (lambda: UnlikeFeatures(2048, 1008), r"its features of one image are \[1, 64\], not \[1, 2048\]"),
        (lambda: UnlikeOutput(2048, 1008), "its probabilities are not the softmax of output.weight"),
    ],
)
def test_another_network_is_refused(tmp_path: Path, module, message: str) -> None:
    write_script(module(), tmp_path / "other.pt")
    refused(tmp_path / "other.pt", message)


def test_files_of_another_kind_are_refused(tmp_path: Path, tiny: tuple[Path, TinyInception]) -> None:
    path = tmp_path / "file.pt"
    refused(path, "no such file")
    path.write_bytes(tiny[0].read_bytes()[:-1000])
    refused(path, "no TorchScript file, or cut short")
    torch.save({"weights": torch.zeros(3)}, path)
    refused(path, "a zip without TorchScript's code and data")
    with zipfile.ZipFile(tiny[0]) as whole, zipfile.ZipFile(path, "w") as torn:
        for name in whole.namelist():
            torn.writestr(name, b"")
    refused(path, "cannot be loaded")


def test_a_file_that_is_too_large(
    tmp_path: Path, tiny: tuple[Path, TinyInception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inception_module, "LARGEST_FILE", 50_000)
    refused(tiny[0], "larger than 50000 bytes")
    path = tmp_path / "swelling.pt"
    with zipfile.ZipFile(tiny[0]) as whole, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as swelling:
        for name in whole.namelist():
            swelling.writestr(name, bytes(50_000))
    refused(path, "it unpacks to more than 50000 bytes")


# The published file


@pytest.fixture
def published(tiny: tuple[Path, TinyInception], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the small network be the published one."""
    monkeypatch.setattr(inception_module, "SHA256", hashlib.sha256(tiny[0].read_bytes()).hexdigest())
    return tiny[0]


class Host:
    def __init__(self, path: Path) -> None:
        self.path, self.asked = path, 0

    def __call__(self, url: str, *, timeout: float) -> contextlib.closing:
        assert url.startswith("https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/")
        self.asked += 1
        file = self.path.open("rb")
        return contextlib.closing(
            types.SimpleNamespace(read=file.read, geturl=lambda: url, headers={}, close=file.close)
        )


def test_the_published_file_is_fetched_once(tmp_path: Path, published: Path) -> None:
    host = Host(published)
    first = open_published("cpu", tmp_path / "cache", opener=host)
    again = open_published("cpu", tmp_path / "cache", opener=host)
    assert host.asked == 1
    assert first.sha256 == again.sha256 == inception_module.SHA256
    assert torch.equal(first.extract(IMAGES).features, again.extract(IMAGES).features)


def test_another_file_in_the_cache_is_never_run(tmp_path: Path, published: Path) -> None:
    shutil.copy(published, tmp_path / inception_module.FILE_NAME)
    with (tmp_path / inception_module.FILE_NAME).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(UserError, match=r"2015-12-05.pt: not the published Inception .*; remove it"):
        open_feature_network("inception", "cpu", tmp_path)


def test_without_a_network_the_message_says_how_to_do_without(tmp_path: Path) -> None:
    def offline(url: str, *, timeout: float) -> None:
        raise URLError(OSError("Network is unreachable"))

    with pytest.raises(UserError) as caught:
        open_published("cpu", tmp_path, opener=offline)
    message = str(caught.value)
    assert message.startswith("https://nvlabs-fi-cdn.nvidia.com/")
    assert "cannot be fetched (Network is unreachable)" in message
    assert f"`projgan classifier`, or put it at {tmp_path}/inception-2015-12-05.pt" in message
    assert "\n" not in message


def test_imagenet_is_the_pretrained_network_at_its_own_size() -> None:
    network = open_feature_network("imagenet", "cpu", Path("unused"))
    assert (network.name, network.sha256[:8], network.is_inception) == ("imagenet", "57934424", False)
    found = network.extract(IMAGES[:3])
    seen = nn.functional.interpolate(IMAGES[:3] / 128 - 1, size=224, mode="bilinear", align_corners=False)
    pretrained = load_imagenet()
    with torch.inference_mode():
        torch.testing.assert_close(found.features, pretrained.features(seen), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(found.logits, pretrained(seen), rtol=1e-4, atol=1e-3)
    assert found.features.shape == (3, network.num_features) == (3, 1280)
    grey = network.extract(IMAGES[:1, :1])
    same = network.extract(IMAGES[:1, :1].expand(-1, 3, -1, -1))
    assert torch.equal(grey.features, same.features)
