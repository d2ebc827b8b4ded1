"""Probes of gradients and representations, mean-field theory, and the largest stable rate."""

import time

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from distill_helpers.checks import InputError
from distill_helpers.data import make_views
from distill_helpers.measure import effective_rank, jacobian_spectrum, layer_norms, linear_cka, linear_probe, mean_field
from distill_helpers.models import PlainMLP
from distill_helpers.models.activations import ACTIVATIONS
from distill_helpers.strategies import HardLabels, Penalised, SoftTargets
from distill_helpers.strategies.contract import Strategy
from distill_helpers.training import Recipe, distill
from distill_helpers.training.stability import largest_stable_rate


def summed(y):
    return lambda z: F.cross_entropy(z, y, reduction="sum")


def batch(features=512, rows=64):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(rows, features, generator=generator)
    return x / x.square().mean(1, keepdim=True).sqrt(), torch.randint(10, (rows,), generator=generator)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("gain", [0.5, 1.0, 2**0.5, 2.0, 4.0])
def test_growth_agrees_with_mean_field_theory_within_ten_percent_at_width_512(activation, gain):
    x, y = batch()
    found = []
    for seed in range(2):
        torch.manual_seed(seed)
        net = PlainMLP(512, 512, 20, 10, activation, gain=gain)
        found.append(layer_norms(net, x, summed(y), layers={f"{i}": h for i, h in enumerate(net.hidden)}).growth())
    _, factors = mean_field.predict(ACTIVATIONS[activation], gain, 20, first=gain**2)
    assert sum(found) / 2 == pytest.approx(factors[:-1].log().mean().exp().item(), rel=0.1)


def test_mean_field_by_hand():
    assert mean_field.gradient_factor(1.0, ACTIVATIONS["none"], 1.3) == pytest.approx(1.69)
    assert mean_field.gradient_factor(7.0, torch.relu, 2**0.5) == pytest.approx(1.0, abs=1e-6)  # half the slopes are one
    assert mean_field.next_variance(3.0, torch.relu, 2**0.5) == pytest.approx(3.0, abs=1e-6)
    assert mean_field.next_variance(2.0, ACTIVATIONS["none"], 0.5, bias_std=0.3) == pytest.approx(0.5 + 0.09)
    assert mean_field.growth(torch.tanh, 0.9) == pytest.approx(0.81, rel=1e-3)  # the signal dies out, where tanh is linear
    assert mean_field.growth(torch.tanh, 1.5) > 1 > mean_field.growth(torch.tanh, 0.95)
    with pytest.raises(InputError, match="gain must be greater than 0"):
        mean_field.predict(torch.tanh, 0.0, 3)


def test_norms_are_those_of_autograd():
    torch.manual_seed(0)
    a, b = nn.Linear(6, 5), nn.Linear(5, 3)
    x, y = torch.randn(4, 6), torch.tensor([0, 1, 2, 0])
    h = a(x)
    z = b(h.tanh())
    gradients = torch.autograd.grad(summed(y)(z), (h, z))
    found = layer_norms(nn.Sequential(a, nn.Tanh(), b), x, summed(y))
    assert found.names == ["0", "2"]
    torch.testing.assert_close(found.signal, torch.stack([t.square().mean().sqrt() for t in (h, z)]))
    torch.testing.assert_close(found.gradient, torch.stack([g.square().sum(1).mean().sqrt() for g in gradients]))
    assert found.growth() == pytest.approx(float((found.gradient[0] / found.gradient[1]) ** 2))


def test_a_probe_leaves_the_model_as_it_was():
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3)).train()
    x, y = torch.randn(16, 6), torch.randint(3, (16,))
    F.cross_entropy(model(x), y).backward()
    state = {k: v.clone() for k, v in model.state_dict().items()}
    grads, numbers = [p.grad.clone() for p in model.parameters()], torch.random.get_rng_state()
    layer_norms(model, x, summed(y))
    with pytest.raises(RuntimeError):
        layer_norms(model, x, lambda z: (_ for _ in ()).throw(RuntimeError("inside")))
    assert model.training and all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), grads, strict=True))
    assert torch.equal(numbers, torch.random.get_rng_state())
    assert not any(m._forward_hooks for m in model.modules())


