"""PlainMLP, its initialisations and decompositions, each by its defining property."""

import copy

import pytest
import torch
from torch.func import functional_call, stack_module_state, vmap

from distill_helpers.checks import InputError
from distill_helpers.data import make_views
from distill_helpers.models import PlainMLP
from distill_helpers.models.ablated import AblatedStudent
from distill_helpers.models.decompositions import decompose
from distill_helpers.models.initialise import INITIALISERS, initialise, lsuv
from distill_helpers.models.residual_student import ResidualStudent
from distill_helpers.strategies import HardLabels
from distill_helpers.training import Recipe, distill
from distill_helpers.training.proof import why_not_stacked

VARIANTS = {
    "plain": {}, "tanh": {"activation": "tanh"}, "gelu": {"activation": "gelu"}, "linear": {"activation": "none"}, "layer": {"norm": "layer"},
    "batch": {"norm": "batch"}, "residual": {"residual": True}, "tied": {"tied": True}, "orthogonal": {"init": "orthogonal"},
}  # fmt: skip


def small(**more):
    return PlainMLP(64, 12, 4, 5, **more)


@pytest.mark.parametrize("more", VARIANTS.values(), ids=VARIANTS)
def test_features_and_trunk_belong_together(more):
    model, x = small(**more), torch.rand(7, 1, 8, 8)
    out = model(x, features=True)
    assert list(out.features) == [f"hidden{i}" for i in range(1, 5)] and all(f.shape == (7, 12) for f in out.features.values())
    torch.testing.assert_close(model(x), out.logits)
    torch.testing.assert_close(model.trunk(out.features["hidden1"]), out.features["hidden4"])
    torch.testing.assert_close(model.head(out.features["hidden4"]), out.logits)


@pytest.mark.parametrize("more", VARIANTS.values(), ids=VARIANTS)
def test_every_variant_trains_in_a_stack_as_alone(more, toy_images):
    recipe = Recipe(steps=8, batch_size=16, lr=1e-2)
    together = distill(lambda: small(**more), None, toy_images, HardLabels(), seeds=(1, 2), recipe=recipe)
    alone = distill(lambda: small(**more), None, toy_images, HardLabels(), seeds=(2,), recipe=recipe)
    assert together.fleet.count == 2
    # not the parameters: biases before a normalisation have no effect, and Adam drives them by rounding noise
    torch.testing.assert_close(together.predict(toy_images)[1], alone.predict(toy_images)[0], atol=1e-3, rtol=1e-3)


def test_tied_layers_are_one_layer():
    tied, untied = small(tied=True), small()
    assert sum(p.numel() for p in untied.parameters()) - sum(p.numel() for p in tied.parameters()) == 2 * (12 * 12 + 12)
    with torch.no_grad():
        for layer in untied.hidden[1:]:
            layer.weight.copy_(tied.hidden[1].weight)
        untied.hidden[0].weight.copy_(tied.hidden[0].weight)
        untied.head.weight.copy_(tied.head.weight)
    x = torch.rand(3, 64)
    torch.testing.assert_close(tied(x), untied(x))


def test_a_linear_net_is_an_affine_map():
    model, (a, b) = small(activation="none"), torch.randn(2, 3, 64)
    torch.testing.assert_close(model((a + b) / 2), (model(a) + model(b)) / 2, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("rows", "columns"), [(40, 40), (60, 30), (30, 60)])
@pytest.mark.parametrize("gain", [0.5, 1.0, 2.0])
def test_orthogonal_weights_have_orthonormal_rows_or_columns(rows, columns, gain):
    layer = torch.nn.Linear(columns, rows)
    initialise(layer, "orthogonal", gain)
    w = layer.weight.double()
    product = w @ w.T if rows <= columns else w.T @ w
    torch.testing.assert_close(product, gain**2 * torch.eye(min(rows, columns), dtype=torch.double), atol=1e-5, rtol=1e-5)
    assert torch.equal(layer.bias, torch.zeros(rows))


def test_gaussian_weights_have_the_variance_stated():
    torch.manual_seed(0)
    layer = torch.nn.Linear(400, 1000)
    initialise(layer, "gaussian", 1.7)
    assert layer.weight.var().item() == pytest.approx(1.7**2 / 400, rel=0.02) and abs(layer.weight.mean().item()) < 1e-3


def test_lsuv_gives_each_layer_unit_variance_on_its_batch():
    torch.manual_seed(0)
    model, x = PlainMLP(64, 30, 8, 5, gain=3.0), torch.rand(100, 64)
    before = torch.random.get_rng_state()
    lsuv(model, model.hidden, x)
    found = []
    hooks = [layer.register_forward_hook(lambda m, i, o: found.append(o.std().item())) for layer in model.hidden]
    model(x)
    for hook in hooks:
        hook.remove()
    assert len(found) == 8 and all(abs(s - 1) < 0.02 for s in found)
    assert not torch.equal(before, torch.random.get_rng_state())  # it draws orthogonal weights
    assert not any(layer._forward_hooks for layer in model.hidden)
    w = model.hidden[3].weight
    torch.testing.assert_close(w @ w.T / (w @ w.T)[0, 0], torch.eye(30), atol=1e-4, rtol=1e-4)  # still orthogonal, up to scale


