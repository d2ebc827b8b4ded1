"""Code that moves: what determines an entry is known by what it says and leads to, never by the module it lies in."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from distill_helpers.course import runner

PACKAGE = Path(runner.__file__).parents[1]
RECORD = """
from distill_helpers.course.toy_regime import ARMS, GAIN
from distill_helpers.strategies.toy_share import share as shared
from math import sqrt as root
NAME, DATA = "toy", []
SETTINGS = [{"arm": arm} for arm in ("plain", "squared")]

def run(setting):
    with open("ran", "a") as file:
        print(setting["arm"], file=file)
    return [{"seed": s, "score": root(shared(ARMS[setting["arm"]](s + 2) * GAIN))} for s in range(2)]
"""
REGIME = """
from distill_helpers.strategies.toy_share import share
GAIN = 2.0
ARMS = {"plain": lambda size: size, "squared": lambda size: share(size) ** 2}
"""
SHARE = """
HALF = 0.5
OTHER = 0.25

def share(x):
    return x * HALF

def other(x):
    return x * OTHER
"""
FILES = {"course/lessons/first/__init__.py": "", "course/lessons/first/records_toy.py": RECORD, "course/toy_regime.py": REGIME,
         "strategies/toy_share.py": SHARE}  # fmt: skip
NAME = "distill_helpers.course.lessons.first.records_toy"
CALL = """
import json, sys
from pathlib import Path
from distill_helpers.course import records
assert records.__file__.startswith(sys.argv[1])
name, folder = sys.argv[2:4]
what = sys.argv[4]
if what == "record":
    records.record(name, Path(folder))
elif what == "hashes":
    print(json.dumps([records.entry_hash(name, {"arm": arm}) for arm in ("plain", "squared")]))
else:
    said = records.recertify([name], folder=Path(folder), before=Path(what))
    print(json.dumps([said["toy"], records.problem_of(name, Path(folder))]))
"""


class Checkout:
    """A copy of the package with a record of two arms in it."""

    def __init__(self, place: Path, record: str, there: bool = False):
        self.place, self.record, self.root = place, record, place / "distill_helpers"
        if there:
            return
        shutil.copytree(PACKAGE, self.root, ignore=shutil.ignore_patterns("__pycache__", "bundled"))
        for name, text in FILES.items():
            self.file(name).parent.mkdir(exist_ok=True)
            self.file(name).write_text(text)

    def file(self, name: str) -> Path:
        return self.root / name

    def move(self, old: str, new: str):
        """Move a module and mend the imports of it."""
        self.file(new).parent.mkdir(parents=True, exist_ok=True)
        (self.file(new).parent / "__init__.py").touch()
        self.file(old).rename(self.file(new))
        was, now = (name.removesuffix(".py").replace("/", ".") for name in (old, new))
        for path in self.root.rglob("*toy*.py"):
            path.write_text(path.read_text().replace(was, now))
        self.record = self.record.replace(was, now)

    def change(self, name: str, old: str, new: str):
        text = self.file(name).read_text()
        assert old in text
        self.file(name).write_text(text.replace(old, new))

    def call(self, folder: Path, what: str):
        command = [sys.executable, "-c", CALL, str(self.place), self.record, str(folder), what]
        environment = os.environ | {"PYTHONPATH": str(self.place), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd=self.place, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1]) if what != "record" else None

    def ran(self) -> list[str]:
        """The arms run here since the last look."""
        path = self.place / "ran"
        found = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return found


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A place with records that an old checkout made, whose rule for hashes is another."""
    place = tmp_path_factory.mktemp("made")
    old = Checkout(place / "old", NAME)
    old.change("course/records/hashes.py", "shortened, below))[:16]", "shortened, below))[16:32]")
    old.call(place / "recorded", "record")
    old.ran()
    return place


