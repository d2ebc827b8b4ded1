"""What a model gives back: logits and, when it is asked for them, named features; and the one rule for what a forward may return."""

import inspect
from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor, nn
from torch.func import functional_call
from torch.utils import _pytree

from distill_helpers.checks import InputError

_KNOWN = {}  # whether a forward function takes ``features``


class FeatureDict(dict):
    """Named features; a missing name raises InputError with the names that exist."""

    def __missing__(self, name):
        raise InputError(f"feature {name!r} does not exist; this model has {', '.join(self) or 'no named features'}.")


class Outputs(NamedTuple):
    """logits: [B, classes], or [B, ..., classes] for several answers an example. features: {name: [B, ...]}."""

    logits: Tensor
    features: FeatureDict


def outputs_of(module: nn.Module, x, state=None) -> Outputs:
    """The module's Outputs for x, in whichever of these forms its forward gives them.

    A tensor is logits. ``Outputs`` are taken as they are. An object with a tensor ``logits`` (the outputs of Hugging Face models; their
    other entries are ignored), a mapping with the key "logits", and a tuple or list that begins with a tensor give the logits.
    Everything else is refused, and so is a tuple in which another tensor has the shape of the first: which of them holds
    the logits is then a guess. ``with_outputs`` takes a function instead.
    Logits are floating-point, [B, C] or [B, T, C]. A module whose classes are on another axis, or whose logits have more
    dimensions, declares it as an attribute: ``class_axis = 1`` for maps [B, C, H, W], which are then given as [B, H, W, C].
    A forward that has ``features`` as its second or a later parameter is called with features=True. state: parameters
    and buffers in place of the module's own, as ``torch.func.functional_call`` takes them. Raises InputError.
    """
    return as_outputs(module, answer_of(module, x, state), class_axis_of(module))


def checked_outputs(who: str, module: nn.Module, x, state=None) -> Outputs:
    """``outputs_of``, where inputs that the module cannot take raise InputError: ``who`` cannot take inputs of that shape."""
    try:
        given = answer_of(module, x, state)
    except (RuntimeError, TypeError, ValueError, IndexError, AssertionError) as error:
        raise InputError(f"{who} cannot take inputs of shape {tuple(x.shape[1:])} ({x.dtype}): {error}") from error
    return as_outputs(module, given, class_axis_of(module))


def answer_of(module: nn.Module, x, state=None):
    """What the module's forward gives for x, as it is."""
    keywords = {"features": True} if takes_features(module) else {}
    return module(x, **keywords) if state is None else functional_call(module, state, (x,), keywords)


def takes_features(module: nn.Module) -> bool:
    """Whether the forward has ``features`` among its parameters, not as the first."""
    inner = unwrapped(module)
    forward = inner.__dict__.get("forward") or type(inner).forward
    if forward not in _KNOWN:
        _KNOWN[forward] = _has_features(forward)
    return _KNOWN[forward]


def unwrapped(module: nn.Module) -> nn.Module:
    """The module inside ``torch.compile`` and inside DataParallel or DistributedDataParallel; else the module itself."""
    while True:
        if "_orig_mod" in module._modules:
            module = module._modules["_orig_mod"]
        elif isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            module = module.module
        else:
            return module


def class_axis_of(module: nn.Module) -> int | None:
    """The axis that the module declares to hold the classes of its logits, or None."""
    return getattr(unwrapped(module), "class_axis", None)


def as_outputs(module: nn.Module, given, axis: int | None) -> Outputs:
    """The Outputs in ``given``, which the module's forward gave, by the rule of ``outputs_of``; looks at types and shapes only."""
    if isinstance(given, Tensor):
        logits, features = given, FeatureDict()
    elif isinstance(given, Outputs):
        logits, features = given
        features = features if isinstance(features, FeatureDict) else FeatureDict(features or {})
    else:
        logits, features = _logits_in(module, given), FeatureDict()
    if not isinstance(logits, Tensor) or not logits.is_floating_point():
        described = f"{logits.dtype}" if isinstance(logits, Tensor) else type(logits).__name__
        raise InputError(f"the logits of {_name(module)} must be a floating-point tensor, but {described} was given. {_advice(module)}")
    dims = logits.dim()
    if dims < 2:
        raise InputError(f"the logits of {_name(module)} must be [B, C], but {list(logits.shape)} was given. {_advice(module)}")
    if axis is None:
        if dims > 3:
            raise InputError(
                f"the logits of {_name(module)} are {list(logits.shape)}, and which axis holds the classes is not declared; give the module "
                f"an attribute class_axis (1 for [B, C, H, W], -1 for the last axis), or wrap it: with_outputs(module, class_axis=1)."
            )
    elif axis not in (-1, dims - 1):
        if isinstance(axis, bool) or not isinstance(axis, int) or not -dims < axis < dims or axis in (0, -dims):
            given = f"{axis!r} was given"
            raise InputError(f"class_axis of {_name(module)} must be an axis of its logits {list(logits.shape)}, not the first, but {given}.")
        logits = logits.movedim(axis, -1)
    return Outputs(logits, features)


def _logits_in(module, given):
    """The logits in anything but a tensor and Outputs."""
    found = getattr(given, "logits", None)
    if found is None and isinstance(given, Mapping):
        found = given.get("logits")
    elif found is None and isinstance(given, (tuple, list)) and given and isinstance(given[0], Tensor):
        found = given[0]
        for place, other in enumerate(given[1:], 1):
            if isinstance(other, Tensor) and other.shape == found.shape:
                raise InputError(
                    f"the forward of {_name(module)} gave {_described(given)}: entries 0 and {place} are tensors of one shape, "
                    f"and either may be the logits. {_advice(module)}"
                )
    if found is None:
        raise InputError(f"the forward of {_name(module)} must give logits, but it gave {_described(given)}. {_advice(module)}")
    return found


def _has_features(forward) -> bool:
    try:
        parameters = list(inspect.signature(forward).parameters)
    except (TypeError, ValueError):
        return False
    first = 1 if inspect.isfunction(forward) and parameters[:1] == ["self"] else 0
    return "features" in parameters[first + 1 :]


def _name(module) -> str:
    return type(unwrapped(module)).__name__


def _advice(module) -> str:
    return f"Say where the logits are by a function of what the forward gives: with_outputs({_name(module)}(...), lambda given: given[0])."


def _described(given) -> str:
    """A few words on what a forward gave."""
    if isinstance(given, Tensor):
        return f"a tensor {list(given.shape)}"
    if isinstance(given, Mapping):
        return f"{_article(type(given).__name__)} with the keys {', '.join(map(repr, given)) or '(none)'}"
    if isinstance(given, (tuple, list)):
        return f"{_article(type(given).__name__)} of {len(given)} ({', '.join(_described(part) for part in given[:4])})"
    return _article(type(given).__name__)


def _article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _flatten(features):
    return list(features.values()), list(features)


def _unflatten(values, names):
    return FeatureDict(zip(names, values, strict=True))


# lets FeatureDict pass through torch.func.vmap
_pytree.register_pytree_node(FeatureDict, _flatten, _unflatten, serialized_type_name="distill_helpers.FeatureDict")
