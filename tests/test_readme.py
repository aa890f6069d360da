"""The demo keeps its promise, and every command and example of the README and the docs runs.

What would take hours is run with narrow networks for one step; everything else is run as it is written.
"""

import contextlib
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from projgan.cli import run_command
from projgan.storage.imagenet_classes import imagenet_classes

ROOT = Path(__file__).parents[1]
GENERATED = {"report.md", "table.md"}
"""What `projgan compare` and the benchmarks wrote."""
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.name not in GENERATED),
]


def name_of(page: Path) -> str:
    """A page's path in the repository, since two pages may have one name."""
    return str(page.relative_to(ROOT))


SMALL = (
    "--training.steps 1 --training.batch-size 2 --training.generator-batch-size 2 --data.cache cache "
    "--generator.width 4 --discriminator.width 4 --sampling.every 1"
).split()
SMALL_CLASSIFIER = "--width 2 --epochs 2 --cache cache".split()
SMALL_INVERTER = "--width 4 --steps 2 --cache cache".split()


RUN_BEFORE: set[str] = set()
"""Commands that a page before has run, in the same folder."""

BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```", re.M | re.S
)
"""A block of code; one that cannot be run here has its reason above it."""


def blocks(page: Path, language: str) -> list[str]:
    return [
        block["text"]
        for block in BLOCK.finditer(page.read_text(encoding="utf-8"))
        if block["language"] == language and not block["reason"]
    ]


def test_a_reason_exempts_its_own_block_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- not run: a -->\n```sh\nb\n```\n```sh\nc\n```\n<!-- not run: d -->\n```sh\ne\n```\n")
    assert blocks(page, "sh") == ["c\n"]


def commands(page: Path) -> list[str]:
    lines = [line.split("  #")[0].strip() for block in blocks(page, "sh") for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith(("make ", ". .venv/", "#"))]


@pytest.fixture(scope="module", autouse=True)
def short_demo(tmp_path_factory):
    """In this process the demo has half its steps: its digits are as good as said by then."""
    presets = tmp_path_factory.mktemp("package") / "presets"
    shutil.copytree(ROOT / "src/projgan/presets", presets)
    demo = (presets / "demo.yaml").read_text(encoding="utf-8")
    for long, short in (
        ("start: 750", "start: 375"),
        ("end: 1500", "end: 750"),
        ("steps: 1500", "steps: 750"),
    ):
        assert long in demo
        demo = demo.replace(long, short)
    (presets / "demo.yaml").write_text(demo, encoding="utf-8")
    with pytest.MonkeyPatch.context() as changed:
        package = SimpleNamespace(files=lambda name: presets.parent)
        changed.setattr("projgan.config.reading.resources", package)
        yield


@pytest.fixture(scope="module")
def workplace(short_demo, tmp_path_factory):
    """A folder with the run of the demo and the images that the README's commands name."""
    folder = tmp_path_factory.mktemp("workplace")
    said = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(said):
        assert run_command(["demo"]) == 0
    (folder / "demo.txt").write_text(said.getvalue())
    draw = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / "photos" / name).mkdir(parents=True)
        for index in range(3):
            pixels = draw.integers(0, 256, (70, 80, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / name / f"{index}.jpg")
    (folder / "people").mkdir()
    rows = ["file,age,height"]
    for name, age, height in (("anna", 31, 1.68), ("ben", 54, 1.8), ("cleo", 12, 1.5)):
        Image.fromarray(draw.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(
            folder / f"people/{name}.png"
        )
        rows.append(f"{name}.png,{age},{height}")
    (folder / "people/labels.csv").write_text("\n".join(rows), encoding="utf-8")
    write_cifar(folder / "cifar-10-binary.tar.gz", draw)
    synsets = [known.wnid for known in imagenet_classes()[151:161]]  # dogs
    rows = [f"{digit},{synset}" for digit, synset in enumerate(synsets)]
    (folder / "digits-as-animals.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


def write_cifar(path: Path, draw: np.random.Generator) -> None:
    """A CIFAR-10 archive of the published binary form with three images of two classes a batch."""
    names = "airplane automobile bird cat deer dog frog horse ship truck".split()
    files = {"batches.meta.txt": "\n".join(names).encode()}
    for number, batch in enumerate([f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]):
        rows = draw.integers(0, 256, (6, 3073), dtype=np.uint8)
        rows[:, 0] = (2 * number % 10, 2 * number % 10 + 1) * 3  # every class is there
        files[f"{batch}.bin"] = rows.tobytes()
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_demo_draws_what_was_asked_for(workplace, capsys, monkeypatch):
    said = re.search(
        r"recognised as the digit asked for: (\d+) of (\d+)", (workplace / "demo.txt").read_text()
    )
    assert said is not None
    recognised, samples = map(int, said.groups())
    assert samples == 1000
    assert recognised >= 900
    monkeypatch.chdir(workplace)
    assert run_command(["demo", "--json"]) == 0  # the same command again has nothing left to train
    again = json.loads(capsys.readouterr().out)
    assert again["recognised"] == recognised
    assert again["classifier_accuracy"] > 0.95
    grid = Image.open(workplace / "runs/demo/demo.png")
    assert np.asarray(grid.convert("L")).std() > 30  # digits, not one grey
    words = ["sample", "cifar10", "--count", "12", "--seed", "0", "--out", "photographs.png"]
    assert run_command(words) == 0
    drawn = (Image.open(path) for path in (workplace / "runs/demo/published-cifar10.png", "photographs.png"))
    assert np.array_equal(*map(np.asarray, drawn))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands(page, workplace, monkeypatch, capfd):
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("WANDB_MODE", "offline")
    for line in commands(page):
        if line in RUN_BEFORE:
            continue
        RUN_BEFORE.add(line)
        # The stand-ins hold fewer images than the protocol counts.
        words = shlex.split(line.replace("--protocol paper", "--generated-images 100"))
        if words[:2] == ["projgan", "classifier"]:
            words = [*shlex.split(re.sub(r"--(width|epochs) \d+", "", line)), *SMALL_CLASSIFIER]
        if words[:2] == ["projgan", "inverter"]:
            words = [*shlex.split(re.sub(r"--(width|steps) \d+", "", line)), *SMALL_INVERTER]
        trains = "train" in words and words[-1] != "runs/demo"
        extra = SMALL if trains else []
        if words[0] == "torchrun":
            launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
            assert subprocess.run([*launcher, *words[1:], *extra], check=False).returncode == 0, line
        else:
            assert words[0] == "projgan", line
            assert run_command([*words[1:], *extra]) == 0, f"{line}\n{capfd.readouterr().err}"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("nothing_registered_stays")
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_examples(page, workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_of_code_is_run_or_says_why_not(page):
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        assert block["language"] in {"sh", "python", "text", "yaml", "bibtex"} or block["reason"], block[
            "text"
        ]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target, anchor in re.findall(r"\]\((?!https?://)([^)#\s]*)(#[^)]*)?\)", text):
        file = page.parent / target if target else page
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            assert anchor[1:] in anchors(file), f"{target}{anchor}"


def anchors(page: Path) -> set[str]:
    """What headings of a page are called in links, as GitHub and mkdocs make them of plain words."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    plain = (re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings)
    return {re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", words).strip()) for words in plain}
