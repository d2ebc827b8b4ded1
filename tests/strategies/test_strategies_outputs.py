"""Strategies on outputs: each by hand, by property, in a fleet, and by mutation.

A check takes the strategy's module. The mutation test gives it a copy of that module with one fault planted in its source,
and at least one of the module's checks must then go red.
"""

import math

import pytest
import torch
from mutation import Checks
from stand_ins import SHORT, Net, batch, random_logits, rows, same, small
from torch import nn
from torch.nn import functional as F

from distill_helpers.checks import InputError
from distill_helpers.data import ImageSet, make_views
from distill_helpers.models import BigMLP
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.contract.divergences import kl_from_logits
from distill_helpers.strategies.contract.schedule import Grid
from distill_helpers.strategies.outputs.annealing import AnnealingDistillation
from distill_helpers.strategies.outputs.born_again import BornAgain
from distill_helpers.strategies.outputs.dist import RelationalMatching
from distill_helpers.strategies.outputs.dkd import DecoupledDistillation
from distill_helpers.strategies.outputs.dropout_distillation import DropoutDistillation
from distill_helpers.strategies.outputs.function_matching import FunctionMatching
from distill_helpers.strategies.outputs.logit_standardisation import StandardisedTargets
from distill_helpers.strategies.outputs.noisy_teacher import NoisyTeacher
from distill_helpers.strategies.outputs.permuted_dark_knowledge import PermutedDarkKnowledge
from distill_helpers.strategies.outputs.scheduled_temperature import ScheduledTemperature
from distill_helpers.strategies.outputs.soft_targets import SoftTargets
from distill_helpers.strategies.outputs.teacher_assistant import DenselyGuided
from distill_helpers.strategies.robust.additive_margin import AdditiveMargin
from distill_helpers.strategies.robust.marginal_loss import MarginalLoss
from distill_helpers.strategies.robust.mixup import Mixup
from distill_helpers.strategies.robust.mixup_distillation import MixupDistillation
from distill_helpers.strategies.without_teacher.hard_labels import HardLabels
from distill_helpers.strategies.without_teacher.mutual_learning import MutualLearning
from distill_helpers.strategies.without_teacher.teacher_free import TeacherFree
from distill_helpers.training import Teacher, distill

LN = math.log
of = Checks()
pytestmark = pytest.mark.usefixtures("no_cache")


def as_net(value):
    return value if isinstance(value, Net) else Net(value)


def terms(strategy, student, teacher=None, y=None, noise=None, progress=0.0, x=None):
    """The named terms for given logits (or functions of x)."""
    student, teacher = as_net(student), as_net(teacher)
    x = torch.zeros(len(student.logits), 1) if x is None else x
    return strategy.loss(student, teacher, batch(x, y, noise, progress))


def zero(found, names):
    for name in names:
        same(found[name], 0)


HALF, THREE = rows([0.0, 0.0]), rows([LN(3), 0.0])  # softmax (1/2, 1/2) and (3/4, 1/4)
FORWARD = 0.5 * LN(0.5 / 0.75) + 0.5 * LN(0.5 / 0.25)  # KL((1/2, 1/2) || (3/4, 1/4))
BACKWARD = 0.75 * LN(0.75 / 0.5) + 0.25 * LN(0.25 / 0.5)


# decoupled distillation


@of("dkd")
def dkd_by_hand(m):
    """Teacher (1/2, 1/4, 1/4), student (1/4, 1/2, 1/4), label 0."""
    t, s = rows([LN(2), 0, 0]), rows([0, LN(2), 0])
    target, wrong = 0.5 * LN(2) + 0.5 * LN(0.5 / 0.75), 0.5 * LN(0.5 / (2 / 3)) + 0.5 * LN(0.5 / (1 / 3))
    found = terms(m.DecoupledDistillation(3.0, 5.0, 1.0), s, t, [0])
    same(found["target"], 3 * target)
    same(found["nontarget"], 5 * wrong)
    same(found["hard"], LN(4))
    hot = terms(m.DecoupledDistillation(3.0, 5.0, 2.0), 2 * s, 2 * t, [0])
    same(hot["target"], 4 * 3 * target)
    same(hot["nontarget"], 4 * 5 * wrong)
    same(hot["hard"], LN(6))


@of("dkd")
def dkd_adds_up_to_plain_distillation(m):
    """TCKD + (1 - p) NCKD = KL for each example (eq. 6)."""
    s, t = random_logits(1), random_logits(2)
    for i in range(len(s)):
        y = [i % 4]
        found = terms(m.DecoupledDistillation(1.0, 1.0, 2.0), s[i : i + 1], t[i : i + 1], y)
        p = (t[i] / 2).softmax(-1)[y[0]]
        same(found["target"] + (1 - p) * found["nontarget"], 4 * kl_from_logits(t[i : i + 1], s[i : i + 1], 2.0))


@of("dkd")
def dkd_parts_see_their_own_side_only(m):
    s, t, y = random_logits(3), random_logits(4), torch.arange(6) % 4
    found = terms(m.DecoupledDistillation(), s, t, y)
    right = F.one_hot(y, 4).double()
    moved = terms(m.DecoupledDistillation(), s + 3 * right, t - 2 * right, y)
    same(found["nontarget"], moved["nontarget"])
    assert abs(found["target"] - moved["target"]) > 0.1


# relational matching


@of("dist")
def dist_by_hand(m):
    """Rows correlate by 1/2; of the columns two are constant on one side (0) and one agrees (1)."""
    p, q = rows([1 / 2, 1 / 3, 1 / 6], [1 / 6, 1 / 3, 1 / 2]), rows([1 / 3, 1 / 2, 1 / 6], [1 / 3, 1 / 6, 1 / 2])
    found = terms(m.RelationalMatching(2.0, 3.0, 1.0, 0.5), q.log(), p.log(), [1, 2])
    same(found["inter"], 2 * 0.5)
    same(found["intra"], 3 * 2 / 3)
    same(found["hard"], 0.5 * LN(2))
    hot = terms(m.RelationalMatching(2.0, 3.0, 2.0, 0.5), 2 * q.log(), 2 * p.log(), [1, 2])
    same(hot["inter"], 4 * 2 * 0.5)
    same(hot["intra"], 4 * 3 * 2 / 3)


