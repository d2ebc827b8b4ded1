"""Data-free distillation: a generator makes the images, and the fixed teacher says whether they are any good."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from distill_helpers.checks import InputError, at_least, positive, whole
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.contract.divergences import cross_entropy, kl_from_logits


@dataclass(frozen=True)
class Generating(Strategy):
    """Base of the strategies whose images come from a generator: an extra, counted, that plays by ``opponent_loss``.

    generator: a function without arguments that builds a module from z, normal float [B, latent], to images shaped like the
    batch's. Of the data only that shape is used: one blank image without labels will do. Recipe.opponent_lr is the generator's rate.
    Raises InputError for anything but a function, and for images of another shape.
    """

    generator: Callable
    latent: int = 64
    signals = ("outputs",)
    honours_task = True
    opponents = ("generator",)

    def __post_init__(self):
        if isinstance(self.generator, nn.Module) or not callable(self.generator):
            raise InputError(f"generator must be a function that builds a new generator, but {type(self.generator).__name__} was given.")
        whole("latent", self.latent)

    def extras(self, student_outputs, teacher_outputs):
        return {"generator": self.generator()}

    def draw(self, x, generator):
        return {"z": torch.randn(len(x), self.latent, generator=generator, device=x.device, dtype=x.dtype)}

    def images(self, student, batch) -> Tensor:
        """The generator's images for this step's z, shaped like batch.x."""
        return same_shape(made_of(student, batch.noise["z"]), batch.x)

    @property
    def name(self):
        fields = {k: v for k, v in vars(self).items() if k != "generator"}
        return f"{type(self).__name__}({', '.join(f'{k}={v:g}' if isinstance(v, float) else f'{k}={v}' for k, v in fields.items())})"


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


def made_of(student, *inputs: Tensor) -> Tensor:
    """What the generator makes of z [B, latent] and what goes with it. Raises InputError where it cannot take them."""
    try:
        return student.extra("generator", *inputs)
    except (RuntimeError, TypeError, IndexError) as error:
        if "vmap" in str(error) or "Batching rule" in str(error) or "randomness" in str(error):
            raise
        given = " and ".join(str(tuple(t.shape)) for t in inputs)
        raise InputError(f"generator must take z [B, latent], but it cannot take {given}: {str(error).strip().splitlines()[0]}") from error


def same_shape(made: Tensor, x: Tensor) -> Tensor:
    """The made images, or an error where their shape is not that of x."""
    if made.shape != x.shape:
        raise InputError(f"generator must make images of shape {tuple(x.shape)}, but it made {tuple(made.shape)}.")
    return made


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
