"""Running the notebooks: python -m distill_helpers.course.runner sync | check | course | texts | record | recertify [NN ...]"""

import argparse
import contextlib
import csv
import importlib
import io
import os
import pkgutil
import sys
import tempfile
import time
from pathlib import Path

from nbclient.exceptions import CellExecutionError, CellTimeoutError

from distill_helpers.checks import InputError, one_of
from distill_helpers.course import lessons, sync
from distill_helpers.course.catalogue import LESSONS
from distill_helpers.course.paths import repository
from distill_helpers.course.records import parse_shard, problem_of, recertify, record, submit
from distill_helpers.course.records.files import write
from distill_helpers.course.speed import children_seconds, machine_probe
from distill_helpers.course.store import forget_rows, locked

FIELDS = ("notebook", "seconds", "processor_s", "probe_s", "cpus", "device")


def main(arguments=None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="runner", description=__doc__)
    parser.add_argument("command", choices=("sync", "check", "course", "texts", "record", "recertify"))
    parser.add_argument("numbers", nargs="*", metavar="NN", help="notebook numbers, for records their names as well; all by default")
    given = parser.parse_args(arguments)
    os.environ["DISTILL_UNATTENDED"] = "1"
    commands = {"sync": run_sync, "check": run_check, "course": run_course, "texts": run_texts, "record": run_record, "recertify": run_recertify}
    return commands[given.command](given.numbers)


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
    """Say which notebooks have drifted from their sources, and which records are stale, missing or damaged. Nothing is run."""
    drifted = [f"{why}; run `make sync`" for source in sync.sources(numbers) if (why := sync.drifted(source))]
    named = records_of_lessons()
    stale = [why for name, called in named.items() if (not numbers or called & set(numbers)) and (why := problem_of(name))]
    for why in (*drifted, *stale):
        print(why)
    print(f"{len(drifted) + len(stale)} of the notebooks and records asked for have drifted, are stale, missing or damaged")
    return 1 if drifted or stale else 0


def run_course(numbers) -> int:
    """Run the notebooks unattended from cold caches; refresh results/verdicts.json and results/timings.csv.

    A row of timings: seconds on the wall and of the processor, and ``probe_s``, processor seconds of a fixed piece of work just before.
    """
    results = repository() / "results"
    os.environ["DISTILL_RESULTS"] = str(results)
    chosen = sync.sources(numbers)
    for number, source in enumerate(chosen, 1):
        for kind in ("verdicts", "findings"):  # what is no longer judged or found leaves no row behind
            forget_rows(results, kind, source.stem[3:])
        with tempfile.TemporaryDirectory() as cold:
            os.environ["DISTILL_CACHE"] = cold
            (_, probe), begun, spent = machine_probe(), time.perf_counter(), children_seconds()
            if _attempt(source, lambda s=source: sync.execute(sync.from_source(s))):
                return 1
            seconds, processor = time.perf_counter() - begun, children_seconds() - spent
        row = dict(notebook=source.stem, seconds=f"{seconds:.1f}", processor_s=f"{processor:.1f}", probe_s=f"{probe:.3f}",
                   cpus=os.cpu_count(), device=_device())  # fmt: skip
        print(f"[{number}/{len(chosen)}] {source.stem}: {seconds:.0f} s", flush=True)
        update_timings(results / "timings.csv", row)
    from distill_helpers.course.ledger import ledger

    counts = ledger(results)["verdict"].value_counts()
    print("Verdicts: " + ", ".join(f"{n} {verdict}" for verdict, n in counts.items()))
    return 0


def run_texts(numbers) -> int:
    """Draw the figures in README and the log anew from results/findings.json and results/verdicts.json, and the table of strategies."""
    from distill_helpers.course.strategy_table import refresh_table
    from distill_helpers.course.texts import refresh_pages

    for page in refresh_pages() + refresh_table():
        print(f"{page.name}: drawn anew")
    return 0


