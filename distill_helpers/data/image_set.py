"""Images and labels as tensors."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from distill_helpers.checks import InputError, labels_in_range, not_empty, whole
from distill_helpers.data.labels import INDEX_TYPES, row_numbers, settled_labels, settled_weights


@dataclass(frozen=True, eq=False)
class ImageSet:
    """images: uint8 [N, C, H, W]. labels: class indices [N], kept as int64, or None. classes: how many there are. name: what figures
    call the set. class_weights: the weight of each class in a loss, [classes]. ignore_index: the label of examples without one.

    The set has its own copy of the labels; the images are shared with the caller.
    Raises InputError for images of another type or shape, labels out of range, differing lengths, or an empty set.
    """

    images: Tensor
    labels: Tensor | None
    classes: int
    name: str
    class_weights: Tensor | None = None
    ignore_index: int | None = None

    def __post_init__(self):
        whole("classes", self.classes)
        check_images("images", self.images, 4)
        if self.labels is not None:
            self._check_labels()
        settled = settled_labels(self.labels, len(self.images), self.classes, self.ignore_index, noun="images")
        object.__setattr__(self, "labels", settled)
        object.__setattr__(self, "class_weights", settled_weights(self.class_weights, self.classes))

    def _check_labels(self):
        given = self.labels
        kind = f"{given.dtype} {list(given.shape)}" if isinstance(given, Tensor) else type(given).__name__
        if not isinstance(given, Tensor) or given.dim() == 0:
            raise InputError(f"labels must be int64 [N], but {kind} was given.")
        if len(given) != len(self.images):
            raise InputError(f"labels must be as many as images, but {len(given)} and {len(self.images)} were given.")
        if given.dim() > 1:
            use = "labels.squeeze(1)" if given.shape[1] == 1 else "labels.argmax(1) if they are one-hot, or a ViewPool for dense targets"
            raise InputError(f"labels must be int64 [N], but {kind} was given; use {use}.")
        if given.dtype not in INDEX_TYPES:
            raise InputError(f"labels must be int64 [N], but {kind} was given.")

    def __len__(self):
        return len(self.images)

    @property
    def x(self) -> Tensor:
        """float32 [N, C, H, W] in [0, 1]."""
        return self.images.float() / 255

    def to(self, device) -> "ImageSet":
        """The same set on another device."""
        move = lambda tensor: None if tensor is None else tensor.to(device)
        return replace(self, images=self.images.to(device), labels=move(self.labels), class_weights=move(self.class_weights))

    def subset(self, indices) -> "ImageSet":
        """The examples at ``indices`` (int64 [M] or a list), in that order."""
        indices = row_numbers(indices, len(self), self.images.device)
        return replace(self, images=self.images[indices], labels=None if self.labels is None else self.labels[indices])

    def without_labels(self) -> "ImageSet":
        """The same images, with nothing said about them."""
        return replace(self, labels=None)

    def per_class(self, count: int, seed: int = 0) -> "ImageSet":
        """``count`` examples of each class, chosen by seed."""
        whole("count", count)
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed)).to(self._labels().device)
        chosen = []
        for c in range(self.classes):
            members = order[self._labels()[order] == c]
            if len(members) < count:
                raise InputError(f"count must be at most {len(members)}, the examples of class {c}, but {count} was given.")
            chosen.append(members[:count])
        return self.subset(torch.cat(chosen))

    def excluding(self, label: int) -> "ImageSet":
        """Every example but those of one class."""
        whole("label", label, 0)
        labels_in_range("label", torch.tensor(label), self.classes)
        return self.subset((self._labels() != label).nonzero().squeeze(1))

    def _labels(self) -> Tensor:
        if self.labels is None:
            raise InputError(f"labels are needed for this, but {self.name} has none.")
        return self.labels


class Splits(NamedTuple):
    """Learn from train, choose on validation, read test once."""

    train: ImageSet
    validation: ImageSet
    test: ImageSet


def check_images(name: str, images, dims: int) -> None:
    """Raise unless images is a non-empty uint8 tensor of the given number of dimensions."""
    if not isinstance(images, Tensor) or images.dim() != dims:
        shape = list(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise InputError(f"{name} must be a tensor of {dims} dimensions, but {shape} was given.")
    if images.dtype != torch.uint8:
        nan = " that holds NaN" if images.is_floating_point() and images.isnan().any() else ""
        raise InputError(f"{name} must be uint8 (0 to 255), but {images.dtype}{nan} was given.")
    not_empty(name, images.shape[-4])
