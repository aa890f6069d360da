"""A generator in memory, a run on the disk: each call is about the one that it was given."""

import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import projgan
from projgan.listening import Progress


@pytest.fixture
def run(tmp_path: Path) -> projgan.Run:
    return trained(tmp_path / "run", 2)


def trained(folder: Path | str, steps: int, **training: Any) -> projgan.Run:
    return projgan.train("demo", run_dir=folder, training={"steps": steps} | training, progress=False)


def distance(subject: Any) -> float:
    pooled = nn.Sequential(nn.AvgPool2d(4), nn.Flatten())
    features = projgan.register_features("pooled", pooled, version="1")
    (row,) = projgan.evaluate(
        subject, "digits", features=features, metrics=["fd"], generated_images=50, progress=False
    )
    assert row.value is not None
    return row.value


def test_a_generator_that_was_changed_is_not_measured_as_its_file(run: projgan.Run, tmp_path: Path) -> None:
    gan = run.load(device="cpu")
    before = distance(gan)
    assert before == distance(run.path)
    nn.init.zeros_(gan.generator.conv.weight)
    with pytest.raises(
        projgan.UserError, match=r"other weights than this file by now; give gan\.save\(FILE\)"
    ):
        distance(gan)
    for call in (
        lambda: projgan.load(gan),
        lambda: trained(tmp_path / "next", 1, start_from=gan),
    ):
        with pytest.raises(projgan.UserError, match="other weights"):
            call()
    with pytest.raises(projgan.UserError, match="other weights"):
        projgan.share(gan, "me/grey", license="mit", out=tmp_path / "shared", progress=False)
    saved = gan.save(tmp_path / "grey.safetensors")
    assert distance(saved) != pytest.approx(before)
    again = projgan.load(saved, device="cpu")
    assert torch.equal(again.sample_tensor("3"), gan.sample_tensor("3"))
    assert again.description == gan.description
    with pytest.raises(projgan.UserError, match=r"ends in \.safetensors"):
        gan.save(tmp_path / "grey.pt")
    gan.generator.linear = nn.Linear(3, 3)
    with pytest.raises(projgan.UserError, match="other layers by now"):
        gan.save(tmp_path / "grey.safetensors")


def test_a_discriminator_of_a_later_step_is_no_pair(run: projgan.Run) -> None:
    early = run.load(device="cpu")
    early.save(early.path.with_name("early.safetensors"))
    trained(run.path, 4)
    with pytest.raises(projgan.UserError, match="of step 4, and the generator is of step 2; load both again"):
        early.sample("3", reject=0.5)
    assert run.load(device="cpu").discriminator is not None
    (run.path / "generator.safetensors").write_bytes(early.path.with_name("early.safetensors").read_bytes())
    again = trained(run.path.with_name("started"), 1, start_from=run)  # a kill may have come between the two
    assert again.load().description.provenance.step == 1


def test_a_run_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = trained("run", 50)
    gan = run.load(device="cpu")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert gan.discriminator is not None
    assert len(run.stats) == 1
    assert trained(run.path, 50).path == run.path
    assert list(elsewhere.iterdir()) == []
    with pytest.raises(projgan.UserError, match="no such folder; give that of a run"):
        _ = projgan.Run("run").stats