def run_record(numbers) -> int:
    """Make what is missing, damaged or stale in the recorded runs of the notebooks named.

    From the environment: FRESH=1 makes all of it anew; SHARD=i/n takes every n-th entry, from i on; SLURM=n submits n such shards.
    """
    chosen = recorded_runs(numbers)
    try:
        shard, fresh, tasks = parse_shard(os.environ.get("SHARD")), _switched_on("FRESH"), os.environ.get("SLURM")
        if tasks and not tasks.isdecimal():
            raise InputError(f"SLURM must be a whole number of tasks, but {tasks!r} was given.")
        for name in chosen if tasks else ():
            print(f"{name}: submitted {', '.join(str(job.job_id) for job in submit(name, int(tasks)))}", flush=True)
        for name in () if tasks else chosen:
            with tempfile.TemporaryDirectory() as cold:
                os.environ["DISTILL_CACHE"] = cold
                begun = time.perf_counter()
                path = record(name, workers=_workers(), shard=shard, fresh=fresh)
                print(f"{path.name}: finished in {(time.perf_counter() - begun) / 60:.1f} minutes", flush=True)
    except InputError as error:
        print(error)
        return 1
    return 0 if chosen else 1


def run_recertify(numbers) -> int:
    """Run a slice of each record whose code or data have changed, and certify what agrees; 1 where something does not.

    From the environment: MINUTES (10) for all of them together; EXACT=1 asks for every digit, on any machine; BEFORE=folder holds
    the code that made the rows, and is run beside today's.
    """
    chosen = recorded_runs(numbers)
    try:
        minutes = float(os.environ.get("MINUTES") or 10)
        with tempfile.TemporaryDirectory() as cold:
            os.environ["DISTILL_CACHE"] = cold
            recertify(chosen, minutes, _workers(), exact=_switched_on("EXACT"), before=os.environ.get("BEFORE") or None)
    except ValueError as error:
        print(error)
        return 1
    problems = [why for name in chosen if (why := problem_of(name))]
    print("\n".join([*problems, f"{len(chosen) - len(problems)} of {len(chosen)} records can be read"]))
    return 1 if problems or not chosen else 0


def recorded_runs(wanted) -> list[str]:
    """The modules of the recorded runs wanted, all by default: by notebook number, lesson or record; says so where there are none."""
    names = records_of_lessons()
    chosen = [n for n, called in names.items() if not wanted or called & set(wanted)]
    if not chosen:
        known = ", ".join(sorted({number for called in names.values() for number in called if number.isdigit()}))
        print(f"no recorded run belongs to {' '.join(wanted)}; there are some for {known}")
    return chosen


def records_of_lessons() -> dict[str, set[str]]:
    """{module of a recorded run: what it may be called by}: its notebook's number, its lesson's name, its own. In the course's order."""
    found = {}
    for lesson in LESSONS:
        with contextlib.suppress(ModuleNotFoundError):
            package = importlib.import_module(f"{lessons.__name__}.{lesson.name}")
            for module in pkgutil.iter_modules(package.__path__):
                if module.name.startswith("records_"):
                    record_name = f"{lesson.name}_{module.name.removeprefix('records_')}"
                    found[f"{package.__name__}.{module.name}"] = {lesson.number, lesson.name, record_name}
    return found


def _switched_on(name: str) -> bool:
    value = os.environ.get(name, "")
    one_of(name, value, ("", "0", "1"))
    return value == "1"


def _workers() -> int:
    """Processes that make a record: WORKERS, or as many as there are cores, one where a GPU trains."""
    given = os.environ.get("WORKERS", "")
    if given and not (given.isdecimal() and int(given)):
        raise InputError(f"WORKERS must be a whole number of at least 1, but {given!r} was given.")
    return int(given) if given else 1 if _device() == "cuda" else os.cpu_count()


def read_timings(path: Path) -> dict[str, dict]:
    """{notebook: row} of the committed timings; a number that was not measured is an empty string."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {row["notebook"]: {name: row.get(name) or "" for name in FIELDS} for row in csv.DictReader(file)}


def write_timings(path: Path, rows: dict[str, dict]) -> None:
    """Write the timings in order of notebooks, whole or not at all."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows[name] for name in sorted(rows))
    write(path, text.getvalue())


def update_timings(path: Path, row: dict) -> None:
    """Put one notebook's row in its place; the rows that other processes write meanwhile stay."""
    with locked(path):
        write_timings(path, read_timings(path) | {row["notebook"]: row})


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
