import time
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from projgan.config import (
    MEETING_HEADS,
    MEETING_IMAGES,
    RESUMABLE_KEYS,
    Architecture,
    DataConfig,
    RunConfig,
    check_config,
    differing_keys,
    dump_config,
    load_config,
    preset_names,
    read_preset,
)
from projgan.config.request import ImagesRequest
from projgan.config.sections import Augmentation
from projgan.errors import UserError
from projgan.losses import ADVERSARIAL_LOSSES
from projgan.networks.augmentation import CHANGES
from projgan.networks.conditions import CONDITIONS
from projgan.networks.projected import HEAD_CONDITIONS
from projgan.networks.shapes import DISCRIMINATORS, GENERATORS, SUPER_RESOLUTION
from projgan.networks.super_resolution import IMAGE_CONDITIONS


def checked(**sections: object) -> RunConfig:
    return check_config(sections, "here")


def refusal(**sections: object) -> str:
    with pytest.raises(UserError) as caught:
        checked(**sections)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 600
    return message.removeprefix("here: ")


# --- the paper's settings -------------------------------------------------------------------------


def test_defaults_are_the_papers_cifar_10_settings() -> None:
    """Section 3 of the paper's facts: alpha 2e-4, beta 0 and 0.9, batch 64, n_dis 5, hinge, 50K updates."""
    config = RunConfig()
    assert (config.optimizer.learning_rate, config.optimizer.betas) == (2e-4, (0.0, 0.9))
    assert (config.optimizer.epsilon, config.training.steps) == (1e-8, 50_000)
    assert (config.training.batch_size, config.training.discriminator_updates) == (64, 5)
    assert (config.generator.latent_size, config.loss.adversarial) == (128, "hinge")
    assert (config.data.horizontal_flip, config.data.random_crop, config.data.dequantize) == (
        False,
        None,
        True,
    )


def test_choices_are_the_tables_of_the_networks() -> None:
    assert set(get_args(Architecture)) == DISCRIMINATORS.keys() | SUPER_RESOLUTION.keys()
    assert GENERATORS.keys() == DISCRIMINATORS.keys() | {"resnet-32-tapered"}
    assert HEAD_CONDITIONS.keys() == MEETING_HEADS
    assert IMAGE_CONDITIONS.keys() == MEETING_IMAGES
    fields = {
        "condition": (RunConfig().discriminator, CONDITIONS),
        "adversarial": (RunConfig().loss, ADVERSARIAL_LOSSES),
    }
    for name, (section, table) in fields.items():
        assert set(get_args(type(section).model_fields[name].annotation)) == table.keys()
    assert set(get_args(Augmentation)) == CHANGES.keys()
    resolutions = {shape.resolution for shape in GENERATORS.values()}
    assert set(get_args(DataConfig.model_fields["resolution"].annotation)) == resolutions


@pytest.mark.parametrize("preset", preset_names())
def test_every_preset_survives_being_written_and_read(preset: str, tmp_path: Path) -> None:
    config = load_config(preset)
    path = tmp_path / "config.yaml"
    path.write_text(dump_config(config))
    again = load_config(str(path))
    assert again == config
    assert differing_keys(config, again) == {}
    given, _ = read_preset(preset)
    dumped = config.model_dump(mode="json")
    for section, keys in given.items():  # what the file says is what the run does
        for key, value in keys.items():
            assert dumped[section][key] == value


def test_unusual_values_survive_too(tmp_path: Path) -> None:
    config = checked(
        data={"source": "a: b # c", "random_crop": 0.9, "cache": "/x y/z", "split": "yes"},
        optimizer={"betas": [0.5, 0.999], "decay_start": 0, "decay_end": 70_000, "learning_rate": 1e-30},
        training={"generator_batch_size": 3, "ema_decay": 0.5, "seed": 2**63 - 1},
        sampling={"every": None},
    )
    path = tmp_path / "config.yml"
    path.write_text(dump_config(config))
    assert load_config(str(path)) == config


def test_a_configuration_cannot_be_changed() -> None:
    config = RunConfig()
    with pytest.raises(ValueError, match="frozen"):
        config.training.steps = 3
    with pytest.raises(ValueError, match="frozen"):
        config.training = None


def test_differing_keys_and_those_that_may_differ() -> None:
    one = checked(training={"steps": 3, "seed": 1})
    other = checked(training={"steps": 4, "seed": 1}, data={"horizontal_flip": True})
    assert differing_keys(one, other) == {
        "training.steps": (3, 4),
        "data.horizontal_flip": (False, True),
    }
    known = {f"{section}.{key}" for section, keys in one.model_dump().items() for key in keys}
    assert known >= RESUMABLE_KEYS
    assert not RESUMABLE_KEYS & {"training.batch_size", "training.seed", "optimizer.learning_rate"}


