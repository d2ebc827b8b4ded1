"""Exercises: the residual student."""

import torch

from distill_helpers.course.exercises.grading import Exercise, Mistake
from distill_helpers.measure.representation import effective_rank, linear_cka


def _layers(seed):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(4, 3, generator=g), torch.randn(4, generator=g), torch.randn(2, 4, generator=g), torch.randn(2, generator=g)


def _with_bias(weight, bias):
    return torch.cat([weight, bias[:, None]], 1)


def _features(seed, dimensions):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(30, dimensions, generator=g) @ torch.diag(torch.linspace(0.2, 2, dimensions)) + 1.5


def _entropy_of(values):
    p = values / values.sum()
    return torch.special.entr(p).sum()


def _singular(f):
    return torch.linalg.svdvals(f - f.mean(0))


def _raw_cka(a, b):
    return (a.T @ b).square().sum() / ((a.T @ a).square().sum() * (b.T @ b).square().sum()).sqrt()


EXERCISES = [
    Exercise(
        "1",
        "Two affine maps in a row are one.",
        reference=lambda w1, b1, w2, b2: _with_bias(w2 @ w1, w2 @ b1 + b2),
        cases=(_layers(0), _layers(1), _layers(2)),
        mistakes=(
            Mistake(lambda w1, b1, w2, b2: _with_bias(w2 @ w1, b2), "The first bias passes through the second layer as well: add W₂ b₁."),
            Mistake(lambda w1, b1, w2, b2: _with_bias(w2 @ w1, w2 @ b1), "The second layer's own bias is missing."),
            Mistake(lambda w1, b1, w2, b2: torch.cat([b2[:, None] + (w2 @ b1)[:, None], w2 @ w1], 1), "The bias belongs in the last column."),
        ),
    ),
    Exercise(
        "2",
        "exp of the entropy: how many directions are used, were they used evenly.",
        reference=lambda f: effective_rank(f),
        cases=((_features(0, 3),), (_features(1, 5),), (_features(2, 4),)),
        tolerance=1e-3,
        mistakes=(
            Mistake(lambda f: _entropy_of(_singular(f)), "That is the entropy itself; take its exponential."),
            Mistake(lambda f: _entropy_of(torch.linalg.svdvals(f)).exp(), "Centre the features first: their mean is no direction of use."),
            Mistake(lambda f: _entropy_of(_singular(f).square()).exp(), "Normalise the singular values themselves, not their squares."),
            Mistake(
                lambda f: torch.linalg.matrix_rank(f - f.mean(0)).float(),
                "That is the rank, which counts a faint direction as much as a strong one.",
            ),
        ),
    ),
    Exercise(
        "3",
        "CKA does not change when either side is rotated or scaled.",
        reference=lambda a, b: linear_cka(a, b),
        cases=((_features(0, 3), _features(5, 4)), (_features(1, 5), _features(6, 5)), (_features(2, 4), _features(2, 4) * 3)),
        tolerance=1e-3,
        mistakes=(
            Mistake(lambda a, b: _raw_cka(a, b), "Centre both sides first."),
            Mistake(
                lambda a, b: _raw_cka(a - a.mean(0), b - b.mean(0)).sqrt(),
                "Take the square of the Frobenius norm above the line, not the norm.",
            ),
            Mistake(
                lambda a, b: ((a - a.mean(0)).T @ (b - b.mean(0))).square().sum(),
                "Divide by the same quantity of each side with itself; else it grows with the scale.",
            ),
        ),
    ),
]
