"""Rows of JSON in the results folder: verdicts and findings. Replaced in one step; never lost."""

import json
import math
import os
import warnings
from pathlib import Path


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
    """Replace ``folder/name.json`` in one step."""
    partial = Path(folder) / f"{name}.{os.getpid()}.partial"
    partial.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(partial, Path(folder) / f"{name}.json")


def forget_rows(folder: Path | str, name: str, lesson: str) -> None:
    """Drop what a lesson recorded, before it is run anew."""
    rows = read_rows(folder, name)
    kept = [row for row in rows if row["lesson"] != lesson]
    if len(kept) < len(rows):
        write_rows(folder, name, kept)


def rounded(value):
    """A number as it is stored: six digits; infinity and NaN as words."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else str(value)
    return value
