"""Pools of floating-point arrays: normalised images, spectrograms, rows of a table."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from distill_helpers.checks import InputError, finite, not_empty
from distill_helpers.data.pool import Pool


@dataclass(frozen=True, eq=False)
class ArrayPool(Pool):
    """arrays: floating-point [N, ...], or with ``has_views`` [V, N, ...], V views of N examples; kept as [V, N, ...].

    float16, bfloat16 and float32 are kept as they are (a tensor is shared with the caller), float64 is kept as float32, a numpy
    array is copied; inputs are float32. labels: any tree of tensors with N rows, or None; classes=None where labels are values.
    Raises InputError for other types, NaN or infinity, an empty pool, and for labels that do not fit (``settled_labels``).
    """

    arrays: Tensor
    labels: Any = None
    classes: int | None = None
    name: str = "arrays"
    has_views: bool = False
    class_weights: Tensor | None = None
    ignore_index: int | None = None

    _viewed = ("arrays",)

    def __post_init__(self):
        arrays = _floating(self.arrays)
        least = 2 + self.has_views
        if arrays.dim() < least:
            shape = "[V, N, ...]" if self.has_views else "[N, ...]"
            raise InputError(f"arrays must be {shape} of at least {least} dimensions, but {list(arrays.shape)} was given.")
        not_empty("arrays", arrays.numel())
        if arrays.device.type != "meta":
            finite("arrays", arrays)
        object.__setattr__(self, "arrays", arrays if self.has_views else arrays.unsqueeze(0))
        # a copy made by dataclasses.replace is given the arrays as they are kept
        object.__setattr__(self, "has_views", True)
        try:
            self._settle(len(self))
        except InputError as error:
            rows = self.labels.shape[:1] if isinstance(self.labels, Tensor) else ()
            if len(self.arrays) == 1 and rows == self.arrays.shape[2:3]:
                raise InputError(f"{error} If arrays is [V, N, ...], pass has_views=True.") from error
            raise

    def __len__(self):
        return self.arrays.shape[1]

    @property
    def views(self) -> int:
        """V."""
        return self.arrays.shape[0]

    @property
    def device(self) -> torch.device:
        """Where the arrays lie."""
        return self.arrays.device

    def _look_up(self, view: Tensor, index: Tensor) -> Tensor:
        rows = self.arrays.flatten(0, 1).index_select(0, (view * len(self) + index).flatten().to(self.device))
        return rows.float().unflatten(0, view.shape)


def _floating(arrays) -> Tensor:
    if isinstance(arrays, np.ndarray) and arrays.dtype.kind == "f":
        arrays = torch.from_numpy(arrays.astype(np.float32 if arrays.dtype.itemsize > 2 else np.float16))
    if not isinstance(arrays, Tensor) or not arrays.is_floating_point():
        given = arrays.dtype if isinstance(arrays, (Tensor, np.ndarray)) else type(arrays).__name__
        raise InputError(f"arrays must be a floating-point tensor or array, but {given} was given; use .float() for whole numbers.")
    arrays = arrays.detach()
    return arrays.float() if arrays.dtype == torch.float64 else arrays
