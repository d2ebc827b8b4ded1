"""Images and labels as tensors."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from distill_helpers.checks import InputError, labels_in_range, not_empty, whole


@dataclass(frozen=True, eq=False)
class ImageSet:
    """images: uint8 [N, C, H, W]. labels: int64 [N], or None. classes: how many there are. name: what figures call the set.

    Raises InputError for images of another type or shape, labels out of range, differing lengths, or an empty set.
    """

    images: Tensor
    labels: Tensor | None
    classes: int
    name: str

    def __post_init__(self):
        whole("classes", self.classes)
        check_images("images", self.images, 4)
        if self.labels is not None:
            if not isinstance(self.labels, Tensor) or self.labels.dtype != torch.int64 or self.labels.dim() != 1:
                given = self.labels
                given = f"{given.dtype} {list(given.shape)}" if isinstance(given, Tensor) else type(given).__name__
                raise InputError(f"labels must be int64 [N], but {given} was given.")
            if len(self.labels) != len(self.images):
                raise InputError(f"labels must be as many as images, but {len(self.labels)} and {len(self.images)} were given.")
            labels_in_range("labels", self.labels, self.classes)

    def __len__(self):
        return len(self.images)

    @property
    def x(self) -> Tensor:
        """float32 [N, C, H, W] in [0, 1]."""
        return self.images.float() / 255

    def to(self, device) -> "ImageSet":
        """The same set on another device."""
        return replace(self, images=self.images.to(device), labels=None if self.labels is None else self.labels.to(device))

    def subset(self, indices) -> "ImageSet":
        """The examples at ``indices`` (int64 [M] or a list), in that order."""
        try:
            indices = torch.as_tensor(indices, device=self.images.device)
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(f"indices must be whole numbers [M], but {indices!r} was given.") from error
        if indices.dim() == 1:
            not_empty("indices", len(indices))
        if indices.dim() != 1 or indices.dtype == torch.bool or indices.is_floating_point():
            raise InputError(f"indices must be whole numbers [M], but {indices.dtype} {list(indices.shape)} was given.")
        indices = indices.long()
        if indices.min() < 0 or indices.max() >= len(self):
            low, high = int(indices.min()), int(indices.max())
            raise InputError(f"indices must be from 0 to {len(self) - 1}, but {low} to {high} were given.")
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
