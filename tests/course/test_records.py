"""Recorded runs: provenance in each row, what is not as recorded is refused, entries stand alone, changed code is certified by a slice."""

import importlib
import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from distill_helpers.checks import InputError
from distill_helpers.course import runner
from distill_helpers.course.records import (
    PROVENANCE,
    DamagedRecord,
    StaleRecord,
    agrees,
    entry_hash,
    parse_shard,
    problem_of,
    read_outcomes,
    read_record,
    recertify,
    record,
    recorded_dir,
    slug,
    submit,
    survey,
)
from distill_helpers.course.records import certificates as certifying
from distill_helpers.course.records.files import as_text, pack, sha256, unpack

TOY = '''
"""A tiny record of two kinds."""
import os
import numpy as np
NAME, DATA, CALLS = "99_toy", ["mnist5k.npz"], []
TOLERANCE, VOLATILE = {"score": 0.01}, ("took",)
GAIN = 1.0
ARMS = {"plain": lambda size: size * GAIN, "squared": lambda size: size**2}
SETTINGS = [{"arm": arm, "size": size} for size in (1, 2) for arm in ARMS]

def run(setting):
    """Rows."""
    CALLS.append(setting)
    base = ARMS[setting["arm"]](setting["size"])
    rows = [{"seed": s, "score": base + s / 8, "took": len(CALLS)} for s in range(2)]
    return rows, {"right": np.arange(2 * 1 * 11).reshape(2, 1, 11) % 3 == 0}
'''


class Toy:
    """A record whose source a test can rewrite."""

    def __init__(self, place: Path, name: str):
        self.path, self.name, self.folder = place / f"{name}.py", name, place / "recorded"
        self.path.write_text(TOY)
        self.files = self.folder / "99_toy"

    def module(self):
        return importlib.import_module(self.name)

    def change(self, old: str, new: str):
        text = self.path.read_text()
        assert old in text
        self.path.write_text(text.replace(old, new))
        importlib.invalidate_caches()
        shutil.rmtree(self.path.parent / "__pycache__", ignore_errors=True)
        if self.name in sys.modules:
            importlib.reload(sys.modules[self.name])

    def record(self, **more):
        return record(self.name, self.folder, **more)

    def read(self):
        return read_record(self.name, self.folder)

    def entry(self, number: int, kind: str = "csv") -> Path:
        return self.files / f"{slug(self.module().SETTINGS[number])}.{kind}"

    def ran(self) -> list:
        """The settings run since the last look."""
        calls = list(self.module().CALLS)
        self.module().CALLS.clear()
        return calls


@pytest.fixture
def toy(tmp_path, monkeypatch, request):
    name = f"toy_{abs(hash(request.node.name)) % 10**9}"
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    yield Toy(tmp_path, name)
    sys.modules.pop(name, None)


def test_rows_carry_their_provenance_in_the_order_of_the_settings(toy):
    toy.record()
    table = toy.read()
    assert list(table.score) == [1, 1.125, 1, 1.125, 2, 2.125, 4, 4.125] and list(table.arm[:4]) == ["plain"] * 2 + ["squared"] * 2
    assert list(table.columns) == ["arm", "size", "seed", "score", "took", *PROVENANCE, "certified"] and (table.certified == "").all()
    assert table.code_hash[0] == entry_hash(toy.name, {"arm": "plain", "size": 1}) and (table.threads >= 1).all()
    made = json.loads(toy.entry(0, "json").read_text())
    assert made["rows"] == 2 and made["setting"] == {"arm": "plain", "size": 1} and made["made"]["machine"]


def test_outcomes_come_back_bit_by_bit(toy):
    toy.record()
    for setting, outcomes in read_outcomes(toy.name, toy.folder):
        assert setting in toy.module().SETTINGS and outcomes["right"].dtype == bool
        assert np.array_equal(outcomes["right"], np.arange(22).reshape(2, 1, 11) % 3 == 0)
    assert len(unpack(pack({"a": np.zeros((8, 5, 2000), bool)}))["a"]) == 8 and len(pack({"a": np.ones((8, 5, 2000), bool)})) < 2000


