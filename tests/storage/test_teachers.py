from projgan.storage.pretrained import SHA256
from projgan.storage.teachers import teachers_of
from small_runs import small_config


def test_what_it_looks_through_and_what_guides_it_are_teachers() -> None:
    settings = small_config({"discriminator.architecture": "projected"}).model_dump(mode="json")
    assert teachers_of(settings) == (SHA256,)
    guided = settings | {"finetuning": {"classifier_sha256": "a" * 64}}
    assert teachers_of(guided) == (SHA256, "a" * 64)
    assert teachers_of(guided | {"finetuning": {"classifier_sha256": SHA256}}) == (SHA256,)
    continued = guided | {"training": {"earlier_teachers": ["b" * 64, "a" * 64]}}
    assert teachers_of(continued) == ("b" * 64, "a" * 64, SHA256)
    assert teachers_of(small_config().model_dump(mode="json")) == ()


def test_settings_of_a_stranger_say_nothing_if_they_are_not_settings() -> None:
    assert teachers_of({}) == ()
    assert teachers_of({"training": {"earlier_teachers": "a" * 64}}) == ()
    assert teachers_of({"training": {"earlier_teachers": [1, "../.."]}}) == ()
    assert teachers_of({"discriminator": "projected", "finetuning": {"classifier_sha256": "../.."}}) == ()
