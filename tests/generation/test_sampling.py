import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from projgan.data.standardization import Standardization
from projgan.errors import UserError
from projgan.generation import sampling
from projgan.generation.mixtures import named_numbers
from projgan.generation.sampling import (
    around_the_mean,
    class_label,
    class_labels,
    latents_of,
    mixing_weights,
    sample,
    several_classes,
    vector_in_units,
)
from projgan.networks.resnet import Generator

CLASSES = 4


@pytest.fixture(scope="module")
def generator() -> Generator:
    """32x32 and awkward widths, with classes and statistics that differ."""
    torch.manual_seed(1)
    network = Generator("resnet-32", num_classes=CLASSES, latent_size=13, width=10)
    for name, tensor in network.state_dict().items():
        if name.endswith(("gain", "bias")):
            tensor.add_(torch.randn_like(tensor) * 0.3)
    for _ in range(3):
        network(torch.randn(16, 13), torch.randint(CLASSES, (16,)))
    return network.eval()


@pytest.fixture
def as_floats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let images come out before they are rounded to bytes, which would hide differences."""
    monkeypatch.setattr(sampling, "to_uint8", lambda images: images)


def images_of(generator: Generator, seeds: list[int], labels: list[int], **options: object) -> Tensor:
    return torch.cat(list(sample(generator, seeds, torch.tensor(labels), **options)))


@pytest.mark.usefixtures("as_floats")
@pytest.mark.parametrize("count", [1, 3, 7, 8, 9, 20])
def test_one_seed_and_class_is_one_image_whatever_its_neighbours(generator: Generator, count: int) -> None:
    """Bit for bit in float32, at every place of a lane."""
    alone = images_of(generator, [77], [2])[0]
    draws = torch.Generator().manual_seed(count)
    for place in {0, count // 2, count - 1}:
        seeds = torch.randint(0, 1000, (count,), generator=draws).tolist()
        labels = torch.randint(0, CLASSES, (count,), generator=draws).tolist()
        seeds[place], labels[place] = 77, 2
        found = images_of(generator, seeds, labels)
        assert len(found) == count
        assert torch.equal(found[place], alone)


def test_images_come_in_the_order_of_the_seeds(generator: Generator) -> None:
    seeds, labels = [5, 3, 8, 5, 2, 9, 1, 0, 4, 11, 3], [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2]
    found = images_of(generator, seeds, labels)
    with torch.inference_mode():
        direct = generator(latents_of(seeds, 13), torch.tensor(labels))
    assert found.dtype == torch.uint8
    np.testing.assert_allclose((found.float() + 0.5) / 128 - 1, direct, atol=0.51 / 128)


def test_the_latent_of_a_seed_is_torchs_normal_draw() -> None:
    found = latents_of([3, 0, 2**63 - 1], 9)
    for row, seed in zip(found, [3, 0, 2**63 - 1], strict=True):
        assert torch.equal(row, torch.randn(9, generator=torch.Generator().manual_seed(seed)))
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    latents_of([1], 9)
    assert torch.equal(torch.rand(2), expected)  # the global stream is left alone


# --- truncation -----------------------------------------------------------------------------------


@pytest.mark.parametrize("bound", [0.1, 0.5, 1.0, 2.0, 4.0])
def test_truncated_latents_are_at_the_same_quantile_of_the_truncated_normal(bound: float) -> None:
    plain = latents_of(list(range(40)), 100).double().numpy()
    found = latents_of(list(range(40)), 100, truncation=bound).numpy()
    oracle = stats.truncnorm(-bound, bound)
    np.testing.assert_allclose(found, oracle.ppf(stats.norm.cdf(plain)), rtol=0, atol=2e-6)
    assert np.abs(found).max() <= bound
    assert stats.kstest(found.flatten(), oracle.cdf).pvalue > 1e-4


def test_truncation_moves_every_entry_smoothly_and_never_past_another() -> None:
    bounds = [0.01, 0.3, 0.5, 0.51, 1, 2, 3, 5, 9.99]
    found = torch.stack([latents_of([3, 4], 500, bound).flatten() for bound in bounds])
    sizes = found.abs()
    assert (sizes[1:] >= sizes[:-1] - 1e-7).all()  # each grows with the bound and keeps its sign
    assert (found.sign() == found[-1].sign()).all()
    assert (found[3] - found[2]).abs().max() < 0.02  # a small change of the bound is a small one
    order = found[-1].argsort()
    assert (found[:, order].diff(dim=1) >= 0).all()


def test_a_bound_beyond_all_draws_changes_nothing() -> None:
    plain = latents_of(list(range(20)), 100)
    torch.testing.assert_close(latents_of(list(range(20)), 100, 9.99), plain, rtol=0, atol=1e-6)


def test_truncation_reaches_the_images(generator: Generator) -> None:
    labels = torch.tensor([1, 2])
    found = torch.cat(list(sample(generator, [4, 5], labels, truncation=0.5)))
    with torch.inference_mode():
        direct = generator(latents_of([4, 5], 13, 0.5), labels)
    np.testing.assert_allclose((found.float() + 0.5) / 128 - 1, direct, atol=0.51 / 128)
    assert not torch.equal(found, images_of(generator, [4, 5], [1, 2]))


# --- conditions -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("as_floats")
def test_a_mix_of_one_class_is_that_class_bit_for_bit(generator: Generator) -> None:
    names = ["cat", "dog", "owl", "ant"]
    seeds = list(range(11))
    for label, name in enumerate(names):
        weights = mixing_weights(f"{name}=1", names).expand(11, -1)
        mixed = torch.cat(list(sample(generator, seeds, weights)))
        assert torch.equal(mixed, images_of(generator, seeds, [label] * 11))


@pytest.mark.usefixtures("as_floats")
def test_a_mix_is_the_network_with_gains_and_biases_mixed(generator: Generator) -> None:
    mixed = torch.cat(list(sample(generator, [6], torch.tensor([[0.25, 0.0, 0.75, 0.0]]))))
    state = generator.state_dict()
    for name, tensor in state.items():
        if tensor.ndim == 2 and name.endswith((".gain", ".bias")):
            state[name] = (0.25 * tensor[0] + 0.75 * tensor[2]).expand_as(tensor)
    blended = Generator("resnet-32", num_classes=CLASSES, latent_size=13, width=10).eval()
    blended.load_state_dict(state)
    with torch.inference_mode():
        expected = blended(latents_of([6], 13), torch.tensor([3]))
    torch.testing.assert_close(mixed, expected, rtol=0, atol=1e-5)


@pytest.mark.usefixtures("as_floats")
def test_an_unconditional_generator_needs_no_condition() -> None:
    network = Generator("resnet-8", num_classes=None, latent_size=3, width=3).eval()
    found = torch.cat(list(sample(network, [4, 9], None)))
    with torch.inference_mode():
        torch.testing.assert_close(found, network(latents_of([4, 9], 3)), rtol=0, atol=1e-6)


def test_one_hot_weights_of_integers_are_not_taken_for_labels() -> None:
    weights = mixing_weights("a=0.3,b=0.7", ["a", "b", "c"])
    assert weights.is_floating_point()
    assert weights.tolist() == pytest.approx([0.3, 0.7, 0])


@pytest.mark.parametrize(
    ("name", "names", "label"),
    [
        ("dog", ["cat", "dog"], 1),
        ("1", ["cat", "dog"], 1),
        ("1", ["2", "1", "0"], 1),
        ("0", ["2", "1", "0"], 2),
        ("tench, Tinca tinca", ["dog", "tench, Tinca tinca"], 1),
    ],
)
def test_classes_by_name_or_number(name: str, names: list[str], label: int) -> None:
    assert class_label(name, names) == label


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dgo", "unknown class 'dgo'; did you mean 'dog'?"),
        ("DOG", "unknown class 'DOG'; did you mean 'dog'?"),
        ("2", "unknown class '2'; known: cat, dog"),
        ("-1", "unknown class '-1'; known: cat, dog"),
        ("", "unknown class ''; known: cat, dog"),
        ("²", "unknown class '²'; known: cat, dog"),
        ("zebra", "unknown class 'zebra'; known: cat, dog"),
        ("cat,dog", "unknown class 'cat,dog'; give several as words of their own: cat dog"),
        ("cat,dgo", "unknown class 'cat,dgo'; did you mean 'cat'?"),
    ],
)
def test_unknown_classes_name_the_nearest(name: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        class_label(name, ["cat", "dog"])
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "names", [["1", "2", "5"], ["1.5", "cat"], ["cat", "-1"], ["٣", "cat"], ["07", "cat"]]
)
@pytest.mark.parametrize("name", ["0", "1", "3", "00", "9" * 5000])
def test_there_are_no_positions_where_a_class_is_called_by_a_number(name: str, names: list[str]) -> None:
    """`0` with classes 1, 2, 5 would be class 1: somebody else's digit."""
    if name in names:
        assert class_label(name, names) == names.index(name)
    else:
        with pytest.raises(UserError, match="unknown class"):
            class_label(name, names)
    with pytest.raises(UserError, match="unknown class"):
        mixing_weights(f"{name}0=1", names)


