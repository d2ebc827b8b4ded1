"""Whatever generator a student, its builder or a loss draws from: all follow from the seed, and the caller's stand where they stood."""

import random
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from distill_helpers.checks import InputError
from distill_helpers.data.seeded import all_seeded, generator_states
from distill_helpers.models import BigMLP
from distill_helpers.strategies import HardLabels, Strategy
from distill_helpers.strategies.contract.divergences import cross_entropy
from distill_helpers.training import Recipe, distill

RECIPE = Recipe(steps=6, batch_size=8)
DRAWS = {"python": lambda: random.random(), "numpy": lambda: float(np.random.rand()), "torch": lambda: float(torch.rand(()))}


def gap(a, b):
    return max((x - b.model(i).state_dict()[k]).abs().max().item() for i in range(len(a)) for k, x in a.model(i).state_dict().items())


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_builder_may_draw_from_any(draw, toy_images):
    def build():
        net = BigMLP(64, 8, 1, 5)
        with torch.no_grad():
            next(net.parameters()).mul_(1 + draw())
        return net

    before = generator_states()
    one = distill(build, None, toy_images, HardLabels(), seeds=(0, 1), recipe=RECIPE)
    assert generator_states() == before
    [d() for d in DRAWS.values()]
    two = distill(build, None, toy_images, HardLabels(), seeds=(0, 1), recipe=RECIPE)
    assert gap(one, two) == 0 and not torch.equal(*(next(one.model(i).parameters()) for i in range(2)))


class Noisy(nn.Module):
    def __init__(self, draw):
        super().__init__()
        self.net, self.draw = BigMLP(64, 8, 1, 5), draw

    def forward(self, x):
        return self.net(x) * (1 + self.draw()) if self.training else self.net(x)


@pytest.mark.parametrize("name", DRAWS)
def test_a_forward_may_draw_from_any(name, toy_images):
    before = generator_states()
    runs = []
    for _ in range(2):
        runs.append(distill(lambda: Noisy(DRAWS[name]), None, toy_images, HardLabels(), seeds=(0, 1), recipe=RECIPE))
        assert generator_states() == before
    assert gap(*runs) == 0
    assert "random numbers" in runs[0].why_alone
    alone = distill(lambda: Noisy(DRAWS[name]), None, toy_images, HardLabels(), seeds=(1,), recipe=RECIPE)
    assert all(torch.equal(a, b) for a, b in zip(alone.model(0).parameters(), runs[0].model(1).parameters(), strict=True))


@dataclass(frozen=True)
class Throws(Strategy):
    which: str
    needs_labels = True
    needs_teacher = False

    def loss(self, student, teacher, batch):
        return {"hard": cross_entropy(student(batch.x).logits, batch.y) * (1 + DRAWS[self.which]())}


@pytest.mark.parametrize("name", DRAWS)
def test_a_loss_may_draw_from_none(name, toy_images):
    with pytest.raises(InputError, match="draws random numbers in its loss"):
        distill(lambda: BigMLP(64, 8, 1, 5), None, toy_images, Throws(name), recipe=RECIPE)


def test_generators_are_put_back_after_a_failure():
    before = generator_states()
    with pytest.raises(ValueError), all_seeded(3):
        [d() for d in DRAWS.values()]
        assert generator_states() != before
        raise ValueError
    assert generator_states() == before
