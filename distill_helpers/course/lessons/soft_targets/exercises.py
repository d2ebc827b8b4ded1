"""Exercises: soft targets."""

import torch

from distill_helpers.course.exercises.grading import Exercise, Mistake
from distill_helpers.strategies.contract.divergences import kl_from_logits


def _logits(seed):
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(5, 4, generator=generator), 3 * torch.randn(5, 4, generator=generator)


def _ece(confidence, correct, bins):
    number = (confidence * bins).ceil().long().clamp(1, bins) - 1
    total = torch.zeros(())
    for b in range(bins):
        inside = number == b
        if inside.any():
            total = total + inside.float().mean() * (confidence[inside].mean() - correct[inside].mean()).abs()
    return total


def _ece_unweighted(confidence, correct, bins):
    number = (confidence * bins).ceil().long().clamp(1, bins) - 1
    gaps = [(confidence[number == b].mean() - correct[number == b].mean()).abs() for b in range(bins) if (number == b).any()]
    return torch.stack(gaps).mean()


def _answers(seed):
    generator = torch.Generator().manual_seed(seed)
    confidence = torch.rand(60, generator=generator) ** 2
    return confidence, (torch.rand(60, generator=generator) < 0.6).float()


EXERCISES = [
    Exercise(
        "1",
        "Soft targets, with T² and the mean over the batch.",
        reference=lambda s, t, T: T**2 * kl_from_logits(t, s, T),
        cases=tuple((*_logits(seed), T) for seed, T in ((0, 1.0), (1, 4.0), (2, 8.0))),
        mistakes=(
            Mistake(lambda s, t, T: kl_from_logits(t, s, T), "T² is missing: your gradient shrinks by T² = 16 when T is 4."),
            Mistake(lambda s, t, T: T * kl_from_logits(t, s, T), "The factor is T², not T: one T from the derivative, one from q - p."),
            Mistake(
                lambda s, t, T: T**2 * kl_from_logits(t, s, T) / s.shape[-1],
                "You average over the classes as well: sum over classes, then the mean over the batch (kl_div calls that batchmean).",
            ),
            Mistake(lambda s, t, T: T**2 * kl_from_logits(s, t, T), "Teacher and student are swapped: weigh the logarithms by the teacher."),
            Mistake(lambda s, t, T: T**2 * kl_from_logits(t, s, T) * len(s), "You sum over the batch; take the mean."),
            Mistake(
                lambda s, t, T: T**2 * kl_from_logits(t, s * T, T), "Only the teacher is softened; the student's logits must be divided by T too."
            ),
            Mistake(
                lambda s, t, T: T**2 * -((t / T).softmax(-1) * (s / T).log_softmax(-1)).sum(-1).mean(),
                "That is the cross-entropy. Its gradient is right, but it is not zero when student and teacher agree.",
            ),
        ),
    ),
    Exercise(
        "2",
        "Each bin counts by its share of the examples.",
        reference=_ece,
        cases=((*_answers(0), 10), (*_answers(1), 5), (*_answers(2), 15)),
        mistakes=(
            Mistake(_ece_unweighted, "Every bin counts the same in your mean; weigh each by its share of the examples."),
            Mistake(lambda c, r, b: (c.mean() - r.mean()).abs(), "You compare the overall means: over- and underconfidence cancel out. Use bins."),
            Mistake(lambda c, r, b: (c - r).abs().mean(), "You compare example by example; calibration compares the means within bins."),
        ),
    ),
    Exercise(
        "3",
        "A shuffled teacher: the answers stay, the images they belong to do not.",
        reference=lambda logits, order: logits[order],
        cases=(
            (torch.arange(12.0).view(4, 3), torch.tensor([1, 2, 3, 0])),
            (torch.arange(10.0).view(5, 2), torch.tensor([2, 0, 4, 1, 3])),
        ),
        mistakes=(
            Mistake(lambda logits, order: logits, "Nothing moved: every image still has its own answer."),
            Mistake(
                lambda logits, order: torch.zeros_like(logits).index_copy(0, order, logits),
                "That is the inverse order: image i must get the answer to image order[i].",
            ),
            Mistake(lambda logits, order: logits[:, torch.arange(logits.shape[1]).roll(1)], "You moved classes, not images: index the rows."),
        ),
    ),
]
