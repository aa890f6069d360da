"""Pictures, bars and words as HTML. Names come from strangers' files, so everything is escaped."""

import base64
import io
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from PIL import Image
from torch import Tensor

from projgan.errors import visible
from projgan.pictures.pillow import save_png, to_pil

LONGEST_NAME = 60


@dataclass(frozen=True)
class Shown:
    """A picture with its words."""

    image: Tensor
    """uint8 [C, R, R]."""
    caption: str
    place: tuple[int, int, float | None] | None = None
    """The condition's position, the seed and the truncation, by which a click names it."""
    under: Markup | None = None
    marked: bool = False
    what: str = ""
    """Said before the caption to those who do not see the picture."""


def data_url(content: bytes, kind: str) -> str:
    """Return bytes as an address that holds them."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def picture_url(picture: Image.Image | Tensor) -> str:
    """Return a picture, or uint8 [C, H, W], as the address of a PNG: not a pixel is changed."""
    file = io.BytesIO()
    save_png(to_pil(picture) if isinstance(picture, Tensor) else picture, file)
    return data_url(file.getvalue(), "image/png")


def name_of(name: str) -> str:
    """Return a name that a stranger may have chosen fit for one line."""
    name = visible(name)
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def pictures(shown: Iterable[Shown], what: str) -> Markup:
    """Lay pictures out in as many columns as the window has room for; those with a place can be clicked."""
    cards = Markup("").join(_card(one) for one in shown)
    return Markup('<div class="pg-pictures" role="group" aria-label="{}">{}</div>').format(
        name_of(what), cards
    )


def _card(one: Shown) -> Markup:
    words = name_of(one.caption)
    image = Markup('<img src="{}" alt="{}">').format(picture_url(one.image), name_of(one.what))
    if one.place is None:
        body = Markup("{}<figcaption>{}</figcaption>").format(image, words)
        return Markup('<figure class="pg-card">{}{}</figure>').format(body, one.under or "")
    row, seed, truncation = one.place
    button = Markup(
        '<button type="button" class="pg-card pg-pick" data-row="{}" data-seed="{}" '
        'data-truncation="{}" aria-pressed="{}">{}'
        "<span>{}</span></button>"
    )
    bound = "" if truncation is None else truncation
    return button.format(row, seed, bound, "true" if one.marked else "false", image, words)


def bars(names: Sequence[str], values: Sequence[float], largest: float, own: int | None = None) -> Markup:
    """Draw a row per name: its bar from the middle, to the left below 0, and its number.

    Args:
        names: of the rows.
        values: of the rows.
        largest: the magnitude that fills half of the width.
        own: the row to mark.
    """
    rows = Markup("").join(
        Markup(
            '<tr class="{}"><th scope="row">{}</th><td class="pg-bar">'
            '<i class="{}" style="width:{:.1f}%"></i></td><td>{:+.2f}</td></tr>'
        ).format(
            "pg-own" if place == own else "",
            name_of(name),
            "pg-below" if value < 0 else "pg-above",
            50 * min(1.0, abs(value) / largest) if largest > 0 else 0.0,
            value,
        )
        for place, (name, value) in enumerate(zip(names, values, strict=True))
    )
    return Markup('<table class="pg-bars">{}</table>').format(rows)


def note(*lines: str) -> Markup:
    """Words under or in place of pictures, a paragraph a line."""
    return Markup("").join(Markup('<p class="pg-note">{}</p>').format(line) for line in lines)


def command(*words: object) -> Markup:
    """The command line that gives the same, to be copied."""
    line = shlex.join(["projgan", *(visible(str(word)) for word in words)])
    return Markup(
        '<p class="pg-note">The same from the command line:</p><pre class="pg-command">{}</pre>'
    ).format(line)


def heading(name: str) -> Markup:
    """A line over pictures; nothing where there is no name."""
    return Markup('<h3 class="pg-class">{}</h3>').format(name_of(name)) if name else Markup("")


def paragraph(kind: str, text: str) -> Markup:
    """A paragraph of a class of the style sheet."""
    return Markup('<p class="{}">{}</p>').format(kind, text)
