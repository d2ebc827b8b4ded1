"""Recorded runs: provenance in each row, stale rows refused, interrupted recordings taken up again."""

import sys
import types

import pytest

from distill_helpers.course import records
from distill_helpers.course.records import PROVENANCE, StaleRecord, agrees, read_record, record


@pytest.fixture
def module(monkeypatch):
    """A tiny recorded run; its code's hash is set by the test."""
    made = types.ModuleType("toy_record")
    made.NAME, made.DATA, made.SETTINGS, made.calls = "99_toy", ["mnist5k.npz"], [{"size": 1}, {"size": 2}], []

    def run(setting):
        made.calls.append(setting)
        return [{"seed": s, "score": setting["size"] + s / 10} for s in range(2)]

    made.run, made.version = run, "a" * 64
    monkeypatch.setitem(sys.modules, "toy_record", made)
    monkeypatch.setattr(records, "code_hash", lambda name: made.version)
    return made


def test_rows_carry_their_provenance(module, tmp_path):
    record("toy_record", tmp_path)
    table = read_record("toy_record", tmp_path)
    assert len(table) == 4 and list(table.score) == [1.0, 1.1, 2.0, 2.1]
    assert set(PROVENANCE) <= set(table.columns) and (table.code_hash == "a" * 16).all()
    assert not list(tmp_path.glob("*.partial.json"))


def test_a_row_of_other_code_is_refused(module, tmp_path):
    path = record("toy_record", tmp_path)
    module.version = "b" * 64
    with pytest.raises(StaleRecord, match="other code than today's; run `make record 99`"):
        read_record("toy_record", tmp_path)
    module.version = "a" * 64
    text = path.read_text()
    data_hash = read_record("toy_record", tmp_path).data_hash[0]
    path.write_text(text.replace(str(data_hash), "f" * 16, 1))
    with pytest.raises(StaleRecord, match="other data"):
        read_record("toy_record", tmp_path)
    path.unlink()
    with pytest.raises(StaleRecord, match="not there"):
        read_record("toy_record", tmp_path)


def test_an_interrupted_recording_goes_on(module, tmp_path):
    whole = module.run

    def broken(setting):
        if setting["size"] == 2:
            raise KeyboardInterrupt
        return whole(setting)

    module.run = broken
    with pytest.raises(KeyboardInterrupt):
        record("toy_record", tmp_path)
    module.run = whole
    record("toy_record", tmp_path)
    assert module.calls == [{"size": 1}, {"size": 2}]
    assert len(read_record("toy_record", tmp_path)) == 4


def test_what_other_code_began_is_begun_again(module, tmp_path):
    whole = module.run
    module.run = lambda s: whole(s) if s["size"] == 1 else (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        record("toy_record", tmp_path)
    module.version, module.run = "c" * 64, whole
    record("toy_record", tmp_path)
    assert module.calls == [{"size": 1}, {"size": 1}, {"size": 2}]


def test_a_live_slice_must_agree(module, tmp_path):
    record("toy_record", tmp_path)
    table = read_record("toy_record", tmp_path)
    live = [{"size": 2, "seed": 1, "score": 2.104}]
    assert agrees(table, live, on=["size", "seed"], tolerance={"score": 0.01}) == pytest.approx(0.4)
    with pytest.raises(StaleRecord, match="score is 2.104 live but 2.1 in the record"):
        agrees(table, live, on=["size", "seed"], tolerance={"score": 0.001})
    with pytest.raises(StaleRecord, match="holds 0 rows"):
        agrees(table, [{"size": 3, "seed": 1, "score": 2}], on=["size", "seed"], tolerance={"score": 1})
    with pytest.raises(StaleRecord):
        agrees(table, [{"size": 2, "seed": 1, "score": float("nan")}], on=["size", "seed"], tolerance={"score": 1})


def test_every_committed_record_is_todays():
    import pkgutil

    from distill_helpers.course import recorded

    names = [f"{recorded.__name__}.{m.name}" for m in pkgutil.iter_modules(recorded.__path__)]
    assert names
    for name in names:
        assert len(read_record(name)) > 0
    assert {p.stem for p in records.recorded_dir().glob("*.csv")} == {sys.modules[n].NAME for n in names}


def test_settings_run_at_once_give_the_table_of_settings_run_in_turn(tmp_path, monkeypatch):
    """Two processes, one thread each; the order of rows is that of the settings, whoever is done first."""
    (tmp_path / "toy_in_a_file.py").write_text(
        "import time\nNAME, DATA = '99_toy', ['mnist5k.npz']\nSETTINGS = [{'size': n} for n in (3, 1, 2)]\n"
        "def run(setting):\n    time.sleep(0.2 * setting['size'])\n    return [{'seed': 0, 'score': setting['size'] / 4}]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(records, "code_hash", lambda name: "a" * 64)
    tables = []
    for workers in (1, 2):
        record("toy_in_a_file", tmp_path / str(workers), workers=workers)
        tables.append(read_record("toy_in_a_file", tmp_path / str(workers)).drop(columns="seconds"))
    assert tables[0].equals(tables[1]) and list(tables[0]["size"]) == [3, 1, 2]
    monkeypatch.delitem(sys.modules, "toy_in_a_file")
