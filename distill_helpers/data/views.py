"""Pools of augmented views: fixed once, so that a teacher need look at each view only once."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from distill_helpers.checks import InputError, not_empty, whole
from distill_helpers.data.image_set import ImageSet, check_images


@dataclass(frozen=True, eq=False)
class ViewPool:
    """views: uint8 [V, N, C, H, W], V views of N images. labels: any tree of tensors with N rows, or None.

    classes: how many there are. name: what figures call the data.
    Raises InputError for views of another type or shape, and for labels whose rows are not as many as the images.
    """

    views: Tensor
    labels: Any
    classes: int
    name: str

    def __post_init__(self):
        check_images("views", self.views, 5)
        not_empty("views", len(self.views))
        whole("classes", self.classes)
        images = self.views.shape[1]
        for rows in [] if self.labels is None else tree_leaves(self.labels):
            if not isinstance(rows, Tensor):
                raise InputError(f"labels must be a tree of tensors, but it holds {rows!r}.")
            if rows.dim() == 0 or len(rows) != images:
                raise InputError(f"labels must have one row for each of {images} images, but {list(rows.shape)} was given.")

    def x(self, view: Tensor, index: Tensor) -> Tensor:
        """The chosen views of the chosen images, float32 [..., C, H, W] in [0, 1]; view and index are int64 [...]."""
        rows = self.views.flatten(0, 1).index_select(0, (view * self.views.shape[1] + index).flatten())
        # dividing in place spares a second large allocation, which costs more than the arithmetic
        return rows.float().div_(255).unflatten(0, view.shape)

    def to(self, device) -> "ViewPool":
        """The same pool on another device; itself when it is there already."""
        if self.views.device == torch.device(device):
            return self
        labels = None if self.labels is None else tree_map(lambda t: t.to(device), self.labels)
        return replace(self, views=self.views.to(device), labels=labels)

    def without_labels(self) -> "ViewPool":
        """The same views, with nothing said about them."""
        return replace(self, labels=None)


def make_views(image_set: ImageSet, views: int = 8, shift: int = 2, seed: int = 0) -> ViewPool:
    """View 0 is the original; each other view moves every image by up to ``shift`` pixels each way, with zeros moving in.

    The moves depend on ``seed`` and on the image's place in the set, and on nothing else. Raises InputError for views < 1 or
    shift < 0.
    """
    if not isinstance(image_set, ImageSet):
        raise InputError(f"image_set must be an ImageSet, but {type(image_set).__name__} was given.")
    whole("views", views)
    whole("shift", shift, 0)
    images = image_set.images
    count, _, height, width = images.shape
    padded = torch.nn.functional.pad(images, [shift] * 4)
    generator = torch.Generator().manual_seed(seed)
    offsets = torch.randint(2 * shift + 1, (views, 2, count), generator=generator).to(images.device)
    offsets[0] = shift
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # [N, C, 2s+1, 2s+1, H, W], no copy
    index = torch.arange(count, device=images.device)
    stacked = torch.stack([windows[index, :, down, right] for down, right in offsets])
    return ViewPool(stacked, image_set.labels, image_set.classes, image_set.name)
