"""Measuring: statistics over seeds, calibration, gradients, representations, the deployed model."""

from distill_helpers.measure.calibration import accuracy, agreement, brier, ece, entropy, nll, reliability
from distill_helpers.measure.gradients import LayerNorms, jacobian_spectrum, layer_norms
from distill_helpers.measure.latency import Deployed, export_model, measure_in_fresh_process
from distill_helpers.measure.representation import effective_rank, linear_cka, linear_probe
from distill_helpers.measure.statistics import Difference, interval, paired

__all__ = ["Deployed", "Difference", "LayerNorms", "accuracy", "agreement", "brier", "ece", "effective_rank", "entropy", "export_model",
           "interval", "jacobian_spectrum", "layer_norms", "linear_cka", "linear_probe", "measure_in_fresh_process", "nll", "paired",
           "reliability"]  # fmt: skip
