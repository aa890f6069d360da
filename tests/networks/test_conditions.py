import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from projgan.networks.conditions import (
    CONDITIONS,
    AuxiliaryClassifier,
    ConditionShape,
    DataToData,
    DiscriminativeClassifier,
    DiscriminatorOutput,
    HiddenConcat,
    InputConcat,
    MultiHinge,
    OutputConcat,
    Projection,
    TwinAuxiliaryClassifiers,
    Unconditional,
)
from projgan.networks.resnet import Discriminator

F64 = torch.float64


def used(layer: torch.nn.Module) -> np.ndarray:
    """Weight over sigma, sigma by hand as in evaluation: |W'u|."""
    weight = layer.weight.detach().numpy()
    return weight / np.linalg.norm(layer.u.numpy() @ weight)


@pytest.fixture
def projection() -> Projection:
    head = Projection(ConditionShape(5, 6)).double().eval()
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
        without, bias = kind(ConditionShape(5, 6, linear_bias=False)), kind(ConditionShape(5, 6))
        assert without.marginal.bias is None
        torch.nn.init.constant_(bias.marginal.bias, 2.5)
        assert bias(features, torch.tensor([0, 1])).logits.tolist() == [2.5, 2.5]
        assert without(features, torch.tensor([0, 1])).logits.tolist() == [0, 0]


def test_unconditional_ignores_the_label() -> None:
    head = Unconditional(ConditionShape(5, 6, linear_bias=False)).double().eval()
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
    assert {
        "projection": Projection,
        "input-concat": InputConcat,
        "hidden-concat": HiddenConcat,
        "output-concat": OutputConcat,
        "ac-gan": AuxiliaryClassifier,
        "tac-gan": TwinAuxiliaryClassifiers,
        "adc-gan": DiscriminativeClassifier,
        "d2d-ce": DataToData,
        "multi-hinge": MultiHinge,
        "unconditional": Unconditional,
    } == CONDITIONS


SMALL = ConditionShape(num_classes=3, num_features=2, hidden_block=2, embedding_size=4)


def test_input_concat_appends_one_hot_maps_at_the_image_only() -> None:
    images = torch.arange(8.0).view(2, 1, 2, 2)
    joined = InputConcat(SMALL).join(images, torch.tensor([2, 0]), block=0)
    assert joined.tolist() == [
        [[[0, 1], [2, 3]], [[0, 0], [0, 0]], [[0, 0], [0, 0]], [[1, 1], [1, 1]]],
        [[[4, 5], [6, 7]], [[1, 1], [1, 1]], [[0, 0], [0, 0]], [[0, 0], [0, 0]]],
    ]
    mixed = InputConcat(SMALL).join(images[:1], torch.tensor([[0.25, 0.0, 0.75]]), block=0)
    assert mixed[0, 1:, 0, 0].tolist() == [0.25, 0, 0.75]
    assert InputConcat(SMALL).join(images, torch.tensor([2, 0]), block=1) is images


def test_hidden_concat_appends_the_normalised_embedding_after_its_block_only() -> None:
    method = HiddenConcat(SMALL).double().eval()
    hidden = torch.randn(2, 3, 2, 2, dtype=F64)
    joined = method.join(hidden, torch.tensor([1, 2]), block=2)
    assert torch.equal(joined[:, :3], hidden)
    for row, label in enumerate((1, 2)):
        for pixel in joined[row, 3:].flatten(1).T:
            np.testing.assert_allclose(pixel.detach(), used(method.embedding)[label], atol=1e-13)
    for block in (0, 1, 3):
        assert method.join(hidden, torch.tensor([1, 2]), block=block) is hidden


def test_output_concat_by_hand() -> None:
    """Identity maps with one negative row: relu([phi, e]) summed, with sigma of each map worked out."""
    method = OutputConcat(ConditionShape(num_classes=2, num_features=1, embedding_size=1)).double().eval()
    with torch.no_grad():
        method.embedding.weight.copy_(torch.tensor([[3.0], [4.0]]))  # sigma 5
        method.hidden.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, -2.0]]))  # sigma 2
        method.hidden.bias.copy_(torch.tensor([0.0, 1.0]))
        method.marginal.weight.copy_(torch.tensor([[0.6, 0.8]], dtype=F64))  # sigma 1
        method.marginal.bias.fill_(0.5)
        for layer, u in (
            (method.embedding, [0.6, 0.8]),
            (method.hidden, [1.0, 0.0]),
            (method.marginal, [1.0]),
        ):
            layer.u.copy_(torch.tensor(u, dtype=F64))
    output = method(torch.tensor([[0.3], [0.3]], dtype=F64), torch.tensor([0, 1]))
    # label 0: e = 0.6, hidden (0.3, 1 - 0.6 = 0.4); label 1: e = 0.8, hidden (0.3, 0.2)
    expected = [0.6 * 0.3 + 0.8 * 0.4 + 0.5, 0.6 * 0.3 + 0.8 * 0.2 + 0.5]
    assert output.logits.tolist() == pytest.approx(expected, abs=1e-12)
    assert (output.marginal, output.conditional, output.class_logits) == (None, None, None)


