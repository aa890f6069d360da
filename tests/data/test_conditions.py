"""Conditions that are more than one class, from the table to what the networks are given."""

import json

import numpy as np
import pytest

from projgan.cli import run_command
from projgan.data import ConditionRequest, describe, load_images, open_packed, open_source, pack
from projgan.data.conditions import CONDITION_KINDS
from projgan.data.sources import columns
from projgan.errors import UserError

SEVERAL, VECTOR = ConditionRequest("multi-hot"), ConditionRequest("vector")
FACES = "file,smiling,hat\nb.png,1,0\na.png,0,1.0\nc.png, 1 ,1\n"
PEOPLE = "file,label,age,height\na.png,x,20,1.5\nb.png,y,30,1.7\nc.png,x,40,1.6\n"


@pytest.fixture
def table(write_files, png):
    folder = write_files({"a.png": png(1), "b.png": png(2), "c.png": png(3)})

    def write(text, name="labels.csv"):
        (folder / name).write_text(text, encoding="utf-8")
        return folder

    return write


def test_one_column_per_class(table):
    source = open_source(table(FACES), None, SEVERAL)
    assert source.condition_names == ("smiling", "hat")
    assert source.conditions.dtype == np.float32
    assert source.conditions.tolist() == [[1, 0], [0, 1], [1, 1]]
    assert [source.item_name(index) for index in range(3)] == ["b.png", "a.png", "c.png"]
    assert (source.class_names, source.labels.tolist()) == (("unlabelled",), [0, 0, 0])


@pytest.mark.parametrize("column", ["labels", "Classes", "tags"])
def test_a_column_of_names(table, column):
    text = f"file,age,{column}\na.png,20,hat; smiling\nb.png,30,\nc.png,40,smiling|beard|smiling\n"
    source = open_source(table(text), None, SEVERAL)
    assert source.condition_names == ("beard", "hat", "smiling")
    assert source.conditions.tolist() == [[0, 1, 1], [0, 0, 0], [1, 0, 1]]


def test_a_vector_and_its_class_beside_it(table):
    source = open_source(table(PEOPLE), None, VECTOR)
    assert source.condition_names == ("age", "height")
    assert source.conditions.tolist() == np.float32([[20, 1.5], [30, 1.7], [40, 1.6]]).tolist()
    assert (source.class_names, source.labels.tolist()) == (("x", "y"), [0, 1, 0])


def test_columns_may_be_chosen_in_any_order(table):
    text = "file,id,age,height\na.png,n1,20,1.5\nb.png,n2,30,1.7\nc.png,n3,40,1.6\n"
    chosen = open_source(table(text), None, ConditionRequest("vector", ("height", "age")))
    assert chosen.condition_names == ("height", "age")
    assert chosen.conditions[0].tolist() == np.float32([1.5, 20]).tolist()


def test_spaces_around_a_name_in_the_header_are_none_of_it(table):
    folder = table("file, age, height\na.png,20,1.5\nb.png,30,1.7\nc.png,40,1.6\n")
    chosen = open_source(folder, None, ConditionRequest("vector", ("height", "age")))
    assert chosen.condition_names == ("height", "age")
    assert chosen.conditions.tolist() == np.float32([[1.5, 20], [1.7, 30], [1.6, 40]]).tolist()
    assert open_source(folder, None, VECTOR).condition_names == ("age", "height")
    with pytest.raises(UserError, match=r"no column 'hight' .*did you mean 'height'"):
        open_source(folder, None, ConditionRequest("vector", ("hight",)))


def test_tables_of_two_splits_may_differ_in_spaces(write_files, png):
    files = {"train/a.png": png(1), "test/b.png": png(2)}
    files |= {"train/labels.csv": b"file,age\na.png,20\n", "test/labels.csv": b"file, age\nb.png,30\n"}
    assert open_source(write_files(files), "test", VECTOR).conditions.tolist() == [[30]]


