"""docs/extending.md: its files, put where it says in a copy of the repository, do what it says."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from distill_helpers.course.paths import repository

ROOT = repository()
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = [(match[1], match[2]) for match in re.finditer(r"^```python\n# (\S+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)]
IMPORT = re.compile(r"^from distill_helpers\.strategies[^(\n]* import (\(.*?^\)|[^(\n]+)\n", re.MULTILINE | re.DOTALL)
HASHES = """
import importlib, json
from distill_helpers.course.records.hashes import entry_hash
from distill_helpers.course.runner import records_of_lessons
found = {}
for name in records_of_lessons():
    settings = importlib.import_module(name).SETTINGS
    for setting in settings if "tournament" in name else (settings[0], settings[-1]):
        found[f"{name} {setting}"] = entry_hash(name, setting)
print(json.dumps(found))
"""


def runs(folder, *command):
    """What a Python of its own prints, with the package of ``folder``."""
    environment = {k: v for k, v in os.environ.items() if k != "DISTILL_CACHE"} | {"PYTHONPATH": str(folder), "DISTILL_UNATTENDED": "1"}
    done = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The repository with what the page adds to it."""
    folder = tmp_path_factory.mktemp("course")
    left_out = shutil.ignore_patterns("__pycache__", ".pytest_cache")
    for name in ("distill_helpers", "tests", "docs", "results", "notebooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=left_out)
    for name in ("README.md", "pyproject.toml", "requirements.txt", "Makefile", "environment.yml", "CITATION.cff"):
        shutil.copy(ROOT / name, folder / name)
    for path, code in BLOCKS:
        file = folder / path
        if not file.exists():
            file.write_text(code, encoding="utf-8")
            continue
        text = file.read_text(encoding="utf-8")
        for line in filter(None, code.splitlines()):
            if line.startswith("from "):
                end = list(IMPORT.finditer(text))[-1].end()
                text = text[:end] + line + "\n" + text[end:]
            else:
                end = re.search(r"^}(  # fmt: skip)?$", text[text.index("ENTRIES = {") :], re.MULTILINE).start() + text.index("ENTRIES = {")
                text = text[:end] + "    " + line + "\n" + text[end:]
        file.write_text(text, encoding="utf-8")
    return folder


def test_the_page_adds_what_it_says():
    """Each strategy is one file and one line."""
    paths = [path for path, _ in BLOCKS]
    files = [path for path in paths if not (ROOT / path).exists()]
    assert len(files) == 5 and len(set(files)) == 5
    lines = [code.strip() for path, code in BLOCKS if path == "distill_helpers/strategies/__init__.py"]
    assert len(lines) == 2 and all("\n" not in line for line in lines)


def test_the_strategies_are_sound_and_entered(copy):
    runs(copy, "-m", "distill_helpers.course.runner", "texts")
    table = (copy / "docs" / "strategies.md").read_text(encoding="utf-8")
    assert "| TTM | `TransformedTeacher` | Zheng & Yang, ICLR 2024 |" in table and "`ReusedHead`" in table
    chosen = "TransformedTeacher or ReusedHead or follow_the_task or entered_or_excused or examined_or_excused or as_it_is_drawn or transformed"
    names = ("strategies/test_every_strategy.py", "strategies/test_task.py", "strategies/test_strategy_table.py", "course/test_tournament.py")
    files = [f"tests/{name}" for name in names]
    said = runs(copy, "-m", "pytest", "-v", "-p", "no:cacheprovider", *files, "-k", chosen)
    assert int(re.search(r"(\d+) passed", said)[1]) == 14 and "failed" not in said


def test_the_test_by_hand_passes_and_finds_its_faults(copy):
    said = runs(copy, "-m", "pytest", "-v", "-p", "no:cacheprovider", "tests/strategies/test_reused_head.py")
    assert int(re.search(r"(\d+) passed", said)[1]) == 3 and "failed" not in said


def test_no_record_becomes_stale_and_the_new_entry_is_all_there_is_to_make(copy):
    """Two of the entries of each record, and all of the tournament's; an entry's hash says whether its rows still stand."""
    before, after = (json.loads(runs(folder, "-c", HASHES)) for folder in (ROOT, copy))
    assert len(before) > 100 and {name: after.get(name) for name in before} == before
    new = set(after) - set(before)
    assert len(new) == 2 and all("transformed teacher" in name for name in new)  # its race, and what it costs


def test_the_pool_goes_where_a_pool_goes(copy):
    said = runs(copy, "use.py")
    assert "labels" in said and "soft" in said and "[" in said


POOL = """
import torch
from waves import Waves
pool = Waves(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0, 0, 1]), 2)
view, index = torch.tensor([0, 1]), torch.tensor([2, 2])
assert pool.views == 4 and pool.inputs(view, index).shape == (2, 32) and not torch.equal(*pool.inputs(view, index))
part = pool.subset([2, 0])
assert len(part) == 2 and part.labels.tolist() == [1, 0] and torch.equal(part.inputs(view[:1], index[:1] * 0), pool.inputs(view[:1], index[:1]))
assert pool.fingerprint != Waves(pool.frequency, pool.labels, 2, views=3).fingerprint != part.fingerprint
"""


def test_the_pool_is_a_pure_function_with_subsets_and_a_fingerprint(copy):
    runs(copy, "-c", POOL)
