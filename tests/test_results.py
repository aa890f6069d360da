"""Tables of the results pages are those of the JSON that measured them."""

import json
from pathlib import Path

import fill_tables
import pytest
from fill_tables import Number

from measured_words import ROOT

PAGES = [page for page in (ROOT / "docs").rglob("*.md") if "<!-- table:" in page.read_text("utf-8")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT / "docs").as_posix())
def test_tables_are_those_of_the_measurement(page: Path) -> None:
    assert fill_tables.filled(page) == page.read_text("utf-8"), "run python tools/fill_tables.py"
    starts, tables = page.read_text("utf-8").count("<!-- table:"), fill_tables.TABLE.findall(page.read_text())
    assert starts == len(tables)


def test_some_page_has_tables() -> None:
    assert PAGES


def test_a_table_by_hand() -> None:
    rows = {
        "b": {"fd": Number(12.0, 1.0, 3), "recall": Number(0.5, 0.02, 1)},
        "a": {"fd": Number(9.0, 1.5, 3), "recall": Number(0.25, 0.02, 1)},
        "c": {},
    }
    assert fill_tables.table(rows | {"c": {"recall": Number(0.1, None, 1)}}, ["fd", "recall"]) == (
        "| | Fréchet distance ↓ | Recall ↑ | seeds |\n"
        "|---|---|---|---|\n"
        "| `a` | **9.0 ± 1.5** | 0.250 ± 0.020 | 3 |\n"
        "| `b` | 12.0 ± 1.0 | 0.500 ± 0.020 | 3 |\n"
        "| `c` | – | 0.100 | 1 |\n"
    )


def test_only_an_established_difference_is_bold() -> None:
    def bold(first: Number, second: Number) -> bool:
        return "**" in fill_tables.table({"a": {"fd": first}, "b": {"fd": second}}, ["fd"])

    assert bold(Number(1, 1, 2), Number(4, 1.9, 2))
    assert not bold(Number(1, 1, 2), Number(4, 2.1, 2))  # they overlap
    assert not bold(Number(1, 1, 1), Number(4, 1, 1))  # one seed says nothing of another training
    assert not bold(Number(1, None, 2), Number(4, 1, 2))


def test_both_forms_of_measurements_are_read(tmp_path: Path) -> None:
    line = {"row": "a", "metric": "fd", "value": 2.0, "half_width": 0.5, "seeds": [0, 1]}
    path = tmp_path / "table.json"
    path.write_text(json.dumps({"lines": [line, line | {"row": "b", "value": None}]}))
    assert fill_tables.read(path) == {"a": {"fd": Number(2.0, 0.5, 2)}}
    method = {"method": "a", "mean": 2.0, "lower": 1.5, "upper": 2.5, "seeds": [{"step": 9}, {"step": 9}]}
    absent = {"method": "b", "mean": None, "lower": None, "upper": None, "seeds": []}
    path.write_text(json.dumps({"metrics": [{"name": "fd", "methods": [method, absent]}]}))
    assert fill_tables.read(path) == {"a": {"fd": Number(2.0, 0.5, 2)}}


def test_lines_of_runs_are_read_over_their_seeds(tmp_path: Path) -> None:
    line = {"metric": "fd", "step": 9, "standard_error": 0.1}
    lines = [line | {"run": f"a, seed {seed}", "value": value} for seed, value in enumerate((1.0, 2.0, 3.0))]
    lines.append(line | {"run": "b, seed 0", "value": 5.0})
    path = tmp_path / "lines.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    rows = fill_tables.read(path)
    # Student's t of two degrees of freedom is 4.303, the deviation of 1, 2 and 3 is 1.
    assert rows["a"]["fd"] == Number(2.0, pytest.approx(4.303 / 3**0.5, rel=1e-3), 3)
    assert rows["b"]["fd"] == Number(5.0, pytest.approx(0.196, rel=1e-3), 1)
    path.write_text("\n".join(map(json.dumps, [*lines, lines[0] | {"step": 8}])))
    moments = fill_tables.table(fill_tables.read(path, unequal=True), ["fd"])
    assert moments.startswith("| | Fréchet distance ↓ |\n|---|---|\n| a, seed 0, step 8 | 1.00 ± 0.20 |\n")
    with pytest.raises(ValueError, match=r"unequal steps: \[8, 9\]"):
        fill_tables.read(path)


def test_runs_that_were_not_measured_at_the_same_step_are_no_table(tmp_path: Path) -> None:
    method = {"method": "a", "mean": 2.0, "lower": 1.5, "upper": 2.5, "seeds": [{"step": 9}, {"step": 8}]}
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"metrics": [{"name": "fd", "methods": [method]}]}))
    with pytest.raises(ValueError, match=r"fd was measured at unequal steps: \[8, 9\]"):
        fill_tables.read(path)
    with pytest.raises(ValueError, match="unequal steps"):
        fill_tables.read(path, unequal=True)
    one, other = ({"mean": 2.0, "lower": 1.5, "upper": 2.5, "seeds": [{"step": step}]} for step in (8, 9))
    methods = [{"method": "a"} | one, {"method": "b"} | other]
    path.write_text(json.dumps({"metrics": [{"name": "fd", "methods": methods}]}))
    assert fill_tables.read(path, unequal=True).keys() == {"a", "b"}
    with pytest.raises(ValueError, match="unequal steps"):
        fill_tables.read(path)


def test_what_was_not_measured_is_not_shown() -> None:
    with pytest.raises(KeyError, match="recall was not measured"):
        fill_tables.table({"a": {"fd": Number(1, 1, 2)}}, ["fd", "recall"])
    with pytest.raises(KeyError):
        fill_tables.table({"a": {"fd": Number(1, 1, 2)}}, ["fd"], ["b"])
