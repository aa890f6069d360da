import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projgan.data.standardization import Standardization
from projgan.errors import UserError
from projgan.generation.conditions_in_words import (
    around_the_mean,
    class_label,
    class_labels,
    mixing_weights,
    several_classes,
    vector_in_units,
)
from projgan.generation.mixtures import named_numbers


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


@pytest.mark.parametrize(
    ("mix", "words"),
    [
        ("cat=1e39,dog=-1e39", "is not of the form"),
        ({"cat": 1e308, "dog": -1e308}, "1e+308 of 'cat' is no finite number up to 1e+30"),
        ({"cat": 10**400}, "is no finite number up to 1e+30"),
        ("cat=1e30,dog=-1e30", "must sum to 1"),
        ({3: 1.0}, "3 is no name; give it as text"),
    ],
)
def test_weights_beyond_all_measure_are_refused(mix: object, words: str) -> None:
    with pytest.raises(UserError) as caught:
        mixing_weights(mix, ["cat", "dog"])  # type: ignore[arg-type]
    assert words in str(caught.value)


def test_numbers_of_numpy_are_numbers() -> None:
    mix = {"cat": np.float32(0.25), "dog": np.int64(0), "owl": 0.75}
    assert mixing_weights(mix, ["cat", "dog", "owl"]).tolist() == [0.25, 0, 0.75]


def test_a_value_too_far_from_what_was_learned_is_refused() -> None:
    narrow = Standardization(means=(0.0,), deviations=(1e-20,))
    with pytest.raises(UserError, match="too far from what the network has learned"):
        vector_in_units("age=1e25", ("age",), narrow)
