"""What a module or another value is, as text and bytes: two modules that may answer differently have different identities."""

import functools
import hashlib
import inspect
import re
import types

import torch
from torch import Tensor, nn

from distill_helpers.data.hashing import tensors_hash
from distill_helpers.training.fingerprint import code_hash

_PLAIN = set(vars(nn.Module())) | {"_is_torch_compile"}  # torch.compile marks the module that it wraps
_HOOKS = ("_forward_hooks", "_forward_pre_hooks")


def identity(module: nn.Module) -> str:
    """sha256 over weights, all buffers, structure, plain attributes, hooks, and the code of every class and base class in the module.

    Code that a method merely calls is not followed, unless it is this package's; a key that must not err also takes what the module
    answers (``measured``).
    """
    return _identity(module, ())


@torch.no_grad()
def measured(answer, x: Tensor, seed: int = 0) -> str:
    """sha256 over what ``answer`` (inputs -> {name: tensor}) gives for the rows x and for as many rows of seeded noise of their shape.

    Whole numbers are not replaced by noise but put in another order, so that they stay in range. Torch's generator is left as it was.
    """
    generator = torch.Generator().manual_seed(seed)
    if x.is_floating_point():
        made = torch.randn(x.shape, generator=generator, dtype=torch.float32).to(x)
    else:
        made = x.flatten()[torch.randperm(x.numel(), generator=generator).to(x.device)].view(x.shape)
    digest = hashlib.sha256()
    with seeded(seed, x.device):
        for rows in (x, made):
            try:
                digest.update(tensors_hash(answer(rows)).encode())
            except (RuntimeError, ValueError, AssertionError) as error:
                digest.update(_no_addresses(str(error)).encode())
    return digest.hexdigest()


def seeded(seed: int, device):
    """torch's generators begin with ``seed`` inside the block and are as before after it."""
    return _Seeded(seed, torch.device(device))


class _Seeded:
    def __init__(self, seed, device):
        self.seed, self.fork = seed, torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])

    def __enter__(self):
        self.fork.__enter__()
        torch.manual_seed(self.seed)

    def __exit__(self, *what):
        return self.fork.__exit__(*what)


def class_text(kind: type) -> str:
    """What a class does: the functions and values in it; for torch's own, which its version determines, the name alone."""
    name = f"{kind.__module__}.{kind.__qualname__}"
    if kind is object or kind.__module__ == "torch" or kind.__module__.startswith("torch."):
        return name
    whole = code_of(kind.__module__) if kind.__module__.startswith("distill_helpers.") else ""
    plain = lambda key, value: callable(value) or not (key.startswith("__") and key.endswith("__"))
    held = [f"{key}={_text(value, (kind,))}" for key, value in sorted(vars(kind).items()) if plain(key, value)]
    return "\n".join([name, whole, *held])


@functools.lru_cache(maxsize=None)
def code_of(module: str) -> str:
    """``code_hash`` of a module of this package, looked up once in a process."""
    return code_hash(module)


def _identity(module: nn.Module, inside: tuple) -> str:
    tensors = {f"parameter {n}": t for n, t in module.named_parameters(remove_duplicate=False)}
    tensors |= {f"buffer {n}": t for n, t in module.named_buffers(remove_duplicate=False)}
    texts, inside = [_no_addresses(repr(module))], (*inside, *module.modules())
    for path, part in module.named_modules():
        texts += [f"{path}.{key}={_text(value, inside)}" for key, value in sorted(vars(part).items()) if key not in _PLAIN]
        texts += [f"{path} {kind}: {_text(list(getattr(part, kind).values()), inside)}" for kind in _HOOKS if getattr(part, kind)]
    texts += sorted({class_text(kind) for part in module.modules() for kind in type(part).__mro__})
    return tensors_hash(tensors, texts)


def _text(value, inside: tuple = ()) -> str:
    """A value as a text that is the same in every process; objects by their class and what they hold. inside: what is being told already."""
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, torch.dtype, torch.device, torch.Size)):
        return repr(value)
    if isinstance(value, Tensor):
        return tensors_hash({"": value})
    if any(value is other for other in inside):
        return f"{kind} again"
    inside = (*inside, value)
    deeper = lambda v: _text(v, inside)
    if isinstance(value, (list, tuple)):
        return f"{kind}[{', '.join(map(deeper, value))}]"
    if isinstance(value, (set, frozenset)):
        return f"set{sorted(map(deeper, value))}"
    if isinstance(value, dict):
        return f"dict{[(deeper(k), deeper(v)) for k, v in value.items()]}"
    if isinstance(value, functools.partial):
        return f"partial {deeper(value.func)} {deeper(value.args)} {deeper(value.keywords)}"
    if isinstance(value, types.MethodType):
        return f"method {deeper(value.__func__)} of {deeper(value.__self__)}"
    if isinstance(value, (staticmethod, classmethod)):
        return f"{kind} {deeper(value.__func__)}"
    if isinstance(value, property):
        return f"property {deeper(value.fget)}"
    if isinstance(value, types.FunctionType):
        return _function_text(value, deeper)
    if isinstance(value, type):
        return f"class {value.__module__}.{value.__qualname__}"
    if isinstance(value, nn.Module):
        return f"module {_identity(value, inside)}"
    if hasattr(value, "tobytes") and hasattr(value, "dtype"):
        return f"{kind} {value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    held = getattr(value, "__dict__", None)
    return f"{kind} {deeper(dict(held))}" if held else f"{kind} {_no_addresses(repr(value))}"


def _function_text(function, deeper) -> str:
    code = function.__code__
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):
        source = ""
    if not source or function.__name__ == "<lambda>":
        source += _code_text(code)  # several lambdas may stand in one line
    held = []
    for cell in function.__closure__ or ():
        try:
            held.append(cell.cell_contents)
        except ValueError:  # not filled yet
            held.append(None)
    return f"{function.__qualname__} {source} {deeper(function.__defaults__)} {deeper(function.__kwdefaults__)} {deeper(held)}"


def _code_text(code: types.CodeType) -> str:
    consts = [_code_text(c) if isinstance(c, types.CodeType) else repr(c) for c in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {consts}"


def _no_addresses(text: str) -> str:
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)
