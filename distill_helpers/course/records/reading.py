"""Reading a record back: everything that was recorded and nothing else, made or certified by today's code, or an error that says why."""

import csv
import importlib
import io
import json
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from distill_helpers.course.records.files import CERTIFICATES, DamagedRecord, StaleRecord, read_entry, recorded_dir, slug, strangers, unpack
from distill_helpers.course.records.hashes import data_hash, entry_hash


@dataclass
class Survey:
    """What there is of a record. entries: {stem: Entry} that are whole, stale ones among them. today: {stem: code hash}, data: data hash.

    missing, stale: stems. damaged: {stem: why}. foreign: names of files. certified: {stem: date} of entries made by other code that
    today's was found to agree with.
    """

    name: str
    folder: Path
    settings: dict
    today: dict
    data: str
    entries: dict = field(default_factory=dict)
    missing: list = field(default_factory=list)
    stale: list = field(default_factory=list)
    damaged: dict = field(default_factory=dict)
    foreign: list = field(default_factory=list)
    certified: dict = field(default_factory=dict)


def survey(module_name: str, folder: Path | None = None) -> Survey:
    """Look at every file of a record; raises nothing for what it finds, InputError for a module that is no record."""
    module = importlib.import_module(module_name)
    settings = {slug(s): s for s in module.SETTINGS}
    today = {stem: entry_hash(module_name, s) for stem, s in settings.items()}
    found = Survey(module.NAME, (folder or recorded_dir()) / module.NAME, settings, today, data_hash(module_name))
    found.foreign = strangers(found.folder, module.SETTINGS)
    try:
        certificates = read_certificates(found.folder)
    except DamagedRecord as error:
        certificates, found.damaged[CERTIFICATES] = [], str(error)
    for stem, setting in settings.items():
        try:
            entry = read_entry(found.folder, module.NAME, setting)
        except DamagedRecord as error:
            found.damaged[stem] = str(error)
            continue
        if entry is None:
            found.missing.append(stem)
            continue
        found.entries[stem] = entry
        made = entry.manifest["made"]
        if (made["code_hash"], made["data_hash"]) == (today[stem], found.data):
            continue
        stamp = stamp_of(entry, today[stem], found.data)
        dates = [c["date"] for c in certificates if c["entries"].get(stem) == stamp]
        if dates:
            found.certified[stem] = dates[-1]
        else:
            found.stale.append(stem)
    return found


def stamp_of(entry, code: str, data: str) -> list[str]:
    """What a certificate says of an entry: which table, and the code and data that agree with it."""
    return [entry.manifest["sha256"][:16], code, data]


def read_certificates(folder: Path) -> list[dict]:
    """The certificates of a record, oldest first. Raises DamagedRecord when the file cannot be read."""
    path = folder / CERTIFICATES
    if not path.exists():
        return []
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if not all(isinstance(c["entries"], dict) and isinstance(c["date"], str) for c in kept):
            raise ValueError("an entry is no certificate")
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedRecord(f"{CERTIFICATES} cannot be read ({error})") from None
    return kept


def whole_record(module_name: str, folder: Path | None = None) -> Survey:
    """The survey of a record that can be read. Raises DamagedRecord or StaleRecord, which say what is wrong and what to do."""
    found = survey(module_name, folder)
    anew = f"`make record {found.name}` makes what is not right anew, and leaves the rest"
    if found.foreign:
        raise DamagedRecord(f"{found.name}: {_some(found.foreign)} belongs to no setting of the record; delete it, or enter its setting again.")
    if found.damaged:
        what, why = next(iter(found.damaged.items()))
        more = f", and {len(found.damaged) - 1} more" if len(found.damaged) > 1 else ""
        do = f"`git checkout` it, or delete it and run `make recertify {found.name}`" if what == CERTIFICATES else f"`git checkout` it, or {anew}"
        raise DamagedRecord(f"{found.name} is damaged: {why}{more}; {do}.")
    if found.missing:
        count = f"{len(found.missing)} of {len(found.settings)} entries"
        raise StaleRecord(f"{found.name} is not complete: {count} are not there ({_some(found.missing)}); {anew}.")
    if found.stale:
        entries = [found.entries[s] for s in found.stale]
        what = "data" if any(e.manifest["made"]["data_hash"] != found.data for e in entries) else "code"
        count = f"{len(found.stale)} of {len(found.settings)} entries"
        raise StaleRecord(f"{found.name} was made by other {what} than today's ({count}: {_some(found.stale)}); `make recertify {found.name}` "
                          f"finds out whether its numbers still stand, and `make record {found.name}` makes those entries anew.")  # fmt: skip
    return found


def problem_of(module_name: str, folder: Path | None = None) -> str | None:
    """Why a record cannot be read, None where it can. A module that cannot be imported is such a reason as well."""
    try:
        importlib.import_module(module_name)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        name = module_name.removeprefix("distill_helpers.course.lessons.")
        return f"{name} cannot be imported: {type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno})"
    try:
        whole_record(module_name, folder)
    except StaleRecord as error:
        return str(error)
    return None


def read_record(module_name: str, folder: Path | None = None):
    """The recorded table, as a DataFrame, in the order of the settings; the last column says since when other code's rows are certified.

    Raises StaleRecord when entries are missing, or were made by other code or data than today's and are not certified, and
    DamagedRecord when a file is not what was written: rows missing or doubled, a number edited, a file too many.
    """
    import pandas as pd

    found = whole_record(module_name, folder)
    rows, columns, certified = [], {}, []
    for stem in found.settings:
        for row in csv.DictReader(io.StringIO(found.entries[stem].text)):
            columns |= dict.fromkeys(row)
            rows.append(row)
            certified.append(found.certified.get(stem, ""))
    joined = io.StringIO()  # read as one text, so that a column has one type whatever the entries
    writer = csv.DictWriter(joined, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    joined.seek(0)
    return pd.read_csv(joined).assign(certified=certified)


def read_outcomes(module_name: str, folder: Path | None = None) -> list[tuple[dict, dict]]:
    """[(setting, {name: array [replicate, arm, test example]})], in the order of the settings; {} for an entry that has none.

    Raises as ``read_record`` does.
    """
    found = whole_record(module_name, folder)
    outcomes = []
    for stem, setting in found.settings.items():
        packed = unpack((found.folder / f"{stem}.npz").read_bytes()) if found.entries[stem].manifest["outcomes"] else {}
        outcomes.append((setting, packed))
    return outcomes


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


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
