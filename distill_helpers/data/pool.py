"""What a training loop asks of data, whatever the data are."""

import copy
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import keystr, tree_flatten_with_path, tree_map

from distill_helpers.checks import InputError
from distill_helpers.data.devices import same_device
from distill_helpers.data.hashing import tensors_hash
from distill_helpers.data.labels import row_numbers, rows_of, settled_classes, settled_labels, settled_weights


class Pool:
    """N examples, each in V fixed views, with labels or without.

    labels: any tree of tensors with N rows, or None. classes: how many there are, or None where labels are not class indices.
    class_weights: float32 [classes], the weight of each class in a loss, or None. ignore_index: the label that marks a place
    without one, or None. name: what figures call the data. device: where inputs and labels lie.

    A pool of one's own gives ``__len__``, ``views``, ``device``, ``_look_up(view, index)`` and ``_content()``; it keeps its tensors in
    the attributes named by ``_moved``, rows of examples first or, for ``_viewed``, views first and examples second.

    The pool has its own copy of labels and class weights. Inputs are not copied: where the caller changes them in place, the pool
    changes too, and so does ``fingerprint`` (torch counts the changes; those made through a numpy array of the same memory it does not).
    """

    labels: Any = None
    classes: int | None = None
    class_weights: Tensor | None = None
    ignore_index: int | None = None
    name: str = "data"
    _moved: tuple[str, ...] = ()
    _viewed: tuple[str, ...] = ()

    def __len__(self) -> int:
        raise NotImplementedError

    @property
    def views(self) -> int:
        """In how many views each example can be seen."""
        return 1

    @property
    def device(self) -> torch.device:
        """Where inputs and labels lie."""
        raise NotImplementedError

    def inputs(self, view: Tensor, index: Tensor) -> Tensor:
        """The chosen views of the chosen examples [*index.shape, ...] on the pool's device; view and index are int64 of one shape.

        Raises InputError for other types or differing shapes and, where the numbers lie on the CPU, for numbers out of range.
        """
        self._check_numbers(view, index)
        return self._look_up(view, index)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input."""
        zero = torch.zeros(1, dtype=torch.int64, device=self.device)
        return tuple(self.inputs(zero, zero).shape[1:])

    @property
    def fingerprint(self) -> str:
        """sha256 over all that inputs, labels and their use depend on; the name and the device are no part of it."""
        tensors = self._label_tensors()
        if self.class_weights is not None:
            tensors["class weights"] = self.class_weights
        return self._remembered("_known", tensors, lambda: [self.inputs_fingerprint, str(self.classes), str(self.ignore_index)])

    @property
    def inputs_fingerprint(self) -> str:
        """sha256 over all that ``inputs`` depends on, and nothing else: what a teacher's stored answers belong to."""
        tensors, texts = self._content()
        return self._remembered("_known_inputs", tensors, lambda: [type(self).__name__, *texts])

    def to(self, device) -> "Pool":
        """The same pool on another device; itself when it is there already."""
        if same_device(self.device, device):
            return self
        move = lambda tree: None if tree is None else tree_map(lambda t: t.to(device), tree)
        fields = {name: move(getattr(self, name)) for name in (*self._moved, *self._viewed, "labels", "class_weights")}
        return self._changed(**fields)

    def without_labels(self) -> "Pool":
        """The same inputs, with nothing said about them."""
        return self._changed(labels=None)

    def subset(self, indices) -> "Pool":
        """The examples at ``indices`` (int64 [M] or a list), in that order, in all their views."""
        indices = row_numbers(indices, len(self), self.device)
        if not (self._moved or self._viewed):
            return Rows(self, indices)
        fields = {name: getattr(self, name)[indices] for name in self._moved}
        fields |= {name: getattr(self, name)[:, indices] for name in self._viewed}
        return self._changed(**fields, labels=rows_of(self.labels, indices))

    def order(self, seed: int, batch_size: int, epoch: int) -> Tensor | None:
        """Example numbers of one epoch, int64 [steps, batch], where the pool has an order that is cheaper to read; None otherwise."""
        return None

    def _look_up(self, view: Tensor, index: Tensor) -> Tensor:
        raise NotImplementedError

    def _content(self) -> tuple[dict[str, Tensor], list[str]]:
        """Tensors by name and further texts that determine ``inputs``."""
        return {name: getattr(self, name) for name in (*self._moved, *self._viewed)}, []

    def _settle(self, count: int, noun: str = "examples", sequences: bool = False) -> None:
        """Check classes, labels and class weights and keep them in one form; called once by each constructor."""
        settled_classes(self.classes)
        settled = settled_labels(self.labels, count, self.classes, self.ignore_index, noun=noun, sequences=sequences)
        object.__setattr__(self, "labels", settled)
        object.__setattr__(self, "class_weights", settled_weights(self.class_weights, self.classes))
        if self.class_weights is not None and isinstance(settled, Tensor) and settled.is_floating_point():
            raise InputError(f"class_weights are for class indices, but labels are {settled.dtype} {list(settled.shape)}.")

    def _changed(self, **fields) -> "Pool":
        """A copy with other fields, which are known to be in order."""
        other = copy.copy(self)
        for name, value in fields.items():
            object.__setattr__(other, name, value)
        return other

    def _check_numbers(self, view, index) -> None:
        for name, numbers, count in (("view", view, self.views), ("index", index, len(self))):
            if not isinstance(numbers, Tensor) or numbers.dtype != torch.int64:
                given = numbers.dtype if isinstance(numbers, Tensor) else type(numbers).__name__
                raise InputError(f"{name} must be an int64 tensor, but {given} was given.")
            # on a GPU a look at the numbers would make the step wait
            if numbers.device.type == "cpu" and numbers.numel() and (numbers.min() < 0 or numbers.max() >= count):
                raise InputError(f"{name} must be from 0 to {count - 1}, but {int(numbers.min())} to {int(numbers.max())} were given.")
        if view.shape != index.shape:
            raise InputError(f"view and index must have one shape, but {list(view.shape)} and {list(index.shape)} were given.")

    def _label_tensors(self) -> dict[str, Tensor]:
        if self.labels is None:
            return {}
        return {f"labels{keystr(path)}": rows for path, rows in tree_flatten_with_path(self.labels)[0]}

    def _remembered(self, place: str, tensors: dict[str, Tensor], texts) -> str:
        """The hash, made again only where a tensor is another one or was changed in place."""
        texts = texts()
        state = ([(name, id(t), _changes(t)) for name, t in sorted(tensors.items())], texts)
        known = self.__dict__.get(place)
        if known is None or known[0] != state:
            # the tensors are kept with their numbers, so that no other tensor can come to have the same ones
            known = (state, tensors_hash(tensors, texts), list(tensors.values()))
            object.__setattr__(self, place, known)
        return known[1]


