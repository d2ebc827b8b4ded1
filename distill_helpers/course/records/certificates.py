"""Certifying a record under changed code: a slice is run again, and where it agrees the rest is believed; where not, the record is stale."""

import contextlib
import csv
import datetime
import importlib
import io
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from distill_helpers.checks import InputError, positive, whole
from distill_helpers.course.records.files import CERTIFICATES, Entry, as_text, canonical, write
from distill_helpers.course.records.moved import known_there
from distill_helpers.course.records.reading import read_certificates, stamp_of, survey
from distill_helpers.course.records.recording import PROVENANCE, at_once, run_setting, where

NEVER_COMPARED = frozenset(PROVENANCE)
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", re.IGNORECASE)


def recertify(module_names: list[str], minutes: float = 10.0, workers: int = 1, folder: Path | None = None, exact: bool = False,
              before: Path | None = None) -> dict[str, str]:  # fmt: skip
    """Run a slice of every record whose code or data have changed, and certify what agrees; {NAME: what came out}, in words.

    The slice of a record: its cheapest entry, by the seconds that were recorded, then the cheapest of each further kind (the
    module's kind(setting), else what the setting says in words) as far as ``minutes`` go for all records together. Where machine
    and versions are those of the recording, or with ``exact``, every digit must be the same; elsewhere a column may differ by the
    module's TOLERANCE. Columns that the module calls VOLATILE are left out. Where everything agrees, all entries of the record are
    certified; where something does not, its kind stays stale, and so do the kinds that were not run; what agreed is certified.
    Entries whose manifest says that they cannot be made again are certified by equal code alone, with ``before``. before: a checkout of the
    code that made the rows. Entries whose code there is the same as here, whatever modules it lies in, are certified by that alone; the
    slice of the others is run by that code too, here, and the two must give the same digits, whatever machine the rows are from.
    """
    positive("minutes", minutes)
    whole("workers", workers)
    if before is not None and not (Path(before) / "distill_helpers" / "__init__.py").exists():
        raise InputError(f"before must be a checkout of the course, but {str(before)!r} holds no distill_helpers.")
    before = before and Path(before).resolve()
    results, todo = {}, {}
    surveys = {name: survey(name, folder) for name in module_names}
    moved, named = _certify_what_only_moved(surveys, before) if before else ({}, {})
    for name, found in surveys.items():
        found.stale = [s for s in found.stale if s not in moved.get(name, ())]
        waiting = [s for s in found.stale if not found.entries[s].manifest["made"].get("unrepeatable")]
        wrong = _what_else(found, waiting)
        if CERTIFICATES in found.damaged:
            results[found.name] = f"{found.damaged[CERTIFICATES]}; delete it or `git checkout` it first"
        elif waiting:
            todo[name] = found, waiting, wrong
        else:
            results[found.name] = (_same(moved[name]) if moved.get(name) else "nothing to do") + wrong
    slices = _slices({name: (found, waiting) for name, (found, waiting, _) in todo.items()}, 60 * minutes * workers / (2 if before else 1))
    until = time.time() + 60 * minutes
    jobs = []
    for name, stems in slices.items():
        found = todo[name][0]
        entries = [(found.entries[s], {code for code, _ in _stamps_of(found, s)}) for s in stems]
        jobs.append((name, entries, until, exact, before, named.get(name, name)))
    jobs.sort(key=lambda job: -sum(_seconds(entry) for entry, _ in job[1]))
    for name, checked in at_once(_check_one_record, jobs, workers):
        found, waiting, wrong = todo[name]
        said = _certify(name, found, waiting, checked, "the code before, run here" if before else "the rows") + wrong
        results[found.name] = (_same(moved[name]) + "; " if moved.get(name) else "") + said
        print(f"{found.name}: {results[found.name]}", flush=True)
    return results