def test_ac_gan_judges_without_the_label_and_classifies() -> None:
    method = AuxiliaryClassifier(SMALL).double().eval()
    features = torch.randn(2, 2, dtype=F64)
    one, other = (method(features, torch.tensor(labels)) for labels in ([0, 1], [2, 2]))
    assert torch.equal(one.logits, other.logits)
    expected = features.numpy() @ used(method.classifier).T + method.classifier.bias.detach().numpy()
    np.testing.assert_allclose(one.class_logits.detach(), expected, atol=1e-13)


def linear(layer: torch.nn.Module, features: Tensor) -> np.ndarray:
    return features.numpy() @ used(layer).T + layer.bias.detach().numpy()


def test_tac_gan_has_two_classifiers_of_one_trunk() -> None:
    method, features = TwinAuxiliaryClassifiers(SMALL).double().eval(), torch.randn(4, 2, dtype=F64)
    output = method(features, torch.tensor([0, 1, 2, 2]))
    np.testing.assert_allclose(output.class_logits.detach(), linear(method.classifier, features), atol=1e-13)
    np.testing.assert_allclose(output.twin_logits.detach(), linear(method.twin, features), atol=1e-13)
    assert not torch.equal(output.class_logits, output.twin_logits)
    assert [part.twin_logits.shape[0] for part in output.split(1)] == [1, 3]


def test_adc_gan_has_each_class_twice() -> None:
    method, features = DiscriminativeClassifier(SMALL).double().eval(), torch.randn(4, 2, dtype=F64)
    output = method(features, torch.tensor([0, 1, 2, 2]))
    assert output.class_logits.shape == (4, 6)
    np.testing.assert_allclose(output.class_logits.detach(), linear(method.classifier, features), atol=1e-13)


def test_d2d_ce_gives_unit_vectors_and_cosines_to_the_classes() -> None:
    method, features = DataToData(SMALL).double().eval(), torch.randn(4, 2, dtype=F64)
    output = method(features, torch.tensor([0, 1, 2, 2]))
    points, proxies = linear(method.embed, features), method.proxies.detach().numpy()
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    proxies = proxies / np.linalg.norm(proxies, axis=1, keepdims=True)
    np.testing.assert_allclose(output.embeddings.detach(), points, atol=1e-13)
    np.testing.assert_allclose(output.class_logits.detach(), points @ proxies.T, atol=1e-13)
    assert output.embeddings.shape == (4, SMALL.embedding_size)


def test_multi_hinge_prefers_the_label_to_generated() -> None:
    method, features = MultiHinge(SMALL).double().eval(), torch.randn(2, 2, dtype=F64)
    output = method(features, torch.tensor([2, 0]))
    scores = linear(method.classifier, features)
    np.testing.assert_allclose(output.class_logits.detach(), scores, atol=1e-13)
    expected = [scores[0, 2] - scores[0, 3], scores[1, 0] - scores[1, 3]]
    assert output.logits.tolist() == pytest.approx(expected, abs=1e-12)
    assert torch.equal(output.logits, output.marginal + output.conditional)
    assert output.marginal.tolist() == pytest.approx((-scores[:, 3]).tolist())


@pytest.mark.parametrize("name", ["input-concat", "hidden-concat", "output-concat", "projection"])
def test_the_label_reaches_the_logit_and_one_hot_weights_are_labels(name: str) -> None:
    network = Discriminator("resnet-8", name, channels=1, num_classes=3, width=4, embedding_size=5)
    network = network.double().eval()
    images = torch.randn(1, 1, 8, 8, dtype=F64).expand(3, -1, -1, -1)
    labels = torch.arange(3)
    logits = network(images, labels).logits
    assert len(set(logits.tolist())) == 3
    assert torch.equal(network(images, F.one_hot(labels, 3).double()).logits, logits)


def test_a_method_that_needs_a_condition_says_so() -> None:
    network = Discriminator("resnet-8", channels=1, num_classes=3, width=4)
    with pytest.raises(ValueError, match="give labels or weights"):
        network(torch.zeros(1, 1, 8, 8))


def test_parameters_of_the_published_concat_discriminator() -> None:
    """SNResNetConcatDiscriminator of ImageNet: 30.54 M, recounted from the projection one of 30,041,857."""
    with torch.device("meta"):
        network = Discriminator("resnet-128", "hidden-concat", num_classes=1000)
    embedding = 1000 * 128 - 1000 * 1024
    block4 = 9 * (384**2 - 256**2) + 128 + 9 * 128 * 512 + 128 * 512
    assert sum(parameter.numel() for parameter in network.parameters()) == 30_041_857 + embedding + block4
    assert round((30_041_857 + embedding + block4) / 1e6, 2) == 30.54


@pytest.mark.parametrize("block", [0, -1, 3, 99])
def test_a_hidden_block_that_would_leave_the_label_out_is_refused(block: int) -> None:
    with pytest.raises(ValueError, match=f"hidden_block is {block}"):
        Discriminator("resnet-8", "hidden-concat", channels=1, num_classes=3, width=4, hidden_block=block)
