"""A pool from a torch Dataset or DataLoader: every example read once for each view."""

import warnings

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, RandomSampler, SequentialSampler, default_collate

from distill_helpers.checks import InputError, whole
from distill_helpers.data.arrays import ArrayPool
from distill_helpers.data.devices import must_fit
from distill_helpers.data.examples import as_input
from distill_helpers.data.labels import stacked_rows
from distill_helpers.data.pool import Pool
from distill_helpers.data.seeded import seeded
from distill_helpers.data.tokens import TokenPool
from distill_helpers.data.views import ViewPool

LOOKED_AT = 16  # examples whose views are compared before a warning that they are all alike


def from_dataset(source, transform=None, views: int = 1, seed: int = 0, classes: int | None = None, *, labels: bool = True,
                 name: str | None = None, class_weights=None, ignore_index: int | None = None) -> Pool:  # fmt: skip
    """A pool in memory of every example of ``source``: a map-style Dataset (or a list) of pairs (x, y), or a DataLoader.

    x: a PIL image of mode L or RGB or uint8 [C, H, W] (gives a ViewPool, with inputs in [0, 1]), a floating-point array or tensor (an
    ArrayPool) or tokens int64 [T] (a TokenPool). y: a number, an array, a tensor, or a tree of them; with labels=False there is none,
    and x alone will do. transform: applied to x after the data set's own. classes: for class indices; by default the length of
    ``source.classes``, where there is one; y of floating-point numbers are values and need none.

    Each example is read ``views`` times, with Python's, numpy's and torch's global generators seeded from (seed, view, index) and
    put back afterwards, so the pool is a pure function of the arguments. View 0 is drawn like the others: it is the plain
    example only where nothing is random. y must not depend on the view.

    Of a DataLoader the data set is read, in its own order; batch size and shuffling are the training loop's. A sampler other than
    torch's sequential and random ones, or a collate function of its own, would change what an example is, and is refused.

    Raises InputError for those, an empty or iterable data set, differing shapes, a missing or unusable y, a source of randomness that
    cannot be seeded, and, after the first example, where the pool does not fit into memory.
    """
    whole("views", views)
    whole("seed", seed, 0)
    dataset = _dataset(source)
    if transform is not None and not callable(transform):
        raise InputError(f"transform must be a function of one input, but {transform!r} was given.")
    read = _Reader(dataset, transform, seed, labels)
    first, y = read(0, 0)
    count = len(dataset)
    size = views * count * first.numel() * first.element_size()
    must_fit(f"{views} {'view' if views == 1 else 'views'} of {count} examples", size, "cpu",
             "take fewer views, smaller inputs, or a Stream of shards (write_shards)")  # fmt: skip
    held = torch.empty(views, count, *first.shape, dtype=first.dtype)
    rows, alike = [], views > 1
    for index in range(count):
        for view in range(views):
            x, y = read(view, index)
            if x.shape != first.shape or x.dtype != first.dtype:
                raise InputError(
                    f"source must give inputs of one shape and type, but example {index} is {x.dtype} {list(x.shape)} and example 0 "
                    f"is {first.dtype} {list(first.shape)}; resize or pad them by transform."
                )
            held[view, index] = x
            if view == 0:
                rows.append(y)
            elif labels:
                _check_same(rows[-1], y, index, view)
        if alike and index < LOOKED_AT:
            alike = all(torch.equal(held[0, index], held[view, index]) for view in range(1, views))
    if alike:
        warnings.warn(f"views={views} were asked for, but all views of the first {min(count, LOOKED_AT)} examples are alike.", stacklevel=2)
    read.check_again(held)
    targets = stacked_rows(rows, [f"example {index}" for index in range(count)]) if labels else None
    classes = _classes(dataset, targets, classes, held)
    about = dict(name=name or type(dataset).__name__, class_weights=class_weights, ignore_index=ignore_index)
    if held.dtype == torch.uint8:
        return ViewPool(held, targets, classes, **about)
    if held.is_floating_point():
        return ArrayPool(held, targets, classes, has_views=True, **about)
    if views > 1:
        raise InputError(f"views must be 1 for tokens, but {views} was given.")
    return TokenPool(held[0], targets, classes, **about)


