"""Sharing a run and using it again, by the real client against a server of the tests."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

import projgan
from enlarging_networks import random, save
from fabricated_runs import metric_row
from hub_server import Hub
from projgan.cli import run_command
from projgan.config import DataConfig, EvaluationConfig
from projgan.errors import UserError
from projgan.hub import names
from projgan.hub.client import list_files
from projgan.hub.names import hub_name
from projgan.measuring.measuring import evaluate
from projgan.sharing import folder
from projgan.storage.network_file import generator_path, load_generator, weights_sha256
from projgan.storage.published_models import FOLDER
from small_runs import ONE_RANK, assert_one_line_error, files_of, save_blank_classifier, train_small
from small_runs import projgan as in_a_process

DIGITS = (FOLDER / "digits.safetensors").read_bytes()


def error_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    code = run_command(words)
    return assert_one_line_error(code, *capsys.readouterr())


def test_what_is_shared_comes_back_to_the_bit(
    uninterrupted: Path, logged_in: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["share", str(uninterrupted), "ann/first", "--license", "mit", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    repository = logged_in.repositories["models/ann/first"]
    commit = repository.names["main"]
    assert said["name"] == f"hf:ann/first@{commit}"
    assert said["url"] == f"{logged_in.endpoint}/ann/first/commit/{commit}"
    files = repository.commits[commit]
    assert set(files) == {".gitattributes", *said["files"]}
    assert files["generator.safetensors"] == (uninterrupted / "generator.safetensors").read_bytes()
    assert files["discriminator.safetensors"] == (uninterrupted / "discriminator.safetensors").read_bytes()
    ours, here = projgan.load(uninterrupted, device="cpu"), projgan.load("hf:ann/first", device="cpu")
    assert weights_sha256(here.generator) == weights_sha256(ours.generator)
    assert here.discriminator is not None
    assert ours.discriminator is not None
    assert weights_sha256(here.discriminator) == weights_sha256(ours.discriminator)
    pictures = [np.asarray(image) for gan in (ours, here) for image in gan.sample("3", count=2, seed=5)]
    assert np.array_equal(pictures[0], pictures[2])
    assert np.array_equal(pictures[1], pictures[3])


def test_the_same_is_written_to_a_folder_without_asking_anybody(
    uninterrupted: Path, hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    generator, _ = load_generator(run / "generator.safetensors")
    own = metric_row("fd", 12.3456, standard_error=0.5)
    own["subject"]["sha256"] = weights_sha256(generator)
    old, other = own | {"value": 99.0}, metric_row("kd", 7.0)
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in (old, own, other)))
    out = tmp_path / "card"
    words = [
        "share",
        str(run),
        "ann/first",
        "--license",
        "cc-by-4.0",
        "--words",
        "Only a\ntest.",
        "--out",
        str(out),
    ]
    assert run_command(words) == 0
    assert hub.asked == []
    card = (out / "README.md").read_text()
    _, front, text = card.split("---\n", 2)
    assert yaml.safe_load(front)["license"] == "cc-by-4.0"
    assert "| `fd` | 12.35 | 0.50 |" in text  # the newest of these weights
    assert "| 99" not in text
    assert "`kd`" not in text  # of other weights
    assert "Only a test." in text
    assert "projgan sample hf:ann/first" in text
    assert Image.open(out / "samples.png").width > 8 * 8
    assert projgan.load(out).class_names == tuple("0123456789")
    capsys.readouterr()
    assert run_command(words) == 2
    assert "add --overwrite" in capsys.readouterr().err
    assert run_command([*words, "--overwrite"]) == 0
    assert (out / "discriminator.safetensors").exists()
    # What has no discriminator leaves none of another run's behind.
    (out / "notes.txt").touch()
    assert run_command(["share", "digits", *words[2:], "--overwrite"]) == 0
    assert not (out / "discriminator.safetensors").exists()
    assert (out / "notes.txt").exists()


def test_what_was_shared_stays_until_the_new_is_whole(
    uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As where the disk is full; and the same command may be given again."""
    words = ["share", str(uninterrupted), "ann/first", "--license", "mit", "--out", str(tmp_path / "out")]

    def no_room(*given: object, **named: object) -> None:
        raise UserError("samples.png: cannot be written (No space left on device)")

    with monkeypatch.context() as changed:
        changed.setattr(folder, "write_images", no_room)
        assert "No space left on device" in error_of(capsys, *words)
    assert run_command(words) == 0
    before = files_of(tmp_path / "out")
    assert len(before) == 5
    with monkeypatch.context() as changed:
        changed.setattr(folder, "write_images", no_room)
        assert "No space left on device" in error_of(
            capsys, *words[:2], "ann/other", *words[3:], "--overwrite"
        )
    assert files_of(tmp_path / "out") == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_python_shares_what_the_command_shares(uninterrupted: Path, logged_in: Hub, tmp_path: Path) -> None:
    words = ["share", str(uninterrupted), "ann/second", "--license", "mit", "--words", "Only a test."]
    assert run_command([*words, "--out", str(tmp_path / "card")]) == 0
    how = {"license": "mit", "words": "Only  a\ntest.", "progress": False}
    sent = projgan.share(projgan.load(uninterrupted / "generator.safetensors"), "ann/second", **how)
    commit = logged_in.repositories["models/ann/second"].names["main"]
    assert (sent.name, sent.folder) == (f"hf:ann/second@{commit}", None)
    files = dict(logged_in.repositories["models/ann/second"].commits[commit])
    files.pop(".gitattributes")
    assert files == {file.name: file.read_bytes() for file in (tmp_path / "card").iterdir()}
    assert sorted(sent.files) == sorted(files)
    with pytest.raises(
        UserError, match=r"^out .*card: there already, and not an empty folder; add overwrite"
    ):
        projgan.share(uninterrupted, "ann/second", out=tmp_path / "card", **how)
    with pytest.raises(UserError, match=r"^.My Own. is none: give license mit"):
        projgan.share(uninterrupted, "ann/second", license="My Own")


