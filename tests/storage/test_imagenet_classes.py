from pathlib import Path

import pytest

from projgan.errors import UserError
from projgan.storage.imagenet_classes import imagenet_classes, match_classes, places_of, read_given_classes

DOGS_AND_CATS = [
    "Chihuahua", "Yorkshire terrier", "golden retriever", "Labrador retriever", "German shepherd",
    "standard poodle", "tabby", "Persian cat", "Egyptian cat", "cougar",
]  # fmt: skip


def test_the_list_is_in_the_usual_order() -> None:
    """Synsets ascend, as folders of ILSVRC2012 do; three well-known places."""
    classes = imagenet_classes()
    assert len(classes) == 1000
    assert [known.wnid for known in classes] == sorted({known.wnid for known in classes})
    assert (classes[0].words[0], classes[281].words[0], classes[999].words[0]) == (
        "tench",
        "tabby",
        "toilet tissue",
    )


def test_classes_are_matched_by_any_of_their_words_and_by_synset() -> None:
    assert places_of(match_classes(DOGS_AND_CATS)) == [151, 187, 207, 208, 235, 267, 281, 283, 285, 286]
    assert match_classes(["Tabby_cat", "n02123394"]) == ("n02123045", "n02123394")
    assert places_of(match_classes(["tub"])) == [876]  # its usual word; of the bathtub it is the last
    assert match_classes(["cat", "dog"], {"cat": "tabby", "dog": "n02085620"}) == ("n02123045", "n02085620")


@pytest.mark.parametrize(
    ("names", "given", "message"),
    [
        (
            ["frog", "tabby"],
            {},
            "no one class of ILSVRC2012 is called frog; name one for each with --classes FILE",
        ),
        (list("abcdefg"), {}, "is called a, b, c, d, e and 2 more; name"),
        (["crane"], {}, r"is called crane \(several: n02012849, n03126707\); name"),
        (["tabby", "tiger"], {"tiger": "tabby cat"}, "tabby and tiger are both n02123045; tell them apart"),
        (["tabby"], {"taby": "tabby"}, "--classes names taby, which is no class of the run"),
        (["tabby"], {"tabby": "n1"}, "is called tabby; name"),
    ],
)
def test_what_cannot_be_matched_is_refused_by_name(
    names: list[str], given: dict[str, str], message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        match_classes(names, given)
    assert "\n" not in str(caught.value)


def test_given_classes_are_read_from_a_csv(tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_text('cat, tabby\n\n"big, cat",n02125311\n')
    assert read_given_classes(path) == {"cat": "tabby", "big, cat": "n02125311"}
    path.write_text("cat,tabby,no\n")
    with pytest.raises(UserError, match=r"cat,tabby,no is not a class and its name"):
        read_given_classes(path)
    with pytest.raises(UserError, match="cannot be read"):
        read_given_classes(tmp_path / "absent.csv")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read"):
        read_given_classes(path)


def test_a_synset_of_another_list_is_refused() -> None:
    with pytest.raises(UserError, match="n00000001 is no synset of ILSVRC2012"):
        places_of(["n00000001"])
