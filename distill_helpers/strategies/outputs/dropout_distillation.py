"""Distilling the average of a teacher's dropout networks into one student."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from distill_helpers.checks import InputError, whole
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.contract.divergences import kl_from_logits


@dataclass(frozen=True)
class DropoutDistillation(Strategy):
    """KL(mean of the dropout networks || student) at temperature 1. No labels.

    Rota Bulò, Porzi & Kontschieder, "Dropout Distillation", ICML 2016, with KL as the divergence. The paper draws one dropout
    network a step, which in expectation over the masks has this gradient; here the average of ``passes`` networks is taken
    once, under ``seed``, so it can be looked up. Each view costs ``passes`` teacher evaluations, and they are counted.
    Raises InputError for passes < 1, for a teacher without active dropout layers, and in a Grid, which has one teacher for all.
    """

    passes: int = 16
    seed: int = 0
    signals = ("outputs",)

    def __post_init__(self):
        whole("passes", self.passes)
        whole("seed", self.seed, 0)

    def prepare_teacher(self, teacher):
        mean = teacher.answered_by(DropoutMean(teacher.logits_module, self.passes, self.seed))
        mean.table_evaluations *= self.passes
        return mean

    def loss(self, student, teacher, batch):
        if isinstance(self.passes, torch.Tensor) or isinstance(self.seed, torch.Tensor):
            raise InputError("passes and seed must be the same for all strategies of a grid, but one of them varies.")
        return {"soft": kl_from_logits(teacher(batch).logits, student(batch.x).logits)}


class DropoutMean(nn.Module):
    """Logits [B, C] whose softmax is the mean softmax of ``passes`` passes of ``module`` with its dropout layers active.

    All other layers stay in evaluation mode. The masks depend on ``seed`` and on the example's place in the batch; torch's
    global generators are left as they were. Dropout that is not an nn.Dropout layer stays off.
    """

    class_axis = -1

    def __init__(self, module: nn.Module, passes: int, seed: int):
        super().__init__()
        if not any(isinstance(layer, _DropoutNd) and layer.p > 0 for layer in module.modules()):
            raise InputError("teacher must have dropout layers with p > 0, but it has none.")
        self.module, self.passes, self.seed = module, passes, seed

    def extra_repr(self):
        return f"passes={self.passes}, seed={self.seed}"

    def forward(self, x):
        layers = [layer for layer in self.module.modules() if isinstance(layer, _DropoutNd)]
        modes = [layer.training for layer in layers]
        with torch.random.fork_rng(devices=[x.device] if x.is_cuda else []):
            torch.manual_seed(self.seed)
            try:
                for layer in layers:
                    layer.train()
                answers = torch.stack([self.module(x).log_softmax(-1) for _ in range(self.passes)])
            finally:
                for layer, mode in zip(layers, modes, strict=True):
                    layer.train(mode)
        # the mean of probabilities, not of logits; a constant added to logits changes nothing
        return answers.logsumexp(0) - torch.tensor(float(self.passes), device=x.device).log()