def test_a_licence_is_asked_for_and_a_misspelt_option_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "what has no licence: give --license" in error_of(capsys, "share", "digits", "ann/x")
    assert "Unknown option: --licence" in error_of(capsys, "share", "digits", "ann/x", "--licence", "mit")


def test_no_folder_of_this_machine_is_shared(hub: Hub, tmp_path: Path) -> None:
    train_small(tmp_path / "first", {"training.steps": 1})
    cache = tmp_path / "secret place"
    start = {"training.start_from": str(tmp_path / "first"), "data.cache": str(cache), "training.steps": 1}
    train_small(tmp_path / "second", start)
    assert (
        run_command(
            ["share", str(tmp_path / "second"), "ann/x", "--license", "mit", "--out", str(tmp_path / "out")]
        )
        == 0
    )
    for file in (tmp_path / "out").iterdir():
        assert str(tmp_path).encode() not in file.read_bytes(), file.name
    assert yaml.safe_load((tmp_path / "out" / "config.yaml").read_text())["training"]["start_from"] == "first"


def test_neither_a_file_nor_the_run_itself_is_written_over(
    uninterrupted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes").write_text("mine")
    for out, why in (
        (tmp_path / "notes", "a file; choose a folder"),
        (uninterrupted, "the run itself; choose"),
    ):
        for run in (uninterrupted, uninterrupted / "generator.safetensors"):
            words = ["share", str(run), "ann/x", "--license", "mit", "--overwrite", "--out", str(out)]
            said = assert_one_line_error(run_command(words), *capsys.readouterr())
            assert f"--out {out}: {why}" in said
    assert (tmp_path / "notes").read_text() == "mine"


def test_a_generator_that_enlarges_is_shared_too(hub: Hub, tmp_path: Path) -> None:
    path = save(random(), tmp_path)
    out = tmp_path / "out"
    assert run_command(["share", str(path), "ann/large", "--license", "mit", "--out", str(out)]) == 0
    assert {file.name for file in out.iterdir()} == {"README.md", "generator.safetensors"}
    assert "projgan super-resolve hf:ann/large IMAGES" in (out / "README.md").read_text()
    hub.repository("ann/large").commit({file.name: file.read_bytes() for file in out.iterdir()})
    Image.new("RGB", (16, 16), "red").save(tmp_path / "small.png")
    words = ["super-resolve", "hf:ann/large", str(tmp_path / "small.png"), "--out", str(tmp_path / "large")]
    assert run_command(words) == 0


def test_what_is_shared_may_be_wanted_otherwise(
    uninterrupted: Path, hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(uninterrupted)
    assert "--license mit" in error_of(capsys, "share", run, "ann/first")
    assert "'My Own' is none" in error_of(capsys, "share", run, "ann/first", "--license", "My Own")
    assert "hf:USER/NAME" in error_of(capsys, "share", run, "first", "--license", "mit")
    assert "leave @v1 out" in error_of(capsys, "share", run, "ann/first@v1", "--license", "mit")
    classifier = save_blank_classifier(tmp_path / "c.safetensors", ("a", "b"))
    assert "needs a whole run" in error_of(capsys, "finetune", "hf:ann/x", "--classifier", str(classifier))
    assert "holds a classifier" in error_of(capsys, "share", str(classifier), "ann/c", "--license", "mit")
    assert hub.asked == []
    capsys.readouterr()
    assert run_command(["share", run, "ann/first", "--license", "mit"]) == 2
    assert "log in with `hf auth login`" in capsys.readouterr().err.splitlines()[-1]
    assert hub.repositories == {}


def test_a_revision_is_another_generator_and_numbers_name_the_commit(
    hub: Hub, uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = hub.repository("ann/two")
    old = repository.commit({"generator.safetensors": DIGITS})
    new = repository.commit({"generator.safetensors": (uninterrupted / "generator.safetensors").read_bytes()})
    repository.names["v1"] = old
    sums = {
        word: _sum(word) for word in ("hf:ann/two", "hf:ann/two@v1", f"hf:ann/two@{old}", str(uninterrupted))
    }
    assert sums["hf:ann/two"] == sums[str(uninterrupted)] != sums["hf:ann/two@v1"]
    assert sums["hf:ann/two@v1"] == sums[f"hf:ann/two@{old}"] == _sum("digits")
    classifier = save_blank_classifier(tmp_path / "c.safetensors", tuple("0123456789"))
    settings = EvaluationConfig(features=f"classifier:{classifier}", generated_images=20, metrics=("fd",))
    real = DataConfig(source="digits", cache=tmp_path / "cache")
    (row,) = evaluate(Path("hf:ann/two@v1"), real, settings, ONE_RANK)
    assert row.subject.name == f"hf:ann/two@{old[:12]}"
    assert row.subject.sha256 == _sum("digits")
    assert new != old


def _sum(word: str) -> str:
    return weights_sha256(projgan.load(word, device="cpu").generator)


def test_what_was_fetched_is_there_without_the_hub(hub: Hub, tmp_path: Path) -> None:
    commit = hub.repository("ann/digits").commit({"generator.safetensors": DIGITS})
    once = generator_path(Path("hf:ann/digits"))
    hub.asked.clear()
    assert generator_path(Path(f"hf:ann/digits@{commit}")) == once
    assert hub.asked == []  # a commit is for ever
    assert generator_path(Path("hf:ann/digits")) == once
    assert hub.asked == ["GET /api/models/ann/digits"]
    hub.refuses_with = 503
    assert generator_path(Path("hf:ann/digits")) == once


def test_only_two_files_are_ever_fetched(hub: Hub) -> None:
    files = {
        "generator.safetensors": DIGITS,
        "config.yaml": b"x: 1",
        "model.pt": b"\x80",
        "train.py": b"print()",
    }
    hub.repository("ann/digits").commit(files)
    found = generator_path(Path("hf:ann/digits"))
    assert [path.name for path in found.parent.iterdir()] == ["generator.safetensors"]
    assert not any(name in line for line in hub.asked for name in ("config", "model.pt", "train.py"))


def test_what_cannot_be_had_is_one_line(
    hub: Hub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repository("ann/none")
    hub.repository("ann/plain").commit({"README.md": b"x", "model.bin": b"y"})
    hub.repository("ann/private", private=True).commit({"generator.safetensors": DIGITS})
    hub.repository("ann/gated", gated=True).commit({"generator.safetensors": DIGITS})
    hub.repository("ann/pickle").commit({"generator.safetensors": b"\x80\x04K\x01."})
    known = {
        "hf:ann/nothing": "no such repository on the hub, or a private one",
        "hf:ann/private": "log in with `hf auth login`",
        "hf:ann/gated": "its authors give access on request",
        "hf:ann/plain": "not a repository of projgan",
        "hf:ann/plain@v7": "no such revision",
        "hf:ann/pickle": "projgan loads no pickles",
        "hf:ann": "names on the hub are hf:USER/NAME",
        "hf:ann/../x": "names on the hub are hf:USER/NAME",
        "hf:ann/x@../../y": "is no branch, tag or commit",
        "hf:ann/x/y": "names on the hub are hf:USER/NAME",
        "hf:": "names on the hub are hf:USER/NAME",
    }
    for word, words in known.items():
        assert words in error_of(capsys, "sample", word), word
    monkeypatch.setenv("HF_TOKEN", "hf_of_nobody")
    assert "the hub refuses this (401)" in error_of(capsys, "sample", "hf:ann/plain")
    monkeypatch.delenv("HF_TOKEN")
    hub.refuses_with = 500
    assert "the hub has trouble (500)" in error_of(capsys, "sample", "hf:ann/other")


def test_a_damaged_file_is_refused_and_removed(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    hub.repository("ann/digits").commit({"generator.safetensors": DIGITS})
    hub.spoiled.add("generator.safetensors")
    assert "its checksum is not the one that the hub lists" in error_of(capsys, "sample", "hf:ann/digits")
    hub.spoiled.clear()
    assert _sum("hf:ann/digits") == _sum("digits")
    fetched = generator_path(Path("hf:ann/digits")).resolve()
    fetched.chmod(0o644)
    fetched.write_bytes(DIGITS[:-1] + b"x")  # on this disk, by whatever
    assert "its checksum is not" in error_of(capsys, "sample", "hf:ann/digits")
    assert _sum("hf:ann/digits") == _sum("digits")


def test_a_huge_file_is_not_fetched(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repository("ann/digits").commit({"generator.safetensors": DIGITS})
    monkeypatch.setattr("projgan.storage.hub_models.LARGEST", len(DIGITS) - 1)
    with pytest.raises(UserError, match=r"generator.safetensors has [\d,]+ bytes, more than the"):
        projgan.load("hf:ann/digits")
    assert not any("resolve" in line or "signed" in line for line in hub.asked)


def test_nobody_answers(
    hub: Hub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("projgan.hub.errors.OWN_ENDPOINT", "http://127.0.0.1:9")
    assert "the hub cannot be reached ([" in error_of(capsys, "sample", "hf:ann/digits")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE forbids" in error_of(capsys, "sample", "hf:ann/digits")


def test_without_the_extra_a_line_says_how_to_get_it(
    hub: Hub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "find_spec", lambda name: None)
    for words in (
        ["sample", "hf:ann/digits"],
        ["data", "describe", "hf:ann/pets"],
        ["inspect", "hf:ann/digits"],
    ):
        assert "pip install 'projgan[hub]'" in error_of(capsys, *words)
    assert hub.asked == []


def test_a_run_starts_from_the_hub(hub: Hub, uninterrupted: Path, tmp_path: Path) -> None:
    files = {
        name: (uninterrupted / name).read_bytes()
        for name in ("generator.safetensors", "discriminator.safetensors")
    }
    commit = hub.repository("ann/first").commit(files)
    said: list[str] = []
    train_small(
        tmp_path / "run", {"training.start_from": "hf:ann/first", "training.steps": 1}, said=said.append
    )
    assert f"starting from hf:ann/first@{commit[:12]}; it knows all 10 classes" in said
    assert any(line.startswith("discriminator: ") and ", not" not in line for line in said)
    _, description = load_generator(tmp_path / "run" / "generator.safetensors")
    assert description.provenance.settings["training"]["start_from"] == "hf:ann/first"


def test_the_discriminator_comes_along_to_be_asked(
    hub: Hub, uninterrupted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.repository("ann/half").commit({"generator.safetensors": DIGITS})
    words = ["digits", "--generated-per-class", "0", "--out", str(tmp_path / "out")]
    assert "comes without a discriminator" in error_of(capsys, "inspect", "hf:ann/half", *words)
    files = {
        name: (uninterrupted / name).read_bytes()
        for name in ("generator.safetensors", "discriminator.safetensors")
    }
    hub.repository("ann/whole").commit(files)
    assert run_command(["inspect", "hf:ann/whole", *words]) == 0


def test_a_process_of_its_own_asks_where_the_environment_says(hub: Hub, tmp_path: Path) -> None:
    hub.repository("ann/digits").commit({"generator.safetensors": DIGITS})
    out = tmp_path / "three.png"
    environment = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1"}
    environment["HOME"] = str(tmp_path)
    environment["NO_PROXY"] = "127.0.0.1,localhost"
    code, said, err = in_a_process(
        "sample", "hf:ann/digits", "--class", "3", "--count", "2", "--out", str(out), **environment
    )
    assert (code, said.strip()) == (0, str(out)), err
    assert Image.open(out).width > 0


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("mirror.example.org", "HF_ENDPOINT is mirror.example.org, which is no address; give https://HOST"),
        ("ftp://127.0.0.1", "HF_ENDPOINT is ftp://127.0.0.1, which is no address"),
        ("", "HF_ENDPOINT is empty, which is no address"),
        ("http://127.0.0.1:0x1", "HF_ENDPOINT is http://127.0.0.1:0x1, which is no address"),
        ("http://127.0.0.1:9", "HF_ENDPOINT http://127.0.0.1:9 cannot be reached (["),
    ],
)
def test_an_endpoint_that_is_none_is_named(
    endpoint: str, words: str, hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", endpoint)
    assert words in error_of(capsys, "sample", "hf:ann/digits")


def test_an_endpoint_with_which_the_client_is_not_even_imported_is_named(tmp_path: Path) -> None:
    environment = {"HF_ENDPOINT": "http://[::1", "HF_HOME": str(tmp_path), "HOME": str(tmp_path)}
    code, said, err = in_a_process("sample", "hf:ann/digits", **environment)
    assert "HF_ENDPOINT is no address (Invalid IPv6 URL)" in assert_one_line_error(code, said, err)


def test_a_listing_that_is_kept_and_damaged_is_none(hub: Hub, tmp_path: Path) -> None:
    hub.repository("ann/digits").commit({"generator.safetensors": DIGITS})
    list_files(hub_name("hf:ann/digits"), "model")
    kept = list((tmp_path / "home" / ".cache" / "projgan" / "hub").iterdir())
    assert len(kept) == 2  # of main, and of the commit
    for path in kept:
        path.write_text('{"commit": 3, "files": [')
    hub.refuses_with = 503
    with pytest.raises(UserError, match="the hub has trouble"):
        list_files(hub_name("hf:ann/digits"), "model")
