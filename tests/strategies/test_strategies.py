"""Losses by hand, by property, and by mutation: each fault that teaching code has had is planted, and its check must go red."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from distill_helpers.models.outputs import FeatureDict, Outputs
from distill_helpers.strategies import Batch, HardLabels, LabelSmoothing, RandomTeacher, ShuffledTeacher, SoftTargets
from distill_helpers.strategies.contract import divergences
from distill_helpers.strategies.controls.shuffled_teacher import derangement
from distill_helpers.strategies.outputs import soft_targets

LN = math.log


def logits(seed, rows=6, classes=4):
    return 2 * torch.randn(rows, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def batch(rows=6, classes=4):
    y = torch.arange(rows) % classes
    return Batch(torch.zeros(rows, 1), y, torch.arange(rows), torch.zeros(rows, dtype=torch.long), {})


def terms(strategy, student, teacher, b=None):
    return strategy.loss(lambda x: Outputs(student, FeatureDict()), lambda _: Outputs(teacher, FeatureDict()), b or batch(*student.shape))


def by_hand():
    """Two classes, one example, on paper: z = (ln 3, 0) for the student and (0, 0) for the teacher, T = 1 and T = 2."""
    z, t = torch.tensor([[LN(3), 0.0]], dtype=torch.double), torch.zeros(1, 2, dtype=torch.double)
    one = 0.5 * LN(0.5 / 0.75) + 0.5 * LN(0.5 / 0.25)
    root = math.sqrt(3)
    two = 4 * (0.5 * LN(0.5 * (1 + root) / root) + 0.5 * LN(0.5 * (1 + root)))
    assert terms(SoftTargets(1.0, 1.0), z, t)["soft"].item() == pytest.approx(one, abs=1e-9)
    assert terms(SoftTargets(2.0, 1.0), z, t)["soft"].item() == pytest.approx(two, abs=1e-9)
    assert terms(SoftTargets(2.0, 0.25), z, t)["soft"].item() == pytest.approx(two / 4, abs=1e-9)
    assert terms(SoftTargets(2.0, 0.25), z, t)["hard"].item() == pytest.approx(0.75 * LN(4 / 3), abs=1e-9)


def against_torch():
    """The same as torch's own kl_div with log-probabilities, teacher first, batchmean, times T²."""
    s, t = logits(1), logits(2)
    for T in (1.0, 3.0, 8.0):
        wanted = T**2 * F.kl_div((s / T).log_softmax(-1), (t / T).softmax(-1), reduction="batchmean")
        torch.testing.assert_close(terms(SoftTargets(T, 1.0), s, t)["soft"], wanted)


def gradient_survives_heat():
    """With T² the gradient for a hot teacher tends to (s - t)/C per example, centred; it does not fade (eq. 4)."""
    s, t = logits(3).requires_grad_(), logits(4)
    (g,) = torch.autograd.grad(terms(SoftTargets(300.0, 1.0), s, t)["soft"], s)
    centred = (s - s.mean(-1, keepdim=True)) - (t - t.mean(-1, keepdim=True))
    torch.testing.assert_close(g, (centred / s.shape[-1] / len(s)).detach(), rtol=0.05, atol=1e-3)


def least_when_equal():
    s = logits(5)
    assert abs(terms(SoftTargets(4.0, 1.0), s, s.clone())["soft"].item()) < 1e-12
    assert terms(SoftTargets(4.0, 1.0), s, logits(6))["soft"].item() > 1e-3


CHECKS = [by_hand, against_torch, gradient_survives_heat, least_when_equal]


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
def test_soft_targets(check):
    check()


def _kl(log_p, log_q, weigh):
    return (weigh * (log_p - log_q)).sum(-1)


