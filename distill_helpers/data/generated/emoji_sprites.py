"""The emoji of ``emoji_imagenet`` and their names, read once."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from distill_helpers.checks import InputError, one_of, whole
from distill_helpers.data.generated.pieces import pieces

VENDORS = ("google", "twitter")
LEVELS, SIDE = 63, 64
DEFAULT, ALL = 100, 794  # classes in emoji.npz, and with those in emoji_more.npz


def emoji_names(classes: int = DEFAULT) -> tuple[str, ...]:
    """The names of the first ``classes`` classes, as the emoji are called in lower case. Raises InputError for fewer than 2 or more than 794."""
    return tuple(name for file in _files(classes) for name in pieces(file)["names"].tolist())[:classes]


def emoji_sprites(classes: int = DEFAULT) -> Tensor:
    """uint8 [2 vendors, classes, 4, 64, 64], RGBA from 0 to LEVELS, of the first ``classes`` classes."""
    return torch.cat([_unpacked(file) for file in _files(classes)], 1)[:, :classes]


def check_choice(classes, vendor) -> None:
    """Raise InputError for another number of classes than there can be, and for another vendor."""
    _files(classes)
    one_of("vendor", vendor, (*VENDORS, "both"))


def _files(classes) -> tuple[str, ...]:
    whole("classes", classes, 2)
    if classes > ALL:
        raise InputError(f"classes must be at most {ALL}, the emoji that both vendors draw and that can be told apart, but {classes!r} was given.")
    return ("emoji",) if classes <= DEFAULT else ("emoji", "emoji_more")


@lru_cache(maxsize=None)
def _unpacked(name: str) -> Tensor:
    try:
        import lzma
    except ModuleNotFoundError as error:
        raise InputError("this Python was built without lzma, which the emoji are packed with; use another build.") from error
    held = pieces(name)
    flat = np.frombuffer(bytearray(lzma.decompress(held["packed"].tobytes())), np.uint8)
    return torch.from_numpy(flat.reshape(len(VENDORS), len(held["names"]), SIDE, SIDE, 4)).permute(0, 1, 4, 2, 3)
