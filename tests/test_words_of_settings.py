"""What the page *What matters?* says is what was measured."""

import json

from measured_words import ROOT, listed, seeds_of


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