# --- the command line's words ---------------------------------------------------------------------


@pytest.mark.parametrize("word", ["None", "none", "null", None])
def test_none_is_off(word: str | None) -> None:
    config = checked(
        data={"random_crop": word, "split": word, "cache": word},
        generator={"width": word, "condition": word},
        discriminator={"condition": "unconditional", "width": word},
        optimizer={"decay_start": word, "decay_end": word},
        training={"ema_decay": word, "generator_batch_size": word},
        sampling={"every": word},
        evaluation={"metrics": [word] if word else None},  # as a command line gives several values
    )
    assert config == checked(
        generator={"condition": None}, discriminator={"condition": "unconditional"}, sampling={"every": None}
    )


def test_multi_hinge_is_a_hinge_loss() -> None:
    checked(discriminator={"condition": "multi-hinge"})
    message = refusal(discriminator={"condition": "multi-hinge"}, loss={"adversarial": "standard"})
    assert message.startswith(
        "loss.adversarial is standard, but discriminator.condition multi-hinge is a hinge"
    )


@pytest.mark.parametrize("kind", ["multi-hot", "vector"])
@pytest.mark.parametrize("method", sorted(CONDITIONS.keys() - {"unconditional"}))
def test_which_methods_take_which_conditions(kind: str, method: str) -> None:
    """Those whose loss classifies need one class; the others take anything."""
    sections = {"data": {"condition": kind}, "discriminator": {"condition": method}}
    if method in {"projection", "input-concat", "hidden-concat", "output-concat"}:
        checked(**sections)
    else:
        expected = (
            f"discriminator.condition {method} tells one class from the others, but data.condition is {kind}"
        )
        assert refusal(**sections).startswith(expected)


def test_projection_takes_chosen_columns_and_the_quadratic_term() -> None:
    data = {"condition": "vector", "condition_columns": ["age"]}
    assert checked(data=data, discriminator={"quadratic_term": True}).data.condition_columns == ("age",)


def test_settings_of_other_conditions_are_refused_with_one_class() -> None:
    message = refusal(discriminator={"quadratic_term": True})
    assert message.endswith("vector or multi-hot, not to projection and class: turn it off")
    message = refusal(
        data={"condition": "vector"}, discriminator={"quadratic_term": True, "condition": "input-concat"}
    )
    assert message.endswith("not to input-concat and vector: turn it off")
    assert "data.condition is class: name its kind too" in refusal(data={"condition_columns": ["age"]})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "data.condition",
            "class",
            "generator.architecture is super-resolution-16-64, but data.condition is",
        ),
        (
            "generator.architecture",
            "resnet-64",
            "generator.architecture is resnet-64, but data.condition is low",
        ),
        ("discriminator.architecture", "resnet-64", "discriminator.architecture is resnet-64, but data.cond"),
        (
            "generator.condition",
            "conditional-batch-norm",
            "generator.condition is conditional-batch-norm, but",
        ),
        (
            "discriminator.condition",
            "ac-gan",
            "discriminator.condition ac-gan tells one class from the others",
        ),
        (
            "discriminator.condition",
            "input-concat",
            "discriminator.condition is input-concat, but an image can",
        ),
        ("discriminator.hidden_block", 2, "discriminator.hidden_block is given, but a low-resolution image"),
        ("discriminator.augmentation", ["cutout"], "discriminator.augmentation changes images, but not the"),
        ("evaluation.every", 100, "evaluation.every measures generators of classes: turn it off, and"),
        (
            "data.resolution",
            128,
            "generator.architecture is super-resolution-16-64, but data.resolution is 128",
        ),
    ],
)
def test_super_resolution_is_a_whole(key: str, value: object, message: str) -> None:
    settings = load_config("super-resolution-16-64").model_dump()
    section, name = key.split(".")
    settings[section][name] = value
    assert refusal(**settings).startswith(message)
    settings = load_config("super-resolution-16-64").model_dump()
    settings["discriminator"]["condition"] = "hidden-concat"
    checked(**settings)


