"""One entry on disk: a table, a manifest that says what the table must be, and packed outcomes; each written whole or not at all."""

import csv
import hashlib
import io
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from distill_helpers.checks import InputError
from distill_helpers.course.paths import repository

CERTIFICATES = "certificates.json"


class StaleRecord(RuntimeError):
    """A recorded row is missing, or was made by other code or data than today's."""


class DamagedRecord(StaleRecord):
    """A recorded file is not what was written: rows or bytes are missing, doubled or changed, or it belongs to no entry."""


@dataclass(frozen=True)
class Entry:
    """setting, its manifest (a dict), and the text of its table."""

    setting: dict
    manifest: dict
    text: str


def recorded_dir() -> Path:
    """Where recorded runs are committed."""
    root = repository()
    if root is None:
        raise InputError("recorded runs are part of the course's checkout, and this package runs without one.")
    return root / "results" / "recorded"


def canonical(setting: dict) -> str:
    """A setting as JSON; 8 and 8.0 are one number."""
    return json.dumps({k: _plain(v) for k, v in setting.items()}, sort_keys=True, ensure_ascii=False)


def slug(setting: dict) -> str:
    """The stem of an entry's files: its values to read, and six hex digits of the whole setting, so that no two share a file."""
    words = [str(v) if isinstance(v, str) else f"{k}{_plain(v)}" for k, v in setting.items()]
    readable = "-".join(filter(None, (re.sub(r"[^a-z0-9.]+", "_", w.lower()).strip("_.") for w in words)))
    return f"{readable[:80]}-{hashlib.sha256(canonical(setting).encode()).hexdigest()[:6]}"


def as_text(rows: list[dict]) -> str:
    """Rows as CSV, six significant digits for numbers with a fraction."""
    import pandas as pd

    return pd.DataFrame(rows).to_csv(index=False, float_format="%.6g", lineterminator="\n")


def count_rows(text: str) -> int:
    """Rows of a CSV below its header."""
    return sum(1 for _ in csv.reader(io.StringIO(text))) - 1


def sha256(given: str | bytes) -> str:
    """Hex digest of text or bytes."""
    return hashlib.sha256(given.encode() if isinstance(given, str) else given).hexdigest()


def write(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all: what was there stays until the new one is complete."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_bytes(content.encode() if isinstance(content, str) else content)
    os.replace(part, path)


def write_entry(folder: Path, name: str, setting: dict, text: str, made: dict, outcomes: dict | None = None) -> None:
    """Write an entry's table, outcomes and, last, its manifest. made: the provenance that all its rows share."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = slug(setting)
    manifest = {"record": name, "setting": setting, "rows": count_rows(text), "sha256": sha256(text), "outcomes": None, "made": made}
    if outcomes:
        packed = pack(outcomes)
        manifest["outcomes"] = {"sha256": sha256(packed), "arrays": {k: list(np.shape(v)) for k, v in outcomes.items()}}
        write(folder / f"{stem}.npz", packed)
    else:
        (folder / f"{stem}.npz").unlink(missing_ok=True)
    write(folder / f"{stem}.csv", text)
    write(folder / f"{stem}.json", json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")


def read_entry(folder: Path, name: str, setting: dict) -> Entry | None:
    """An entry as it was written, None where none of its files is there. Raises DamagedRecord where it is something else."""
    stem = slug(setting)
    table, manifest_path = folder / f"{stem}.csv", folder / f"{stem}.json"
    if not table.exists() and not manifest_path.exists():
        if (folder / f"{stem}.npz").exists():
            raise DamagedRecord(f"{stem}.npz has no table beside it")
        return None
    for path in (table, manifest_path):
        if not path.exists():
            raise DamagedRecord(f"{path.name} is not there")
    try:
        manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
        stated = (manifest["record"], canonical(manifest["setting"]), manifest["rows"], manifest["sha256"])
        made, outcomes = manifest["made"], manifest["outcomes"]
        if not isinstance(made["code_hash"], str) or not isinstance(made["data_hash"], str) or (outcomes and not outcomes["sha256"]):
            raise ValueError("a hash is missing")
        text = table.read_bytes().decode("utf-8").replace("\r\n", "\n")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedRecord(f"{stem} cannot be read ({type(error).__name__}: {error})") from None
    if stated[:2] != (name, canonical(setting)):
        raise DamagedRecord(f"{manifest_path.name} belongs to {manifest['record']} {manifest['setting']}, not to {name} {setting}")
    rows = count_rows(text)
    if rows != stated[2] or rows < 1:
        raise DamagedRecord(f"{table.name} holds {rows} rows where {stated[2]} were recorded")
    if sha256(text) != stated[3]:
        raise DamagedRecord(f"{table.name} was changed after it was recorded: its checksum is another")
    packed = folder / f"{stem}.npz"
    if packed.exists() != bool(manifest["outcomes"]):
        raise DamagedRecord(f"{packed.name} is {'there, but no outcomes were recorded' if packed.exists() else 'not there'}")
    if manifest["outcomes"] and sha256(packed.read_bytes()) != manifest["outcomes"]["sha256"]:
        raise DamagedRecord(f"{packed.name} was changed after it was recorded: its checksum is another")
    return Entry(setting, manifest, text)


def strangers(folder: Path, settings: list[dict]) -> list[str]:
    """Names of files in the folder that belong to no entry; hidden ones do not count."""
    known = {CERTIFICATES} | {f"{slug(s)}.{kind}" for s in settings for kind in ("csv", "json", "npz")}
    return sorted(p.name for p in folder.glob("*") if p.name not in known and not p.name.startswith("."))


def pack(outcomes: dict) -> bytes:
    """Arrays as bytes of an .npz: bits for right or wrong, the smallest type for whole numbers, float16 and float32 as they are.

    Raises InputError for an array without a dimension or with nothing in it, and for float64, which says to choose.
    """
    arrays = {}
    for name, value in outcomes.items():
        array = np.asarray(value)
        if not array.ndim or not array.size:
            raise InputError(f"outcomes[{name!r}] must be an array [replicate, arm, test example], but its shape is {array.shape}.")
        if array.dtype == bool:
            arrays[f"{name}|bits"], arrays[f"{name}|shape"] = np.packbits(array), np.array(array.shape)
        elif array.dtype.kind in "iu":
            arrays[f"{name}|array"] = array.astype(np.result_type(np.min_scalar_type(array.min()), np.min_scalar_type(array.max())))
        elif array.dtype in (np.float16, np.float32):
            arrays[f"{name}|array"] = array
        else:
            raise InputError(f"outcomes[{name!r}] must be bool, whole numbers, float16 or float32, but it is {array.dtype}.")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def unpack(packed: bytes) -> dict:
    """The arrays of ``pack``, by name."""
    arrays = {}
    with np.load(io.BytesIO(packed), allow_pickle=False) as file:
        for key in file.files:
            name, how = key.rsplit("|", 1)
            if how == "array":
                arrays[name] = file[key]
            elif how == "bits":
                shape = tuple(file[f"{name}|shape"])
                arrays[name] = np.unpackbits(file[key], count=int(np.prod(shape))).astype(bool).reshape(shape)
    return arrays


def _plain(value):
    """A number that is whole as an int; numpy's numbers as Python's; all else as it is."""
    value = value.item() if isinstance(value, np.generic) else value
    return int(value) if isinstance(value, float) and value.is_integer() else value