def test_a_probe_works_on_any_module():
    conv = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3))
    found = layer_norms(conv, torch.rand(2, 1, 8, 8), lambda z: z.square().sum(), kinds=(nn.Conv2d, nn.Linear))
    assert found.names == ["0", "3"] and (found.gradient > 0).all()
    frozen = conv.requires_grad_(False)
    again = layer_norms(frozen, torch.rand(2, 1, 8, 8), lambda z: z.square().sum(), kinds=(nn.Conv2d, nn.Linear))
    assert (again.gradient > 0).all()
    shared = PlainMLP(6, 6, 3, 2, tied=True)
    assert len(layer_norms(shared, torch.rand(2, 6), lambda z: z.sum(), layers={"w": shared.hidden[1]}).names) == 2
    with pytest.raises(InputError, match="layers must name at least one module"):
        layer_norms(nn.ReLU(), torch.rand(2, 6), lambda z: z.sum())


def test_a_probe_costs_little_more_than_one_step():
    model, x, y = PlainMLP(256, 256, 20, 10), torch.rand(256, 256), torch.randint(10, (256,))

    def timed(call):
        begun = time.process_time()
        call()
        return time.process_time() - begun

    def step():
        torch.autograd.grad(summed(y)(model(x)), list(model.parameters()))

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two threads measure how busy the machine is
    try:
        plain, probed = (min(timed(call) for _ in range(7)) for call in (step, lambda: layer_norms(model, x, summed(y))))
    finally:
        torch.set_num_threads(threads)
    assert probed < 2 * plain, (probed, plain)


def test_the_spectrum_of_a_known_jacobian():
    matrix = torch.diag(torch.tensor([3.0, 1.0, 0.5]))
    found = jacobian_spectrum(lambda h: h @ matrix, torch.randn(4, 3))
    torch.testing.assert_close(found, torch.tensor([3.0, 1.0, 0.5], dtype=torch.double).expand(4, 3))
    broken = jacobian_spectrum(lambda h: h / 0.0, torch.ones(2, 3))
    assert broken.isnan().all()
    net = PlainMLP(20, 20, 5, 2, "none", init="orthogonal", gain=1.0)
    torch.testing.assert_close(jacobian_spectrum(net.trunk, torch.randn(2, 20)), torch.ones(2, 20, dtype=torch.double), atol=1e-5, rtol=1e-5)


def test_effective_rank_counts_even_directions():
    even = torch.cat([torch.eye(4), -torch.eye(4)])
    assert effective_rank(even).item() == pytest.approx(4.0, abs=1e-4)
    line = torch.arange(10.0)[:, None] * torch.ones(1, 5)
    assert effective_rank(line).item() == pytest.approx(1.0, abs=1e-2)
    assert effective_rank(torch.stack([even, 7 * even + 3])).tolist() == pytest.approx([4.0, 4.0], abs=1e-4)


def test_cka_knows_rotations_and_independence():
    torch.manual_seed(0)
    a = torch.randn(500, 6)
    rotation, _ = torch.linalg.qr(torch.randn(6, 6))
    assert linear_cka(a, 3 * a @ rotation + 5).item() == pytest.approx(1.0, abs=1e-6)
    assert linear_cka(a, torch.randn(500, 6)).item() < 0.1
    assert linear_cka(a[:, :3], a).item() == pytest.approx(linear_cka(a, a[:, :3]).item())
    assert linear_cka(torch.stack([a, a]), a).shape == (2,)
    with pytest.raises(InputError, match="same examples"):
        linear_cka(a, a[:10])


def test_a_probe_reads_what_is_linear_and_nothing_else():
    torch.manual_seed(0)
    x = torch.randn(600, 2)
    line, xor = (x[:, 0] > 0).long(), ((x[:, 0] > 0) ^ (x[:, 1] > 0)).long()
    assert linear_probe(x[:400], line[:400], x[400:], line[400:], 2).item() > 0.97
    assert linear_probe(x[:400], xor[:400], x[400:], xor[400:], 2).item() < 0.65
    both = linear_probe(torch.stack([x[:400], x[:400] * 100]), line[:400], torch.stack([x[400:], x[400:] * 100]), line[400:], 2)
    assert both.shape == (2,) and (both > 0.97).all()


