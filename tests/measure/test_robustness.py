"""Attacks: exact where the worst case is known, never weaker with more restarts, the same for a student alone and in a stack."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from distill_helpers import measure
from distill_helpers.checks import InputError
from distill_helpers.measure import robustness
from distill_helpers.models import BigMLP, ResidualStudent
from distill_helpers.strategies import HardLabels
from distill_helpers.training import Recipe, distill


def points(count=60, width=6, classes=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, width, generator=generator), torch.randint(classes, (count,), generator=generator)


def line(width=6, seed=1):
    torch.manual_seed(seed)
    return nn.Linear(width, 2).eval()


def worst_of_a_line(model, x, y, eps):
    """Against a linear model every number moves by eps towards the other class's weights, as far as [0, 1] lets it."""
    slope = model.weight[1] - model.weight[0]
    return (x + eps * torch.where(y == 0, 1.0, -1.0).unsqueeze(-1) * slope.sign()).clamp(0, 1).detach()


@pytest.mark.parametrize("loss", ["cross-entropy", "margin"])
@pytest.mark.parametrize("eps", [0.0, 0.05, 0.4])
def test_on_a_linear_model_one_step_is_exact(eps, loss):
    model, (x, y) = line(), points()
    wanted = worst_of_a_line(model, x, y, eps)
    torch.testing.assert_close(measure.fgsm(model, x, y, eps, loss=loss), wanted)
    torch.testing.assert_close(measure.pgd(model, x, y, eps, steps=7, restarts=2, loss=loss), wanted)
    right = (model(wanted).argmax(-1) == y).float().mean()
    assert measure.robust_accuracy(model, x, y, eps) == right


def test_no_point_of_the_ball_is_worse_for_a_linear_model():
    model, (x, y) = line(), points()
    worst = F.cross_entropy(model(measure.fgsm(model, x, y, 0.1)), y, reduction="none")
    for seed in range(50):
        noise = 2 * torch.rand(x.shape, generator=torch.Generator().manual_seed(seed)) - 1
        assert (F.cross_entropy(model((x + 0.1 * noise).clamp(0, 1)), y, reduction="none") <= worst + 1e-6).all()


class Ring(nn.Module):
    """Class 1 within a ring around the middle, class 0 elsewhere: the gradient at the middle vanishes."""

    def forward(self, x):
        r = (x - 0.5).square().sum(-1, keepdim=True)
        return torch.cat([20 * (r - 0.02), 20 * (0.02 - r)], -1)


def test_a_random_start_finds_what_one_step_cannot():
    x, y = torch.full((4, 2), 0.5), torch.ones(4, dtype=torch.long)
    model = Ring().eval()
    assert torch.equal(measure.fgsm(model, x, y, 0.2), x)
    assert measure.robust_accuracy(model, x, y, 0.2) == 0
    assert measure.robust_accuracy(model, x, y, 0.05) == 1


def test_the_ball_and_the_range_are_kept_and_nothing_is_left_behind():
    torch.manual_seed(0)
    model, (x, y) = BigMLP(6, 16, 2, 2).eval(), points()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    state, x_before = torch.get_rng_state(), x.clone()
    for attacked in (measure.fgsm(model, x, y, 0.15), measure.pgd(model, x, y, 0.15, step_size=0.1)):
        assert attacked.shape == x.shape and not attacked.requires_grad
        assert (attacked - x).abs().max() <= 0.15 + 1e-6 and attacked.min() >= 0 and attacked.max() <= 1
    assert all(p.grad is None for p in model.parameters()) and torch.equal(x, x_before)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items()) and torch.equal(torch.get_rng_state(), state)
    with torch.no_grad():
        assert (measure.pgd(model, x, y, 0.15, step_size=0.1) == attacked).all()


def test_each_example_keeps_its_worst_point():
    torch.manual_seed(0)
    model, (x, y) = BigMLP(6, 16, 2, 3).eval(), points(classes=3)
    one, four = (measure.robust_accuracy(model, x, y, 0.1, 3, r) for r in (1, 4))
    assert four <= one <= measure.accuracy(model(x).detach(), y)
    bad = lambda z: (model(z).argmax(-1) != y, F.cross_entropy(model(z), y, reduction="none").detach())
    clean, attacked = bad(x), bad(measure.pgd(model, x, y, 0.1, 3))
    assert (attacked[0] >= clean[0]).all()
    assert (attacked[1] >= clean[1] - 1e-6)[attacked[0] == clean[0]].all()
    # a misclassified point comes before a right one of larger loss
    x, old = torch.tensor([[0.1], [0.2]]), (torch.tensor([False, True]), torch.tensor([9.0, 1.0]))
    new = (torch.tensor([True, False]), torch.tensor([1.0, 9.0]))
    kept, (wrong, _) = robustness._worse(x, old, x + 0.5, new)
    assert kept.flatten().tolist() == pytest.approx([0.6, 0.2]) and wrong.all()


