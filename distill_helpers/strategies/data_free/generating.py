"""The base of the strategies without data: a generator makes the images."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from distill_helpers.checks import InputError, whole
from distill_helpers.strategies.contract import Strategy


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
