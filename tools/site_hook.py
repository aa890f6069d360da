"""What mkdocs does beside rendering: pages made from other files, and links that leave the site.

The command line, the settings and the models' cards are read from the package, so they cannot drift.
"""

import io
import json
import posixpath
import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from rich.console import Console

from projgan.cli import COMMANDS, DATA_COMMANDS, app
from projgan.config import RunConfig, load_config, preset_names
from projgan.report.metric_words import METRICS
from projgan.storage.published_models import model_card, model_names

ROOT = Path(__file__).parents[1]
PRESETS_OPENING = """# Choose a preset

```sh
projgan train PRESET --data FOLDER --dry-run  # memory and time on your machine
```

A preset is a starting point for any images, not only for those in its name. For photos take `projected-64`,
on a CPU or a GPU; [your own photos](../start/your-photos.md) goes through it. `projected-128` and
`dogs-cats-64`, which has the paper's settings, are for tens of thousands of photos and a GPU. Trained
to their end with this code: `demo`, `cifar10-small`, `projected-32` ([results](../results/quality.md)) and
`super-resolution-16-64-small` ([results](super-resolution.md#measured)); `projected-64`
[nearly](projected.md#64-pixels). The others are not.
"""

DOWNLOAD = '<a href="quickstart.ipynb" download>Download the notebook.</a> Its cells, without their pictures:'
MADE_FROM = {
    "quickstart.ipynb": "notebook.md",
    "../src/projgan/presets": "guides/presets.md",
    "../src/projgan/models": "reference/models.md",
    "../src/projgan/config/sections.py": "reference/settings.md",
    "../src/projgan/report/metric_words.py": "reference/metrics.md",
    "../src/projgan/__init__.py": "reference/api.md",
    **{f"../src/projgan/models/{name}.md": f"reference/models.md#{name}" for name in model_names()},
}
"""In a checkout a link leads to what a page is made from, in the site to that page."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from the code and from the notebook."""
    pages = {
        "notebook.md": notebook(),
        "reference/cli.md": command_line(),
        "reference/settings.md": settings(),
        "reference/api.md": python_api(),
        "reference/models.md": models(),
        "reference/metrics.md": metrics(),
        "guides/presets.md": presets(),
    }
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links to files outside of the site into their paths; leave generated tables out of the search."""
    if posixpath.basename(page.file.src_path) == "table.md":
        page.meta["search"] = {"exclude": True}

    def link(match: re.Match[str]) -> str:
        words, target = match[1], match[2].split("#")[0]
        if re.match(r"[a-z]+:|#", match[2]) or not target:
            return match[0]
        folder = posixpath.dirname(page.file.src_path)
        inside = posixpath.normpath(posixpath.join(folder, target))
        if inside in MADE_FROM:
            return f"[{words}]({posixpath.relpath(MADE_FROM[inside], folder)})"
        if inside.startswith("../"):
            return _outside(words, inside.removeprefix("../"))
        found = (ROOT / "docs" / inside).is_file() or files.get_file_from_path(inside) is not None
        return match[0] if found else words

    linked = re.sub(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)", link, markdown)
    return re.sub(r"^\|.*", _with_bars, linked, flags=re.M)


def _outside(words: str, path: str) -> str:
    """The path of a file of the repository, behind the words of its link if they say something else."""
    known = path == words or posixpath.basename(path).startswith(words)
    return f"`{path}`" if known else f"{words} (`{path}`)"


def _with_bars(row: re.Match[str]) -> str:
    r"""A table's row with a plain | in code, where GitHub wants \| and mkdocs would show the backslash."""
    return re.sub(r"`[^`]*`", lambda code: code[0].replace("\\|", "|"), row[0])


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Keep words with a hyphen whole where a command is broken into lines: not `--` here and `out` there."""

    def words(text: re.Match[str]) -> str:
        return re.sub(r"\S*-\S*", r'<span class="whole">\g<0></span>', text[0])

    def command(block: re.Match[str]) -> str:
        return re.sub(r"(?<=>)[^<]+", words, block[0])

    return re.sub(r'<div class="language-sh highlight">.*?</div>', command, html, flags=re.S)


def notebook() -> str:
    """The cells of the notebook, which a browser would show as JSON."""
    cells = json.loads((ROOT / "docs/quickstart.ipynb").read_text(encoding="utf-8"))["cells"]
    texts = [
        text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```"
        for cell in cells
        for text in ["".join(cell["source"])]
    ]
    return "\n\n".join([texts[0], DOWNLOAD, *texts[1:]]) + "\n"


def command_line() -> str:
    """Every command with its parameters, as `--help` has them."""
    parts = ["# Command line\n\nEvery command has `--help`; results go to stdout, progress to stderr.\n"]
    commands = [*COMMANDS, *(f"data {name}" for name in DATA_COMMANDS)]
    for command in sorted(commands):
        parts.append(f"## projgan {command}\n\n{_help_of(command)}\n")
    return "\n".join(parts)


def _help_of(command: str) -> str:
    text = io.StringIO()
    app.help_print(command.split(), console=Console(file=text, width=80, force_terminal=False, no_color=True))
    shown = text.getvalue().strip("\n")
    if command != "train":
        return f"```text\n{shown}\n```"
    own = shown[: shown.find("--data.source")].rsplit("\n", 1)[0]
    return f"```text\n{own}\n```\n\nand every [setting](settings.md)."


def settings() -> str:
    """Every section of a configuration with its keys, defaults and meaning."""
    parts = [
        "# Settings\n\nOf `projgan train PRESET --section.key VALUE`, of YAML files, "
        "and of a run's `config.yaml`. `None` means off.\n"
    ]
    for name, field in RunConfig.model_fields.items():
        section: Any = field.annotation
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            continue
        parts.append(f"## {name}\n\n{(section.__doc__ or '').strip()}\n")
        parts.append("| key | default | what |\n|---|---|---|")
        for key, item in section.model_fields.items():
            default = "" if item.default is PydanticUndefined else f"`{item.default}`"
            words = (item.description or "").replace("\n", " ").replace("|", "\\|")
            choices = ", ".join(f"`{choice}`" for choice in _choices(item.annotation))
            words += f" Choices: {choices}." if ", " in choices else ""
            parts.append(f"| `{name}.{key}` | {default} | {words} |")
        parts.append("")
    return "\n".join(parts)


def _choices(kind: Any) -> list[str]:
    """Return the words that a setting takes, where they are listed."""
    if get_origin(kind) is Literal:
        return [str(word) for word in get_args(kind)]
    return [word for part in get_args(kind) for word in _choices(part)]


def presets() -> str:
    """Every preset with its size, length and opening comment."""
    lines = [
        PRESETS_OPENING,
        "| preset | pixels | steps | real images per step | mirrors or crops | what |",
        "|---|---|---|---|---|---|",
    ]
    for name in preset_names():
        config = load_config(name)
        text = (ROOT / "src/projgan/presets" / f"{name}.yaml").read_text(encoding="utf-8")
        comments = " ".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))
        about = re.split(r"(?<=[.:])\s", comments)[0].rstrip(":").replace("|", "\\|")
        about = re.sub(r" \([^()]*configs/[^()]*\)", "", about)  # too long for a column
        training = config.training
        seen = training.batch_size * training.discriminator_updates
        changes = [
            word
            for word, on in (("mirrors", config.data.horizontal_flip), ("crops", config.data.random_crop))
            if on
        ]
        what = f"{seen} | {', '.join(changes)} | {about}"
        lines.append(f"| `{name}` | {config.data.resolution} | {training.steps:,} | {what} |")
    return "\n".join(lines) + "\n"


def python_api() -> str:
    """The public face, from its docstrings."""
    import projgan

    parts = [
        "# Python API\n\n[From Python](../guides/python.md) shows in use what `import projgan` offers.\n"
    ]
    for name, place in projgan._PUBLIC.items():
        module, _, attribute = place.partition(":")
        options = f"{{heading: 'projgan.{name}', toc_label: '{name}'}}"
        parts.append(f"::: {module}.{attribute or name}\n    options: {options}\n")
    return "\n".join(parts)


def models() -> str:
    """The cards of the published models."""
    cards = (re.sub(r"^(#+) ", r"#\1 ", model_card(name), flags=re.M) for name in model_names())
    return "# Models\n\nThey come with the package: `projgan models` lists them.\n\n" + "\n\n".join(cards)


def metrics() -> str:
    """The names of all numbers."""
    lines = [
        "# Metric names\n\nOf `--metrics` and of the rows of `metrics.jsonl`. [Measure a generator]"
        "(../guides/evaluation.md#metrics) has formulas, sources and errors.\n"
    ]
    lines += ["| name | title | better | what |", "|---|---|---|---|"]
    for name, metric in METRICS.items():
        lines.append(f"| `{name}` | {metric.title} | {metric.better or ''} | {metric.explanation} |")
    return "\n".join(lines) + "\n"
