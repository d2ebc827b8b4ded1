"""What the tests of the strategies share: small stand-ins for student, teacher and batch, and how far apart two models are."""

import pytest
import torch

from distill_helpers.models import BigMLP
from distill_helpers.models.outputs import FeatureDict, Outputs
from distill_helpers.strategies.contract import Batch
from distill_helpers.training import Recipe

SHORT = Recipe(steps=6, batch_size=16, lr=1e-2, check_every=3)


class Net:
    """Stands in for student and teacher: logits and features are functions of x, or constants. ``seen`` keeps what was asked."""

    parts = {"head": lambda z: z.flatten(1)[:, :5]}

    def __init__(self, logits, features=None, **extras):
        self.logits, self.features, self.extras, self.seen = logits, features or {}, extras, []

    def __call__(self, asked):
        x = asked.x if isinstance(asked, Batch) else asked
        self.seen.append(x)
        value = lambda v: v(x) if callable(v) else v
        return Outputs(value(self.logits), FeatureDict({k: value(v) for k, v in self.features.items()}))

    live = __call__

    def part(self, name, *inputs):
        """A named part of a frozen teacher: "head" gives the first five numbers of what it is given; ``parts`` has others."""
        return self.parts[name](*inputs)

    def extra(self, name, *inputs):
        value = self.extras[name]
        return value(*inputs) if callable(value) else value


def small():
    return BigMLP(64, 8, 2, 5)


def rows(*values):
    return torch.tensor(values, dtype=torch.double)


def random(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def random_logits(seed, count=6, classes=4):
    return 2 * random(seed, count, classes)


def batch(x, y=None, noise=None, progress=0.0):
    index = torch.arange(len(x))
    return Batch(x, None if y is None else torch.as_tensor(y), index, torch.zeros_like(index), noise or {}, progress)


def same(value, wanted, tolerance=1e-6):
    value, wanted = (float(torch.as_tensor(v).detach()) for v in (value, wanted))
    assert value == pytest.approx(wanted, abs=tolerance)


def gap(a, b):
    """The largest difference between the weights of two models."""
    a, b = a.state_dict(), b.state_dict()
    return max((a[k] - b[k]).abs().max().item() for k in a)
