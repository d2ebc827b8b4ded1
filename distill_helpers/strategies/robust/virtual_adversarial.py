"""Virtual adversarial training: the student's answer may not change in the direction in which it changes most."""

from dataclasses import dataclass

import torch

from distill_helpers.checks import InputError, at_least, positive, whole
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.contract.divergences import kl_from_logits
from distill_helpers.strategies.contract.feature_tools import not_in_a_grid
from distill_helpers.strategies.contract.remembered import Remembered
from distill_helpers.strategies.contract.shapes import real_inputs
from distill_helpers.strategies.contract.wrapper import Wrapper
from distill_helpers.strategies.outputs.soft_targets import SoftTargets


@dataclass(frozen=True)
class VirtualAdversarial(Wrapper):
    """inner's loss + weight · KL(student(x) || student(x + r)), r of length eps in the direction that raises the KL most.

    Miyato, Maeda, Koyama & Ishii, "Virtual Adversarial Training", TPAMI 2018 (arXiv 1704.03976): the local distributional
    smoothness of eq. 5, averaged over the batch (eq. 7). r by ``iterations`` of the power method on the KL's Hessian, from a
    random unit direction d: d ← g/‖g‖ with g the KL's gradient at x + xi · d, then r = eps · d (eq. 9-12). The clean answer
    counts as a constant (the paper's θ̂). It asks for no labels and no teacher, so unlabelled images serve. The paper sets
    xi = 1e-6, where single precision rounds the KL away; 0.1 is small beside an image. r is not cut to [0, 1], as in the paper.
    Raises InputError for an inner that is no strategy, a negative weight or eps, xi <= 0 or iterations < 1.
    """

    inner: Strategy = SoftTargets()
    weight: float = 1.0
    eps: float = 2.0
    xi: float = 0.1
    iterations: int = 1

    def __post_init__(self):
        if not isinstance(self.inner, Strategy):
            raise InputError(f"inner must be a strategy, but {self.inner!r} was given.")
        at_least("weight", self.weight, 0)
        at_least("eps", self.eps, 0)
        positive("xi", self.xi)
        whole("iterations", self.iterations)

    def draw(self, x, generator):
        return {**self.inner.draw(x, generator), "direction": torch.randn(x.shape, generator=generator, device=x.device)}

    def loss(self, student, teacher, batch):
        not_in_a_grid("VirtualAdversarial", iterations=self.iterations)
        real_inputs(batch.x, "VirtualAdversarial")
        once = Remembered(student, batch.x)
        clean = once.outputs.logits.detach()
        d = unit(batch.noise["direction"])
        with torch.no_grad():
            for _ in range(self.iterations):
                slope = torch.func.grad(lambda r: kl_from_logits(clean, student(batch.x + r).logits))(self.xi * d)
                d = unit(slope)
        moved = student(batch.x + self.eps * d).logits
        return {**self.inner.loss(once, teacher, batch), "smoothness": self.weight * kl_from_logits(clean, moved)}


def unit(r):
    """Each example's r, [B, ...], scaled to length 1; first by its largest number, so that tiny gradients do not vanish."""
    rows = r.flatten(1)
    rows = rows / rows.abs().amax(-1, keepdim=True).clamp(min=1e-30)
    return (rows / rows.square().sum(-1, keepdim=True).clamp(min=1e-30).sqrt()).view_as(r)
