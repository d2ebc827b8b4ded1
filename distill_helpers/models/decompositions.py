"""Decompositions of a layer's weight, as parametrisations: the layer stays what it was, its weight is computed from parts."""

import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from distill_helpers.checks import one_of, positive, whole


class LowRank(nn.Module):
    """W = U V with U [out, rank] and V [rank, in]; starts at the best approximation of the old W (Eckart & Young 1936).

    The balanced factors U√S and √S V share the singular values S between them.
    """

    def __init__(self, rank: int):
        super().__init__()
        whole("rank", rank)
        self.rank = rank

    def forward(self, u, v):
        return u @ v

    def right_inverse(self, weight):
        u, s, vh = torch.linalg.svd(weight, full_matrices=False)
        root = s[: self.rank].sqrt()
        return u[:, : self.rank] * root, root[:, None] * vh[: self.rank]


class Scaled(nn.Module):
    """W = scale · (what the parametrisations before it give), so that an orthogonal or bounded weight can have a gain."""

    def __init__(self, scale: float):
        super().__init__()
        positive("scale", scale)
        self.scale = scale

    def forward(self, weight):
        return self.scale * weight

    def right_inverse(self, weight):
        return weight / self.scale


HOW = ("low rank", "weight norm", "orthogonal", "spectral norm")


def decompose(model: nn.Module, layers, how: str, rank: int | None = None, scale: float = 1.0) -> nn.Module:
    """Put a decomposition on the weight of each of ``layers`` (linear layers of ``model``), in place; returns the model.

    "low rank": W = U V of ``rank``. "weight norm": W = g·v/‖v‖ a row (Salimans & Kingma 2016, eq. 2). "orthogonal": W is
    ``scale`` times a matrix kept orthogonal by the Cayley map, and starts at the orthogonal factor of the old W. "spectral
    norm": W is ``scale`` times a matrix whose largest singular value is kept at 1 by one power iteration a step (Miyato et
    al. 2018); it changes buffers while it computes, so such students are trained one by one. Raises InputError for an
    unknown name, a missing rank, or a scale of 0 or less.
    """
    one_of("how", how, HOW)
    for layer in layers:
        if how == "low rank":
            parametrize.register_parametrization(layer, "weight", LowRank(rank))
        elif how == "weight norm":
            parametrizations.weight_norm(layer)
        elif how == "orthogonal":
            # the Cayley map needs only a linear solve, which can be mapped over a stack of students
            parametrizations.orthogonal(layer, orthogonal_map="cayley")
        else:
            parametrizations.spectral_norm(layer)
            model.stackable = False
        if scale != 1:
            parametrize.register_parametrization(layer, "weight", Scaled(scale))
    return model
