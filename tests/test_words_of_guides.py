"""What guides, performance and cards of models say is what was measured."""

import json
import re

from measured_words import ROOT, listed


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
