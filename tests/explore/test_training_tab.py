"""A training that goes on, followed."""

import json
from pathlib import Path

import pytest

from explored_pages import claimed, followed_run, pixels_in
from projgan.errors import UserError
from projgan.explore.compare_tab import compared
from projgan.explore.sample_tab import sampled
from projgan.explore.subjects import open_subjects
from projgan.explore.training_tab import fingerprint_of, followed


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