@of("dist")
def dist_asks_for_relations_only(m):
    """A student whose probabilities are the teacher's, pulled towards even, is already perfect; KL would not say so."""
    p = random_logits(5).softmax(-1)
    q = 0.3 * p + 0.7 / 4
    zero(terms(m.RelationalMatching(), q.log(), p.log()), ("inter", "intra"))
    assert kl_from_logits(p.log(), q.log()) > 0.05
    found = terms(m.RelationalMatching(), random_logits(6), p.log())
    assert 0 < found["inter"] <= 2 and 0 < found["intra"] <= 2
    same(terms(m.RelationalMatching(), random_logits(7, 1), random_logits(8, 1))["intra"], 1)


# standardised logits


@of("logit_standardisation")
def standardised_by_hand(m):
    """With two classes Z is (1, -1) or (-1, 1), whatever the logits: KL of odds e and 1/e at T = 2, times 4."""
    p = 1 / (1 + math.exp(-1))
    found = terms(m.StandardisedTargets(2.0, 0.25), THREE, rows([0.0, 7.0]), [0])
    same(found["soft"], 0.25 * 4 * (2 * p - 1))
    same(found["hard"], 0.75 * LN(4 / 3))
    # of three classes: Z is (√1.5, 0, -√1.5) and (√2, -√½, -√½)
    t, s = rows([1, 0, -1]), rows([20, -10, -10])
    p, q = (rows([math.sqrt(1.5), 0, -math.sqrt(1.5)]) / 2).softmax(-1), (rows([2, -1, -1]) / math.sqrt(2) / 2).softmax(-1)
    same(terms(m.StandardisedTargets(2.0, 1.0), s, t)["soft"], 4 * (p * (p / q).log()).sum())


@of("logit_standardisation")
def scale_and_shift_do_not_matter(m):
    s, t = random_logits(1), random_logits(2)
    found = terms(m.StandardisedTargets(3.0, 1.0), s, t)["soft"]
    same(terms(m.StandardisedTargets(3.0, 1.0), 5 * s + 2, 0.1 * t - 4)["soft"], found)
    zero(terms(m.StandardisedTargets(3.0, 1.0), 4 * t - 1, t), ["soft"])
    z = m.standardised(t)
    torch.testing.assert_close(z.mean(-1), torch.zeros(6).double(), atol=1e-9, rtol=0)
    torch.testing.assert_close(z.square().mean(-1), torch.ones(6).double(), atol=1e-5, rtol=0)
    assert m.standardised(1000 * torch.eye(4).double()).abs().max() <= math.sqrt(3)


# mutual learning


@of("mutual_learning")
def mutual_by_hand(m):
    found = terms(m.MutualLearning(small), Net(THREE, peer=HALF), None, [1])
    same(found["hard"], LN(4))
    same(found["peer hard"], LN(2))
    same(found["mutual"], FORWARD)
    same(found["peer mutual"], BACKWARD)


@of("mutual_learning")
def mutual_gradients_stay_at_home(m):
    one, two = random_logits(1).requires_grad_(), random_logits(2).requires_grad_()
    found = terms(m.MutualLearning(small), Net(one, peer=two), None, torch.arange(6) % 4)
    for name, mine, other in (("mutual", one, two), ("peer mutual", two, one), ("hard", one, two), ("peer hard", two, one)):
        g, none = torch.autograd.grad(found[name], (mine, other), allow_unused=True, retain_graph=True)
        assert g is not None and g.abs().max() > 1e-3 and none is None


# born again


@of("born_again")
def born_again_by_hand(m):
    found = terms(m.BornAgain(0.5), THREE, HALF, [1])
    same(found["soft"], FORWARD)
    same(found["hard"], 0.5 * LN(4))


@of("permuted_dark_knowledge")
def permuted_by_hand(m):
    strategy = m.PermutedDarkKnowledge(classes=4)
    t, keys = rows([3, 1, 2, 0], [1, 3, 2, 0]), rows([0.9, 0.1, 0.3, 0.2], [0.9, 0.5, 0.1, 0.2])
    wanted = rows([3, 1, 0, 2], [2, 3, 0, 1])
    torch.testing.assert_close(strategy.targets(t, {"keys": keys}), wanted)
    s = random_logits(1, 2)
    same(terms(strategy, s, t, noise={"keys": keys})["soft"], kl_from_logits(wanted, s))


@of("permuted_dark_knowledge")
def permuted_keeps_the_first_choice_and_all_values(m):
    strategy, t = m.PermutedDarkKnowledge(classes=4), random_logits(2, 1).expand(3000, 4)
    out = strategy.targets(t, strategy.draw(t, torch.Generator().manual_seed(0)))
    torch.testing.assert_close(out.sort(-1).values, t.sort(-1).values)
    assert torch.equal(out.argmax(-1), t.argmax(-1))
    found, counts = out.unique(dim=0, return_counts=True)
    assert len(found) == 6 and counts.min() > 400  # all orders of the other three, equally often


@of("confidence_weighted")
def confidence_by_hand(m):
    """The teacher's largest probabilities 3/4 and 1/2 become weights 0.6 and 0.4."""
    s, t = torch.cat([2 * THREE, HALF]), torch.cat([-THREE, HALF])
    same(terms(m.ConfidenceWeighted(), s, t, [0, 1])["weighted"], 0.6 * LN(10 / 9) + 0.4 * LN(2))


# teacher-free


@of("teacher_free")
def teacher_free_by_hand(m):
    found = terms(m.TeacherFree(0.75, 1.0, 0.25), HALF, None, [0])
    same(found["virtual"], 0.25 * BACKWARD)
    same(found["hard"], 0.75 * LN(2))
    root = math.sqrt(3)
    p = root / (1 + root)  # softmax of (ln 3/4, ln 1/4) / 2
    hot = p * LN(p / 0.5) + (1 - p) * LN((1 - p) / 0.5)
    same(terms(m.TeacherFree(0.75, 2.0, 1.0, 3.0), HALF, None, [1])["virtual"], 3 * hot)


@of("teacher_free")
def virtual_teacher_is_right_and_even(m):
    y, s = torch.arange(6) % 4, random_logits(1)
    p = m.TeacherFree(0.7).virtual_teacher(s, y).exp()
    torch.testing.assert_close(p.sum(-1), torch.ones(6).double())
    torch.testing.assert_close(p, 0.6 * F.one_hot(y, 4).double() + 0.1)
    zero(terms(m.TeacherFree(0.7, 3.0), p.log(), None, y), ["virtual"])
    # at T = 1 the whole loss is label smoothing up to a constant (the paper's section 3)
    strategy, a, b = m.TeacherFree(0.7, 1.0, 0.5), random_logits(2), random_logits(3)
    both = [sum(terms(strategy, z, None, y).values()) - F.cross_entropy(z, y, label_smoothing=0.2) for z in (a, b)]
    same(*both)