@pytest.mark.parametrize(
    ("text", "request_", "message"),
    [
        (
            FACES.replace("1.0", "2"),
            SEVERAL,
            r"line 3: hat is '2', not 0 or 1; correct it, or name the columns",
        ),
        (FACES.replace("1.0", ""), SEVERAL, r"line 3: hat is '', not 0 or 1"),
        (PEOPLE.replace("30", "nan"), VECTOR, r"line 3: age is 'nan', not a number between"),
        (PEOPLE.replace("30", "inf"), VECTOR, r"line 3: age is 'inf', not a number between"),
        (PEOPLE.replace("30", "1e31"), VECTOR, r"line 3: age is '1e31', not a number between"),
        (PEOPLE.replace("30", "old"), VECTOR, r"line 3: age is 'old'"),
        (PEOPLE.replace("30", "1_000"), VECTOR, r"line 3: age is '1_000', not a number between"),
        (
            PEOPLE,
            ConditionRequest("vector", ("aeg",)),
            r"no column 'aeg' for a condition; did you mean 'age'",
        ),
        (
            PEOPLE,
            ConditionRequest("vector", ("file",)),
            r"no column 'file' for a condition; known: age, height",
        ),
        (PEOPLE, ConditionRequest("vector", ("age", "age")), r"two classes are called 'age'"),
        ("file,a,a\na.png,1,2\n", VECTOR, r"two classes are called 'a'"),
        ("file,a, a\na.png,1,2\n", VECTOR, r"two classes are called 'a'"),
        ("file,a, a,b\na.png,1,2,3\n", ConditionRequest("vector", ("a",)), r"two columns called 'a'"),
        ("file,label\na.png,x\n", VECTOR, r"no columns for data\.condition vector: add one per number"),
        (
            "file\na.png\n",
            SEVERAL,
            r"no columns for data\.condition multi-hot: add one per class with 0 or 1",
        ),
        ("file,tags\na.png,;\n", SEVERAL, r"names no class at all"),
        (FACES, ConditionRequest(), r"has no label column"),
    ],
)
def test_mistakes_are_told(table, text, request_, message):
    with pytest.raises(UserError, match=message) as caught:
        open_source(table(text), None, request_)
    assert "\n" not in str(caught.value)


def test_too_much_for_memory_is_refused_before_it_is_taken(table, monkeypatch):
    monkeypatch.setattr(columns, "MAX_CONDITION_BYTES", 23)
    with pytest.raises(UserError, match="2 columns of 3 images are too many"):
        open_source(table(FACES), None, SEVERAL)
    with pytest.raises(UserError, match="2 columns of 3 images are too many"):
        open_source(table("file,tags\na.png,x\nb.png,y\nc.png,x\n"), None, SEVERAL)


def test_sources_of_classes_have_no_other_condition(two_classes):
    for place in (two_classes, "digits"):
        with pytest.raises(
            UserError, match=r"has one class per image and no other condition; data\.condition"
        ):
            open_source(place, None, VECTOR)


def test_a_table_of_columns_beside_class_folders_is_found_where_it_is_asked_for(two_classes):
    (two_classes / "ages.csv").write_text("file,age\ncat/a.png,1\ndog/c.png,2\n", encoding="utf-8")
    assert open_source(two_classes).class_names == ("cat", "dog")
    assert open_source(two_classes, None, VECTOR).conditions.tolist() == [[1], [2]]


def test_the_fingerprint_is_of_the_conditions_too(table):
    prints = {
        open_source(table(text), None, VECTOR).fingerprint for text in (PEOPLE, PEOPLE.replace("1.7", "1.8"))
    }
    prints.add(open_source(table(PEOPLE), None, ConditionRequest("vector", ("age",))).fingerprint)
    prints.add(open_source(table(PEOPLE.replace("age", "years")), None, VECTOR).fingerprint)
    prints.add(open_source(table(PEOPLE)).fingerprint)
    assert len(prints) == 5


def write_npz(path, **arrays):
    pixels = np.zeros((2, 4, 4), np.uint8)
    np.savez(path, images=pixels, **arrays)
    return path


