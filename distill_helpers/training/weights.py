"""Weights on disk, in safetensors: nothing is ever unpickled."""

from pathlib import Path

from torch import Tensor, nn

from distill_helpers.checks import InputError
from distill_helpers.models.outputs import unwrapped
from distill_helpers.training.files import read_tensors, write_tensors

PREFIXES = ("module.", "_orig_mod.")


def save_weights(model: nn.Module, path) -> Path:
    """Write the model's parameters and buffers with a checksum to ``path`` and return it.

    Tied weights are written once. A model inside torch.compile or DataParallel is saved under its own names. Raises InputError when the
    file cannot be written, or when the model's state holds something that is no tensor.
    """
    state = unwrapped(model).state_dict()
    others = [name for name, value in state.items() if not isinstance(value, Tensor)]
    if others:
        raise InputError(f"model must keep tensors only in its state, but {others[0]!r} is {type(state[others[0]]).__name__}.")
    return write_tensors(path, state)


def load_weights(model: nn.Module, path, strip_prefix: bool = False) -> nn.Module:
    """Fill ``model`` from ``path``, a file of ``save_weights`` or any other safetensors file of weights.

    strip_prefix: take "module." and "_orig_mod." from the beginning of all names, as DataParallel, torch.compile, ``with_outputs`` and
    ``with_features`` put them there. Raises InputError when the file is missing, damaged, or of another architecture.
    """
    model, path = unwrapped(model), Path(path)
    if not path.exists():
        raise InputError(f"path must be a weights file, but {path.name!r} does not exist.")
    state, _ = read_tensors(path, foreign=True)
    expected = model.state_dict()
    prefix, stripped = _prefix(state)
    if strip_prefix:
        state = stripped
    differences = _differences(expected, state)
    if differences and prefix and not strip_prefix and not _differences(expected, stripped):
        raise InputError(
            f"path holds another architecture by its names: in {path.name!r} all begin with {prefix!r}, as DataParallel and torch.compile "
            f"write them; otherwise they fit. Load it by load_weights(model, path, strip_prefix=True)."
        )
    if differences:
        inner = _prefix(expected)
        if inner[0] and not _differences(inner[1], state):
            differences += f"; it fits what is inside, so load it by load_weights(model.{inner[0].rstrip('.')}, path)"
        raise InputError(f"path holds another architecture: {path.name!r} differs from the model: {differences}.")
    model.load_state_dict(state)
    return model


def _prefix(state: dict) -> tuple[str, dict]:
    """What all names begin with, of the wrappers' prefixes, and the state without it."""
    prefix = ""
    while state and any(all(name.startswith(p) for name in state) for p in PREFIXES):
        found = next(p for p in PREFIXES if all(name.startswith(p) for name in state))
        prefix, state = prefix + found, {name.removeprefix(found): tensor for name, tensor in state.items()}
    return prefix, state


def _differences(expected: dict, found: dict) -> str:
    """What stands on one side only, and what has another shape or kind; "" when nothing does."""
    parts = []
    for title, names in (
        ("only in the model", [n for n in expected if n not in found]),
        ("only in the file", [n for n in found if n not in expected]),
    ):
        if names:
            parts.append(f"{title}: {', '.join(names[:4])}{f' and {len(names) - 4} more' if len(names) > 4 else ''}")
    shapes = [
        f"{n} is {_kind(expected[n])} in the model and {_kind(found[n])} in the file"
        for n in expected
        if n in found and (expected[n].shape != found[n].shape or expected[n].is_floating_point() != found[n].is_floating_point())
    ]
    if shapes:
        parts.append("; ".join(shapes[:4]) + (f" and {len(shapes) - 4} more" if len(shapes) > 4 else ""))
    return "; ".join(parts)


def _kind(tensor) -> str:
    return f"{list(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
