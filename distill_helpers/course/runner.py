"""Running the notebooks: python -m distill_helpers.course.runner sync | check | course | record [NN ...]"""

import argparse
import csv
import importlib
import os
import pkgutil
import sys
import tempfile
import time
from pathlib import Path

from nbclient.exceptions import CellExecutionError, CellTimeoutError

from distill_helpers.course import recorded, sync
from distill_helpers.course.paths import repository
from distill_helpers.course.records import record
from distill_helpers.course.verdicts import forget_verdicts

FIELDS = ("notebook", "seconds", "probe_s", "cpus", "device")


def main(arguments=None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="runner", description=__doc__)
    parser.add_argument("command", choices=("sync", "check", "course", "record"))
    parser.add_argument("numbers", nargs="*", metavar="NN", help="notebook numbers; all by default")
    given = parser.parse_args(arguments)
    os.environ["DISTILL_UNATTENDED"] = "1"
    return {"sync": run_sync, "check": run_check, "course": run_course, "record": run_record}[given.command](given.numbers)


def run_sync(numbers) -> int:
    """Execute the notebooks named, or those that have drifted from their sources."""
    chosen = sync.sources(numbers)
    for source in chosen if numbers else [s for s in chosen if sync.drifted(s)]:
        begun = time.perf_counter()
        problem = _attempt(source, lambda s=source: sync.sync(s))
        if problem:
            return 1
        print(f"{source.stem}: written in {time.perf_counter() - begun:.0f} s", flush=True)
    return run_check(numbers)


def run_check(numbers) -> int:
    """Say which notebooks have drifted from their sources."""
    problems = [why for source in sync.sources(numbers) if (why := sync.drifted(source))]
    for why in problems:
        print(f"{why}; run `make sync`")
    return 1 if problems else 0


def run_course(numbers) -> int:
    """Run the notebooks unattended from cold caches; refresh results/verdicts.json and results/timings.csv."""
    results = repository() / "results"
    os.environ["DISTILL_RESULTS"] = str(results)
    rows = read_timings(results / "timings.csv")
    chosen = sync.sources(numbers)
    for number, source in enumerate(chosen, 1):
        forget_verdicts(results, source.stem[:2])  # a claim that is no longer judged leaves no row behind
        with tempfile.TemporaryDirectory() as cold:
            os.environ["DISTILL_CACHE"] = cold
            probe, begun = machine_probe(), time.perf_counter()
            if _attempt(source, lambda s=source: sync.execute(sync.from_source(s))):
                return 1
            seconds = time.perf_counter() - begun
        rows[source.stem] = dict(notebook=source.stem, seconds=f"{seconds:.1f}", probe_s=f"{probe:.3f}", cpus=os.cpu_count(), device=_device())
        print(f"[{number}/{len(chosen)}] {source.stem}: {seconds:.0f} s", flush=True)
        write_timings(results / "timings.csv", rows)
    from distill_helpers.course.ledger import ledger

    counts = ledger(results)["verdict"].value_counts()
    print("Verdicts: " + ", ".join(f"{n} {verdict}" for verdict, n in counts.items()))
    return 0


def run_record(numbers) -> int:
    """Make the recorded runs of the notebooks named, from cold."""
    names = [f"{recorded.__name__}.{m.name}" for m in pkgutil.iter_modules(recorded.__path__)]
    chosen = [n for n in names if not numbers or n.rpartition(".nb")[2][:2] in numbers]
    if not chosen:
        known = ", ".join(sorted({n.rpartition(".nb")[2][:2] for n in names}))
        print(f"no recorded run belongs to {' '.join(numbers)}; there are some for {known}")
        return 1
    for name in chosen:
        importlib.import_module(name)
        with tempfile.TemporaryDirectory() as cold:
            os.environ["DISTILL_CACHE"] = cold
            begun = time.perf_counter()
            path = record(name, workers=1 if _device() == "cuda" else os.cpu_count())
            print(f"wrote {path.name} in {(time.perf_counter() - begun) / 60:.1f} minutes", flush=True)
    return 0


def machine_probe() -> float:
    """Seconds for a fixed piece of work like a training step: how fast this machine is just now, best of three."""
    import torch

    a, best = torch.ones(512, 512), float("inf")
    for _ in range(3):
        begun = time.perf_counter()
        for _ in range(150):
            (a @ a).relu_().sum()
        best = min(best, time.perf_counter() - begun)
    return best


def read_timings(path: Path) -> dict[str, dict]:
    """{notebook: row} of the committed timings."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {row["notebook"]: row for row in csv.DictReader(file)}


def write_timings(path: Path, rows: dict[str, dict]) -> None:
    """Write the timings in order of notebooks."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[name] for name in sorted(rows))


def _attempt(source: Path, action) -> bool:
    """Run ``action``; on a failing cell say notebook, cell and error. Returns True when it failed."""
    try:
        action()
    except (CellExecutionError, CellTimeoutError) as error:
        print(f"{source.stem} failed: {_where(source, error)}\n{str(error)[-1500:]}", file=sys.stderr, flush=True)
        return True
    return False


def _where(source: Path, error) -> str:
    for number, cell in enumerate(sync.from_source(source).cells):
        if cell.cell_type == "code" and cell.source.strip() and cell.source in str(error):
            return f"cell {number} (`{cell.source.strip().splitlines()[0]}`)"
    return "a cell"


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


if __name__ == "__main__":
    sys.exit(main())
