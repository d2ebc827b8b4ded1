"""Pools of augmented views: fixed once, so that a teacher need look at each view only once."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from distill_helpers.checks import InputError, not_empty, whole
from distill_helpers.data.augment import Moves, apply_moves, draw_moves
from distill_helpers.data.devices import in_words, must_fit, same_device
from distill_helpers.data.image_set import ImageSet, check_images
from distill_helpers.data.labels import row_numbers, rows_of
from distill_helpers.data.pool import Pool


@dataclass(frozen=True, eq=False)
class ViewPool(Pool):
    """pixels: uint8 [V, N, C, H, W], V views of N images. labels: any tree of tensors with N rows, or None.

    Inputs are float32 in [0, 1]. classes, name, class_weights, ignore_index: as for every Pool.
    Raises InputError for pixels of another type or shape, and for labels that do not fit (``settled_labels``).
    """

    pixels: Tensor
    labels: Any
    classes: int | None
    name: str
    class_weights: Tensor | None = None
    ignore_index: int | None = None

    _viewed = ("pixels",)

    def __post_init__(self):
        check_images("pixels", self.pixels, 5)
        not_empty("pixels", len(self.pixels))
        self._settle(self.pixels.shape[1], "images")

    def __len__(self):
        return self.pixels.shape[1]

    @property
    def views(self) -> int:
        """V."""
        return self.pixels.shape[0]

    @property
    def device(self) -> torch.device:
        """Where the pixels lie."""
        return self.pixels.device

    def _look_up(self, view: Tensor, index: Tensor) -> Tensor:
        rows = self.pixels.flatten(0, 1).index_select(0, (view * self.pixels.shape[1] + index).flatten().to(self.device))
        # dividing in place spares a second large allocation, which costs more than the arithmetic
        return rows.float().div_(255).unflatten(0, view.shape)


@dataclass(frozen=True, eq=False)
class LazyViewPool(Pool):
    """The pool of the same views, each made when it is looked up. padded: uint8 [N, C, H, W]; moves: what was drawn."""

    padded: Tensor
    moves: Moves
    labels: Any
    classes: int | None
    name: str
    class_weights: Tensor | None = None
    ignore_index: int | None = None

    def __post_init__(self):
        self._settle(len(self.padded), "images")

    def __len__(self):
        return len(self.padded)

    @property
    def views(self) -> int:
        """V."""
        return len(self.moves.down)

    @property
    def device(self) -> torch.device:
        """Where the images lie."""
        return self.padded.device

    def to(self, device) -> "LazyViewPool":
        """The same pool on another device; itself when it is there already."""
        if same_device(self.device, device):
            return self
        return super().to(device)._changed(padded=self.padded.to(device), moves=self.moves.mapped(lambda t: t.to(device)))

    def subset(self, indices) -> "LazyViewPool":
        """The examples at ``indices``, in that order, in all their views."""
        rows = row_numbers(indices, len(self), self.device)
        return self._changed(padded=self.padded[rows], moves=self.moves.mapped(lambda t: t[:, rows]), labels=rows_of(self.labels, rows))

    def _look_up(self, view: Tensor, index: Tensor) -> Tensor:
        pixels = apply_moves(self.padded, self.moves, view.flatten().to(self.device), index.flatten().to(self.device))
        return pixels.float().div_(255).unflatten(0, view.shape)

    def _content(self):
        return {"padded": self.padded, **self.moves.tensors()}, [str(self.moves.size)]


def make_views(image_set: ImageSet, views: int = 8, shift: int = 2, seed: int = 0, flip: bool = False, crop=None, colour=None,
               lazy: bool = False) -> ViewPool | LazyViewPool:  # fmt: skip
    """View 0 is the original; each other view moves every image by up to ``shift`` pixels each way, with zeros moving in.

    flip: mirror left and right with probability 1/2. crop: a side, or (height, width), of the window that is kept of the image with
    ``shift`` zeros around it (torchvision's RandomCrop(crop, padding=shift)); view 0 keeps the middle. colour: factors of brightness,
    contrast and saturation, each uniform in [1 - s, 1 + s] with s from 0 to 1: one s, which leaves saturation alone unless there are
    three channels, or (brightness, contrast, saturation); the formula stands in ``augment.coloured``. In this order: crop, flip, colour.
    What is drawn depends on ``seed`` and on the image's place in the set, and on nothing else. lazy: keep the images and what was
    drawn, and make the same pixels whenever they are looked up.
    Raises InputError for arguments out of range, and where the views do not fit into memory, which lazy views do.
    """
    if not isinstance(image_set, ImageSet):
        raise InputError(f"image_set must be an ImageSet, but {type(image_set).__name__} was given.")
    whole("views", views)
    whole("shift", shift, 0)
    images = image_set.images
    moves = draw_moves(images.shape, views, shift, seed, flip, crop, colour).mapped(lambda t: t.to(images.device))
    padded = torch.nn.functional.pad(images, [shift] * 4)
    about = {name: getattr(image_set, name) for name in ("labels", "classes", "name", "class_weights", "ignore_index")}
    if lazy:
        return LazyViewPool(padded, moves, **about)
    size = views * images.shape[0] * images.shape[1] * moves.size[0] * moves.size[1]
    must_fit(f"{views} views of {len(images)} images", size, images.device,
             f"lazy=True makes them when they are looked up and takes {in_words(padded.numel())}")  # fmt: skip
    index = torch.arange(len(images), device=images.device)
    pixels = images.new_empty(views, *images.shape[:2], *moves.size)
    for view in range(views):
        pixels[view] = apply_moves(padded, moves, torch.full_like(index, view), index)
    return ViewPool(pixels, **about)
