"""What the tabs show, against commands that write the same images, and against the networks themselves."""

import base64
import io
import json
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch
from PIL import Image

from explored_pages import followed_run, found_in, pixels_in
from fabricated_runs import UNCONDITIONAL, fabricate
from projgan.data.decode import decode, open_image
from projgan.errors import UserError
from projgan.explore import (
    compare_tab,
    found_tab,
    mix_tab,
    morph_tab,
    opinion_tab,
    sample_tab,
    training_tab,
    widgets,
)
from projgan.explore.bounds import rows_of, seed_of, truncation_of, whole
from projgan.explore.compare_tab import common_rows, compared
from projgan.explore.found_tab import drawn
from projgan.explore.mix_tab import MOST_SLIDERS, mixed, mixture
from projgan.explore.morph_tab import end_names, ends_of, morphed, path_images
from projgan.explore.opinion_tab import LARGEST_UPLOAD, judged, opinions, why_silent
from projgan.explore.sample_tab import MOST_KEPT, sampled, shelf, toggled
from projgan.explore.subjects import MOST_SUBJECTS, Subject, open_subjects
from projgan.explore.training_tab import fingerprint_of, followed
from projgan.generation.morph_writing import write_morph
from projgan.generation.request import MorphRequest, SampleRequest
from projgan.generation.sample_writing import write_images
from projgan.pictures.pixels import to_float
from projgan.storage.network_file import load_discriminator
from small_runs import train_small


def written(folder: Path, run: Path, **request: Any) -> list[np.ndarray]:
    """What `projgan sample` writes."""
    files = write_images(run, SampleRequest(out=folder, **request)).files
    return [np.asarray(Image.open(path)) for path in files]


def assert_equal(ours: list[np.ndarray], theirs: list[np.ndarray]) -> None:
    assert len(ours) == len(theirs) > 0
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape
        assert (one == other).all()


def test_samples_are_those_of_the_command(trained: Subject, uninterrupted: Path, tmp_path: Path) -> None:
    html = sampled(trained, [3, 7], 5, 3, "1.5", [])
    assert_equal(
        pixels_in(html),
        written(tmp_path / "a", uninterrupted, classes=["3", "7"], seed=5, count=3, truncation=1.5),
    )
    assert re.findall(r'data-row="(\d+)" data-seed="(\d+)" data-truncation="([^"]*)"', html) == [
        (row, seed, "1.5") for row in "37" for seed in "567"
    ]
    assert f"projgan sample {uninterrupted} --class 3 7 --count 3 --seed 5 --truncation 1.5" in html


def test_a_mixture_is_that_of_the_command(trained: Subject, uninterrupted: Path, tmp_path: Path) -> None:
    values = [0.0] * 10
    values[3], values[8] = 0.15, 0.35
    html = mixed(trained, range(10), values, 4, 2, "")
    assert_equal(
        pixels_in(html), written(tmp_path / "a", uninterrupted, mix=["3=0.3,8=0.7"], seed=4, count=2)
    )
    assert "--mix 3=0.3,8=0.7 --count 2 --seed 4" in html


def test_weights_of_a_mixture_sum_to_one(trained: Subject) -> None:
    assert trained.maker is not None
    assert mixture(trained.maker, [1, 2, 3], [0.2, 0.6, 0]) == {"1": 0.25, "2": 0.75}
    with pytest.raises(UserError, match="all sliders are at 0"):
        mixture(trained.maker, [1, 2], [0, 0])


@pytest.mark.parametrize("chosen", [[], [1, 1], [10], [-1], ["1"], [1.5], [*range(9), 99], None, 1.5])
def test_a_mixture_of_classes_that_are_not_there_is_refused(trained: Subject, chosen: Any) -> None:
    with pytest.raises(UserError):
        mixed(trained, chosen, [0.5] * 12, 0, 1, "")


