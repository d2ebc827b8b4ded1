"""What each setting of a recipe does to trained weights, on a loss whose gradient is known at every step."""

import math
from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn

from distill_helpers.checks import InputError
from distill_helpers.strategies import Strategy
from distill_helpers.training import Recipe, distill

STEPS = 40
SGD = Recipe(steps=STEPS, batch_size=8, lr=0.1, optimizer="sgd", momentum=0.0, warmup=0.0, schedule="constant", precision="float32")


class Weight(nn.Module):
    """Two numbers, begun at 1 and 1 whatever the seed, that every image gets as its logits, after zeros."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(2))

    def forward(self, x):
        return torch.cat([x.new_zeros(len(x), 3), self.w.expand(len(x), 2)], 1)


@dataclass(frozen=True)
class Slope(Strategy):
    """A loss with the same gradient, (first, second), at every step; the history shows the weights of before each step."""

    first: float = 1.0
    second: float = 0.0
    needs_teacher = False

    def loss(self, student, teacher, batch):
        w = student.parameters()["w"]
        pull = self.first * w[0] + self.second * w[1]
        shown = {f"w{i}": w[i].detach() + 0 * pull for i in range(2)}
        return {"pull": pull - sum(shown.values()).detach(), **shown}


def path(pool, recipe, strategy=None, seeds=(0,)):
    """How far each step moved the first weight, [steps - 1], and the run."""
    run = distill(Weight, None, pool, strategy or Slope(), seeds=seeds, recipe=recipe, progress=False)
    return -run.history["w0"][:, 0].diff(), run


def near(found, wanted, tolerance=1e-5):
    torch.testing.assert_close(found.float(), torch.as_tensor(wanted).float().expand_as(found), atol=tolerance, rtol=0)


def test_a_constant_rate_moves_equally_far_in_every_step(toy_images):
    moved, run = path(toy_images, SGD)
    near(moved, 0.1)
    near(run.model(0).w, [1 - STEPS * 0.1, 1.0])


def test_a_cosine_falls_in_the_weights_themselves(toy_images):
    """Full rate at first, half at half time, nearly none at the end; half of the way of a constant rate in all."""
    moved, run = path(toy_images, replace(SGD, schedule="cosine"))
    near(moved, [0.05 * (1 + math.cos(math.pi * t / STEPS)) for t in range(STEPS - 1)])
    near(moved[[0, STEPS // 4, STEPS // 2]], [0.1, 0.05 + 0.05 * 0.5**0.5, 0.05])
    assert moved[-1] < 0.002 and (moved.diff() < 0).all()
    near(run.model(0).w[0], 1 - 0.05 * (STEPS + 1))


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_warm_up_rises_in_a_line_and_the_schedule_begins_after_it(schedule, toy_images):
    moved, _ = path(toy_images, replace(SGD, schedule=schedule, warmup=0.25))
    near(moved[:10], 0.01 * torch.arange(1, 11))
    rest = [0.1 if schedule == "constant" else 0.05 * (1 + math.cos(math.pi * t / 30)) for t in range(29)]
    near(moved[10:], rest)


def test_the_default_recipe_warms_up_and_falls():
    recipe = Recipe()
    assert (recipe.optimizer, recipe.schedule, recipe.warmup, recipe.lr, recipe.weight_decay, recipe.batch_size) == (
        "adamw", "cosine", 0.05, 2e-3, 0.0, 128)  # fmt: skip
    factors = [recipe.lr_factor(t) for t in range(recipe.steps)]
    assert factors[0] == 1 / 50 and factors[49] == factors[50] == 1 and factors[-1] < 1e-5
    assert abs(factors[525] - 0.5) < 1e-9
    assert (recipe.check_every, recipe.compile, recipe.order, recipe.on_divergence, recipe.clip_norm) == (100, False, "own", "stop", None)


def test_one_step_one_image_and_one_look_are_enough(toy_images):
    _, run = path(toy_images, replace(SGD, steps=1, batch_size=1, check_every=1, schedule="cosine"))
    near(run.model(0).w, [0.9, 1.0])
    for field in ("steps", "batch_size", "check_every"):
        with pytest.raises(InputError, match=field):
            replace(SGD, **{field: 0})


@pytest.mark.parametrize("momentum", [0.5, 0.9])
def test_momentum_adds_up_to_one_over_one_less_momentum(momentum, toy_images):
    moved, _ = path(toy_images, replace(SGD, momentum=momentum))
    near(moved, [0.1 * (1 - momentum ** (t + 1)) / (1 - momentum) for t in range(STEPS - 1)], 1e-4)
    near(path(toy_images, replace(SGD, optimizer="sgd", momentum=Recipe().momentum))[0][-1], 1.0, 0.02)


def test_adam_moves_by_the_rate_whatever_the_gradient_s_size(toy_images):
    for size in (1e-3, 1.0, 50.0):
        moved, run = path(toy_images, replace(SGD, optimizer="adamw", lr=0.01), Slope(size))
        near(moved, 0.01, 1e-5)
        near(run.model(0).w[1], 1.0)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_weight_decay_shrinks_what_has_no_gradient(optimizer, toy_images):
    """Each step takes rate times decay of a weight, in Adam too: decoupled (Loshchilov & Hutter 2019)."""
    _, run = path(toy_images, replace(SGD, optimizer=optimizer, weight_decay=0.5), Slope(1.0, 0.0))
    near(run.model(0).w[1], (1 - 0.1 * 0.5) ** STEPS)
    near(path(toy_images, replace(SGD, optimizer=optimizer))[1].model(0).w[1], 1.0)


def test_a_norm_is_clipped_as_a_whole_and_a_value_for_itself(toy_images):
    """Gradient (3, 4): norm 5."""
    ends = lambda recipe: 1 - path(toy_images, recipe, Slope(3.0, 4.0))[1].model(0).w
    near(ends(SGD), [0.1 * STEPS * 3, 0.1 * STEPS * 4], 1e-4)
    near(ends(replace(SGD, clip_norm=1.0)), [0.1 * STEPS * 0.6, 0.1 * STEPS * 0.8], 1e-4)
    near(ends(replace(SGD, clip_norm=7.0)), [0.1 * STEPS * 3, 0.1 * STEPS * 4], 1e-4)
    near(ends(replace(SGD, clip_value=3.5)), [0.1 * STEPS * 3, 0.1 * STEPS * 3.5], 1e-4)


@dataclass(frozen=True)
class Rival(Slope):
    """A second Weight that plays against the student by a gradient of its own."""

    opponents = ("rival",)

    def extras(self, student_outputs, teacher_outputs):
        return {"rival": Weight()}

    def opponent_loss(self, student, teacher, batch):
        return {"rival": student.extra("rival", batch.x)[:, 3].mean()}


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_an_opponent_has_its_own_rate_and_the_same_schedule(schedule, toy_images):
    way = STEPS if schedule == "constant" else (STEPS + 1) / 2
    for rate, wanted in ((None, 0.1), (0.02, 0.02)):
        _, run = path(toy_images, replace(SGD, schedule=schedule, opponent_lr=rate), Rival())
        near(1 - run.model(0).w[0], 0.1 * way, 1e-4)
        near(1 - run.model(0, "rival@0").w[0], wanted * way, 1e-4)


def test_each_student_of_a_stack_is_clipped_alone(toy_images):
    """All of four students move as one alone does, though the norm of all gradients together is twice as large."""
    _, run = path(toy_images, replace(SGD, clip_norm=1.0), Slope(3.0, 4.0), seeds=range(4))
    for student in range(4):
        near(1 - run.model(student).w, [0.1 * STEPS * 0.6, 0.1 * STEPS * 0.8], 1e-4)
