"""The loop: the same numbers alone and together, after an interruption, and a clear end when a loss explodes."""

import os
import signal

import pytest
import torch
from torch import nn
from waits import Waits

from distill_helpers.data import make_views
from distill_helpers.models import BigMLP, PlainPerceptron, ResidualStudent
from distill_helpers.strategies import (
    Grid,
    HardLabels,
    LabelSmoothing,
    RandomTeacher,
    ShuffledTeacher,
    SoftTargets,
    Stages,
)
from distill_helpers.training import Diverged, Recipe, Teacher, distill, fit, load_weights, save_weights
from distill_helpers.training.loop import Loop

STUDENTS = {
    "residual": lambda: ResidualStudent(64, 12, 4, 2, 5),
    "perceptron": lambda: PlainPerceptron(64, 8, 5),
    "mlp": lambda: BigMLP(64, 8, 2, 5),
}
STRATEGIES = [HardLabels(), LabelSmoothing(0.2), SoftTargets(3.0, 0.7), SoftTargets(2.0, 1.0),
              ShuffledTeacher(SoftTargets()), ShuffledTeacher(SoftTargets(), "class"), RandomTeacher(SoftTargets())]  # fmt: skip
CALLS = []
SHORT = Recipe(steps=25, batch_size=16, lr=1e-2, check_every=5)


def weights(run, i=0):
    return run.model(i).state_dict()


def largest_gap(a, b):
    return max((a[k] - b[k]).abs().max().item() for k in a)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.name)
@pytest.mark.parametrize("student", STUDENTS.values(), ids=STUDENTS)
def test_together_equals_alone(student, strategy, toy_images, toy_teacher):
    pool = make_views(toy_images, views=3, shift=1)
    together = distill(student, toy_teacher, pool, strategy, seeds=(3, 8, 1), recipe=SHORT)
    alone = distill(student, toy_teacher, pool, strategy, seeds=(3, 8, 1), recipe=SHORT, stack=False)
    single = distill(student, toy_teacher, pool, strategy, seeds=(8,), recipe=SHORT)
    assert largest_gap(weights(together, 1), weights(alone, 1)) < 2e-5
    assert largest_gap(weights(together, 1), weights(single, 0)) < 2e-5
    for name in together.history:
        torch.testing.assert_close(together.history[name], alone.history[name], atol=1e-4, rtol=1e-4)
    assert largest_gap(weights(together, 0), weights(together, 1)) > 1e-2  # different seeds are different students
    assert together.teacher_evaluations == alone.teacher_evaluations == (3 * 40 if strategy.needs_teacher else 0)


def test_batch_statistics_fall_back_to_one_by_one(toy_images, toy_teacher):
    def student():
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 5))

    run = distill(student, toy_teacher, toy_images, SoftTargets(), seeds=(0, 1), recipe=SHORT)
    assert len(run) == 2 and run.predict(toy_images).shape == (2, 40, 5)
    assert run.model(0)[2].num_batches_tracked == 25
    torch.testing.assert_close(run.predict(toy_images)[1], run.model(1)(toy_images.x))


def test_equal_seeds_start_equal_whatever_the_strategy(toy_images, toy_teacher):
    tiny = Recipe(steps=1, batch_size=16, lr=1e-12)
    runs = [distill(STUDENTS["mlp"], toy_teacher, toy_images, s, seeds=(4,), recipe=tiny) for s in STRATEGIES[:3]]
    assert largest_gap(weights(runs[0]), weights(runs[1])) < 1e-9
    assert largest_gap(weights(runs[0]), weights(runs[2])) < 1e-9


def test_a_grid_equals_its_strategies_one_by_one(toy_images, toy_teacher):
    parts = [SoftTargets(1.0, 0.5), SoftTargets(8.0, 0.5)]
    grid = distill(STUDENTS["mlp"], toy_teacher, toy_images, Grid(parts), seeds=(0, 1), recipe=SHORT)
    for number, strategy in enumerate(parts):
        single = distill(STUDENTS["mlp"], toy_teacher, toy_images, strategy, seeds=(0, 1), recipe=SHORT)
        assert largest_gap(weights(grid, 2 * number + 1), weights(single, 1)) < 2e-5
    assert grid.names[0] != grid.names[2] and grid.seeds == [0, 1, 0, 1]


def test_stages_run_in_order_on_the_same_students(toy_images, toy_teacher):
    run = distill(STUDENTS["mlp"], toy_teacher, toy_images, Stages((SoftTargets(4.0, 1.0), 10), (HardLabels(), 15)),
                  seeds=(0, 1), recipe=SHORT)  # fmt: skip
    assert run.step == 25
    soft, hard = run.history["soft"], run.history["hard"]
    assert (soft[:10] > 0).all() and (soft[10:] == 0).all() and (hard[10:] > 0).all()


