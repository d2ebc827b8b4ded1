"""Writing samples into tar shards, in WebDataset's format, with an index beside each."""

import io
import json
import os
import shutil
import tarfile
from pathlib import Path

import numpy as np
from torch import Tensor

from distill_helpers.checks import InputError, whole
from distill_helpers.data.shard_index import open_shard


def write_shards(folder, samples, per_shard: int = 1000) -> list[Path]:
    """Write ``samples`` into ``folder``/000000.tar, 000001.tar, ..., ``per_shard`` in each, and return their paths.

    samples: any iterable, read once, of pairs (x, y), which become .npy (or .png for PIL images) and .cls (or .npy named
    ``y.npy`` where y is no whole number), or of dicts {extension: value} with an optional "__key__". Values by extension: npy an
    array or a tensor; cls a whole number; json anything that JSON holds; txt text; png and jpg PIL images; bytes are written as they
    are under every extension.
    All or nothing: what is written lies in a folder of its own beside ``folder`` until it is whole. The same samples give the
    same bytes. Raises InputError for a folder that holds something already, no samples, a key that comes twice or holds a dot,
    values that their extension cannot hold, and samples that lack an extension the first one has.
    """
    whole("per_shard", per_shard)
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"folder must be new or empty, but {str(folder)!r} holds something already.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        partial.mkdir()
        names = _write_all(partial, samples, per_shard)
        for name in names:
            open_shard(partial / name)  # reads back what was written, and makes the index
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return [folder / name for name in names]


def _write_all(folder: Path, samples, per_shard: int) -> list[str]:
    names, seen, first, tar, file = [], set(), None, None, None
    try:
        for number, sample in enumerate(samples):
            key, parts = _encoded(sample, number)
            named = isinstance(sample, dict) and "__key__" in sample
            if key in seen or (number and named != bool(seen)):
                raise InputError(f"samples must have keys of their own, all of them or none, but {key!r} comes twice or beside others without.")
            if named:
                seen.add(key)
            first = set(parts) if first is None else first
            if set(parts) != first:
                raise InputError(f"samples must have the same extensions, but {key!r} has {sorted(parts)} and the first {sorted(first)}.")
            if number % per_shard == 0:
                _close(tar, file)
                names.append(f"{len(names):06d}.tar")
                file = open(folder / names[-1], "wb")  # noqa: SIM115
                tar = tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
            for extension, content in parts.items():
                member = tarfile.TarInfo(f"{key}.{extension}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    finally:
        _close(tar, file)
    if not names:
        raise InputError("samples must hold at least one sample, but there are none.")
    return names


def _close(tar, file) -> None:
    if tar is None:
        return
    tar.close()
    file.flush()
    os.fsync(file.fileno())
    file.close()


def _encoded(sample, number: int) -> tuple[str, dict[str, bytes]]:
    if isinstance(sample, (tuple, list)) and len(sample) == 2:
        x, y = sample
        is_index = isinstance(y, (int, np.integer)) or (isinstance(y, (Tensor, np.ndarray)) and y.ndim == 0 and not _is_floating(y))
        sample = {"png" if hasattr(x, "getbands") else "npy": x, "cls" if is_index else "y.npy": int(y) if is_index else y}
    if not isinstance(sample, dict):
        raise InputError(f"samples must be pairs (x, y) or dicts {{extension: value}}, but sample {number} is a {type(sample).__name__}.")
    key = str(sample.get("__key__", f"{number:09d}"))
    if not key or "." in key or key.startswith("/") or key.endswith("/"):
        raise InputError(f"__key__ must be a name without dots, but {key!r} was given for sample {number}.")
    parts = {name: _bytes_of(name, value, key) for name, value in sample.items() if name != "__key__"}
    if not parts:
        raise InputError(f"samples must have at least one extension, but {key!r} has none.")
    return key, parts


def _is_floating(y) -> bool:
    return y.is_floating_point() if isinstance(y, Tensor) else y.dtype.kind == "f"


def _bytes_of(extension: str, value, key: str) -> bytes:
    if isinstance(value, bytes):
        return value
    kind = extension.rpartition(".")[2]
    try:
        if kind == "npy":
            return _npy(value)
        if kind == "cls":
            if isinstance(value, bool) or int(value) != value:
                raise TypeError("not a whole number")
            return str(int(value)).encode()
        if kind == "json":
            return json.dumps(value).encode()
        if kind == "txt" and isinstance(value, str):
            return value.encode()
        if kind in ("png", "jpg", "jpeg") and hasattr(value, "getbands"):
            content = io.BytesIO()
            value.save(content, format="PNG" if kind == "png" else "JPEG")
            return content.getvalue()
    except (TypeError, ValueError, OSError) as error:
        given = type(value).__name__
        raise InputError(f"samples must hold what their extensions say, but {key}.{extension} cannot be {given}: {error}.") from error
    raise InputError(
        f"samples must hold bytes, or a value for npy, cls, json, txt, png or jpg, but {key}.{extension} was given {type(value).__name__}."
    )


def _npy(value) -> bytes:
    array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"an array of {array.dtype}")
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    return content.getvalue()