FAULTS = {
    "T² missing": lambda t, s, T=1.0: divergences.kl_from_logits(t, s, T) / T**2,
    "T instead of T²": lambda t, s, T=1.0: divergences.kl_from_logits(t, s, T) / T,
    "mean over classes too": lambda t, s, T=1.0: divergences.kl_from_logits(t, s, T) / s.shape[-1],
    "sum over the batch": lambda t, s, T=1.0: divergences.kl_from_logits(t, s, T) * (len(s) + 1),
    "arguments swapped": lambda t, s, T=1.0: divergences.kl_from_logits(s, t, T),
    "teacher compared with itself": lambda t, s, T=1.0: divergences.kl_from_logits(t, t, T) + 0 * s.sum(),
    "student not softened": lambda t, s, T=1.0: divergences.kl_from_logits(t, s * T, T),
    "probabilities for log-probabilities": lambda t, s, T=1.0: _kl((t / T).softmax(-1), (s / T).softmax(-1), (t / T).softmax(-1)).mean(),
}
ORIGINAL = divergences.kl_from_logits


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_each_planted_fault_turns_a_check_red(fault, monkeypatch):
    monkeypatch.setattr(soft_targets, "kl_from_logits", fault)
    red = []
    for check in CHECKS:
        try:
            check()
        except (AssertionError, RuntimeError):
            red.append(check.__name__)
    assert red


def test_label_smoothing_by_hand():
    z = torch.tensor([[LN(3), 0.0]], dtype=torch.double)
    wanted = 0.8 * LN(4 / 3) + 0.2 * 0.5 * (LN(4 / 3) + LN(4))
    assert terms(LabelSmoothing(0.2), z, None)["smoothed"].item() == pytest.approx(wanted)
    torch.testing.assert_close(terms(LabelSmoothing(0.0), z, None)["smoothed"], terms(HardLabels(), z, None)["hard"])
    s, b = logits(9), batch()
    wanted = F.cross_entropy(s, b.y, label_smoothing=0.3)
    torch.testing.assert_close(terms(LabelSmoothing(0.3), s, None)["smoothed"], wanted)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.2, 50), st.floats(0, 1))
def test_properties_of_soft_targets(seed, temperature, weight):
    s, t = logits(seed), logits(seed + 1)
    strategy, order = SoftTargets(temperature, weight), torch.randperm(len(s))
    found = terms(strategy, s, t)
    assert found["soft"] >= -1e-12
    shuffled = terms(strategy, s[order], t[order], batch()._replace(y=batch().y[order]))
    for name in found:
        torch.testing.assert_close(found[name], shuffled[name])  # the batch's order does not matter
    doubled = terms(strategy, s.repeat(2, 1), t.repeat(2, 1), batch()._replace(y=batch().y.repeat(2)))
    for name in found:
        torch.testing.assert_close(found[name], doubled[name])  # nor its size
    shifted = terms(strategy, s + 3.0, t - 5.0)
    torch.testing.assert_close(found["soft"], shifted["soft"], atol=1e-9, rtol=1e-7)  # nor a constant added to all logits


def test_without_labels_only_the_soft_term_remains():
    s, t = logits(1), logits(2)
    assert set(terms(SoftTargets(2.0, 1.0), s, t, batch()._replace(y=None))) == {"soft"}
    assert not SoftTargets(2.0, 1.0).needs_labels and SoftTargets(2.0, 0.99).needs_labels


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=60), st.integers(0, 100))
def test_a_shuffled_teacher_moves_every_answer_within_its_group(groups, seed):
    groups = torch.tensor(groups)
    order = derangement(groups, seed)
    assert sorted(order.tolist()) == list(range(len(groups)))
    assert torch.equal(groups[order], groups)
    sizes = groups.bincount()[groups]
    assert ((order != torch.arange(len(groups))) | (sizes == 1)).all()


def test_shuffled_and_random_teachers(toy_images, toy_teacher):
    from distill_helpers.data import make_views
    from distill_helpers.training import Teacher

    teacher = Teacher(toy_teacher).over(make_views(toy_images, 2, 1))
    shuffled = ShuffledTeacher(SoftTargets()).prepare_teacher(teacher)
    assert not torch.equal(shuffled.table.logits, teacher.table.logits)
    torch.testing.assert_close(shuffled.table.logits.sum(1), teacher.table.logits.sum(1), atol=1e-4, rtol=1e-4)
    inside = ShuffledTeacher(SoftTargets(), "class").prepare_teacher(teacher)
    assert torch.equal(inside.table.logits[0].argmax(-1), teacher.table.logits[0].argmax(-1))
    untrained = RandomTeacher(SoftTargets()).prepare_teacher(teacher)
    assert [p.shape for p in untrained.module.parameters()] == [p.shape for p in teacher.module.parameters()]
    assert (untrained.table.logits - teacher.table.logits).abs().max() > 0.1
    again = RandomTeacher(SoftTargets()).prepare_teacher(teacher)
    assert torch.equal(untrained.table.logits, again.table.logits)