@pytest.fixture
def moved(tmp_path, made):
    """(the old checkout; today's, where every file has moved; the records)."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    old, new, folder = Checkout(tmp_path / "old", NAME, there=True), Checkout(tmp_path / "new", NAME), tmp_path / "recorded"
    new.move("course/lessons/first/records_toy.py", "course/lessons/second/records_toy.py")
    new.move("course/toy_regime.py", "course/regimes/toy_of_all.py")
    new.move("strategies/toy_share.py", "strategies/outputs_of_toys/toy_share.py")
    return old, new, folder


def kept(folder: Path) -> list[dict]:
    return json.loads((folder / "toy" / "certificates.json").read_text())


def test_code_that_only_moved_is_certified_without_a_run(moved):
    old, new, folder = moved
    said, problem = new.call(folder, str(old.place))
    assert said == "2 entries certified, since their code is the same as before" and problem is None
    (certificate,) = kept(folder)
    assert certificate["compared_with"].startswith("the code before: the same definitions") and certificate["slice"] == []
    assert len(certificate["entries"]) == 2 and not old.ran() and not new.ran()


def test_a_definition_may_move_to_another_file(moved):
    old, new, folder = moved
    share, regime = "strategies/outputs_of_toys/toy_share.py", "course/regimes/toy_of_all.py"
    new.change(share, "\nHALF = 0.5", "from distill_helpers.strategies.outputs_of_toys.half_of_toys import HALF")
    new.file("strategies/outputs_of_toys/half_of_toys.py").write_text("HALF = 0.5\n")
    new.change(regime, "GAIN = 2.0", "")
    new.file("course/regimes/gain.py").write_text("GAIN = 2.0\n")
    new.change("course/lessons/second/records_toy.py", "import ARMS, GAIN", "import ARMS\nfrom distill_helpers.course.regimes.gain import GAIN")
    assert new.call(folder, str(old.place))[1] is None and kept(folder)[0]["slice"] == [] and not new.ran()


def test_a_file_that_moved_and_was_changed_is_not_certified_so(moved):
    old, new, folder = moved
    new.change("strategies/outputs_of_toys/toy_share.py", "HALF = 0.5", "HALF = 0.6")
    said, problem = new.call(folder, str(old.place))
    assert "nothing agrees. STALE" in said and "column score" in said and "other code" in problem
    assert not (folder / "toy" / "certificates.json").exists() and new.ran() and old.ran()  # both were asked


def test_one_arm_that_was_changed_leaves_the_other_certified_and_other_words_for_the_same_number_are_run(moved):
    old, new, folder = moved
    new.change("course/regimes/toy_of_all.py", "share(size) ** 2", "share(size) * share(size)")
    said, problem = new.call(folder, str(old.place))
    assert said.startswith("1 entries certified, since their code is the same as before; 1 entries run again agree") and problem is None
    first, second = kept(folder)
    assert len(first["entries"]) == len(second["entries"]) == 1 and second["slice"] == [{"setting": {"arm": "squared"}, "exact": True}]
    assert new.ran() == old.ran() == ["squared"]


def test_other_data_are_not_certified_by_equal_code(moved):
    old, new, folder = moved
    for path in (folder / "toy").glob("*.json"):
        path.write_text(path.read_text().replace('"data_hash": "e3b0', '"data_hash": "0000'))
    said, problem = new.call(folder, str(old.place))
    assert "since their code is the same" not in said and new.ran()


def test_code_of_another_checkout_than_the_one_that_made_the_rows_certifies_nothing(moved):
    old, new, folder = moved
    old.change("strategies/toy_share.py", "HALF = 0.5", "HALF = 0.6")
    new.change("strategies/outputs_of_toys/toy_share.py", "HALF = 0.5", "HALF = 0.6")
    said, problem = new.call(folder, str(old.place))
    assert "nothing agrees. STALE: it raised RuntimeError: the code before failed" in said and "other code" in problem


SHARES, REGIMES, RUNS = "strategies/outputs_of_toys/toy_share.py", "course/regimes/toy_of_all.py", "course/lessons/second/records_toy.py"
CHANGES = {
    "a number": (SHARES, "HALF = 0.5", "HALF = 0.6"),
    "a number changed later": (SHARES, "HALF = 0.5\n", "HALF = 0.5\nHALF += 0.1\n"),
    "a number of the course": (REGIMES, "GAIN = 2.0", "GAIN = 2.5"),
    "another function of that file by the same name": (RUNS, "import share as shared", "import other as shared"),
    "another library's function by the same name": (RUNS, "from math import sqrt as root", "from math import cbrt as root"),
    "another module's number": (REGIMES, "GAIN", "import distill_helpers.strategies.outputs_of_toys.toy_share as toys\ntoys.HALF = 0.7\nGAIN"),
    "what a module does when it is imported": (SHARES, "HALF = 0.5\n", "HALF = 0.5\nprint('read')\n"),
}  # fmt: skip


def test_a_pure_move_leaves_the_hash_as_it_was_and_every_change_of_what_is_reached_does_not(moved):
    old, new, folder = moved
    old.change("course/records/hashes.py", "shortened, below))[16:32]", "shortened, below))[:16]")
    before = old.call(folder, "hashes")
    assert new.call(folder, "hashes") == before and before[0] != before[1]
    new.change(SHARES, "OTHER = 0.25", "OTHER = 0.3")
    assert new.call(folder, "hashes") == before  # nothing of it is reached
    for what, (file, was, now) in CHANGES.items():
        text = new.file(file).read_text()
        new.change(file, was, now)
        after = new.call(folder, "hashes")
        assert after[0] != before[0] and after[1] != before[1], what
        new.file(file).write_text(text)
