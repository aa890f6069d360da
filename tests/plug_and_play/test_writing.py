import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from projgan.cli import run_command
from projgan.errors import UserError
from projgan.generation.sampling import latents_of
from projgan.pictures.grids import grid
from projgan.pictures.pixels import to_uint8
from projgan.plug_and_play import chains
from projgan.plug_and_play.chains import (
    CHAINS,
    PlugAndPlay,
    load_plug_and_play,
    sample_classes,
    seeded_noise,
    step_scale,
)
from projgan.plug_and_play.request import PlugAndPlayRequest
from projgan.plug_and_play.run import InverterRun
from projgan.plug_and_play.sampler import ChainSettings, own_logit, sample_chain
from projgan.plug_and_play.writing import write_samples
from small_runs import Run, assert_one_line_error, changed, files_of, save_blank_classifier


@pytest.fixture
def networks(trained: InverterRun) -> PlugAndPlay:
    return load_plug_and_play(trained)


@pytest.fixture
def request_() -> PlugAndPlayRequest:
    """Two chains of three steps of each of two classes, with a noise that counts."""
    return PlugAndPlayRequest(classes=["3", "8"], count=2, steps=3, prior=0.01, noise=0.1)


def pixels(path: Path) -> torch.Tensor:
    return torch.from_numpy(np.asarray(Image.open(path)).copy())


def test_an_image_is_that_of_its_own_chain_whatever_is_beside_it(
    networks: PlugAndPlay, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, scale = networks.encoder.num_features, step_scale(networks.largest_feature)
    settings = ChainSettings(0.01, 1.0, 0.1, *(scale[0], "normalized", scale[1]))
    monkeypatch.setitem(CHAINS, "cpu", 3)  # lanes of three: the second one is padded
    monkeypatch.setattr(chains, "to_uint8", lambda images: images)  # rounding would hide differences
    many = torch.cat(
        [lane.images for lane in sample_classes(networks, [3, 3, 8, 8], [5, 6, 5, 6], settings, steps=3)]
    )
    for image, label, seed in zip(many, [3, 3, 8, 8], [5, 6, 5, 6], strict=True):
        alone = next(sample_classes(networks, [label], [seed], settings, steps=3)).images
        assert alone[0].equal(image)
    assert not many[0].equal(many[2]), "classes are told apart"
    chain = sample_chain(
        networks.inverter,
        networks.encoder.features,
        lambda images: own_logit(networks.classifier(images), torch.tensor([8, 8, 8])),
        latents_of([6, 6, 6], size),
        settings,
        seeded_noise([6, 6, 6], size),
        steps=3,
    )
    with torch.no_grad():
        torch.testing.assert_close(networks.inverter(chain.features)[0], alone[0], rtol=0, atol=1e-4)


def test_noise_is_normal_and_of_the_seed_and_the_step() -> None:
    draw = seeded_noise([4, 7], 2000)
    first = draw(0)
    assert first.equal(draw(0))
    assert seeded_noise([7], 2000)(0)[0].equal(first[1])
    values = torch.cat([first.flatten(), draw(1).flatten()])
    assert abs(values.mean().item()) < 4 / len(values) ** 0.5
    assert abs(values.var().item() - 1) < 4 * (2 / len(values)) ** 0.5
    assert not first.equal(draw(16))  # of the next sixteen steps
    correlation = torch.corrcoef(torch.stack([first[0], first[1], draw(1)[0]]))
    assert correlation.triu(1).abs().max() < 4 / 2000**0.5


def test_steps_and_clip_have_the_scale_of_the_features() -> None:
    assert step_scale(30.0) == (1.0, (0.0, 30.0))
    assert step_scale(7.5) == (0.25, (0.0, 7.5))


def test_a_folder_and_a_grid_hold_the_same_images(
    trained: InverterRun, request_: PlugAndPlayRequest, tmp_path: Path
) -> None:
    folder = write_samples(trained.path, changed(request_, out=tmp_path / "out"))
    assert [str(path.relative_to(tmp_path / "out")) for path in folder.files] == [
        "3/seed000000.png",
        "3/seed000001.png",
        "8/seed000000.png",
        "8/seed000001.png",
    ]
    picture = write_samples(trained.path, changed(request_, out=tmp_path / "grid.png"))
    images = torch.stack([pixels(path) for path in folder.files])[:, None]
    expected = np.asarray(grid(images, 2, ["3", "8"]))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "grid.png")), expected)
    assert picture.probability == folder.probability
    with torch.no_grad():
        network = load_plug_and_play(InverterRun(trained.path)).encoder
        probabilities = network(images.float() / 128 - 1).softmax(dim=1)[range(4), [3, 3, 8, 8]]
    assert picture.probability == pytest.approx(
        {"3": probabilities[:2].mean().item(), "8": probabilities[2:].mean().item()}
    )


