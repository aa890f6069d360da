"""Train the rows of a published table, measure them under named protocols, and put ours beside it.

    python benchmarks/reproduce.py cifar10 --data cifar10 --seeds 0 1 2

Every run is a `projgan train` and a `projgan evaluate` of its own, printed as it is started. The same command
again goes on where it stopped, on this machine or, with `--carry`, on another one.
"""

import re
import shlex
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cyclopts import App

import projgan
from projgan.commands.paths import NewPath
from projgan.config import RunConfig
from projgan.errors import UserError, nearest_of_several
from projgan.report.runs import read_runs
from reproduction.carrying import pack, unpack
from reproduction.cells import MeasuredRun, find_row, name_with
from reproduction.features import name_of, refuse_stranger
from reproduction.lines import table_lines
from reproduction.tables import MeasuredProtocol, Row, applies, load_table, row_config
from reproduction.writing import write_table
from runs import Numbers, Words, call, is_finished, parse_options, train_run

Named = TypeVar("Named", Row, MeasuredProtocol)

app = App(name="reproduce", help=__doc__, help_format="plaintext")


@dataclass(frozen=True)
class Plan:
    """How every run is made and measured."""

    protocols: tuple[MeasuredProtocol, ...]
    data: str
    features: str
    deadline: float | None
    carry: Path | None

    @property
    def features_name(self) -> str:
        """What measurements call the feature network."""
        return name_of(self.features)


@app.default
def reproduce(
    table: str,
    *,
    data: str,
    rows: Words = (),
    seeds: Numbers | None = None,
    protocols: Words = (),
    features: str = "inception",
    preset: str | None = None,
    steps: int | None = None,
    seconds: float | None = None,
    jobs: int = 1,
    threads: int | None = None,
    carry: Path | None = None,
    out: NewPath | None = None,
    options: Words = (),
) -> int:
    """Train, measure, and write the table.

    Parameters
    ----------
    table
        `cifar10`, `cifar100`, or a YAML file of the same form.
    data
        The labelled images, as for `projgan train`.
    rows
        Rows of the table; all of them if not given.
    seeds
        One run of every row each; the table's if not given.
    protocols
        Protocols of the table to measure under; all of them if not given.
    features
        Feature network, as for `projgan evaluate`. With another than Inception no published FID is judged.
    preset
        In place of the table's, as `cifar10-small`; no verdict is then given.
    steps
        Of a row, in place of the preset's; the learning-rate decay is scaled with them.
    seconds
        Stop after so long, with a checkpoint; 0 only writes the table.
    jobs
        Runs at a time.
    threads
        CPU threads of one run.
    carry
        Folder that keeps what another machine needs to go on: it is read first and written last.
    out
        Folder of the runs and of the table; `runs/reproduce/TABLE` if not given.
    options
        Further settings of every run, as `training.precision=bf16`.
    """
    chosen = load_table(table)
    folder = out or Path("runs") / "reproduce" / Path(table).stem
    shown = _choose("row", rows, chosen.rows)
    seeds = seeds or chosen.seeds
    if jobs < 1:
        raise UserError(f"--jobs is {jobs}; at least one run must go on at a time")
    plan = Plan(
        protocols=_choose("protocol", protocols, chosen.protocols),
        data=data,
        features=features,
        deadline=None if seconds is None else time.monotonic() + seconds,
        carry=carry,
    )
    given = {"data.source": data, "training.cpu_threads": threads} | parse_options(options)
    configs = {
        (row.name, seed): row_config(row, preset or chosen.preset, steps, given, seed)
        for seed in seeds
        for row in shown
    }
    if seconds != 0:
        conditional = any(config.generator.condition is not None for config in configs.values())
        names = {name for protocol in plan.protocols for name in protocol.metrics}
        refuse_stranger(features, data, [name for name in names if applies(name, conditional, False)])
    paths = {(row, seed): folder / f"{owner}-seed{seed}" for (row, seed), owner in _owners(configs).items()}
    work = {path: configs[key] for key, path in paths.items()}
    with ThreadPoolExecutor(jobs) as pool:
        codes = list(pool.map(lambda path: _make(path, work[path], plan), work))

    done = {path for path, config in work.items() if is_finished(path, config)}
    measured = {
        row.name: [
            _read(path, configs[row.name, seed]) for seed in seeds if (path := paths[row.name, seed]) in done
        ]
        for row in shown
    }
    of_rows = {row.name: configs[row.name, seeds[0]] for row in shown}
    lines = list(table_lines(chosen, shown, plan.protocols, of_rows, measured, plan.features_name))
    facts = [
        ("command", f"`python benchmarks/reproduce.py {_words(sys.argv[1:])}`"),
        ("preset", f"`{preset or chosen.preset}`"),
        ("data", Path(data).name),
        ("runs", f"{len(done)} of {len(work)} trained to their end"),
        ("features", plan.features_name),
        ("version", projgan.__version__),
    ]
    whole = (
        f"python benchmarks/reproduce.py {table} --data {Path(data).name} --seeds {_words(map(str, seeds))}"
    )
    empty = any(line.cell.spread is None for line in lines)
    for path in write_table(chosen.title, facts, lines, [whole] if empty else [], folder / "table"):
        print(path)
    if any(codes):
        print(f"{len(done)} of {len(work)} runs are finished; the same command goes on", file=sys.stderr)
    return 0 if seconds == 0 else max(codes)


