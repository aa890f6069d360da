"""Tables of the results pages are those of the JSON that measured them."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import fill_tables  # noqa: E402
from fill_tables import Number  # noqa: E402

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


def test_seeds_that_the_words_name_are_those_that_were_measured() -> None:
    report = json.loads((ROOT / "docs/results/conditions-cifar10-small/report.json").read_bytes())
    readme, page = ((ROOT / name).read_text("utf-8") for name in ("README.md", "docs/results/projection.md"))
    words = {"fd": (readme, page), "intra_fd": (page,)}
    named = {metric["name"]: metric["methods"] for metric in report["metrics"] if metric["name"] in words}
    assert named.keys() == words.keys()
    for metric, methods in named.items():
        for method in methods:
            seeds = listed([seed["value"] for seed in method["seeds"]], 1, 0)
            shown = metric == "fd" or method["method"] not in ("input-concat", "unconditional")
            assert not shown or all(seeds in text for text in words[metric]), (
                method["method"],
                metric,
                seeds,
            )


def cifar100_at(step: int) -> dict[tuple[str, str], list[float]]:
    """Values of each metric and method at a step, by seed."""
    lines = (ROOT / f"docs/results/conditions-cifar100-small/at-{step}.jsonl").read_text("utf-8").splitlines()
    found: dict[tuple[str, str], list[float]] = {}
    for row in sorted(map(json.loads, lines), key=lambda row: row["run"]):
        assert row["step"] == step
        found.setdefault((row["metric"], row["run"].partition(", seed ")[0]), []).append(row["value"])
    return found


def test_seeds_of_cifar100_are_those_that_were_measured() -> None:
    page, readme = (
        " ".join((ROOT / name).read_text("utf-8").split())
        for name in ("docs/results/projection.md", "README.md")
    )
    seeds, later = cifar100_at(3000), cifar100_at(6000)

    def words(metric: str, method: str, digits: int, cut: int) -> str:
        return listed(seeds[metric, method], digits, cut)

    accuracies = [words("accuracy_top1", name, 3, 1) for name in ("ac-gan", "hidden-concat", "projection")]
    assert "{}, hidden concatenation {}, projection {}.".format(*accuracies) in page
    assert "AC-GAN {}, hidden concatenation {}, projection {}.".format(*accuracies) in readme
    ahead = [words("fd", name, 1, 0) for name in ("projection", "hidden-concat", "unconditional")]
    assert "`fd` {0} against {2}. Hidden concatenation, {1}, is level".format(*ahead) in page
    recalls = [words("recall", name, 3, 1) for name in ("projection", "ac-gan")]
    assert (
        "AC-GAN {}; recall {} for projection against {};".format(words("fd", "ac-gan", 1, 0), *recalls)
        in page
    )
    assert f"in both seeds: `fd` {words('fd', 'input-concat', 1, 0)}, as on CIFAR-10" in page

    def first(metric: str, method: str, digits: int) -> str:
        pair = seeds[metric, method][0], later[metric, method][0]
        return " to ".join(f"{value:.{digits}f}"[digits == 3 :] for value in pair)

    assert (
        f"projection's `fd` {first('fd', 'projection', 1)} and recall {first('recall', 'projection', 3)}"
        in page
    )
    for name, words_of in (("hidden-concat", "hidden concatenation's"), ("ac-gan", "AC-GAN's")):
        assert f"{words_of} {first('fd', name, 1)} and {first('recall', name, 3)}" in page
    ac_gan, projection = (first("accuracy_top1", name, 3) for name in ("ac-gan", "projection"))
    assert f"{ac_gan} against projection's {projection}" in page
    rises = first("within_class_ms_ssim", "ac-gan", 3)
    assert f"rises from {rises}," in page
    ends = {
        metric: " against ".join(
            listed(later[metric, name], digits, cut) for name in ("projection", "ac-gan")
        )
        for metric, digits, cut in (("intra_fd", 1, 0), ("fd", 1, 0), ("recall", 3, 1))
    }
    assert f"({ends['intra_fd']})" in page
    assert f"`fd` {ends['fd']}, and in recall, {ends['recall']};" in page
    assert f"`fd` is lower, {ends['fd']}," in readme
    hidden = {
        metric: listed(later[metric, "hidden-concat"], digits, cut)
        for metric, digits, cut in (
            ("fd", 1, 0),
            ("recall", 3, 1),
            ("intra_fd", 1, 0),
            ("within_class_ms_ssim", 3, 1),
        )
    }
    assert f"with {hidden['fd']}, and {hidden['recall']}, which is ahead within classes" in page
    assert f"(`intra_fd` {hidden['intra_fd']})" in page
    assert f"Hidden concatenation's is {hidden['within_class_ms_ssim']}." in page
    assert f"also than hidden concatenation's, {hidden['fd']};" in readme
    grown, named = (
        " to ".join(f"{found[metric, 'ac-gan'][1]:.3f}"[1:] for found in (seeds, later))
        for metric in ("within_class_ms_ssim", "accuracy_top1")
    )
    assert f"MS-SSIM {grown}, accuracy {named}." in page


def test_digits_are_those_that_were_measured() -> None:
    page = " ".join((ROOT / "docs/results/projection.md").read_text("utf-8").split())
    report = json.loads((ROOT / "docs/results/conditions-digits/report.json").read_bytes())
    found = {
        (metric["name"], method["method"]): [seed["value"] for seed in method["seeds"]]
        for metric in report["metrics"]
        for method in metric["methods"]
    }
    intervals = {
        (metric["name"], method["method"]): (method["lower"], method["upper"])
        for metric in report["metrics"]
        for method in metric["methods"]
    }

    def words(metric: str, *methods: str) -> tuple[str, ...]:
        decimals, cut = (1, 0) if metric == "fd" else (3, 1)
        return tuple(listed(found[metric, method], decimals, cut) for method in methods)

    for text, metric, methods in (
        ("| level: `fd` {} against {} |", "fd", ("projection", "hidden-concat")),
        ("do not overlap: `fd` {} against {}; recall likewise", "fd", ("projection", "input-concat")),
        ("recall likewise, {} against {}. `kd`", "recall", ("projection", "input-concat")),
        ("do not overlap: `fd` {} against {} |", "fd", ("projection", "ac-gan")),
        ("by little: `fd` {} against {} |", "fd", ("projection", "unconditional")),
        ("MS-SSIM {}, projection {}, real", "within_class_ms_ssim", ("ac-gan", "projection")),
        ("recall {} against {}, input concatenation {}:", "recall", ("ac-gan", "projection", "input-concat")),
    ):
        assert text.format(*words(metric, *methods)) in page
    for method in ("input-concat", "ac-gan"):  # "the intervals do not overlap"
        one, other = sorted((intervals["fd", method], intervals["fd", "projection"]))
        assert one[1] < other[0]
    assert intervals["recall", "projection"][1] < intervals["recall", "input-concat"][0]
    assert min(found["accuracy_top1", "projection"]) > max(found["accuracy_top1", "input-concat"])
    assert max(found["fd", "projection"]) < min(found["fd", "unconditional"])
    said = {"ac-gan": (0.76, 0.08), "projection": (0.68, 0.13), "input-concat": (0.55, 0.40)}
    for method, (likeness, recall) in said.items():
        assert round(sum(found["within_class_ms_ssim", method]) / 3, 2) == likeness
        assert round(sum(found["recall", method]) / 3, 2) == recall
    for method in ("adc-gan", "tac-gan"):
        assert sum(found["recall", method]) > 3 * sum(found["recall", "ac-gan"])


def seeds_of(lines: str) -> dict[tuple[str, str], list[float]]:
    """Of a file of lines in `docs/results`: run without its seed, and metric, to the values by seed."""
    found: dict[tuple[str, str], list[float]] = {}
    rows = map(json.loads, (ROOT / "docs/results" / lines).read_text("utf-8").splitlines())
    for row in sorted(rows, key=lambda row: row["run"]):
        found.setdefault((row["run"].partition(", seed ")[0], row["metric"]), []).append(row["value"])
    return found


@pytest.mark.parametrize(
    ("lines", "page", "text", "metric", "runs", "first_is_higher"),
    [
        (
            "five-updates-digits/lines.jsonl",
            "results/projection.md",
            "stays higher in every seed: `fd` {} against {}.",
            "fd",
            ("projection", "input-concat"),
            True,
        ),
        (
            "five-updates-digits/lines.jsonl",
            "results/projection.md",
            "recall of input concatenation, {} against {}, but",
            "recall",
            ("projection", "input-concat"),
            None,
        ),
        (
            "adain-digits/lines.jsonl",
            "understand/conditions.md",
            "higher in every seed, `fd` {} against {}, and the intervals",
            "fd",
            ("adain", "conditional-batch-norm"),
            True,
        ),
        (
            "adain-digits/lines.jsonl",
            "understand/conditions.md",
            "lower in every seed, {} against {}. Precision",
            "recall",
            ("adain", "conditional-batch-norm"),
            False,
        ),
    ],
)
def test_pairs_on_digits_are_those_that_were_measured(
    lines: str, page: str, text: str, metric: str, runs: tuple[str, str], first_is_higher: bool | None
) -> None:
    found = seeds_of(lines)
    one, other = (found[run, metric] for run in runs)
    decimals, cut = (1, 0) if metric == "fd" else (3, 1)
    words = " ".join((ROOT / "docs" / page).read_text("utf-8").split())
    assert text.format(*(listed(values, decimals, cut) for values in (one, other))) in words
    assert len(one) == len(other) == 3
    apart = True if min(one) > max(other) else False if max(one) < min(other) else None
    assert apart is first_is_higher


def test_settings_of_a_rate_that_stays_are_those_that_were_measured() -> None:
    page = " ".join((ROOT / "docs/results/settings.md").read_text("utf-8").split())
    found = seeds_of("settings-cifar10-small/rate-stays.jsonl")

    def words(name: str, metric: str) -> str:
        return listed(found[name, metric], 1, 0)

    usual = found["as above", "fd"]
    assert f"In `fd`, against {words('as above', 'fd')} of the runs above" in page
    assert f"lower in every seed, {words('LeCam 0.3', 'fd')}, as three seeds" in page
    assert f"({words('LeCam 0.3', 'intra_fd')} against {words('as above', 'intra_fd')}) not even" in page
    assert max(found["LeCam 0.3", "fd"]) < min(usual)
    assert max(found["LeCam 0.3", "intra_fd"]) > min(found["as above", "intra_fd"])
    for name, said, better, worse in (
        (
            "betas 0.5 and 0.9",
            "in place of 0 and 0.9: {}, so one seed better than all of those, and two worse",
            1,
            2,
        ),
        ("betas 0.5 and 0.999", "**0.5 and 0.999**: {}, so two better, and one worse", 2, 1),
        ("generator batch 16", "in place of 32: {}, so one better, and one worse", 1, 1),
        ("not averaged", "average of the generator**: {}, so one better, and one worse", 1, 1),
    ):
        assert said.format(words(name, "fd")) in page
        assert len(found[name, "fd"]) == 3
        assert sum(value < min(usual) for value in found[name, "fd"]) == better
        assert sum(value > max(usual) for value in found[name, "fd"]) == worse


def test_twice_the_steps_is_what_was_measured() -> None:
    page = (ROOT / "docs/results/projection.md").read_text("utf-8")
    lines = (ROOT / "docs/results/conditions-cifar10-small/twice-as-long.jsonl").read_text("utf-8")
    rows = [json.loads(line) for line in lines.splitlines()]
    methods = {"projection": "projection", "hidden-concat": "hidden concatenation"}
    found = {(row["run"].partition(", seed ")[0], row["metric"], row["step"]): row["value"] for row in rows}
    for metric, name, digits in (("fd", "`fd`", 1), ("intra_fd", "`intra_fd`", 1), ("recall", "recall", 3)):
        for method, words in methods.items():
            values = [found[method, metric, step] for step in (2000, 4000, 6000, 8000)]
            cells = " | ".join(f"{value:.{digits}f}".removeprefix("0") for value in values)
            assert f"| {name}, {words} | {cells} |" in page
    assert len({row["features_sha256"] for row in rows}) == 1
    ahead = [
        step
        for step in range(1000, 9000, 1000)
        if found["projection", "intra_fd", step] < found["hidden-concat", "intra_fd", step]
    ]
    assert ahead == [1000, 2000, 3000, 4000, 5000]  # "ahead to step 5,000", "then passes it within classes"


def test_real_images_beside_the_methods_are_those_that_were_measured() -> None:
    page = " ".join((ROOT / "docs/results/projection.md").read_text("utf-8").split())
    lines = (ROOT / "docs/results/conditions-cifar10-small/real.jsonl").read_text("utf-8").splitlines()
    real = {(row["features"], row["metric"]): row["value"] for row in map(json.loads, lines)}
    ours = "classifier:classifier-cifar10"
    distances = "`fd` {:.1f}, `intra_fd` {:.1f}"
    assert distances.format(real["imagenet", "fd"], real["imagenet", "intra_fd"]) in page
    shares = (
        f"{name} {real[ours, metric]:.3f}".replace(" 0.", " .")
        for name, metric in (("accuracy", "accuracy_top1"), ("precision", "precision"), ("recall", "recall"))
    )
    words = [distances.format(real[ours, "fd"], real[ours, "intra_fd"]), *shares]
    assert f"{', '.join(words)} and within-class MS-SSIM .079" in page
    assert f"{real[ours, 'within_class_ms_ssim']:.3f}" == "0.079"


def test_agreement_of_two_networks_is_that_of_their_ranks() -> None:
    folder = ROOT / "docs/results/conditions-cifar10-small"
    words = " ".join((ROOT / "docs/guides/evaluation.md").read_text("utf-8").split())
    by_classifier = {
        (f"{method['method']}, seed {seed['seed']}", metric["name"]): seed["value"]
        for metric in json.loads((folder / "report.json").read_bytes())["metrics"]
        for method in metric["methods"]
        for seed in method["seeds"]
    }
    rows = [json.loads(line) for line in (folder / "imagenet.jsonl").read_text("utf-8").splitlines()]
    by_imagenet = {(row["run"], row["metric"]): row["value"] for row in rows}
    said = re.findall(r"`(\w+)`(?: by)? (\.\d\d)", words.split("Spearman's")[1])
    assert len(said) == 8
    for metric, shown in said:
        keys = [key for key in by_imagenet if key[1] == metric]
        assert len(keys) == (12 if metric == "intra_fd" else 15)
        values = np.array([[by_classifier[key], by_imagenet[key]] for key in keys])
        ranks = values.argsort(0).argsort(0)
        assert len(np.unique(values[:, 0])) == len(np.unique(values[:, 1])) == len(keys)  # no ties
        agreement = 1 - 6 * ((ranks[:, 0] - ranks[:, 1]) ** 2).sum() / (len(keys) ** 3 - len(keys))
        assert f"{agreement:.2f}"[1:] == shown, (metric, agreement)


def test_numbers_of_the_pretrained_discriminator_are_those_that_were_measured() -> None:
    folder = ROOT / "docs/results/projected-cifar10"
    guide = " ".join((ROOT / "docs/guides/projected.md").read_text("utf-8").split())
    report = json.loads((folder / "report.json").read_bytes())
    measured = {metric["name"]: metric["methods"] for metric in report["metrics"]}
    for name, digits, cut in (("fd", 1, 0), ("accuracy_top1", 3, 1), ("recall", 3, 1)):
        shown = [
            listed([seed["value"] for seed in method["seeds"]], digits, cut) for method in measured[name]
        ]
        assert " against ".join(shown) in guide, name
    rows = [json.loads(line) for line in (folder / "later.jsonl").read_text("utf-8").splitlines()]
    later = {(row["run"], row["step"], row["metric"]): row["value"] for row in rows}
    first, second, third = (f"projected-32, seed {seed}" for seed in range(3))
    faster = [f"projected-32, seed {seed}, discriminator_learning_rate 4e-4" for seed in range(3)]
    half_an_hour = listed(
        [later[(*run, "fd")] for run in ((first, 3050), (second, 2900), (third, 3000))], 1, 0
    )
    assert f"(steps 2,900 to 3,050), `projected-32` had `fd` {half_an_hour}." in guide
    usual = later["usual discriminator, same settings, seed 0", 2900, "fd"]
    assert f"19 minutes: `fd` {usual:.1f} ±" in guide
    ends = {
        metric: sorted(
            [later[run, 8000, metric] for run in faster]
            + [seed["value"] for method in measured[metric][:1] for seed in method["seeds"]]
        )
        for metric in ("fd", "intra_fd", "accuracy_top1", "recall")
    }
    assert [len(values) for values in ends.values()] == [6] * 4
    said = "the worst has `fd` {:.1f} and `intra_fd` {:.1f}, the best {:.1f} and {:.1f}"
    assert said.format(ends["fd"][-1], ends["intra_fd"][-1], ends["fd"][0], ends["intra_fd"][0]) in guide
    for metric, words in (
        ("accuracy_top1", "Accuracy is {} to {}."),
        ("recall", "Recall, {} to {}, differs"),
    ):
        shown = [f"{value:.3f}"[1:] for value in (ends[metric][0], ends[metric][-1])]
        assert words.format(*shown) in guide


def test_colours_of_generated_images_vary_as_was_measured() -> None:
    guide = " ".join((ROOT / "docs/guides/projected.md").read_text("utf-8").split())
    lines = (ROOT / "docs/results/projected-cifar10/colours.jsonl").read_text("utf-8").splitlines()
    spreads = {row["run"]: row["colour_spread"] for row in map(json.loads, lines)}
    usual, pretrained = (
        listed(
            [
                value
                for run, value in spreads.items()
                if run.startswith(name) and not run.endswith(("1500", "3000"))
            ],
            1,
            0,
        )
        for name in ("cifar10-small", "projected-32")
    )
    with_head, without = (spreads[f"projected-32, seed {seed}, step 3000"] for seed in ("0, image_head", "2"))
    assert f"do not vary more at step 3,000 ({with_head:.1f} against {without:.1f} of seed 2)" in guide
    real = f"{spreads['real test images']:.1f}"
    assert (
        f"{real} grey levels for real images, {usual} with the usual discriminator, and {pretrained}" in guide
    )


def test_curves_of_three_precisions_are_those_that_were_measured() -> None:
    page = (ROOT / "docs/understand/performance.md").read_text("utf-8")
    lines = (ROOT / "docs/results/precision-digits/curves.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    measured = {(row["run"], row["step"], row["metric"]): row["value"] for row in rows}
    for run in ("float32", "bfloat16", "float32, plain"):
        label = "float32, `--training.acceleration none`" if "plain" in run else run
        cells = [
            ", ".join(f"{measured[f'{run}, seed {seed}', step, 'fd']:.1f}" for seed in range(3))
            for step in range(250, 1501, 250)
        ]
        assert f"| {label} | {' | '.join(cells)} |\n" in page
        within = [measured[f"{run}, seed {seed}", 1500, "intra_fd"] for seed in range(3)]
        assert listed(within, 1, 0) in " ".join(page.split()), (run, within)
    accuracies = [
        value for (_, step, name), value in measured.items() if (step, name) == (1500, "accuracy_top1")
    ]
    assert (len(accuracies), min(accuracies), round(max(accuracies), 3)) == (9, 0.990, 0.999)


def test_what_each_choice_gains_is_what_was_measured() -> None:
    lines = (ROOT / "docs/results/projected-cifar10/ablation.jsonl").read_text("utf-8").splitlines()
    measured: dict[str, dict[str, float]] = {}
    for row in map(json.loads, lines):
        measured.setdefault(f"{row['row']} {row['step']:,}", {})[row["metric"]] = row["value"]
    guide = (ROOT / "docs/guides/projected.md").read_text("utf-8")
    names = ("fd", "intra_fd", "accuracy_top1", "recall")
    shown = re.findall(
        r"^\| (.+) \| ([\d,]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", guide, re.M
    )
    rows = {f"{label.replace('`', '')} {step}": cells for label, step, *cells in shown}
    of_table = {name: values for name, values in measured.items() if not name.startswith("on a GPU")}
    assert rows.keys() == of_table.keys()
    for name, values in of_table.items():
        digits = zip(names, (1, 1, 3, 3), rows[name], strict=True)
        assert all(f"{values[metric]:.{places}f}".lstrip("0") == cell for metric, places, cell in digits), (
            name
        )
    on_gpu = [values for name, values in measured.items() if name.startswith("on a GPU")]
    text = "`fd` {fd:.1f}, `intra_fd` {intra_fd:.1f}, accuracy {accuracy_top1:.3f}, recall {recall:.3f}"
    for values in on_gpu:
        said = text.format(**{name: values[name] for name in names}).replace(" 0.", " .")
        assert said in " ".join(guide.split()), said
    assert len(on_gpu) == 3


def test_times_of_a_gpu_are_those_that_were_measured() -> None:
    folder, page = (
        ROOT / "docs/results/gpu-h200",
        (ROOT / "docs/understand/performance.md").read_text("utf-8"),
    )
    rows = [json.loads(line) for line in (folder / "first-gpu.jsonl").read_text("utf-8").splitlines()]
    found = {(row["code"], row["check"], row["case"]): row for row in rows}
    now, before, between = "kernels for maps and weights", "before kernels", "kernels for maps"
    for label, case in (
        ("**`--training.precision bf16`**", "bf16, graph"),
        ("the same, every operation launched by itself", "bf16, eager"),
        ("`tf32`", "tf32, graph"),
        ("`fp32` (the preset's)", "fp32, graph"),
        ("`fp32` with `--training.acceleration none`", "fp32, plain"),
    ):
        row = found[now, "timings", case]
        mark = "**" if "**" in label else ""
        assert f"| {label} | {mark}{row['ms']:.1f}{mark} | {row['mib']:,} MiB |\n" in page
    for code, label in ((before, "torch's operations"), (between, "norms, biases, ReLUs and shortcuts")):
        row = found[code, "parts", "bf16, graph"]
        cells = f"{row['ms']:.1f} | {row['ms_generator_update']:.1f} | {row['ms_images_of_five_updates']:.1f}"
        assert re.search(re.escape(label) + r"[^|]*\| " + re.escape(cells), page), cells
        assert f"| {row['ms_discriminator_update']:.2f} |" in page
    compiled = found[before, "compiled", "bf16, plain, compiled, graph"]
    assert f"{min(compiled['ms'])}, after {compiled['compiling_seconds']:.0f} s of compiling" in page
    at_64 = [
        found[now, "sizes", f"cifar10, {kind}, graph, generator_batch_size 64"] for kind in ("bf16", "tf32")
    ]
    assert [f"{row['ms']:.1f}" for row in at_64] == re.findall(r"\| projgan, `\w+` \| (.+) \|", page)
    peers = [json.loads(line) for line in (folder / "peers.jsonl").read_text("utf-8").splitlines()]
    shown = {(row["name"], row["variant"].split(" (")[0]): f"{row['ms_per_iteration']:.1f}" for row in peers}
    assert f"its `cudnn.benchmark` | {shown['studiogan', 'float32, cudnn.benchmark']} |" in page
    assert (
        f"mixed precision | {shown['studiogan', 'mixed_precision, cudnn.benchmark']} (two iterations" in page
    )
    without = shown["mimicry", "float32, torch defaults"]
    tuned = shown["mimicry", "float32, cudnn.benchmark"]
    assert f"mimicry, float32 with `cudnn.benchmark` | {tuned} ({without} without) |" in page
    failed = [row["case"] for row in rows if not row["ok"]]
    assert failed == ["(320, 256, 32, 5, 320), float32"]  # the page says why
    bits = [row for row in rows if row["check"] == "graphs"]
    assert (len(bits), sum(row["differ"] for row in bits)) == (8, 0)


def test_the_table_of_a_guided_generator_is_what_was_measured() -> None:
    page = (ROOT / "docs/guides/finetuning.md").read_text("utf-8")
    lines = (ROOT / "docs/results/finetuning-dogs-cats/guided.jsonl").read_text("utf-8").splitlines()
    measured = {(row["run"], row["metric"]): row for row in map(json.loads, lines)}
    places = {"accuracy_top1": 3, "precision": 3, "recall": 3, "density": 2, "coverage": 3}
    places |= {"within_class_ms_ssim": 3, "fd": 1, "intra_fd": 1}

    def words(row: dict[str, float], digits: int) -> str:
        return " ± ".join(
            f"{number:.{digits}f}".removeprefix("0")
            for number in (row["value"], 1.96 * row["standard_error"])
        )

    for run, label in [
        ("before", "none"),
        *((f"weight {w}", f"weight {w}") for w in ("0", "0.1", "1", "10")),
    ]:
        cells = [words(measured[run, metric], digits) for metric, digits in places.items()]
        assert f"| {label} | {' | '.join(cells)} |\n" in page
    for metric, digits, said in (
        ("accuracy_top1", 3, "from {} to {} at weight 1 and {} at weight 10"),
        ("intra_fd", 1, "from {} to {} and {}"),
        ("within_class_ms_ssim", 3, "from {} to {} and {}"),
        ("recall", 3, "{}, {}, {}"),
    ):
        values = [measured[f"weight {w}", metric]["value"] for w in (0, 1, 10)]
        shown = [f"{value:.{digits}f}".removeprefix("0") for value in values]
        assert said.format(*shown) in page, metric
        readme = (ROOT / "README.md").read_text("utf-8")
        assert metric in ("intra_fd", "recall") or ", ".join(shown[:2]) in readme, metric


def test_numbers_of_a_published_model_in_words_are_those_of_its_card() -> None:
    guide = " ".join((ROOT / "docs/guides/projected.md").read_text("utf-8").split())
    card = (ROOT / "src/projgan/models/dogs-cats.md").read_text("utf-8")
    fd, intra_fd, recall, accuracy = (
        float(re.findall(rf"\| `{name}` \| ([0-9.]+) \|", card)[0])
        for name in ("fd", "intra_fd", "recall", "accuracy_top1")
    )
    assert f"recognises {listed([accuracy], 3, 1)} of the images" in guide
    assert f"`fd` {fd:.1f}, `intra_fd` {intra_fd:.1f}, recall {listed([recall], 3, 1)}." in guide


def listed(values: list[float], digits: int, cut: int) -> str:
    """`.12, .13 and .15`, without the first `cut` characters of each."""
    words = [f"{value:.{digits}f}"[cut:] for value in values]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 2 else words)


def test_what_was_not_measured_is_not_shown() -> None:
    with pytest.raises(KeyError, match="recall was not measured"):
        fill_tables.table({"a": {"fd": Number(1, 1, 2)}}, ["fd", "recall"])
    with pytest.raises(KeyError):
        fill_tables.table({"a": {"fd": Number(1, 1, 2)}}, ["fd"], ["b"])


def test_seeds_of_the_learning_rate_are_those_that_were_measured() -> None:
    report = json.loads((ROOT / "docs/results/settings-cifar10-small/report.json").read_bytes())
    page = " ".join((ROOT / "docs/results/settings.md").read_text("utf-8").split())
    for name, digits, cut, text in (
        ("fd", 1, 0, "`fd` {} if it stays, {} if it falls to zero."),
        ("accuracy_top1", 3, 1, "in accuracy, {} against {},"),
        ("recall", 3, 1, "in recall, {} against {},"),
    ):
        methods = next(metric["methods"] for metric in report["metrics"] if metric["name"] == name)
        seeds = {method["method"]: [seed["value"] for seed in method["seeds"]] for method in methods}
        pair = [seeds["decay start off"], seeds["decay start 0"]]
        assert text.format(*(listed(values, digits, cut) for values in pair)) in page
        least, most = (max(pair[0]), min(pair[1])) if name == "fd" else (max(pair[1]), min(pair[0]))
        assert least < most  # every seed ahead of every other