def test_a_folder_half_written_is_gone_on_with(
    trained: InverterRun, request_: PlugAndPlayRequest, tmp_path: Path
) -> None:
    request = changed(request_, out=tmp_path / "out")
    whole = write_samples(trained.path, request)
    before = files_of(tmp_path / "out")
    kept = whole.files[0].stat().st_mtime_ns
    for path in whole.files[1:3]:
        path.unlink()
    again = write_samples(trained.path, request)
    assert files_of(tmp_path / "out") == before
    assert whole.files[0].stat().st_mtime_ns == kept
    assert again == whole
    more = write_samples(trained.path, changed(request, count=3))
    assert len(more.files) == 6
    assert {name: files_of(tmp_path / "out")[name] for name in before} == before


def test_a_folder_of_other_settings_or_other_things_is_refused(
    trained: InverterRun, request_: PlugAndPlayRequest, tmp_path: Path
) -> None:
    request = changed(request_, out=tmp_path / "out")
    write_samples(trained.path, request)
    with pytest.raises(UserError, match=r"has images made with prior 0\.01, not 0\.0; choose another --out"):
        write_samples(trained.path, changed(request, prior=0.0))
    with pytest.raises(UserError, match="not empty, and holds no such images; choose another --out"):
        write_samples(trained.path, changed(request, out=tmp_path))


def test_a_strangers_picture_is_no_image_of_ours(
    trained: InverterRun, request_: PlugAndPlayRequest, tmp_path: Path
) -> None:
    request = changed(request_, out=tmp_path / "out")
    made = write_samples(trained.path, request)
    ours = made.files[0].read_bytes()
    Image.new("L", (8, 8), 255).save(made.files[0])
    with pytest.raises(UserError, match="there already, and not written by projgan"):
        write_samples(trained.path, request)
    assert write_samples(trained.path, changed(request, overwrite=True)) == made
    assert made.files[0].read_bytes() == ours


def test_an_animation_walks_from_the_start_to_the_image(
    trained: InverterRun, request_: PlugAndPlayRequest, tmp_path: Path
) -> None:
    write_samples(trained.path, changed(request_, out=tmp_path / "walk.gif"))
    write_samples(trained.path, changed(request_, out=tmp_path / "end.png"))
    with Image.open(tmp_path / "walk.gif") as animation:
        times, shown = 0, []
        for frame in range(animation.n_frames):
            animation.seek(frame)
            times += animation.info["duration"]
            shown.append(np.asarray(animation.convert("RGB")))
    assert times == 100 * (1 + 3 + 15)
    assert np.array_equal(shown[-1], np.asarray(Image.open(tmp_path / "end.png")))
    networks = load_plug_and_play(InverterRun(trained.path))
    with torch.no_grad():
        start = networks.inverter(latents_of([0, 1, 0, 1], networks.encoder.num_features))
    expected = np.asarray(grid(to_uint8(start), 2, ["3", "8"]))
    assert np.array_equal(shown[0], expected)


def test_any_classifier_of_such_images_may_steer(
    trained: InverterRun, request_: PlugAndPlayRequest, tmp_path: Path
) -> None:
    """Names from a stranger's file do not lead out of the folder."""
    other = save_blank_classifier(tmp_path / "c.safetensors", ("../../even", "odd"))
    request = changed(request_, classifier=other, classes=None, out=tmp_path / "a/b/out")
    written = write_samples(trained.path, request)
    assert written.classes == ("../../even", "odd")
    assert all(path.resolve().is_relative_to(tmp_path / "a/b/out") for path in written.files)
    assert {path.name for path in (tmp_path / "a/b/out").iterdir() if path.is_dir()} == {
        "%2E.%2F..%2Feven",
        "odd",
    }
    larger = save_blank_classifier(tmp_path / "d.safetensors", ("even", "odd"), resolution=16)
    with pytest.raises(
        UserError, match=r"a classifier of resolution 16, but the images of .* have resolution 8"
    ):
        write_samples(trained.path, changed(request, classifier=larger))


