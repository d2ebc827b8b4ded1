"""The contract in full, proved with a toy of each kind: every part that the later strategies stand on."""

from dataclasses import dataclass, replace

import pytest
import torch
from stand_ins import gap, small
from torch import nn

from distill_helpers.checks import InputError
from distill_helpers.data import ViewPool, make_views
from distill_helpers.models.outputs import FeatureDict, Outputs
from distill_helpers.strategies import HardLabels, ShuffledTeacher, SoftTargets, Stages, Strategy
from distill_helpers.strategies.contract.divergences import cross_entropy, kl_from_logits
from distill_helpers.training import Recipe, Teacher, distill

SHORT = Recipe(steps=15, batch_size=16, lr=1e-2, check_every=5)


@dataclass(frozen=True)
class MixedInputs(Strategy):
    """Calls the student on inputs it made up, with random numbers drawn per seed, and asks the live teacher about them."""

    needs_teacher = True

    def draw(self, x, generator):
        return {"mix": torch.rand(len(x), generator=generator, device=x.device), "order": torch.randperm(len(x), generator=generator)}

    def loss(self, student, teacher, batch):
        share = batch.noise["mix"].view(-1, 1, 1, 1)
        mixed = share * batch.x + (1 - share) * batch.x[batch.noise["order"]]
        return {"mixed": kl_from_logits(teacher.live(mixed).logits, student(mixed).logits)}


@dataclass(frozen=True)
class Attacked(Strategy):
    """Three steps of gradient ascent on the input, through the student, inside the loss."""

    needs_labels = True
    needs_teacher = False

    def loss(self, student, teacher, batch):
        x = batch.x
        for _ in range(3):
            slope = torch.func.grad(lambda moved: cross_entropy(student(moved).logits, batch.y))(x)
            x = (x + 0.02 * slope.sign()).clamp(0, 1).detach()
        return {"attacked": cross_entropy(student(x).logits, batch.y)}


@dataclass(frozen=True)
class InputGradients(Strategy):
    """Matches gradients with respect to the input: a gradient inside the loss of student and teacher, differentiated again."""

    def loss(self, student, teacher, batch):
        ours = torch.func.grad(lambda x: student(x).logits.logsumexp(-1).sum())(batch.x)
        theirs = torch.func.grad(lambda x: teacher.live(x).logits.logsumexp(-1).sum())(batch.x)
        return {"slope": 100 * (ours - theirs).square().mean()}


@dataclass(frozen=True)
class Projected(Strategy):
    """Matches a hidden layer of another width through a declared projector."""

    teacher_features = ("hidden1",)

    def extras(self, student_outputs, teacher_outputs):
        return {"projector": nn.Linear(student_outputs.features["hidden1"].shape[-1], teacher_outputs.features["hidden1"].shape[-1])}

    def loss(self, student, teacher, batch):
        ours = student.extra("projector", student(batch.x).features["hidden1"])
        return {"hint": (ours - teacher(batch).features["hidden1"]).square().mean()}


@dataclass(frozen=True)
class Judged(Strategy):
    """A critic plays against the student, two turns to one."""

    opponents = ("critic",)
    opponent_steps = 2

    def extras(self, student_outputs, teacher_outputs):
        return {"critic": nn.Linear(student_outputs.logits.shape[-1], 1)}

    def scores(self, student, teacher, batch):
        ours = student.extra("critic", student(batch.x).logits.softmax(-1))
        return ours.squeeze(-1), student.extra("critic", teacher(batch).logits.softmax(-1)).squeeze(-1)

    def loss(self, student, teacher, batch):
        return {"fool": nn.functional.softplus(-self.scores(student, teacher, batch)[0]).mean()}

    def opponent_loss(self, student, teacher, batch):
        ours, theirs = self.scores(student, teacher, batch)
        return {"tell": (nn.functional.softplus(ours) + nn.functional.softplus(-theirs)).mean()}


