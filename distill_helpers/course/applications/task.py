"""What an application gives to the shared experiment: its data, its two nets, and how both are trained."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from distill_helpers.course.applications.ways import WAYS
from distill_helpers.data import ImageSet, Pool
from distill_helpers.training import Recipe, Teacher, fit
from distill_helpers.training.cache import cache_folder, read_table, write_table
from distill_helpers.training.randomness import build_seeded, generator_for
from distill_helpers.training.replicates import Replicate, balanced

ALL, FEW, UNLABELLED = REGIMES = ("all labels", "few labels", "unlabelled data")
REPLICATES = 8
FIRST = 0  # the first seed of the replicates that are measured
FIRST_SEARCHED, SEARCHED = 100, 2  # of those that settings are chosen on, and how many there are
LOOKS = 30  # on validation, while an arm is trained


@dataclass(frozen=True, eq=False)
class Drawn:
    """One replicate's data. pool: everything that is learnt from, with a label (-100) that says nothing. teaches, mine: int64 rows of the
    teacher's examples and of the student's; none is both. validation: settings and curves. read: gives ``test``, what is read once, at the end;
    it is made when it is first asked for.
    """

    pool: Pool
    teaches: Tensor
    mine: Tensor
    validation: ImageSet
    read: Callable[[], ImageSet]

    @cached_property
    def test(self) -> ImageSet:
        return self.read()


@dataclass(frozen=True)
class Application:
    """draw(seed): the replicate's data. few: how many of the student's examples have a label where labels are few. teacher, student: builders.
    teaching, recipe: how each is trained. longer: steps of the student that take as long as teacher and student together. ways: the arms.
    crossed: whether all replicates read one test set, so that intervals cover its examples too; else each replicate draws its own.
    """

    name: str
    draw: Callable[[int], Drawn]
    few: int
    teacher: Callable
    teaching: Recipe
    student: Callable
    recipe: Recipe
    longer: int
    ways: tuple[str, ...]
    crossed: bool = False

    def arms(self, regime: str) -> tuple[str, ...]:
        """The arms that are trained in the regime. What has labels only has nothing to pseudo-label; alone never sees an image without one."""
        return tuple(w for w in self.ways if (WAYS[w].teacher if regime == UNLABELLED else not WAYS[w].unlabelled_only))


def replicate_in(app: Application, regime: str, drawn: Drawn, seed: int) -> Replicate:
    """The student's examples: all with their labels, a few of them, or all of them of which the same few have a label."""
    if regime == ALL:
        return Replicate(seed, drawn.mine, None, drawn.teaches)
    known = balanced(drawn.pool.labels, drawn.mine, app.few, drawn.pool.ignore_index)
    return Replicate(seed, drawn.mine, known, drawn.teaches) if regime == UNLABELLED else Replicate(seed, drawn.mine[known], None, drawn.teaches)


@lru_cache(maxsize=2)
def lent_teacher(app: Application, seed: int) -> torch.nn.Module:
    """The teacher of one replicate, trained on its own examples. Kept in the folder that DISTILL_CACHE names, if any."""
    drawn = app.draw(seed)
    module, own = build_seeded(app.teacher, seed), drawn.pool.subset(drawn.teaches)
    folder = cache_folder("auto")
    path = folder / f"{app.name}-{Teacher(module).fingerprint[:16]}-{own.fingerprint[:16]}-{app.teaching.steps}.safetensors" if folder else None
    kept = read_table(path) if path else None
    if kept is None:
        fit(module, own, app.teaching, seed=seed, progress=False)
        if path:
            write_table(path, dict(module.state_dict()))
    else:
        module.load_state_dict(kept)
    return module.eval()


def halves(labels: Tensor, seed: int, teaches: int) -> tuple[Tensor, Tensor]:
    """Rows of a pool's examples, drawn anew by ``seed`` and balanced over classes: so many that teach, and the others."""
    order = torch.randperm(len(labels), generator=generator_for(seed, "halves"))
    first = balanced(labels, order, teaches)
    return order[first], order[~first]


def unlabelled_means(data: ImageSet) -> ImageSet:
    """The same set, whose label -100 says nothing."""
    return replace(data, ignore_index=-100)
