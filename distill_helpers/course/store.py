"""Rows of JSON in the results folder: verdicts and findings. Replaced in one step; never lost, however many notebooks write at once."""

import json
import math
import os
import warnings
from contextlib import contextmanager
from pathlib import Path

from distill_helpers.checks import needed

PATIENCE = 120  # seconds to wait for another process; an update takes milliseconds


@contextmanager
def locked(path: Path | str):
    """Hold a file against other processes that read, change and write it: ``with locked(path): ...``, by a lock file beside it.

    The system frees the lock of a process that ends. Raises filelock.Timeout after two minutes, and OSError where the folder cannot be written.
    """
    path = Path(path)
    with needed("filelock").FileLock(path.with_name(f".{path.name}.lock"), timeout=PATIENCE):
        yield


def read_rows(folder: Path | str, name: str) -> list[dict]:
    """The rows of ``folder/name.json``, sorted as they were written; an unreadable file is set aside and said, never lost."""
    path = Path(folder) / f"{name}.json"
    if not path.exists():
        return []
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise json.JSONDecodeError("no list of rows", name, 0)
        return rows
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        aside = path.with_name(f"{name}.damaged.json")
        os.replace(path, aside)
        warnings.warn(f"{path.name} could not be read ({error}); it is kept as {aside.name} and a new one begun.", stacklevel=3)
        return []


def write_rows(folder: Path | str, name: str, rows: list[dict]) -> None:
    """Replace ``folder/name.json`` in one step. To change what is there, use ``update_rows``."""
    partial = Path(folder) / f"{name}.{os.getpid()}.partial"
    partial.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(partial, Path(folder) / f"{name}.json")


def update_rows(folder: Path | str, name: str, change) -> None:
    """Replace the rows by ``change(rows)``; no other process can come between, and none of its rows is lost."""
    with locked(Path(folder) / f"{name}.json"):
        rows = read_rows(folder, name)
        changed = change(rows)
        if changed != rows:
            write_rows(folder, name, changed)


def forget_rows(folder: Path | str, name: str, lesson: str) -> None:
    """Drop what a lesson recorded, before it is run anew."""
    update_rows(folder, name, lambda rows: [row for row in rows if row["lesson"] != lesson])


def replace_verdict(folder: Path | str, row: dict) -> None:
    """Put a verdict in the place of the one on the same claim, edition, part and lesson."""
    place = lambda r: [r[k] for k in ("claim", "edition", "part", "lesson")]
    update_rows(folder, "verdicts", lambda rows: sorted([*(r for r in rows if place(r) != place(row)), row], key=place))


def rounded(value):
    """A number as it is stored: six digits; infinity and NaN as words."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else str(value)
    return value
