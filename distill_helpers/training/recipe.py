"""The settings of one training run: everything but model, data and strategy."""

import math
from dataclasses import dataclass

import torch

from distill_helpers.checks import InputError, at_least, fraction, one_of, positive, whole


@dataclass(frozen=True)
class Recipe:
    """steps: updates of the student. batch_size: examples a step. lr: peak learning rate.

    schedule: "cosine" to zero, or "constant", after ``warmup`` (a fraction of the steps) of linear increase.
    clip_norm: largest gradient norm of one student, or None. clip_value: largest size of one number of the gradient, or None.
    on_divergence: "stop" raises Diverged at the first loss that is NaN or infinite; "go on" keeps training, and the run says
    which students were lost (``Run.diverged``). order: "own" gives each seed its own data order, so that
    order is part of the spread over seeds; "shared" gives all the first seed's order, which is faster.
    precision: "auto", "float32" or "bf16". compile: pass the step through torch.compile. check_every: steps between
    looks at loss history and weights, when watchers are called and checkpoints written. opponent_lr: learning rate of extras that
    play against the student.
    """

    steps: int = 1000
    batch_size: int = 128
    lr: float = 2e-3
    weight_decay: float = 0.0
    optimizer: str = "adamw"
    momentum: float = 0.9
    schedule: str = "cosine"
    warmup: float = 0.05
    clip_norm: float | None = None
    clip_value: float | None = None
    on_divergence: str = "stop"
    order: str = "own"
    precision: str = "auto"
    compile: bool = False
    check_every: int = 100
    opponent_lr: float | None = None

    def __post_init__(self):
        for name in ("steps", "batch_size", "check_every"):
            whole(name, getattr(self, name))
        positive("lr", self.lr)
        at_least("weight_decay", self.weight_decay, 0)
        fraction("momentum", self.momentum)
        fraction("warmup", self.warmup)
        one_of("optimizer", self.optimizer, ("adamw", "sgd"))
        one_of("schedule", self.schedule, ("cosine", "constant"))
        one_of("order", self.order, ("own", "shared"))
        one_of("precision", self.precision, ("auto", "float32", "bf16"))
        one_of("on_divergence", self.on_divergence, ("stop", "go on"))
        for name in ("clip_norm", "clip_value", "opponent_lr"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name))

    def make_optimizer(self, parameters, lr=None) -> torch.optim.Optimizer:
        """An optimiser over stacked parameters. AdamW and SGD act on each number alone, so students stay independent."""
        parameters = list(parameters)
        if not parameters:
            raise InputError("the model has no trainable parameters.")
        # fused needs no read-back of the step count; the fused kernels exist on the CPU and on CUDA
        fused = parameters[0].device.type in ("cpu", "cuda")
        if self.optimizer == "adamw":
            return torch.optim.AdamW(parameters, lr=lr or self.lr, weight_decay=self.weight_decay, fused=fused)
        return torch.optim.SGD(
            parameters, lr=lr or self.lr, momentum=self.momentum, weight_decay=self.weight_decay, fused=fused
        )

    def lr_factor(self, step: int) -> float:
        """The learning rate at ``step`` as a fraction of its peak."""
        warm = int(self.warmup * self.steps)
        if step < warm:
            return (step + 1) / warm
        if self.schedule == "constant":
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, self.steps - warm)))
