"""What data sets give as one input (PIL images, arrays, tensors), as a tensor."""

import numpy as np
import torch
from torch import Tensor

from distill_helpers.checks import InputError

MODES = ("L", "RGB")  # PIL's grey and colour images of 8 bits


def as_input(value, what: str) -> Tensor:
    """One input as a tensor of its own: images uint8 [C, H, W], floating-point arrays [...] (float64 as float32), tokens int64 [T].

    PIL images of 8 bits become uint8 [C, H, W]. what: what errors call the input. Raises InputError for anything else.
    """
    if isinstance(value, Tensor):
        found = value.detach().cpu()
    elif isinstance(value, np.ndarray):
        found = _from_array(value, what)
    elif hasattr(value, "mode") and hasattr(value, "getbands"):
        found = _from_pil(value, what)
    else:
        raise InputError(
            f"{what} must be a tensor, a numpy array or a PIL image, but {type(value).__name__} was given; "
            f"a transform that ends in torchvision's ToTensor() or PILToTensor() makes one."
        )
    if found.dtype == torch.uint8:
        if found.dim() not in (2, 3):
            raise InputError(f"{what} must be an image [C, H, W] if it is uint8, but {list(found.shape)} was given; use .float() otherwise.")
        return found.unsqueeze(0).clone() if found.dim() == 2 else found.clone()
    if found.is_floating_point():
        found = found.float() if found.dtype == torch.float64 else found.clone()
        if not found.isfinite().all():
            raise InputError(f"{what} must be finite, but {int((~found.isfinite()).sum())} of its {found.numel()} values are NaN or infinite.")
        return found.unsqueeze(0) if found.dim() == 0 else found
    if found.dtype in (torch.int64, torch.int32, torch.int16) and found.dim() == 1:
        return found.long()
    raise InputError(f"{what} must be uint8 [C, H, W], floating-point, or tokens int64 [T], but {found.dtype} {list(found.shape)} was given.")


def as_model_input(stored: Tensor) -> Tensor:
    """What a model sees of stored inputs: uint8 as float32 in [0, 1], other numbers as float32, tokens as they are."""
    if stored.dtype == torch.uint8:
        return stored.float().div_(255)
    return stored.float() if stored.is_floating_point() else stored


def _from_array(value: np.ndarray, what: str) -> Tensor:
    if value.dtype == object or value.dtype.kind not in "iuf":
        raise InputError(f"{what} must hold numbers, but {value.dtype} was given.")
    if value.dtype == np.uint8 and value.ndim == 3 and value.shape[2] in (1, 3, 4) and value.shape[0] not in (1, 3, 4):
        raise InputError(
            f"{what} must have its channels first, [C, H, W], but an array {list(value.shape)} was given; "
            f"use a transform, such as lambda a: torch.from_numpy(a).permute(2, 0, 1)."
        )
    return torch.from_numpy(np.array(value, dtype=value.dtype.newbyteorder("=")))


def _from_pil(value, what: str) -> Tensor:
    if value.mode not in MODES:
        raise InputError(f"{what} must be a PIL image of mode {' or '.join(MODES)}, but mode {value.mode} was given; use image.convert('RGB').")
    array = torch.from_numpy(np.array(value))
    return array.unsqueeze(0) if value.mode == "L" else array.permute(2, 0, 1).contiguous()