def test_a_morph_is_that_of_the_command(trained: Subject, uninterrupted: Path, tmp_path: Path) -> None:
    assert trained.maker is not None
    images = path_images(trained.maker, *ends_of(trained.maker, 2, 5, 3, 9, None), 7)
    ends = written(tmp_path / "a", uninterrupted, classes=["2"], seed=3, count=1)
    ends += written(tmp_path / "b", uninterrupted, classes=["5"], seed=9, count=1)
    assert_equal([images[0, 0].numpy(), images[-1, 0].numpy()], ends)
    html = morphed(trained, 2, 5, 3, "9", 7, "")
    assert_equal(pixels_in(html)[-7:], [image[0].numpy() for image in images])
    request = MorphRequest(classes=("2", "5"), seed=(3, 9), rows=1, frames=7, out=tmp_path / "morph.gif")
    write_morph(uninterrupted, request)
    saved = re.search(r'download="morph.gif" href="data:image/gif;base64,([^"]+)"', html)
    assert saved is not None
    assert base64.b64decode(saved[1]) == request.out.read_bytes()
    assert "projgan morph" in html
    assert "--classes 2 5 --seed 3 9 --rows 1 --frames 7" in html
    assert "MP4" not in html


@pytest.fixture
def looked_for(uninterrupted: Path, tmp_path: Path) -> Subject:
    """With an image found at seed 8 of the class 3, and one at seed 9 of 4 and 5."""
    return open_subjects([uninterrupted], latents=[found_in(uninterrupted, tmp_path / "found")])[0]


def test_found_images_are_drawn_as_found_and_in_other_classes(
    looked_for: Subject, uninterrupted: Path, tmp_path: Path
) -> None:
    html = drawn(looked_for, [0, 1], [6])
    theirs = written(tmp_path / "a", uninterrupted, classes=["3", "6"], seed=8, count=1)
    theirs += written(tmp_path / "b", uninterrupted, mix=["4=0.25,5=0.75"], seed=9, count=1)
    theirs += written(tmp_path / "c", uninterrupted, classes=["6"], seed=9, count=1)
    assert_equal(pixels_in(html), theirs)
    assert "as found: 3<" in html
    assert "as found: 5 0.75, 4 0.25<" in html
    assert "&lt;b&gt;three.png" in html
    assert "/photos" not in html
    assert len(pixels_in(drawn(looked_for, [1], []))) == 1
    for images, classes in (([], []), ([2], []), (["/etc/passwd"], []), ([0], [10])):
        with pytest.raises(UserError):
            drawn(looked_for, images, classes)


def test_morphs_go_from_and_to_found_images(looked_for: Subject, uninterrupted: Path, tmp_path: Path) -> None:
    assert looked_for.maker is not None
    assert end_names(looked_for.maker)[10:] == ["<b>three.png", "mixed.png"]
    three, six = written(tmp_path / "a", uninterrupted, classes=["3", "6"], seed=8, count=1)
    mix = written(tmp_path / "b", uninterrupted, mix=["4=0.25,5=0.75"], seed=9, count=1)[0]
    other = written(tmp_path / "c", uninterrupted, classes=["6"], seed=2, count=1)[0]
    for first, last, seed, to_seed, ends in (
        (10, 11, 0, "", [three, mix]),
        (10, 6, 0, "", [three, six]),  # its latent stays
        (10, 6, 0, "2", [three, other]),
        (6, 11, 2, "", [other, mix]),
    ):
        html = morphed(looked_for, first, last, seed, to_seed, 3, "")
        frames = pixels_in(html)[1:]
        assert_equal([frames[0], frames[2]], ends)
        assert "projgan morph" not in html  # which goes through all of a file
    assert_equal(pixels_in(morphed(looked_for, 10, 11, 0, "", 3, "0.5"))[3:], [mix])  # not truncated
    with pytest.raises(UserError, match="nothing changes"):
        morphed(looked_for, 11, 11, 0, "", 3, "")
    with pytest.raises(UserError, match=r"mixed\.png has its own latent; empty the field To seed"):
        morphed(looked_for, 0, 11, 0, "5", 3, "")
    with pytest.raises(UserError, match="a class is 12"):
        morphed(looked_for, 12, 0, 0, "", 3, "")


def test_latents_belong_to_the_run_that_they_were_found_in(uninterrupted: Path, tmp_path: Path) -> None:
    file = found_in(uninterrupted, tmp_path / "found")
    both = open_subjects([Path("digits"), uninterrupted], latents=[file])
    assert [len(subject.maker.found) for subject in both if subject.maker] == [0, 2]
    again = open_subjects([uninterrupted], latents=[file, found_in(uninterrupted, tmp_path / "again")])[0]
    assert again.maker is not None
    assert [one.name for one in again.maker.found] == [
        "<b>three.png", "mixed.png", "<b>three.png (2)", "mixed.png (2)",
    ]  # fmt: skip
    with pytest.raises(UserError, match="found in another generator; name the run that it was found in"):
        open_subjects([Path("digits")], latents=[file])
    with pytest.raises(UserError, match="no such file; `projgan invert RUN IMAGE` makes one"):
        open_subjects([uninterrupted], latents=[tmp_path / "none"])
    with pytest.raises(UserError, match="102 found images are too many; give at most 100"):
        open_subjects(
            [uninterrupted], latents=[found_in(uninterrupted, tmp_path / str(place)) for place in range(51)]
        )


