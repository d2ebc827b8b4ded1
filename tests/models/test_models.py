"""Models: sizes, features, initialisation, and that they stack."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from distill_helpers.checks import InputError
from distill_helpers.models import (
    BigMLP,
    FeatureDict,
    Outputs,
    PlainPerceptron,
    ResidualStudent,
    digits_student,
    digits_teacher,
)

MODELS = {
    "mlp": (lambda: BigMLP(64, 12, 3, 5), {"hidden1": 12, "hidden2": 12, "hidden3": 12}),
    "perceptron": (lambda: PlainPerceptron(64, 9, 5), {"hidden": 9}),
    "residual": (lambda: ResidualStudent(64, 10, 4, 2, 5), {"stem": 10, "block1": 10, "block2": 10, "embedding": 10}),
}
EACH = pytest.mark.parametrize(("build", "widths"), MODELS.values(), ids=MODELS)
SIZE = st.integers(1, 20)


def count(model):
    return sum(p.numel() for p in model.parameters())


def test_the_headline_sizes():
    teacher, student = digits_teacher(), digits_student()
    assert count(teacher) == 5_936_650
    assert count(student) == 26_746 < 27_000
    assert round(count(teacher) / count(student)) == 222
    assert teacher(torch.rand(2, 1, 28, 28)).shape == student(torch.rand(2, 1, 28, 28)).shape == (2, 10)


@given(a=SIZE, w=SIZE, d=SIZE, c=SIZE)
@settings(max_examples=25, deadline=None)
def test_sizes_follow_the_closed_forms(a, w, d, c):
    with torch.device("meta"):
        assert count(BigMLP(a, w, d, c)) == w * (a + 1) + (d - 1) * w * (w + 1) + c * (w + 1)
        assert count(PlainPerceptron(a, w, c)) == w * (a + 1) + c * (w + 1)
        block = 2 * w + d * (w + 1) + w * (d + 1)
        assert count(ResidualStudent(a, w, d, 3, c)) == w * (a + 1) + 3 * block + 2 * w + c * (w + 1)


@EACH
def test_features_have_the_stated_names_and_shapes(build, widths):
    model, x = build(), torch.rand(7, 1, 8, 8)
    out = model(x, features=True)
    assert isinstance(out, Outputs) and isinstance(out.features, FeatureDict)
    assert {name: tuple(f.shape) for name, f in out.features.items()} == {name: (7, w) for name, w in widths.items()}
    torch.testing.assert_close(model(x), out.logits)
    torch.testing.assert_close(model(x.flatten(1)), out.logits)
    last = list(widths)[-1]
    torch.testing.assert_close(model.head(out.features[last]), out.logits)  # the head sees the last feature


@EACH
def test_models_stack_and_features_pass_through_vmap(build, widths):
    models, x = [build() for _ in range(3)], torch.rand(7, 64)
    params, buffers = stack_module_state(models)

    def one(p, b):
        return functional_call(models[0], (p, b), (x,), {"features": True})

    out = vmap(one)(params, buffers)
    assert isinstance(out, Outputs) and isinstance(out.features, FeatureDict) and list(out.features) == list(widths)
    for i, model in enumerate(models):
        alone = model(x, features=True)
        torch.testing.assert_close(out.logits[i], alone.logits)
        for name in widths:
            torch.testing.assert_close(out.features[name][i], alone.features[name])


@EACH
def test_an_example_never_depends_on_its_batch(build, widths):
    model, x = build(), torch.rand(7, 64)
    torch.testing.assert_close(model(x)[2:3], model(x[2:3]))
    assert not list(model.buffers())


@EACH
def test_reset_parameters_draws_new_weights_of_the_same_kind(build, widths):
    torch.manual_seed(0)
    model = build()
    fresh = copy.deepcopy(model).apply(lambda m: m.reset_parameters() if hasattr(m, "reset_parameters") else None)
    for (name, old), new in zip(model.named_parameters(), fresh.parameters(), strict=True):
        constant = old.unique().numel() == 1  # biases at zero, the last layer of a block, norms
        assert torch.equal(old, new) == constant, name


def test_missing_features_name_those_that_exist():
    features = BigMLP(4, 3, 2, 2)(torch.rand(1, 4), features=True).features
    with pytest.raises(InputError, match=r"feature 'block1' does not exist; this model has hidden1, hidden2"):
        features["block1"]
    with pytest.raises(InputError, match="no named features"):
        FeatureDict()["any"]
    assert "block1" not in features and features.get("block1") is None


def test_he_initialisation_keeps_the_size_of_activations():
    torch.manual_seed(0)
    out = BigMLP(512, 512, 12, 10)(torch.randn(256, 512), features=True).features
    squares = torch.stack([h.square().mean() for h in out.values()])
    assert (squares[-1] / squares[0]).log().abs() < 0.7  # default initialisation shrinks it by e^15 here
    plain = nn.Sequential(*[m for _ in range(12) for m in (nn.Linear(512, 512), nn.ReLU())])
    assert plain(torch.randn(256, 512)).square().mean() < squares[-1] / 20


def test_residual_blocks_start_as_the_identity_and_still_learn():
    model = ResidualStudent(64, 10, 4, 3, 5)
    x, y = torch.rand(32, 64), torch.randint(5, (32,))
    features = model(x, features=True).features
    assert torch.equal(features["stem"], features["block1"]) and torch.equal(features["stem"], features["block3"])
    nn.functional.cross_entropy(model(x), y).backward()
    assert all(block.up.weight.grad.abs().max() > 0 for block in model.blocks)  # what is zero receives a gradient


def test_a_block_is_the_pre_activation_formula():
    """Seen only once its last layer is not zero."""
    torch.manual_seed(0)
    block, h = ResidualStudent(6, 10, 4, 1, 3).blocks[0], 3 + 2 * torch.randn(7, 10)
    nn.init.normal_(block.up.weight)
    scaled = (h - h.mean(1, keepdim=True)) / (h.var(1, unbiased=False, keepdim=True) + block.norm.eps).sqrt()
    inner = (scaled.clamp(min=0) @ block.down.weight.T + block.down.bias).clamp(min=0)
    torch.testing.assert_close(block(h), h + inner @ block.up.weight.T + block.up.bias)


def test_a_perceptron_without_activation_is_an_affine_map():
    torch.manual_seed(0)
    a, b = torch.randn(2, 5, 6)
    gaps = {}
    for activation in ("none", "relu", "tanh"):
        model = PlainPerceptron(6, 8, 3, activation)
        gaps[activation] = (model((a + b) / 2) - (model(a) + model(b)) / 2).abs().max().item()
    assert gaps["none"] < 1e-6 < 1e-3 < min(gaps["relu"], gaps["tanh"])


def test_dropout_acts_in_training_only():
    model, x = BigMLP(6, 50, 2, 3, dropout=0.5), torch.rand(4, 6)
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))