def test_an_interrupted_run_goes_on_to_the_same_weights(toy_images, toy_teacher, capsys):
    whole = distill(STUDENTS["residual"], toy_teacher, toy_images, SoftTargets(), seeds=(0, 1), recipe=SHORT)

    CALLS.clear()

    class Interrupting(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = STUDENTS["residual"]()

        def forward(self, x, features=False):
            if self.training:
                CALLS.append(1)
            if self.training and len(CALLS) == 12:
                os.kill(os.getpid(), signal.SIGINT)
            return self.net(x, features)

    before = signal.getsignal(signal.SIGINT)
    part = distill(Interrupting, toy_teacher, toy_images, SoftTargets(), seeds=(0, 1), recipe=SHORT)
    assert part.interrupted and 0 < part.step < 25
    assert "resume=run" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGINT) is before
    done = distill(Interrupting, toy_teacher, toy_images, SoftTargets(), seeds=(0, 1), recipe=SHORT, resume=part)
    assert not done.interrupted and done.step == 25 and len(done.history["soft"]) == 25
    ours = {k.removeprefix("net."): v for k, v in weights(done, 1).items()}
    assert largest_gap(ours, weights(whole, 1)) < 1e-6


def test_divergence_names_strategy_seed_and_step_and_keeps_good_weights(toy_images):
    recipe = Recipe(steps=60, batch_size=16, lr=1e38, optimizer="sgd", check_every=5)
    with pytest.raises(Diverged, match=r"HardLabels\(\), seed 6: the loss became .* at step \d+") as caught:
        distill(STUDENTS["mlp"], None, toy_images, HardLabels(), seeds=(6,), recipe=recipe)
    run = caught.value.run
    assert all(t.isfinite().all() for t in run.model(0).state_dict().values())
    assert run.step % 5 == 0


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("strategy", [SoftTargets(), ShuffledTeacher(SoftTargets()), LabelSmoothing()], ids=lambda s: s.name)
def test_no_step_waits_for_the_device(strategy, optimizer, toy_images, toy_teacher, monkeypatch):
    watch, plain = Waits(), Loop.one_step

    def watched(self, step):
        self.schedule(step)  # an epoch's order is made on the host and sent at once, between the steps
        with watch:
            return plain(self, step)

    monkeypatch.setattr(Loop, "one_step", watched)
    recipe = Recipe(steps=12, batch_size=16, optimizer=optimizer, clip_norm=1.0, check_every=50)
    distill(STUDENTS["residual"], toy_teacher, toy_images, strategy, seeds=(0, 1), recipe=recipe)
    assert watch.seen == []
    with watch:
        torch.ones(1).item()
    assert watch.seen  # the watch itself works


def test_clipping_acts_on_each_student_alone(toy_images, toy_teacher):
    recipe = Recipe(steps=10, batch_size=16, lr=0.1, optimizer="sgd", momentum=0.0, clip_norm=0.05)
    both = distill(STUDENTS["mlp"], None, toy_images, HardLabels(), seeds=(0, 1), recipe=recipe)
    one = distill(STUDENTS["mlp"], None, toy_images, HardLabels(), seeds=(1,), recipe=recipe)
    assert largest_gap(weights(both, 1), weights(one)) < 1e-6
    start = distill(STUDENTS["mlp"], None, toy_images, HardLabels(), seeds=(1,),
                    recipe=Recipe(steps=1, batch_size=16, lr=1e-12))  # fmt: skip
    moved = sum((a - b).square().sum() for a, b in zip(weights(one).values(), weights(start).values(), strict=True)) ** 0.5
    assert moved <= 10 * 0.1 * 0.05 + 1e-6


def test_fit_trains_the_given_model_and_leaves_it_usable(toy_images):
    model = STUDENTS["mlp"]()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    run = fit(model, toy_images, Recipe(steps=150, batch_size=20, lr=1e-2))
    assert largest_gap(model.state_dict(), before) > 1e-2
    assert (model(toy_images.x).argmax(-1) == toy_images.labels).float().mean() > 0.9
    assert run.history["hard"][-1] < run.history["hard"][0]


def test_teacher_is_frozen_in_evaluation_mode_and_untouched(toy_images):
    source = BigMLP(64, 16, 2, 5, dropout=0.5).train()
    before = {k: v.clone() for k, v in source.state_dict().items()}
    teacher = Teacher(source).over(make_views(toy_images, 2, 1))
    assert source.training and all(p.requires_grad for p in source.parameters())
    assert not teacher.module.training and not any(p.requires_grad for p in teacher.module.parameters())
    distill(STUDENTS["mlp"], teacher, teacher.pool, SoftTargets(), recipe=SHORT)
    assert largest_gap(source.state_dict(), before) == 0
    torch.testing.assert_close(teacher.table.logits[0], source.eval()(toy_images.x))


def test_weights_survive_the_disk(tmp_path):
    model = STUDENTS["residual"]()
    path = save_weights(model, tmp_path / "deep" / "student.safetensors")
    other = load_weights(STUDENTS["residual"](), path)
    assert largest_gap(model.state_dict(), other.state_dict()) == 0


@pytest.mark.slow
def test_compiled_step_gives_the_same_numbers(toy_images, toy_teacher):
    recipe = Recipe(steps=4, batch_size=16, check_every=4)
    from dataclasses import replace

    plain = distill(STUDENTS["mlp"], toy_teacher, toy_images, SoftTargets(), seeds=(0, 1), recipe=recipe)
    compiled = distill(STUDENTS["mlp"], toy_teacher, toy_images, SoftTargets(), seeds=(0, 1),
                       recipe=replace(recipe, compile=True))  # fmt: skip
    assert largest_gap(weights(plain, 1), weights(compiled, 1)) < 1e-4
