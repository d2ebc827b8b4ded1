"""A stack shared between processes: the same numbers as in one process, whatever is asked of the run on its way."""

import multiprocessing
import os
import signal
import sys
from dataclasses import dataclass

import pytest
import torch

from distill_helpers.checks import InputError
from distill_helpers.comparison import Redrawn, compare
from distill_helpers.data import ArrayPool, make_views
from distill_helpers.models import BigMLP
from distill_helpers.strategies import Adversarial, FitNets, Grid, HardLabels, MixupDistillation, Relational, SoftTargets, Stages, Strategy
from distill_helpers.strategies.contract.divergences import cross_entropy
from distill_helpers.training import Diverged, Recipe, distill, processes
from distill_helpers.training.callbacks import Best, Curve
from distill_helpers.training.loop import STOP, Lane, Work

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes share a stack on Linux alone")

FEATURES = {"student_layers": "hidden1", "teacher_layers": "hidden1"}
RECIPE = Recipe(steps=30, batch_size=8, lr=1e-2, weight_decay=0.05, check_every=5)


def student():
    return BigMLP(64, 8, 1, 5).double()


@pytest.fixture(scope="module")
def doubles(toy_images):
    pool = make_views(toy_images, views=3, shift=1)
    return ArrayPool(pool.pixels.double() / 255, toy_images.labels, classes=5, name="toy", has_views=True)


def gap(a, b):
    return max((x - b.model(i).state_dict()[k]).abs().max().item() for i in range(len(a)) for k, x in a.model(i).state_dict().items())


CALLS = {
    "soft targets": SoftTargets(),
    "relations": Relational(**FEATURES),
    "hints": FitNets(**FEATURES),
    "a critic": Adversarial(SoftTargets(), condition="none"),
    "a critic, two turns": Adversarial(SoftTargets(), condition="image", inputs=64, opponent_steps=2),
    "mixup, asked live": MixupDistillation(),
    "stages": Stages((SoftTargets(), 12), (HardLabels(), 18)),
    "a grid": Grid([SoftTargets(2.0), SoftTargets(8.0)]),
}


@pytest.mark.parametrize("clip", [None, 0.5])
@pytest.mark.parametrize("strategy", CALLS.values(), ids=CALLS)
def test_processes_give_the_numbers_of_one(strategy, clip, doubles, toy_teacher):
    """Five seeds cannot be shared evenly between three processes."""
    recipe = Recipe(steps=30, batch_size=8, lr=1e-2, clip_norm=clip, check_every=8)
    one, three = (distill(student, toy_teacher, doubles, strategy, seeds=range(5), recipe=recipe, processes=n) for n in (1, 3))
    assert gap(one, three) < 1e-9 and one.step == three.step == 30
    assert all((one.history[k] - three.history[k]).abs().max() < 1e-5 for k in one.history) and one.history.keys() == three.history.keys()
    assert one.teacher_evaluations == three.teacher_evaluations and one.live_evaluations == three.live_evaluations
    assert one.seeds == three.seeds and one.names == three.names
    assert not multiprocessing.active_children()


def test_a_comparison_shared_between_processes(doubles, toy_images):
    """Replicates with teachers and labels of their own, several groups of arms."""
    arms = {"labels": HardLabels(), "soft": SoftTargets(), "cool": SoftTargets(2.0), "hints": FitNets(**FEATURES), "mixup": MixupDistillation(),
            "critic": Adversarial(SoftTargets(), condition="none"), "relations": Relational(**FEATURES)}  # fmt: skip
    teacher = Redrawn(lambda: BigMLP(64, 32, 2, 5).double(), Recipe(steps=20, batch_size=8, lr=1e-2))
    test = ArrayPool(toy_images.x, toy_images.labels, classes=5, name="toy test")
    one, two = (compare(student, teacher, doubles, arms, test=test, replicates=3, labelled=24, recipe=RECIPE, processes=n) for n in (1, 2))
    assert max((x - two.model(a, r).state_dict()[k]).abs().max().item() for a in arms for r in range(3)
               for k, x in one.model(a, r).state_dict().items()) < 1e-9  # fmt: skip
    assert torch.equal(one.outcomes, two.outcomes) and one.costs == two.costs
    assert [r.teacher_evaluations for r in one.runs] == [r.teacher_evaluations for r in two.runs]


def test_watchers_see_every_look(doubles, toy_images, toy_teacher):
    test = ArrayPool(toy_images.x, toy_images.labels, classes=5, name="toy test")
    rows = {}
    for n in (1, 2):
        curve, best = Curve(test), Best(test)
        run = distill(student, toy_teacher, doubles, SoftTargets(), seeds=range(4), recipe=RECIPE, watch=[curve, best], processes=n)
        rows[n] = [(r["step"], r["seed"], r["accuracy"]) for r in curve.rows], best.steps, best.scores
        best.put_back(run)
    assert rows[1] == rows[2] and len(rows[1][0]) == 6 * 4


