"""The page: a group of tabs for each thing that was named, and one in which they stand side by side."""

from collections.abc import Sequence
from functools import partial

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
from projgan.explore.guard import App, Guard
from projgan.explore.markup import note, paragraph
from projgan.explore.subjects import Subject


def application(subjects: Sequence[Subject], ffmpeg: str | None = None) -> App:
    """Return the page as an application to serve: what it shows does not change, whoever looks at it."""
    title = "projgan: " + ", ".join(subject.name for subject in subjects)
    with widgets.blocks(title) as page:
        if len(subjects) == 1:
            widgets.html(paragraph("pg-title", subjects[0].name) + _about(subjects[0]))
            with widgets.tabs():
                _lay_out(subjects[0], ffmpeg, page.load)
                with widgets.tab("Compare"):
                    widgets.html(
                        note("Name several runs to see them side by side: projgan explore RUN RUN ...")
                    )
        else:
            with widgets.tabs():
                for place, subject in enumerate(subjects):
                    with widgets.tab(subject.name) as whole:
                        widgets.html(_about(subject))
                        with widgets.tabs():
                            _lay_out(subject, ffmpeg, page.load if place == 0 else whole.select)
                with widgets.tab("Compare"):
                    compare_tab.lay_out(subjects)
    return Guard(widgets.mounted(page), widgets.inputs_of(page))


def _lay_out(subject: Subject, ffmpeg: str | None, shown: widgets.Event) -> None:
    if subject.maker is not None:
        with widgets.tab("Sample"):
            picked = sample_tab.lay_out(subject, shown)
        seeds = []
        if subject.maker.conditions is not None:
            with widgets.tab("Mix"):
                seeds.append(mix_tab.lay_out(subject))
        with widgets.tab("Morph"):
            seeds.append(morph_tab.lay_out(subject, ffmpeg))
        widgets.respond(
            [picked], partial(sample_tab.seed_for_others, count=len(seeds)), [], seeds, told=True, quiet=True
        )
        if subject.maker.found:
            with widgets.tab("Found images") as found:
                found_tab.lay_out(subject, found.select)
        with widgets.tab("What the discriminator thinks"):
            opinion_tab.lay_out(subject)
    with widgets.tab("Training"):
        training_tab.lay_out(subject)


def _about(subject: Subject) -> str:
    if subject.maker is None:
        return note(f"Only its training is shown: {subject.why_no_maker}.")
    return note(sample_tab.about(subject.maker))
