"""What is seen without torch: pages of help, and mistakes that need no images."""

import importlib
import inspect
import subprocess
import sys
from pathlib import Path
from typing import get_args, get_type_hints

from projgan import request
from projgan.cli import COMMANDS, DATA_COMMANDS
from projgan.commands.paths import NewPath
from projgan.request import Request
from small_runs import (
    ENVIRONMENT,
    start,
)


def test_the_first_page_imports_no_command_and_says_what_each_says_of_itself(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from projgan.cli import run_command\n"
        "assert run_command(['--help']) == 0\n"
        "heavy = {'torch', 'numpy', 'pydantic', 'tqdm', 'yaml', 'projgan.config'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    process = start(["-c", script], HOME=str(tmp_path))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    for name in COMMANDS:
        assert f" {name} " in out
        function = name.replace("-", "_")
        command = getattr(importlib.import_module(f"projgan.commands.{function}"), function)
        assert " ".join(command.__doc__.split("\n\n")[0].split()) == COMMANDS[name]
    for name, summary in DATA_COMMANDS.items():
        command = getattr(importlib.import_module("projgan.commands.data"), name)
        assert " ".join(command.__doc__.split("\n\n")[0].split()) == summary


def test_help_needs_no_torch_and_names_every_command(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from projgan.cli import run_command\n"
        "words = ['', 'train', 'demo', 'sample', 'evaluate', 'compare', 'classifier', 'morph', 'data', "
        "'data describe', 'data pack']\n"
        "for command in words:\n"
        "    print('=====', command)\n"
        "    assert run_command([*command.split(), '--help']) == 0\n"
        "assert run_command(['--version']) == 0\n"
        "heavy = {'torch', 'numpy', 'pyarrow', 'PIL', 'matplotlib'} & set(sys.modules)\n"
        "assert not {'torch', 'matplotlib'} & heavy, heavy\n"
    )
    process = start(["-c", script], HOME=str(tmp_path))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    pages = out.split("===== ")
    for word in ("train", "demo", "sample", "evaluate", "compare", "classifier", "morph", "data"):
        assert word in pages[1]
    assert "--training.steps" in pages[2]
    assert "--dry-run" in pages[2]
    assert "--mix" in pages[4]
    assert "--metrics" in pages[5]
    assert "--out" in pages[6]
    assert "--flip" in pages[7]
    assert "--square" in pages[8]
    assert "--resolution" in pages[11]
    assert list(tmp_path.iterdir()) == []


QUICK_MISTAKES = {
    "an unknown key": "train demo --training.stepz 3",
    "settings that do not fit": "train demo --data.resolution 32",
    "a value": "train demo --optimizer.betas 0.5,0.9",
    "a preset": "train dmeo",
    "no images named": "train cifar10",
    "no such images": "train demo --data absent",
    "a folder of something else": "train demo --run-dir full",
    "a folder of another run": "train demo --run-dir RUN",
    "a run among the images": "train demo --data full --run-dir full/run",
    "no such run": "sample absent",
    "no such run to morph": "morph absent --classes 1 2",
    "no such run to inspect": "inspect absent",
    "no such run to compare": "compare absent --out x",
    "no such run to go on from": "finetune absent --classifier c --run-dir x",
    "no such run to enlarge by": "super-resolve absent full --out x",
    "no such inverter": "plug-and-play absent",
    "nothing to measure": "evaluate absent",
    "nothing to compare with": "evaluate RUN --data absent",
    "nothing to classify": "classifier absent",
    "nothing to invert": "inverter absent --classifier c",
    "nothing to describe": "data describe absent",
    "nothing to pack": "data pack absent x --resolution 8",
}


def test_what_needs_no_torch_to_be_seen_is_told_without_it(trained: Path, tmp_path: Path) -> None:
    """In one process: what one command imported, the next would not import again."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").touch()
    script = (
        "import sys\n"
        "from projgan.cli import run_command\n"
        "assert run_command(['data', 'describe', 'digits']) == 0\n"
        "for line in sys.argv[1:]:\n"
        "    assert run_command(line.split()) == 2, line\n"
        "    assert not {'torch', 'matplotlib'} & set(sys.modules), line\n"
    )
    lines = [line.replace("RUN", str(trained)) for line in QUICK_MISTAKES.values()]
    environment = ENVIRONMENT | {"HOME": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", script, *lines], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert len(result.stderr.splitlines()) == len(lines)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]


def test_every_command_takes_what_it_makes_as_a_new_path() -> None:
    functions = [(f"projgan.commands.{name.replace('-', '_')}", name.replace("-", "_")) for name in COMMANDS]
    functions += [("projgan.commands.data", name) for name in DATA_COMMANDS]
    made = []
    for module, name in functions:
        command = getattr(importlib.import_module(module), name)
        options = {key: found.annotation for key, found in inspect.signature(command).parameters.items()}
        for asked in [get_args(annotation)[0] for annotation in options.values() if get_args(annotation)]:
            if isinstance(asked, type) and issubclass(asked, Request):
                options |= get_type_hints(asked, include_extras=True)
        made += [(name, key, options[key]) for key in ("out", "run_dir", "cache") if key in options]
    assert len(made) > 12
    for name, key, annotation in made:
        allowed = (NewPath, NewPath | None, request.NewPath, request.NewPath | None)
        assert annotation in allowed, (name, key)
