"""What the tabs show, against commands that write the same images, and against the networks themselves."""

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from explored_pages import assert_equal, pixels_in, written
from fabricated_runs import UNCONDITIONAL, fabricate
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
from projgan.explore.compare_tab import common_rows, compared
from projgan.explore.mix_tab import MOST_SLIDERS, mixed, mixture
from projgan.explore.morph_tab import ends_of, morphed, path_images
from projgan.explore.opinion_tab import opinions, why_silent
from projgan.explore.sample_tab import MOST_KEPT, sampled, shelf, toggled
from projgan.explore.subjects import Subject, open_subjects
from projgan.generation.morph_writing import write_morph
from projgan.generation.request import MorphRequest
from small_runs import train_small


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


def test_a_morph_in_which_nothing_changes_is_refused(trained: Subject) -> None:
    with pytest.raises(UserError, match="nothing changes"):
        morphed(trained, 2, 2, 3, "3", 7, "")
    with pytest.raises(UserError, match="the steps is 61"):
        morphed(trained, 2, 3, 3, "", 61, "")


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
