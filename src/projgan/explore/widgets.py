"""The controls of the page: the only module that knows Gradio.

Every control here sends a number, a word, or a list of them. Pictures and words come back as HTML.
"""

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from projgan.errors import UserError, is_out_of_memory, reason_of, shortened, visible

_FOLDER = tempfile.TemporaryDirectory(
    prefix="projgan-"
)  # empty; else /tmp/gradio, which may be another person's
os.environ["GRADIO_TEMP_DIR"] = _FOLDER.name  # both are read while gradio is imported
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr  # noqa: E402
from fastapi import FastAPI  # noqa: E402

HERE = Path(__file__).parent
FONTS = ["system-ui", "sans-serif"]
QUEUE = 64
"""Answers that may wait; one is made at a time, since each takes all processors."""

Control = Any
Event = Any


def blocks(title: str) -> AbstractContextManager[gr.Blocks]:
    """A page, to be filled."""
    return gr.Blocks(title=title, analytics_enabled=False, fill_width=True)


def tabs() -> AbstractContextManager[Any]:
    """A row of tabs, to be filled."""
    return gr.Tabs()


def tab(label: str) -> AbstractContextManager[Any]:
    """A tab, to be filled."""
    return gr.Tab(label)


def row(name: str = "") -> AbstractContextManager[Any]:
    """Controls side by side, below each other where the window is narrow."""
    return gr.Row(elem_classes=["pg-row", name])


def column(name: str = "") -> AbstractContextManager[Any]:
    """Controls below each other."""
    return gr.Column(elem_classes=[name])


def choice(
    label: str, names: Sequence[str], chosen: int | list[int] | None, most: int | None = None
) -> Control:
    """Choose by name; sends positions. Several where `chosen` is a list."""
    return gr.Dropdown(
        choices=[(name, place) for place, name in enumerate(names)],
        value=chosen,
        multiselect=isinstance(chosen, list),
        max_choices=most,
        label=label,
        scale=3,
        min_width=220,
    )


def whole(label: str, value: int) -> Control:
    """A field for a whole number, whose bounds are those of whoever reads it."""
    return gr.Number(value, label=label, precision=0, min_width=110)


def optional(label: str, hint: str) -> Control:
    """A field for a number that may be left empty; sends what was typed."""
    return gr.Textbox("", label=label, placeholder=hint, max_length=24, min_width=110)


def slider(label: str, low: float, high: float, value: float, step: float, shown: bool = True) -> Control:
    """A slider with its number beside it."""
    return gr.Slider(low, high, value, step=step, label=label, visible=shown, min_width=220)


def moved_slider(label: str, low: float, high: float, value: float, step: float) -> Any:
    """What turns a slider into another one."""
    return gr.update(label=label, minimum=low, maximum=high, value=value, step=step, visible=True)


def hidden() -> Any:
    """What hides a control."""
    return gr.update(visible=False)


def unchanged() -> Any:
    """What leaves all that is shown as it is."""
    return gr.skip()


def button(label: str) -> Control:
    """A button for what a tab is for."""
    return gr.Button(label, variant="primary", scale=0, min_width=140)


def html(text: str = "", script: str = "") -> Control:
    """Text of ours, and a script of this folder that listens to it."""
    source = (HERE / "scripts" / f"{script}.js").read_text(encoding="utf-8") if script else None
    return gr.HTML(text, js_on_load=source, apply_default_css=False)


def memory(value: Any) -> Control:
    """What the page remembers for one person, at most for an hour after they have left."""
    return gr.State(value, time_to_live=3600)


def clock(seconds: float) -> Control:
    """What ticks while the page is open."""
    return gr.Timer(seconds)


def respond(
    events: Sequence[Event],
    answer: Callable[..., Any],
    inputs: Sequence[Control],
    outputs: Sequence[Control],
    *,
    told: bool = False,
    quiet: bool = False,
) -> None:
    """Let an answer follow on events; a mistake becomes one line on the page.

    Args:
        events: of controls, as `button.click`.
        answer: given the values of the inputs, the values of the outputs.
        inputs: controls.
        outputs: controls.
        told: whether what the event says of itself, a dict, comes before the inputs.
        quiet: whether nothing shows that it is on its way.
    """

    def answered(*values: Any) -> Any:
        try:
            return answer(*values)
        except UserError as error:
            raise _said(shortened(visible(str(error)))) from None
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise _said(f"not enough memory ({reason_of(error)}); ask for fewer images") from None

    def answered_when_told(event: gr.EventData, *values: Any) -> Any:
        return answered(event._data if isinstance(event._data, dict) else {}, *values)

    gr.on(
        list(events),
        answered_when_told if told else answered,
        list(inputs),
        list(outputs),
        show_progress="hidden" if quiet else "minimal",
        trigger_mode="multiple" if told else "always_last",
        concurrency_limit=1,
        concurrency_id="answers",
        api_visibility="private",
        preprocess=False,  # what comes is checked by whoever answers, in words of ours
    )


def _said(words: str) -> gr.Error:
    return gr.Error(words, duration=10, title="Not possible", print_exception=False)


def inputs_of(page: gr.Blocks) -> dict[int, int]:
    """How many values go with each question that a page asks, by its number."""
    questions = page.get_config_file()["dependencies"]
    return {question["id"]: len(question["inputs"]) for question in questions}


def mounted(page: gr.Blocks) -> FastAPI:
    """Return the application that serves a page, with nothing of Gradio's that reaches further."""
    page.queue(max_size=QUEUE)
    font = gr.themes.Default(font=FONTS, font_mono=["ui-monospace", "monospace"], primary_hue="teal")
    return gr.mount_gradio_app(
        FastAPI(openapi_url=None),
        page,
        path="",
        server_name="127.0.0.1",
        footer_links=[],
        run_history=False,
        allowed_paths=[],
        max_file_size=1,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=font,
        css=(HERE / "page.css").read_text(encoding="utf-8"),
    )
