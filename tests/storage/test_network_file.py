import json
import os
import pickle
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from projgan.data.standardization import Standardization
from projgan.errors import UserError
from projgan.networks.classifier import Classifier
from projgan.networks.convolutions import channels_last
from projgan.networks.resnet import Discriminator, Generator
from projgan.storage.network_description import Accuracy, NetworkDescription, Provenance
from projgan.storage.network_file import load_classifier, load_discriminator, load_generator, save_network
from small_runs import differences

NETWORK = {"architecture": "resnet-8", "channels": 1, "num_classes": 3, "latent_size": 5, "width": 4}
NAMES = ("cat", "dog", 'Ωλ "quoted"')


def description(kind: str = "generator", **network: Any) -> NetworkDescription:
    return NetworkDescription(
        kind=kind,
        network=network or NETWORK,
        class_names=NAMES,
        provenance=Provenance(
            data="digits",
            data_fingerprint="ab",
            step=12,
            images_seen=345,
            averaged=True,
            settings={"training": {"steps": 12}},
            versions={"projgan": "0", "torch": "1"},
        ),
    )


@pytest.fixture
def generator() -> Generator:
    network = Generator(**NETWORK)
    for _ in range(2):
        network(torch.randn(4, 5), torch.tensor([0, 1, 2, 0]))
    return network.eval()


@pytest.fixture
def file(generator: Generator, tmp_path: Path) -> Path:
    path = tmp_path / "generator.safetensors"
    save_network(generator, description(), path)
    return path


@pytest.fixture
def tampered(file: Path) -> Callable[[Callable[[dict[str, Any]], object]], Path]:
    """Rewrite a good file with its description changed."""

    def rewrite(change: Callable[[dict[str, Any]], object]) -> Path:
        with safe_open(file, "pt") as opened:
            words = json.loads(opened.metadata()["projgan"])
        change(words)
        path = file.with_name("tampered.safetensors")
        save_file(load_file(file), path, {"projgan": json.dumps(words)})
        return path

    return rewrite


