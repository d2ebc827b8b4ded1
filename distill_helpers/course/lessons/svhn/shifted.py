"""Under a shift of domain: the student's unlabelled pictures, and the test, are in fonts and on photographs that its teacher never saw."""

from dataclasses import replace
from functools import lru_cache

import torch

from distill_helpers.course.applications.task import (
    ALL,
    FIRST,
    REPLICATES,
    UNLABELLED,
    Application,
    Drawn,
    lent_teacher,
    unlabelled_means,
)
from distill_helpers.course.applications.trials import answered, train
from distill_helpers.course.applications.ways import ALONE, PSEUDO, SOFT
from distill_helpers.course.lessons.svhn.task import FEW as KNOWN
from distill_helpers.course.lessons.svhn.task import MINE, SHIFT, SVHN, TEST, VIEWS, draw
from distill_helpers.course.lessons.svhn.tuned import TUNED
from distill_helpers.data import ImageSet, make_views
from distill_helpers.data.generated import font_svhn
from distill_helpers.training.replicates import balanced

SHIFTS = (0.0, 0.25, 0.5, 0.75, 1.0)
OLD, NEW, NEW_PSEUDO, LABELLED = ARMS = ("soft targets, old pictures", "soft targets, new pictures", "pseudo-labels, new pictures",
                                         "alone, all labels of the new")  # fmt: skip
OLD_ALONE = "alone, all labels of the old"
OTHERS = "soft targets of another teacher, new pictures"
ENDS = (SHIFTS[0], SHIFTS[-1])


def pictures(seed: int, shift: float, count: int, part: str) -> ImageSet:
    """Pictures of the new domain for one replicate; no other replicate, shift or part has them. part: "learn" or "test"."""
    number = SHIFTS.index(shift) if shift in SHIFTS else len(SHIFTS)
    return font_svhn(count, 1_000_000 + 100 * seed + 10 * ("learn", "test").index(part) + number, shift)


@lru_cache(maxsize=4)
def test_at(seed: int, shift: float, count: int = TEST) -> ImageSet:
    """What is read at this shift."""
    return pictures(seed, shift, count, "test")


def unlabelled_at(shift: float) -> Application:
    """The student's few labelled pictures of the old domain, and unlabelled ones at this shift in place of its other old ones."""

    @lru_cache(maxsize=1)
    def drawn_at(seed: int) -> Drawn:
        plain = draw(seed)
        known = plain.mine[balanced(plain.pool.labels, plain.mine, KNOWN, plain.pool.ignore_index)]
        new = pictures(seed, shift, MINE - KNOWN, "learn")
        images = torch.cat([plain.pool.pixels[0][known], new.images])
        labels = torch.cat([plain.pool.labels[known], torch.full((len(new),), -100)])
        return _drawn(unlabelled_means(ImageSet(images, labels.clamp(min=0), 10, "font-svhn")), labels, plain, seed, shift)

    return replace(SVHN, draw=drawn_at)


def labelled_at(shift: float) -> Application:
    """As many pictures of the new domain, all with their labels."""

    @lru_cache(maxsize=1)
    def drawn_at(seed: int) -> Drawn:
        new = unlabelled_means(pictures(seed, shift, MINE, "learn"))
        return _drawn(new, new.labels, draw(seed), seed, shift)

    return replace(SVHN, draw=drawn_at)


def _drawn(images: ImageSet, labels, plain: Drawn, seed, shift) -> Drawn:
    pool = replace(make_views(images, VIEWS, SHIFT), labels=labels)
    return Drawn(pool, None, torch.arange(len(images)), plain.validation, lambda: test_at(seed, shift))


def one_replicate(seed: int) -> list[dict]:
    """Rows shift, arm, accuracy, "repeats" (of the teacher's errors, the share in which the arm gives the very same wrong answer), diverged.

    Settings are those that were chosen without any shift, since nobody has labels of the new domain to choose with.
    """
    guide, soft = lent_teacher(SVHN, seed), TUNED[UNLABELLED][SOFT]
    old = train(SVHN, UNLABELLED, {OLD: (SOFT, soft)}, seed, draw(seed).validation)
    rows = []
    for shift in SHIFTS:
        test, held = test_at(seed, shift), draw(seed).validation
        new = train(unlabelled_at(shift), UNLABELLED, {NEW: (SOFT, soft), NEW_PSEUDO: (PSEUDO, TUNED[UNLABELLED][PSEUDO])}, seed, held, guide)
        own = train(labelled_at(shift), ALL, {LABELLED: (ALONE, TUNED[ALL][ALONE])}, seed, held)
        taught = answered(guide, test).argmax(-1)
        wrong = taught != test.labels
        rows.append({"shift": shift, "arm": "teacher", "replicate": seed, "accuracy": _share(~wrong), "repeats": 1.0, "diverged": 0})
        for arm, found in {OLD: old, NEW: new, NEW_PSEUDO: new, LABELLED: own}.items():
            lost = int(found.diverged[0, found.arms.index(arm)])
            said = answered(found.model(arm), test).argmax(-1) if not lost else torch.zeros_like(taught)
            rows.append({"shift": shift, "arm": arm, "replicate": seed, "accuracy": _share(said == test.labels),
                         "repeats": _share(said[wrong] == taught[wrong]), "diverged": lost})  # fmt: skip
    return rows


def without_teacher(seed: int) -> list[dict]:
    """Rows as of ``one_replicate`` of the student alone with all labels of the old domain: what a net that learnt there gets wrong by itself."""
    guide = lent_teacher(SVHN, seed)
    own = train(SVHN, ALL, {OLD_ALONE: (ALONE, TUNED[ALL][ALONE])}, seed, draw(seed).validation)
    lost, rows = int(own.diverged[0, 0]), []
    for shift in SHIFTS:
        test = test_at(seed, shift)
        taught = answered(guide, test).argmax(-1)
        said, wrong = answered(own.model(OLD_ALONE), test).argmax(-1) if not lost else torch.zeros_like(taught), taught != test.labels
        rows.append({"shift": shift, "arm": OLD_ALONE, "replicate": seed, "accuracy": _share(said == test.labels),
                     "repeats": _share(said[wrong] == taught[wrong]), "diverged": lost})  # fmt: skip
    return rows


def of_another_teacher(seed: int) -> list[dict]:
    """Rows as of ``one_replicate`` at no shift and at the whole one: soft targets of the next replicate's teacher, which learnt from other pictures
    of the old domain. "repeats" is of the errors of this replicate's own teacher, whom the student never asked.
    """
    guide, other = lent_teacher(SVHN, seed), lent_teacher(SVHN, FIRST + (seed - FIRST + 1) % REPLICATES)
    rows = []
    for shift in ENDS:
        test = test_at(seed, shift)
        found = train(unlabelled_at(shift), UNLABELLED, {OTHERS: (SOFT, TUNED[UNLABELLED][SOFT])}, seed, draw(seed).validation, other)
        lost, taught = int(found.diverged[0, 0]), answered(guide, test).argmax(-1)
        said, wrong = answered(found.model(OTHERS), test).argmax(-1) if not lost else torch.zeros_like(taught), taught != test.labels
        rows.append({"shift": shift, "arm": OTHERS, "replicate": seed, "accuracy": _share(said == test.labels),
                     "repeats": _share(said[wrong] == taught[wrong]), "diverged": lost})  # fmt: skip
    return rows


def _share(truths) -> float:
    return round(truths.float().mean().item(), 6)