@pytest.mark.parametrize(
    ("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_a_signal_ends_the_script_too_and_the_same_call_goes_on(
    number: signal.Signals, raised: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next lines of a notebook would take a part of a training for the whole."""
    from projgan.api import trainings
    from projgan.listening import Listener

    def stop(progress: Progress) -> None:
        if progress.step == 2:
            signal.raise_signal(number)

    with monkeypatch.context() as patched:
        patched.setattr(trainings, "listener_of", lambda progress: Listener(stepped=stop))
        with pytest.raises(raised) as caught:
            trained(tmp_path / "run", 4)
    if raised is SystemExit:
        assert caught.value.args == (143,)
    else:
        assert "stopped after step 2; the same call resumes" in str(caught.value)
    assert projgan.Run(tmp_path / "run").load().description.provenance.step == 2
    assert trained(tmp_path / "run", 4).load().description.provenance.step == 4


def test_a_signal_in_the_last_step_ends_the_script_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from projgan.api import trainings
    from projgan.listening import Listener

    def stop(progress: Progress) -> None:
        if progress.step == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(trainings, "listener_of", lambda progress: Listener(stepped=stop))
    with pytest.raises(KeyboardInterrupt, match="stopped after step 2, the last"):
        trained(tmp_path / "run", 2)
    assert trained(tmp_path / "run", 2).load().description.provenance.step == 2


def test_what_is_cut_off_at_the_last_step_is_caught_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from projgan.storage.run_directory import RunDirectory
    from projgan.training import run as running

    def fail(*given: object) -> None:
        raise OSError("no space")

    for where, name in ((running, "write_samples"), (RunDirectory, "append_stats")):
        folder = tmp_path / name
        with monkeypatch.context() as patched:
            patched.setattr(where, name, fail)
            with pytest.raises(OSError, match="no space"):
                trained(folder, 3)
        run = trained(folder, 3)
        assert [row["step"] for row in run.stats] == [3]
        assert (folder / "samples" / "step-00000003.png").is_file()


def test_a_folder_of_checkpoints_of_something_else_makes_no_run(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own" / "checkpoints").mkdir(parents=True)
    settings = tmp_path / "own" / "config.yaml"
    settings.write_text("# my notes\ndata: {source: digits, resolution: 8, channels: 1}\n")
    settings.write_text(
        settings.read_text()
        + "generator: {architecture: resnet-8}\ndiscriminator: {architecture: resnet-8}\n"
    )
    before = settings.read_bytes()
    run = projgan.train(settings, training={"steps": 1, "batch_size": 4}, progress=False)
    assert run.path == tmp_path / "runs" / "config"
    assert settings.read_bytes() == before


def test_a_generator_of_a_run_may_be_tuned(run: projgan.Run, tmp_path: Path) -> None:
    judge = projgan.train_classifier("digits", tmp_path / "c.safetensors", width=8, epochs=1, progress=False)
    tuned = projgan.finetune(
        run.load(device="cpu"), judge, run_dir=tmp_path / "tuned", steps=1, progress=False
    )
    assert tuned.load().description.provenance.step == 3


def test_a_classifier_may_lie_in_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    said: list[str] = []
    out = projgan.train_classifier(
        "digits", tmp_path / "new" / "c.safetensors", width=8, epochs=1, progress=said.append
    )
    assert out.is_file()
    assert said  # as the command says it
    (tmp_path / "file").write_text("")
    with pytest.raises(projgan.UserError, match="cannot be made"):
        projgan.train_classifier("digits", tmp_path / "file" / "c.safetensors", width=8, epochs=1)


def test_what_there_is_to_say_goes_to_a_function_or_to_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    said: list[str] = []
    projgan.train("demo", run_dir=tmp_path / "told", training={"steps": 1}, progress=said.append)
    assert any(line.startswith("training in fp32") for line in said)
    with caplog.at_level("INFO", logger="projgan"):
        trained(tmp_path / "logged", 1)
    assert [record.message for record in caplog.records] == [line.replace("told", "logged") for line in said]
    with pytest.raises(projgan.UserError, match="progress is 'yes'; it must be True, False or a function"):
        projgan.train("demo", run_dir=tmp_path / "no", progress="yes")


def test_a_setting_that_is_no_section_is_told_where_it_belongs(run: projgan.Run, tmp_path: Path) -> None:
    with pytest.raises(projgan.UserError, match=r"as training=\{'start_from': 'digits'\}"):
        projgan.train("demo", start_from="digits")
    started = projgan.train(
        "demo", run_dir=tmp_path / "next", training={"steps": 1, "start_from": run}, progress=False
    )
    assert started.config.training.start_from == str(run.path)
    again = projgan.train(run.config, run_dir=tmp_path / "again", progress=False)
    assert torch.equal(again.load().sample_tensor("3"), run.load().sample_tensor("3"))
    with pytest.raises(projgan.UserError, match="give run_dir"):
        projgan.train(run.config)


def test_the_settings_of_a_run_go_on_with_that_run(run: projgan.Run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    resumed = projgan.train(run.path / "config.yaml", training={"steps": 3}, progress=False)
    assert resumed.path == run.path
    assert resumed.load().description.provenance.step == 3
    (tmp_path / "config.yaml").write_bytes((run.path / "config.yaml").read_bytes())  # as one of the hub's
    elsewhere = projgan.train("config.yaml", training={"steps": 1}, progress=False)
    assert elsewhere.path == tmp_path / "runs" / "config"


def test_images_that_cannot_be_read_may_be_left_out(tmp_path: Path) -> None:
    from PIL import Image

    for name in ("a", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(12):
            Image.new("L", (8, 8), number * 9).save(tmp_path / "set" / name / f"{number}.png")
    (tmp_path / "set" / "a" / "torn.png").write_bytes(b"\x89PNG")
    with pytest.raises(projgan.UserError, match="on-unreadable"):
        projgan.images(tmp_path / "set", resolution=8)
    assert len(projgan.images(tmp_path / "set", resolution=8, on_unreadable="skip").images) == 24
    projgan.train_classifier(
        tmp_path / "set",
        tmp_path / "c.safetensors",
        on_unreadable="skip",
        width=8,
        epochs=1,
        progress=False,
    )
    with pytest.raises(projgan.UserError, match="on_unreadable is 'ignore'"):
        projgan.images("digits", resolution=8, on_unreadable="ignore")
