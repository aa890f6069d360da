"""The notebook's cells, in their order, in one process of plain Python."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image

NOTEBOOK = Path(__file__).parents[1] / "docs/quickstart.ipynb"
QUICK = {
    '"steps": 300': '"steps": 6',
    '"decay_start": 150, "decay_end": 300': '"decay_start": 3, "decay_end": 6',
}
"""What takes half a minute takes a second."""


def cells() -> list[dict[str, Any]]:
    return json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]


def code() -> list[str]:
    """All but the cell that installs."""
    return [
        "".join(cell["source"])
        for cell in cells()
        if cell["cell_type"] == "code" and "install" not in cell["metadata"].get("tags", [])
    ]


def test_every_cell_runs_in_its_turn(tmp_path: Path) -> None:
    text = "\n\n".join(code())
    for written, quick in QUICK.items():
        assert written in text
        text = text.replace(written, quick)
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "class 3" in done.stdout
    assert "'fd'" in done.stdout
    assert "'accuracy_top1'" in done.stdout
    with Image.open(tmp_path / "morph.gif") as morph:
        assert getattr(morph, "n_frames", 1) > 20  # frames that are the same are one


def test_it_holds_no_outputs_and_one_cell_installs() -> None:
    assert all(
        cell["outputs"] == [] and cell["execution_count"] is None for cell in cells() if "outputs" in cell
    )
    installing = [cell for cell in cells() if "install" in cell["metadata"].get("tags", [])]
    assert ["".join(cell["source"]) for cell in installing] == ["%pip install -q -c ../constraints.txt .."]
    assert (NOTEBOOK.parent / "../constraints.txt").is_file()
