"""Exercises: sharing and low rank."""

import torch

from distill_helpers.course.exercises.grading import Exercise, Mistake


def _largest(a, b):
    """The largest r with r (a + b) < a b."""
    return (a * b - 1) // (a + b)


def _rank(values, share):
    kept = values.square().cumsum(0) / values.square().sum()
    return int((kept < share).sum()) + 1


def _rank_unsquared(values, share):
    return int((values.cumsum(0) / values.sum() < share).sum()) + 1


def _case(seed):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(5, 4, generator=g), torch.randint(6, (5, 4), generator=g), torch.randint(2, (5, 4), generator=g) * 2.0 - 1, 6


def _summed(gradient, index, sign, buckets):
    return torch.zeros(buckets).index_add(0, index.flatten(), (gradient * sign).flatten())


def _overwritten(gradient, index, sign, buckets):
    out = torch.zeros(buckets)
    for i, v in zip(index.flatten().tolist(), (gradient * sign).flatten().tolist(), strict=True):
        out[i] = v
    return out


EXERCISES = [
    Exercise(
        "1",
        "r(a + b) against a·b: worth it below a·b/(a + b).",
        reference=lambda a, b, r: [r * (a + b), _largest(a, b)],
        cases=((784, 1280, 32), (10, 10, 2), (100, 300, 7), (4, 4, 1)),
        mistakes=(
            Mistake(lambda a, b, r: [r * a * b, _largest(a, b)], "Two thin layers: a·r weights, then r·b."),
            Mistake(lambda a, b, r: [r * (a + b), min(a, b)], "That is the full rank. Ask where r(a + b) is still smaller than a·b."),
            Mistake(lambda a, b, r: [r * (a + b), a * b // (a + b)], "At r = a·b/(a + b) exactly nothing is saved; it must be fewer."),
            Mistake(lambda a, b, r: r * (a + b), "Return a list: the weights, and the largest rank that saves any."),
        ),
    ),
    Exercise(
        "2",
        "Count from the front until the share is reached.",
        reference=_rank,
        cases=(
            (torch.tensor([5.0, 2.0, 1.0, 1.0, 0.5]), 0.9),
            (torch.tensor([3.0, 2.9, 0.2, 0.1]), 0.99),
            (torch.tensor([1.0, 1.0, 1.0, 1.0]), 0.6),
        ),
        mistakes=(
            Mistake(_rank_unsquared, "Energy is the sum of squares: square the singular values first."),
            Mistake(lambda v, share: _rank(v, share) - 1, "One too few: the rank you return must reach the share."),
            Mistake(lambda v, share: int((v >= share * v[0]).sum()), "Compare the cumulative energy, not each value with the largest."),
        ),
    ),
    Exercise(
        "3",
        "A shared number is pulled by all its places.",
        reference=_summed,
        cases=(_case(0), _case(1), _case(2)),
        mistakes=(
            Mistake(lambda g, i, s, b: _summed(g, i, torch.ones_like(s), b), "The signs are missing: each place enters with its own."),
            Mistake(_overwritten, "Places that share a number overwrite each other; add them (index_add)."),
            Mistake(
                lambda g, i, s, b: _summed(g, i, s, b) / torch.bincount(i.flatten(), minlength=b).clamp(min=1),
                "Add the gradients up; a mean would make much-used numbers learn too slowly.",
            ),
        ),
    ),
]
