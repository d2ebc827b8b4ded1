"""Exercises: dropout, mixup, marginal loss."""

import torch
from torch.nn import functional as F

from distill_helpers.course.exercises.grading import Exercise, Mistake
from distill_helpers.strategies.contract.divergences import cross_entropy
from distill_helpers.strategies.robust.marginal_loss import marginal


def _hidden(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(4, 6, generator=generator), torch.rand(4, 6, generator=generator)


def _mixed(seed):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(4, (6,), generator=generator)
    return 2 * torch.randn(6, 4, generator=generator), labels, torch.randperm(6, generator=generator)


def _pairs(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(6, 3, generator=generator), torch.tensor([0, 1, 0, 2, 1, 0])


def _by_hand(x, y, margin, threshold, unit=F.normalize, power=1.0, off=1.0, count=None, flip=1.0, hinge=torch.relu):
    """Eq. 3, with one of its parts exchanged."""
    v = unit(x)
    distance = (v.unsqueeze(0) - v.unsqueeze(1)).square().sum(-1).clamp(min=0) ** power
    sign = flip * torch.where(y.unsqueeze(0) == y.unsqueeze(1), 1.0, -1.0)
    m = len(x)
    return (hinge(margin - sign * (threshold - distance)) * (1 - off * torch.eye(m))).sum() / (count or m * m - m)


EXERCISES = [
    Exercise(
        "1",
        "Kept units grow by 1/(1 - rate), so the expected value is the same with and without dropout.",
        reference=lambda h, chance, rate: h * (chance >= rate) / (1 - rate),
        cases=((*_hidden(0), 0.2), (*_hidden(1), 0.5), (*_hidden(2), 0.7)),
        mistakes=(
            Mistake(lambda h, chance, rate: h * (chance >= rate), "The scaling is missing: the sum that the next layer sees shrinks by 1 - rate."),
            Mistake(lambda h, chance, rate: h * (chance >= rate) / rate, "You divide by the rate; divide by the share that is kept, 1 - rate."),
            Mistake(
                lambda h, chance, rate: h * (chance >= rate) * (1 - rate), "Multiplying by 1 - rate is for testing, and instead of this scaling."
            ),
            Mistake(lambda h, chance, rate: h * (chance < rate) / (1 - rate), "You keep the units that should be dropped."),
            Mistake(
                lambda h, chance, rate: h * (chance >= 1 - rate) / rate, "You keep a share `rate`; rate is the probability that a unit is dropped."
            ),
        ),
    ),
    Exercise(
        "2",
        "Two cross-entropies on one blend, weighed by its shares.",
        reference=lambda z, y, order, share: share * cross_entropy(z, y) + (1 - share) * cross_entropy(z, y[order]),
        cases=((*_mixed(0), 0.8), (*_mixed(1), 0.3), (*_mixed(2), 0.6)),
        mistakes=(
            Mistake(lambda z, y, order, share: cross_entropy(z, y), "The partner's label is missing."),
            Mistake(
                lambda z, y, order, share: (1 - share) * cross_entropy(z, y) + share * cross_entropy(z, y[order]),
                "The shares are swapped: `share` belongs to the example's own label.",
            ),
            Mistake(
                lambda z, y, order, share: 0.5 * (cross_entropy(z, y) + cross_entropy(z, y[order])),
                "Both labels count the same in your loss; weigh them by their shares of the image.",
            ),
            Mistake(
                lambda z, y, order, share: share * cross_entropy(z, y) + (1 - share) * cross_entropy(z, y[order.argsort()]),
                "That is the inverse order: the partner of example i is example order[i].",
            ),
            Mistake(
                lambda z, y, order, share: len(z) * (share * cross_entropy(z, y) + (1 - share) * cross_entropy(z, y[order])),
                "You sum over the batch; take the mean.",
            ),
        ),
    ),
    Exercise(
        "3",
        "Same class: closer than threshold - margin. Other class: further than threshold + margin.",
        reference=lambda x, y, margin, threshold: marginal(x, y, margin, threshold),
        cases=((*_pairs(0), 0.3, 1.2), (*_pairs(1), 1.5, 1.0), (*_pairs(2), 0.1, 1.5)),
        mistakes=(
            Mistake(lambda x, y, m, t: _by_hand(x, y, m, t, unit=lambda v: v), "Normalise the embeddings first: only their directions count."),
            Mistake(lambda x, y, m, t: _by_hand(x, y, m, t, power=0.5), "The distance is squared in eq. 3."),
            Mistake(lambda x, y, m, t: _by_hand(x, y, m, t, off=0.0), "You count each example as a pair with itself."),
            Mistake(lambda x, y, m, t: _by_hand(x, y, m, t, count=len(x) ** 2), "There are m² - m pairs of two different examples, not m²."),
            Mistake(lambda x, y, m, t: _by_hand(x, y, m, t, flip=-1.0), "The sign is turned around: you push a class apart and pull others close."),
            Mistake(
                lambda x, y, m, t: _by_hand(x, y, m, t, hinge=lambda v: v), "The hinge is missing: max(0, ·) lets pairs that are good enough rest."
            ),
        ),
    ),
]
