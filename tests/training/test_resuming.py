"""Stopping and going on: in memory and from the disk, stacked or one by one, in another process, and never as another run."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

from distill_helpers.checks import InputError
from distill_helpers.data import make_views
from distill_helpers.models import BigMLP
from distill_helpers.strategies import Adversarial, Grid, HardLabels, MixupDistillation, SoftTargets, Stages
from distill_helpers.training import Recipe, Teacher, distill, fit
from distill_helpers.training.callbacks import Best, Curve

RECIPE = Recipe(steps=30, batch_size=8, lr=1e-2, check_every=5)


def mlp():
    return BigMLP(64, 8, 1, 5)


def with_statistics():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 5))



def same(a, b) -> bool:
    """Bit for bit."""
    return all(torch.equal(x, b.model(i).state_dict()[k]) for i in range(len(a)) for k, x in a.model(i).state_dict().items())


def interrupt_at(looks: int):
    """A watcher that presses Ctrl-C at the n-th look, counted over all students."""
    count = [0]

    def press(run):
        count[0] += 1
        if count[0] == looks:
            os.kill(os.getpid(), signal.SIGINT)

    return press


CALLS = {
    "soft targets": (mlp, SoftTargets(), (0, 1)),
    "a critic": (mlp, Adversarial(SoftTargets(), condition="none"), (0, 1)),
    "mixup": (mlp, MixupDistillation(), (0, 1)),
    "stages": (mlp, Stages((SoftTargets(), 12), (HardLabels(), 18)), (0, 1)),
    "a grid": (mlp, Grid([SoftTargets(2.0), SoftTargets(8.0)]), (0, 1)),
    "batch statistics": (with_statistics, SoftTargets(), (0, 1, 2)),
}


@pytest.mark.parametrize("looks", [1, 8])
@pytest.mark.parametrize(("student", "strategy", "seeds"), CALLS.values(), ids=CALLS)
def test_an_interrupted_run_goes_on_to_the_same_weights(student, strategy, seeds, looks, toy_images, toy_teacher, capsys):
    """Interrupted during the first student and, one by one, during the second."""
    call = dict(seeds=seeds, recipe=RECIPE)
    whole = distill(student, toy_teacher, toy_images, strategy, **call)
    part = distill(student, toy_teacher, toy_images, strategy, **call, watch=interrupt_at(looks))
    if looks == 8 and not whole.parts:
        assert not part.interrupted  # six looks in all
        return
    assert part.interrupted and len(part) == len(whole)
    assert "resume=run" in capsys.readouterr().out
    done = distill(student, toy_teacher, toy_images, strategy, **call, resume=part)
    assert not done.interrupted and done.step == 30 and same(done, whole)
    assert all(torch.equal(done.history[k], whole.history[k]) for k in whole.history)
    assert done.teacher_evaluations == whole.teacher_evaluations
    assert done.diverged.tolist() == [False] * len(whole)


@pytest.mark.parametrize(("student", "strategy", "seeds"), CALLS.values(), ids=CALLS)
def test_a_checkpoint_goes_on_to_the_same_weights(student, strategy, seeds, toy_images, toy_teacher, tmp_path):
    call = dict(seeds=seeds, recipe=RECIPE)
    whole = distill(student, toy_teacher, toy_images, strategy, **call)

    class Died(Exception):
        pass

    def die(run):
        if run.step == 20 and run.seeds[0] == seeds[-1] or run.step == 20 and len(run) > 1:
            raise Died

    with pytest.raises(Died):
        distill(student, toy_teacher, toy_images, strategy, **call, checkpoint=tmp_path, watch=die)
    done = distill(student, toy_teacher, toy_images, strategy, **call, checkpoint=tmp_path)
    assert same(done, whole) and all(torch.equal(done.history[k], whole.history[k]) for k in whole.history)
    assert done.teacher_evaluations == whole.teacher_evaluations
    again = distill(student, toy_teacher, toy_images, strategy, **call, checkpoint=tmp_path)  # finished: read, not trained
    assert same(again, whole)


SCRIPT = """
import sys, torch
sys.path.insert(0, {tests!r})
from test_resuming import RECIPE, mlp, with_statistics
from distill_helpers.data import ImageSet
from distill_helpers.models import BigMLP
from distill_helpers.strategies import SoftTargets
from distill_helpers.training import distill
torch.set_num_threads(1)
g = torch.Generator().manual_seed(0)
images = ImageSet(torch.randint(0, 255, (40, 1, 8, 8), generator=g).to(torch.uint8), torch.arange(40) % 5, 5, "toy")
torch.manual_seed(7)
teacher = BigMLP(64, 32, 2, 5)
def die(run):
    if {die} and run.step == 15:
        import os; os._exit(9)
