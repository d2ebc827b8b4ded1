"""A shared stack in trouble: errors, watchers that meddle, what a process has done and the caller must hear of."""

import multiprocessing
import os
import sys
import threading
import time
import warnings
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from distill_helpers.checks import InputError
from distill_helpers.data import ArrayPool, make_views
from distill_helpers.data.seeded import all_seeded, draws
from distill_helpers.models import BigMLP
from distill_helpers.strategies import HardLabels, MixupDistillation, Relational, SoftTargets, Strategy
from distill_helpers.strategies.contract.divergences import cross_entropy
from distill_helpers.strategies.contract.feature_tools import FrozenProducts, frozen_products
from distill_helpers.training import Recipe, Teacher, distill, processes
from distill_helpers.training.callbacks import Curve
from distill_helpers.training.loop import Group, Lane, Stage, Work
from distill_helpers.training.proof import draws_random_numbers

pytestmark = pytest.mark.skipif(sys.platform != "linux" or torch.accelerator.is_available(), reason="processes share a stack on Linux alone, and "
                                "where no accelerator is")  # fmt: skip

RECIPE = Recipe(steps=30, batch_size=8, lr=1e-2, check_every=5)
CALL = dict(seeds=range(4), recipe=RECIPE)


def student():
    return BigMLP(64, 8, 1, 5).double()


@pytest.fixture
def doubles(toy_images):
    pool = make_views(toy_images, views=3, shift=1)
    return ArrayPool(pool.pixels.double() / 255, toy_images.labels, classes=5, name="toy", has_views=True)


def gap(a, b):
    return max((x - b.model(i).state_dict()[k]).abs().max().item() for i in range(len(a)) for k, x in a.model(i).state_dict().items())


class Enough(Exception):
    pass


class Leaves:
    """A watcher that keeps the run and raises at a step."""

    def __init__(self, step):
        self.step, self.run = step, None

    def __call__(self, run):
        self.run = run
        if run.step == self.step:
            raise Enough


@pytest.mark.parametrize("count", [1, 2])
def test_a_run_left_by_a_watchers_error_goes_on_as_if_unbroken(count, doubles, toy_teacher):
    whole, left = distill(student, toy_teacher, doubles, SoftTargets(), **CALL, processes=1), Leaves(10)
    with pytest.raises(Enough):
        distill(student, toy_teacher, doubles, SoftTargets(), **CALL, watch=left, processes=count)
    assert left.run.step == 10 and not left.run.torn
    done = distill(student, toy_teacher, doubles, SoftTargets(), **CALL, resume=left.run, processes=1)
    assert done.step == 30 and gap(done, whole) < 1e-12


@dataclass(frozen=True)
class FailsAtStep(Strategy):
    """Raises in its own draw, between two looks, in one of the processes; the other goes on."""

    step: int = 12
    needs_teacher = False
    needs_labels = True
    error = ValueError

    def draw(self, x, generator):
        FailsAtStep.calls += 1
        number = multiprocessing.current_process()._identity
        if FailsAtStep.calls > self.step * 2 and (not number or number[-1] % 2):
            raise self.error("no more")
        return {}

    def loss(self, student, teacher, batch):
        return {"hard": cross_entropy(student(batch.x).logits, batch.y)}


@pytest.mark.parametrize("count", [1, 2])
def test_a_run_left_within_a_step_has_the_weights_of_its_last_look_and_does_not_go_on(count, doubles):
    FailsAtStep.calls, left, good = 0, Leaves(-1), {}

    def look(run):
        good[run.step] = [run.model(i).state_dict() for i in range(4)]
        left(run)

    with pytest.raises(ValueError, match="no more") as found:
        distill(student, None, doubles, FailsAtStep(), **CALL, watch=look, processes=count)
    assert count == 1 or "in draw" in str(found.value.__cause__)  # where in the process it was raised
    run = left.run
    assert run.step in good and run.step < 30 and run.torn and run.optimizers is None
    for i in range(4):
        assert all(torch.equal(t, good[run.step][i][k]) for k, t in run.model(i).state_dict().items())
    FailsAtStep.calls = -(10**6)
    with pytest.raises(InputError, match="can go on, but ValueError ended it within a step"):
        distill(student, None, doubles, FailsAtStep(), **CALL, resume=run)


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_what_is_no_ordinary_error_arrives_too(error, doubles, monkeypatch):
    FailsAtStep.calls = 0
    monkeypatch.setattr(FailsAtStep, "error", error)
    with pytest.raises(error):
        distill(student, None, doubles, FailsAtStep(), **CALL, processes=2)


def test_a_watcher_may_change_the_optimisers_settings(doubles, toy_teacher):
    def freeze(run):
        if run.step == 10:
            for optimizer in run.optimizers:
                optimizer.defaults["lr"] = 0.0
                optimizer.param_groups[0]["weight_decay"] = 0.0

    one, two, free = (distill(student, toy_teacher, doubles, SoftTargets(), **CALL, watch=watch, processes=n)
                      for n, watch in ((1, freeze), (2, freeze), (2, ())))  # fmt: skip
    assert gap(one, two) < 1e-12 and gap(free, two) > 1e-3