# temperature that falls


@of("scheduled_temperature")
def schedule_by_hand(m):
    line, wave = m.ScheduledTemperature(8.0, 2.0), m.ScheduledTemperature(8.0, 2.0, shape="cosine")
    for strategy, passed, wanted in ((line, 0, 8), (line, 0.25, 6.5), (line, 1, 2), (wave, 0, 8), (wave, 0.5, 5), (wave, 1, 2)):
        same(strategy.temperature(float(passed)), wanted)
    same(wave.temperature(0.25), 2 + 6 * (1 + math.cos(math.pi / 4)) / 2)


@of("scheduled_temperature")
def scheduled_is_soft_targets_at_each_moment(m):
    s, t, y = random_logits(1), random_logits(2), torch.arange(6) % 4
    for passed, temperature in ((0.0, 9.0), (0.5, 5.0), (0.75, 3.0)):
        found = terms(m.ScheduledTemperature(9.0, 1.0, 0.7), s, t, y, progress=torch.tensor(passed))
        wanted = terms(SoftTargets(temperature, 0.7), s, t, y)
        for name in wanted:
            same(found[name], wanted[name])


@of("annealing")
def annealing_by_hand(m):
    """Φ is 1/4, 2/4, 3/4, 1 in the four quarters; at the end the student should have the teacher's logits."""
    s, t = rows([1.0, 0.0], [0.0, 0.0]), rows([4.0, 8.0], [0.0, 4.0])
    for passed, wanted in ((0.0, (0 + 4 + 1) / 2), (0.24, (0 + 4 + 1) / 2), (0.25, (1 + 16 + 4) / 2), (0.99, (9 + 64 + 16) / 2)):
        same(terms(m.AnnealingDistillation(4), s, t, progress=torch.tensor(passed))["annealed"], wanted)
    zero(terms(m.AnnealingDistillation(4), t, t, progress=0.9), ["annealed"])


# noisy teacher


@of("noisy_teacher")
def noisy_by_hand(m):
    """Logits (1, 2): the picked one becomes (1.5, 1), the other stays; ½·3.25 and ½·5, averaged."""
    noise = {"pick": torch.tensor([0.2, 0.7]), "xi": rows([1, -1], [1, -1])}
    found = terms(m.NoisyTeacher(0.5, 0.5, 2), rows([0, 0], [0, 0]), rows([1, 2], [1, 2]), noise=noise)
    same(found["regression"], (3.25 / 2 + 5 / 2) / 2)


@of("noisy_teacher")
def noise_belongs_to_the_teacher(m):
    """A student at zero sees the teacher's noise; a teacher at zero has none, however large the student."""
    strategy, x = m.NoisyTeacher(1.0, 0.5, 4), torch.zeros(6, 1)
    noise, s = strategy.draw(x, torch.Generator().manual_seed(0)), random_logits(1)
    same(terms(strategy, s, torch.zeros_like(s), noise=noise)["regression"], 0.5 * s.square().sum(-1).mean())
    assert terms(strategy, s, s, noise=noise)["regression"] > 0.01
    zero(terms(m.NoisyTeacher(1.0, 0.0, 4), s, s, noise=noise), ["regression"])
    zero(terms(m.NoisyTeacher(0.0, 0.5, 4), s, s, noise=noise), ["regression"])


@of("noisy_teacher")
def noise_has_its_shares_and_size(m):
    strategy, x = m.NoisyTeacher(0.3, 0.5, 4), torch.zeros(20000, 1)
    noise = strategy.draw(x, torch.Generator().manual_seed(0))
    ones, nothing = torch.ones(len(x), 4), torch.zeros(len(x), 4)
    # with s = 0 and z = 1 the loss is ½ · 4 · E[(1 + ξ)²] = 2 · (1 + 0.3 · 0.25)
    same(terms(strategy, nothing, ones, noise=noise)["regression"], 2 * 1.075, 0.03)
    assert abs(noise["xi"].mean()) < 0.02 and abs(noise["xi"].std() - 1) < 0.02


# dropout distillation


class Dropped(nn.Module):
    """Logits (d(x), 0) with d dropping half of the inputs; the batch norm must not move."""

    def __init__(self):
        super().__init__()
        self.drop, self.norm = nn.Dropout(0.5), nn.BatchNorm1d(1, affine=False)

    def forward(self, x):
        h = self.drop(self.norm(x))
        return torch.cat([h, torch.zeros_like(h)], -1)


@of("dropout_distillation")
def dropout_mean_by_hand(m):
    """h is 0 or ln 99, equally often: softmax 0.5 or 0.99, on average 0.745. Ordinary dropout at test time says 0.909."""
    net = Dropped().eval()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    mean = m.DropoutMean(net, 8, 0).eval()
    x = torch.full((4000, 1), LN(99) / 2)
    same(mean(x).softmax(-1)[:, 0].mean(), 0.745, 0.005)
    torch.testing.assert_close(mean(x).exp().sum(-1), torch.ones(4000))
    assert len(mean(x).unique(dim=0)) > 5
    assert torch.equal(mean(x), mean(x)) and not torch.equal(mean(x), m.DropoutMean(net, 8, 1)(x))
    assert not any(layer.training for layer in mean.modules())
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


@of("dropout_distillation")
def dropout_mean_leaves_the_global_generator(m):
    torch.manual_seed(3)
    wanted = torch.rand(3)
    torch.manual_seed(3)
    m.DropoutMean(Dropped().eval(), 2, 0)(torch.ones(5, 1))
    assert torch.equal(torch.rand(3), wanted)


@of("dropout_distillation")
def dropout_loss_by_hand(m):
    same(terms(m.DropoutDistillation(), THREE, HALF)["soft"], FORWARD)
    zero(terms(m.DropoutDistillation(), THREE, THREE + 2), ["soft"])


# mixup and function matching

BLEND = {"share": torch.tensor(0.25, dtype=torch.double), "order": torch.tensor([1, 0])}
PAIR = rows([4 * LN(3), 0], [0, 0])  # blends to (ln 3, 0) and (3 ln 3, 0): odds 3 and 27


MIXED = (0.25 * LN(4 / 3) + 0.75 * LN(4) + 0.25 * LN(28) + 0.75 * LN(28 / 27)) / 2


@of("mixup")
def mixup_by_hand(m):
    same(terms(m.Mixup(), lambda x: x, None, [0, 1], BLEND, x=PAIR)["mixed"], MIXED)


