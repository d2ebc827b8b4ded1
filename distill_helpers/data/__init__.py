"""Data: image sets as tensors, splits, and pools of augmented views."""

from distill_helpers.data.digits import load_digits
from distill_helpers.data.image_set import ImageSet, Splits
from distill_helpers.data.views import ViewPool, make_views

__all__ = ["ImageSet", "Splits", "ViewPool", "load_digits", "make_views"]
