"""The teacher's answers on disk: kept under a key that only the same question has, and verified when read."""

import os
import warnings
from pathlib import Path

from torch import Tensor

from distill_helpers.checks import InputError
from distill_helpers.data.devices import in_words
from distill_helpers.training.files import DamagedFile, map_tensors, read_tensors, write_tensors
from distill_helpers.training.stores import free_disk

_said = set()


def cache_folder(cache) -> Path | None:
    """Where answers are kept: the folder given, the one that DISTILL_CACHE names for "auto", or None for memory only."""
    folder = os.environ.get("DISTILL_CACHE") if cache == "auto" else cache
    return Path(folder) / "teachers" if folder else None


def read_table(path: Path, mapped: bool = False) -> dict[str, Tensor] | None:
    """The tensors at ``path``; None when there is no such file, or when it cannot be used (which is said)."""
    if not path.exists():
        return None
    try:
        return (map_tensors if mapped else read_tensors)(path)[0]
    except DamagedFile as error:
        warnings.warn(f"the cached file {path.name} is damaged; it is rebuilt. {error}", stacklevel=3)
    except InputError as error:
        warnings.warn(f"the cached file {path.name} is rebuilt: {error}", stacklevel=3)
    return None


def write_table(path: Path, tensors: dict[str, Tensor]) -> None:
    """Keep the tensors at ``path``; where that cannot be done, say so once for the folder and go on."""
    size, free = sum(t.numel() * t.element_size() for t in tensors.values()), free_disk(path.parent)
    try:
        if size > free:
            raise InputError(f"they take {in_words(size)}, and {in_words(free)} are free")
        write_tensors(path, tensors)
    except InputError as error:
        cannot_write(path.parent, error)


def cannot_write(folder: Path, error) -> None:
    """Say once for the folder that answers are not kept there."""
    if folder not in _said:
        _said.add(folder)
        warnings.warn(f"the teacher's answers cannot be kept in {str(folder)!r} ({error}); they are kept for this process only.", stacklevel=4)
