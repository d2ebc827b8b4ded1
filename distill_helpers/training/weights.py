"""Weights on disk, in safetensors: nothing is ever unpickled."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from distill_helpers.checks import InputError


def save_weights(model: nn.Module, path) -> Path:
    """Write the model's parameters and buffers to ``path`` and return it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}, path)
    return path


def load_weights(model: nn.Module, path) -> nn.Module:
    """Fill ``model`` from ``path``. Raises InputError when the file is missing, damaged, or of another architecture."""
    path = Path(path)
    if not path.exists():
        raise InputError(f"path must be a weights file, but {path.name!r} does not exist.")
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"path must be a safetensors file, but {path.name!r} cannot be read: {error}.") from error
    expected = {name: tuple(t.shape) for name, t in model.state_dict().items()}
    found = {name: tuple(t.shape) for name, t in state.items()}
    if expected != found:
        wrong = sorted(n for n in expected.keys() | found.keys() if expected.get(n) != found.get(n))
        raise InputError(f"path holds another architecture: {path.name!r} differs from the model in {', '.join(wrong[:4])}.")
    model.load_state_dict(state)
    return model