run = distill({student}, teacher, images, SoftTargets(), seeds=(0, 1), recipe=RECIPE, checkpoint={folder!r}, watch=die)
print([sum(p.double().sum().item() for p in run.model(i).state_dict().values()) for i in range(2)], run.step)
"""


@pytest.mark.parametrize("student", ["mlp", "with_statistics"])
def test_another_process_goes_on_bit_for_bit(student, tmp_path):
    def call(folder, die):
        code = SCRIPT.format(tests=os.path.dirname(__file__), folder=str(folder), die=die, student=student)
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {"DISTILL_UNATTENDED": "1"})

    whole = call(tmp_path / "whole", False)
    assert whole.returncode == 0, whole.stderr
    assert call(tmp_path / "kept", True).returncode == 9
    assert call(tmp_path / "kept", False).stdout == whole.stdout


OTHERS = {
    "another teacher": dict(teacher=BigMLP(64, 16, 2, 5)),
    "other data": dict(data="other"),
    "another student": dict(student=lambda: BigMLP(64, 9, 1, 5)),
    "another strategy": dict(strategy=SoftTargets(2.0)),
    "other seeds": dict(seeds=(0, 2)),
    "another recipe": dict(recipe=replace(RECIPE, lr=2e-2)),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("where", ["memory", "disk"])
def test_another_run_is_refused(other, where, toy_images, toy_teacher, tmp_path):
    call = dict(student=mlp, teacher=toy_teacher, data=toy_images, strategy=SoftTargets(), seeds=(0, 1), recipe=RECIPE)
    first = distill(**call, watch=interrupt_at(2), checkpoint=tmp_path)
    if other.get("data") == "other":
        spoilt = toy_images.images.clone()
        spoilt[0, 0, 0, 0] += 1
        other = dict(data=replace(toy_images, images=spoilt))
    kept = dict(resume=first) if where == "memory" else dict(checkpoint=tmp_path)
    with pytest.raises(InputError, match="resume must be a run of the same call, but .* differs in: "):
        distill(**call | other, **kept)


def test_equal_values_are_the_same_call(toy_images, toy_teacher):
    """Another object with the same values is no other run."""
    first = distill(mlp, toy_teacher, make_views(toy_images, 2, 1), SoftTargets(), recipe=RECIPE, watch=interrupt_at(2))
    other = BigMLP(64, 32, 2, 5)
    other.load_state_dict(toy_teacher.state_dict())
    done = distill(lambda: BigMLP(64, 8, 1, 5), other, make_views(toy_images, 2, 1), SoftTargets(), recipe=replace(RECIPE), resume=first)
    assert done.step == 30


def test_fit_goes_on_as_it_says(toy_images, capsys, tmp_path):
    torch.manual_seed(3)
    model, twin, third = mlp(), mlp(), mlp()
    twin.load_state_dict(model.state_dict())
    third.load_state_dict(model.state_dict())
    fit(twin, toy_images, RECIPE)
    run = fit(model, toy_images, RECIPE, watch=interrupt_at(2))
    assert run.interrupted and "the same call with resume=run" in capsys.readouterr().out
    fit(model, toy_images, RECIPE, resume=run)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True))
    fresh = mlp()
    fresh.load_state_dict(third.state_dict())
    fit(third, toy_images, RECIPE, checkpoint=tmp_path, watch=interrupt_at(2))
    fit(fresh, toy_images, RECIPE, checkpoint=tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(fresh.parameters(), twin.parameters(), strict=True))


def test_a_damaged_checkpoint_is_said(toy_images, toy_teacher, tmp_path):
    call = dict(student=mlp, teacher=toy_teacher, data=toy_images, strategy=SoftTargets(), recipe=RECIPE, checkpoint=tmp_path)
    distill(**call, watch=interrupt_at(2))
    path = tmp_path / "part-000.safetensors"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="part-000.safetensors"):
        distill(**call)
    with pytest.raises(InputError, match="is a file"):
        distill(**call | {"checkpoint": path})


def test_watchers_keep_their_state_in_the_checkpoint(toy_images, toy_teacher, tmp_path):
    call = dict(student=mlp, teacher=toy_teacher, data=toy_images, strategy=SoftTargets(), seeds=(0, 1), recipe=RECIPE)
    whole = Curve(toy_images), Best(toy_images)
    distill(**call, watch=whole)
    distill(**call, checkpoint=tmp_path, watch=[Curve(toy_images), Best(toy_images), interrupt_at(3)])
    after = Curve(toy_images), Best(toy_images)
    distill(**call, checkpoint=tmp_path, watch=[*after, interrupt_at(99)])
    assert after[0].rows == whole[0].rows and after[1].steps == whole[1].steps and after[1].scores == whole[1].scores


def test_a_runs_count_is_its_own(toy_images, toy_teacher):
    pool = make_views(toy_images, 2, 1)
    teacher = Teacher(toy_teacher).over(pool)
    runs = [distill(mlp, teacher, pool, MixupDistillation(), seeds=(0, 1), recipe=RECIPE) for _ in range(3)]
    teacher.live(toy_images.x)
    runs.append(distill(mlp, teacher, pool, MixupDistillation(), seeds=(0, 1), recipe=RECIPE))
    assert {run.teacher_evaluations for run in runs} == {2 * 40 + 2 * 30 * 8}