class Rows(Pool):
    """Some examples of another pool, int64 [M], looked up there."""

    def __init__(self, pool: Pool, rows: Tensor):
        self.pool, self.rows, self.labels = pool, rows, rows_of(pool.labels, rows)
        self.classes, self.class_weights = pool.classes, pool.class_weights
        self.ignore_index, self.name = pool.ignore_index, pool.name

    def __len__(self):
        return len(self.rows)

    @property
    def views(self) -> int:
        """As many as the other pool has."""
        return self.pool.views

    @property
    def device(self) -> torch.device:
        """Where the other pool's inputs lie."""
        return self.pool.device

    def to(self, device) -> "Rows":
        """The same examples on another device; itself when they are there already."""
        if same_device(self.device, device):
            return self
        return Rows(self.pool.to(device), self.rows.to(device))

    def without_labels(self) -> "Rows":
        """The same inputs, with nothing said about them."""
        return Rows(self.pool.without_labels(), self.rows)

    def subset(self, indices) -> "Rows":
        """The examples at ``indices``, in that order."""
        return Rows(self.pool, self.rows[row_numbers(indices, len(self), self.device)])

    def _look_up(self, view: Tensor, index: Tensor) -> Tensor:
        return self.pool.inputs(view, self.rows[index])

    def _content(self):
        return {"rows": self.rows}, [self.pool.inputs_fingerprint]


def _changes(tensor: Tensor) -> int:
    """How often torch saw the tensor, or another one on the same memory, changed in place."""
    return 0 if tensor.is_inference() else tensor._version