def test_the_largest_stable_rate_of_a_quadratic_like_net(toy_images):
    """One linear layer: below 2 over the curvature it is stable, above it is not; a scaled input has a smaller bound."""
    pool = make_views(toy_images, 1)
    found = largest_stable_rate(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 5)), pool, (0, 1), steps=30, batch_size=40)

    class Louder(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(64, 5)

        def forward(self, x):
            return self.body(3 * x.flatten(1))

    louder = largest_stable_rate(Louder, pool, (0, 1), steps=30, batch_size=40)
    assert (louder < found / 2).all() and (found > 0.01).all()
    again = largest_stable_rate(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 5)), pool, (1,), steps=30, batch_size=40)
    torch.testing.assert_close(again[0], found[1], rtol=0.05, atol=0)
    with pytest.raises(InputError, match="high must be greater"):
        largest_stable_rate(lambda: nn.Linear(64, 5), pool, (0,), low=1.0, high=0.5)
    with pytest.raises(InputError, match="pool must carry labels"):
        largest_stable_rate(lambda: nn.Linear(64, 5), pool.without_labels(), (0,))


def tiny():
    return PlainMLP(64, 8, 2, 5)


def test_penalties_by_hand(toy_images, toy_teacher):
    weights = {"a.weight": torch.tensor([[1.0, -2.0]]), "a.bias": torch.tensor([100.0])}

    class One:
        def parameters(self):
            return weights

        def __call__(self, x):
            from distill_helpers.models.outputs import FeatureDict, Outputs

            return Outputs(torch.zeros(2, 5), FeatureDict())

    from distill_helpers.strategies import Batch

    b = Batch(torch.zeros(2, 3), torch.tensor([0, 1]), torch.arange(2), torch.zeros(2, dtype=torch.long), {})
    terms = Penalised(HardLabels(), l1=0.5, l2=0.1).loss(One(), None, b)
    assert terms["l1"].item() == pytest.approx(1.5) and terms["l2"].item() == pytest.approx(0.05 * 5)
    recipe = Recipe(steps=60, batch_size=16, lr=2e-2)
    strong = distill(tiny, toy_teacher, toy_images, Penalised(SoftTargets(), l2=10.0), seeds=(0, 1), recipe=recipe)
    plain = distill(tiny, toy_teacher, toy_images, SoftTargets(), seeds=(0, 1), recipe=recipe)
    assert strong.model(0).hidden[0].weight.norm() < 0.5 * plain.model(0).hidden[0].weight.norm()
    for bad in ({"l1": -1.0}, {"l2": float("nan")}):
        with pytest.raises(InputError):
            Penalised(HardLabels(), **bad)
    with pytest.raises(InputError, match="inner must be a strategy"):
        Penalised("labels")


def test_clipping_by_value_bounds_a_step(toy_images):
    before = distill(tiny, None, toy_images, HardLabels(), recipe=Recipe(steps=1, lr=1e-20, optimizer="sgd", momentum=0.0))
    recipe = Recipe(steps=1, lr=1.0, optimizer="sgd", momentum=0.0, warmup=0.0, schedule="constant", clip_value=1e-3)
    after = distill(tiny, None, toy_images, HardLabels(), recipe=recipe)
    moved = [(a - b).abs().max() for a, b in zip(after.model(0).parameters(), before.model(0).parameters(), strict=True)]
    assert max(moved).item() == pytest.approx(1e-3, rel=1e-3)


def test_going_on_after_divergence_keeps_the_others(toy_images):
    """A seed that blows up must not touch its neighbours, and the run says which were lost."""

    class Sometimes(PlainMLP):
        def __init__(self):
            gain = 1e9 if torch.rand(()) < 0.5 else 1.0
            super().__init__(64, 8, 4, 5, gain=gain)

    recipe = Recipe(steps=20, batch_size=16, lr=0.1, optimizer="sgd", on_divergence="go on")
    run = distill(Sometimes, None, toy_images, HardLabels(), seeds=range(6), recipe=recipe)
    assert run.step == 20 and 0 < run.diverged.sum() < 6
    kept = int((~run.diverged).nonzero()[0])
    alone = distill(Sometimes, None, toy_images, HardLabels(), seeds=(kept,), recipe=recipe)
    for a, b in zip(run.model(kept).parameters(), alone.model(0).parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_progress_runs_from_zero_to_one_within_each_stage(toy_images):
    from dataclasses import dataclass

    from distill_helpers.strategies import Stages

    @dataclass(frozen=True)
    class Ramp(Strategy):
        needs_teacher = False

        def loss(self, student, teacher, batch):
            return {"ramp": batch.progress + 0 * student(batch.x).logits.sum()}

    run = distill(tiny, None, toy_images, Stages((Ramp(), 4), (Ramp(), 2)), seeds=(0, 1), recipe=Recipe(batch_size=16))
    torch.testing.assert_close(run.history["ramp"][:, 1], torch.tensor([0, 0.25, 0.5, 0.75, 0, 0.5]))