def test_more_steps_hardly_help_once_the_attack_is_strong():
    torch.manual_seed(0)
    model, (x, _) = BigMLP(6, 16, 2, 2).eval(), points(200)
    with torch.no_grad():
        model.head.bias -= model(x).mean(0)  # both classes occur
        y = model(x).argmax(-1)
    table = measure.attack_strength(model, x, y, 0.1)
    assert list(table) == [(1, 1), (10, 1), (40, 1), (40, 4)]
    assert abs(table[40, 1] - table[40, 4]) <= 0.02 and table[40, 4] <= table[40, 1] <= table[1, 1]
    assert measure.robust_accuracy(model, x, y, 1.0, 40, 4) < 0.1


@pytest.fixture(scope="module")
def run(toy_images):
    return distill(lambda: ResidualStudent(64, 8, 4, 1, 5), None, toy_images, HardLabels(), seeds=(0, 1, 2), recipe=Recipe(steps=60, lr=1e-2))


@pytest.mark.parametrize("loss", ["cross-entropy", "margin"])
def test_a_stack_is_attacked_as_each_would_be_alone(run, toy_images, loss):
    x, y = toy_images.x, toy_images.labels
    together = measure.pgd(run, x, y, 0.1, 5, restarts=2, loss=loss)
    assert together.shape == (3, *x.shape) and measure.fgsm(run, x, y, 0.1).shape == together.shape
    scores = measure.robust_accuracy(run, x, y, 0.1, 5, 2, loss=loss)
    assert scores.shape == (3,) and scores.std() > 0
    for i in range(3):
        torch.testing.assert_close(together[i], measure.pgd(run.model(i), x, y, 0.1, 5, restarts=2, loss=loss))
        assert scores[i] == measure.robust_accuracy(run.model(i), x, y, 0.1, 5, 2, loss=loss)


def test_the_run_can_train_on_after_an_attack(run, toy_images):
    before, training = run.fleet.snapshot(), run.fleet.skeletons["student"].training
    measure.robust_accuracy(run, toy_images.x, toy_images.labels, 0.1, 2)
    after = run.fleet.snapshot()
    assert all(torch.equal(before[n][k], after[n][k]) for n in before for k in before[n])
    assert run.fleet.skeletons["student"].training == training
    assert all(p.requires_grad for p in run.fleet.params["student"].values())


def test_what_was_found_against_another_model_is_weaker(run, toy_images):
    x, y = toy_images.x, toy_images.labels
    white = measure.robust_accuracy(run, x, y, 0.1, 10)
    one, many = measure.transfer_accuracy(run, run.model(0), x, y, 0.1, 10), measure.transfer_accuracy(run, run, x, y, 0.1, 10)
    assert torch.equal(many, white) and one[0] == white[0] and (one >= white).all() and (one[1:] > white[1:]).any()
    assert measure.transfer_accuracy(run.model(1), run.model(0), x, y, 0.1, 10) == one[1]


class Hidden(nn.Module):
    """A model that rounds its logits: without gradients, but no more robust."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return (4 * self.model(x)).round() / 4 + 0 * x.sum()


def test_hidden_gradients_are_found_out_by_transfer(run, toy_images):
    x, y, model = toy_images.x, toy_images.labels, run.model(0)
    hidden = Hidden(model).eval()
    assert measure.robust_accuracy(hidden, x, y, 0.1) > measure.transfer_accuracy(hidden, model, x, y, 0.1) + 0.2


BAD = {
    "eps": (lambda m, x, y: measure.fgsm(m, x, y, -0.1), "eps.*at least 0"),
    "steps": (lambda m, x, y: measure.pgd(m, x, y, 0.1, steps=-1), "steps.*at least 0"),
    "restarts": (lambda m, x, y: measure.pgd(m, x, y, 0.1, restarts=0), "restarts.*at least 1"),
    "step size": (lambda m, x, y: measure.pgd(m, x, y, 0.1, step_size=-1.0), "step_size.*at least 0"),
    "range": (lambda m, x, y: measure.pgd(m, 2 * x, y, 0.1), r"x must be.*\[0, 1\]"),
    "bytes": (lambda m, x, y: measure.pgd(m, (255 * x).byte(), y, 0.1), "x must be floating-point"),
    "nan": (lambda m, x, y: measure.pgd(m, x / 0, y, 0.1), "x must be finite"),
    "labels": (lambda m, x, y: measure.pgd(m, x, y[:3], 0.1), "y must be int64"),
    "label range": (lambda m, x, y: measure.pgd(m, x, y + 2, 0.1), "y must be from 0 to 1"),
    "mode": (lambda m, x, y: measure.pgd(nn.Linear(6, 2).train(), x, y, 0.1), "evaluation mode"),
    "loss": (lambda m, x, y: measure.pgd(m, x, y, 0.1, loss="hinge"), "loss.*margin.*hinge"),
}


@pytest.mark.parametrize(("call", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_named(call, words):
    with pytest.raises(InputError, match=words):
        call(line(), *points())
