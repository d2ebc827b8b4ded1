"""Bad input to training and strategies: each gets an InputError that names the argument and what is allowed."""

import pytest
import torch
from torch import nn

from distill_helpers.checks import InputError
from distill_helpers.data import make_views
from distill_helpers.models import BigMLP
from distill_helpers.strategies import Grid, HardLabels, LabelSmoothing, RandomTeacher, ShuffledTeacher, SoftTargets, Stages
from distill_helpers.training import Recipe, Teacher, distill, fit, load_weights
from distill_helpers.training.device import pick_device

SHORT = Recipe(steps=2, batch_size=8)


def small():
    return BigMLP(64, 8, 1, 5)


CASES = {
    "temperature zero": (lambda i, t: SoftTargets(0.0), "temperature must be greater than 0, but 0.0"),
    "temperature negative": (lambda i, t: SoftTargets(-1.0), "temperature must be greater than 0"),
    "temperature NaN": (lambda i, t: SoftTargets(float("nan")), "temperature must be finite"),
    "temperature a word": (lambda i, t: SoftTargets("hot"), "temperature must be a number"),
    "weight above 1": (lambda i, t: SoftTargets(4.0, 1.5), "weight must be from 0 to 1, but 1.5"),
    "weight below 0": (lambda i, t: SoftTargets(4.0, -0.1), "weight must be from 0 to 1"),
    "smoothing above 1": (lambda i, t: LabelSmoothing(2.0), "smoothing must be from 0 to 1"),
    "control of nothing": (lambda i, t: ShuffledTeacher(None), "inner must be a strategy"),
    "control without teacher": (lambda i, t: RandomTeacher(HardLabels()), "inner must be a strategy that uses a teacher"),
    "unknown shuffling": (lambda i, t: ShuffledTeacher(SoftTargets(), "row"), "within must be one of 'all', 'class'"),
    "no stages": (lambda i, t: Stages(), "stages needs at least one"),
    "stage without steps": (lambda i, t: Stages(SoftTargets()), "each stage must be a pair"),
    "stage of no steps": (lambda i, t: Stages((SoftTargets(), 0)), "steps must be at least 1"),
    "empty grid": (lambda i, t: Grid([]), "a grid needs at least one"),
    "mixed grid": (lambda i, t: Grid([SoftTargets(), HardLabels()]), "must be of one kind"),
    "steps zero": (lambda i, t: Recipe(steps=0), "steps must be at least 1, but 0"),
    "batch zero": (lambda i, t: Recipe(batch_size=0), "batch_size must be at least 1"),
    "lr negative": (lambda i, t: Recipe(lr=-1e-3), "lr must be greater than 0"),
    "unknown optimizer": (lambda i, t: Recipe(optimizer="lion"), "optimizer must be one of 'adamw', 'sgd'"),
    "unknown schedule": (lambda i, t: Recipe(schedule="step"), "schedule must be one of"),
    "unknown precision": (lambda i, t: Recipe(precision="fp8"), "precision must be one of"),
    "clip zero": (lambda i, t: Recipe(clip_norm=0.0), "clip_norm must be greater than 0"),
    "warmup above 1": (lambda i, t: Recipe(warmup=3), "warmup must be from 0 to 1"),
    "device that is not there": (lambda i, t: pick_device("cuda:99"), "this machine has no such device"),
    "device that is no device": (lambda i, t: pick_device("abacus"), "device must be 'auto', 'cpu'"),
    "student a module": (lambda i, t: distill(small(), t, i, SoftTargets(), recipe=SHORT), "student must be a function"),
    "student builds nothing": (lambda i, t: distill(lambda: 3, t, i, SoftTargets(), recipe=SHORT), "must return a torch.nn.Module"),
    "student too narrow": (lambda i, t: distill(lambda: BigMLP(9, 8, 1, 5), t, i, SoftTargets(), recipe=SHORT), "student cannot take inputs"),
    "teacher missing": (lambda i, t: distill(small, None, i, SoftTargets(), recipe=SHORT), "teacher must be given"),
    "teacher a number": (lambda i, t: distill(small, 5, i, SoftTargets(), recipe=SHORT), "teacher must be a torch.nn.Module"),
    "teacher of other classes": (lambda i, t: distill(small, BigMLP(64, 8, 1, 7), i, SoftTargets(), recipe=SHORT),
                                 "teacher has 7 classes, but the student has 5"),
    "student of other classes": (lambda i, t: distill(lambda: BigMLP(64, 8, 1, 3), None, i, HardLabels(), recipe=SHORT),
                                 "student has 3 classes, but the data have 5"),
    "labels missing": (lambda i, t: distill(small, t, i.without_labels(), SoftTargets(weight=0.5), recipe=SHORT), "data must carry labels"),
    "data a tensor": (lambda i, t: distill(small, t, i.images, SoftTargets(), recipe=SHORT), "data must be an ImageSet or a ViewPool"),
    "strategy a word": (lambda i, t: distill(small, t, i, "kd", recipe=SHORT), "strategy must be a Strategy"),
    "no seeds": (lambda i, t: distill(small, t, i, SoftTargets(), seeds=[], recipe=SHORT), "seeds must be whole numbers"),
    "seeds twice": (lambda i, t: distill(small, t, i, SoftTargets(), seeds=[1, 1], recipe=SHORT), "seeds must differ"),
    "seed negative": (lambda i, t: distill(small, t, i, SoftTargets(), seeds=[-1], recipe=SHORT), "seeds must be whole numbers of at least 0"),
    "nothing to train": (lambda i, t: distill(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 5)).requires_grad_(False), t, i,
                                              SoftTargets(), recipe=SHORT), "no trainable parameters"),
    "fit a function": (lambda i, t: fit(small, i, SHORT), "model must be a torch.nn.Module"),
    "weights file missing": (lambda i, t: load_weights(small(), "nowhere.safetensors"), "'nowhere.safetensors' does not exist"),
    "teacher without answers": (lambda i, t: Teacher(t)(None), "call teacher.over"),
    "student number too high": (lambda i, t: distill(small, t, i, SoftTargets(), recipe=SHORT).model(4), "i must be from 0 to 0, but 4"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "words"), CASES.values(), ids=CASES)
