"""Labels beside images, written and read: shared by the tests of where labels may lie."""

import json

import numpy as np
import pytest

from projgan.data import open_source
from projgan.errors import UserError


def seen(source):
    """What a person would check: every image's class, by the value of its pixels."""
    values = {}
    for item in source.iterate():
        name = source.class_names[source.labels[item.index]]
        values[int(np.asarray(item.open().convert("RGB"))[0, 0, 0])] = name
    assert len(values) == len(source)
    return values


def refused(path, *words, request=None):
    with pytest.raises(UserError) as caught:
        open_source(path) if request is None else open_source(path, request=request)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message
    return message


LABELS = {"00/a.png": "cat", "00/b.png": "dog", "01/a.png": "cat", "01/b.png": "dog"}


TRUTH = {1: "cat", 2: "dog", 3: "cat", 4: "dog"}


def images(png, prefix=""):
    """The images in another order than that of the labels, as it may be in an archive."""
    values = {f"{prefix}{name}": png(value) for value, name in enumerate(LABELS, start=1)}
    return dict(reversed(values.items()))


def conditions(source):
    """The conditions of each image by its name."""
    names = [source.item_name(index) for index in range(len(source))]
    return dict(zip(names, source.conditions.tolist(), strict=True))


def csv(pairs, header="file,label", mark=","):
    return "\n".join([header, *(f"{name}{mark}{label}" for name, label in pairs.items())]).encode()


def jsonl(pairs, file="file_name"):
    return "\n".join(json.dumps({file: name, "label": label}) for name, label in pairs.items()).encode()