def test_a_watcher_stops_all(doubles, toy_teacher):
    run = distill(student, toy_teacher, doubles, SoftTargets(), seeds=range(4), recipe=RECIPE, processes=2,
                  watch=lambda run: STOP if run.step == 10 else None)  # fmt: skip
    assert run.stopped and run.step == 10 and len(run.history["soft"]) == 10


@pytest.mark.parametrize("then", [1, 2, 3])
@pytest.mark.parametrize("strategy", CALLS.values(), ids=CALLS)
def test_an_interrupted_run_goes_on(strategy, then, doubles, toy_teacher, capsys):
    """Also in another number of processes: nothing but last digits depends on it."""
    call = dict(seeds=range(4), recipe=RECIPE)

    def press(run):
        if run.step == 10:
            os.kill(os.getpid(), signal.SIGINT)

    whole = distill(student, toy_teacher, doubles, strategy, **call, processes=1)
    part = distill(student, toy_teacher, doubles, strategy, **call, watch=press, processes=2)
    assert part.interrupted and part.step in (10, 15) and "resume=run" in capsys.readouterr().out
    done = distill(student, toy_teacher, doubles, strategy, **call, resume=part, processes=then)
    assert not done.interrupted and done.step == 30 and gap(done, whole) < 1e-9
    assert done.teacher_evaluations == whole.teacher_evaluations


def test_a_checkpoint_goes_on(doubles, toy_teacher, tmp_path):
    class Enough(Exception):
        pass

    def leave(run):
        if run.step == 20:
            raise Enough

    call = dict(seeds=range(4), recipe=RECIPE, processes=2)
    whole = distill(student, toy_teacher, doubles, Adversarial(SoftTargets(), condition="none"), **call)
    with pytest.raises(Enough):
        distill(student, toy_teacher, doubles, Adversarial(SoftTargets(), condition="none"), **call, watch=leave, checkpoint=tmp_path / "kept")
    assert not multiprocessing.active_children()
    again = distill(student, toy_teacher, doubles, Adversarial(SoftTargets(), condition="none"), **call, checkpoint=tmp_path / "kept")
    assert gap(again, whole) == 0 and torch.equal(again.history["soft"], whole.history["soft"])


@dataclass(frozen=True)
class Late(Strategy):
    """Fails, or goes to infinity, from a step on."""

    what: str = "fails"
    needs_teacher = False
    needs_labels = True

    def draw(self, x, generator):
        Late.steps = getattr(Late, "steps", 0) + 1
        if self.what == "fails" and Late.steps > 12:
            raise InputError("the data must last longer.")
        if self.what == "dies" and Late.steps > 12:
            os.kill(os.getpid(), signal.SIGKILL)
        return {}

    def loss(self, student, teacher, batch):
        hard = cross_entropy(student(batch.x).logits, batch.y)
        return {"hard": hard / (batch.progress < 0.5) if self.what == "explodes" else hard}


@pytest.mark.parametrize(("what", "error", "says"), [("fails", InputError, "must last longer"), ("dies", RuntimeError, "exit code -9"),
                                                     ("explodes", Diverged, "at step 15")])  # fmt: skip
def test_what_goes_wrong_in_a_process_is_said(what, error, says, doubles):
    if hasattr(Late, "steps"):
        del Late.steps
    with pytest.raises(error, match=says) as found:
        distill(student, None, doubles, Late(what), seeds=range(4), recipe=RECIPE, processes=2)
    assert not multiprocessing.active_children()
    if error is Diverged:
        assert found.value.run.step == 15 and found.value.run.predict(doubles).isfinite().all()


def work(pool, strategy, lanes, steps=1000):
    from distill_helpers.training.loop import Group, Stage

    return Work([Lane(i) for i in range(lanes)], [Group([Stage(strategy, [], {}, steps, {})])], pool, torch.device("cpu"))


def test_auto_shares_long_runs_of_this_package_alone(doubles, monkeypatch):
    monkeypatch.delenv("DISTILL_THREADS", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        count = lambda strategy, lanes, pool=doubles, **more: processes.processes_for("auto", lanes, work(pool, strategy, lanes, **more), RECIPE)
        assert count(HardLabels(), 8) == 3 and count(HardLabels(), 2) == 2
        assert count(HardLabels(), 1) == 1 and count(HardLabels(), 8, steps=10) == 1
        assert count(Late(), 8) == 1 and count(Adversarial(Late()), 8) == 1  # what they do to their surroundings would be lost
        assert processes.processes_for(2, 8, work(doubles, Late(), 8), RECIPE) == 2
        assert count(HardLabels(), 8, pool=doubles.subset(torch.arange(8))) == 3
        monkeypatch.setenv("DISTILL_THREADS", "1")
        assert count(HardLabels(), 8) == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("given", [0, 1.5, "two", True])
def test_processes_must_be_a_number(given, toy_images, toy_teacher):
    with pytest.raises(InputError, match="processes must be"):
        distill(student, toy_teacher, toy_images, SoftTargets(), recipe=Recipe(steps=2, batch_size=8), processes=given)
