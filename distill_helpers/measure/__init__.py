"""Measuring: statistics over seeds, calibration, the deployed model."""

from distill_helpers.measure.calibration import accuracy, agreement, brier, ece, entropy, nll, reliability
from distill_helpers.measure.latency import Deployed, export_model, measure_in_fresh_process
from distill_helpers.measure.statistics import Difference, interval, paired

__all__ = ["Deployed", "Difference", "accuracy", "agreement", "brier", "ece", "entropy", "export_model", "interval",
           "measure_in_fresh_process", "nll", "paired", "reliability"]  # fmt: skip