def test_auto_leaves_others_watchers_and_pools_in_this_process(doubles, toy_images, monkeypatch):
    class Mine(ArrayPool):
        pass

    monkeypatch.setenv("DISTILL_THREADS", "2")
    other = Mine(doubles.arrays, doubles.labels, classes=5, name="mine", has_views=True)

    def count(pool=doubles, watch=()):
        lanes, group = [Lane(i) for i in range(8)], Group([Stage(HardLabels(), [], {}, 1000, {})])
        return processes.processes_for("auto", 8, Work(lanes, [group], pool, torch.device("cpu"), watch=list(watch)), RECIPE)

    assert count() == count(watch=[Curve(toy_images)]) == 2
    assert count(pool=other) == count(watch=[lambda run: None]) == 1
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    assert count() == 1


@pytest.mark.parametrize("strategy", [SoftTargets(), MixupDistillation()], ids=["stored", "live"])
def test_the_teacher_knows_what_it_was_asked_in_processes(strategy, doubles, toy_teacher):
    counts = []
    for n in (1, 2):
        teacher = Teacher(toy_teacher).over(doubles)
        distill(student, teacher, doubles, strategy, **CALL, processes=n)
        counts.append(teacher.evaluations)
    assert counts[0] == counts[1]


def test_trained_weights_lie_in_memory_of_their_own(doubles, toy_teacher):
    run = distill(student, toy_teacher, doubles, SoftTargets(), **CALL, processes=2)
    child = os.fork()
    if child == 0:
        with torch.no_grad():
            next(iter(run.fleet.params["student"].values())).zero_()
        os._exit(0)
    os.waitpid(child, 0)
    assert all(p.abs().sum() > 0 for p in run.fleet.params["student"].values() if p.dim() > 2)
    again = distill(student, toy_teacher, doubles, SoftTargets(), **CALL, processes=2)
    assert gap(run, again) == 0


@dataclass(frozen=True)
class Warns(HardLabels):
    def draw(self, x, generator):
        warnings.warn("look here", stacklevel=1)
        return {}


def test_warnings_of_processes_are_heard(doubles):
    processes.SAID.clear()
    with pytest.warns(UserWarning, match="look here"):
        distill(student, None, doubles, Warns(), **CALL, processes=2)


class Draws(nn.Module):
    def __init__(self, random):
        super().__init__()
        self.layer, self.random = nn.Linear(64, 5), random

    def forward(self, x):
        out = self.layer(x.flatten(1))
        return out + 0 * torch.rand(()) if self.random else out


def test_another_threads_draws_are_not_taken_for_the_students(toy_images):
    pool, stop = make_views(toy_images, views=1), threading.Event()

    def draw():
        while not stop.is_set():
            torch.rand(1)
            time.sleep(2e-3)

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        for _ in range(300):
            assert not draws_random_numbers(Draws(False), pool)
        assert draws_random_numbers(Draws(True), pool)
    finally:
        stop.set()
        thread.join()


def test_two_threads_that_seed_wait_for_each_other():
    found = {}

    def draw(number):
        values = []
        for _ in range(200):
            with all_seeded(number):
                values.append((float(torch.rand(())), float(torch.rand(()))))
        found[number] = set(values)

    threads = [threading.Thread(target=draw, args=(n,)) for n in (1, 2)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert [len(values) for values in found.values()] == [1, 1]


def test_draws_says_what_was_returned():
    assert draws(lambda: 3) == (False, 3)
    assert draws(lambda: float(torch.rand(())))[0]


class TestProductsThatAreRemembered:
    def test_precision_is_part_of_the_question(self):
        x = torch.randn(6, 5)
        exact = frozen_products(x)
        with torch.autocast("cpu", torch.bfloat16):
            assert frozen_products(x).dtype == torch.bfloat16
        assert torch.equal(frozen_products(x), exact) and frozen_products(x).dtype == torch.float32

    def test_inference_mode(self):
        with torch.inference_mode():
            x = torch.randn(6, 5)
            torch.testing.assert_close(frozen_products(x), x @ x.T)
        y = torch.randn(6, 5)
        with torch.inference_mode():
            frozen_products(y)
        torch.testing.assert_close(frozen_products(y), y @ y.T)

    def test_a_changed_result_is_made_anew(self):
        x = torch.randn(6, 5)
        frozen_products(x).zero_()
        torch.testing.assert_close(frozen_products(x), x @ x.T)

    def test_nothing_is_held_after_training(self, doubles, toy_teacher):
        relations = Relational(student_layers="hidden1", teacher_layers="hidden1")
        distill(student, toy_teacher, doubles, relations, recipe=Recipe(steps=3, batch_size=8))
        assert FrozenProducts.last is None
