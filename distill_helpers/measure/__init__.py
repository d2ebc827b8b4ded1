"""Measuring: statistics over replicates, calibration, gradients, representations, the deployed model."""

from distill_helpers.measure.calibration import accuracy, agreement, brier, ece, entropy, nll, reliability
from distill_helpers.measure.crossed import two_way
from distill_helpers.measure.ctc import edits, error_rate, string_scores
from distill_helpers.measure.detection import average_precision, coco_results, coco_truth, detect
from distill_helpers.measure.detection_errors import judged, per_image
from distill_helpers.measure.distributions import class_shares, total_variation
from distill_helpers.measure.families import simultaneous
from distill_helpers.measure.formatting import formatted
from distill_helpers.measure.gradients import LayerNorms, jacobian_spectrum, layer_norms
from distill_helpers.measure.latency import Deployed, export_model, measure_in_fresh_process
from distill_helpers.measure.representation import effective_rank, linear_cka, linear_probe
from distill_helpers.measure.robustness import attack_strength, fgsm, pgd, robust_accuracy, transfer_accuracy
from distill_helpers.measure.spread import distance_from_median, spread_ratio, spread_within
from distill_helpers.measure.statistics import Difference, as_chance, half_width, interval, paired, unpaired

__all__ = ["Deployed", "Difference", "LayerNorms", "accuracy", "agreement", "as_chance", "attack_strength", "average_precision", "brier",
           "class_shares", "coco_results", "coco_truth", "detect", "distance_from_median", "ece", "edits",
           "effective_rank", "entropy", "error_rate", "export_model", "fgsm", "formatted", "half_width",
           "interval", "jacobian_spectrum", "judged", "layer_norms", "linear_cka", "linear_probe", "measure_in_fresh_process", "nll",
           "paired", "per_image", "pgd", "reliability", "robust_accuracy", "simultaneous", "spread_ratio", "spread_within",
           "string_scores", "total_variation", "transfer_accuracy", "two_way", "unpaired"]  # fmt: skip
