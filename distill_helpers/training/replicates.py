"""Replicates: draws of everything that a comparison's answer is to be general about."""

from dataclasses import dataclass

import torch
from torch import Tensor

from distill_helpers.checks import InputError, one_of, whole
from distill_helpers.data import Pool
from distill_helpers.training.loop import Lane
from distill_helpers.training.randomness import generator_for


@dataclass(frozen=True, eq=False)
class Replicate:
    """One draw: which examples are learnt from and which of them are labelled, the teacher's examples, and the seed of all the rest.

    seed: of the student's start, of the order and the views, and of the teacher's start. rows: the student's examples, int64 [n], or None for
    all of the pool. labelled: bool [n], or None where all of them have their labels. teacher_rows: the labelled examples that a teacher
    redrawn for this replicate learns from, or None for the student's labelled ones. views: (first, how many) of the pool's views.
    """

    seed: int
    rows: Tensor | None = None
    labelled: Tensor | None = None
    teacher_rows: Tensor | None = None
    views: tuple[int, int] | None = None

    def lane(self, device) -> Lane:
        """The student's stream of batches."""
        return Lane(self.seed, _on(self.rows, device), _on(self.labelled, device), self.views)

    def teacher_lane(self, device) -> Lane:
        """The stream of batches of a teacher that is trained for this replicate."""
        rows = self.teacher_rows
        if rows is None:
            rows = self.rows if self.labelled is None else self.rows[self.labelled]
        return Lane(self.seed, _on(rows, device), None, self.views)


def _on(tensor, device):
    return None if tensor is None else tensor.to(device)


def draw_replicates(pool: Pool, count: int = 8, *, labelled: int | None = None, unlabelled: str = "drop", teacher_examples: int | None = None,
                    views: int | None = None, first_seed: int = 0) -> list[Replicate]:  # fmt: skip
    """``count`` replicates on a pool; each depends on its own seed, ``first_seed`` and upwards, and on the pool's labels alone.

    teacher_examples: so many labelled examples teach only the teacher, and are no part of the student's, so that no teacher has had
    the labels of the images that count as unlabelled. labelled: so many of the student's examples keep their label. unlabelled: the
    others are dropped ("drop"), or seen without a label ("keep"; the pool needs an ignore index then). Both draws take as many of
    each class as they can, where labels are classes. views: so many of the pool's views belong to one replicate alone.
    Raises InputError when there are too few examples or views.
    """
    whole("count", count)
    whole("first_seed", first_seed, 0)
    one_of("unlabelled", unlabelled, ("drop", "keep"))
    total = len(pool)
    for name, number in (("labelled", labelled), ("teacher_examples", teacher_examples)):
        if number is not None:
            whole(name, number)
            if pool.labels is None:
                raise InputError(f"{name} was given, but the data have no labels.")
    known = total
    if pool.ignore_index is not None and isinstance(pool.labels, Tensor) and pool.labels.dim() == 1:
        known = int((pool.labels != pool.ignore_index).sum())
    if (labelled or 0) + (teacher_examples or 0) > known:
        raise InputError(f"labelled and teacher_examples must be at most {known} together, the examples with a label, but {labelled} and "
                         f"{teacher_examples} were given.")  # fmt: skip
    if views is not None:
        whole("views", views)
        if views * count > pool.views:
            raise InputError(f"views must be at most {pool.views // count} for {count} replicates of a pool of {pool.views} views, but {views} was "
                             f"given.")  # fmt: skip
    keeps = unlabelled == "keep" and labelled is not None
    if keeps and pool.ignore_index is None:
        raise InputError("unlabelled='keep' needs data with an ignore_index, the label that says nothing, but they have none.")
    return [_draw(pool, first_seed + r, labelled, keeps, teacher_examples, None if views is None else (r * views, views)) for r in range(count)]


def _draw(pool, seed, labelled, keeps, teacher_examples, views) -> Replicate:
    if labelled is None and teacher_examples is None:
        return Replicate(seed, views=views)
    generator = generator_for(seed, "replicate")
    order = torch.randperm(len(pool), generator=generator)
    teacher_rows = None
    if teacher_examples is not None:
        chosen = balanced(pool.labels, order, teacher_examples, pool.ignore_index)
        teacher_rows, order = order[chosen], order[~chosen]
    if labelled is None:
        return Replicate(seed, order, None, teacher_rows, views)
    if labelled > len(order):
        raise InputError(f"labelled must be at most {len(order)}, the examples that are left beside the teacher's, but {labelled} was given.")
    chosen = balanced(pool.labels, order, labelled, pool.ignore_index)
    if keeps:
        return Replicate(seed, order, chosen, teacher_rows, views)
    return Replicate(seed, order[chosen], None, teacher_rows, views)


def balanced(labels, order: Tensor, count: int, ignore_index: int | None = None) -> Tensor:
    """bool [len(order)]: ``count`` of the examples in ``order``, as many of each class as there are, first come first taken.

    Examples whose label says nothing are not taken. Labels that are no classes are not looked at.
    """
    if not isinstance(labels, Tensor) or labels.is_floating_point() or labels.dim() != 1:
        return torch.arange(len(order)) < count
    classes = labels.cpu()[order]
    # each example's place within its class; the lowest places are taken first, ties in order
    place = torch.full((len(order),), len(order), dtype=torch.int64)
    for c in classes[classes != ignore_index].unique() if ignore_index is not None else classes.unique():
        members = classes == c
        place[members] = torch.arange(int(members.sum()))
    taken = torch.zeros(len(order), dtype=torch.bool)
    taken[place.argsort(stable=True)[:count]] = True
    return taken