@pytest.mark.parametrize("values", [np.array([[0, 255]]), np.array([-1, 200]), np.array([2**40]), np.array([0.5, np.nan], np.float16),
                                    np.array([[True] * 7]), torch.tensor([[1, 2]]), torch.tensor([0.5])])  # fmt: skip
def test_small_numbers_are_packed_without_loss(values):
    back = unpack(pack({"x": values}))["x"]
    assert np.array_equal(back, np.asarray(values), equal_nan=back.dtype.kind == "f") and back.shape == tuple(values.shape)


@pytest.mark.parametrize(("values", "why"), [(np.array([0.5]), "float64"), (np.array(True), "shape"), (np.zeros((2, 0), bool), "shape")])
def test_what_cannot_be_packed_is_said(values, why):
    with pytest.raises(InputError, match=why):
        pack({"x": values})


def edit(path, change):
    path.write_text(change(path.read_text()))


def flip_a_byte(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


# fault -> (how to put it in, what the error says)
FAULTS = {
    "header only": (lambda t: edit(t.entry(1), lambda s: s.splitlines()[0] + "\n"), "holds 0 rows where 2 were recorded"),
    "half its rows": (lambda t: edit(t.entry(1), lambda s: "\n".join(s.splitlines()[:2]) + "\n"), "holds 1 rows where 2 were recorded"),
    "rows doubled": (lambda t: edit(t.entry(1), lambda s: s + "\n".join(s.splitlines()[1:]) + "\n"), "holds 4 rows where 2"),
    "one row twice": (lambda t: edit(t.entry(1), lambda s: "\n".join([*s.splitlines()[:2], s.splitlines()[1]]) + "\n"), "checksum"),
    "a number edited": (lambda t: edit(t.entry(1), lambda s: s.replace("1.125", "1.126")), "changed after it was recorded"),
    "empty file": (lambda t: t.entry(1).write_text(""), "rows where 2"),
    "no manifest": (lambda t: t.entry(1, "json").unlink(), "json is not there"),
    "no table": (lambda t: t.entry(1).unlink(), "csv is not there"),
    "manifest cut off": (lambda t: edit(t.entry(1, "json"), lambda s: s[:60]), "cannot be read"),
    "manifest without hash": (lambda t: edit(t.entry(1, "json"), lambda s: s.replace('"code_hash"', '"hash"')), "cannot be read"),
    "another's files": (lambda t: [shutil.copy(t.entry(0, k), t.entry(1, k)) for k in ("csv", "json", "npz")], "belongs to 99_toy"),
    "outcomes damaged": (lambda t: flip_a_byte(t.entry(1, "npz")), "npz was changed after"),
    "outcomes missing": (lambda t: t.entry(1, "npz").unlink(), "npz is not there"),
    "another record's manifest": (lambda t: edit(t.entry(1, "json"), lambda s: s.replace("99_toy", "98_toy")), "belongs to 98_toy"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_not_as_it_was_recorded_is_refused_and_made_anew_alone(toy, fault):
    toy.record()
    before = toy.read()
    toy.ran()
    put_in, said = FAULTS[fault]
    put_in(toy)
    for read in (read_record, read_outcomes):
        with pytest.raises(DamagedRecord, match=said) as error:
            read(toy.name, toy.folder)
        assert "make record 99" in str(error.value)
    toy.record()
    assert toy.ran() == [{"arm": "squared", "size": 1}]
    assert toy.read().drop(columns=["took", "seconds"]).equals(before.drop(columns=["took", "seconds"]))


def test_a_file_too_many_is_refused(toy):
    toy.record()
    (toy.files / "stray.csv").write_text("a\n1\n")
    (toy.files / ".hidden").write_text("")
    with pytest.raises(DamagedRecord, match="stray.csv belongs to no setting"):
        toy.read()
    (toy.files / "stray.csv").unlink()
    toy.change("for size in (1, 2)", "for size in (1,)")
    with pytest.raises(DamagedRecord, match="belongs to no setting"):
        toy.read()


def test_what_is_missing_is_counted(toy):
    with pytest.raises(StaleRecord, match="4 of 4 entries are not there"):
        toy.read()
    toy.record(shard=(0, 2))
    with pytest.raises(StaleRecord, match="2 of 4 entries are not there.*`make record 99_toy`"):
        toy.read()


def test_line_ends_of_another_system_are_no_damage(toy):
    toy.record()
    toy.entry(0).write_bytes(toy.entry(0).read_bytes().replace(b"\n", b"\r\n"))
    assert len(toy.read()) == 8


def test_an_interrupted_recording_goes_on_and_another_arm_costs_only_itself(toy):
    toy.change("    base =", "    if setting['size'] == 2: raise KeyboardInterrupt\n    base =")
    with pytest.raises(KeyboardInterrupt):
        toy.record()
    toy.change("    if setting['size'] == 2: raise KeyboardInterrupt\n", "")
    toy.ran()
    toy.record()
    assert len(toy.ran()) == 4  # other code began it
    toy.entry(3, "json").unlink()
    toy.record()
    assert toy.ran() == [{"arm": "squared", "size": 2}]
    toy.change('"squared": lambda size: size**2}', '"squared": lambda size: size**2, "cubed": lambda size: size**3}')
    kept = toy.entry(0).stat().st_mtime_ns
    toy.record()
    assert toy.ran() == [{"arm": "cubed", "size": 1}, {"arm": "cubed", "size": 2}] and toy.entry(0).stat().st_mtime_ns == kept
    assert len(toy.read()) == 12


def test_a_fresh_recording_runs_everything_and_can_be_interrupted(toy):
    toy.record()
    toy.ran()
    toy.record(fresh=True)
    assert len(toy.ran()) == 4
    toy.record(fresh=True, shard=(1, 4))
    assert toy.ran() == [{"arm": "squared", "size": 1}]


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("size**2", "size**3", ["squared"]),
        ("GAIN = 1.0", "GAIN = 2.0", ["plain"]),
        ("s / 8", "s / 4", ["plain", "squared"]),
        ("for size in (1, 2)", "for size in (1, 2, 3)", []),
        ('"""Rows."""', '"""Rows, and a long story."""  # a remark', []),
        ('TOLERANCE, VOLATILE = {"score": 0.01}', 'TOLERANCE, VOLATILE = {"score": 0.02}', []),
        ("import os", "import os\nfor arm in ARMS if 'ARMS' in globals() else (): pass", ["plain", "squared"]),
        ("    CALLS.append(setting)\n", "    CALLS.append(setting)\n    list(ARMS.values())\n", ["plain", "squared"]),
        ("np.arange(2 * 1 * 11)", "np.arange(1 * 2 * 11)", ["plain", "squared"]),
    ],
)
def test_the_hash_of_an_entry_covers_what_determines_it_and_nothing_else(toy, old, new, changed):
    settings = [{"arm": "plain", "size": 1}, {"arm": "squared", "size": 1}]
    before = [entry_hash(toy.name, s) for s in settings]
    toy.change(old, new)
    after = [entry_hash(toy.name, s) for s in settings]
    assert [s["arm"] for s, a, b in zip(settings, before, after, strict=True) if a != b] == changed


def test_a_table_that_is_used_in_another_way_counts_whole(toy):
    toy.change("    CALLS.append(setting)\n", "    CALLS.append(setting)\n    assert len(ARMS)\n")
    before = entry_hash(toy.name, {"arm": "plain", "size": 1})
    toy.change("size**2", "size**3")
    assert entry_hash(toy.name, {"arm": "plain", "size": 1}) != before


def test_a_record_needs_a_run_and_rows_with_seeds(toy):
    toy.change('{"seed": s, ', "{")
    with pytest.raises(InputError, match="each with a seed or a replicate"):
        toy.record()
    toy.change("def run(setting)", "def walk(setting)")
    with pytest.raises(InputError, match=r"must define run\(setting\)"):
        entry_hash(toy.name, {})


CHANGES = """
import shutil, sys
from pathlib import Path
from distill_helpers.course import records
from distill_helpers.course.records import entry_hash

root = Path(records.__file__).parents[2]
assert str(root).startswith(sys.argv[1])
ROOM = "distill_helpers.course.lessons."
TOURNAMENT, COSTS = (f"{ROOM}strategy_tournament.records_{name}" for name in ("tournament", "costs"))
SIGNALS = "course/lessons/supervised_strategies/records_signals.py"
NAMES = ("labels alone", "hints (FitNets)", "VID", "maps: hints (FitNets)", "densely guided", "soft targets")

def hashes():
    found = {n: (entry_hash(TOURNAMENT, {"entry": n}), entry_hash(COSTS, {"entry": n})) for n in NAMES}
    return found | {"signals": entry_hash(ROOM + "supervised_strategies.records_signals", {"regime": "noisy labels", "arm": "labels alone"})}

def changed(file, old, new):
    path = root / file
    text = path.read_text()
    assert old in text, (file, old)
    before = hashes()
    path.write_text(text.replace(old, new, 1))
    after = hashes()
    print([n for n in before if before[n] != after[n]])

newcomer = "from distill_helpers.strategies.contract import Strategy\\n\\nclass Newcomer(Strategy):\\n    pass\\n"
(root / "strategies" / "newcomer.py").write_text(newcomer)
vid = "from distill_helpers.strategies.features.vid import"
changed("strategies/__init__.py", vid, "from distill_helpers.strategies.newcomer import Newcomer\\n" + vid)
changed("course/entries.py", '    "VID": Entry(', '    "newcomer": Entry("outputs", Newcomer),\\n    "VID": Entry(')
changed("course/entries.py", "weight=(0.1, 1.0, 10.0, 100.0))),\\n    \\"CRD", "weight=(0.1, 1.0, 10.0, 99.0))),\\n    \\"CRD")
changed("strategies/features/fitnets.py", "    weight: float = 200.0", "    weight: float = 100.0")
changed("strategies/features/fitnets.py", "@dataclass(frozen=True)", "def newer():\\n    pass\\n\\n\\n@dataclass(frozen=True)")
changed("course/few_labels.py", "PER_CLASS = 20", "PER_CLASS = 21")
changed(SIGNALS, '"soft targets": SOFT, "attention transfer"', '"newer": SOFT, "attention transfer"')
changed("training/loop.py", "class Loop", "print('imported')\\n\\n\\nclass Loop")
"""


def test_a_new_entry_of_the_tournament_makes_no_other_stale(tmp_path):
    """In a copy of the package: what each change makes stale, among some entries of the tournament and one of another lesson."""
    root = Path(runner.__file__).parents[1]
    shutil.copytree(root, tmp_path / "distill_helpers", ignore=shutil.ignore_patterns("__pycache__", "bundled"))
    script = tmp_path / "changes.py"
    script.write_text(CHANGES)
    done = subprocess.run([sys.executable, str(script), str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    fitnets = ["hints (FitNets)", "maps: hints (FitNets)"]
    entries = ["labels alone", "hints (FitNets)", "VID", "maps: hints (FitNets)", "densely guided", "soft targets"]
    found = [json.loads(line.replace("'", '"')) for line in done.stdout.splitlines()]
    assert found == [[], [], ["VID"], fitnets, [], entries, [], [*entries, "signals"]]


def test_entries_run_at_once_give_the_table_of_entries_run_in_turn(toy):
    """Two processes of one thread each; the order of rows is that of the settings, whoever is done first."""
    toy.change("    base =", "    import time, torch\n    time.sleep(0.1 if setting['arm'] == 'plain' else 0)\n    base =")
    toy.change('"took": len(CALLS)', '"took": torch.get_num_threads()')
    toy.record()
    one = toy.read()
    toy.folder = toy.folder.with_name("two")
    toy.record(workers=2)
    two = toy.read()
    assert (two.took == 1).all() and (two.threads == 1).all()
    assert one.drop(columns=["took", "seconds", "threads"]).equals(two.drop(columns=["took", "seconds", "threads"]))


def test_shards_share_nothing_and_together_are_the_record(toy):
    written = []
    for i in range(3):
        toy.record(shard=(i, 3))
        written.append({p.name for p in toy.files.iterdir()} - set().union(*written))
    assert [len(w) for w in written] == [6, 3, 3]  # entries 0 and 3, 1, 2; three files each
    assert len(toy.read()) == 8 and len(toy.ran()) == 4


@pytest.mark.parametrize("text", ["3/3", "1", "a/b", "-1/4", "0/0", "1/2/3", "0.5/2"])
def test_a_shard_that_is_none_is_said(text):
    with pytest.raises(InputError, match="SHARD|shard"):
        parse_shard(text)


def test_shards_and_workers_are_whole_numbers(toy):
    assert parse_shard("2/4") == (2, 4) and parse_shard("") is None and parse_shard(None) is None
    for bad in ({"workers": 1.5}, {"workers": 0}, {"workers": True}, {"shard": (0.0, 2)}, {"shard": (0, 2.0)}, {"shard": (2, 2)}):
        with pytest.raises(InputError):
            toy.record(**bad)
    for minutes in (0, float("nan"), "3"):
        with pytest.raises(InputError, match="minutes"):
            recertify([toy.name], minutes, folder=toy.folder)
    assert not toy.folder.exists()


class Cluster:
    """An executor that runs its array of tasks at once, in this process."""

    def map_array(self, function, *given):
        self.tasks = list(zip(*given, strict=True))
        return [type("Job", (), {"job_id": f"7_{i}", "value": function(*task)}) for i, task in enumerate(self.tasks)]


def test_a_cluster_gets_an_array_of_shards(toy, monkeypatch):
    monkeypatch.setattr(torch, "set_num_threads", lambda n: None)
    cluster = Cluster()
    jobs = submit(toy.name, 3, toy.folder, executor=cluster)
    assert [j.job_id for j in jobs] == ["7_0", "7_1", "7_2"] and [task[2] for task in cluster.tasks] == [(0, 3), (1, 3), (2, 3)]
    assert len(toy.read()) == 8
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(InputError, match="pip install submitit"):
        submit(toy.name, 2, toy.folder)


def test_several_workers_say_what_they_need(toy, monkeypatch):
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(InputError, match="pip install joblib"):
        toy.record(workers=2)


def kept(toy):
    return json.loads((toy.files / "certificates.json").read_text())


def test_other_code_that_agrees_is_certified_beside_the_old_hash(toy, capsys):
    toy.record()
    old = toy.read()
    toy.ran()
    toy.change("size**2", "size * size")
    with pytest.raises(StaleRecord, match="other code than today's .2 of 4 entries.*`make recertify 99_toy`.*`make record 99_toy`"):
        toy.read()
    said = recertify([toy.name], folder=toy.folder)
    assert "1 entries run again agree to the last digit; 2 of 2 certified" in said["99_toy"] == said["99_toy"]
    assert toy.ran() == [{"arm": "squared", "size": 1}]
    table = toy.read()
    assert table.drop(columns="certified").equals(old.drop(columns="certified"))
    assert list(table.certified != "") == [False, False, True, True] * 2
    (first,) = kept(toy)
    assert first["largest_gap"] == {} and first["slice"] == [{"setting": {"arm": "squared", "size": 1}, "exact": True}]
    assert len(first["entries"]) == 2 and first["compared_with"] == "the rows"
    toy.change("size * size", "1 * size * size")
    recertify([toy.name], folder=toy.folder)
    assert kept(toy)[0] == first and len(kept(toy)) == 2 and len(toy.read()) == 8
    toy.ran()
    assert recertify([toy.name], folder=toy.folder) == {"99_toy": "nothing to do"} and not toy.ran() and len(kept(toy)) == 2
    toy.record()
    assert not toy.ran()  # what is certified is not run again


def test_a_certificate_ends_with_the_rows_it_was_given_for(toy):
    toy.record()
    toy.change("size**2", "size * size")
    recertify([toy.name], folder=toy.folder)
    toy.change("size * size", "size**2 + 1")
    toy.record()
    toy.change("size**2 + 1", "size * size")
    with pytest.raises(StaleRecord, match="other code"):
        toy.read()


def elsewhere(toy):
    """Say that the rows were made on another machine."""
    for number in range(4):
        edit(toy.entry(number, "json"), lambda s: s.replace('"machine": "', '"machine": "another '))


def test_the_same_machine_must_give_every_digit_and_another_may_differ_by_the_tolerance(toy):
    toy.record()
    toy.change("size**2", "size**2 + 0.004")
    said = recertify([toy.name], folder=toy.folder)["99_toy"]
    assert "STALE" in said and "row 1 (seed 0), column score: '1.004' now, '1' in the record; it must be the same" in said
    assert problem_of(toy.name, toy.folder)
    elsewhere(toy)
    said = recertify([toy.name], folder=toy.folder, exact=True)["99_toy"]
    assert "STALE" in said and not (toy.files / "certificates.json").exists()
    said = recertify([toy.name], folder=toy.folder)["99_toy"]
    assert "agree within tolerance, at most 0.004 in score; 2 of 2 certified" in said and problem_of(toy.name, toy.folder) is None
    assert kept(toy)[0]["largest_gap"] == pytest.approx({"score": 0.004}) and not kept(toy)[0]["slice"][0]["exact"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("+ s / 8", "+ s / 6", "column score: '1.16667' now, '1.125' in the record; it may differ by 0.01"),
        ('"seed": s,', '"seed": s + 1,', "column seed: '1' now, '0' in the record"),
        ("range(2)]", "range(3)]", "3 rows now, 2 in the record"),
        ('"score": base', '"points": base', "column score: None now, '1' in the record"),
        ('"took": len', '"more": 1, "took": len', "column more: '1' now, None in the record"),
        ("base + s / 8", "float('nan')", "column score: '' now, '1' in the record"),
        ("    base =", "    raise OSError('no disk')\n    base =", "it raised OSError: no disk"),
    ],
)
def test_what_does_not_agree_is_named_and_stays_stale(toy, old, new, said):
    toy.record()
    elsewhere(toy)
    toy.change(old, new)
    assert said in recertify([toy.name], folder=toy.folder)["99_toy"]
    with pytest.raises(StaleRecord, match="other code"):
        toy.read()


def test_a_kind_that_does_not_agree_takes_no_other_with_it(toy):
    toy.record()
    toy.change("size**2", "size**2 + 1")
    toy.change("CALLS.append(setting)", "CALLS.extend([setting])")
    said = recertify([toy.name], folder=toy.folder)["99_toy"]
    assert "1 entries run again agree to the last digit; 2 of 4 certified. STALE:" in said and "2 entries stay stale: `make record 99_toy`" in said
    toy.ran()
    toy.record()
    assert toy.ran() == [{"arm": "squared", "size": 1}, {"arm": "squared", "size": 2}] and len(toy.read()) == 8


def test_kinds_for_which_there_is_no_time_are_believed_only_while_nothing_disagrees(toy, monkeypatch):
    """Entries that take a minute each, and a tenth of a minute: one entry of the record is run all the same."""
    toy.record()
    for number, seconds in enumerate((60, 61, 62, 63)):
        edit(toy.entry(number, "json"), lambda s, x=seconds: s.replace('"seconds": 0.0', f'"seconds": {x}'))
    toy.change("CALLS.append(setting)", "CALLS.extend([setting])")
    assert "1 entries run again agree to the last digit; 4 of 4" in recertify([toy.name], 0.1, folder=toy.folder)["99_toy"]
    toy.change("CALLS.extend([setting])", "CALLS.append(setting)\n    setting = setting | {'size': 3}")
    said = recertify([toy.name], 0.1, folder=toy.folder)["99_toy"]
    assert "nothing agrees. STALE" in said and "4 entries stay stale" in said


def test_what_cannot_be_made_again_is_never_certified(toy):
    toy.record()
    toy.ran()
    edit(toy.entry(0, "json"), lambda s: s.replace('"made": {', '"made": {"unrepeatable": "its dice were not kept",'))
    toy.change("CALLS.append(setting)", "CALLS.extend([setting])")
    said = recertify([toy.name], folder=toy.folder)["99_toy"]
    assert "3 of 3 certified; 1 entries cannot be made again (its dice were not kept): `make record 99_toy`" in said
    toy.ran()
    toy.record()
    assert toy.ran() == [{"arm": "plain", "size": 1}] and len(toy.read()) == 8


def test_damaged_certificates_are_refused_and_not_written_over(toy):
    toy.record()
    toy.change("size**2", "size * size")
    recertify([toy.name], folder=toy.folder)
    path = toy.files / "certificates.json"
    path.write_text(path.read_text()[:-20])
    with pytest.raises(DamagedRecord, match="certificates.json cannot be read"):
        toy.read()
    assert "cannot be read" in recertify([toy.name], folder=toy.folder)["99_toy"] and path.read_text()[-5:] != "\n]\n"


def test_a_record_is_held_against_the_code_that_made_it_on_another_machine(toy, tmp_path, monkeypatch):
    """The rows are another machine's, where a choice fell differently; the old code, run here, gives what today's gives."""
    old = tmp_path / "old"
    (old / "distill_helpers" / "course").mkdir(parents=True)
    (old / "distill_helpers" / "__init__.py").write_text("")
    (old / "distill_helpers" / "course" / "__init__.py").write_text("")
    tells = f"def hashes(name): return {{'code_hash': open({str(old / 'hash')!r}).read()}}\n"
    (old / "distill_helpers" / "course" / "records.py").write_text(tells)
    toy.record()
    shutil.copy(toy.path, old)
    made = json.loads(toy.entry(1, "json").read_text())["made"]["code_hash"]
    (old / "hash").write_text(made)
    toy.change("size**2", "size * size")
    edit(toy.entry(1), lambda s: s.replace(",1,0,1,", ",1,0,1.5,"))
    edit(toy.entry(1, "json"), lambda s: s.replace(json.loads(s)["sha256"], sha256(toy.entry(1).read_text())))
    assert "column score: '1' now, '1.5' in the record" in recertify([toy.name], folder=toy.folder)["99_toy"]
    said = recertify([toy.name], folder=toy.folder, before=old)["99_toy"]
    assert "agree to the last digit; 2 of 2 certified" in said and kept(toy)[0]["compared_with"] == "the code before, run here"
    toy.change("size * size", "size**2 + 0.001")
    assert "'1.001' now, '1' in the record; it must be the same" in recertify([toy.name], folder=toy.folder, before=old)["99_toy"]
    (old / "hash").write_text("another")
    assert "is not one that made the rows" in recertify([toy.name], folder=toy.folder, before=old)["99_toy"]
    (old / f"{toy.name}.py").write_text("raise OSError('no module')")
    assert "OSError: no module" in recertify([toy.name], folder=toy.folder, before=old)["99_toy"]
    with pytest.raises(InputError, match="before must be a checkout"):
        recertify([toy.name], folder=toy.folder, before=tmp_path)


def test_records_are_certified_side_by_side(toy):
    """Two records, one of which cannot run; what a worker is sent can be sent."""
    toy.record()
    toy.change("CALLS.append(setting)", "CALLS.extend([setting])")
    second = toy.path.with_name(f"{toy.name}_b.py")
    second.write_text(toy.path.read_text().replace("99_toy", "98_toy"))
    record(second.stem, toy.folder)
    second.write_text(second.read_text().replace("base = ARMS", "base = ARMZ"))
    sys.modules.pop(second.stem)
    said = recertify([second.stem, toy.name], folder=toy.folder)
    assert "4 of 4 certified" in said["99_toy"] and "NameError" in said["98_toy"]
    entry = survey(toy.name, toy.folder).entries.popitem()[1]
    assert pickle.loads(pickle.dumps((certifying._check_one_record, entry)))[1] == entry
    sys.modules.pop(second.stem, None)


def test_cells_are_compared_by_their_numbers():
    gap = certifying._gap
    assert gap("T 2: 0.851; T 4: 0.9", "T 2: 0.853; T 4: 0.9") == pytest.approx(0.002) and gap("1e-3", "0.002") == pytest.approx(0.001)
    assert gap("image 0.3", "none 0.3") == gap("", "1") == gap(None, "1") == float("inf") and gap("a", "a") == 0


def test_a_live_slice_must_agree(toy):
    toy.change("base + s / 8", "setting['size'] + s / 10")
    toy.record()
    table = toy.read()
    table = table[table.arm == "plain"]
    live = [{"size": 2, "seed": 0, "score": 2.004}, {"size": 2, "seed": 1, "score": 2.104}]
    assert agrees(table, live, on=["size", "seed"], tolerance={"score": 0.01}) == pytest.approx(0.4)
    with pytest.raises(StaleRecord, match="score is 2.104 live but 2.1 in the record"):
        agrees(table, live[1:], on=["size", "seed"], tolerance={"score": 0.001})
    with pytest.raises(StaleRecord, match="holds 0 rows"):
        agrees(table, [{"size": 3, "seed": 1, "score": 2}], on=["size", "seed"], tolerance={"score": 1})
    with pytest.raises(StaleRecord):
        agrees(table, [{"size": 2, "seed": 1, "score": float("nan")}], on=["size", "seed"], tolerance={"score": 1})


def test_names_of_files_tell_settings_apart():
    texts = ("x", "X", "x ", "√", "x" * 300, "1")
    settings = [*({"a": t} for t in texts), {"b": "x"}, {"a": 1}, {"a": True}, {"a": 1.5}, {}]
    stems = [slug(s) for s in settings]
    assert len({s.lower() for s in stems}) == len(stems) and max(map(len, stems)) < 100
    assert slug({"a": 8}) == slug({"a": 8.0}) == slug({"a": np.int64(8)})
    assert slug({"arm": "soft targets", "T": 2.5}).startswith("soft_targets-t2.5-")
    assert as_text([{"seed": 0, "x": 1 / 3}]) == "seed,x\n0,0.333333\n"


RECORDS = list(runner.records_of_lessons())


def test_every_committed_file_is_as_it_was_recorded():
    names = set()
    for name in RECORDS:
        found = survey(name)
        assert not found.missing and not found.damaged and not found.foreign, (name, found.missing, found.damaged, found.foreign)
        assert set(getattr(sys.modules[name], "TOLERANCE", {})) <= set(next(iter(found.entries.values())).text.splitlines()[0].split(",")) | {
            "turned", "told_apart", "agreement", "control",
        }  # fmt: skip
        names.add(found.name)
        assert found.name in runner.records_of_lessons()[name], f"{name} must be named as its lesson and its file are"
    assert {p.name for p in recorded_dir().iterdir() if not p.name.startswith(".")} == names and len(names) == len(RECORDS)


@pytest.mark.parametrize("name", RECORDS)
def test_every_committed_record_is_todays(name):
    assert len(read_record(name)) > 0


def test_the_command_line_reads_its_environment(toy, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(runner, "record", lambda name, **more: asked.append((name.rpartition(".")[2], more)) or Path("rates"))
    monkeypatch.setattr(runner, "submit", lambda name, n: asked.append((name, n)) or [type("Job", (), {"job_id": "5_0"})])
    monkeypatch.setenv("SHARD", "1/3")
    assert runner.main(["record", "03"]) == 0
    assert [(n, m["shard"], m["fresh"]) for n, m in asked] == [("records_depth", (1, 3), False), ("records_rates", (1, 3), False)]
    for name, bad in (("SHARD", "3/3"), ("FRESH", "yes"), ("SLURM", "two")):
        monkeypatch.setenv(name, bad)
        assert runner.main(["record", "03"]) == 1 and "must be" in capsys.readouterr().out
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("SLURM", "4")
    asked.clear()
    assert runner.main(["record", "03"]) == 0 and asked[0][1] == 4 and "submitted 5_0" in capsys.readouterr().out
    monkeypatch.setenv("MINUTES", "-1")
    assert runner.main(["recertify", "03"]) == 1 and "minutes must be" in capsys.readouterr().out
    for asked_for in ("soft_targets", "soft_targets_search", "07"):
        assert "lessons.soft_targets.records_search" in " ".join(runner.recorded_runs([asked_for]))
    assert len(runner.recorded_runs(["soft_targets_search"])) == 1
    assert runner.main(["recertify", "77"]) == 1 and "no recorded run belongs to 77" in capsys.readouterr().out


def test_a_record_whose_module_cannot_be_imported_is_named_and_the_check_goes_on(tmp_path, monkeypatch, capsys):
    (tmp_path / "records_broken.py").write_text("TUNED = {}\n\nSETTINGS = [TUNED['answers only']]\n")
    monkeypatch.syspath_prepend(tmp_path)
    why = problem_of("records_broken")
    assert why == "records_broken cannot be imported: KeyError: 'answers only' (records_broken.py, line 3)"
    monkeypatch.setattr(runner, "records_of_lessons", lambda: {"records_broken": {"99", "broken"}})
    monkeypatch.setattr(runner.sync, "sources", lambda numbers: [])
    assert runner.run_check([]) == 1
    said = capsys.readouterr().out
    assert why in said and "1 of the notebooks and records" in said