def test_npz(tmp_path):
    values, names = np.array([[1, 0, 5], [2, 3, 6]]), np.array(["a", "b", "c"])
    path = write_npz(tmp_path / "x.npz", conditions=values, condition_names=names)
    assert open_source(path, None, VECTOR).conditions.tolist() == values.tolist()
    chosen = open_source(path, None, ConditionRequest("vector", ("c", "a")))
    assert chosen.conditions.tolist() == [[5, 1], [6, 2]]
    assert open_source(write_npz(path, conditions=values > 2), None, SEVERAL).condition_names == (
        "0",
        "1",
        "2",
    )
    both = open_source(write_npz(path, conditions=values, labels=np.array([0, 1])), None, VECTOR)
    assert (both.labels.tolist(), both.class_names) == ([0, 1], ("0", "1"))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"conditions": np.zeros(2)}, r"conditions are float64 \[2\] for 2 images"),
        ({"conditions": np.zeros((3, 1))}, r"conditions are float64 \[3, 1\] for 2 images"),
        ({"conditions": np.zeros((2, 0))}, r"conditions are float64 \[2, 0\]"),
        ({"conditions": np.zeros((2, 1), complex)}, r"conditions are complex128"),
        (
            {"conditions": np.array([[0.0], [np.nan]])},
            r"0 of item 1 is nan, not a number between .* \(1 such\)",
        ),
        (
            {"conditions": np.zeros((2, 1)), "condition_names": np.array(["a", "b"])},
            "2 condition_names for 1 col",
        ),
        ({"labels": np.zeros(2, int)}, "has no array 'conditions'"),
    ],
)
def test_npz_mistakes_are_told(tmp_path, arrays, message):
    with pytest.raises(UserError, match=message):
        open_source(write_npz(tmp_path / "x.npz", **arrays), None, VECTOR)


# --- packed ---------------------------------------------------------------------------------------


@pytest.fixture
def store(table, tmp_path):
    pack(open_source(table(PEOPLE), None, VECTOR), tmp_path / "store", resolution=4, channels=3)
    return tmp_path / "store"


def test_conditions_are_packed_beside_the_images(store, table):
    packed = open_packed(store)
    assert packed.condition_names == ("age", "height")
    assert packed.conditions.tolist() == np.float32([[20, 1.5], [30, 1.7], [40, 1.6]]).tolist()
    assert json.loads((store / "manifest.json").read_text())["version"] == 2
    again = load_images(store, resolution=4, channels=3, cache=None, request=VECTOR)
    in_memory = load_images(table(PEOPLE), resolution=4, channels=3, cache=None, request=VECTOR)
    for other in (again, in_memory):
        assert other.fingerprint == packed.fingerprint
        assert other.conditions.tolist() == packed.conditions.tolist()
    of_classes = load_images(table(PEOPLE), resolution=4, channels=3, cache=None)
    assert of_classes.conditions is None
    assert of_classes.fingerprint != packed.fingerprint


def test_the_fingerprint_of_packed_images_is_of_every_value(table):
    prints = set()
    for text in (PEOPLE, PEOPLE.replace("1.7", "1.8"), PEOPLE.replace("age", "years")):
        packed = load_images(table(text), resolution=4, channels=3, cache=None, request=VECTOR)
        prints.add(packed.fingerprint)
    assert len(prints) == 3


def test_commands_know_of_columns(table, tmp_path, capsys):
    words = ["--condition", "vector", "--condition-columns", "height"]
    out = tmp_path / "packed"
    pack_words = ["data", "pack", str(table(PEOPLE)), str(out), "--resolution", "4", *words]
    assert run_command(pack_words) == 0
    assert "3 images of 1 columns, 4x4" in capsys.readouterr().out
    assert open_packed(out).condition_names == ("height",)
    assert run_command(["data", "describe", str(table(PEOPLE)), *words, "--json"]) == 0
    columns = json.loads(capsys.readouterr().out)["columns"]
    assert list(columns) == ["height"]
    assert columns["height"]["mean"] == pytest.approx(1.6)


