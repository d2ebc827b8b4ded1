"""The tournament's entries: every strategy has one or a reason, nobody may try more than four settings, and each can be built."""

import importlib
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from distill_helpers import strategies
from distill_helpers.course.entries import ENTRIES, grid, on_embedding, two_stages
from distill_helpers.course.few_labels import BUDGETS, STUDENTS, TEACHERS
from distill_helpers.course.lessons.strategy_tournament import records_costs, records_tournament
from distill_helpers.course.lessons.strategy_tournament.records_tournament import shuffled
from distill_helpers.course.records import read_record
from distill_helpers.data import ImageSet, make_views
from distill_helpers.models import BigMLP
from distill_helpers.models.small_conv import SmallConv
from distill_helpers.strategies import Stages, Strategy
from distill_helpers.training import Recipe, distill

NOT_ENTERED = {
    "Batch": "no strategy", "Strategy": "the base of all", "Grid": "a way to stack", "Stages": "a way to combine",
    "Penalised": "a penalty for notebook 04, not a way to distil", "DenselyGuided": "built with a trained assistant, see below",
    "Combined": "a way to combine", "Watched": "looks at a game and changes nothing",
    "DataFree": "sees no digits, so it has another budget: notebook 10", "DataFreeAdversarial": "the same",
    "ConditionalGan": "trains a generator, not a student: notebook 10",
    "PseudoLabels": "for images without labels, where all have one here: notebook 07", "ClassMeanTeacher": "a control: notebook 07",
    "DetectionLoss": "for detectors: notebook 18", "SoftDetections": "the same", "PseudoBoxes": "the same", "PearsonDistillation": "the same",
}  # fmt: skip


@pytest.mark.parametrize("name", ENTRIES)
def test_every_choice_of_an_entry_is_a_strategy(name):
    entry = ENTRIES[name]
    assert 1 <= len(entry.choices) <= 4 and len({repr(c) for c in entry.choices}) == len(entry.choices)
    assert entry.division in STUDENTS and entry.guide in TEACHERS
    if name == "densely guided":
        return  # needs a trained assistant
    for choice in entry.choices:
        made = entry.make(**choice)
        assert isinstance(made, (Strategy, Stages))
        parts = [part for part, _ in made.stages] if isinstance(made, Stages) else [made]
        assert any(p.needs_teacher for p in parts) == (entry.family != "no teacher")
        if isinstance(made, Stages):
            assert sum(steps for _, steps in made.stages) == BUDGETS[entry.division].steps  # nobody gets more steps


def test_every_strategy_of_the_package_is_entered_or_excused():
    used = set()
    for name, entry in ENTRIES.items():
        if name != "densely guided":
            waiting = [entry.make(**entry.choices[0])]
            while waiting:
                made = waiting.pop()
                used.add(type(made).__name__)
                waiting += [part for part, _ in made.stages] if isinstance(made, Stages) else []
                waiting += [made.inner] if hasattr(made, "inner") else []
    assert set(strategies.__all__) - used - set(NOT_ENTERED) == set()


@pytest.fixture(scope="module")
def miniature():
    """Sixteen random images of the digits' size in two views, and a tiny teacher of each kind."""
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(256, (16, 1, 28, 28), generator=draw).to(torch.uint8)
    pool = make_views(ImageSet(images, torch.arange(16) % 10, 10, "noise"), 2, 1)
    torch.manual_seed(0)
    return pool, {"perceptron": BigMLP(784, 12, 2, 10, dropout=0.2), "convolutional": SmallConv(1, (4, 6, 8), 10)}


def kept_where_alone(control):
    """The control for so small a set, in which a class may have one image: its answer stays."""
    if isinstance(control, Stages):
        return Stages(*((kept_where_alone(part), steps) for part, steps in control.stages))
    return replace(control, alone="keep") if isinstance(control, strategies.ShuffledTeacher) else control


@pytest.mark.parametrize("name", [n for n in ENTRIES if n != "densely guided"])
def test_every_entry_trains_and_says_whether_it_asks_its_teacher_live(name, miniature):
    """Two steps more cost no teacher evaluations where answers are looked up; there the control can be trained as well."""
    entry, (pool, teachers) = ENTRIES[name], miniature
    made, cost = kept_where_alone(entry.make(**entry.choices[-1])), {}
    if isinstance(made, Stages):
        made = Stages(*((part, 2) for part, _ in made.stages))
    guide = teachers[entry.division] if entry.teacher else None
    for steps in (1, 3):
        run = distill(entry.build, guide, pool, made, recipe=Recipe(steps=steps, batch_size=8), progress=False)
        assert all(values.isfinite().all() for values in run.history.values())
        cost[steps] = run.teacher_evaluations
    assert (cost[3] > cost[1]) == entry.live
    assert (cost[1] > 0) == bool(entry.teacher)
    if entry.teacher and entry.family != "control" and not entry.live:
        control = distill(entry.build, guide, pool, kept_where_alone(shuffled(made)), recipe=Recipe(steps=2, batch_size=8), progress=False)
        assert all(values.isfinite().all() for values in control.history.values())


