import pytest

from fabricated_runs import UNCONDITIONAL, run_in_memory
from projgan.errors import UserError
from projgan.report.methods import group_runs


def test_runs_that_differ_in_seed_and_what_may_change_on_resuming_are_one_method() -> None:
    runs = [
        run_in_memory("b", training__seed=2, training__log_every=7, sampling__columns=3),
        run_in_memory("c", discriminator__condition="ac-gan"),
        run_in_memory("a", training__seed=1, data__source="/elsewhere/digits"),
    ]
    methods = group_runs(runs)
    assert [method.name for method in methods] == ["projection", "ac-gan"]
    assert [[run.name for run in method.runs] for method in methods] == [["a", "b"], ["c"]]
    assert methods[1].settings == {"discriminator.condition": "ac-gan"}


def test_a_name_says_what_is_needed_to_tell_methods_apart_and_the_settings_say_all() -> None:
    methods = group_runs(
        [
            run_in_memory("a"),
            run_in_memory("b", generator__width=4, discriminator__width=4, training__ema_decay=None),
            run_in_memory("c", discriminator__condition="ac-gan", loss__adversarial="standard"),
            run_in_memory("d", **UNCONDITIONAL),
        ]
    )
    assert [method.name for method in methods] == [
        "projection, width 8",
        "projection, width 4",
        "ac-gan, width 8",
        "unconditional, width 8",
    ]
    assert list(methods[0].settings) == [
        "discriminator.condition",
        "generator.width",
        "generator.condition",
        "discriminator.width",
        "loss.adversarial",
        "training.ema_decay",
    ]
    assert methods[1].settings["training.ema_decay"] is None
    assert methods[0].unnamed == ("discriminator.width", "loss.adversarial", "training.ema_decay")


def test_values_are_named_as_people_say_them() -> None:
    flipped = group_runs([run_in_memory("a"), run_in_memory("b", data__horizontal_flip=True)])
    assert [method.name for method in flipped] == ["horizontal flip off", "horizontal flip on"]
    looking = {"discriminator__architecture": "projected", "discriminator__input_size": 32}
    seen = group_runs([run_in_memory("a"), run_in_memory("b", data__horizontal_flip=True, **looking)])
    assert [method.name for method in seen] == ["architecture resnet-8", "architecture projected"]
    betas = group_runs([run_in_memory("a"), run_in_memory("b", optimizer__betas=[0.5, 0.9])])
    assert [method.name for method in betas] == ["betas 0.0 0.9", "betas 0.5 0.9"]
    widths = group_runs(
        [
            run_in_memory("a"),
            run_in_memory("b", generator__width=4),
            run_in_memory("c", discriminator__width=4),
        ]
    )
    assert [method.name for method in widths] == [
        "generator width 8, discriminator width 8",
        "generator width 4, discriminator width 8",
        "generator width 8, discriminator width 4",
    ]


def test_one_method_is_named_by_its_condition() -> None:
    (method,) = group_runs([run_in_memory("a"), run_in_memory("b", training__seed=1)])
    assert method.name == "projection"
    assert method.settings == {}


def test_one_seed_twice_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"^a and b are one method with one seed \(3\), which would count twice"
    ):
        group_runs([run_in_memory("a", training__seed=3), run_in_memory("b", training__seed=3)])