def test_networks_that_do_not_belong_together_are_refused(trained: InverterRun, tmp_path: Path) -> None:
    run = InverterRun(tmp_path)
    with pytest.raises(UserError, match=r"no inverter.safetensors there; `projgan inverter` makes one"):
        load_plug_and_play(run)
    run.inverter.write_bytes(trained.inverter.read_bytes())
    torch.manual_seed(1)
    save_blank_classifier(run.encoder, tuple("0123456789"))
    with pytest.raises(UserError, match=r"not the classifier that inverter.safetensors inverts; damaged"):
        load_plug_and_play(run)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"count": 0}, "--count is 0"),
        ({"steps": 0}, "--steps is 0"),
        ({"seed": -1}, "--seed is -1"),
        ({"prior": -1.0}, "--prior is -1.0; it must be at least 0"),
        ({"noise": float("nan")}, "--noise is nan"),
        ({"step_size": 0.0}, "--step-size is 0.0; it must be above 0"),
        ({"clip": 0.0}, "--clip is 0.0; it must be above 0"),
        ({"out": Path("x.jpg")}, "give FILE.png, FILE.gif or a folder"),
        ({"classes": []}, "--class is given without a name"),
        ({"classes": ["three"]}, "unknown class 'three'"),
        ({"count": 5001}, "10,002 images are more than 10,000; ask for fewer"),
        ({"count": 201, "out": Path("x.gif")}, "402 images are more than 400; ask for fewer"),
    ],
)
def test_mistakes_are_one_line(
    trained: InverterRun, request_: PlugAndPlayRequest, change: dict[str, object], words: str
) -> None:
    with pytest.raises(UserError) as error:
        write_samples(trained.path, changed(request_, **change))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run_command(words)
        return code, *capsys.readouterr()

    return run


def test_from_a_classifier_to_a_measured_folder(run: Run, classifier: Path) -> None:
    training = ("inverter", "digits", "--classifier", str(classifier), "--out", "run", "--device", "cpu")
    code, out, _ = run(*training, "--width", "4", "--steps", "3", "--batch-size", "8")
    assert (code, out[:52]) == (0, "run: features of held-out images come back with an e")
    code, out, err = run(*training, "--width", "4", "--steps", "3", "--batch-size", "8", "--json")
    assert code == 0
    assert "nothing to do" in err
    assert json.loads(out)["finished"] is True
    words = ("plug-and-play", "run", "--count", "1", "--steps", "2", "--device", "cpu", "--out", "made")
    code, out, _ = run(*words, "--classifier", str(classifier), "--prior", "0.01", "--json")
    assert code == 0
    written = json.loads(out)
    assert len(written["files"]) == 10
    assert written["settings"]["prior"] == 0.01
    features = f"classifier:{save_blank_classifier(Path('judge.safetensors'), tuple('0123456789'))}"
    measured = ("evaluate", "made", "--data", "digits", "--features", features, "--generated-images", "10")
    code, out, _ = run(*measured, "--metrics", "accuracy_top1", "--cache", "cache", "--json")
    assert code == 0
    assert json.loads(out)[0]["measurement"]["generated_images"] == 10


def test_mistakes_on_the_command_line(run: Run) -> None:
    line = assert_one_line_error(*run("plug-and-play", "nowhere", "--class", "dog"))
    assert "nowhere: no such file or run" in line


def test_sixteen_steps_are_drawn_at_once_and_none_without_noise(
    networks: PlugAndPlay, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    real = chains.generator_at
    monkeypatch.setattr(chains, "generator_at", lambda *given: (drawn.append(given[2]), real(*given))[1])
    for noise, wanted in ((0.1, [0] * 32 + [1] * 32), (0.0, [])):
        list(sample_classes(networks, [3], [5], ChainSettings(noise=noise), steps=18))
        assert drawn == wanted
        drawn.clear()


@pytest.mark.parametrize("command", ["sample", "morph", "plug-and-play"])
def test_a_gpu_that_is_not_there_is_one_line(
    command: str, trained: InverterRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    run = str(trained.path) if command == "plug-and-play" else "digits"
    code = run_command([command, run, "--device", "cuda"])
    assert "torch sees no GPU here" in assert_one_line_error(code, *capsys.readouterr())