def test_bad_input_is_named(call, words, toy_images, toy_teacher):
    with pytest.raises(InputError) as caught:
        call(toy_images, toy_teacher)
    assert words in str(caught.value)


def test_resuming_another_run_is_refused(toy_images, toy_teacher):
    run = distill(small, toy_teacher, toy_images, SoftTargets(), recipe=SHORT)
    with pytest.raises(InputError, match="resume must be a run of the same"):
        distill(small, toy_teacher, toy_images, SoftTargets(2.0), recipe=SHORT, resume=run)


def test_a_file_that_is_no_weights_file_is_said(tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"not weights")
    with pytest.raises(InputError, match="cannot be read"):
        load_weights(small(), path)
    from distill_helpers.training import save_weights

    with pytest.raises(InputError, match="another architecture"):
        load_weights(BigMLP(64, 9, 1, 5), save_weights(small(), path))


def test_extras_must_be_declared(toy_images, toy_teacher):
    class Undeclared(SoftTargets):
        def loss(self, student, teacher, batch):
            return {"x": student.extra("ghost", batch.x).sum()}

    with pytest.raises(InputError, match="extra 'ghost' is not declared"):
        distill(small, toy_teacher, make_views(toy_images, 1), Undeclared(), recipe=SHORT)


def test_nan_in_made_up_inputs_ends_in_divergence(toy_images, toy_teacher):
    from distill_helpers.training import Diverged

    class Broken(SoftTargets):
        def loss(self, student, teacher, batch):
            return {"x": student(batch.x * torch.nan).logits.sum()}

    with pytest.raises(Diverged, match="Broken"):
        distill(small, toy_teacher, toy_images, Broken(), recipe=SHORT)
