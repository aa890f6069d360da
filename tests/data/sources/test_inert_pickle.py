import os
import pickle
import pickletools
import struct
import tracemalloc

import numpy as np
import pytest

from projgan.data.sources.inert_pickle import MAX_OPCODES, Call, byte_array, read_pickle
from projgan.errors import UserError

PLAIN = {
    "a": [1, -2, 2**40, 3.5, None, True, False],
    "b": ("x", b"y", ()),
    "c": {"d": [[], {}]},
    "e": ["é"] * 3,
}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_data_is_read_as_pickle_reads_it(protocol):
    content = pickle.dumps(PLAIN, protocol)
    assert read_pickle(content, "f") == pickle.loads(content)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_arrays_are_read_as_numpy_wrote_them(protocol):
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    value = read_pickle(pickle.dumps(array, protocol), "f")
    assert isinstance(value, Call)
    assert np.array_equal(byte_array(value, "f"), array)


HOSTILE = {
    "GLOBAL": b"cos\nsystem\n(S'true'\ntR.",
    "STACK_GLOBAL": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
    "INST": b"(S'true'\nios\nsystem\n.",
    "OBJ": b"(cos\nsystem\nS'true'\no.",
    "NEWOBJ": b"cbuiltins\nobject\n)\x81.",
    "EXT1": b"\x82\x01.",
    "PERSID": b"Pid\n.",
    "BINPERSID": b"K\x01Q.",
    "nested name": b"cnumpy\ncore.multiarray.os.system\n.",
    "numpy's own loader": b"cnumpy\nload\n.",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_anything_else_is_refused_and_nothing_is_run(name, monkeypatch):
    monkeypatch.setattr(os, "system", lambda command: pytest.fail("ran"))
    monkeypatch.setattr(pickle, "loads", lambda content: pytest.fail("unpickled"))
    with pytest.raises(UserError, match=r"f: its pickle .* nothing of it was run"):
        read_pickle(HOSTILE[name], "f")


def test_only_the_calls_an_array_needs_are_noted_and_none_is_made(monkeypatch):
    monkeypatch.setattr(np, "dtype", lambda *arguments: pytest.fail("called"))
    value = read_pickle(b"cnumpy\ndtype\nU\x02u1\x85R.", "f")
    assert (value.function.text, value.arguments) == ("numpy dtype", ("u1",))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"\x80\x02}q\x00(",
        b"0.",
        b"R.",
        b"b.",
        b"e.",
        b"t.",
        b"K\x01e.",
        b"(K\x01K\x02u.",
        b"}(K\x01K\x02u.",
        b"}(]K\x02u.",
        b"}(U\x01au.",
        b"h\x05.",
        b"K\x01K\x02.",
        b".",
        b"](",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fshort.",
        b"\x8b\xff\xff\xff\x7f.",
        b"I" + b"9" * 10_000 + b"\n.",
        b"c_codecs\nencode\nK\x01K\x02\x86R.",
        b"c_codecs\nencode\n)R.",
        b"ca\n.",
        b"K\x01K\x01K\x01\x93.",
        b"K\x01q.",
    ],
)
def test_damaged_pickles_are_told(content):
    with pytest.raises(UserError, match=r"^f") as caught:
        read_pickle(content, "f")
    assert "\n" not in str(caught.value)


def test_every_cut_and_every_changed_byte_is_told_or_harmless():
    content = pickle.dumps({"data": np.arange(6, dtype=np.uint8).reshape(2, 3), "labels": [1, 2]}, 2)
    variants = [content[:length] for length in range(len(content))]
    variants += [
        content[:i] + bytes([b]) + content[i + 1 :] for i in range(len(content)) for b in (0, 40, 82, 98, 255)
    ]
    for variant in variants:
        try:
            value = read_pickle(variant, "f")
            if isinstance(value, dict):
                byte_array(value.get("data"), "f")
        except UserError:
            continue


@pytest.mark.parametrize(
    "state", [(1, (2, 4)), (1, (2, 3), None, False, b"123456"), (1, (-2, -3), "u1", False, b"123456"), None]
)
def test_arrays_of_another_form_are_refused(state):
    value = read_pickle(pickle.dumps(np.zeros((2, 3), np.uint8), 2), "f")
    value.state = state
    with pytest.raises(UserError, match="f: its data are not an array of bytes"):
        byte_array(value, "f")


def test_arrays_whose_bytes_are_missing_are_refused():
    content = pickle.dumps(np.zeros((2, 3), np.uint8), 3).replace(b"K\x02K\x03", b"K\x02K\x04")
    with pytest.raises(UserError, match="declared as 2x4 has 6 bytes"):
        byte_array(read_pickle(content, "f"), "f")


def test_the_oracle_has_the_opcodes_of_python_2():
    names = {opcode.name for opcode, _, _ in pickletools.genops(b"U\x01ah\x00T\x01\x00\x00\x00b.")}
    assert {"SHORT_BINSTRING", "BINSTRING"} <= names


def text(length):
    return b"X" + struct.pack("<I", length) + b"a" * length


def encoded(times):
    """A long text once, and as many calls that would make bytes of it."""
    name = b"c_codecs\nencode\nq\x01X\x06\0\0\0latin1q\x02"
    return text(10_000_000) + b"q\x00" + name + b"h\x01h\x00h\x02\x86R" * times


GROWING = {
    "calls that repeat a text": encoded(100),
    "dictionaries": b"(" + b"}" * 3_000_000 + b"t",
    "lists": b"(" + b"]" * 3_000_000 + b"t",
    "floats": b"(" + (b"G" + bytes(8)) * 600_000 + b"t",
    "one text put in many places": text(10_000_000) + b"q\x00" + b"h\x00" * 1_000_000,
    "keys that are long": text(10_000_000) + b"q\x00}" + b"h\x00K\x01s" * 1000,
    "tuples in tuples": b"K\x01" + b"\x85" * 1_000_000,
}


@pytest.mark.parametrize("name", GROWING)
def test_little_does_not_become_much(name):
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="f is not a pickle of the published form"):
            read_pickle(b"\x80\x02" + GROWING[name] + b".", "f")
        assert tracemalloc.get_traced_memory()[1] < 120_000_000
    finally:
        tracemalloc.stop()


def test_a_text_is_made_bytes_once():
    content = pickle.dumps([b"x" * 1000, b"y" * 1000], 2)
    assert read_pickle(content, "f") == [b"x" * 1000, b"y" * 1000]


def test_a_batch_of_the_largest_published_form_is_within_the_bounds():
    """CIFAR-100's training batch: 50,000 names, each with a place in the memo, and two labels each."""
    batch = {
        "filenames": [f"image_s_{number:06d}.png" for number in range(50_000)],
        "fine_labels": [number % 100 for number in range(50_000)],
        "coarse_labels": [number % 20 for number in range(50_000)],
    }
    content = pickle.dumps(batch, 2)
    assert sum(1 for _ in pickletools.genops(content)) < MAX_OPCODES / 2
    assert read_pickle(content, "f") == batch