def test_the_setting_is_chosen_on_validation_and_the_test_digits_are_not_asked(monkeypatch):
    """A search that looks at test digits is caught: they are taken away while it runs."""
    digits = records_tournament.load_digits()
    monkeypatch.setattr(records_tournament, "load_digits", lambda: digits._replace(test=None))
    monkeypatch.setattr(records_tournament, "train", lambda name, strategy, seeds: Scripted(strategy, digits.validation.labels))
    tried = records_tournament.search("label smoothing")
    assert [choice for choice, _ in tried] == list(ENTRIES["label smoothing"].choices)
    assert max(tried, key=lambda pair: pair[1])[0] == {"smoothing": 0.2}


class Scripted:
    """Students whose validation accuracy is highest at smoothing 0.2."""

    def __init__(self, strategy, labels):
        self.wrong = int(1000 * abs(strategy.smoothing - 0.2)) + 1
        self.labels = labels

    def predict(self, part):
        answers = self.labels.clone()
        answers[: self.wrong] = (answers[: self.wrong] + 1) % 10
        return torch.nn.functional.one_hot(answers, 10).float().expand(3, -1, -1)


def test_shuffling_wraps_what_uses_the_teacher_and_nothing_else():
    staged = shuffled(Stages((strategies.FitNets(labels=0.0), 5), (strategies.HardLabels(), 7)))
    assert [(type(part).__name__, steps) for part, steps in staged.stages] == [("ShuffledTeacher", 5), ("HardLabels", 7)]
    assert staged.stages[0][0].within == "class"


def test_helpers_of_the_entries():
    assert grid(a=(1, 2), b=(3,)) == ({"a": 1, "b": 3}, {"a": 2, "b": 3})
    joint = on_embedding(strategies.SimilarityPreserving, weight=7.0)
    assert (joint.student_layers, joint.teacher_layers, joint.weight, joint.labels) == ("embedding", "hidden2", 7.0, 1.0)
    staged = on_embedding(strategies.FitNets, first=200)
    assert [steps for _, steps in staged.stages] == [200, 800] and staged.stages[0][0].labels == 0
    assert [steps for _, steps in two_stages(strategies.FlowOfSolution, 100, strategies.HardLabels()).stages] == [100, 500]


def test_a_newcomer_needs_one_file_and_one_line(tmp_path, monkeypatch, toy_images, toy_teacher):
    """A copy of the room with one more file and one more line: the new name is there, and the trainer takes it as it is."""
    room = tmp_path / "distill_helpers_copy" / "strategies"
    shutil.copytree(Path(strategies.__file__).parent, room)
    (room.parent / "__init__.py").write_text("")
    (room / "newcomer.py").write_text(
        "from dataclasses import dataclass\n\nfrom distill_helpers.strategies.contract import Strategy\n\n\n@dataclass(frozen=True)\n"
        "class Newcomer(Strategy):\n    def loss(self, student, teacher, batch):\n"
        "        return {'gap': (student(batch.x).logits - teacher(batch).logits).square().mean()}\n"
    )
    lines = (room / "__init__.py").read_text().splitlines()
    listed = next(n for n, line in enumerate(lines) if line.startswith("__all__"))
    lines.insert(listed, "from distill_helpers_copy.strategies.newcomer import Newcomer")
    (room / "__init__.py").write_text("\n".join(lines) + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = importlib.import_module("distill_helpers_copy.strategies")
    assert set(found.__all__) == {*strategies.__all__, "Newcomer"}
    recipe = Recipe(steps=40, batch_size=16, lr=1e-2)
    run = distill(lambda: BigMLP(64, 8, 2, 5), toy_teacher, toy_images, found.Newcomer(), seeds=(0, 1), recipe=recipe)
    assert run.history["gap"][-1].max() < run.history["gap"][0].min()
    for name in [n for n in sys.modules if n.startswith("distill_helpers_copy")]:
        del sys.modules[name]


def test_the_record_chose_by_validation_and_holds_a_control_for_every_strategy_that_looks_answers_up():
    table = read_record(records_tournament.__name__)
    assert set(table.entry) == set(ENTRIES) and (table.groupby("entry").seed.nunique() == len(records_tournament.SEEDS)).all()
    for name, rows in table.groupby("entry"):
        tried = [part.rsplit(": ", 1) for part in rows.searched.iloc[0].split("; ")]
        assert [said for said, _ in tried] == [records_tournament.written(choice) for choice in ENTRIES[name].choices]
        scores = {said: float(score) for said, score in tried}  # four digits: a tie there was decided by those behind
        assert scores[rows.choice.iloc[0]] == max(scores.values())
        entry = ENTRIES[name]
        controlled = bool(entry.teacher) and entry.family != "control" and not entry.live
        assert rows.control.notna().all() == controlled and rows.agreement.notna().all() == bool(entry.teacher)


def test_the_costs_say_who_asks_live():
    costs = read_record(records_costs.__name__).set_index("entry")
    assert set(costs.index) == {name for name, entry in ENTRIES.items() if entry.teacher}
    for name, row in costs.iterrows():
        assert (row.each_step > 0) == ENTRIES[name].live, name
        assert row.evaluations == row.table + BUDGETS[ENTRIES[name].division].steps * row.each_step
