import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from projgan.networks.conditions import CONDITIONS, DiscriminatorOutput, Projection, Unconditional

F64 = torch.float64


def used(layer: torch.nn.Module) -> np.ndarray:
    """Weight over sigma, sigma by hand as in evaluation: |W'u|."""
    weight = layer.weight.detach().numpy()
    return weight / np.linalg.norm(layer.u.numpy() @ weight)


@pytest.fixture
def projection() -> Projection:
    head = Projection(6, 5, linear_bias=True).double().eval()
    torch.nn.init.normal_(head.marginal.bias)
    return head


def test_the_logit_is_the_inner_product_plus_the_marginal(projection: Projection) -> None:
    features, labels = torch.randn(4, 6, dtype=F64), torch.tensor([4, 0, 0, 2])
    output = projection(features, labels)
    phi = features.numpy()
    marginal = phi @ used(projection.marginal)[0] + projection.marginal.bias.item()
    conditional = (phi * used(projection.embedding)[labels]).sum(axis=1)
    np.testing.assert_allclose(output.marginal.detach(), marginal, atol=1e-13)
    np.testing.assert_allclose(output.conditional.detach(), conditional, atol=1e-13)
    np.testing.assert_allclose(output.logits.detach(), marginal + conditional, atol=1e-13)
    assert output.class_logits is None


def test_two_labels_differ_by_the_inner_product_of_their_difference(projection: Projection) -> None:
    features = torch.randn(1, 6, dtype=F64)
    table = used(projection.embedding)
    for one in range(5):
        for other in range(5):
            logits = [projection(features, torch.tensor([label])).logits.item() for label in (one, other)]
            expected = (table[one] - table[other]) @ features[0].numpy()
            assert logits[0] - logits[1] == pytest.approx(expected, abs=1e-12)


def test_features_along_a_class_vector_speak_for_that_class(projection: Projection) -> None:
    """The sign: phi = e_y gives |e_y|^2, so more of y in the features means more real."""
    table = used(projection.embedding)
    output = projection(torch.from_numpy(table), torch.arange(5))
    np.testing.assert_allclose(output.conditional.detach(), (table**2).sum(axis=1), atol=1e-13)


def test_one_hot_and_mixed_weights(projection: Projection) -> None:
    features, labels = torch.randn(3, 6, dtype=F64), torch.tensor([1, 2, 4])
    by_label = projection(features, labels)
    by_weight = projection(features, F.one_hot(labels, 5).double())
    assert torch.equal(by_weight.logits, by_label.logits)
    mixed = projection(features[:1], torch.tensor([[0.3, 0, 0, 0, 0.7]], dtype=F64)).conditional.item()
    ends = [projection(features[:1], torch.tensor([label])).conditional.item() for label in (0, 4)]
    assert mixed == pytest.approx(0.3 * ends[0] + 0.7 * ends[1], abs=1e-13)


def test_an_output_bias_is_there_only_where_asked_for() -> None:
    features = torch.zeros(2, 6)
    for kind in (Projection, Unconditional):
        without, bias = kind(6, 5, linear_bias=False), kind(6, 5, linear_bias=True)
        assert without.marginal.bias is None
        torch.nn.init.constant_(bias.marginal.bias, 2.5)
        assert bias(features, torch.tensor([0, 1])).logits.tolist() == [2.5, 2.5]
        assert without(features, torch.tensor([0, 1])).logits.tolist() == [0, 0]


def test_unconditional_ignores_the_label() -> None:
    head = Unconditional(6, 5, linear_bias=False).double().eval()
    features = torch.randn(3, 6, dtype=F64)
    expected = features.numpy() @ used(head.marginal)[0]
    for condition in (None, torch.tensor([0, 0, 0]), torch.tensor([4, 3, 1])):
        output = head(features, condition)
        np.testing.assert_allclose(output.logits.detach(), expected, atol=1e-13)
        np.testing.assert_array_equal(output.marginal.detach(), output.logits.detach())
        assert not output.conditional.any()


def numbered(class_logits: Tensor | None) -> DiscriminatorOutput:
    return DiscriminatorOutput(
        torch.arange(5.0), torch.arange(5.0) + 10, torch.arange(5.0) + 20, class_logits
    )


def test_split_cuts_every_part_at_the_same_place() -> None:
    first, rest = numbered(torch.arange(10.0).view(5, 2)).split(2)
    assert first.logits.tolist() == [0, 1]
    assert first.marginal.tolist() == [10, 11]
    assert first.conditional.tolist() == [20, 21]
    assert first.class_logits.tolist() == [[0, 1], [2, 3]]
    assert rest.logits.tolist() == [2, 3, 4]
    assert rest.marginal.tolist() == [12, 13, 14]
    assert rest.conditional.tolist() == [22, 23, 24]
    assert rest.class_logits.tolist() == [[4, 5], [6, 7], [8, 9]]
    assert [part.class_logits for part in numbered(None).split(1)] == [None, None]


def test_float_keeps_the_values_and_the_parts_apart() -> None:
    half = DiscriminatorOutput(*(torch.tensor([value]).bfloat16() for value in (1.5, 2.5, -1.0)))
    full = half.float()
    for part, value in ((full.logits, 1.5), (full.marginal, 2.5), (full.conditional, -1.0)):
        assert (part.dtype, part.item()) == (torch.float32, value)


def test_names_of_configurations() -> None:
    assert {"projection": Projection, "unconditional": Unconditional} == CONDITIONS
