"""Random changes of images as tensor operations: shift or crop, flip, colour. What is drawn is kept apart from what is done with it."""

import hashlib
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from distill_helpers.checks import InputError, fraction, whole

LUMA = (299, 587, 114)  # thousandths of red, green and blue, ITU-R BT.601


@dataclass(frozen=True, eq=False)
class Moves:
    """What was drawn for every view of every image.

    down, right: int32 [V, N], where the window of ``size`` (height, width) begins in the padded image. flipped: bool [V, N] or None.
    factors: float32 [V, N, 3] of brightness, contrast and saturation, or None.
    """

    down: Tensor
    right: Tensor
    flipped: Tensor | None
    factors: Tensor | None
    size: tuple[int, int]

    def tensors(self) -> dict[str, Tensor]:
        """The numbers by name, those that were drawn."""
        named = {name: getattr(self, name) for name in ("down", "right", "flipped", "factors")}
        return {name: tensor for name, tensor in named.items() if tensor is not None}

    def mapped(self, change) -> "Moves":
        """The same moves with ``change`` applied to each tensor."""
        return replace(self, **{name: change(tensor) for name, tensor in self.tensors().items()})


def draw_moves(shape, views: int, shift: int, seed: int, flip: bool = False, crop=None, colour=None) -> Moves:
    """Draw for images of ``shape`` (N, C, H, W); view 0 keeps its image, or the middle of it where ``crop`` is smaller.

    The arguments are those of ``make_views``. Each kind of change draws from a generator of its own, so that one more kind
    leaves the others as they were. Raises InputError.
    """
    whole("views", views)
    whole("shift", shift, 0)
    count, channels, height, width = shape
    if not isinstance(flip, bool):
        raise InputError(f"flip must be True or False, but {flip!r} was given.")
    size = _window(crop, height + 2 * shift, width + 2 * shift, (height, width))
    spare = (height + 2 * shift - size[0], width + 2 * shift - size[1])
    if crop is None:
        down, right = torch.randint(2 * shift + 1, (views, 2, count), generator=torch.Generator().manual_seed(seed)).unbind(1)
    else:
        down, right = (torch.randint(most + 1, (views, count), generator=_generator(seed, f"crop {axis}")) for axis, most in enumerate(spare))
    down, right = down.int(), right.int()
    down[0], right[0] = spare[0] // 2, spare[1] // 2
    flipped = factors = None
    if flip:
        flipped = torch.rand(views, count, generator=_generator(seed, "flip")) < 0.5
        flipped[0] = False
    if colour is not None:
        strengths = _strengths(colour, channels)
        factors = 1 + torch.tensor(strengths) * (2 * torch.rand(views, count, 3, generator=_generator(seed, "colour")) - 1)
        factors[0] = 1
    return Moves(down, right, flipped, factors, size)


def apply_moves(padded: Tensor, moves: Moves, view: Tensor, index: Tensor) -> Tensor:
    """The chosen views of the chosen images, uint8 [M, C, h, w]; padded: uint8 [N, C, H, W], view and index: int64 [M]."""
    windows = padded.unfold(2, moves.size[0], 1).unfold(3, moves.size[1], 1)  # [N, C, H-h+1, W-w+1, h, w], no copy
    images = windows[index, :, moves.down[view, index].long(), moves.right[view, index].long()]
    if moves.flipped is not None:
        images = torch.where(moves.flipped[view, index].view(-1, 1, 1, 1), images.flip(3), images)
    if moves.factors is not None:
        images = coloured(images, moves.factors[view, index])
    return images


def coloured(images: Tensor, factors: Tensor) -> Tensor:
    """Brightness, contrast and saturation, in this order, of images uint8 [M, C, H, W] by factors [M, 3]; uint8.

    With factor f: x·f; m + f·(x - m), where m is the image's mean grey; g + f·(x - g), where g is the pixel's grey. Grey is
    0.299 R + 0.587 G + 0.114 B of three channels, else the mean of the channels. Every step is rounded and cut to 0 ... 255, as
    in PIL's ImageEnhance, and means are made of whole numbers, so that a pixel does not depend on which others are looked up with it.
    A factor of 1 changes nothing.
    """
    bright, contrast, saturation = factors.view(-1, 3, 1, 1, 1).unbind(1)
    images = _rounded(images * bright)
    mean = _grey(images).sum((1, 2, 3), keepdim=True).double() / (1000 * images[0, 0].numel())
    images = _rounded(mean.float() + contrast * (images - mean.float()))
    if images.shape[1] == 3:
        grey = _grey(images) / 1000
        images = _rounded(grey + saturation * (images - grey))
    return images


def _rounded(values: Tensor) -> Tensor:
    return values.round().clamp(0, 255).to(torch.uint8)


def _grey(images: Tensor) -> Tensor:
    """Thousandths of grey, int64 [M, 1, H, W]; for channels other than three to the nearest thousandth below."""
    if images.shape[1] == 3:
        weights = torch.tensor(LUMA, device=images.device).view(1, 3, 1, 1)
        return (images * weights).sum(1, keepdim=True)
    return images.long().sum(1, keepdim=True) * 1000 // images.shape[1]


def _window(crop, high: int, wide: int, whole_size) -> tuple[int, int]:
    if crop is None:
        return whole_size
    size = (crop, crop) if not isinstance(crop, (tuple, list)) else tuple(crop)
    if len(size) != 2:
        raise InputError(f"crop must be a side or (height, width), but {crop!r} was given.")
    for side, most in zip(size, (high, wide), strict=True):
        whole("crop", side)
        if side > most:
            raise InputError(f"crop must be at most the padded image, {high} x {wide}, but {crop!r} was given.")
    return size


def _strengths(colour, channels: int) -> tuple[float, float, float]:
    if isinstance(colour, (tuple, list)):
        if len(colour) != 3:
            raise InputError(f"colour must be one strength or (brightness, contrast, saturation), but {colour!r} was given.")
        strengths = tuple(colour)
    else:
        strengths = (colour, colour, colour if channels == 3 else 0)
    for name, strength in zip(("brightness", "contrast", "saturation"), strengths, strict=True):
        fraction(f"colour ({name})", strength)
    if strengths[2] and channels != 3:
        raise InputError(f"colour (saturation) needs three channels, but the images have {channels}; use 0 there.")
    return tuple(float(strength) for strength in strengths)


def _generator(seed: int, purpose: str) -> torch.Generator:
    digest = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
