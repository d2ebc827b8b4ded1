"""Exercises: exploding and vanishing gradients."""

import math

import torch

from distill_helpers.course.exercises.grading import Exercise, Mistake


def _slopes(seed):
    return torch.rand(50, generator=torch.Generator().manual_seed(seed)) * 1.2 - 0.1


EXERCISES = [
    Exercise(
        "1",
        "The squared gain times the mean of the squared slope.",
        reference=lambda slopes, gain: gain**2 * slopes.square().mean(),
        cases=((_slopes(0), 1.5), (_slopes(1), 0.7), (torch.tensor([0.0, 1.0]), 2**0.5)),
        mistakes=(
            Mistake(lambda s, g: g * s.square().mean(), "The weights' variance is gain squared; you multiplied by the gain."),
            Mistake(lambda s, g: g**2 * s.mean() ** 2, "Square the slopes first, then take the mean: E[φ′²], not E[φ′]²."),
            Mistake(lambda s, g: g**2 * s.mean(), "χ is about the squared gradient, so the slopes are squared as well."),
            Mistake(lambda s, g: g**2 * s.square().sum(), "Take the mean over the samples, not their sum."),
        ),
    ),
    Exercise(
        "2",
        "Half the slopes are 1 and half are a, so gain² (1 + a²) / 2 = 1.",
        reference=lambda a: math.sqrt(2 / (1 + a**2)),
        cases=((0.0,), (0.1,), (0.5,), (1.0,)),
        mistakes=(
            Mistake(lambda a: math.sqrt(2), "That is the gain of the plain ReLU, a = 0; the negative side lets some gradient through."),
            Mistake(lambda a: 2 / (1 + a**2), "That is the gain squared: take the root."),
            Mistake(lambda a: math.sqrt(2 / (1 + a)), "The slope a enters squared."),
            Mistake(lambda a: math.sqrt(1 / (1 + a**2)), "Each side has probability one half: the mean of the squared slopes is (1 + a²)/2."),
        ),
    ),
    Exercise(
        "3",
        "The norm shrinks by √χ per layer.",
        reference=lambda chi, fraction: math.ceil(2 * math.log(fraction) / math.log(chi)),
        cases=((0.5, 0.01), (0.9, 0.1), (0.25, 0.3), (0.99, 0.001)),
        mistakes=(
            Mistake(lambda c, f: math.ceil(math.log(f) / math.log(c)), "χ is the factor of the squared gradient; its norm shrinks by √χ only."),
            Mistake(lambda c, f: math.floor(2 * math.log(f) / math.log(c)), "Round up: after one layer fewer the norm is still too large."),
            Mistake(lambda c, f: math.ceil(math.log(f) / math.log(c) / 2), "The root halves the exponent: twice as many layers, not half."),
            Mistake(lambda c, f: 2 * math.log(f) / math.log(c), "Layers come whole: round up."),
        ),
    ),
]
