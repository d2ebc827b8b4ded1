"""Exercises: what a teacher is worth in parameters."""

import math

import torch
from torch import nn

from distill_helpers.course.exercises import Exercise, Experiment, Judgement, Mistake, Option
from distill_helpers.course.lessons.mnist.task import draw
from distill_helpers.training import Recipe, fit
from distill_helpers.training.randomness import build_seeded

# 1: how many times larger a student alone must be


def worth(sizes, scores, size, score):
    """How many times ``size`` the student alone needs for this score: on the line through (log size, score) between its neighbours."""
    for a, b, low, high in zip(sizes, sizes[1:], scores, scores[1:], strict=False):
        if low <= score <= high:
            return math.exp(math.log(a) + (score - low) / (high - low) * (math.log(b) - math.log(a))) / size
    return None


def _curves(generator):
    cases = []
    for _ in range(3):
        steps = 1 + torch.rand(4, generator=generator, dtype=torch.float64)
        sizes = [500.0]
        for step in steps.tolist():
            sizes.append(sizes[-1] * (1 + 2 * step))
        gains = 0.02 + 0.05 * torch.rand(4, generator=generator, dtype=torch.float64)
        scores = [0.7, *(0.7 + gains.cumsum(0)).tolist()]
        place = int(torch.randint(1, 4, (), generator=generator))
        share = 0.2 + 0.6 * float(torch.rand((), generator=generator, dtype=torch.float64))
        cases.append((sizes, scores, sizes[place - 1], scores[place] + share * (scores[place + 1] - scores[place])))
    return tuple(cases)


def _crossing(sizes, scores, score, between):
    for a, b, low, high in zip(sizes, sizes[1:], scores, scores[1:], strict=False):
        if low <= score <= high:
            return between(a, b, (score - low) / (high - low))
    return None


def _log(a, b, share):
    return a ** (1 - share) * b**share


# 3: a net of at most a thousand parameters

MOST, LEAST = 1000, 0.75
SHORT = Recipe(steps=300, lr=0.05, batch_size=64)


def pooled() -> nn.Module:
    """500 parameters: the mean over patches of 4 by 4 pixels, and a linear map of the 49 means."""
    return nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(49, 10))


_TOO_FEW = f"Trained for {SHORT.steps} steps, the net reads {LEAST:.0%} of the validation digits or fewer; more are asked for."


def _no_net(found) -> str:
    return f"Return a torch module that is not trained yet, but {type(found).__name__} came."


def examine(answer, generator) -> str:
    """What is wrong with a net that is handed in, or nothing. It is trained here, on 1,250 labelled digits, and read on the validation digits."""
    seed = int(torch.randint(1000, (), generator=generator))
    net = build_seeded(answer, seed)
    if not isinstance(net, nn.Module):
        return _no_net(net)
    count = sum(p.numel() for p in net.parameters())
    if not 0 < count <= MOST:
        return f"The net may learn at most {MOST:,} numbers, and at least one, but it learns {count:,}."
    drawn = draw(seed)
    shape = tuple(net(drawn.validation.x[:2]).shape)
    if shape != (2, 10):
        return f"For two digits the net must give logits of shape (2, 10), but {shape} came."
    fit(net, drawn.pool.subset(drawn.mine), SHORT, seed=seed, progress=False)
    with torch.no_grad():
        score = (net.eval()(drawn.validation.x).argmax(-1) == drawn.validation.labels).float().mean().item()
    return "" if score > LEAST else _TOO_FEW


EXERCISES = [
    Exercise("1", "How many times larger the student alone must be.", worth, _curves, (
        Mistake(lambda sizes, scores, size, score: _crossing(sizes, scores, score, lambda a, b, s: a + s * (b - a)) / size,
                "You draw the line over the sizes themselves; the curve stands on a logarithmic axis, so take their logarithms."),
        Mistake(lambda sizes, scores, size, score: size / _crossing(sizes, scores, score, _log),
                "Upside down: by how many times is the student alone LARGER?"),
        Mistake(lambda sizes, scores, size, score: _crossing(sizes, scores, score, _log),
                "This is the size that the student alone needs; divide it by the distilled student's size."),
        Mistake(lambda sizes, scores, size, score: _crossing(sizes, scores, score, lambda a, b, s: b) / size,
                "You take the next size that was trained; go on the line between its two neighbours."),
    )),
    Judgement("2", "A blog distils a student of 6,000 parameters for 600 steps and reads 92.3 %. The same student alone reads 90.5 % after 600 "
                   "steps, and a student alone of 24,000 parameters 92.3 %. The teacher's training took as long as 6,000 steps of the student. "
                   "It concludes: distillation is worth four times the parameters. Which control could take this away?", (
        Option("The student alone, trained for 6,600 steps.", "Right: with the teacher's time it may get there by itself.", right=True),
        Option("A teacher of another size.", "It would say how the gain depends on the teacher, not whether time alone explains it."),
        Option("The student of 24,000 parameters, distilled.", "It adds a point to the distilled curve; the comparison at 6,000 stays as it is."),
        Option("More test digits.", "They narrow the interval, and the student alone is still trained for a tenth of the time."),
    )),
    Experiment("3", "A net of at most 1,000 parameters that learns to read more than three digits in four.", examine, pooled, (
        Mistake(lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10)),
                "The net may learn at most 1,000 numbers, and at least one, but it learns 7,850."),
        Mistake(lambda: nn.Sequential(nn.AvgPool2d(14), nn.Flatten(), nn.Linear(4, 10)), _TOO_FEW),
        Mistake(lambda: nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(49, 5)),
                "For two digits the net must give logits of shape (2, 10), but (2, 5) came."),
        Mistake(lambda: 0.9, _no_net(0.9)),
    )),
]  # fmt: skip
