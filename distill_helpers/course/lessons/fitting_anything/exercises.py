"""Exercises: the ceiling of contradictory labels, label noise, and the net that memorises."""

import torch

from distill_helpers.course.exercises.grading import Exercise, Mistake


def _groups(which, labels):
    return [labels[which == number].bincount() for number in which.unique()]


def _ceiling(which, labels):
    return sum(votes.max().item() for votes in _groups(which, labels)) / len(labels)


def _ceiling_unweighted(which, labels):
    shares = [(votes.max() / votes.sum()).item() for votes in _groups(which, labels)]
    return sum(shares) / len(shares)


def _unanimous_only(which, labels):
    return sum(votes.max().item() for votes in _groups(which, labels) if votes.max() == votes.sum()) / len(labels)


def _sample(seed, distinct, count, classes):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(distinct, (count,), generator=generator), torch.randint(classes, (count,), generator=generator)


def _noise(labels, classes, rate, chance, offset):
    return torch.where(chance < rate, (labels + offset) % classes, labels)


def _noise_by_place(labels, classes, rate, chance, offset):
    first = torch.arange(len(labels)) < round(rate * len(labels))
    return torch.where(first, (labels + offset) % classes, labels)


def _draws(seed, classes, rate):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (40,), generator=generator)
    return labels, classes, rate, torch.rand(40, generator=generator), torch.randint(1, classes, (40,), generator=generator)


EXERCISES = [
    Exercise(
        "1",
        "The most frequent label of each distinct input, summed and divided by all examples.",
        reference=_ceiling,
        cases=(
            (torch.tensor([0, 0, 0, 1]), torch.tensor([3, 3, 5, 2])),
            (torch.tensor([2, 0, 2, 1, 2, 1, 2]), torch.tensor([1, 0, 1, 2, 3, 0, 0])),
            _sample(0, 6, 30, 4),
        ),
        mistakes=(
            Mistake(lambda w, y: 1 - _ceiling(w, y), "That is the floor of the error. The ceiling of accuracy is 1 minus it."),
            Mistake(_ceiling_unweighted, "Every distinct input counts the same in your mean; an input with more copies must count more."),
            Mistake(
                lambda w, y: y.bincount().max().item() / len(y),
                "That is one answer for all inputs; a function may answer each distinct input anew.",
            ),
            Mistake(_unanimous_only, "You count only the inputs whose labels all agree; of the others the most frequent label is still right."),
            Mistake(
                lambda w, y: len(w.unique()) / len(y),
                "You count one right answer for each distinct input; count as many as its most frequent label has.",
            ),
        ),
    ),
    Exercise(
        "2",
        "Every other class is reached, the own one never.",
        reference=_noise,
        cases=(_draws(0, 10, 0.4), _draws(1, 3, 0.2), _draws(2, 5, 0.7)),
        mistakes=(
            Mistake(
                lambda y, k, r, c, o: torch.where(c < r, o, y),
                "You take the offset for the new class: that never gives class 0, and at times gives the label's own class.",
            ),
            Mistake(
                lambda y, k, r, c, o: torch.where(c < r, (y + o - 1) % k, y),
                "You move on by one too few, so that some of the chosen labels keep their own class and the share comes out too small.",
            ),
            Mistake(lambda y, k, r, c, o: torch.where(c < r, y + o, y), "Labels run past the last class; go round to 0 with % classes."),
            Mistake(
                lambda y, k, r, c, o: torch.where(c < r, y, (y + o) % k), "You spoil a share of 1 - rate: a label is spoilt where chance < rate."
            ),
            Mistake(lambda y, k, r, c, o: (y + o) % k, "You spoil every label; only those with chance < rate."),
            Mistake(_noise_by_place, "You spoil the first ones; where a label stands must not matter, so use chance."),
        ),
    ),
    Exercise(
        "3",
        "One projection of d weights, n thresholds, n output weights: 2n + d (Zhang et al. 2017, theorem 1).",
        reference=lambda n, d: 2 * n + d,
        cases=((3500, 784), (10, 3), (1, 1), (50, 784)),
        mistakes=(
            Mistake(lambda n, d: n * d + 2 * n, "That is a dense hidden layer of n neurons. Here all neurons share one projection of d weights."),
            Mistake(lambda n, d: 2 * n, "The projection is missing: d more weights."),
            Mistake(lambda n, d: n + d, "Each of the n neurons has two numbers of its own: a threshold and an output weight."),
            Mistake(lambda n, d: 2 * n + d + 1, "The output has no bias: the lowest threshold lies below all inputs and does its work."),
        ),
    ),
]