def test_words_that_are_numbers() -> None:
    config = checked(
        data={"resolution": "8", "channels": "1"},
        generator={"architecture": "resnet-8"},
        discriminator={"architecture": "resnet-8"},
        training={"steps": "12"},
        optimizer={"learning_rate": "1e-3"},
    )
    assert (config.data.resolution, config.data.channels, config.training.steps) == (8, 1, 12)
    assert config.optimizer.learning_rate == 1e-3


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"trainig": {}}, "unknown key trainig; did you mean 'training'?"),
        ({"training": {"stesp": 1}}, "unknown key training.stesp; did you mean 'training.steps'?"),
        ({"data": {"flip": True}}, "unknown key data.flip; did you mean 'data.fit'?"),
        ({"training": {"steps": "many"}}, "training.steps is 'many': "),
        ({"training": {"steps": 0}}, "training.steps is 0: input should be greater than 0"),
        ({"training": {"steps": 1.5}}, "training.steps is 1.5: "),
        ({"training": {"steps": None}}, "training.steps is None: "),
        ({"training": {"steps": [1]}}, "training.steps is [1]: "),
        ({"training": 3}, "training is 3: "),
        ({"optimizer": {"betas": [0.0]}}, "optimizer.betas"),
        ({"optimizer": {"betas": [0.0, 1.0]}}, "optimizer.betas.1 is 1.0: input should be less than 1"),
        ({"optimizer": {"learning_rate": float("nan")}}, "optimizer.learning_rate is nan: "),
        ({"optimizer": {"learning_rate": float("inf")}}, "optimizer.learning_rate is inf: "),
        ({"optimizer": {"epsilon": float("inf")}}, "optimizer.epsilon is inf: "),
        (
            {"data": {"resolution": 16}},
            "data.resolution is 16: input should be 8, 32, 48, 64, 96, 128, 256 or 512",
        ),
        (
            {"data": {"resolution": "²"}},
            "data.resolution is '²': input should be 8, 32, 48, 64, 96, 128, 256 or 512",
        ),
        ({"data": {"random_crop": 0}}, "data.random_crop is 0: input should be greater than or equal to 0.5"),
        ({"data": {"random_crop": 1.1}}, "data.random_crop is 1.1: input should be less than or equal to 1"),
        ({"generator": {"architecture": "resnet-33"}}, "generator.architecture is 'resnet-33': "),
        (
            {"loss": {"adversarial": "wasserstein"}},
            "loss.adversarial is 'wasserstein': input should be 'hinge'",
        ),
        (
            {"optimizer": {"decay_start": 3}},
            "optimizer.decay_start and optimizer.decay_end go together: give both or neither",
        ),
        (
            {"optimizer": {"decay_start": 3, "decay_end": 3}},
            "optimizer.decay_end (3) must be after optimizer.decay_start (3): lower the start too",
        ),
        (
            {"data": {"resolution": 64}},
            "generator.architecture is resnet-32, but data.resolution is 64: choose both for one resolution",
        ),
        (
            {"generator": {"architecture": "resnet-64"}},
            "generator.architecture is resnet-64, but data.resolution is 32: choose both for one resolution",
        ),
        (
            {"discriminator": {"architecture": "resnet-128-small"}},
            "discriminator.architecture is resnet-128-small, but data.resolution is 32",
        ),
        (
            {"generator": {"condition": None}},
            "generator.condition is None and discriminator.condition is projection: either both",
        ),
        (
            {"discriminator": {"condition": "unconditional"}},
            "generator.condition is conditional-batch-norm and discriminator.condition is unconditional",
        ),
        (
            {"discriminator": {"augmentation": ["translation,cutout"]}},  # as a command line has it
            "discriminator.augmentation.0 is 'translation,cutout': input should be 'colour', 'translation' "
            "or 'cutout'; give several as words of their own, --discriminator.augmentation translation "
            "cutout, or as a list in YAML, [translation, cutout]",
        ),
        (
            {"optimizer": {"betas": "0,0.9"}},  # as YAML has it
            "optimizer.betas is '0,0.9': input should be a valid tuple; give several as words of their own, "
            "--optimizer.betas 0 0.9, or as a list in YAML, [0, 0.9]",
        ),
        ({"training": {"s\nteps\x1b": 1}}, "unknown key "),
        ({"training": {"steps": "x" * 10**6}}, "training.steps is 'xxx"),
        ({"training": {"x" * 10**6: 1}}, "unknown key training.xxx"),
    ],
)
def test_mistakes_are_one_line_that_names_the_key(sections: dict[str, Any], message: str) -> None:
    assert refusal(**sections).startswith(message)


def test_unknown_presets_name_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^unknown preset 'dmeo'; did you mean 'demo'\?$"):
        read_preset("dmeo")
    with pytest.raises(UserError, match=r"none\.yaml: no such file; give a YAML file or a preset's name$"):
        read_preset(str(tmp_path / "none.yaml"))
    for name in ("../presets/demo", "demo.", "", "/etc/passwd"):
        with pytest.raises(UserError, match=r"^unknown preset "):
            read_preset(name)


@pytest.fixture
def written(tmp_path: Path) -> Any:
    def write(text: str | bytes) -> str:
        path = tmp_path / "x.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


