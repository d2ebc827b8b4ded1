"""Hashed, factored and two-headed models, each by its defining property."""

import copy

import pytest
import torch

from distill_helpers.checks import InputError
from distill_helpers.counting import forward_flops, measured_flops, measured_parameters
from distill_helpers.models import BigMLP
from distill_helpers.models.factored import FactoredLinear, truncate_hidden, truncated
from distill_helpers.models.hashed import HashedLinear, HashedMLP, mixed
from distill_helpers.models.two_heads import TwoHeads
from distill_helpers.strategies import HardLabels
from distill_helpers.training import Recipe, distill


def test_the_hash_is_fixed_and_even():
    first = mixed(torch.arange(5), 3).tolist()
    assert first == mixed(torch.arange(5), 3).tolist() and first != mixed(torch.arange(5), 4).tolist()
    many = mixed(torch.arange(200_000), 0)
    assert many.min() >= 0 and many.max() < 2**32
    used = (many % 100).bincount(minlength=100).double()
    assert ((used - 2000).square() / 2000).sum() < 160  # chi-squared with 99 degrees of freedom exceeds 160 once in ten thousand
    assert abs((many & 1).double().mean().item() - 0.5) < 0.01


def test_a_hashed_layer_holds_only_its_buckets():
    torch.manual_seed(0)
    layer, x = HashedLinear(60, 50, buckets=37), torch.randn(4, 60)
    assert measured_parameters(layer) == 37 + 50
    assert layer.matrix().abs().unique().numel() == 37
    torch.testing.assert_close(layer(x), x @ layer.matrix().T + layer.bias)
    other = HashedLinear(60, 50, buckets=37)
    assert torch.equal(layer.index, other.index) and torch.equal(layer.sign, other.sign)
    assert not torch.equal(layer.index, HashedLinear(60, 50, buckets=37, key=1).index)
    wide = HashedLinear(784, 256, buckets=20_000)
    assert wide.matrix().var().item() == pytest.approx(2 / 784, rel=0.1)
    assert measured_flops(layer, x) == measured_flops(torch.nn.Linear(60, 50), x)


def test_the_gradient_of_a_bucket_is_the_sum_over_its_places():
    torch.manual_seed(0)
    layer, x = HashedLinear(6, 5, buckets=4), torch.randn(3, 6)
    layer(x).square().sum().backward()
    whole = layer.matrix().detach().requires_grad_()
    (x @ whole.T + layer.bias.detach()).square().sum().backward()
    by_hand = torch.zeros(4).index_add(0, layer.index.flatten(), (layer.sign * whole.grad).flatten())
    torch.testing.assert_close(layer.weight.grad, by_hand)


def test_a_hashed_net_trains_in_a_stack_as_alone(toy_images):
    recipe = Recipe(steps=10, batch_size=16, lr=1e-2)
    together = distill(lambda: HashedMLP(64, 20, 5, 0.1), None, toy_images, HardLabels(), seeds=(0, 1), recipe=recipe)
    alone = distill(lambda: HashedMLP(64, 20, 5, 0.1), None, toy_images, HardLabels(), seeds=(1,), recipe=recipe)
    assert together.parameters == 128 + 20 + 10 + 5
    torch.testing.assert_close(together.model(1).hidden.weight, alone.model(0).hidden.weight, atol=1e-5, rtol=1e-4)
    assert torch.equal(together.model(1).hidden.index, alone.model(0).hidden.index)


@pytest.mark.parametrize("rank", [1, 3, 8])
def test_truncation_has_its_rank_and_the_least_error(rank):
    torch.manual_seed(0)
    layer = torch.nn.Linear(12, 8)
    made, s = truncated(layer, rank), torch.linalg.svdvals(layer.weight)
    product = made.second.weight @ made.first.weight
    assert torch.linalg.matrix_rank(product).item() == rank
    torch.testing.assert_close((layer.weight - product).norm(), s[rank:].norm(), atol=1e-5, rtol=1e-4)
    other = torch.randn(8, rank) @ torch.randn(rank, 12)
    assert (layer.weight - other).norm() > (layer.weight - product).norm()
    assert measured_parameters(made) == rank * 20 + 8
    assert measured_flops(made, torch.zeros(1, 12)) == forward_flops([12, rank, 8])
    with pytest.raises(InputError, match="rank must be at most 8"):
        truncated(layer, 9)


def test_a_model_at_full_rank_says_the_same_and_the_original_stays():
    torch.manual_seed(0)
    model, x = BigMLP(20, 12, 3, 4), torch.randn(5, 20)
    before = copy.deepcopy(model.state_dict())
    torch.testing.assert_close(truncate_hidden(model, 12)(x), model(x), atol=1e-4, rtol=1e-4)
    only = truncate_hidden(model, 2, layers=[1])
    assert [type(layer) for layer in only.hidden] == [type(model.hidden[0]), FactoredLinear, type(model.hidden[2])]
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_two_heads_share_their_trunk():
    model, x = TwoHeads(64, 9, 5, 2), torch.rand(3, 1, 8, 8)
    out = model(x, features=True)
    assert out.logits.shape == (3, 7) and list(out.features) == ["hidden1", "hidden2"]
    out.logits[:, 5:].sum().backward()
    assert model.hidden[0].weight.grad.abs().max() > 0 and model.heads[0].weight.grad.abs().max() == 0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: HashedLinear(3, 4, 13), "buckets must be at most the 12 entries"),
        (lambda: HashedLinear(3, 4, 0), "buckets must be at least 1"),
        (lambda: HashedMLP(3, 4, 2, 1.5), "ratio must be greater than 0 and at most 1"),
        (lambda: TwoHeads(3, 4, 0, 2), "first must be at least 1"),
        (lambda: truncated(torch.nn.Linear(3, 4), 0), "rank must be at least 1"),
    ],
)
def test_bad_input_is_said(call, said):
    with pytest.raises(InputError, match=said):
        call()