def _certify_what_only_moved(surveys, before) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Certify the stale entries whose code in the checkout ``before`` made them and is the same as today's.

    Returns {module name: their stems} and {module name: what the module that made its entries is called there}.
    """
    settings = [found.settings[s] for found in surveys.values() for s in found.stale]
    there, moved, named = known_there(before, settings) if settings else {}, {}, {}
    for name, found in surveys.items():
        if CERTIFICATES in found.damaged:
            continue
        for stem in found.stale:
            key = canonical(found.settings[stem])
            for code, data in sorted(_stamps_of(found, stem)):
                for module, today in there.get((key, code), ()):
                    named[name] = module
                    if (today, data) == (found.today[stem], found.data) and stem not in moved.setdefault(name, []):
                        moved[name].append(stem)
        if moved.get(name):
            _write_certificate(found, moved[name], "the code before: the same definitions, module names apart", [])
            print(f"{found.name}: {_same(moved[name])}", flush=True)
    return moved, named


def _same(stems) -> str:
    return f"{len(stems)} entries certified, since their code is the same as before"


def _what_else(found, waiting) -> str:
    """What recertifying cannot mend, in words."""
    never = [s for s in found.stale if s not in waiting]
    said = ""
    if never:
        reason = found.entries[never[0]].manifest["made"]["unrepeatable"]
        said += f"; {len(never)} entries cannot be made again ({reason}): `make record {found.name}`"
    if found.missing or found.damaged:
        said += f"; {len(found.missing) + len(found.damaged)} entries are missing or damaged: `make record {found.name}`"
    return said


def _stamps_of(found, stem) -> set[tuple[str, str]]:
    """(hash of code, hash of data) that made an entry, and those that were certified for it."""
    made = found.entries[stem].manifest
    stamps = [c["entries"].get(stem) for c in read_certificates(found.folder)]
    return {(made["made"]["code_hash"], made["made"]["data_hash"])} | {tuple(s[1:]) for s in stamps if s and s[0] == made["sha256"][:16]}


def _seconds(entry) -> float:
    return entry.manifest["made"]["seconds"]


def _slices(stale: dict, seconds: float) -> dict[str, list[str]]:
    """{module name: stems to run}: the cheapest entry of every record, then of all kinds of all records the cheapest, within ``seconds``."""
    chosen, others = {}, []
    for name, (found, stems) in stale.items():
        kinds = {}
        for stem in sorted(stems, key=lambda s: _seconds(found.entries[s])):
            kinds.setdefault(kind_of(name, found.settings[stem]), stem)
        first, *rest = kinds.values()
        chosen[name] = [first]
        seconds -= _seconds(found.entries[first])
        others += [(_seconds(found.entries[stem]), name, stem) for stem in rest]
    for cost, name, stem in sorted(others):
        seconds -= cost
        if seconds < 0:
            break
        chosen[name].append(stem)
    return chosen


def kind_of(module_name: str, setting: dict) -> str:
    """What an entry has in common with others: the module's kind(setting), or the setting without its numbers."""
    module = importlib.import_module(module_name)
    if hasattr(module, "kind"):
        return str(module.kind(setting))
    return canonical({k: v for k, v in setting.items() if isinstance(v, str)})


def _check_one_record(job):
    """(module name, [what came out of each entry that there was time for]); the first is always run."""
    module_name, entries, until, exact, before, named_before = job
    checked, old = [], _OldCode(before, named_before) if before else None
    for entry, codes in entries:
        if checked and time.time() + _seconds(entry) * (2 if before else 1) > until:
            continue
        try:
            reference, strict = (old.entry(entry, codes), True) if old else (entry, exact)
            checked.append(compared(module_name, reference, as_text(run_setting(module_name, entry.setting)[0]), strict))
        except Exception as error:  # one record that cannot run must not take the others with it
            checked.append({"setting": entry.setting, "exact": False, "gaps": {}, "problem": f"it raised {type(error).__name__}: {error}"})
    if old:
        old.close()
    return module_name, checked


