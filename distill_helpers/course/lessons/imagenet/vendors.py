"""One vendor's drawings to learn from, the other's to be tested on: the object is the same, and nobody has seen this drawing of it."""

from dataclasses import replace
from functools import lru_cache, partial

import torch

from distill_helpers.course.applications.task import ALL, UNLABELLED, Application, Drawn, lent_teacher, unlabelled_means
from distill_helpers.course.applications.trials import answered, scores, train
from distill_helpers.course.applications.ways import ALONE, PSEUDO, SOFT
from distill_helpers.course.lessons.imagenet.task import CLASSES, FEW, IMAGENET, MINE, SHIFT, SIZE, TEACHES, VALIDATION, VIEWS
from distill_helpers.course.lessons.imagenet.tuned import TUNED
from distill_helpers.data import ImageSet, make_views
from distill_helpers.data.generated import emoji_imagenet
from distill_helpers.training.kept_pictures import kept_pictures
from distill_helpers.training.replicates import balanced

KNOWN, STRANGE = VENDORS = ("google", "twitter")
TEST = 5000
FIRST_SEED = 70_000  # of pictures that the lesson's other experiments do not have
OWN, SOFT_OWN, SOFT_NEW, PSEUDO_NEW, LABELLED = ARMS = (
    "alone, known drawings", "soft targets, known drawings", "soft targets, strange drawings", "pseudo-labels, strange drawings",
    "alone, labels of the strange")  # fmt: skip


def pictures(seed: int, vendor: str, count: int, part: int) -> ImageSet:
    """Pictures of one vendor for one replicate. Both vendors' are of the same classes in the same places, lights and surroundings."""
    return kept_pictures(emoji_imagenet, count, FIRST_SEED + 4 * seed + part, classes=CLASSES, vendor=vendor, size=SIZE)


@lru_cache(maxsize=4)
def test_of(seed: int, vendor: str) -> ImageSet:
    """What is read at the end, in one vendor's drawings."""
    return pictures(seed, vendor, TEST, 2)


@lru_cache(maxsize=2)
def draw_known(seed: int) -> Drawn:
    """As the lesson's own draw, in the known vendor's drawings alone."""
    pool, rows = _pool(pictures(seed, KNOWN, TEACHES + MINE, 0)), torch.arange(TEACHES + MINE)
    return Drawn(pool, rows[:TEACHES], rows[TEACHES:], pictures(seed, KNOWN, VALIDATION, 1), lambda: test_of(seed, KNOWN))


@lru_cache(maxsize=1)
def _draw_labelled(seed: int) -> Drawn:
    """As many pictures in strange drawings, with their labels."""
    mine = pictures(seed, STRANGE, TEACHES + MINE, 0).subset(draw_known(seed).mine)
    return _students(make_pool=_pool(mine), seed=seed)


@lru_cache(maxsize=1)
def _draw_mixed(seed: int) -> Drawn:
    """The student's few labelled pictures in known drawings; its others in strange ones, without a label."""
    plain, strange = draw_known(seed), pictures(seed, STRANGE, TEACHES + MINE, 0)
    known = plain.mine[balanced(plain.pool.labels, plain.mine, FEW, plain.pool.ignore_index)]
    others = plain.mine[~torch.isin(plain.mine, known)]
    images = torch.cat([plain.pool.pixels[0][known], strange.images[others]])
    labels = torch.cat([plain.pool.labels[known], torch.full((len(others),), -100)])
    pool = replace(_pool(ImageSet(images, labels.clamp(min=0), CLASSES, strange.name)), labels=labels)
    return _students(pool, seed)


def _students(make_pool, seed: int) -> Drawn:
    return Drawn(make_pool, None, torch.arange(len(make_pool)), draw_known(seed).validation, lambda: test_of(seed, STRANGE))


def _pool(images: ImageSet):
    return make_views(unlabelled_means(images), VIEWS, SHIFT, flip=True)


@lru_cache(maxsize=None)
def _app(name: str, draw) -> Application:
    return replace(IMAGENET, name=f"imagenet, {name}", draw=draw)


known, mixed, labelled = (partial(_app, name, draw) for name, draw in (
    ("known drawings", draw_known), ("strange drawings without labels", _draw_mixed), ("strange drawings", _draw_labelled)))  # fmt: skip


def one_replicate(seed: int) -> list[dict]:
    """Rows vendor (whose drawings are read), arm, accuracy, top5, nll, ece, agreement with the teacher, diverged.

    Settings are those that were chosen with both vendors' drawings: nobody has labels of the strange ones to choose with.
    """
    guide, held = lent_teacher(known(), seed), draw_known(seed).validation
    mine = train(known(), ALL, {OWN: (ALONE, TUNED[ALL][ALONE]), SOFT_OWN: (SOFT, TUNED[ALL][SOFT])}, seed, held, guide)
    some = TUNED[UNLABELLED]
    new = train(mixed(), UNLABELLED, {SOFT_NEW: (SOFT, some[SOFT]), PSEUDO_NEW: (PSEUDO, some[PSEUDO])}, seed, held, guide)
    told = train(labelled(), ALL, {LABELLED: (ALONE, TUNED[ALL][ALONE])}, seed, held)
    rows = []
    for vendor in VENDORS:
        test = test_of(seed, vendor)
        taught = answered(guide, test)
        for arm, found in {"teacher": None, OWN: mine, SOFT_OWN: mine, SOFT_NEW: new, PSEUDO_NEW: new, LABELLED: told}.items():
            lost = int(found.diverged[0, found.arms.index(arm)]) if found else 0
            logits = taught if found is None else answered(found.model(arm), test)
            logits = torch.zeros_like(logits) if lost else logits  # it counts as guessing
            rows.append({"vendor": vendor, "arm": arm, "replicate": seed} | scores(logits, test.labels, taught) | {"diverged": lost})
    return rows
