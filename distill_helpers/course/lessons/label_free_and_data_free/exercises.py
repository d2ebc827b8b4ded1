"""Exercises: distillation without labels and without data."""

import torch

from distill_helpers.course.exercises.grading import Exercise, Mistake
from distill_helpers.measure.distributions import total_variation
from distill_helpers.strategies.data_free.data_free import entropy_loss, one_hot_loss


def _logits(seed):
    return 2 * torch.randn(6, 4, generator=torch.Generator().manual_seed(seed))


def _shares(seed, classes):
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(classes, generator=generator).softmax(-1) for _ in range(2))


def _plogp(p):
    return (p * p.log()).sum(-1)


EXERCISES = [
    Exercise(
        "1",
        "One distribution for the whole batch, then minus its entropy.",
        reference=entropy_loss,
        cases=tuple((_logits(seed),) for seed in (0, 1, 2)),
        mistakes=(
            Mistake(lambda z: -entropy_loss(z), "The sign is wrong: a loss is minimised, and the entropy should be large."),
            Mistake(
                lambda z: _plogp(z.softmax(-1)).mean(),
                "You take the entropy of each image and then the mean. That makes single answers unsure; average the probabilities first.",
            ),
            Mistake(lambda z: _plogp(z.mean(0).softmax(-1)), "You average logits; average probabilities: softmax first, then the mean."),
            Mistake(lambda z: entropy_loss(z) / z.shape[-1], "You divide by the number of classes; sum over them (β takes care of the scale)."),
            Mistake(lambda z: _plogp(z.softmax(-1).sum(0)), "You sum over the batch; only the mean of the rows is a distribution."),
        ),
    ),
    Exercise(
        "2",
        "The teacher's own first choice is the label.",
        reference=one_hot_loss,
        cases=tuple((_logits(seed),) for seed in (3, 4, 5)),
        mistakes=(
            Mistake(lambda z: -one_hot_loss(z), "The sign is wrong: yours is lowest where the teacher is least certain."),
            Mistake(lambda z: one_hot_loss(z) * len(z), "You sum over the batch; take the mean."),
            Mistake(lambda z: -z.amax(-1).mean(), "You use the largest logit itself; take the log-softmax first, so that the others count."),
            Mistake(lambda z: 1 - z.softmax(-1).amax(-1).mean(), "The cross-entropy has a logarithm: -log of the largest probability."),
            Mistake(lambda z: -_plogp(z.softmax(-1)).mean(), "That is the entropy of each answer; the paper takes the first choice as label."),
        ),
    ),
    Exercise(
        "3",
        "Half the sum of absolute differences.",
        reference=lambda p, q: total_variation(p, q).float(),
        cases=(_shares(6, 10), _shares(7, 4), (torch.tensor([1.0, 0.0]), torch.tensor([0.25, 0.75]))),
        mistakes=(
            Mistake(lambda p, q: (p - q).abs().sum(), "The half is missing: every share that one class has too much, another has too little."),
            Mistake(lambda p, q: (p - q).abs().max(), "You look at one class; add up all of them."),
            Mistake(lambda p, q: (p - q).abs().mean(), "You average over the classes; sum them and take half."),
            Mistake(lambda p, q: (p - q).square().sum().sqrt(), "That is the Euclidean distance; total variation takes absolute values."),
        ),
    ),
]  # fmt: skip
