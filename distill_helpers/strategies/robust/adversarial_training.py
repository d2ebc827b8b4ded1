"""Adversarial training: the student learns from its own worst inputs, with labels and without a teacher."""

from dataclasses import dataclass

import torch

from distill_helpers.checks import at_least, whole
from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy
from distill_helpers.strategies.contract.feature_tools import not_in_a_grid
from distill_helpers.strategies.contract.shapes import real_inputs


@dataclass(frozen=True)
class AdversarialTraining(Strategy):
    """Cross-entropy at x + δ, where δ maximises it for the student of this step: |δ| <= eps in every number, x + δ in [0, 1].

    Madry, Makelov, Schmidt, Tsipras & Vladu, "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR 2018, eq. 2.1.
    δ comes from projected gradient ascent (``attack``): ``steps`` steps of 2.5 · eps / steps from a uniformly random start. A
    step of training costs about steps + 1 ordinary ones. Labels only, no teacher: the control beside ``RobustDistillation``.
    Raises InputError for a negative eps, or steps below 1.
    """

    eps: float = 0.1
    steps: int = 5
    signals = ("labels",)
    needs_labels = True
    needs_teacher = False
    honours_task = True

    def __post_init__(self):
        at_least("eps", self.eps, 0)
        whole("steps", self.steps)

    def draw(self, x, generator):
        return {"start": 2 * torch.rand(x.shape, generator=generator, device=x.device) - 1}

    def loss(self, student, teacher, batch):
        not_in_a_grid("AdversarialTraining", steps=self.steps)
        y = require_class_targets(batch.y, "AdversarialTraining")
        attacked = attack(student, batch.x, y, batch.noise["start"], self.eps, self.steps, batch.task)
        return {"attacked": cross_entropy(student(attacked).logits, y, batch.task)}


def attack(student, x, labels, start, eps, steps: int, task=None):
    """Inputs [B, ...] near x on which the student's cross-entropy is large; start: from -1 to 1, in units of eps, like x.

    Each step goes 2.5 · eps / steps along the sign of each number's gradient, then back into the eps-ball and [0, 1]
    (Madry et al. 2018, section 2.1). No gradient passes through the result. Where a label says nothing (``task``) x stays at its start.
    """
    real_inputs(x, "an attack")
    low, high = (x - eps).clamp(min=0), (x + eps).clamp(max=1)
    with torch.no_grad():
        moved = torch.minimum(torch.maximum(x + eps * start, low), high)
        for _ in range(steps):
            slope = torch.func.grad(lambda at: cross_entropy(student(at).logits, labels, task))(moved)
            moved = torch.minimum(torch.maximum(moved + 2.5 * eps / steps * slope.sign(), low), high)
    return moved