@of("mixup_distillation")
def mixup_distillation_by_hand(m):
    both = terms(m.MixupDistillation(0.2, 2.0, 0.25), lambda x: x, lambda x: 0 * x, [0, 1], BLEND, x=PAIR)
    same(both["hard"], 0.75 * MIXED)
    blended = rows([LN(3), 0], [3 * LN(3), 0])
    same(both["soft"], 0.25 * 4 * kl_from_logits(0 * blended, blended, 2.0))


@of("mixup")
def mixup_draws_a_beta(m):
    for alpha in (0.2, 1.0, 4.0):
        draws = [m.Mixup(alpha).draw(torch.zeros(5, 2), torch.Generator().manual_seed(i)) for i in range(1500)]
        share = torch.stack([d["share"] for d in draws])
        assert share.min() >= 0 and share.max() <= 1
        same(share.mean(), 0.5, 0.04)
        same(share.var(), 1 / (4 * (2 * alpha + 1)), 0.015)
    assert all(sorted(d["order"].tolist()) == [0, 1, 2, 3, 4] for d in draws)
    assert len({tuple(d["order"].tolist()) for d in draws}) > 100


@of("mixup_distillation")
def mixup_teacher_sees_the_students_blend(m):
    student, teacher = Net(lambda x: x), Net(lambda x: 2 * x)
    terms(m.MixupDistillation(), student, teacher, [0, 1], BLEND, x=PAIR)
    assert len(student.seen) == len(teacher.seen) == 1
    for seen in (*student.seen, *teacher.seen):
        torch.testing.assert_close(seen, rows([LN(3), 0], [3 * LN(3), 0]))
    zero(terms(m.MixupDistillation(), lambda x: x, lambda x: x, None, BLEND, x=PAIR), ["soft"])


@of("function_matching")
def function_matching_by_hand(m):
    student, teacher = Net(lambda x: x), Net(lambda x: 0 * x)
    found = terms(m.FunctionMatching(2.0), student, teacher, None, BLEND, x=PAIR)
    blended = rows([LN(3), 0], [3 * LN(3), 0])
    same(found["soft"], 4 * kl_from_logits(0 * blended, blended, 2.0))
    torch.testing.assert_close(student.seen[0], teacher.seen[0])
    torch.testing.assert_close(student.seen[0], blended)
    alike = terms(m.FunctionMatching(), lambda x: x, lambda x: 0 * x, None, BLEND, x=THREE.repeat(2, 1))
    same(alike["soft"], FORWARD)
    zero(terms(m.FunctionMatching(3.0), lambda x: x, lambda x: x, None, BLEND, x=PAIR), ["soft"])


@of("function_matching")
def function_matching_draws_evenly(m):
    draws = [m.FunctionMatching().draw(torch.zeros(5, 2), torch.Generator().manual_seed(i)) for i in range(2000)]
    share = torch.stack([d["share"] for d in draws])
    same(share.mean(), 0.5, 0.02)
    same(share.var(), 1 / 12, 0.006)
    assert share.min() < 0.02 and share.max() > 0.98
    assert len({tuple(d["order"].tolist()) for d in draws}) > 100


# margins


@of("marginal_loss")
def marginal_by_hand(m):
    """Unit vectors at right angles are 2 apart (squared)."""
    a, b = [5.0, 0.0], [0.0, 0.1]
    same(m.marginal(rows(a, b), torch.tensor([0, 0]), 0.3, 1.2), 0.3 - (1.2 - 2))  # one class, too far apart
    same(m.marginal(rows(a, b), torch.tensor([0, 1]), 0.3, 1.2), 0)  # two classes, far enough
    same(m.marginal(rows(a, a), torch.tensor([0, 1]), 0.3, 1.2), 0.3 + 1.2)  # two classes, on one spot
    same(m.marginal(rows(a, a), torch.tensor([2, 2]), 0.3, 1.2), 0)
    same(m.marginal(rows(a, b), torch.tensor([0, 1]), 2.0, 0.5), 2.0 + (0.5 - 2))  # each with itself would count here
    same(m.marginal(rows(a, a, b), torch.tensor([0, 1, 0]), 0.3, 1.2), 2 * (1.5 + 1.1 + 0) / 6)
    found = terms(m.MarginalLoss(weight=2.0), Net(torch.cat([THREE, HALF]), {"embedding": rows(a, b)}), None, [1, 1])
    same(found["marginal"], 2 * 1.1)
    same(found["hard"], (LN(4) + LN(2)) / 2)


@of("marginal_loss")
def marginal_is_a_mean_over_pairs(m):
    e, y = random_logits(1, 7, 3), torch.arange(7) % 3
    total = 0.0
    for i in range(7):
        for j in range(7):
            if i != j:
                d = (e[i] / e[i].norm() - e[j] / e[j].norm()).square().sum()
                total += max(0.0, 0.3 - (1 if y[i] == y[j] else -1) * (1.2 - float(d)))
    same(m.marginal(e, y, 0.3, 1.2), total / 42)
    same(m.marginal(e * torch.rand(7, 1), y, 0.3, 1.2), total / 42)  # length does not matter


@of("marginal_loss")
def marginal_asks_the_student_once_and_passes_the_rest_on(m):
    class Twice(Strategy):
        needs_teacher = False

        def loss(self, student, teacher, batch):
            return {"here": student(batch.x).logits.sum(), "there": student(batch.x + 1).logits.sum(), "peer": student.extra("peer", batch.x)}

    net = Net(lambda x: x, {"embedding": lambda x: x}, peer=lambda x: x.sum() + 5)
    x = rows([1, 2], [3, 4])
    found = terms(m.MarginalLoss(Twice()), net, None, [0, 1], x=x)
    assert [v.sum().item() for v in net.seen] == [10, 14]
    assert (found["here"], found["there"], found["peer"]) == (10, 14, 15)
    assert m.MarginalLoss(SoftTargets()).needs_teacher and not m.MarginalLoss().needs_teacher
    assert m.MarginalLoss(SoftTargets(4.0, 1.0)).needs_labels
    assert set(m.MarginalLoss(SoftTargets()).signals) == {"labels", "outputs", "features"}


@of("remembered")
def a_remembered_student_is_asked_once(m):
    net = Net(lambda x: 2 * x, peer=lambda x: x.sum() + 5)
    x = rows([1, 2], [3, 4])
    once = m.Remembered(net, x)
    assert torch.equal(once(x).logits, 2 * x) and torch.equal(once(x + 1).logits, 2 * x + 2) and once.extra("peer", x) == 15
    assert [v.sum().item() for v in net.seen] == [10, 14]