@dataclass(frozen=True)
class Peers(Strategy):
    """Two students that teach each other; the second is an extra with a loss of its own."""

    needs_labels = True
    needs_teacher = False

    def extras(self, student_outputs, teacher_outputs):
        return {"peer": small()}

    def loss(self, student, teacher, batch):
        a, b = student(batch.x).logits, student.extra("peer", batch.x)
        return {"labels": cross_entropy(a, batch.y) + cross_entropy(b, batch.y),
                "mutual": kl_from_logits(b.detach(), a) + kl_from_logits(a.detach(), b)}  # fmt: skip


TOYS = [MixedInputs(), Attacked(), InputGradients(), Projected(), Judged(), Peers(), ShuffledTeacher(Projected())]


@pytest.mark.parametrize("toy", TOYS, ids=lambda t: t.name)
def test_each_kind_trains_and_together_equals_alone(toy, toy_images, toy_teacher):
    together = distill(small, toy_teacher, toy_images, toy, seeds=(2, 5, 7), recipe=SHORT)
    alone = distill(small, toy_teacher, toy_images, toy, seeds=(5,), recipe=SHORT)
    assert gap(together.model(1), alone.model(0)) < 5e-5
    assert gap(together.model(0), together.model(1)) > 1e-3
    for name in together.fleet.skeletons:
        assert gap(together.model(1, name), alone.model(0, name)) < 5e-5
    assert all(values.isfinite().all() for values in together.history.values())


def test_live_evaluations_are_counted(toy_images, toy_teacher):
    run = distill(small, toy_teacher, toy_images, MixedInputs(), seeds=(0, 1, 2), recipe=SHORT)
    alone = distill(small, toy_teacher, toy_images, MixedInputs(), seeds=(0,), recipe=SHORT)
    assert run.teacher_evaluations == 40 + 3 * 15 * 16
    assert alone.teacher_evaluations == 40 + 15 * 16


def test_extras_are_counted_placed_trained_and_kept(toy_images, toy_teacher):
    run = distill(small, toy_teacher, toy_images, Projected(), seeds=(0, 1), recipe=SHORT)
    assert run.extra_parameters == 8 * 32 + 32
    begun = distill(small, toy_teacher, toy_images, Projected(), seeds=(0, 1), recipe=replace(SHORT, steps=1, lr=1e-12))
    assert gap(run.model(0, "projector@0"), begun.model(0, "projector@0")) > 1e-2
    assert gap(begun.model(0, "projector@0"), begun.model(1, "projector@0")) > 1e-2
    assert run.history["hint"][-3:].mean() < run.history["hint"][:3].mean()


def test_an_opponent_moves_by_its_own_loss_only(toy_images, toy_teacher):
    """With the student's rate at almost nothing only the critic learns, and its loss falls; the student stays."""
    recipe = replace(SHORT, steps=60, lr=1e-12, opponent_lr=5e-2)
    run = distill(small, toy_teacher, toy_images, Judged(), seeds=(0, 1), recipe=recipe)
    begun = distill(small, toy_teacher, toy_images, Judged(), seeds=(0, 1), recipe=replace(recipe, steps=1, opponent_lr=1e-12))
    assert gap(run.model(0), begun.model(0)) < 1e-8
    assert gap(run.model(0, "critic@0"), begun.model(0, "critic@0")) > 1e-2
    assert run.history["fool"][-5:].mean() > run.history["fool"][:5].mean()  # a better critic is harder to fool


def test_gradients_reach_neither_teacher_nor_the_sum_of_other_students(toy_images, toy_teacher):
    before = {k: v.clone() for k, v in toy_teacher.state_dict().items()}
    distill(small, toy_teacher, toy_images, MixedInputs(), seeds=(0, 1), recipe=SHORT)
    assert all(torch.equal(v, before[k]) for k, v in toy_teacher.state_dict().items())


