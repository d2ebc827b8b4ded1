"""A conditional GAN in the loop's terms: the net that is trained is the critic, and the generator is its opponent."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from distill_helpers.checks import at_least
from distill_helpers.strategies.contract import require_class_targets
from distill_helpers.strategies.data_free.generating import Generating, made_of, same_shape


@dataclass(frozen=True)
class ConditionalGan(Generating):
    """Critic D: softplus(-D(x, y)) + softplus(D(G(z, y), y)) + penalty/2 · |∇ₓ D(x, y)|². Generator G: softplus(-D(G(z, y), y)).

    Mirza & Osindero, "Conditional Generative Adversarial Nets", arXiv 1411.1784, 2014, eq. 2, the generator with the
    non-saturating loss of Goodfellow et al. 2014. No student comes of this, but images to teach one with: the net given to
    ``distill`` is the critic, shaped like a classifier, whose y-th logit is the score of x as a y (as the class matters in
    Miyato & Koyama, "cGANs with Projection Discriminator", ICLR 2018). ``run.model(0, "generator@0")`` is the generator, a
    module of z and y. The penalty on the slope at real images is R1 (Mescheder, Geiger & Nowozin, ICML 2018, eq. 9); without
    it the critic wins at once. Made images take the classes of the batch, so every image needs a label. Raises InputError for a penalty below 0.
    """

    penalty: float = 1.0
    signals = ("labels",)
    needs_labels = True
    needs_teacher = False
    honours_task = False

    def __post_init__(self):
        super().__post_init__()
        at_least("penalty", self.penalty, 0)

    def images(self, student, batch):
        """The generator's images, one of each real image's class."""
        y = require_class_targets(batch.y, "ConditionalGan")
        return same_shape(made_of(student, batch.noise["z"], y), batch.x)

    def loss(self, student, teacher, batch):
        made = self.images(student, batch).detach()
        slope = torch.func.grad(lambda x: score(student(x).logits, batch.y).sum())(batch.x)
        return {
            "real": softplus(-score(student(batch.x).logits, batch.y)).mean(),
            "made": softplus(score(student(made).logits, batch.y)).mean(),
            "slope": self.penalty / 2 * slope.square().flatten(1).sum(-1).mean(),
        }

    def opponent_loss(self, student, teacher, batch):
        return {"fool": softplus(-score(student(self.images(student, batch)).logits, batch.y)).mean()}


def score(logits: Tensor, y: Tensor) -> Tensor:
    """The y-th of the logits [B, C], one number for each example."""
    return logits.gather(-1, y.unsqueeze(-1)).squeeze(-1)
