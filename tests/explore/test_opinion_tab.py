"""What a discriminator says of generated images and of some from outside."""

import base64
import io
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from explored_pages import assert_equal, claimed, pixels_in
from fabricated_runs import UNCONDITIONAL, fabricate
from projgan.data.decode import decode, open_image
from projgan.errors import UserError
from projgan.explore.opinion_tab import LARGEST_UPLOAD, judged, opinions, why_silent
from projgan.explore.subjects import Subject, open_subjects
from projgan.pictures.pixels import to_float
from projgan.storage.network_file import load_discriminator


def numbers_in(html: str) -> tuple[list[float], list[float]]:
    """The r(x) that are shown, and the numbers beside all bars."""
    real = [float(text) for text in re.findall(r"r\(x\) = <b>([-+.\d]+)", html)]
    return real, [float(text) for text in re.findall(r"</i></td><td>([-+.\d]+)", html)]


def test_opinions_are_the_terms_of_the_logit(trained: Subject, uninterrupted: Path) -> None:
    html = opinions(trained, 4, 11, 2, "")
    real, bars = numbers_in(html)
    discriminator, _ = load_discriminator(uninterrupted / "discriminator.safetensors")
    images = torch.from_numpy(np.stack(pixels_in(html)))[:, None]
    assert len(images) == 2
    for place, image in enumerate(images):
        with torch.inference_mode():
            output = discriminator(
                to_float(image[None].expand(10, -1, -1, -1), torch.tensor(0.5)), torch.arange(10)
            )
        torch.testing.assert_close(torch.tensor(real[place]), output.marginal[0], atol=0.0051, rtol=0)
        shown = torch.tensor(bars[10 * place : 10 * place + 10])
        torch.testing.assert_close(shown, output.conditional, atol=0.0051, rtol=0)
        torch.testing.assert_close(shown + real[place], output.logits, atol=0.0102, rtol=0)
    assert html.count('class="pg-own"') == 2
    own = re.search(r'class="pg-own"><th scope="row">(\w)<', html)
    assert own is not None
    assert own[1] == "4"


def as_text(content: bytes) -> dict[str, Any]:
    return {"content": "data:image/png;base64," + base64.b64encode(content).decode(), "bytes": len(content)}


def png_of(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, format="PNG")
    return file.getvalue()


def test_an_image_from_outside_is_seen_as_data_are(trained: Subject) -> None:
    content = png_of(Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)))
    html = judged(trained, as_text(content))
    assert_equal(pixels_in(html), [decode(open_image(content, "it"), 8, 1)[0]])
    real, bars = numbers_in(html)
    assert (len(real), len(bars)) == (1, 10)
    assert 'class="pg-own"' not in html


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (as_text(claimed(20_000, 20_000)), "more than the 67,108,864 pixels accepted"),
        (as_text(claimed(9_000, 9_000)), "9000x9000 is more than"),
        (as_text(claimed(100, 100)), "cannot be decoded"),
        (as_text(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "not an image of a known format"),
        (as_text(b""), "not an image"),
        ({"content": "data:,%%%"}, "no image was sent"),
        ({"content": "/etc/passwd"}, "not an image"),
        ({"content": {"path": "/etc/passwd"}}, "no image was sent"),
        ({}, "no image was sent"),
        ({"content": "", "bytes": LARGEST_UPLOAD + 1}, "larger than the 20 MB accepted"),
        ({"content": "A" * (2 * LARGEST_UPLOAD)}, "larger than the 20 MB accepted"),
    ],
)
def test_bad_uploads_are_refused_in_a_line(trained: Subject, sent: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=re.escape(words)) as refused:
        judged(trained, sent)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200


def test_other_discriminators_say_what_they_can(tmp_path: Path) -> None:
    plain = open_subjects([fabricate(tmp_path / "plain", **UNCONDITIONAL)])[0]
    real, bars = numbers_in(opinions(plain, None, 0, 2, ""))
    assert (len(real), len(bars)) == (2, 0)
    assert len(numbers_in(judged(plain, as_text(png_of(Image.new("L", (9, 9))))))[0]) == 1
    classifying = open_subjects([fabricate(tmp_path / "ac", discriminator__condition="ac-gan")])[0]
    html = opinions(classifying, 3, 0, 1, "")
    assert "class logit of each class" in html
    many = tuple(f"class {place}" for place in range(25))
    of_many = open_subjects([fabricate(tmp_path / "many", class_names=many)])[0]
    html = opinions(of_many, 24, 0, 1, "")
    assert len(numbers_in(html)[1]) == 10
    assert "the best 10 of 25" in html
    assert html.count('class="pg-own"') == 1


def test_without_a_discriminator_it_is_said_so(tmp_path: Path) -> None:
    assert "no discriminator beside" in why_silent(open_subjects([Path("digits")])[0])
    with pytest.raises(UserError, match="no discriminator beside"):
        judged(open_subjects([Path("digits")])[0], {})


def test_a_discriminator_that_cannot_be_read_hides_nothing_else(uninterrupted: Path, tmp_path: Path) -> None:
    shutil.copytree(uninterrupted, tmp_path / "run")
    (tmp_path / "run" / "discriminator.safetensors").write_bytes(b"damaged")
    (subject,) = open_subjects([tmp_path / "run"])
    assert subject.maker is not None
    assert "discriminator.safetensors" in why_silent(subject)
    assert "damaged" in why_silent(subject)
