"""Training: device and precision, the loop, the fleet, the teacher and its cache, weights on disk."""

from distill_helpers.training.distill import distill, fit
from distill_helpers.training.recipe import Recipe
from distill_helpers.training.run import Diverged, Run
from distill_helpers.training.teacher import Teacher
from distill_helpers.training.weights import load_weights, save_weights

__all__ = ["Diverged", "Recipe", "Run", "Teacher", "distill", "fit", "load_weights", "save_weights"]