@of("additive_margin")
def additive_by_hand(m):
    same(terms(m.AdditiveMargin(LN(3)), THREE, None, [0])["margin"], LN(2))  # odds 3 become odds 1
    same(terms(m.AdditiveMargin(LN(3)), THREE, None, [1])["margin"], LN(10))  # odds 1/3 become odds 1/9
    s, y = random_logits(1), torch.arange(6) % 4
    same(terms(m.AdditiveMargin(0.0), s, None, y)["margin"], terms(HardLabels(), s, None, y)["hard"])
    losses = [terms(m.AdditiveMargin(v), s, None, y)["margin"] for v in (0.0, 1.0, 3.0)]
    assert losses[0] < losses[1] < losses[2]


# assistants


@of("teacher_assistant")
def densely_by_hand(m):
    guides = Net(THREE, {"assistant1": HALF})
    found = terms(m.DenselyGuided((nn.Identity(),), 1.0, 0.25), HALF, guides, [0])
    same(found["soft"], 0.25 * (BACKWARD + 0) / 2)
    same(found["hard"], 0.75 * LN(2))
    hot = terms(m.DenselyGuided((nn.Identity(),), 2.0, 0.25), 2 * HALF, Net(2 * THREE, {"assistant1": 2 * HALF}), [0])
    same(hot["soft"], 4 * 0.25 * BACKWARD / 2)
    zero(terms(m.DenselyGuided((nn.Identity(),)), THREE, Net(THREE, {"assistant1": THREE}), None), ["soft"])


@of("teacher_assistant")
def guides_teach_like_their_mean_answer(m):
    """The mean of the divergences and the divergence from the mean answer differ by a constant of the guides alone."""
    s, guides = random_logits(1).requires_grad_(), [random_logits(i) for i in (2, 3, 4)]
    net = Net(guides[0], {"assistant1": guides[1], "assistant2": guides[2]})
    found = terms(m.DenselyGuided((nn.Identity(), nn.Identity()), 2.0, 1.0), s, net)["soft"]
    mean = sum((g / 2).softmax(-1) for g in guides).div(3).log()
    (ours,) = torch.autograd.grad(found, s)
    (wanted,) = torch.autograd.grad(4 * kl_from_logits(2 * mean, s, 2.0), s)
    torch.testing.assert_close(ours, wanted)


@of("teacher_assistant")
def guides_keep_their_names(m):
    torch.manual_seed(0)
    a, b, c = (nn.Sequential(nn.Flatten(), nn.Linear(16, 3)) for _ in range(3))
    pool = make_views(ImageSet(torch.randint(256, (5, 1, 4, 4), dtype=torch.uint8), None, 3, "noise"), 2, 1)
    x = pool.inputs(torch.ones(5, dtype=torch.long), torch.arange(5))
    plain = Teacher(a).over(pool)
    together = m.DenselyGuided((b, c)).prepare_teacher(plain)
    torch.testing.assert_close(together.table.logits[1], a(x))
    torch.testing.assert_close(together.table.features["assistant1"][1], b(x))
    torch.testing.assert_close(together.table.features["assistant2"][1], c(x))
    assert (plain.evaluations, together.evaluations) == (10, 30) and not plain.table.features


@of.each
def test_checks(name, check):
    check(of.original(name))


