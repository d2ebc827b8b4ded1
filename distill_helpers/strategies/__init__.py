"""Strategies: one a file, each the loss of one student."""

from distill_helpers.strategies.contract import Batch, Strategy
from distill_helpers.strategies.controls import RandomTeacher, ShuffledTeacher
from distill_helpers.strategies.hard_labels import HardLabels
from distill_helpers.strategies.label_smoothing import LabelSmoothing
from distill_helpers.strategies.penalties import Penalised
from distill_helpers.strategies.schedule import Grid, Stages
from distill_helpers.strategies.soft_targets import SoftTargets

__all__ = ["Batch", "Grid", "HardLabels", "LabelSmoothing", "Penalised", "RandomTeacher", "ShuffledTeacher", "SoftTargets", "Stages", "Strategy"]
