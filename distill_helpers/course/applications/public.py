"""The same application on a public data set, in the full profile."""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import torch

from distill_helpers.checks import whole
from distill_helpers.course.applications.task import Application, Drawn, halves, unlabelled_means
from distill_helpers.data import ImageSet, make_views


def in_profile(embedded: Application, public: Callable[[], Application]) -> Application:
    """The embedded application, or in DISTILL_PROFILE=full the public one, which needs its files (see docs/data.md)."""
    return public() if os.environ.get("DISTILL_PROFILE", "default") == "full" else embedded


def on_public(app: Application, train: ImageSet, test: ImageSet, validation: int, *, views: int, shift: int, flip: bool = False,
              **changes) -> Application:  # fmt: skip
    """``app`` on a public set: ``validation`` of its training images to choose with, of the others half teach and half are the student's.

    What is drawn anew in a replicate are the halves; views are made when they are looked up. changes: other fields of the application.
    Raises InputError where fewer than two images are left for each half.
    """
    whole("validation", validation)
    whole("the training images without validation", len(train) - validation, 4)
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))
    held, learn = train.subset(order[:validation]), train.subset(order[validation:])
    pool = make_views(unlabelled_means(learn), views, shift, flip=flip, lazy=True)

    @lru_cache(maxsize=16)
    def draw(seed: int) -> Drawn:
        teaches, mine = halves(pool.labels, seed, len(learn) // 2)
        return Drawn(pool, teaches, mine, held, lambda: test)

    return replace(app, draw=draw, crossed=True, **changes)