class _OldCode:
    """A process that runs a record's settings by the code of another checkout, with as many threads as this one."""

    SCRIPT = """
import importlib, json, sys
out, sys.stdout = sys.stdout, sys.stderr
from distill_helpers.course import records
module = importlib.import_module(sys.argv[1])
if "torch" in sys.modules:
    sys.modules["torch"].set_num_threads(int(sys.argv[2]))
for line in sys.stdin:
    setting = json.loads(line)
    code = records.entry_hash(sys.argv[1], setting) if hasattr(records, "entry_hash") else records.hashes(sys.argv[1])["code_hash"]
    made = module.run(dict(setting))
    rows = [setting | dict(row) for row in (made[0] if isinstance(made, tuple) else made)]
    print(json.dumps({"code": code, "rows": rows}, default=lambda number: number.item()), file=out, flush=True)
"""

    def __init__(self, checkout, module_name):
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 (closed in close)
        paths = os.pathsep.join([str(checkout), *filter(None, [os.environ.get("PYTHONPATH")])])
        command = [sys.executable, "-c", self.SCRIPT, module_name, str(torch.get_num_threads())]
        self.process = subprocess.Popen(command, cwd=checkout, env=os.environ | {"PYTHONPATH": paths}, text=True, encoding="utf-8",
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)  # fmt: skip

    def entry(self, entry, codes) -> Entry:
        """The entry as that code makes it here. Raises RuntimeError when it fails, or its hash is not among ``codes``."""
        self.process.stdin.write(json.dumps(entry.setting) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            self.errors.seek(0)
            raise RuntimeError(f"the code before failed: {self.errors.read()[-500:]}")
        made = json.loads(answer)
        if made["code"] not in codes:
            raise RuntimeError(f"the code before ({made['code']}) is not one that made the rows ({', '.join(sorted(codes))})")
        return Entry(entry.setting, entry.manifest, as_text(made["rows"]))

    def close(self):
        """End the process."""
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def compared(module_name: str, entry, text: str, exact: bool = False) -> dict:
    """What an entry that was run again (text: its table) has to say: {setting, exact, gaps: {column: largest}, problem: None or why}."""
    module, made = importlib.import_module(module_name), entry.manifest["made"]
    tolerance, here = getattr(module, "TOLERANCE", {}), where()
    left_out = NEVER_COMPARED | set(getattr(module, "VOLATILE", ()))
    strict = exact or all(made.get(key) == here[key] for key in ("device", "torch", "python", "threads", "machine"))
    old, new = ([{c: v for c, v in row.items() if c not in left_out} for row in csv.DictReader(io.StringIO(t))] for t in (entry.text, text))
    gaps, problem = {}, None
    if len(old) != len(new):
        return {"setting": entry.setting, "exact": False, "gaps": {}, "problem": f"{len(new)} rows now, {len(old)} in the record"}
    for number, (was, is_now) in enumerate(zip(old, new, strict=True), 1):
        for column in dict.fromkeys([*was, *is_now]):
            a, b = was.get(column), is_now.get(column)
            gap = 0.0 if a == b else _gap(a, b)
            if gap == 0:
                continue
            gaps[column] = max(gaps.get(column, 0.0), gap)
            allowed = 0.0 if strict else tolerance.get(column, 0.0)
            if not gap <= allowed and problem is None:
                seed = was.get("seed", was.get("replicate", "?"))
                so = "must be the same" if strict else f"may differ by {allowed:g}"
                problem = f"{entry.setting}, row {number} (seed {seed}), column {column}: {b!r} now, {a!r} in the record; it {so}"
    return {"setting": entry.setting, "exact": not gaps, "gaps": gaps, "problem": problem}


def _gap(a, b) -> float:
    """The distance of two cells: of their numbers, where the words between those are the same; else infinite, as where one is missing."""
    if a is None or b is None or NUMBER.split(a) != NUMBER.split(b):
        return math.inf
    pairs = zip(NUMBER.findall(a), NUMBER.findall(b), strict=True)
    return max((abs(float(x) - float(y)) for x, y in pairs), default=0.0)


def _write_certificate(found, stems, compared_with, compared, worst=None) -> None:
    """Add a certificate for these entries to those of the record."""
    certificate = {
        "date": datetime.date.today().isoformat(), **where(), "compared_with": compared_with, "slice": compared, "largest_gap": worst or {},
        "entries": {s: stamp_of(found.entries[s], found.today[s], found.data) for s in stems},
    }  # fmt: skip
    kept = read_certificates(found.folder)
    write(found.folder / CERTIFICATES, json.dumps([*kept, certificate], ensure_ascii=False, indent=1) + "\n")


def _certify(module_name, found, waiting, checked, compared_with) -> str:
    """Write the certificate for what agreed, beside those before it; what came out, in words."""
    failed = [c for c in checked if c["problem"]]
    kinds = {kind_of(module_name, c["setting"]): bool(c["problem"]) for c in checked}
    good = [s for s in waiting if not failed or kinds.get(kind_of(module_name, found.settings[s])) is False]
    agreed = [c for c in checked if not c["problem"]]
    worst = {}
    for one in agreed:
        for column, gap in one["gaps"].items():
            worst[column] = max(worst.get(column, 0.0), gap)
    if good:
        _write_certificate(found, good, compared_with, [{"setting": c["setting"], "exact": c["exact"]} for c in agreed], worst)
    exact = "to the last digit" if not worst else "within tolerance, at most " + ", ".join(f"{g:.3g} in {c}" for c, g in worst.items())
    said = f"{len(agreed)} entries run again agree {exact}; {len(good)} of {len(waiting)} certified" if agreed else "nothing agrees"
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        said += f". STALE: {failed[0]['problem']}{more}; {len(waiting) - len(good)} entries stay stale: `make record {found.name}`"
    return said

