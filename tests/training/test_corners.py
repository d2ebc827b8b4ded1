"""Corners of a call: who stopped a run, names that nearly agree, what a resumed call is compared by, what cannot be mapped."""

import subprocess
import sys
import warnings
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from distill_helpers.checks import InputError, one_of
from distill_helpers.comparison import compare
from distill_helpers.data import make_views
from distill_helpers.models import BigMLP
from distill_helpers.strategies import DataFree, Grid, HardLabels, LogitRegression, MixupDistillation, SoftTargets, Strategy
from distill_helpers.strategies.contract.divergences import cross_entropy
from distill_helpers.training import Recipe, distill
from distill_helpers.training.callbacks import Best, EarlyStop
from distill_helpers.training.replicates import draw_replicates

RECIPE = Recipe(steps=20, batch_size=8, lr=1e-2, check_every=5)


def student():
    return BigMLP(64, 8, 1, 5)


@pytest.fixture
def pool(toy_images):
    return make_views(toy_images, views=2, shift=1)


def stop_at_ten(run):
    return "stop" if run.step == 10 else None


class TestStopped:
    def test_by_a_watcher_that_is_no_longer_given_goes_on(self, pool):
        whole = distill(student, None, pool, HardLabels(), recipe=RECIPE)
        part = distill(student, None, pool, HardLabels(), recipe=RECIPE, watch=stop_at_ten)
        assert part.stopped and part.step == 10
        done = distill(student, None, pool, HardLabels(), recipe=RECIPE, resume=part)
        assert done.step == 20 and not done.stopped and torch.equal(done.history["hard"], whole.history["hard"])

    def test_by_one_that_is_given_stays_stopped(self, pool):
        part = distill(student, None, pool, HardLabels(), recipe=RECIPE, watch=stop_at_ten)
        assert distill(student, None, pool, HardLabels(), recipe=RECIPE, resume=part, watch=stop_at_ten).step == 10

    def test_by_a_less_patient_one_goes_on_from_a_checkpoint(self, pool, toy_images, tmp_path):
        call = dict(recipe=Recipe(steps=20, batch_size=8, lr=1e-9, check_every=5), checkpoint=tmp_path / "kept")
        first = distill(student, None, pool, HardLabels(), **call, watch=EarlyStop(toy_images, patience=1))
        assert first.stopped and first.step == 10
        assert distill(student, None, pool, HardLabels(), **call, watch=EarlyStop(toy_images, patience=1)).step == 10
        assert distill(student, None, pool, HardLabels(), **call, watch=EarlyStop(toy_images, patience=9)).step == 20


def test_settings_that_agree_to_six_digits_are_told_apart(pool, toy_images, toy_teacher):
    best, grid = Best(toy_images), Grid([SoftTargets(2.0), SoftTargets(2.0 + 1e-9), SoftTargets(8.0)])
    run = distill(student, toy_teacher, pool, grid, seeds=(0, 1), recipe=RECIPE, watch=best)
    assert len(set(run.names)) == 3 and len(best.scores) == 6


SCRIPT = """
from distill_helpers.training.by_value import described
import sys; sys.path.insert(0, {folder!r})
import mine
print(described([mine.build, mine.Mine()]))
"""
MINE = """
from dataclasses import dataclass
WIDTH = {width}
def helper(x): return x * {factor}
def inner(x): return helper(x)
def build(): return inner(WIDTH)
@dataclass
class Mine:
    def loss(self): return inner(1)
"""


def test_what_a_function_names_among_its_globals_is_part_of_it(tmp_path):
    def described(**values):
        (tmp_path / "mine.py").write_text(MINE.format(**values))
        script = SCRIPT.format(folder=str(tmp_path))
        return subprocess.run([sys.executable, "-B", "-c", script], capture_output=True, text=True, check=True).stdout

    one = described(width=4, factor=2)
    assert described(width=4, factor=2) == one and described(width=5, factor=2) != one and described(width=4, factor=3) != one
    kinds = [text.split(" | ") for text in (one, described(width=4, factor=3))]
    assert kinds[0] != kinds[1]