@pytest.mark.parametrize(
    "text",
    [
        *("", "3", "- data", "data", "data: 3", "data:\n", "data: [1]", "{a: {}, b: 1}", "1: {}"),
        *("data: {1: 2}", "data: &a {source: *a}", "data: {source: &a [*a]}", "data: {source: {}}"),
    ],
)
def test_yaml_that_is_no_mapping_of_sections(text: str, written: Any) -> None:
    with pytest.raises(UserError, match=r"x\.yaml: expected sections \(data, generator, discriminator, loss"):
        load_config(written(text))


@pytest.mark.parametrize(
    "text", ["{", "a: b: c", "\t- x", "'", "[" * 100_000, b"\xff\xfe\x00", "a: &a *a", "%YAML 3.0\n---"]
)
def test_what_is_not_yaml(text: str | bytes, written: Any) -> None:
    with pytest.raises(UserError) as caught:
        load_config(written(text))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.mkdir ['{mark}']", "!!python/object/new:os.mkdir ['{mark}']"]
)
def test_python_in_yaml_is_not_run(tag: str, written: Any, tmp_path: Path) -> None:
    mark = tmp_path / "it ran"
    text = "data:\n  source: " + tag.format(mark=mark)
    with pytest.raises(UserError, match="not valid YAML: could not determine a constructor for the tag"):
        load_config(written(text))
    assert not mark.exists()
    yaml.unsafe_load(text)  # the payload itself does work
    assert mark.exists()


def test_a_file_too_large_to_be_a_configuration(written: Any) -> None:
    with pytest.raises(UserError, match="larger than 1 MiB, so not a configuration"):
        load_config(written("#" * (2**20 + 1)))


@pytest.mark.parametrize("key", ["source", "resolution", "evil"])
def test_a_bomb_of_aliases_is_refused_at_once(written: Any, key: str) -> None:
    """A billion lists in four hundred bytes: to print the value is to run out of memory."""
    lines = ["data:", "  cache: &b0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"  k{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 9)}]" for n in range(1, 12)]
    text = "\n".join([*lines, f"  {key}: *b11"])
    start = time.monotonic()
    with pytest.raises(UserError, match="expected sections"):
        load_config(written(text))
    refusal(data={key: yaml.safe_load(text)["data"][key]})  # nor does the check itself write it out
    assert time.monotonic() - start < 5


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = {name: list(field.annotation.model_fields) for name, field in RunConfig.model_fields.items()}


@given(
    st.sampled_from([(section, key) for section, keys in KEYS.items() for key in keys]),
    JSON,
)
def test_any_value_anywhere_is_taken_or_refused_in_one_line(place: tuple[str, str], value: object) -> None:
    section, key = place
    try:
        config = checked(**{section: {key: value}})
    except UserError:
        refusal(**{section: {key: value}})
    else:
        assert check_config(yaml.safe_load(dump_config(config)), "again") == config


def test_what_is_said_of_images_stands_in_place_of_a_runs_settings() -> None:
    of_run = DataConfig(source="photos", split="train", on_unreadable="skip", resolution=64)
    asked = ImagesRequest(split="test", cache=Path("here"))
    assert asked.of(of_run) == DataConfig(
        source="photos", split="test", on_unreadable="skip", resolution=64, cache=Path("here")
    )
    assert ImagesRequest().of(of_run) == of_run
    assert ImagesRequest(on_unreadable="error").of(of_run).on_unreadable == "error"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("training:\n  seed: 7\ntraining:\n  steps: 10", "training stands twice (line 3)"),
        ("training: {seed: 7, steps: 10, seed: 8}", "seed stands twice (line 1)"),
        ("training:\n  steps: 1:30", "training.steps is '1:30'"),
    ],
)
def test_yaml_is_read_as_people_mean_it(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "odd.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        load_config(str(tmp_path / "odd.yaml"))
    assert words in str(caught.value)


def test_a_number_with_a_zero_before_it_is_not_octal(tmp_path: Path) -> None:
    (tmp_path / "zero.yaml").write_text(
        "training:\n  steps: 010\n  seed: 1_000\noptimizer:\n  learning_rate: 2e-4\n  betas: [.5, 0.9]\n"
        "  decay_start: ~\n  decay_end: null\nloss:\n  class_weight: 0\ndata:\n  horizontal_flip: yes\n"
    )
    config = load_config(str(tmp_path / "zero.yaml"))
    assert (config.training.steps, config.training.seed) == (10, 1000)
    assert (config.optimizer.learning_rate, config.optimizer.betas) == (2e-4, (0.5, 0.9))
    assert (config.loss.class_weight, config.data.horizontal_flip) == (0, True)