def refusal(path: Path, load: Callable[[Path], object] = load_generator) -> str:
    """The one line of a refusal, which must have taken no memory to speak of."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError) as caught:
        load(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.isprintable()
    assert len(message) < 500
    return message.removeprefix(f"{path}: ")


def test_a_generator_comes_back_to_the_bit_with_all_it_says(generator: Generator, file: Path) -> None:
    """And makes the very images of the one in memory, where both are laid out as training does."""
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    loaded, words = load_generator(file)
    assert words == description()
    assert not loaded.training
    assert not differences(dict(loaded.state_dict()), before)
    latents, labels = torch.randn(5, 5), torch.tensor([0, 2, 1, 1, 0])
    assert torch.equal(loaded(latents, labels), channels_last(generator)(latents, labels))
    assert (loaded.resolution, loaded.channels, loaded.num_classes, loaded.latent_size) == (8, 1, 3, 5)


def test_tensors_have_places_of_their_own(file: Path) -> None:
    """Aligned as in training: in a file they are not, and sums over them would round by where they lie."""
    assert {tensor.data_ptr() % 64 for tensor in load_file(file).values()} != {0}
    loaded, _ = load_generator(file)
    assert {tensor.data_ptr() % 64 for tensor in loaded.state_dict().values()} == {0}


def test_a_discriminator_comes_back_to_the_bit(tmp_path: Path) -> None:
    arguments = {"architecture": "resnet-8", "channels": 1, "num_classes": 3, "width": 4}
    network = Discriminator(**arguments)
    images, labels = torch.randn(4, 1, 8, 8), torch.tensor([0, 1, 2, 0])
    network(images, labels)
    path = tmp_path / "d.safetensors"
    save_network(network, description("discriminator", condition="projection", **arguments), path)
    loaded, _ = load_discriminator(path)
    assert torch.equal(loaded(images, labels).logits, channels_last(network).eval()(images, labels).logits)


CLASSIFIER = {"resolution": 8, "channels": 1, "num_classes": 3, "width": 4}


@pytest.fixture
def classifier_file(tmp_path: Path) -> Path:
    network = Classifier(**CLASSIFIER)
    network(torch.randn(4, 1, 8, 8))
    words = description("classifier", **CLASSIFIER)
    accuracy = Accuracy(split="test", correct=30, count=40)
    path = tmp_path / "classifier.safetensors"
    save_network(network, words.model_copy(update={"accuracy": accuracy}), path)
    return path


def test_a_classifier_comes_back_to_the_bit_with_its_accuracy(tmp_path: Path) -> None:
    network = Classifier(**CLASSIFIER)
    images = torch.randn(4, 1, 8, 8)
    network(images)
    accuracy = Accuracy(split="test", correct=30, count=40)
    words = description("classifier", **CLASSIFIER).model_copy(update={"accuracy": accuracy})
    path = tmp_path / "c.safetensors"
    save_network(network, words, path)
    loaded, found = load_classifier(path)
    assert found == words
    assert found.accuracy is not None
    assert found.accuracy.value == 0.75
    assert not loaded.training
    assert torch.equal(loaded(images), channels_last(network).eval()(images))
    assert (loaded.resolution, loaded.channels, loaded.num_classes, loaded.num_features) == (8, 1, 3, 4)


def test_a_generator_is_no_classifier(file: Path) -> None:
    assert refusal(file, load_classifier) == "holds a generator, not a classifier"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["network"].update(width=10**6), "is not that of the network it describes; damaged"),
        (lambda d: d["network"].update(width=10**7), "width: Input should be less than or equal to 1000000"),
        (lambda d: d["network"].update(resolution=256), "is not that of the network it describes; damaged"),
        (lambda d: d["network"].update(resolution=2**40), "resolution: Input should be less than or equal"),
        (lambda d: d["network"].update(resolution=4), "resolution: Input should be greater than or equal"),
        (lambda d: d["network"].update(channels=2), "channels: Input should be 1 or 3"),
        (lambda d: d["network"].update(num_classes=None), "num_classes: Input should be a valid integer"),
        (lambda d: d["network"].update(num_classes=4), "4 classes but other class names; damaged"),
        (lambda d: d["network"].update(evil=1), "evil: Extra inputs are not permitted"),
        (lambda d: d["accuracy"].update(count=0), "accuracy.count: Input should be greater than 0"),
        (lambda d: d["accuracy"].update(correct=41), "accuracy: Value error, 41 correct of 40"),
        (lambda d: d["accuracy"].update(split=["a"]), "accuracy.split: Input should be a valid string"),
        (lambda d: d.update(kind="os.system"), "kind: Input should be 'generator', 'discriminator',"),
    ],
)
def test_a_tampered_classifier_is_refused_before_anything_is_allocated(
    classifier_file: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    with safe_open(classifier_file, "pt") as opened:
        found = json.loads(opened.metadata()["projgan"])
    change(found)
    save_file(load_file(classifier_file), classifier_file, {"projgan": json.dumps(found)})
    assert words in refusal(classifier_file, load_classifier)


def test_an_unconditional_generator_may_keep_the_names_of_its_data(tmp_path: Path) -> None:
    arguments = NETWORK | {"num_classes": None}
    path = tmp_path / "g.safetensors"
    save_network(Generator(**arguments), description(**arguments), path)
    loaded, words = load_generator(path)
    assert (loaded.num_classes, words.class_names) == (None, NAMES)


def test_a_loaded_network_can_be_trained_on(file: Path) -> None:
    loaded, _ = load_generator(file)
    again, _ = load_generator(file)
    latents, labels = torch.randn(3, 5), torch.tensor([0, 1, 2])
    for network in (loaded, again.double()):
        kind = next(network.parameters()).dtype
        network.train()(latents.to(kind), labels).square().sum().backward()
    for one, other in zip(loaded.parameters(), again.parameters(), strict=True):
        assert one.grad is not None
        assert other.grad is not None
        torch.testing.assert_close(one.grad.double(), other.grad, rtol=1e-3, atol=1e-4)
    assert any(bool(parameter.grad.any()) for parameter in loaded.parameters() if parameter.grad is not None)


def test_no_such_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.safetensors") == "no such file"
    assert refusal(tmp_path) == "no such file"


@pytest.mark.parametrize("keep", [0, 4, 8, 100, 1000, -1])
def test_a_truncated_file(file: Path, keep: int) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:keep])
    assert refusal(file).startswith("not a safetensors file, or damaged")


def test_bytes_of_anything_else(file: Path) -> None:
    file.write_bytes(b"\xff" * 4096)  # a header of 2^64 bytes
    assert refusal(file).startswith("not a safetensors file, or damaged")


class Payload:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("kind", ["pickle", "torch"])
@pytest.mark.parametrize("name", ["generator.safetensors", "generator.pt"])
def test_a_pickle_is_refused_and_not_run(tmp_path: Path, kind: str, name: str) -> None:
    mark, path = tmp_path / "it ran", tmp_path / name
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Payload(mark)))
    else:
        torch.save({"state": Payload(mark)}, path)
    assert "projgan loads no pickles" in refusal(path)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Payload(mark)))  # the payload itself does work
    assert mark.exists()


def test_safetensors_of_another_program(file: Path) -> None:
    for metadata in (None, {"format": "pt"}):
        save_file(load_file(file), file, metadata)
        assert refusal(file) == "a safetensors file, but not one that projgan wrote"


def test_the_wrong_kind(file: Path) -> None:
    assert refusal(file, load_discriminator) == "holds a generator, not a discriminator"


@pytest.mark.parametrize("words", ["", "{", "[]", "null", "3", '"x"', "[" * 100_000, '{"version": 1}'])
def test_a_description_that_is_none(file: Path, words: str) -> None:
    save_file(load_file(file), file, {"projgan": words})
    assert refusal(file).startswith("its description is not one this version reads: ")


HUGE = 10**9


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("num_classes", 4, "4 classes but other class names; damaged"),
        ("num_classes", 2, "2 classes but other class names; damaged"),
        ("num_classes", HUGE, "num_classes: Input should be less than or equal to 1000000"),
        ("num_classes", -1, "num_classes: Input should be greater than 0"),
        ("num_classes", "many", "num_classes: Input should be a valid integer"),
        ("num_classes", None, "is not that of the network it describes; damaged"),
        ("architecture", "resnet-9000", "written by a newer version?"),
        ("architecture", "resnet-32", "is not that of the network it describes; damaged"),
        ("architecture", "os.system\nrm", "written by a newer version?"),
        ("architecture", 7, "architecture: Input should be a valid string"),
        ("width", 10**6, "is not that of the network it describes; damaged"),
        ("width", 10**6 + 1, "width: Input should be less than or equal to 1000000"),
        ("width", 0, "width: Input should be greater than 0"),
        ("latent_size", 10**6, "is not that of the network it describes; damaged"),
        ("latent_size", HUGE, "latent_size: Input should be less than or equal to 1000000"),
        ("channels", 3, "is not that of the network it describes; damaged"),
        ("channels", 2, "channels: Input should be 1 or 3"),
        ("evil", 1, "evil: Extra inputs are not permitted"),
        ("ev\nil\x1b[31m", 1, "Extra inputs are not permitted"),
    ],
)
def test_a_tampered_network_is_refused_before_anything_is_allocated(
    tampered: Callable[..., Path], key: str, value: object, words: str
) -> None:
    path = tampered(lambda description: description["network"].update({key: value}))
    assert words in refusal(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(version=2), "version: Input should be 1"),
        (lambda d: d.update(extra=1), "extra: Extra inputs are not permitted"),
        (lambda d: d.update(class_names=["a", "b"]), "3 classes but other class names; damaged"),
        (lambda d: d.update(class_names=[1, 2, 3]), "class_names.0: Input should be a valid string"),
        (lambda d: d.pop("provenance"), "provenance: Field required"),
        (lambda d: d["provenance"].update(step="x"), "provenance.step: Input should be a valid integer"),
        (lambda d: d.update(empty_classes=[3]), "empty_classes are not some of the classes, in order"),
        (lambda d: d.update(empty_classes=[-1]), "empty_classes are not some of the classes, in order"),
        (lambda d: d.update(empty_classes=[1, 1]), "empty_classes are not some of the classes, in order"),
        (lambda d: d.update(empty_classes=[0, 1, 2]), "empty_classes are not some of the classes, in order"),
        (lambda d: d["network"].pop("width"), "width: Field required"),
        (lambda d: d["network"].update(width=[1]), "network.width"),
    ],
)
def test_a_tampered_description_is_refused(
    tampered: Callable[..., Path], change: Callable[[dict[str, Any]], object], words: str
) -> None:
    assert words in refusal(tampered(change))


def resaved(file: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> Path:
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, metadata)
    return file


def test_a_missing_tensor(file: Path) -> None:
    expected = "tensor conv.weight is not that of the network it describes; damaged"
    assert refusal(resaved(file, lambda tensors: tensors.pop("conv.weight"))) == expected


def test_a_tensor_of_another_shape(file: Path) -> None:
    path = resaved(file, lambda tensors: tensors.update({"linear.bias": torch.zeros(3)}))
    assert refusal(path) == "tensor linear.bias is not that of the network it describes; damaged"


def test_a_tensor_too_many(file: Path) -> None:
    path = resaved(file, lambda tensors: tensors.update({"ex\ntra": torch.zeros(3)}))
    assert "is not that of the network it describes; damaged" in refusal(path)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int64, torch.bool])
@pytest.mark.parametrize("name", ["linear.weight", "norm.running_var"])
def test_a_tensor_of_another_type(file: Path, dtype: torch.dtype, name: str) -> None:
    path = resaved(file, lambda tensors: tensors.update({name: tensors[name].to(dtype)}))
    assert refusal(path) == f"tensor {name} is not that of the network it describes; damaged"


# --- conditions that are no single class -----------------------------------------------------------


def test_a_file_of_before_has_classes(tampered: Callable[..., Path]) -> None:
    """As the first version wrote it: no kind of condition, no units."""

    def forget(words: dict[str, Any]) -> None:
        assert words["network"].pop("condition", "class") == "class"
        assert words.pop("standardization") is None
        assert words.pop("empty_classes") == []

    generator, description = load_generator(tampered(forget))
    assert (generator.condition, description.standardization) == ("class", None)


def test_names_of_before_are_composed_unless_two_would_be_one(tampered: Callable[..., Path]) -> None:
    names = ["cafe\u0301", "dog", "zoe\u0308"]
    file = tampered(lambda words: words.update(class_names=names))
    assert load_generator(file)[1].class_names == ("café", "dog", "zoë")
    both = ["cafe\u0301", "café", "dog"]
    file = tampered(lambda words: words.update(class_names=both))
    assert load_generator(file)[1].class_names == tuple(both)


def vector_file(tmp_path: Path, kind: str = "vector", **units: Any) -> Path:
    network = NETWORK | {"condition": kind}
    words = description(**network).model_copy(
        update={"standardization": Standardization(**units) if units else None}
    )
    path = tmp_path / "vector.safetensors"
    save_network(Generator(**network), words, path)
    return path


UNITS = {"means": (1.0, 2.0, -3.5), "deviations": (0.5, 1.0, 1e-3)}


def test_units_come_back(tmp_path: Path) -> None:
    generator, words = load_generator(vector_file(tmp_path, **UNITS))
    assert (generator.condition, words.standardization) == ("vector", Standardization(**UNITS))
    generator, words = load_generator(vector_file(tmp_path, "multi-hot"))
    assert (generator.condition, words.standardization) == ("multi-hot", None)


def test_units_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    assert "a vector without its units; damaged" in refusal(vector_file(tmp_path))
    short = UNITS | {"means": (1.0, 2.0)}
    assert "3 columns but other units; damaged" in refusal(vector_file(tmp_path, **short))
    for bad in ({"means": (1.0, float("nan"), 0.0)}, {"deviations": (1.0, 0.0, 1.0)}):
        with pytest.raises(ValueError):
            Standardization(**UNITS | bad)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_network_that_is_not_finite_is_refused(file: Path, tmp_path: Path, value: float) -> None:
    classifier = tmp_path / "c.safetensors"
    save_network(Classifier(**CLASSIFIER), description("classifier", **CLASSIFIER), classifier)
    for path, name, load in (
        (file, "linear.bias", load_generator),
        (classifier, "linear.bias", load_classifier),
        (classifier, "stages.0.norm1.running_mean", load_classifier),
    ):
        other = with_tensor(path, name, lambda tensor: tensor.fill_(value), tmp_path)
        with pytest.raises(UserError, match=f"{name} has weights that are not finite"):
            load(other)


def test_variances_below_zero_are_refused_and_zero_is_not(file: Path, tmp_path: Path) -> None:
    name = "blocks.0.norm1.running_var"
    load_generator(with_tensor(file, name, torch.Tensor.zero_, tmp_path))
    with pytest.raises(UserError, match=f"{name} has variances below zero"):
        load_generator(with_tensor(file, name, lambda tensor: tensor.fill_(-1e-9), tmp_path))


def with_tensor(path: Path, name: str, change: Callable[[torch.Tensor], object], folder: Path) -> Path:
    """A copy of a network's file with one tensor changed."""
    with safe_open(path, "pt") as opened:
        metadata = opened.metadata()
    tensors = load_file(path)
    change(tensors[name])
    save_file(tensors, folder / "changed.safetensors", metadata)
    return folder / "changed.safetensors"