def test_sparse_gradients_are_refused_before_training():
    class Sparse(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.out = nn.Embedding(7, 4, sparse=True), nn.Linear(4, 3)

        def forward(self, x):
            return self.out(self.embed(x).mean(1))

    from distill_helpers.data import TokenPool

    tokens = TokenPool(torch.randint(3, (20, 6)), torch.arange(20) % 3, classes=3, name="tokens")
    with pytest.raises(InputError, match="'embed' was made with sparse=True"):
        distill(Sparse, None, tokens, HardLabels(), recipe=RECIPE)


def test_views_of_its_own_are_charged_as_what_one_replicate_needs(pool, toy_images, toy_teacher):
    drawn = draw_replicates(make_views(toy_images, views=8, shift=1), 2)
    drawn = [type(r)(r.seed, r.rows, r.labelled, r.teacher_rows, (4 * i, 4)) for i, r in enumerate(drawn)]
    found = compare(student, toy_teacher, make_views(toy_images, views=8, shift=1), {"soft": SoftTargets()}, test=toy_images, replicates=drawn,
                    recipe=RECIPE)  # fmt: skip
    assert found.costs[0]["teacher_evaluations"] == 4 * 40


class Recurrent(nn.Module):
    """A teacher that torch cannot map."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.read, self.last = nn.LSTM(1, 6, batch_first=True), nn.Linear(6, 5)

    def forward(self, x):
        return self.last(self.read(x.flatten(1).unsqueeze(-1))[0][:, -1])


class TestWhatCannotBeMapped:
    def test_falls_back_to_one_by_one(self, pool, tmp_path):
        call = dict(seeds=(0, 1), recipe=RECIPE, checkpoint=tmp_path / "kept")
        found = distill(student, Recurrent(), pool, MixupDistillation(), **call)
        assert "cannot be mapped over students" in found.why_alone and len(found.parts) == 2
        alone = distill(student, Recurrent(), pool, MixupDistillation(), seeds=(0, 1), recipe=RECIPE, stack=False)
        assert all(torch.equal(a, b) for i in range(2) for a, b in zip(found.model(i).parameters(), alone.model(i).parameters(), strict=True))
        assert distill(student, Recurrent(), pool, MixupDistillation(), **call).step == 20  # the same call finds its checkpoint

    def test_is_refused_where_a_stack_is_wanted(self, pool):
        with pytest.raises(InputError, match="stack=True was given"):
            distill(student, Recurrent(), pool, MixupDistillation(), seeds=(0, 1), recipe=RECIPE, stack=True)

    def test_in_a_comparison(self, pool, toy_images):
        arms = {"labels": HardLabels(), "mixed": MixupDistillation(), "mixed, hot": MixupDistillation(temperature=8.0)}
        call = dict(test=toy_images, replicates=3, recipe=RECIPE)
        one, two = (compare(student, Recurrent(), pool, arms, **call, stack=stack) for stack in ("auto", False))
        assert torch.equal(one.outcomes, two.outcomes) and one.costs == two.costs
        for arm in arms:
            assert all(torch.equal(a, b) for a, b in zip(one.model(arm, 2).parameters(), two.model(arm, 2).parameters(), strict=True))

    def test_trying_asks_no_teacher_for_the_count(self, pool, toy_teacher):
        from distill_helpers.training import Teacher

        teacher = Teacher(toy_teacher).over(pool)
        distill(student, teacher, pool, MixupDistillation(), seeds=(0, 1), recipe=RECIPE)
        asked = teacher.live_evaluations
        alone = Teacher(toy_teacher).over(pool)
        distill(student, alone, pool, MixupDistillation(), seeds=(0,), recipe=RECIPE)
        assert asked == alone.live_evaluations


@dataclass(frozen=True)
class Unmapped(Strategy):
    """Its loss has an operation that torch maps row by row."""

    needs_teacher = False

    def loss(self, student, teacher, batch):
        logits = student(batch.x).logits
        return {"hard": cross_entropy(logits, batch.y) + 0 * torch.nn.functional.ctc_loss(
            logits.log_softmax(-1).unsqueeze(1), batch.y[None, :2], torch.tensor([len(logits)]), torch.tensor([2]))}  # fmt: skip


def test_torchs_words_on_row_by_row_maps_do_not_reach_the_reader(pool):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        distill(student, None, pool, Unmapped(), seeds=(0, 1), recipe=RECIPE)
    assert not [w for w in said if "performance drop" in str(w.message)]


@pytest.mark.parametrize("value", [True, False])
def test_true_is_not_one(value):
    with pytest.raises(InputError, match="norm must be one of 1, 2"):
        LogitRegression(norm=value)
    one_of("stack", True, ("auto", True, False))
    with pytest.raises(InputError, match="must be one of"):
        one_of("stack", 1, ("auto", True, False))


def test_a_generator_that_cannot_take_its_numbers_is_named(pool, toy_teacher):
    data_free = DataFree(lambda: nn.Sequential(nn.Linear(32, 64), nn.Unflatten(1, (1, 8, 8))), latent=16, feature="hidden1")
    with pytest.raises(InputError, match=r"generator must take z .*cannot take \(8, 16\)"):
        distill(student, toy_teacher, pool, data_free, recipe=RECIPE)