def _choose(kind: str, names: Sequence[str], known: Sequence[Named]) -> tuple[Named, ...]:
    by_name = {each.name: each for each in known}
    for name in names:
        if name not in by_name:
            raise UserError(f"unknown {kind} {name!r}{nearest_of_several(name, by_name)}")
    return tuple(by_name[name] for name in names or by_name)


def _owners(configs: dict[tuple[str, int], RunConfig]) -> dict[tuple[str, int], str]:
    """Rows whose settings are the same share the run of the first of them."""
    first: dict[str, str] = {}
    return {
        (row, seed): first.setdefault(config.model_dump_json(), row)
        for (row, seed), config in configs.items()
    }


def _make(path: Path, config: RunConfig, plan: Plan) -> int:
    """Train one run and measure it, as far as the time allows; returns the first exit code that is not 0."""
    if plan.carry:
        unpack(path, plan.carry)
    code = train_run(path, config, plan.deadline)
    done = is_finished(path, config)
    if done:
        codes = [code, *(_measure(path, config, protocol, plan) for protocol in plan.protocols)]
        code = next(filter(None, codes), 0)
    if plan.carry:
        pack(path, done, plan.carry)
    return code


def _measure(path: Path, config: RunConfig, protocol: MeasuredProtocol, plan: Plan) -> int:
    """Measure what of a protocol is not measured yet."""
    run = _read(path, config)
    conditional, is_inception = config.generator.condition is not None, plan.features_name == "inception"
    wanted = [
        name_with(metric, plan.features_name)
        for metric in protocol.metrics
        if applies(metric, conditional, is_inception)
    ]
    missing = [name for name in wanted if find_row(run, name, protocol, plan.features_name) is None]
    if not missing:
        return 0
    counts = [
        word
        for name, count in protocol.counts.items()
        for word in (f"--{name.replace('_', '-')}", str(count))
    ]
    words = ["evaluate", str(path), "--data", plan.data, "--features", plan.features]
    words += ["--protocol", protocol.name, *counts, "--metrics", *missing]
    if config.data.cache:
        words += ["--cache", str(config.data.cache)]
    return call(words, plan.deadline)


def _read(path: Path, config: RunConfig) -> MeasuredRun:
    return MeasuredRun(path.name, config.training.seed, config.training.steps, read_runs([path])[0].rows)


def _words(words: Iterable[str]) -> str:
    """Words of a command line, without folders of this machine."""
    return shlex.join(re.sub(r"(^|[:=])/.*/", r"\1", word) for word in words)


def main() -> int:
    """Run the command line; a mistake is one line."""
    try:
        return app()
    except UserError as error:
        print(f"reproduce: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
