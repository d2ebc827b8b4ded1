"""Recorded runs: what takes too long to run live is run whole, kept with its provenance, and refused when it is not what was recorded.

A record is a module with NAME, DATA (bundled files), SETTINGS (dicts, one an entry) and run(setting) -> rows, each with a "seed" or
a "replicate"; or -> (rows, {name: outcomes [replicate, arm, test example]}). Optional: TOLERANCE {column: largest gap} and VOLATILE
(columns that no two runs share, such as seconds), both for ``recertify``, and kind(setting), what an entry has in common with others.

results/recorded/<NAME>/ holds for each entry a table .csv, a manifest .json and, where there are outcomes, .npz; and certificates.json.
"""

from distill_helpers.course.records.certificates import recertify
from distill_helpers.course.records.files import DamagedRecord, StaleRecord, recorded_dir, slug
from distill_helpers.course.records.hashes import data_hash, entry_hash
from distill_helpers.course.records.reading import agrees, problem_of, read_outcomes, read_record, survey
from distill_helpers.course.records.recording import PROVENANCE, parse_shard, record, submit

__all__ = [
    "PROVENANCE",
    "DamagedRecord",
    "StaleRecord",
    "agrees",
    "data_hash",
    "entry_hash",
    "parse_shard",
    "problem_of",
    "read_outcomes",
    "read_record",
    "recertify",
    "record",
    "recorded_dir",
    "slug",
    "submit",
    "survey",
]
