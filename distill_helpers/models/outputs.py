"""What a model gives back when it is asked for features as well."""

from typing import NamedTuple

from torch import Tensor
from torch.utils import _pytree

from distill_helpers.checks import InputError


class FeatureDict(dict):
    """Named features; a missing name raises InputError with the names that exist."""

    def __missing__(self, name):
        raise InputError(f"feature {name!r} does not exist; this model has {', '.join(self) or 'no named features'}.")


class Outputs(NamedTuple):
    """logits: [B, classes]. features: {name: [B, ...]}."""

    logits: Tensor
    features: FeatureDict


def _flatten(features):
    return list(features.values()), list(features)


def _unflatten(values, names):
    return FeatureDict(zip(names, values, strict=True))


# lets FeatureDict pass through torch.func.vmap
_pytree.register_pytree_node(FeatureDict, _flatten, _unflatten, serialized_type_name="distill_helpers.FeatureDict")
