"""Exercises: the tournament."""

import torch

from distill_helpers.course.exercises.grading import Exercise, Mistake


def _drawn(seed):
    return torch.Generator().manual_seed(seed)


def _seeds(seed, n):
    draw = _drawn(seed)
    common = 0.9 + 0.03 * torch.randn(n, generator=draw)
    return common + 0.01 + 0.004 * torch.randn(n, generator=draw), common


def _paired(a, b, t):
    d = a - b
    return torch.stack([d.mean(), t * d.std() / len(d) ** 0.5])


def _unpaired(a, b, t):
    return torch.stack([(a - b).mean(), t * ((a.var() + b.var()) / len(a)).sqrt()])


def _search(seed):
    draw = _drawn(seed)
    return 0.9 + 0.02 * torch.randn(4, 3, generator=draw), 0.9 + 0.02 * torch.randn(4, 8, generator=draw)


def _shares(scores, resamples):
    best = scores[:, resamples].mean(-1).argmax(0)
    return best.bincount(minlength=len(scores)) / len(resamples)


def _wins_of_seeds(scores, resamples):
    return scores.argmax(0).bincount(minlength=len(scores)) / scores.shape[1]


def _methods(seed):
    draw = _drawn(seed)
    return 0.9 + 0.02 * torch.randn(5, 8, generator=draw), torch.randint(8, (400, 8), generator=draw)


EXERCISES = [
    Exercise(
        "1",
        "Differences seed by seed first, their spread after.",
        reference=_paired,
        cases=((*_seeds(0, 8), 2.365), (*_seeds(1, 5), 2.776), (*_seeds(2, 12), 2.201)),
        mistakes=(
            Mistake(_unpaired, "You treat the two as independent: the seeds' common luck stays in the interval. Take differences first."),
            Mistake(
                lambda a, b, t: torch.stack([(a - b).mean(), t * (a - b).std()]), "That is the spread of one seed; the mean's is smaller by √n."
            ),
            Mistake(
                lambda a, b, t: torch.stack([(a - b).mean(), t * (a - b).std(correction=0) / len(a) ** 0.5]),
                "Your deviation divides by n; the mean is estimated from the same seeds, so divide by n - 1.",
            ),
            Mistake(
                lambda a, b, t: torch.stack([(a - b).mean(), 1.96 * (a - b).std() / len(a) ** 0.5]),
                "1.96 is for many seeds; with a handful use the t quantile that is given.",
            ),
            Mistake(lambda a, b, t: _paired(b, a, t), "The sign is turned: a - b, not b - a."),
        ),
        tolerance=1e-5,
    ),
    Exercise(
        "2",
        "Chosen on validation, reported on test.",
        reference=lambda validation, test: test[validation.mean(1).argmax()].mean(),
        cases=(_search(0), _search(1), _search(2), _search(3), _search(4)),
        mistakes=(
            Mistake(lambda validation, test: test.mean(1).max(), "You chose on the test scores: the best of several lucky numbers is reported."),
            Mistake(
                lambda validation, test: validation.mean(1).max(),
                "You report the validation score by which you chose; it is too good for the same reason.",
            ),
            Mistake(
                lambda validation, test: test[validation.max(1).values.argmax()].mean(),
                "You followed the single luckiest seed; compare the settings by their means over the seeds.",
            ),
        ),
        tolerance=1e-6,
    ),
    Exercise(
        "3",
        "The same resampled seeds for all methods, then count the wins.",
        reference=_shares,
        cases=(_methods(0), _methods(1), _methods(2)),
        mistakes=(
            Mistake(_wins_of_seeds, "You count who wins each seed; take the mean over each resample first, and count who has the highest."),
            Mistake(lambda scores, resamples: _shares(scores, resamples) * len(resamples), "These are counts; divide by the number of resamples."),
        ),
        tolerance=1e-6,
    ),
]