FAULTS = [
    ("dkd", "T² missing", "square = self.temperature**2", "square = 1"),
    ("dkd", "T for T²", "square = self.temperature**2", "square = self.temperature"),
    ("dkd", "arguments swapped", "kl_rows(t_two, s_two)", "kl_rows(s_two, t_two)"),
    ("dkd", "arguments swapped in the wrong classes", "kl_rows(t_wrong, s_wrong)", "kl_rows(s_wrong, t_wrong)"),
    (
        "dkd",
        "target and non-target mixed up",
        "return torch.cat([right, wrong.logsumexp(-1, keepdim=True)], -1), wrong",
        "return wrong, torch.cat([right, wrong.logsumexp(-1, keepdim=True)], -1)",
    ),
    ("dkd", "the right class left in", "places + (places >= labels.unsqueeze(-1))", "places + (places > labels.unsqueeze(-1))"),
    ("dkd", "sum of logits, not of probabilities", "wrong.logsumexp(-1, keepdim=True)", "wrong.sum(-1, keepdim=True)"),
    ("dkd", "weights swapped", "square * self.alpha", "square * self.beta"),
    ("dkd", "teacher not softened", "for z in (s, t))", "for z in (s, t * self.temperature))"),
    ("dkd", "hard term softened", "cross_entropy(s, y, batch.task)", "cross_entropy(s / self.temperature, y, batch.task)"),
    ("dist", "T² missing", "square = self.temperature**2", "square = 1"),
    ("dist", "columns for rows", "correlation(p, q))", "correlation(p.mT, q.mT))"),
    ("dist", "rows for columns", "correlation(p.mT, q.mT))", "correlation(p, q))"),
    ("dist", "cosine for Pearson", "a, b = a - a.mean(-1, keepdim=True), b - b.mean(-1, keepdim=True)", "pass"),
    ("dist", "on logits", "(z / self.temperature).softmax(-1)", "(z / self.temperature)"),
    ("dist", "sum over examples", "(1 - correlation(p, q)).mean()", "(1 - correlation(p, q)).sum()"),
    ("dist", "sign wrong", "(1 - correlation(p, q)).mean()", "(1 + correlation(p, q)).mean()"),
    ("logit_standardisation", "T² missing", "self.temperature**2 * kl", "kl"),
    ("logit_standardisation", "arguments swapped", "standardised(t), standardised(s)", "standardised(s), standardised(t)"),
    ("logit_standardisation", "student as it is", "standardised(t), standardised(s)", "standardised(t), s"),
    ("logit_standardisation", "statistics over the batch", "logits.std(-1, correction=0", "logits.std(0, correction=0"),
    ("logit_standardisation", "divided by C - 1", "correction=0", "correction=1"),
    ("logit_standardisation", "variance for deviation", "logits.std(", "logits.var("),
    ("mutual_learning", "arguments swapped", "kl_from_logits(two.detach(), one)", "kl_from_logits(one, two.detach())"),
    ("mutual_learning", "gradient into the peer", "kl_from_logits(two.detach(), one)", "kl_from_logits(two, one)"),
    ("mutual_learning", "gradient into the student", "kl_from_logits(one.detach(), two)", "kl_from_logits(one, two)"),
    ("mutual_learning", "student compared with itself", "kl_from_logits(two.detach(), one)", "kl_from_logits(one.detach(), one)"),
    ("mutual_learning", "labels of the student only", '"peer hard": cross_entropy(two, y', '"peer hard": cross_entropy(one, y'),
    (
        "born_again",
        "arguments swapped",
        "kl_from_logits(self.targets(teacher(batch).logits, batch.noise), s)",
        "kl_from_logits(s, self.targets(teacher(batch).logits, batch.noise))",
    ),
    ("born_again", "weight missing", "self.label_weight * cross_entropy", "cross_entropy"),
    ("permuted_dark_knowledge", "nothing permuted", "answers.gather(-1, before)", "answers.gather(-1, after)"),
    ("permuted_dark_knowledge", "the first choice moves too", 'noise["keys"].masked_fill(first, -1).argsort(-1)', 'noise["keys"].argsort(-1)'),
    ("permuted_dark_knowledge", "the last choice is kept", "answers.argmax(-1, keepdim=True)", "answers.argmin(-1, keepdim=True)"),
    ("permuted_dark_knowledge", "one permutation for all", "answers.gather(-1, before)", "answers.gather(-1, before[:1].expand_as(before))"),
    ("confidence_weighted", "weights not divided by their sum", "sure / sure.sum() * each", "sure * each"),
    ("confidence_weighted", "the student's confidence", "answers = teacher(batch).logits", "answers = student(batch.x).logits"),
    ("confidence_weighted", "the label's probability for the largest", ".softmax(-1).amax(-1)",
     ".softmax(-1).gather(-1, y.unsqueeze(-1)).squeeze(-1)"),
    ("teacher_free", "arguments swapped", "kl_rows(virtual, s, self.temperature)", "kl_rows(s, virtual, self.temperature)"),
    ("teacher_free", "divided by C", "/ (logits.shape[-1] - 1)", "/ logits.shape[-1]"),
    ("teacher_free", "right and wrong mixed up", "torch.where(right, share, (1 - share)", "torch.where(~right, share, (1 - share)"),
    ("teacher_free", "probabilities for logits", "(logits.shape[-1] - 1)).log()", "(logits.shape[-1] - 1))"),
    ("teacher_free", "weights swapped", "self.weight * soft", "(1 - self.weight) * soft"),
    ("teacher_free", "a T² that the paper does not have", "self.multiplier * label_mean", "self.temperature**2 * label_mean"),
    ("scheduled_temperature", "T² missing", "now**2 * kl", "kl"),
    ("scheduled_temperature", "T rises", "self.high + (self.low - self.high) * passed", "self.low + (self.high - self.low) * passed"),
    ("scheduled_temperature", "a whole cosine", "math.pi * passed", "2 * math.pi * passed"),
    ("scheduled_temperature", "a line for the cosine", "passed = (1 - torch.cos(math.pi * passed)) / 2", "pass"),
    ("scheduled_temperature", "always hot", "now = self.temperature(batch.progress)", "now = self.temperature(0.0)"),
    ("scheduled_temperature", "arguments swapped", "kl_from_logits(t, s, now)", "kl_from_logits(s, t, now)"),
    (
        "annealing",
        "the student is annealed",
        "gap = s - scale * t",
        "gap = scale * s - t",
    ),
    ("annealing", "divided by T", "scale = 1 - (temperature - 1) / self.highest", "scale = 1 / temperature"),
    ("annealing", "mean over classes", "gap.square().sum(-1).mean()", "gap.square().mean()"),
    ("noisy_teacher", "noise on the student", "noisy = t * (1 + self.sigma * xi * picked)", "s, noisy = s * (1 + self.sigma * xi * picked), t"),
    ("noisy_teacher", "noise added, not multiplied", "t * (1 + self.sigma * xi * picked)", "t + self.sigma * xi * picked"),
    ("noisy_teacher", "everyone picked", '(batch.noise["pick"] < self.probability)', '(batch.noise["pick"] < 2)'),
    ("noisy_teacher", "the others picked", '(batch.noise["pick"] < self.probability)', '(batch.noise["pick"] >= self.probability)'),
    ("noisy_teacher", "variance for deviation", "self.sigma * xi", "self.sigma**2 * xi"),
    ("noisy_teacher", "mean over classes", ".square().sum(-1).mean()", ".square().mean()"),
    ("noisy_teacher", "even noise", "torch.randn(", "torch.rand("),
    ("dropout_distillation", "mean of logits", "answers.logsumexp(0)", "answers.mean(0)"),
    ("dropout_distillation", "dropout off", "layer.train()\n", "layer.eval()\n"),
    ("dropout_distillation", "the whole module in training mode", "layer.train()\n", "self.module.train()\n"),
    ("dropout_distillation", "dropout left on", "layer.train(mode)", "layer.train()"),
    ("dropout_distillation", "seed forgotten", "torch.manual_seed(self.seed)", "pass"),
    ("dropout_distillation", "global generator moved", "with torch.random.fork_rng(devices=[x.device] if x.is_cuda else []):", "if True:"),
    ("dropout_distillation", "one pass", "for _ in range(self.passes)", "for _ in range(1)"),
    (
        "dropout_distillation",
        "arguments swapped",
        "kl_from_logits(teacher(batch).logits, student(batch.x).logits)",
        "kl_from_logits(student(batch.x).logits, teacher(batch).logits)",
    ),
    (
        "mixup",
        "λ on the wrong label",
        'noise["share"] * own + (1 - noise["share"]) * partner',
        '(1 - noise["share"]) * own + noise["share"] * partner',
    ),
    (
        "mixup",
        "λ on the wrong input",
        'share * batch.x + (1 - share) * batch.x[batch.noise["order"]]',
        '(1 - share) * batch.x + share * batch.x[batch.noise["order"]]',
    ),
    ("mixup", "labels not mixed", 'cross_entropy(logits, labels[noise["order"]], task)', "cross_entropy(logits, labels, task)"),
    ("mixup_distillation", "T² missing", "self.temperature**2 * kl", "kl"),
    ("mixup_distillation", "arguments swapped", "kl_from_logits(t, s, self.temperature)", "kl_from_logits(s, t, self.temperature)"),
    ("mixup_distillation", "teacher sees the unmixed input", "student(x).logits, teacher.live(x).logits",
     "student(x).logits, teacher(batch).logits"),
    ("mixup", "Beta(1, 1) for any alpha", "float(self.alpha)", "1.0"),
    ("mixup", "no partners", "torch.randperm(len(x), generator=generator, device=x.device)", "torch.arange(len(x))"),
    ("mixup_distillation", "hard term at full weight", "(1 - self.weight) * mixed_cross_entropy", "mixed_cross_entropy"),
    ("function_matching", "T² missing", "self.temperature**2 * soft", "soft"),
    (
        "function_matching",
        "arguments swapped",
        "kl_from_logits(teacher.live(x).logits, student(x).logits",
        "kl_from_logits(student(x).logits, teacher.live(x).logits",
    ),
    ("function_matching", "inconsistent views", "teacher.live(x).logits", "teacher.live(batch.x).logits"),
    ("function_matching", "nothing blended", "x = blend(batch)", "x = batch.x"),
    ("function_matching", "normal for uniform", "torch.rand((), ", "torch.randn((), "),
    ("function_matching", "no partners", "torch.randperm(len(x), generator=generator, device=x.device)", "torch.arange(len(x))"),
    ("marginal_loss", "margin sign wrong", "(margin - sign *", "(-margin - sign *"),
    ("marginal_loss", "pull and push mixed up", "1.0, -1.0)", "-1.0, 1.0)"),
    ("marginal_loss", "distance not squared", "(threshold - distance)", "(threshold - distance.clamp(min=0).sqrt())"),
    ("marginal_loss", "pairs with oneself", "(each * other).sum()", "each.sum()"),
    ("marginal_loss", "mean over m²", "(count**2 - count)", "count**2"),
    ("marginal_loss", "each pair once", "(count**2 - count)", "((count**2 - count) * 2)"),
    ("marginal_loss", "lengths kept", "unit = F.normalize(embeddings.flatten(1), dim=-1)", "unit = embeddings.flatten(1)"),
    ("marginal_loss", "hinge missing", "distance)).relu()", "distance))"),
    ("marginal_loss", "weight missing", "self.weight * pairs", "pairs"),
    ("marginal_loss", "inner forgotten", "**self.inner.loss(once, teacher, batch), ", ""),
    ("remembered", "always the first answer", "self.outputs if x is self.x else self.student(x)", "self.outputs"),
    ("remembered", "asked twice", "self.outputs if x is self.x else self.student(x)", "self.student(x)"),
    ("additive_margin", "margin sign wrong", "z - self.margin * right", "z + self.margin * right"),
    ("additive_margin", "margin on the wrong classes", "z - self.margin * right", "z - self.margin * ~right"),
    ("additive_margin", "margin on all classes", "z - self.margin * right", "z - self.margin"),
    ("additive_margin", "multiplied", "z - self.margin * right", "z * torch.where(right, self.margin, 1.0)"),
    ("teacher_assistant", "T² missing", "self.temperature**2 * soft", "soft"),
    ("teacher_assistant", "arguments swapped", "kl_from_logits(t, s, self.temperature)", "kl_from_logits(s, t, self.temperature)"),
    ("teacher_assistant", "sum over guides", " / len(guides)", ""),
    ("teacher_assistant", "assistants ignored", ", *(answers.features[name] for name in self.guides)]", "]"),
    ("teacher_assistant", "teacher ignored", "[answers.logits, *(", "[*("),
    ("teacher_assistant", "all guides are the teacher", "named[name], cost = asked.column", "named[name], cost = teacher.column"),
    ("teacher_assistant", "assistants in the wrong order", "zip(self.guides, self.assistants", "zip(self.guides, self.assistants[::-1]"),
    ("teacher_assistant", "assistants for nothing", "cost + asked.table_evaluations", "cost"),
    ("teacher_assistant", "guides not kept", "return teacher.with_columns(named, cost)", "return teacher"),
]