def test_stages_with_extras_of_their_own(toy_images, toy_teacher):
    run = distill(small, toy_teacher, toy_images, Stages((Projected(), 5), (Judged(), 5), (SoftTargets(), 5)), seeds=(0, 1), recipe=SHORT)
    assert set(run.fleet.skeletons) == {"student", "projector@0", "critic@1"}
    assert set(run.history) == {"hint", "fool", "soft", "hard"}


@pytest.mark.parametrize("check_every", [1, 3, 5, 100])
def test_stages_may_end_anywhere_between_two_looks_at_the_history(check_every, toy_images, toy_teacher):
    recipe = replace(SHORT, check_every=check_every)
    run = distill(small, toy_teacher, toy_images, Stages((HardLabels(), 4), (Projected(), 4), (HardLabels(), 2)), seeds=(0, 1), recipe=recipe)
    assert {name: tuple(values.shape) for name, values in run.history.items()} == {"hard": (10, 2), "hint": (10, 2)}
    assert (run.history["hard"][4:8] == 0).all() and (run.history["hint"][4:8] > 0).all() and (run.history["hint"][8:] == 0).all()


class Pointer(nn.Module):
    """Predicts a box of four numbers: a student whose targets are no classes."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(64, 4)

    def forward(self, x, features=False):
        box = self.body(x.flatten(1))
        return Outputs(box, FeatureDict()) if features else box


@dataclass(frozen=True)
class BoxAndName(Strategy):
    """Targets that are a tree of tensors: boxes and token sequences."""

    needs_labels = True
    needs_teacher = False

    def loss(self, student, teacher, batch):
        return {"box": (student(batch.x).logits - batch.y["box"]).square().mean(), "tokens": 0.0 * batch.y["tokens"].float().mean()}


def test_targets_need_not_be_classes(toy_images):
    targets = {"box": torch.rand(40, 4), "tokens": torch.randint(9, (40, 7))}
    pool = ViewPool(toy_images.images.unsqueeze(0), targets, 4, "toy boxes")
    run = distill(Pointer, None, pool, BoxAndName(), seeds=(0, 1), recipe=replace(SHORT, steps=100))
    assert run.history["box"][-1].max() < 0.5 * run.history["box"][0].min()
    with pytest.raises(InputError, match="class indices"):
        distill(Pointer, None, pool, HardLabels(), recipe=SHORT)


@dataclass(frozen=True)
class Disagreement(Strategy):
    """A new strategy is one new class; nothing is registered anywhere."""

    def loss(self, student, teacher, batch):
        return {"gap": (student(batch.x).logits - teacher(batch).logits).square().mean()}


def test_a_new_strategy_needs_nothing_but_its_class(toy_images, toy_teacher):
    run = distill(small, toy_teacher, toy_images, Disagreement(), seeds=range(4), recipe=replace(SHORT, steps=60))
    assert run.history["gap"][-1].max() < run.history["gap"][0].min()


def test_a_missing_feature_is_named(toy_images, toy_teacher):
    @dataclass(frozen=True)
    class Wrong(Strategy):
        teacher_features = ("hidden9",)

        def loss(self, student, teacher, batch):
            return {}

    with pytest.raises(InputError, match="hidden9.*hidden1, hidden2"):
        distill(small, toy_teacher, toy_images, Wrong(), recipe=SHORT)


def test_the_cached_answer_belongs_to_the_view_the_student_sees(toy_images, toy_teacher):
    """Shuffling and augmentation must not come between an input and its cached target."""
    pool = make_views(toy_images, views=4, shift=2)
    teacher, gaps = Teacher(toy_teacher).over(pool), []

    @dataclass(frozen=True)
    class Compare(Strategy):
        def loss(self, student, teacher, batch):
            gaps.append((teacher(batch).logits - teacher.live(batch.x).logits).abs().max())
            return {"zero": 0.0 * student(batch.x).logits.sum()}

    distill(small, teacher, pool, Compare(), recipe=SHORT)
    assert torch.stack(gaps).max() < 1e-5
