"""The teacher's answers on disk: kept under a key that only the same question has, and checked when read."""

import json
import os
import warnings
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from distill_helpers.training.fingerprint import tensors_hash


def read_table(path: Path) -> dict[str, Tensor] | None:
    """The tensors at ``path``; None when there is no such file, or when it is damaged (which is said)."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            stored = (file.metadata() or {}).get("checksum")
            # copies, since a tensor mapped from the file would change with it
            tensors = {name: file.get_tensor(name).clone() for name in list(file.keys())}
    except (SafetensorError, OSError, ValueError, json.JSONDecodeError) as error:
        warnings.warn(f"the cached file {path.name} cannot be read ({error}); it is rebuilt.", stacklevel=3)
        return None
    if tensors_hash(tensors) != stored:
        warnings.warn(f"the cached file {path.name} is damaged (its checksum differs); it is rebuilt.", stacklevel=3)
        return None
    return tensors


def write_table(path: Path, tensors: dict[str, Tensor]):
    """Write atomically with a checksum, so that a crash leaves either the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    save_file(tensors, partial, metadata={"checksum": tensors_hash(tensors)})
    partial.replace(path)
