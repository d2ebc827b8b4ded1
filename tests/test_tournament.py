"""The tournament's entries: every strategy has one or a reason, nobody may try more than four settings, and each can be built."""

import importlib
import shutil
import sys
from pathlib import Path

import pytest

from distill_helpers import strategies
from distill_helpers.course.entries import BUDGETS, ENTRIES, STUDENTS, TEACHERS, grid, on_embedding, two_stages
from distill_helpers.models import BigMLP
from distill_helpers.strategies import Stages, Strategy
from distill_helpers.training import Recipe, distill

NOT_ENTERED = {
    "Batch": "no strategy", "Strategy": "the base of all", "Grid": "a way to stack", "Stages": "a way to combine",
    "Penalised": "a penalty for notebook 04, not a way to distil", "DenselyGuided": "built with a trained assistant, see below",
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
    lines.insert(len(lines) - 2, "from distill_helpers_copy.strategies.newcomer import Newcomer")
    (room / "__init__.py").write_text("\n".join(lines) + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = importlib.import_module("distill_helpers_copy.strategies")
    assert set(found.__all__) == {*strategies.__all__, "Newcomer"}
    recipe = Recipe(steps=40, batch_size=16, lr=1e-2)
    run = distill(lambda: BigMLP(64, 8, 2, 5), toy_teacher, toy_images, found.Newcomer(), seeds=(0, 1), recipe=recipe)
    assert run.history["gap"][-1].max() < run.history["gap"][0].min()
    for name in [n for n in sys.modules if n.startswith("distill_helpers_copy")]:
        del sys.modules[name]
