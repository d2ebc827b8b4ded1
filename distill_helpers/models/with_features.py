"""Any module as this package wants it: its logits found by a function, its inner layers by their names."""

import difflib
from collections.abc import Callable, Mapping
from functools import partial

from torch import Tensor, nn

from distill_helpers.checks import InputError
from distill_helpers.models.outputs import FeatureDict, Outputs, answer_of, as_outputs, class_axis_of, unwrapped


def with_outputs(module: nn.Module, function: Callable | None = None, class_axis: int | None = None) -> nn.Module:
    """``module`` whose outputs are ``function(what its forward gives)``: logits, Outputs, or another form that ``outputs_of`` takes.

    class_axis: the axis of the logits that holds the classes, where it is not the last. The module itself is kept as ``.module``, so its
    weights are those of the result, saved under "module."; a file of the plain module's weights is loaded by
    ``load_weights(result.module, path)``. Raises InputError for arguments that cannot be used.
    """
    if function is None and class_axis is None:
        raise InputError("function must say where the logits are, or class_axis where the classes are, but neither was given.")
    return Named(module, {}, function, class_axis)


def with_features(module: nn.Module, features: Mapping, outputs: Callable | None = None, class_axis: int | None = None) -> nn.Module:
    """``module`` that gives named features as well as logits.

    features: {name: where}, where one of "path.of.submodule" (its output), ("path", function) (a function of its output, for
    submodules that give no tensor), or a function of what the whole forward gives. The submodule must be called exactly once in a forward.
    A submodule's output lies on the way to the logits, so derivatives with respect to it exist, and later layers that work in place
    do not change it. outputs, class_axis, weights on disk: as for ``with_outputs``. Features that the module names itself are kept.
    Raises InputError for a submodule that does not exist (near names are listed), is called never or twice or gives no tensor, and for a
    feature called "logits" or like one that the module has.
    """
    if not isinstance(features, Mapping) or not features:
        raise InputError(f'features must be a dict such as {{"maps": "layer4"}}, but {features!r} was given.')
    return Named(module, features, outputs, class_axis)


class Named(nn.Module):
    """A module with a rule for its outputs and names for its inner layers; see ``with_features``."""

    class_axis = -1  # forward has moved the classes there

    def __init__(self, module: nn.Module, features: Mapping, function: Callable | None, class_axis: int | None):
        super().__init__()
        if not isinstance(module, nn.Module):
            raise InputError(f"module must be a torch.nn.Module, but {type(module).__name__} was given.")
        if function is not None and not callable(function):
            raise InputError(f"outputs must be a function of what the forward gives, but {function!r} was given.")
        self.module, self.function, self.inner_axis = module, function, class_axis
        self.stackable = getattr(module, "stackable", True)
        self.inside, self.after = {}, {}
        for name, where in features.items():
            if not isinstance(name, str) or not name or name == "logits":
                raise InputError(f'features must be named by words other than "logits", but {name!r} was given.')
            path, change = (where, None) if isinstance(where, str) else where if _is_pair(where) else (None, where)
            if path is not None:
                # the names of this object's own submodules, so that a copy of it looks in itself
                self.inside[name] = (path, path_in(self, home_of(module, path)) + path, change)
            elif callable(where) and not isinstance(where, nn.Module):
                self.after[name] = where
            else:
                raise InputError(f"feature {name!r} must be a submodule's path, a pair (path, function) or a function, but {where!r} was given.")

    def extra_repr(self):
        return ", ".join([*(f"{name}={path!r}" for name, (path, *_) in self.inside.items()), *self.after])

    def forward(self, x, features: bool = False):
        caught = {}
        handles = []
        if features:
            handles = [self.get_submodule(full).register_forward_hook(partial(_catch, caught, name, path, change))
                       for name, (path, full, change) in self.inside.items()]  # fmt: skip
        try:
            given = answer_of(self.module, x)
        finally:
            for handle in handles:
                handle.remove()
        out = self.outputs(given)
        if not features:
            return out.logits
        for name, (path, *_) in self.inside.items():
            if name not in caught:
                raise InputError(f"feature {name!r}: the submodule {path!r} is never called in a forward, so it has no output.")
        caught.update({name: _tensor(name, "the function", function(given)) for name, function in self.after.items()})
        twice = sorted(set(caught) & set(out.features))
        if twice:
            raise InputError(f"feature {twice[0]!r} is given by the module already; choose another name.")
        return Outputs(out.logits, FeatureDict({**out.features, **{name: caught[name] for name in (*self.inside, *self.after)}}))

    def outputs(self, given) -> Outputs:
        """What the forward gave, as Outputs with the classes on the last axis."""
        axis = class_axis_of(self.module) if self.inner_axis is None else self.inner_axis
        found = as_outputs(self.module, given if self.function is None else self.function(given), axis)
        if self.function is None or not isinstance(given, Outputs):
            return found
        return Outputs(found.logits, FeatureDict({**given.features, **found.features}))


def submodule(module: nn.Module, path: str) -> nn.Module:
    """The submodule at a dotted path, also inside wrappers. Raises InputError with near names when there is none."""
    return home_of(module, path).get_submodule(path)


def home_of(module: nn.Module, path: str) -> nn.Module:
    """The module in which the dotted path begins: ``module``, or what it wraps. Raises InputError with near names when the path is in none."""
    inner = unwrapped(module)
    while True:
        known = [name for name, _ in inner.named_modules(remove_duplicate=False) if name]
        if path in known:
            return inner
        if not isinstance(inner, Named):
            break
        inner = unwrapped(inner.module)
    near = difflib.get_close_matches(str(path), known, 5, 0.5) or known[:8]
    listed = ", ".join(map(repr, near)) or "none at all"
    raise InputError(f"submodule {path!r} does not exist in {type(inner).__name__}; near names are {listed}.")


def path_in(module: nn.Module, home: nn.Module) -> str:
    """How the names of ``home``'s submodules begin in ``module``: "" for the module itself, else "path."."""
    found = next(name for name, part in module.named_modules() if part is home)
    return found + "." if found else ""


def _is_pair(where) -> bool:
    return isinstance(where, tuple) and len(where) == 2 and isinstance(where[0], str) and callable(where[1])


def _catch(caught, name, path, change, module, inputs, output):
    if name in caught:
        raise InputError(f"feature {name!r}: the submodule {path!r} is called more than once in a forward; name one that is called once.")
    if change is not None:
        caught[name] = _tensor(name, "the function", change(output))
        return None
    caught[name] = _tensor(name, f"the submodule {path!r}", output)
    # a later layer that works in place changes the copy
    return output.clone()


def _tensor(name, who, value) -> Tensor:
    if not isinstance(value, Tensor):
        raise InputError(f'feature {name!r} must be a tensor, but {who} gave {type(value).__name__}; name it by ("path", function of its output).')
    return value
