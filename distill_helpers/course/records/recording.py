"""Making a record: each entry by itself, in this process, in several, or as a task array; what is there and right is not run again."""

import contextlib
import importlib
import platform
import time
from functools import lru_cache
from pathlib import Path

import torch

from distill_helpers.checks import InputError, whole
from distill_helpers.course.records.files import as_text, recorded_dir, sha256, slug, write_entry
from distill_helpers.course.records.reading import survey

PROVENANCE = ("seconds", "device", "torch", "python", "threads", "code_hash", "data_hash")


def record(module_name: str, folder: Path | None = None, workers: int = 1, shard: tuple[int, int] | None = None, fresh: bool = False) -> Path:
    """Run the entries that are missing, damaged, or made by other code or data and not certified; returns the record's folder.

    Each is written as soon as it is finished, so an interrupted recording goes on with the next call. fresh: first delete the
    entries, and so run all. workers: entries that run at once, each in a process of one thread; small nets use two cores better
    so. shard (i, n): entries i, i + n, i + 2n, ... only. "seconds" is what one entry took in its process.
    """
    whole("workers", workers)
    module = importlib.import_module(module_name)
    folder = folder or recorded_dir()
    mine = shard_of(module.SETTINGS, shard)
    if fresh:
        for setting in mine:
            for kind in ("json", "csv", "npz"):
                (folder / module.NAME / f"{slug(setting)}.{kind}").unlink(missing_ok=True)
    found = survey(module_name, folder)
    waiting = {*found.missing, *found.stale, *found.damaged}
    todo = [s for s in mine if slug(s) in waiting]
    if found.stale and not fresh:
        print(f"{module.NAME}: {len(found.stale)} entries were made by other code or data; `make recertify` may show that they still stand")
    jobs = [(module_name, s, folder, found.today[slug(s)], found.data) for s in todo]
    for done, (setting, seconds) in enumerate(at_once(_make_one, jobs, workers), len(mine) - len(todo) + 1):
        print(f"[{done}/{len(mine)}] {module.NAME} {setting}: {seconds:.1f} s", flush=True)
    return folder / module.NAME


def shard_of(settings: list, shard: tuple[int, int] | None) -> list:
    """Settings i, i + n, i + 2n, ... of shard (i, n); all of them without one. Raises InputError unless 0 <= i < n."""
    if shard is None:
        return list(settings)
    number, count = shard
    whole("shard's n", count)
    whole("shard's i", number, 0)
    if number >= count:
        raise InputError(f"shard must be i/n with i from 0 to n - 1, but {number}/{count} was given.")
    return list(settings)[number::count]


def parse_shard(text: str | None) -> tuple[int, int] | None:
    """(i, n) of "i/n"; None for nothing. Raises InputError for anything else."""
    if not text:
        return None
    parts = text.split("/")
    if len(parts) != 2 or not all(p.strip().isdecimal() for p in parts):
        raise InputError(f"SHARD must be i/n with whole numbers, i from 0 to n - 1, for example 0/4, but {text!r} was given.")
    shard = int(parts[0]), int(parts[1])
    shard_of([], shard)
    return shard


def submit(module_name: str, shards: int, folder: Path | None = None, executor=None) -> list:
    """Hand the record to a cluster as an array of ``shards`` tasks and return the jobs, without waiting for them.

    executor: anything with submitit's ``map_array``; by default Slurm's, one core a task. Raises InputError without submitit.
    """
    whole("shards", shards)
    executor = executor or _slurm()
    return executor.map_array(_run_shard, [module_name] * shards, [folder] * shards, [(i, shards) for i in range(shards)])


def _slurm():
    try:
        import submitit
    except ImportError:
        raise InputError("records on a cluster need submitit; install it with `pip install submitit`, or run SHARD=i/n by hand.") from None
    executor = submitit.AutoExecutor(folder=".cache/submitit", cluster="slurm")
    executor.update_parameters(name="record", cpus_per_task=1, timeout_min=24 * 60)
    return executor


def _run_shard(module_name, folder, shard):
    torch.set_num_threads(1)
    return str(record(module_name, folder, shard=shard))


def at_once(function, jobs: list, workers: int):
    """function(job) of each job, as they are finished; with several workers each is a fresh process of one thread."""
    if workers == 1 or not jobs:
        yield from map(function, jobs)
        return
    try:
        import joblib
        from joblib.externals.loky import get_reusable_executor
    except ImportError:
        raise InputError("several workers need joblib; install it with `pip install joblib`, or use one worker.") from None
    # other processes may hold what an earlier record left in them
    get_reusable_executor().shutdown(wait=True)
    try:
        with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
            parallel = joblib.Parallel(n_jobs=min(workers, len(jobs)), batch_size=1, pre_dispatch="n_jobs", return_as="generator_unordered")
            yield from parallel(joblib.delayed(_on_one_thread)(function, job) for job in jobs)
    finally:
        with contextlib.suppress(Exception):
            get_reusable_executor().shutdown(wait=True)


def _on_one_thread(function, job):
    torch.set_num_threads(1)
    return function(job)


def _make_one(job):
    module_name, setting, folder, code, data = job
    rows, outcomes, seconds = run_setting(module_name, setting)
    made = {"seconds": seconds} | where() | {"code_hash": code, "data_hash": data}
    text = as_text([row | {key: made[key] for key in PROVENANCE} for row in rows])
    write_entry(folder / importlib.import_module(module_name).NAME, importlib.import_module(module_name).NAME, setting, text, made, outcomes)
    return setting, seconds


def run_setting(module_name: str, setting: dict):
    """(rows, each with its setting; outcomes or {}; seconds) of one entry. Raises InputError when run gives no rows, or rows without a seed."""
    begun = time.perf_counter()
    made = importlib.import_module(module_name).run(dict(setting))
    rows, outcomes = made if isinstance(made, tuple) else (made, {})
    rows = [dict(row) for row in rows]
    if not rows or not all("seed" in row or "replicate" in row for row in rows):
        raise InputError(f"run({setting}) of {module_name} must give rows, each with a seed or a replicate, but it gave {rows[:2]!r}.")
    return [setting | row for row in rows], outcomes, round(time.perf_counter() - begun, 2)


def where() -> dict:
    """The machine and the versions that numbers are made by."""
    return {"device": "cuda" if torch.cuda.is_available() else "cpu", "torch": torch.__version__.split("+")[0],
            "python": platform.python_version(), "threads": torch.get_num_threads(), "machine": machine()}  # fmt: skip


@lru_cache(maxsize=1)
def machine() -> str:
    """The accelerator's name, or the processor's with six hex digits of what it can do: other instructions give other last digits."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    name, told = platform.processor() or platform.machine(), ""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n\n")[0].splitlines()
        facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        name = facts.get("model name", name)
        told = " ".join(facts.get(key, "") for key in ("cpu family", "model", "stepping", "flags"))
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}, {sha256(told)[:6]}"
