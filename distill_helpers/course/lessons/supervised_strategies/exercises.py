"""Exercises: attacks, corrected answers, attention."""

import torch

from distill_helpers.course.exercises.grading import Exercise, Mistake
from distill_helpers.strategies.features.attention_transfer import attention_map
from distill_helpers.strategies.outputs.adjusted_targets import shifted


def _attack(seed, eps):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(4, 6, generator=generator), torch.randn(4, 6, generator=generator), eps


def _answers(seed):
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(6, 5, generator=generator)
    labels = torch.randint(5, (6,), generator=generator)
    labels[0] = logits[0].argmax()
    return logits, labels


def _maps(seed):
    return (torch.randn(3, 4, 2, 5, generator=torch.Generator().manual_seed(seed)),)


def _ball(x, gradient, eps):
    return (x + eps * gradient / gradient.norm(dim=-1, keepdim=True)).clamp(0, 1)


def _overwritten(logits, labels):
    return logits.scatter(-1, labels.unsqueeze(-1), logits.max(-1, keepdim=True).values)


def _always(logits, labels):
    return torch.nn.functional.one_hot(labels, logits.shape[-1]).float()


def _with_the_smallest(logits, labels):
    return -shifted(-logits, labels)


EXERCISES = [
    Exercise(
        "1",
        "One step of eps along the sign of every number, and back into [0, 1].",
        reference=lambda x, gradient, eps: (x + eps * gradient.sign()).clamp(0, 1),
        cases=(_attack(0, 0.1), _attack(1, 0.3), _attack(2, 0.02)),
        mistakes=(
            Mistake(lambda x, g, eps: (x - eps * g.sign()).clamp(0, 1), "You go downhill: an attacker RAISES the loss."),
            Mistake(lambda x, g, eps: (x + eps * g).clamp(0, 1),
                    "Take the sign: in the L-infinity ball every number may move by eps, however small its slope."),
            Mistake(_ball, "That is the step for a ball of length eps (L2). Here each number has its own limit: take the sign."),
            Mistake(lambda x, g, eps: x + eps * g.sign(), "Some pixels left [0, 1]: cut the result back to what an image can hold."),
            Mistake(lambda x, g, eps: (x + g.sign()).clamp(0, 1), "eps is missing: you moved every pixel by 1."),
        ),
    ),
    Exercise(
        "2",
        "The first choice and the label change places; right answers stay.",
        reference=shifted,
        cases=(_answers(0), _answers(1), _answers(2)),
        mistakes=(
            Mistake(lambda logits, labels: logits,
                    "Nothing changed: where the first choice is not the label, the two values must change places."),
            Mistake(_overwritten, "You copied the largest value to the label, but left it at the wrong class as well: swap the two."),
            Mistake(_always, "You threw the teacher's answer away. Only two values change places; all others stay."),
            Mistake(_with_the_smallest, "You swapped with the smallest value; it is the largest that belongs at the label."),
        ),
    ),
    Exercise(
        "3",
        "Squares, summed over channels, one length for every image.",
        reference=attention_map,
        cases=(_maps(0), _maps(1)),
        mistakes=(
            Mistake(lambda f: f.square().sum(1).flatten(1), "The length is missing: divide each image's map by its own norm."),
            Mistake(lambda f: torch.nn.functional.normalize(f.sum(1).flatten(1)),
                    "Square the activations before you add them: negative ones count as well."),
            Mistake(lambda f: torch.nn.functional.normalize(f.abs().sum(1).flatten(1)),
                    "That is F_sum with absolute values; here the activations are squared."),
            Mistake(lambda f: torch.nn.functional.normalize(f.square().sum((2, 3))),
                    "You summed over positions and kept the channels: a map says WHERE, so sum over dimension 1."),
            Mistake(
                lambda f: f.square().sum(1).flatten(1) / f.square().sum(1).norm(),
                "You divided by one norm for the whole batch; every image has its own."
            ),
        ),
    ),
]  # fmt: skip
