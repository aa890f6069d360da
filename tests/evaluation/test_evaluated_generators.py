"""What a generator is asked for: the classes, seeds and vectors of the protocol."""

import pytest
import torch

from levelled_images import NAMES, SUBJECT, by_name, classes, evaluator, generator
from projgan.errors import UserError
from projgan.evaluation.image_sources import GeneratorImages, RealConditions
from projgan.evaluation.protocol import choose_protocol
from projgan.generation.sampling import sample
from projgan.networks.resnet import Generator


def test_a_generator_is_asked_for_the_classes_and_seeds_of_the_protocol() -> None:
    images = GeneratorImages(generator(), NAMES, SUBJECT)
    draw = images.draw(
        choose_protocol("standard", None, 30),
        RealConditions(torch.tensor([0, 0, 1]), torch.arange(3)),
        seed=40,
    )
    assert torch.bincount(draw.labels, minlength=3).tolist() == [20, 10, 0]
    expected = torch.cat(list(sample(generator(), list(range(40, 70)), draw.labels)))
    assert torch.equal(torch.cat(list(draw.read(torch.arange(30)))), expected)
    assert torch.equal(torch.cat(list(draw.read(torch.tensor([29, 3])))), expected[[29, 3]])
    images.truncation = 0.5
    truncated = torch.cat(list(sample(generator(), list(range(40, 70)), draw.labels, 0.5)))
    assert torch.equal(torch.cat(list(draw.read(torch.arange(30)))), truncated)


def test_an_unconditional_generator_has_no_numbers_within_classes() -> None:
    torch.manual_seed(0)
    plain = Generator("resnet-8", channels=1, num_classes=None, latent_size=4, width=4).eval()
    rows = by_name(evaluator(classes(60, 0)).measure(GeneratorImages(plain, NAMES, SUBJECT)))
    assert {"fd", "kd", "precision", "density"} < rows.keys()
    assert not {"intra_fd", "accuracy_top1", "within_class_ms_ssim"} & rows.keys()
    with pytest.raises(UserError, match="intra_fd is measured within classes, and these images have none"):
        evaluator(classes(60, 0), metrics=["intra-fd"]).measure(GeneratorImages(plain, NAMES, SUBJECT))


def test_a_generator_of_vectors_is_given_those_of_real_images() -> None:
    vectors = torch.randn(7, 3)
    images = GeneratorImages(generator(), ("age", "height", "width"), SUBJECT, kind="vector")
    assert images.class_names is None
    real = RealConditions(torch.zeros(7, dtype=torch.int64), torch.arange(1), vectors=vectors)
    draw = images.draw(choose_protocol("standard", None, 14), real, seed=3)
    made = torch.cat(list(draw.read(torch.arange(14))))
    # Each real vector twice, in two random orders: found by making every image of every vector.
    rows = [
        next(
            row
            for row, vector in enumerate(vectors)
            if torch.equal(next(sample(generator(), [3 + place], vector[None])), image[None])
        )
        for place, image in enumerate(made)
    ]
    assert sorted(rows[:7]) == sorted(rows[7:]) == list(range(7))
    assert rows[:7] != rows[7:]
    data = classes(70, 0)
    measure = evaluator(data, vectors=torch.randn(70, 3), metrics=["fd"]).measure
    assert measure(images)[0].measurement.generated_images == 70