class _Reader:
    """One example in one view, under its own randomness."""

    def __init__(self, dataset, transform, seed: int, labels: bool):
        self.dataset, self.transform, self.seed, self.labels = dataset, transform, seed, labels

    def __call__(self, view: int, index: int):
        with seeded(self.seed, "view", view, index):
            item = self.dataset[index]
            pair = isinstance(item, (tuple, list)) and len(item) == 2
            if self.labels and not pair:
                given = f"{type(item).__name__} of {len(item)}" if isinstance(item, (tuple, list)) else type(item).__name__
                raise InputError(
                    f"source must give pairs (x, y), but example {index} is a {given}; pass labels=False if there are no labels."
                )
            x, y = item if pair else (item[0] if isinstance(item, (tuple, list)) and len(item) == 1 else item, None)
            if self.labels and y is None:
                raise InputError(f"source must give pairs (x, y), but y of example {index} is None; pass labels=False if there are no labels.")
            x = x if self.transform is None else self.transform(x)
        return as_input(x, f"example {index}"), y

    def check_again(self, held: Tensor) -> None:
        """Raise unless the first and the last example come out as they did."""
        for index in {0, held.shape[1] - 1}:
            for view in range(len(held)):
                if not torch.equal(self(view, index)[0], held[view, index]):
                    raise InputError(
                        f"source must be a function of its index and of the global generators of Python, numpy and torch, but example {index} "
                        f"differed when it was read again; does it, or transform, hold a generator or a counter of its own?"
                    )


def _dataset(source):
    """The map-style data set that ``source`` is or holds."""
    dataset = source
    if isinstance(source, DataLoader):
        dataset = source.dataset
        whole_set = type(source.sampler) is SequentialSampler or (
            type(source.sampler) is RandomSampler and not source.sampler.replacement and source.sampler.num_samples == len(dataset)
        )
        if isinstance(dataset, IterableDataset):
            whole_set = True
        if not whole_set or type(source.batch_sampler) not in (BatchSampler, type(None)):
            kind = type(source.sampler if not whole_set else source.batch_sampler).__name__
            raise InputError(
                f"source must read its data set as it is, but a DataLoader with {kind} was given; pass the data set, or "
                f"torch.utils.data.Subset(dataset, indices)."
            )
        standard = (default_collate, torch.utils.data._utils.collate.default_convert)
        if not any(source.collate_fn is known for known in standard):
            raise InputError(
                "source must put examples together as torch does, but a DataLoader with a collate_fn of its own was given; "
                "pass loader.dataset, and do its work for one example in transform."
            )
    if isinstance(dataset, IterableDataset) or not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
        raise InputError(
            f"source must be a Dataset with a length and an index, a DataLoader of one, or a list of pairs, but {type(dataset).__name__} "
            f"was given; use list(itertools.islice(dataset, count)), or write_shards and Stream."
        )
    if isinstance(dataset, Tensor):
        raise InputError("source must be a Dataset, but Tensor was given; use ArrayPool, ViewPool or TokenPool.")
    if len(dataset) < 1:
        raise InputError("source must hold at least one example, but it is empty.")
    return dataset


def _check_same(first, other, index: int, view: int) -> None:
    a, b = stacked_rows([first], [f"example {index}"]), stacked_rows([other], [f"example {index}"])
    a, b = tree_leaves(a), tree_leaves(b)
    if len(a) != len(b) or not all(torch.equal(left, right) for left, right in zip(a, b, strict=True)):
        raise InputError(f"source must give one y for each example, but y of example {index} differs between view 0 and view {view}.")


def _classes(dataset, targets, classes, held) -> int | None:
    indices = isinstance(targets, Tensor) and not targets.is_floating_point()
    if classes is not None or not (indices or targets is None):
        return classes
    inner = dataset
    while inner is not None:
        names = getattr(inner, "classes", None)
        if isinstance(names, (list, tuple)) and names:
            return len(names)
        inner = getattr(inner, "dataset", None)
    if targets is None:
        return None
    raise InputError(f"classes must be given for class indices, but classes=None was given and {type(dataset).__name__} has no list of classes.")