@of.planted(FAULTS)
def test_each_planted_fault_turns_a_check_red(name, old, new):
    assert of.gone_red(name, old, new)


# what holds for all of them


def lively():
    torch.manual_seed(8)
    return BigMLP(64, 32, 2, 5, dropout=0.4)


def assistant():
    torch.manual_seed(9)
    return BigMLP(64, 16, 1, 5)


def setting(strategy, count=6, seed=0):
    """Student and teacher as linear maps of x, labels, and the strategy's own noise, all in 5 classes."""
    make = torch.Generator().manual_seed(seed)
    w = [torch.randn(7, 5, generator=make, dtype=torch.double) for _ in range(4)]
    x = torch.randn(count, 7, generator=make, dtype=torch.double)
    student = Net(lambda x: x @ w[0], {"hidden2": lambda x: (x @ w[0]).relu()}, peer=lambda x: x @ w[1])
    teacher = Net(lambda x: x @ w[2], {"assistant1": lambda x: x @ w[3]})
    return student, teacher, batch(x, torch.arange(count) % 5, strategy.draw(x, make), 0.4), w


# with a peer or assistants that know the same, or at the end of the stage
EQUAL = [MutualLearning(small), AnnealingDistillation(3), DropoutDistillation(4), DenselyGuided((assistant(),))]


@pytest.mark.parametrize("strategy", EQUAL, ids=lambda s: s.name)
def test_a_student_that_equals_its_teacher_has_no_more_to_learn_from_it(strategy):
    """The teacher's terms have their minimum there, as far as the paper says so: a zero gradient and the value 0."""
    *_, b, w = setting(strategy)
    w, same_as = w[0].requires_grad_(), w[0].detach().clone()
    teacher = Net(lambda x: x @ same_as, {"assistant1": lambda x: x @ same_as})
    student = Net(lambda x: x @ w, peer=lambda x: x @ same_as)
    found = strategy.loss(student, teacher, b._replace(progress=0.999))
    soft = sum(v for k, v in found.items() if "hard" not in k)
    (g,) = torch.autograd.grad(soft, w)
    same(soft, 0, 1e-4)
    assert g.abs().max() < 1e-4
    elsewhere = strategy.loss(Net(lambda x: 0.5 * x @ w.roll(1, 1), peer=lambda x: x @ same_as), teacher, b)
    assert sum(v for k, v in elsewhere.items() if "hard" not in k) > 1e-2


FIXED = [[Mixup(0.2), Mixup(1.0)], [MixupDistillation(0.2), MixupDistillation(1.0)], [DropoutDistillation(2), DropoutDistillation(3)]]


@pytest.mark.parametrize("grid", FIXED, ids=lambda g: type(g[0]).__name__)
def test_what_is_drawn_or_prepared_once_may_not_vary_in_a_grid(grid, toy_images):
    with pytest.raises(InputError, match="a grid cannot vary"):
        distill(small, lively(), toy_images, Grid(grid), recipe=SHORT)