def test_a_morph_in_which_nothing_changes_is_refused(trained: Subject) -> None:
    with pytest.raises(UserError, match="nothing changes"):
        morphed(trained, 2, 2, 3, "3", 7, "")
    with pytest.raises(UserError, match="the steps is 61"):
        morphed(trained, 2, 3, 3, "", 61, "")


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


def claimed(width: int, height: int) -> bytes:
    """A PNG whose header claims a size; nothing of it is decoded."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


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


def test_kept_images_are_toggled_and_drawn(trained: Subject, uninterrupted: Path, tmp_path: Path) -> None:
    kept = toggled(trained, {"row": 3, "seed": 8, "truncation": None}, [])
    kept = toggled(trained, {"row": 4, "seed": 9, "truncation": 0.5}, kept)
    assert kept == [(3, 8, None), (4, 9, 0.5)]
    theirs = written(tmp_path / "a", uninterrupted, classes=["3"], seed=8, count=1)
    theirs += written(tmp_path / "b", uninterrupted, classes=["4"], seed=9, count=1, truncation=0.5)
    assert_equal(pixels_in(shelf(trained, kept)), theirs)
    assert sampled(trained, [3], 8, 2, "", kept).count('aria-pressed="true"') == 1
    assert toggled(trained, {"row": 3, "seed": 8, "truncation": None}, kept) == [(4, 9, 0.5)]
    with pytest.raises(UserError, match="64 images are kept"):
        toggled(trained, {"row": 0, "seed": 0}, [(1, seed, None) for seed in range(MOST_KEPT)])


@pytest.mark.parametrize(
    "picked", [{}, {"row": 99, "seed": 0}, {"row": 0, "seed": "x"}, {"row": [], "seed": 1}]
)
def test_a_click_on_nothing_is_refused(trained: Subject, picked: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        toggled(trained, picked, [])


def test_runs_are_compared_at_the_same_seeds(trained: Subject, uninterrupted: Path, tmp_path: Path) -> None:
    digits = open_subjects([Path("digits")])[0]
    plain = open_subjects([fabricate(tmp_path / "plain", **UNCONDITIONAL)])[0]
    photos = open_subjects([Path("cifar10")])[0]
    subjects = [trained, digits, plain, photos]
    names = common_rows(subjects)
    assert names[:10] == list("0123456789")
    assert "dog" in names
    html = compared(subjects, 6, 2, 3, "")
    theirs = written(tmp_path / "a", uninterrupted, classes=["6"], seed=2, count=3)
    theirs += written(tmp_path / "b", Path("digits"), classes=["6"], seed=2, count=3)
    theirs += written(tmp_path / "c", tmp_path / "plain", seed=2, count=3)
    assert_equal(pixels_in(html), theirs)
    assert "It knows no 6." in html
    assert "unconditional: it meets no class" in html


@pytest.mark.parametrize(
    "value",
    [None, "3", 1.5, -1, 10**16, 10**400, -1e308, float("nan"), float("inf"), True, [1], {"path": "x"}],
)
def test_seeds_that_are_none_are_refused(value: Any) -> None:
    with pytest.raises(UserError, match=r"^the seed is .*give one from 0 to 9,007,199,254,740,991$"):
        seed_of(value)


@pytest.mark.parametrize("value", [10**400, "x", "1e999", "nan", "-1", "0", "10", [1], "9" * 50])
def test_truncations_that_are_none_are_refused(value: Any) -> None:
    with pytest.raises(UserError, match="the truncation"):
        truncation_of(value)


def test_bounds_are_kept(trained: Subject) -> None:
    assert trained.maker is not None
    assert truncation_of(" 0.5 ") == 0.5
    assert truncation_of("") is None
    assert rows_of([2, 2, 5], trained.maker) == [2, 5]
    assert whole(3.0, "it", 0, 3) == 3
    for chosen in ([], None, [10], [-1], ["0"], [0.5]):
        with pytest.raises(UserError):
            rows_of(chosen, trained.maker)
    with pytest.raises(UserError, match="600 images are too many at once; of 8x8 pixels there may be 256"):
        sampled(trained, [0, 1, 2], 0, 200, "", [])


def test_names_of_strangers_are_words(tmp_path: Path) -> None:
    evil = (
        "<script>alert(1)</script>",
        "a\x1b[31mb",
        '"><img src=x onerror=alert(1)>',
        *(f"c{n}" for n in range(7)),
    )
    subject = open_subjects([fabricate(tmp_path / "run", class_names=evil)])[0]
    html = sampled(subject, list(range(10)), 0, 1, "", []) + opinions(subject, 0, 0, 1, "")
    html += morphed(subject, 0, 2, 0, "", 3, "") + mixed(subject, [0, 1, 2], [1, 1, 1], 0, 1, "")
    html += compared([subject, subject], 2, 0, 1, "")
    tags = set(re.findall(r"<([a-z][a-z0-9]*)", html))
    assert tags <= {"div", "img", "button", "span", "figure", "figcaption", "p", "pre", "h3"} | {
        "table", "tr", "th", "td", "i", "b", "input", "a",
    }  # fmt: skip
    assert "onerror=alert(1)>" not in html
    assert "\x1b" not in html


def test_a_vector_has_rows_around_its_mean_and_sliders_in_its_units(tmp_path: Path) -> None:
    folder = tmp_path / "people"
    folder.mkdir()
    lines = ["file,age,height"]
    for place in range(12):
        Image.new("L", (8, 8), 20 * place).save(folder / f"{place}.png")
        lines.append(f"{place}.png,{20 + 3 * place},{1.5 + 0.03 * place}")
    (folder / "labels.csv").write_text("\n".join(lines))
    changes = {
        "data.source": str(folder),
        "data.condition": "vector",
        "training.steps": 1,
        "optimizer.decay_end": 9,
    }
    train_small(tmp_path / "run", changes | {"data.cache": str(tmp_path / "cache")})
    subject = open_subjects([tmp_path / "run"])[0]
    assert subject.maker is not None
    assert subject.maker.rows[0] == "mean"
    html = mixed(subject, [0, 1], [30, 1.6], 3, 1, "")
    assert_equal(
        pixels_in(html),
        written(tmp_path / "a", tmp_path / "run", mix=["age=30,height=1.6"], seed=3, count=1),
    )
    assert len(pixels_in(morphed(subject, 1, 2, 0, "", 4, ""))) == 5
    with pytest.raises(UserError, match="slider of age is 3,000"):
        mixed(subject, [0, 1], [3000, 1.6], 3, 1, "")
    assert "only classes" in why_silent(subject)


def test_a_training_is_followed(followed_copy: Path) -> None:
    subject = open_subjects([followed_copy])[0]
    assert subject.run is not None
    html = followed(subject, 1000)
    assert "step 1,000 of 1,000 · 32,000 images seen · 200 images a second" in html
    assert "Fréchet distance (lower is better)" in html
    assert ">20.00 ± 0.50<" in html
    assert html.count("<svg") == 2
    assert [int(image.max()) for image in pixels_in(html)] == [255]
    assert [int(image.max()) for image in pixels_in(followed(subject, 999))] == [0]
    before = fingerprint_of(subject.run)
    assert fingerprint_of(subject.run) == before
    with subject.run.stats.open("a") as file:
        file.write(json.dumps({"step": 1001, "images_seen": 32032, "loss_generator": 1.0}) + "\n")
        file.write('{"step": 1002, "images')  # as a kill leaves it
    assert fingerprint_of(subject.run) != before
    assert "step 1,001 of 1,000 · 32,032 images seen · last written" in followed(subject, 1000)
    subject.run.samples_at(1000).write_bytes(claimed(20_000, 20_000))
    subject.run.metrics.write_text('{"metric": "fd", "value": "nonsense"}\nnot JSON\n')
    html = followed(subject, 1000)
    assert "The sample grid of step 1,000 cannot be read: step-00001000.png: more than" in html
    assert "No number has been measured yet" in html
    for step in (-1, 1001, "x", None):
        with pytest.raises(UserError, match="the step"):
            followed(subject, step)


@pytest.fixture
def followed_copy(tmp_path: Path) -> Path:
    return followed_run(tmp_path / "run")


def test_a_run_that_has_no_generator_yet_shows_its_training(tmp_path: Path, followed_copy: Path) -> None:
    (followed_copy / "generator.safetensors").unlink()
    subject = open_subjects([followed_copy])[0]
    assert "step 1,000" in followed(subject, 1000)
    with pytest.raises(UserError, match="no generator yet; start this page again after its first checkpoint"):
        sampled(subject, [0], 0, 1, "", [])
    assert "Not shown: it has no generator yet" in compared([subject, subject], 0, 0, 1, "")


def test_what_cannot_be_shown_is_refused_at_the_start(tmp_path: Path, uninterrupted: Path) -> None:
    with pytest.raises(UserError, match="given twice"):
        open_subjects([uninterrupted, uninterrupted / ".." / uninterrupted.name])
    with pytest.raises(UserError, match="at most 8"):
        open_subjects([Path(f"run{place}") for place in range(MOST_SUBJECTS + 1)])
    (tmp_path / "bad.safetensors").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="not a safetensors file"):
        open_subjects([tmp_path / "bad.safetensors"])


def test_many_classes_are_mixed_by_choice(tmp_path: Path) -> None:
    many = tuple(f"class {place}" for place in range(25))
    subject = open_subjects([fabricate(tmp_path / "many", class_names=many)])[0]
    html = mixed(subject, [20, 3], [0.25, 0.75, *[0.0] * (MOST_SLIDERS - 2)], 1, 1, "")
    theirs = written(tmp_path / "a", tmp_path / "many", mix=["class 20=0.25,class 3=0.75"], seed=1, count=1)
    assert_equal(pixels_in(html), theirs)


@pytest.mark.parametrize(
    ("tab", "wired"),
    [
        (
            lambda subject: sample_tab.lay_out(subject, gr.Button("shown").click),
            "shown click, Classes change, Draw click, First seed submit, Images of each submit, "
            "Truncation submit, html select, html select",
        ),
        (
            mix_tab.lay_out,
            "Mix click, First seed submit, Images submit, Truncation submit, "
            + ", ".join(f"{digit} release" for digit in range(10)),
        ),
        (
            lambda subject: morph_tab.lay_out(subject, None),
            "Morph click, Seed submit, To seed submit, Steps submit, Truncation submit",
        ),
        (
            opinion_tab.lay_out,
            "Ask click, First seed submit, Images submit, Truncation submit, html upload",
        ),
        (training_tab.lay_out, "Sample grid up to step release, timer tick"),
        (
            lambda subject: compare_tab.lay_out([subject]),
            "Compare click, Class change, First seed submit, Images submit, Truncation submit",
        ),
    ],
    ids=["sample", "mix", "morph", "opinion", "training", "compare"],
)
def test_what_a_person_does_is_answered(
    trained: Subject, tab: Callable[[Subject], object], wired: str
) -> None:
    """Every control that draws anew at a click, at Enter or when it is let go."""
    with widgets.blocks("page") as page:
        tab(trained)
    assert events_of(page) == sorted(wired.split(", "))


def test_what_a_person_does_with_found_images_is_answered(looked_for: Subject) -> None:
    with widgets.blocks("page") as page:
        found_tab.lay_out(looked_for, gr.Button("shown").click)
    assert events_of(page) == sorted(
        ["shown click", "Draw click", "Images change", "The same in other classes change"]
    )


def test_more_classes_than_sliders_are_chosen_at_once(tmp_path: Path) -> None:
    names = tuple(f"class {place}" for place in range(MOST_SLIDERS + 1))
    run = fabricate(tmp_path / "run", class_names=names, stats=[])
    with widgets.blocks("page") as page:
        mix_tab.lay_out(open_subjects([run])[0])
    assert "Classes to mix change" in events_of(page)


def events_of(page: gr.Blocks) -> list[str]:
    """Which event of which control is answered."""
    found = []
    for answer in page.fns.values():
        for control, event in answer.targets:
            block = page.blocks[control]
            name = getattr(block, "label", None) or (block.value if isinstance(block, gr.Button) else None)
            found.append(f"{name or type(block).__name__.lower()} {event}")
    return sorted(found)
