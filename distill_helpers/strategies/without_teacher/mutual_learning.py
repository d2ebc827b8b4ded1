"""Two untrained students that teach each other, without a teacher."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from distill_helpers.checks import InputError
from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy, kl_from_logits


@dataclass(frozen=True)
class MutualLearning(Strategy):
    """Student: cross-entropy + KL(p2 || p1). Peer: cross-entropy + KL(p1 || p2). Temperature 1, no weights.

    Zhang, Xiang, Hospedales & Lu, "Deep Mutual Learning", CVPR 2018, section "Formulation", with a cohort of two. Each network
    takes the other's answer as given: no gradient passes through it. In the paper the two are updated in turn, the second
    against the first's fresh answer; here both are updated at once from the same answers.
    peer: a function without arguments that builds an untrained network returning logits. The trainer owns it as the extra
    "peer"; its weights start from another random stream than the student's. Raises InputError for anything but a function,
    and for a peer with another number of classes.
    """

    peer: Callable
    signals = ("labels", "outputs")
    needs_labels = True
    needs_teacher = False
    honours_task = True

    def __post_init__(self):
        if isinstance(self.peer, nn.Module) or not callable(self.peer):
            raise InputError(f"peer must be a function that builds a new network, but {type(self.peer).__name__} was given.")

    def extras(self, student_outputs, teacher_outputs):
        return {"peer": self.peer()}

    def loss(self, student, teacher, batch):
        y = require_class_targets(batch.y, "MutualLearning")
        one, two = student(batch.x).logits, student.extra("peer", batch.x)
        if one.shape != two.shape:
            raise InputError(f"peer must answer with {one.shape[-1]} classes, but it gives {tuple(two.shape)}.")
        return {
            "hard": cross_entropy(one, y, batch.task),
            "mutual": kl_from_logits(two.detach(), one),
            "peer hard": cross_entropy(two, y, batch.task),
            "peer mutual": kl_from_logits(one.detach(), two),
        }

    @property
    def name(self):
        return f"MutualLearning({getattr(self.peer, '__name__', type(self.peer).__name__)})"
