"""A temperature that falls while the student learns: from even answers to sharp ones."""

import math
from dataclasses import dataclass

import torch

from distill_helpers.checks import at_least, fraction, one_of, positive
from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy, kl_from_logits


@dataclass(frozen=True)
class ScheduledTemperature(Strategy):
    """``SoftTargets`` with T falling from ``high`` to ``low`` through the stage, along a line or half a cosine.

    The thought is that of ``AnnealingDistillation``: begin with easy targets and let them grow sharp. The loss is not its, but
    Hinton et al. 2015 with both sides at the same T and the factor T². Nor is it curriculum temperature (Li et al., AAAI
    2023), where T is learnt against the student. Raises InputError when low <= 0, high < low, weight is outside [0, 1],
    or shape is unknown.
    """

    high: float = 8.0
    low: float = 1.0
    weight: float = 0.9
    shape: str = "linear"
    signals = ("labels", "outputs")
    honours_task = True

    def __post_init__(self):
        positive("low", self.low)
        at_least("high", self.high, self.low)
        fraction("weight", self.weight)
        one_of("shape", self.shape, ("linear", "cosine"))

    @property
    def needs_labels(self):
        return self.weight != 1

    def temperature(self, progress):
        """T after ``progress`` (0 to 1) of the stage."""
        passed = torch.as_tensor(progress)
        if self.shape == "cosine":
            passed = (1 - torch.cos(math.pi * passed)) / 2
        return self.high + (self.low - self.high) * passed

    def loss(self, student, teacher, batch):
        s, t = student(batch.x).logits, teacher(batch).logits
        now = self.temperature(batch.progress)
        terms = {"soft": self.weight * now**2 * kl_from_logits(t, s, now)}
        if batch.y is not None:
            terms["hard"] = (1 - self.weight) * cross_entropy(s, require_class_targets(batch.y, "ScheduledTemperature"), batch.task)
        return terms