def test_a_store_of_classes_is_written_as_ever(table, tmp_path):
    pack(open_source(table(PEOPLE)), tmp_path / "plain", resolution=4, channels=3)
    path = tmp_path / "plain" / "manifest.json"
    manifest = json.loads(path.read_text())
    assert manifest["version"] == 1
    for added in ("condition_names", "conditions_sha256"):  # as a store of before has none
        del manifest[added]
    path.write_text(json.dumps(manifest))
    assert open_packed(tmp_path / "plain").conditions is None


def test_a_store_knows_its_columns(store):
    with pytest.raises(
        UserError, match="is a packed store of the columns age, height; pack the columns wanted"
    ):
        open_source(store, None, ConditionRequest("vector", ("age",)))
    with pytest.raises(UserError, match="age of item 0 is 20, not 0 or 1"):
        open_source(store, None, SEVERAL)


def test_a_changed_store_is_refused(store):
    values = np.load(store / "conditions.npy")
    np.save(store / "conditions.npy", values + 1)
    with pytest.raises(UserError, match="its conditions are not those it was made with"):
        open_packed(store)
    np.save(store / "conditions.npy", values[:, :1])
    with pytest.raises(
        UserError, match=r"conditions\.npy is float32 \[3, 1\] where float32 \[3, 2\] belongs"
    ):
        open_packed(store)
    (store / "conditions.npy").unlink()
    with pytest.raises(UserError, match="cannot be used"):
        open_packed(store)
    manifest = json.loads((store / "manifest.json").read_text())
    (store / "manifest.json").write_text(json.dumps(manifest | {"version": 1}))
    with pytest.raises(UserError, match="condition_names, conditions_sha256 and version 2 go together"):
        open_packed(store)


def test_unreadable_images_take_their_conditions_with_them(table):
    folder = table(PEOPLE.replace(",y,", ",x,"))
    (folder / "b.png").write_bytes(b"no image")
    packed = load_images(folder, resolution=4, channels=3, cache=None, request=VECTOR, on_unreadable="skip")
    assert packed.images[:, 0, 0, 0].tolist() == [1, 3]
    assert packed.conditions[:, 0].tolist() == [20, 40]


# --- described, and handed to the networks -----------------------------------------------------------


def test_description(table):
    description = describe(table(PEOPLE.replace("1.5", "1.7").replace("1.6", "1.7")), request=VECTOR)
    age = description.columns["age"]
    assert (age.minimum, age.mean, age.maximum) == (20, 30, 40)
    assert "  age     20 to 40, mean 30" in description.to_text().splitlines()
    assert "1 columns are the same for every image, so they teach nothing: height" in description.remarks


def test_vectors_are_standardised_and_can_be_read_back(table):
    source = open_source(table(PEOPLE), None, VECTOR)
    given = CONDITION_KINDS["vector"](source)
    assert given.names == ("age", "height")
    assert given.means == pytest.approx((30, 1.6))
    assert given.deviations == pytest.approx(((200 / 3) ** 0.5, (0.02 / 3) ** 0.5))
    assert given.values[:, 0].tolist() == pytest.approx([-(1.5**0.5), 0, 1.5**0.5])
    back = given.values * given.deviations + given.means
    np.testing.assert_allclose(back, source.conditions, rtol=1e-6)


def test_a_column_that_never_changes_is_refused(table):
    source = open_source(table(PEOPLE.replace("1.7", "1.5").replace("1.6", "1.5")), None, VECTOR)
    with pytest.raises(UserError, match="column 'height' is the same for every image"):
        CONDITION_KINDS["vector"](source)


def test_several_classes_and_labels_are_given_as_they_are(table):
    given = CONDITION_KINDS["multi-hot"](open_source(table(FACES), None, SEVERAL))
    assert (given.values.tolist(), given.names, given.means) == (
        [[1, 0], [0, 1], [1, 1]],
        ("smiling", "hat"),
        None,
    )
    given = CONDITION_KINDS["class"](open_source(table(PEOPLE)))
    assert (given.values.tolist(), given.names) == ([0, 1, 0], ("x", "y"))
