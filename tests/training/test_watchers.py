"""What may be done at each look of a run."""

import csv

import pytest
import torch
from torch import nn

from distill_helpers.checks import InputError
from distill_helpers.models import BigMLP
from distill_helpers.strategies import HardLabels
from distill_helpers.training import Recipe, distill
from distill_helpers.training.callbacks import Best, CsvLog, Curve, EarlyStop

RECIPE = Recipe(steps=60, batch_size=8, lr=1e-2, check_every=10)


def mlp():
    return BigMLP(64, 8, 1, 5)


def with_statistics():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 5))


def test_the_curve_holds_each_student_at_each_look(toy_images):
    curve = Curve(toy_images)
    run = distill(mlp, None, toy_images, HardLabels(), seeds=(0, 1), recipe=RECIPE, watch=curve)
    assert [(r["step"], r["seed"]) for r in curve.rows] == [(s, seed) for s in range(10, 61, 10) for seed in (0, 1)]
    last = [r["accuracy"] for r in curve.rows[-2:]]
    assert last == pytest.approx((run.predict(toy_images).argmax(-1) == toy_images.labels).float().mean(1).tolist())
    assert curve.rows[0]["loss"] > curve.rows[-2]["loss"]


@pytest.mark.parametrize("student", [mlp, with_statistics])
def test_the_best_look_is_kept_and_put_back(student, toy_images):
    """Scores by hand: the third look is the best of the first student, the first look of the second."""
    marks = {0: [1, 2, 9, 3, 3, 3], 1: [5, 1, 1, 1, 5, 1]}
    seen, weights = {0: 0, 1: 0}, {}

    class Scored(Best):
        def __call__(self, run):
            self.run = run
            super().__call__(run)

    def score(logits, labels):
        values = []
        for seed in keeper.run.seeds:
            values.append(marks[seed][seen[seed]])
            i = keeper.run.seeds.index(seed)
            weights[seed, seen[seed]] = keeper.run.model(i).state_dict()
            seen[seed] += 1
        return torch.tensor(values)

    keeper = Scored(toy_images, score)
    run = distill(student, None, toy_images, HardLabels(), seeds=(0, 1), recipe=RECIPE, watch=keeper)
    assert keeper.steps == [30, 10] and keeper.scores == [9, 5]
    keeper.put_back(run)
    for i, look in ((0, 2), (1, 0)):
        assert all(torch.equal(t, weights[i, look][name]) for name, t in run.model(i).state_dict().items())


def test_training_stops_when_all_have_stalled(toy_images):
    marks = iter([1, 2, 3, 3, 3, 3, 3])
    run = distill(mlp, None, toy_images, HardLabels(), seeds=(0, 1), recipe=RECIPE,
                  watch=EarlyStop(toy_images, patience=2, score=lambda z, y: torch.tensor([next(marks)] * 2)))  # fmt: skip
    assert run.stopped and not run.interrupted and run.step == 50 and len(run.history["hard"]) == 50
    alone = distill(with_statistics, None, toy_images, HardLabels(), seeds=(0, 1), recipe=RECIPE,
                    watch=EarlyStop(toy_images, patience=1, score=lambda z, y: torch.zeros(1)))  # fmt: skip
    assert [part.step for part in alone.parts] == [20, 20] and not alone.diverged.any()


def test_the_log_has_one_row_for_each_student_and_term(toy_images, tmp_path):
    run = distill(mlp, None, toy_images, HardLabels(), seeds=(0, 1), recipe=RECIPE, watch=CsvLog(tmp_path / "deep" / "log.csv"))
    with (tmp_path / "deep" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12 and rows[3]["term"] == "hard" and rows[3]["step"] == "20" and rows[3]["seed"] == "1"
    assert float(rows[3]["value"]) == pytest.approx(run.history["hard"][10:20, 1].mean().item(), rel=1e-5)


def test_tensorboard_gets_each_term_or_says_what_is_missing(toy_images, tmp_path, monkeypatch):
    import sys
    import types

    from distill_helpers.training.callbacks import TensorBoard

    written = []

    class Writer:
        def __init__(self, folder):
            self.folder = folder

        def add_scalar(self, name, value, step):
            written.append((name, step))

        def flush(self):
            pass

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", types.SimpleNamespace(SummaryWriter=Writer))
    distill(mlp, None, toy_images, HardLabels(), seeds=(0, 1), recipe=RECIPE, watch=TensorBoard(tmp_path))
    assert written[:2] == [("HardLabels(), seed 0/hard", 10), ("HardLabels(), seed 1/hard", 10)] and len(written) == 12
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match=r"distill-helpers\[tensorboard\]"):
        TensorBoard(tmp_path)


def test_what_cannot_watch_is_refused(toy_images):
    for make in (Curve, Best, EarlyStop):
        with pytest.raises(InputError, match="held_out must carry labels"):
            make(toy_images.without_labels())
    with pytest.raises(InputError, match="watch must be a callable"):
        distill(mlp, None, toy_images, HardLabels(), recipe=RECIPE, watch=[3])
    with pytest.raises(InputError, match="patience must be a whole number"):
        EarlyStop(toy_images, patience=1.5)


def test_watching_changes_no_numbers(toy_images):
    plain = distill(mlp, None, toy_images, HardLabels(), recipe=RECIPE)
    watched = distill(mlp, None, toy_images, HardLabels(), recipe=RECIPE, watch=[Curve(toy_images), Best(toy_images)])
    assert all(torch.equal(a, b) for a, b in zip(plain.model(0).parameters(), watched.model(0).parameters(), strict=True))
