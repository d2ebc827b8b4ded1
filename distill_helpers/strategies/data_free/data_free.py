"""Data-free distillation: a generator makes the images, and the fixed teacher says whether they are any good."""

import math
from dataclasses import dataclass

from torch import Tensor

from distill_helpers.checks import at_least, positive
from distill_helpers.strategies.contract.divergences import cross_entropy, kl_from_logits
from distill_helpers.strategies.data_free.generating import Generating


@dataclass(frozen=True)
class DataFree(Generating):
    """Student: T² · KL(teacher || student) on generated images. Generator: one_hot · L_oh + α · L_a + β · L_ie, against the teacher alone.

    DAFL: Chen et al., "Data-Free Learning of Student Networks", ICCV 2019, eq. 3 to 6, with the paper's α = 0.1 and β = 5 for MNIST.
    As in the authors' code the activation loss is a mean over the features' numbers and the entropy is not divided by the
    number of classes; its logarithm is natural here and decimal there, so that β = 2.2 here is their 5. The paper updates
    both from the same images; here the generator moves first, and the student learns from its new images.
    feature: the teacher's features that real images excite most, the input of its last layer.
    Raises InputError for negative weights and for T <= 0.
    """

    feature: str = "hidden2"
    one_hot: float = 1.0
    alpha: float = 0.1
    beta: float = 5.0
    temperature: float = 1.0
    signals = ("outputs", "features")

    def __post_init__(self):
        super().__post_init__()
        positive("temperature", self.temperature)
        for name in ("one_hot", "alpha", "beta"):
            at_least(name, getattr(self, name), 0)

    def loss(self, student, teacher, batch):
        x = self.images(student, batch).detach()
        t = teacher.live(x).logits.detach()
        return {"match": self.temperature**2 * kl_from_logits(t, student(x).logits, self.temperature)}

    def opponent_loss(self, student, teacher, batch):
        out = teacher.live(self.images(student, batch))
        return {
            "one hot": self.one_hot * one_hot_loss(out.logits),
            "activation": self.alpha * activation_loss(out.features[self.feature]),
            "entropy": self.beta * entropy_loss(out.logits),
        }


def one_hot_loss(logits: Tensor) -> Tensor:
    """Cross-entropy of [B, C] against the class that the teacher itself names: low where it is certain (eq. 3)."""
    return cross_entropy(logits, logits.argmax(-1))


def activation_loss(features: Tensor) -> Tensor:
    """Minus the mean size of the teacher's features [B, ...]: images with content excite it more than noise does (eq. 4)."""
    return -features.abs().mean()


def entropy_loss(logits: Tensor) -> Tensor:
    """Minus the entropy, in nats, of the batch's mean distribution: lowest, -ln C, when all classes come equally often (eq. 5)."""
    rows = logits.flatten(0, -2)
    log_p = rows.log_softmax(-1).logsumexp(0) - math.log(len(rows))
    return (log_p.exp() * log_p).sum()