def test_the_teachers_work_is_counted(toy_images, toy_teacher):
    for strategy, teacher, wanted in (
        (DropoutDistillation(4), lively(), 4 * 40),
        (DenselyGuided((assistant(), assistant())), toy_teacher, 3 * 40),
        (FunctionMatching(), toy_teacher, 40 + 2 * 6 * 16),
        (MixupDistillation(), toy_teacher, 40 + 2 * 6 * 16),
    ):
        assert distill(small, teacher, toy_images, strategy, seeds=(0, 1), recipe=SHORT).teacher_evaluations == wanted


def test_prepared_teachers_hold_what_they_should(toy_images, toy_teacher):
    pool = make_views(toy_images, 2, 1)
    x = pool.inputs(torch.ones(40, dtype=torch.long), torch.arange(40))
    helper = assistant()
    dense = DenselyGuided((helper,)).prepare_teacher(Teacher(toy_teacher).over(pool))
    torch.testing.assert_close(dense.table.logits[1], toy_teacher.eval()(x))
    torch.testing.assert_close(dense.table.features["assistant1"][1], helper.eval()(x))
    net = lively()
    net.head.weight.data.mul_(6)  # sure answers, where the mean answer and the answer without dropout differ
    plain, mean = Teacher(net).over(pool), DropoutDistillation(200).prepare_teacher(Teacher(net).over(pool))
    net.train()
    with torch.random.fork_rng():
        torch.manual_seed(11)
        wanted = torch.stack([net(x).softmax(-1) for _ in range(400)]).mean(0)
    p = mean.table.logits[1].softmax(-1)
    assert (p - wanted).abs().max() < 0.08
    assert (p - wanted).abs().mean() < 0.5 * (plain.table.logits[1].softmax(-1) - wanted).abs().mean()
    assert not any(layer.training for layer in mean.module.modules())
    again = DropoutDistillation(200).prepare_teacher(plain)
    assert torch.equal(again.table.logits, mean.table.logits)


BAD = {
    "dkd alpha": (lambda: DecoupledDistillation(alpha=-1.0), "alpha.*at least 0.*-1"),
    "dkd beta": (lambda: DecoupledDistillation(beta=-1.0), "beta.*at least 0"),
    "dkd temperature": (lambda: DecoupledDistillation(temperature=0.0), "temperature.*greater than 0"),
    "dist inter": (lambda: RelationalMatching(inter=-1.0), "inter.*at least 0"),
    "dist temperature": (lambda: RelationalMatching(temperature=-2.0), "temperature.*greater than 0"),
    "standardised weight": (lambda: StandardisedTargets(weight=1.5), "weight.*from 0 to 1"),
    "mutual peer module": (lambda: MutualLearning(nn.Linear(2, 2)), "peer.*function.*Linear"),
    "mutual peer number": (lambda: MutualLearning(3), "peer.*function.*int"),
    "mutual classes": (lambda: terms(MutualLearning(small), Net(THREE, peer=rows([0, 0, 0])), None, [0]), "peer.*2 classes.*3"),
    "born again": (lambda: BornAgain(-0.1), "label_weight.*at least 0"),
    "permuted classes": (lambda: PermutedDarkKnowledge(classes=1), "classes.*at least 2"),
    "permuted other classes": (lambda: terms(PermutedDarkKnowledge(), HALF, HALF, noise={"keys": torch.rand(1, 10)}), "classes must be 2.*10"),
    "teacher-free correct": (lambda: TeacherFree(correct=1.0), "correct.*less than 1"),
    "teacher-free correct text": (lambda: TeacherFree(correct="0.9"), "correct.*number"),
    "teacher-free multiplier": (lambda: TeacherFree(multiplier=0.0), "multiplier.*greater than 0"),
    "schedule low": (lambda: ScheduledTemperature(low=0.0), "low.*greater than 0"),
    "schedule high": (lambda: ScheduledTemperature(high=1.0, low=2.0), "high.*at least 2"),
    "schedule shape": (lambda: ScheduledTemperature(shape="step"), "shape.*linear.*cosine.*step"),
    "annealing": (lambda: AnnealingDistillation(2.5), "highest.*whole"),
    "noisy probability": (lambda: NoisyTeacher(probability=2.0), "probability.*from 0 to 1"),
    "noisy sigma": (lambda: NoisyTeacher(sigma=float("nan")), "sigma.*finite"),
    "noisy classes": (lambda: terms(NoisyTeacher(), HALF, HALF, noise={"pick": torch.rand(1), "xi": torch.rand(1, 10)}), "classes must be 2.*10"),
    "dropout passes": (lambda: DropoutDistillation(0), "passes.*at least 1"),
    "mixup alpha": (lambda: Mixup(0.0), "alpha.*greater than 0"),
    "mixup distillation alpha": (lambda: MixupDistillation(-1.0), "alpha.*greater than 0"),
    "mixup distillation weight": (lambda: MixupDistillation(weight=-0.1), "weight.*from 0 to 1"),
    "function matching": (lambda: FunctionMatching(0.0), "temperature.*greater than 0"),
    "marginal inner": (lambda: MarginalLoss(3), "inner.*strategy.*3"),
    "marginal weight": (lambda: MarginalLoss(weight=-1.0), "weight.*at least 0"),
    "marginal batch": (lambda: terms(MarginalLoss(), Net(THREE, {"embedding": HALF}), None, [0]), "batch_size.*at least 2.*1"),
    "marginal feature": (lambda: terms(MarginalLoss(), Net(PAIR, {"h": PAIR}), None, [0, 1]), "embedding.*h"),
    "additive": (lambda: AdditiveMargin(-1.0), "margin.*at least 0"),
    "assistants empty": (lambda: DenselyGuided(()), "assistants.*at least one"),
    "assistants list": (lambda: DenselyGuided([nn.Identity()]), "assistants.*tuple"),
}


@pytest.mark.parametrize(("call", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_named(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_teachers_that_do_not_fit_are_named(toy_images, toy_teacher):
    with pytest.raises(InputError, match="dropout layers"):
        distill(small, toy_teacher, toy_images, DropoutDistillation(), recipe=SHORT)
    with pytest.raises(InputError, match="assistant1.*5 classes.*gives 4"):
        distill(small, toy_teacher, toy_images, DenselyGuided((BigMLP(64, 8, 1, 4),)), recipe=SHORT)