def test_all_is_every_class_unless_one_is_called_so() -> None:
    assert class_labels(["all"], ["cat", "dog", "owl"]) == [0, 1, 2]
    assert class_labels(["all"], ["cat", "all", "owl"]) == [1]
    assert class_labels(["owl", "cat", "owl"], ["cat", "dog", "owl"]) == [2, 0, 2]
    with pytest.raises(UserError, match="unknown class 'all'"):
        class_labels(["all", "cat"], ["cat", "dog"])


def test_mixes_by_hand() -> None:
    names = ["cat", "a=b", "owl"]
    assert mixing_weights("cat=0.25, owl=0.75", names).tolist() == [0.25, 0, 0.75]
    assert mixing_weights("a=b=1", names).tolist() == [0, 1, 0]
    assert mixing_weights("cat=0.25,2=0.5,cat=.25", names).tolist() == [0.5, 0, 0.5]
    assert mixing_weights("cat=-1,owl=2", names).tolist() == [-1, 0, 2]


def test_a_comma_splits_only_before_a_known_name() -> None:
    names = ["tench, Tinca tinca", "dog", "a=1,b"]
    assert mixing_weights("tench, Tinca tinca=0.5,dog=0.5", names).tolist() == [0.5, 0.5, 0]
    assert mixing_weights("dog=0.25, tench, Tinca tinca = .75", names).tolist() == [0.75, 0.25, 0]
    assert mixing_weights("a=1,b=1", names).tolist() == [0, 0, 1]
    assert mixing_weights("a=1,b=1,dog=0", ["a", *names]).tolist() == [0, 0, 0, 1]  # no class is called b
    assert mixing_weights("a=1,b=0", ["a", "b", *names]).tolist() == [1, 0, 0, 0, 0]
    assert several_classes("hat, red=1,hat=0.5", ("hat", "hat, red")).tolist() == [0.5, 1]
    units = Standardization(means=(0.0, 0.0), deviations=(1.0, 1.0))
    assert vector_in_units("length, cm=2,age=1", ("age", "length, cm"), units).tolist() == [1, 2]


