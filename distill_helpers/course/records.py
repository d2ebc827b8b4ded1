"""Recorded runs: what takes too long to run live is run whole, kept with its provenance, and refused when the code has changed."""

import hashlib
import importlib
import json
import multiprocessing
import platform
import time
from pathlib import Path

import torch

from distill_helpers.checks import InputError
from distill_helpers.course.paths import repository
from distill_helpers.training.fingerprint import code_hash

PROVENANCE = ("seconds", "device", "torch", "python", "code_hash", "data_hash")


class StaleRecord(RuntimeError):
    """A recorded row was made by other code or data than today's."""


def recorded_dir() -> Path:
    """Where recorded runs are committed."""
    root = repository()
    if root is None:
        raise InputError("recorded runs are part of the course's checkout, and this package runs without one.")
    return root / "results" / "recorded"


def hashes(module_name: str) -> dict[str, str]:
    """Today's hash of the code that a recorded run's numbers depend on, and of its bundled data."""
    module = importlib.import_module(module_name)
    data = hashlib.sha256()
    for name in sorted(module.DATA):
        data.update((Path(__file__).parent.parent / "data" / "bundled" / name).read_bytes())
    return {"code_hash": code_hash(module_name)[:16], "data_hash": data.hexdigest()[:16]}


def record(module_name: str, folder: Path | None = None, workers: int = 1) -> Path:
    """Run every setting of a recorded run from cold and write its table; returns the path.

    The module holds NAME, DATA (bundled files), SETTINGS (dicts) and run(setting) -> rows, each with a "seed". Finished settings
    of an interrupted recording are taken up again when code and data are still the same. workers: settings that run at once,
    each in a process of one thread; small nets use two cores better so. "seconds" is what one setting took in its process.
    """
    import pandas as pd

    module, today = importlib.import_module(module_name), hashes(module_name)
    folder = folder or recorded_dir()
    folder.mkdir(parents=True, exist_ok=True)
    partial, path = folder / f"{module.NAME}.partial.json", folder / f"{module.NAME}.csv"
    done = _taken_up(partial, today)
    where = {"device": "cuda" if torch.cuda.is_available() else "cpu", "torch": torch.__version__.split("+")[0],
             "python": platform.python_version()}  # fmt: skip
    waiting = [(module_name, setting) for setting in module.SETTINGS if _key(setting) not in done]
    for setting, rows, seconds in _timed(waiting, workers):
        done[_key(setting)] = [setting | row | {"seconds": seconds} | where | today for row in rows]
        partial.write_text(json.dumps({"today": today, "done": done}), encoding="utf-8")
        print(f"[{len(done)}/{len(module.SETTINGS)}] {module.NAME} {setting}: {seconds:.1f} s", flush=True)
    rows = [row for setting in module.SETTINGS for row in done[_key(setting)]]
    pd.DataFrame(rows).to_csv(path, index=False, float_format="%.6g", lineterminator="\n")
    partial.unlink(missing_ok=True)
    return path


def _key(setting: dict) -> str:
    return json.dumps(setting, sort_keys=True)


def _timed(waiting: list, workers: int):
    """(setting, rows, seconds) of each waiting (module name, setting), as they are finished."""
    if workers == 1:
        yield from map(_run_one, waiting)
        return
    # fresh processes: a forked copy of a process that has used torch may hang
    with multiprocessing.get_context("spawn").Pool(workers, torch.set_num_threads, (1,)) as pool:
        yield from pool.imap_unordered(_run_one, waiting)


def _run_one(job):
    module_name, setting = job
    begun = time.perf_counter()
    rows = importlib.import_module(module_name).run(setting)
    return setting, rows, round(time.perf_counter() - begun, 2)


def read_record(module_name: str, folder: Path | None = None):
    """The recorded table, as a DataFrame. Raises StaleRecord when there is none, or when code or data have changed since."""
    import pandas as pd

    module, today = importlib.import_module(module_name), hashes(module_name)
    path = (folder or recorded_dir()) / f"{module.NAME}.csv"
    again = f"run `make record {module.NAME[:2]}` to record it again"
    if not path.exists():
        raise StaleRecord(f"{path.name} is not there; {again}.")
    table = pd.read_csv(path)
    for column, value in today.items():
        if column not in table or not (table[column].astype(str) == value).all():
            raise StaleRecord(f"{path.name} was made by other {column.removesuffix('_hash')} than today's; {again}.")
    return table


def agrees(table, rows: list[dict], on: list[str], tolerance: dict[str, float]) -> float:
    """Hold live rows against the recorded ones that share their values of ``on``; returns the largest gap as a share of tolerance.

    Raises StaleRecord when a live row has no partner, or differs by more than the tolerance of its column.
    """
    worst = 0.0
    for row in rows:
        match = table
        for column in on:
            match = match[match[column] == row[column]]
        if len(match) != 1:
            raise StaleRecord(f"the record holds {len(match)} rows for {({c: row[c] for c in on})}, not one.")
        for column, allowed in tolerance.items():
            gap = abs(float(match.iloc[0][column]) - float(row[column]))
            worst = max(worst, gap / allowed)
            if not gap <= allowed:
                raise StaleRecord(f"{column} is {row[column]:.4g} live but {match.iloc[0][column]:.4g} in the record (tolerance {allowed:g}).")
    return worst


def _taken_up(partial: Path, today: dict) -> dict:
    if not partial.exists():
        return {}
    kept = json.loads(partial.read_text(encoding="utf-8"))
    return kept["done"] if kept["today"] == today else {}