def hidden(model):
    return [layer.weight.detach() for layer in model.hidden[1:]]


def trained(model_maker, toy_images, steps=12):
    run = distill(model_maker, None, toy_images, HardLabels(), seeds=(0, 1), recipe=Recipe(steps=steps, batch_size=16, lr=2e-2))
    return run, run.model(0)


def test_low_rank_keeps_its_rank_and_starts_at_the_best_approximation(toy_images):
    torch.manual_seed(0)
    model = small()
    before = hidden(copy.deepcopy(model))
    full = sum(p.numel() for p in model.parameters())
    decompose(model, model.hidden[1:], "low rank", rank=3)
    assert full - sum(p.numel() for p in model.parameters()) == 3 * (144 - 3 * 24)
    for old, new in zip(before, hidden(model), strict=True):
        s = torch.linalg.svdvals(old)
        assert torch.linalg.matrix_rank(new).item() == 3
        torch.testing.assert_close((old - new).norm(), s[3:].norm(), atol=1e-5, rtol=1e-4)  # Eckart & Young 1936
    _, after = trained(lambda: (m := small()) and decompose(m, m.hidden[1:], "low rank", rank=3), toy_images)
    assert all(torch.linalg.matrix_rank(w, atol=1e-4).item() == 3 for w in hidden(after))


def test_weight_norm_is_direction_times_length_and_changes_nothing_at_first():
    torch.manual_seed(0)
    model, x = small(), torch.rand(3, 64)
    before = model(x)
    decompose(model, model.hidden[1:], "weight norm")
    torch.testing.assert_close(model(x), before)
    length, direction = model.hidden[1].parametrizations.weight.original0, model.hidden[1].parametrizations.weight.original1
    with torch.no_grad():
        length.mul_(2)
        direction.mul_(5)  # the size of v does not matter
    torch.testing.assert_close(model.hidden[1].weight.norm(dim=1), length.flatten())


def test_kept_orthogonal_stays_so_while_it_trains(toy_images):
    run, model = trained(lambda: (m := small()) and decompose(m, m.hidden[1:], "orthogonal", scale=1.5), toy_images)
    begun, _ = trained(lambda: (m := small()) and decompose(m, m.hidden[1:], "orthogonal", scale=1.5), toy_images, steps=1)
    for weight in hidden(model):
        torch.testing.assert_close(weight @ weight.T, 2.25 * torch.eye(12), atol=1e-3, rtol=1e-3)
    assert (hidden(model)[0] - hidden(begun.model(0))[0]).abs().max() > 1e-2


def test_spectral_norm_keeps_its_bound_and_is_trained_one_by_one(toy_images):
    def build():
        model = small(gain=4.0)
        return decompose(model, model.hidden[1:], "spectral norm", scale=2.0)

    pool = make_views(toy_images, 1)
    assert why_not_stacked(build(), pool) and not why_not_stacked(small(), pool)
    _, model = trained(build, toy_images, steps=40)
    for weight in hidden(model):
        assert torch.linalg.matrix_norm(weight, 2).item() == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize("how", ["low rank", "weight norm", "orthogonal"])
def test_decomposed_models_stack(how):
    models = [decompose(m, m.hidden[1:], how, rank=3) for m in (small() for _ in range(3))]
    params, buffers = stack_module_state(models)
    x = torch.rand(4, 64)
    out = vmap(lambda p, b: functional_call(models[0], (p, b), (x,)))(params, buffers)
    for i, model in enumerate(models):
        torch.testing.assert_close(out[i], model(x), atol=1e-5, rtol=1e-4)


def test_the_ablated_student_with_all_parts_is_the_residual_student():
    whole, ablated, x = ResidualStudent(64, 10, 4, 3, 5), AblatedStudent(64, 10, 4, 3, 5), torch.rand(6, 64)
    ablated.load_state_dict(whole.state_dict())
    for block in (*whole.blocks, *ablated.blocks):
        torch.manual_seed(1)
        torch.nn.init.normal_(block.up.weight)
    torch.testing.assert_close(ablated(x), whole(x))
    for part in ("skip", "inner_activation", "norm"):
        without = AblatedStudent(64, 10, 4, 3, 5, **{part: False})
        without.load_state_dict(ablated.state_dict(), strict=False)
        assert (without(x) - whole(x)).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: small(activation="swish"), "activation must be one of 'relu'"),
        (lambda: small(init="zeros"), "init must be one of 'gaussian', 'orthogonal'"),
        (lambda: small(gain=0.0), "gain must be greater than 0"),
        (lambda: small(norm="group"), "norm must be one of 'none', 'layer', 'batch'"),
        (lambda: small(dropout=2), "dropout must be from 0 to 1"),
        (lambda: PlainMLP(64, 0, 3, 5), "width must be at least 1"),
        (lambda: decompose(small(), [], "tucker"), "how must be one of 'low rank'"),
        (lambda: decompose(m := small(), m.hidden[1:], "low rank"), "rank must be a whole number"),
        (lambda: decompose(m := small(), m.hidden[1:], "orthogonal", scale=-1), "scale must be greater than 0"),
    ],
)
def test_bad_input_is_said(call, said):
    with pytest.raises(InputError, match=said):
        call()


def test_every_initialiser_is_tested_here():
    assert set(INITIALISERS) == {"gaussian", "orthogonal"}
