"""What the page *Does projection win?* and *Ten ways to condition* say is what was measured."""

import json
import re

import numpy as np
import pytest

from measured_words import ROOT, listed, seeds_of


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