@given(
    names=st.lists(
        st.text("a,= ", min_size=1, max_size=4).map(str.strip), min_size=1, max_size=4, unique=True
    ),
    choice=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["0", "1", "-.5"])), min_size=1, max_size=4),
)
def test_what_can_be_read_with_known_names_alone_is(names: list[str], choice: list[tuple[int, str]]) -> None:
    """Whatever commas the names have: what is found spells the text that was given, in known names."""
    text = ",".join(f"{names[index % len(names)]}={number}" for index, number in choice)
    found = named_numbers(text, names, "x")
    assert {name for name, _ in found} <= set(names)
    spelled = {0.0: "0", 1.0: "1", -0.5: "-.5"}
    assert ",".join(f"{name}={spelled[number]}" for name, number in found).replace(" ", "") == text.replace(
        " ", ""
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tench, Tinca tinc=1", "unknown class 'tench, Tinca tinc'; did you mean 'tench, Tinca tinca'?"),
        (
            "dog=.5,tench, Tinca tinc=.5",
            "unknown class 'tench, Tinca tinc'; did you mean 'tench, Tinca tinca'?",
        ),
        ("dgo=0.5,tench, Tinca tinca=0.5", "unknown class 'dgo'; did you mean 'dog'?"),
        (
            "dog,tench, Tinca tinca=1",
            "--mix dog,tench, Tinca tinca=1: 'dog' is not of the form class=weight, as in cat=0.3,dog=0.7",
        ),
    ],
)
def test_what_is_wrong_beside_names_with_commas(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        mixing_weights(text, ["tench, Tinca tinca", "dog"])
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cat", "--mix cat: 'cat' is not of the form class=weight, as in cat=0.3,dog=0.7"),
        ("", "--mix : '' is not of the form class=weight, as in cat=0.3,dog=0.7"),
        ("cat=", "--mix cat=: 'cat=' is not of the form class=weight, as in cat=0.3,dog=0.7"),
        ("cat=x,dog=1", "--mix cat=x,dog=1: 'cat=x' is not of the form class=weight, as in cat=0.3,dog=0.7"),
        (
            "cat=nan,dog=1",
            "--mix cat=nan,dog=1: 'cat=nan' is not of the form class=weight, as in cat=0.3,dog=0.7",
        ),
        ("cat=inf", "--mix cat=inf: 'cat=inf' is not of the form class=weight, as in cat=0.3,dog=0.7"),
        ("0.5", "--mix 0.5: '0.5' is not of the form class=weight, as in cat=0.3,dog=0.7"),
        ("cat=1,", "--mix cat=1,: '' is not of the form class=weight, as in cat=0.3,dog=0.7"),
        ("cat=0.3,dog=0.6", "--mix cat=0.3,dog=0.6: the weights sum to 0.9; they must sum to 1"),
        ("dgo=1", "unknown class 'dgo'; did you mean 'dog'?"),
    ],
)
def test_mixes_that_are_none(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        mixing_weights(text, ["cat", "dog"])
    assert str(caught.value) == message


@pytest.mark.parametrize("batch_size", [1, 3, 8, 11, 100])
def test_a_batch_size_changes_the_batches_and_nothing_in_them(generator: Generator, batch_size: int) -> None:
    seeds, labels = list(range(11)), torch.arange(11) % CLASSES
    lanes = torch.cat(list(sample(generator, seeds, labels)))
    batches = list(sample(generator, seeds, labels, batch_size=batch_size))
    assert torch.equal(torch.cat(batches), lanes)
    assert {len(batch) for batch in batches[:-1]} <= {batch_size}
    assert 1 <= len(batches[-1]) <= batch_size


# --- conditions that are no single class -----------------------------------------------------------

UNITS = Standardization(means=(30.0, 1.6), deviations=(10.0, 0.1))


def test_several_classes_are_those_named() -> None:
    names = ("beard", "hat", "smiling")
    assert several_classes("smiling=1, hat=0.5", names).tolist() == [0, 0.5, 1]
    with pytest.raises(UserError, match=r"unknown class 'hut'; did you mean 'hat'\?"):
        several_classes("hut=1", names)
    with pytest.raises(UserError, match="'hat' is there twice; name it once"):
        several_classes("hat=1,hat=1", names)
    with pytest.raises(UserError, match="'hat' is not of the form class=1"):
        several_classes("hat", names)


def test_a_vector_is_given_in_its_units_and_what_is_missing_is_the_mean() -> None:
    found = vector_in_units("height=1.85,age=25", ("age", "height"), UNITS)
    assert found.tolist() == pytest.approx([-0.5, 2.5])
    assert vector_in_units("age=-20", ("age", "height"), UNITS).tolist() == [-5, 0]


def test_rows_around_the_mean() -> None:
    names, conditions = around_the_mean(("age", "height"), UNITS, 4)
    assert names == ["mean", "age=15", "age=45", "height=1.45"]
    assert conditions.tolist() == [[0, 0], [-1.5, 0], [1.5, 0], [0, -1.5]]
    assert [len(around_the_mean(("age", "height"), UNITS, count)[0]) for count in (1, 2, 3, 5, 50)] == [
        1,
        2,
        3,
        5,
        5,
    ]
