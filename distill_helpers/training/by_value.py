"""What something is, by value: two calls of ``distill`` are the same when everything that determines their numbers is."""

import dataclasses
import functools
import hashlib
import sysconfig
import types

import numpy as np
import torch
from torch import nn

from distill_helpers.data.hashing import tensors_hash
from distill_helpers.training.identity import identity

INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def described(thing) -> str:
    """A text that is equal for equal values: numbers, words, containers, tensors by their bytes, modules by structure, code and weights,
    dataclasses by their fields, functions by their code and what they enclose, other objects by class and attributes. Functions and plain
    values that code names among its module's globals count too, and what those name; those of installed packages do not.
    """
    return _described(thing, ())


def short_hash(thing) -> str:
    """sha256 of ``described(thing)``, its first 16 digits."""
    return hashlib.sha256(described(thing).encode()).hexdigest()[:16]


def _described(thing, above: tuple) -> str:
    if id(thing) in above:
        return "(itself)"
    inside = (*above, id(thing))
    if thing is None or isinstance(thing, (bool, int, float, complex, str, bytes, torch.dtype, torch.device)):
        return repr(thing)
    if isinstance(thing, torch.Tensor):
        return f"tensor {tensors_hash({'': thing})}"
    if isinstance(thing, np.ndarray):
        return f"array {thing.dtype} {thing.shape} {hashlib.sha256(np.ascontiguousarray(thing).tobytes()).hexdigest()}"
    if isinstance(thing, nn.Module):
        return f"module {identity(thing)}"
    if isinstance(thing, dict):
        return "{" + ", ".join(f"{_described(k, inside)}: {_described(v, inside)}" for k, v in thing.items()) + "}"
    if isinstance(thing, (set, frozenset)):
        return "{" + ", ".join(sorted(_described(v, inside) for v in thing)) + "}"
    if isinstance(thing, (list, tuple)):
        return f"{_kind(thing)}(" + ", ".join(_described(v, inside) for v in thing) + ")"
    if isinstance(thing, functools.partial):
        return f"partial({_described((thing.func, thing.args, thing.keywords), inside)})"
    if isinstance(thing, types.MethodType):
        return f"method {_described(thing.__func__, inside)} of {_described(thing.__self__, inside)}"
    if isinstance(thing, types.FunctionType):
        enclosed = [cell.cell_contents for cell in thing.__closure__ or ()]
        return f"function {_code(thing.__code__)} {_described((thing.__defaults__, thing.__kwdefaults__, enclosed), inside)}{_named(thing)}"
    if isinstance(thing, type):
        return f"class {thing.__module__}.{thing.__qualname__}"
    if dataclasses.is_dataclass(thing):
        fields = {f.name: getattr(thing, f.name) for f in dataclasses.fields(thing)}
        return f"{_kind(thing)} {_methods(type(thing))} {_described(fields, inside)}"
    if hasattr(thing, "fingerprint"):
        return f"{_kind(thing)} {thing.fingerprint}"
    return f"{_kind(thing)} {_described(vars(thing), inside)}" if hasattr(thing, "__dict__") else f"{_kind(thing)} {thing!r}"


def _kind(thing) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def _code(code: types.CodeType) -> str:
    """A hash of what a function does: its instructions and constants, nested functions included; not where it stands in its file."""
    digest = hashlib.sha256(code.co_code + repr(code.co_names).encode())
    for constant in code.co_consts:
        digest.update((_code(constant) if isinstance(constant, types.CodeType) else repr(constant)).encode())
    return digest.hexdigest()[:16]


def _named(function: types.FunctionType, seen: set | None = None) -> str:
    """What a function names among its module's globals: plain values, and the code of the reader's own functions, theirs included."""
    seen = {id(function.__code__)} if seen is None else seen
    found = []
    for name in sorted(_names(function.__code__)):
        value = function.__globals__.get(name)
        if isinstance(value, (bool, int, float, str)):
            found.append(f"{name}={value!r}")
        elif isinstance(value, types.FunctionType) and id(value.__code__) not in seen and not _installed(value.__code__.co_filename):
            seen.add(id(value.__code__))
            found.append(f"{name}={_code(value.__code__)}{_named(value, seen)}")
    return f" naming {found}" if found else ""


def _names(code: types.CodeType) -> set[str]:
    """The names of globals and attributes that code and the functions in it use."""
    inner = [_names(constant) for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return set(code.co_names).union(*inner)


def _installed(file: str) -> bool:
    return any(file.startswith(place) for place in INSTALLED)


def _methods(kind: type) -> str:
    """A hash of the code of a class's own methods and those it inherits, without torch's and the language's."""
    digest = hashlib.sha256()
    for base in kind.__mro__:
        if base.__module__.split(".")[0] in ("builtins", "torch", "typing"):
            continue
        for name, value in sorted(vars(base).items()):
            function = value.fget if isinstance(value, property) else value
            if isinstance(function, types.FunctionType):
                digest.update(f"{base.__qualname__}.{name} {_code(function.__code__)}{_named(function)}".encode())
    return digest.hexdigest()[:16]
