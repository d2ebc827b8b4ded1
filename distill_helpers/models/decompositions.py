"""Decompositions of a layer's weight, as parametrisations: the layer stays what it was, its weight is computed from parts."""

import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from distill_helpers.checks import one_of, whole


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


def _weight_norm(layer):
    parametrizations.weight_norm(layer)


def _orthogonal(layer):
    # the Cayley map needs only a linear solve, which can be mapped over a stack of students
    parametrizations.orthogonal(layer, orthogonal_map="cayley")


def _spectral_norm(layer):
    parametrizations.spectral_norm(layer)


DECOMPOSITIONS = {"weight norm": _weight_norm, "orthogonal": _orthogonal, "spectral norm": _spectral_norm}


def decompose(layers, how: str, rank: int | None = None) -> None:
    """Put a decomposition on the weight of each of ``layers``, in place.

    "low rank": W = U V of ``rank``. "weight norm": W = g·v/‖v‖ a row (Salimans & Kingma 2016, eq. 2). "orthogonal": W is
    kept orthogonal by the Cayley map. "spectral norm": W divided by its largest singular value, by one power iteration
    a step (Miyato et al. 2018). Raises InputError for an unknown name or a missing rank.
    """
    one_of("how", how, ("low rank", *DECOMPOSITIONS))
    for layer in layers:
        if how == "low rank":
            parametrize.register_parametrization(layer, "weight", LowRank(rank))
        else:
            DECOMPOSITIONS[how](layer)
