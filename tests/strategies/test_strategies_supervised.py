"""The supervised strategies of notebook 08: each by hand, by property, in a fleet, and by mutation (see test_strategies_outputs)."""

import math
from dataclasses import replace

import pytest
import torch
from mutation import RED, Checks
from stand_ins import SHORT, Net, batch, random_logits, rows, same, small
from torch.nn import functional as F

from distill_helpers.checks import InputError
from distill_helpers.data import ViewPool
from distill_helpers.strategies import (
    AdjustedTargets,
    AdversarialTraining,
    Combined,
    FunctionMatching,
    GradientAttention,
    HardLabels,
    JacobianMatching,
    Mixup,
    MutualLearning,
    Relabelled,
    RobustDistillation,
    ShuffledTeacher,
    SimilarityPreserving,
    SoftTargets,
    VirtualAdversarial,
)
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.contract.divergences import cross_entropy, kl_from_logits
from distill_helpers.training import distill

LN = math.log
of = Checks(red=(*RED, TypeError))
pytestmark = pytest.mark.usefixtures("no_cache")


def linear(w):
    """logits = x w, w [D, C]."""
    return Net(lambda x: x.flatten(1) @ w)


# adversarial training


W = rows([2.0, 0.0], [-1.0, 0.0], [0.0, 0.0])  # two classes: z = (2 a - b, 0)


@of("adversarial_training")
def a_linear_student_is_attacked_exactly(m):
    """To hurt class 0, a falls and b rises by eps, cut to [0, 1]; the third number has no slope and keeps its random start."""
    x, start = rows([0.5, 0.5, 0.5], [0.05, 0.95, 0.5], [0.5, 0.5, 0.5]), rows([0.3, -1.0, 0.0], [1.0, 1.0, 0.5], [0.0, 0.0, -1.0])
    wanted = rows([0.4, 0.6, 0.5], [0.0, 1.0, 0.55], [0.6, 0.4, 0.4])
    y = torch.tensor([0, 0, 1])
    torch.testing.assert_close(m.attack(linear(W), x, y, start, 0.1, 1), wanted)
    torch.testing.assert_close(m.attack(linear(W), x, y, start, 0.1, 5), wanted)
    found = m.AdversarialTraining(0.1, 3).loss(linear(W), None, batch(x, y, {"start": start}))
    same(found["attacked"], F.cross_entropy(wanted @ W, y))


@of("adversarial_training")
def steps_are_two_and_a_half_balls_long_in_all(m):
    seen = linear(W)
    m.attack(seen, rows([0.5, 0.5, 0.5]), torch.tensor([0]), rows([1.0, 1.0, 0.0]), 0.1, 5)
    torch.testing.assert_close(torch.cat(seen.seen)[:3, 0], rows(0.6, 0.55, 0.5))


@of("adversarial_training")
def a_curved_student_is_followed_and_the_ball_is_kept(m):
    curved = Net(lambda x: torch.stack([(5 * x).sin().sum(-1), (7 * x).cos().sum(-1), 0 * x.sum(-1)], -1))
    x, y = torch.rand(40, 6, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 3
    start = m.AdversarialTraining().draw(x, torch.Generator().manual_seed(1))["start"]
    assert start.shape == x.shape and -1 <= start.min() < -0.8 and 0.8 < start.max() <= 1
    losses = [F.cross_entropy(curved(m.attack(curved, x, y, start, 0.2, steps)).logits, y) for steps in (1, 20)]
    assert losses[1] > losses[0] > F.cross_entropy(curved(x).logits, y)
    moved = m.attack(curved, x, y, start, 0.2, 20)
    assert (moved - x).abs().max() <= 0.2 + 1e-6 and moved.min() >= 0 and moved.max() <= 1 and not moved.requires_grad


# robust distillation


@of("robust_distillation")
def robust_by_hand(m):
    """Teacher (1/2, 1/2) at the clean x, student logits (2 a - b, 0) at the attacked one, cross-entropy at the clean one."""
    x, y, noise = rows([0.5, 0.5, 0.5]), [0], {"start": rows([0.0, 0.0, 0.0])}
    teacher = Net(rows([0.0, 0.0]))
    found = m.RobustDistillation(0.1, 2, 2.0, 0.25).loss(linear(W), teacher, batch(x, y, noise))
    z = 2 * 0.4 - 0.6
    q = 1 / (1 + math.exp(-z / 2))
    same(found["robust"], 0.25 * 4 * (0.5 * LN(0.5 / q) + 0.5 * LN(0.5 / (1 - q))))
    same(found["hard"], 0.75 * LN(1 + math.exp(-0.5)))


@of("robust_distillation")
def the_teacher_is_asked_in_peace(m):
    x, y = torch.rand(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.double), torch.arange(6) % 2
    teacher, strategy = linear(rows([1, 0], [0, 1], [1, 1])), m.RobustDistillation()
    strategy.loss(linear(W), teacher, batch(x, y, strategy.draw(x, torch.Generator())))
    assert len(teacher.seen) == 1 and torch.equal(teacher.seen[0], x)


@of("robust_distillation")
def without_an_attack_it_is_soft_targets(m):
    x, y = torch.rand(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.double), torch.arange(6) % 2
    teacher, noise = linear(rows([1, 0], [0, 1], [1, 1])), {"start": torch.ones_like(x)}
    found = m.RobustDistillation(0.0, 1, 3.0, 0.7).loss(linear(W), teacher, batch(x, y, noise))
    wanted = SoftTargets(3.0, 0.7).loss(linear(W), teacher, batch(x, y))
    same(found["robust"], wanted["soft"])
    same(found["hard"], wanted["hard"])


# adjusted targets


@of("adjusted_targets")
def shifted_by_hand(m):
    found = m.shifted(rows([3, 1, 2], [3, 1, 2], [0, 5, 1]), torch.tensor([2, 0, 0]))
    torch.testing.assert_close(found, rows([2, 1, 3], [3, 1, 2], [5, 0, 1]))


@of("adjusted_targets")
def smoothed_by_hand(m):
    """Wrong answers become (0.9 + 0.025, 0.025, ...) after the softmax at T; right ones stay."""
    t, y = random_logits(1), torch.tensor([0, 1, 2, 3, 0, 1])
    y[0] = t[0].argmax()
    y[1] = (t[1].argmax() + 1) % 4
    p = (m.AdjustedTargets(3.0, 1.0, "smooth", 0.1).smoothed(t, y) / 3).softmax(-1)
    torch.testing.assert_close(p[0], (t[0] / 3).softmax(-1))
    torch.testing.assert_close(p[1], 0.9 * F.one_hot(y[1], 4).double() + 0.025)
    exact = m.AdjustedTargets(3.0, 1.0, "smooth", 0.0).smoothed(t, y)
    assert exact.isfinite().all() and kl_from_logits(exact, random_logits(2), 3.0).isfinite()


@of("adjusted_targets")
def adjusted_loss_by_hand(m):
    s, t, y = random_logits(2), random_logits(1), torch.tensor([0, 1, 2, 3, 0, 1])
    right = t.argmax(-1)
    found = m.AdjustedTargets(2.0, 0.75).loss(Net(s), Net(t), batch(torch.zeros(6, 1), y))
    same(found["soft"], 0.75 * 4 * kl_from_logits(m.shifted(t, y), s, 2.0))
    same(found["hard"], 0.25 * F.cross_entropy(s, y))
    for kind in ("shift", "smooth"):  # a teacher that is always right is not adjusted
        found = m.AdjustedTargets(2.0, 0.75, kind).loss(Net(s), Net(t), batch(torch.zeros(6, 1), right))
        same(found["soft"], SoftTargets(2.0, 0.75).loss(Net(s), Net(t), batch(torch.zeros(6, 1), right))["soft"])
    smooth = m.AdjustedTargets(2.0, 1.0, "smooth", 0.2)
    same(smooth.loss(Net(s), Net(t), batch(torch.zeros(6, 1), y))["soft"], 4 * kl_from_logits(smooth.smoothed(t, y), s, 2.0))


@of("adjusted_targets")
def adjusted_targets_are_always_right(m):
    t, y = random_logits(3), torch.tensor([3, 2, 1, 0, 3, 2])
    for z in (m.shifted(t, y), m.AdjustedTargets(adjustment="smooth").smoothed(t, y)):
        assert torch.equal(z.argmax(-1), y)
    torch.testing.assert_close(m.shifted(t, y).sort(-1).values, t.sort(-1).values)


# relabelling


@of("relabelling")
def relabelled_by_hand(m):
    """Confidences 0.9, 0.9, 0.6 and exactly 0.8, threshold 0.8: only the first, second and last count."""
    t = rows([LN(9), 0], [0, LN(9)], [LN(1.5), 0], [0, LN(4)])
    found = m.relabelled(t, torch.tensor([1, 1, 1, 0]), 0.8 - 1e-12)
    assert found.tolist() == [0, 1, 1, 1]
    assert m.relabelled(t, torch.tensor([1, 1, 1, 0]), 1.0).tolist() == [1, 1, 1, 0]
    assert m.relabelled(t, torch.tensor([1, 1, 1, 0]), 0.0).tolist() == [0, 1, 0, 1]


@of("relabelling")
def inner_sees_the_new_labels(m):
    s, t, y = random_logits(1, classes=2), random_logits(2, classes=2), torch.tensor([0, 1, 0, 1, 0, 1])
    found = m.Relabelled(SoftTargets(2.0, 0.4), 0.7).loss(Net(s), Net(t), batch(torch.zeros(6, 1), y))
    wanted = SoftTargets(2.0, 0.4).loss(Net(s), Net(t), batch(torch.zeros(6, 1), m.relabelled(t, y, 0.7)))
    assert found.keys() == wanted.keys()
    for name in wanted:
        same(found[name], wanted[name])
    hard = m.Relabelled(HardLabels(), 0.0).loss(Net(s), Net(t), batch(torch.zeros(6, 1), y))
    same(hard["hard"], F.cross_entropy(s, t.argmax(-1)))


# Jacobian matching


@of("jacobian_matching")
def jacobian_by_hand(m):
    """The teacher's largest logit is class 1: its gradients there are (0, 5) and (3, 4) / 5 of the student's, so 2 - 2 · 0.8."""
    student, teacher = linear(rows([9, 3], [9, 4])), linear(rows([1, 0], [0, 5]))
    found = m.JacobianMatching(HardLabels(), 10.0).loss(student, teacher, batch(rows([0.5, 0.5]), [0]))
    same(found["jacobian"], 10 * (2 - 2 * 0.8))
    same(found["hard"], F.cross_entropy(rows([9.0, 3.5]), torch.tensor([0])))


@of("jacobian_matching")
def each_example_has_its_own_class(m):
    student, teacher = linear(rows([1, 0], [0, 1])), linear(rows([1, 0], [0, -1]))
    x = rows([0.9, 0.9], [-0.9, -0.9])  # the teacher says 0, then 1
    found = m.JacobianMatching(HardLabels()).loss(student, teacher, batch(x, [0, 0]))
    same(found["jacobian"], (0 + 4) / 2)
    same(m.JacobianMatching(HardLabels()).loss(linear(3 * rows([1, 0], [0, -1])), teacher, batch(x, [0, 0]))["jacobian"], 0)


@of("jacobian_matching")
def the_teacher_gets_no_gradient(m):
    w, v = random_logits(1, 2, 3).requires_grad_(), random_logits(2, 2, 3).requires_grad_()
    found = m.JacobianMatching(HardLabels()).loss(linear(w), linear(v), batch(rows([0.5, 0.5]), [0]))["jacobian"]
    mine, theirs = torch.autograd.grad(found, (w, v), allow_unused=True)
    assert mine is not None and mine.abs().max() > 1e-3 and theirs is None


# virtual adversarial training


def push(student, teacher, d, strategy, x=None):
    x = rows([0.5, 0.25]) if x is None else x
    return strategy.loss(student, teacher, batch(x, [0] * len(x), {"direction": d}))["smoothness"]


@of("virtual_adversarial")
def smoothness_by_hand(m):
    """z = (3 a + 4 b, 0): the KL moves along (0.6, 0.8) only, to the side on which the start lies; eps 0.5 changes z by 2.5."""
    student = linear(rows([3, 0], [4, 0]))
    z = 3 * 0.5 + 4 * 0.25
    sigmoid = lambda v: 1 / (1 + math.exp(-v))
    kl = lambda a, b: sigmoid(a) * LN(sigmoid(a) / sigmoid(b)) + sigmoid(-a) * LN(sigmoid(-a) / sigmoid(-b))
    for d, side in (([7.0, 0.0], 1), ([-0.1, -0.2], -1), ([1.0, -1.0], -1)):
        for iterations in (1, 3):
            strategy = m.VirtualAdversarial(HardLabels(), 2.0, 0.5, 0.01, iterations)
            same(push(student, None, rows(d), strategy), 2 * kl(z, z + side * 2.5), 1e-4)


@of("virtual_adversarial")
def more_iterations_find_a_worse_direction(m):
    w = random_logits(5, 12, 4)
    x, d = torch.rand(8, 12, dtype=torch.double, generator=torch.Generator().manual_seed(1)), random_logits(6, 8, 12)
    few, many = (push(linear(w), None, d, m.VirtualAdversarial(HardLabels(), 1.0, 0.05, 1e-3, k), x) for k in (1, 8))
    blind = kl_from_logits(x @ w, (x + 0.05 * m.unit(d)) @ w)
    assert many > few > blind
    same(m.unit(1e-25 * d).square().sum(), 8)
    torch.testing.assert_close(m.unit(1e-25 * d.float()), m.unit(d.float()))


@of("virtual_adversarial")
def only_the_moved_answer_learns(m):
    """The gradient is that of KL(constant || student(x + r)), r a constant as well; the inner strategy's terms come besides."""
    w = random_logits(5, 2, 4).requires_grad_()
    strategy, d, x = m.VirtualAdversarial(HardLabels(), 1.0, 0.5), rows([1.0, 2.0]), rows([0.5, 0.25])
    student = linear(w)
    found = strategy.loss(student, None, batch(x, [1], {"direction": d}))
    moved = student.seen[-1]
    same((moved - x).norm(), 0.5)
    (g,) = torch.autograd.grad(found["smoothness"], w, retain_graph=True)
    (wanted,) = torch.autograd.grad(kl_from_logits((x @ w).detach(), moved.detach() @ w), w)
    torch.testing.assert_close(g, wanted)
    same(found["hard"], cross_entropy(x @ w, torch.tensor([1])))
    assert len([x for x in student.seen if torch.equal(x, batch(x).x) and len(x) == 1 and (x == rows([0.5, 0.25])).all()]) == 1


# combined


@of("combined")
def combined_adds_up(m):
    s, t, y = random_logits(1), random_logits(2), torch.arange(6) % 4
    student, teacher = Net(s, {"embedding": random_logits(3)}), Net(t, {"hidden2": random_logits(4)})
    parts = (SoftTargets(2.0, 0.5), SimilarityPreserving("embedding", "hidden2", labels=0.0), Mixup())
    strategy = m.Combined(parts)
    x = torch.zeros(6, 1)
    noise = strategy.draw(x, torch.Generator().manual_seed(0))
    found = strategy.loss(student, teacher, batch(x, y, noise))
    wanted = {}
    for part in parts:
        wanted |= part.loss(student, teacher, batch(x, y, noise))
    assert found.keys() == wanted.keys() == {"soft", "hard", "similarity", "mixed"}
    for name in wanted:
        same(found[name], wanted[name])
    assert strategy.signals == ("labels", "outputs", "features") and strategy.teacher_features == ("hidden2",)
    assert strategy.needs_labels and strategy.needs_teacher
    assert not m.Combined((SoftTargets(2.0, 1.0), FunctionMatching())).needs_labels
    assert not m.Combined((HardLabels(), Mixup())).needs_teacher


@of("combined")
def combined_prepares_and_asks_once(m):
    class Known:
        def column(self, name, views):
            return torch.eye(4).unsqueeze(0)

        def originals(self, order):
            return order

        def reordered(self, order):
            return "shuffled"

    assert m.Combined((SoftTargets(), ShuffledTeacher(FunctionMatching()))).prepare_teacher(Known()) == "shuffled"
    seen, x = Net(lambda x: x), random_logits(3)
    both = m.Combined((SoftTargets(2.0, 1.0), VirtualAdversarial(Asking())))
    both.loss(seen, Net(random_logits(2)), batch(x, None, {"direction": random_logits(4)}))
    assert sum(asked is x for asked in seen.seen) == 1


class Asking(Strategy):
    """Asks the student about the batch once more."""

    def loss(self, student, teacher, batch):
        return {"again": 0 * student(batch.x).logits.sum()}


@of.each
def test_checks(name, check):
    check(of.original(name))


FAULTS = [
    ("adversarial_training", "downhill", "moved + 2.5 * eps", "moved - 2.5 * eps"),
    ("adversarial_training", "no sign", "slope.sign()", "slope"),
    ("adversarial_training", "other steps", "2.5 * eps / steps *", "eps / steps *"),
    ("adversarial_training", "no start", "x + eps * start", "x"),
    ("adversarial_training", "start from 0 to 1", "2 * torch.rand(x.shape, generator=generator, device=x.device) - 1", "torch.rand(x.shape)"),
    ("adversarial_training", "below 0", "(x - eps).clamp(min=0)", "x - eps"),
    ("adversarial_training", "above 1", "(x + eps).clamp(max=1)", "x + eps"),
    ("adversarial_training", "one step", "for _ in range(steps)", "for _ in range(1)"),
    ("adversarial_training", "not attacked", "cross_entropy(student(attacked).logits, y", "cross_entropy(student(batch.x).logits, y"),
    ("adversarial_training", "ball left", "slope.sign(), low), high)", "slope.sign(), low - 1), high + 1)"),
    ("robust_distillation", "T² missing", "self.temperature**2 * kl", "kl"),
    ("robust_distillation", "student not attacked", "student(attacked).logits, self", "student(batch.x).logits, self"),
    ("robust_distillation", "teacher attacked", "teacher(batch).logits", "teacher.live(attacked).logits"),
    ("robust_distillation", "hard term attacked", "cross_entropy(student(batch.x).logits, y", "cross_entropy(student(attacked).logits, y"),
    (
        "robust_distillation",
        "arguments swapped",
        "kl_from_logits(teacher(batch).logits, student(attacked).logits",
        "kl_from_logits(student(attacked).logits, teacher(batch).logits",
    ),
    ("robust_distillation", "weights swapped", '"robust": self.weight *', '"robust": (1 - self.weight) *'),
    ("adjusted_targets", "T² missing", "self.temperature**2 * kl", "kl"),
    ("adjusted_targets", "not adjusted", "adjusted = shifted(t, known(y, batch.task)) if", "adjusted = t if"),
    ("adjusted_targets", "overwritten, not swapped", ".scatter(-1, first, value).scatter", ".scatter"),
    ("adjusted_targets", "swapped with the smallest", "logits.argmax(-1, keepdim=True)", "logits.argmin(-1, keepdim=True)"),
    ("adjusted_targets", "right answers smoothed", "logits.argmax(-1) != labels", "logits.argmax(-1) == labels"),
    ("adjusted_targets", "all answers smoothed", "wrong = logits.argmax(-1) != labels", "wrong = labels >= 0"),
    ("adjusted_targets", "probabilities for logits", "share.clamp(min=1e-30).log()", "share"),
    ("adjusted_targets", "T forgotten", "self.temperature * share", "share"),
    ("adjusted_targets", "infinite logits", ".clamp(min=1e-30)", ""),
    ("adjusted_targets", "smoothed over the wrong classes", "self.smoothing / logits.shape[-1]", "self.smoothing / (logits.shape[-1] - 1)"),
    ("adjusted_targets", "arguments swapped", "kl_from_logits(adjusted, s,", "kl_from_logits(s, adjusted,"),
    ("relabelling", "where unsure", "confidence >= threshold", "confidence < threshold"),
    ("relabelling", "labels and answers swapped", "says(labels, task), first, labels)", "says(labels, task), labels, first)"),
    ("relabelling", "logits for confidence", "logits.softmax(-1).max(-1)", "logits.max(-1)"),
    ("relabelling", "labels left", "batch._replace(y=relabelled(teacher(batch).logits, y, self.threshold, batch.task))", "batch"),
    ("relabelling", "the student's opinion", "relabelled(teacher(batch).logits", "relabelled(student(batch.x).logits"),
    ("jacobian_matching", "the student's class", "answers = teacher(batch).logits", "answers = student(batch.x).logits"),
    ("jacobian_matching", "lengths compared", "unit(torch.func.grad(chosen)(x).flatten(1))", "torch.func.grad(chosen)(x).flatten(1)"),
    ("jacobian_matching", "teacher with itself", "direction(student, batch.x, top) - theirs", "direction(teacher.live, batch.x, top) - theirs"),
    ("jacobian_matching", "the teacher learns", "with torch.no_grad():", "if True:"),
    ("jacobian_matching", "mean over pixels", ".square().sum(-1).mean()", ".square().mean()"),
    ("jacobian_matching", "weight missing", "self.weight * gap", "gap"),
    ("jacobian_matching", "inner forgotten", "**self.inner.loss(student, teacher, batch), ", ""),
    ("jacobian_matching", "all logits", "model(at).logits.gather(-1, classes.unsqueeze(-1)).sum()", "model(at).logits.sum()"),
    ("virtual_adversarial", "random direction", "d = unit(slope)", "pass"),
    ("virtual_adversarial", "length kept", "d = unit(slope)", "d = slope"),
    ("virtual_adversarial", "eps missing", "self.eps * d)", "d)"),
    ("virtual_adversarial", "the other way", "batch.x + self.eps", "batch.x - self.eps"),
    ("virtual_adversarial", "one iteration", "for _ in range(self.iterations)", "for _ in range(1)"),
    ("virtual_adversarial", "clean answer learns", "clean = once.outputs.logits.detach()", "clean = once.outputs.logits"),
    ("virtual_adversarial", "arguments swapped", "self.weight * kl_from_logits(clean, moved)", "self.weight * kl_from_logits(moved, clean)"),
    ("virtual_adversarial", "inner forgotten", "**self.inner.loss(once, teacher, batch), ", ""),
    ("virtual_adversarial", "weight missing", "self.weight * kl", "kl"),
    ("virtual_adversarial", "asked twice", "self.inner.loss(once, teacher", "self.inner.loss(student, teacher"),
    ("virtual_adversarial", "tiny gradients lost", "rows = rows / rows.abs().amax(-1, keepdim=True).clamp(min=1e-30)", "pass"),
    ("combined", "one part only", "for part in self.parts], \"terms\")", "for part in self.parts[:1]], \"terms\")"),
    ("combined", "asked by each part", "part.loss(once, teacher", "part.loss(student, teacher"),
    ("combined", "teacher not prepared", "teacher = part.prepare_teacher(teacher)", "part.prepare_teacher(teacher)"),
    ("combined", "labels of all parts", "any(part.needs_labels", "all(part.needs_labels"),
]  # fmt: skip


@of.planted(FAULTS)
def test_each_planted_fault_turns_a_check_red(name, old, new):
    assert of.gone_red(name, old, new)


# what holds for all of them


SIMILAR = SimilarityPreserving("hidden2", "hidden2", 30.0, 0.0)
def setting(strategy, count=6, seed=0):
    """Student and teacher as linear maps of x, labels, and the strategy's own noise, all in 5 classes."""
    make = torch.Generator().manual_seed(seed)
    w = [torch.randn(7, 5, generator=make, dtype=torch.double) for _ in range(2)]
    x = torch.rand(count, 7, generator=make, dtype=torch.double)
    nets = [Net(lambda x, w=v: x @ w, {"hidden2": lambda x, w=v: (x @ w).relu()}) for v in w]
    return *nets, batch(x, torch.arange(count) % 5, strategy.draw(x, make)), w


def test_signals_say_what_is_used():
    assert AdversarialTraining().signals == ("labels",) and not AdversarialTraining().needs_teacher
    assert RobustDistillation().signals == ("labels", "outputs") and RobustDistillation().needs_teacher
    assert JacobianMatching().signals == ("labels", "outputs", "gradients")
    assert JacobianMatching(HardLabels()).signals == ("labels", "gradients") and JacobianMatching(HardLabels()).needs_teacher
    assert Relabelled(HardLabels()).signals == ("labels", "outputs") and Relabelled(HardLabels()).needs_teacher
    assert VirtualAdversarial(HardLabels()).signals == ("labels",) and not VirtualAdversarial(HardLabels()).needs_teacher
    assert Combined((GradientAttention(), SIMILAR)).signals == ("labels", "gradients", "features")
    assert not VirtualAdversarial(SoftTargets(4.0, 1.0)).needs_labels and not JacobianMatching(SoftTargets(4.0, 1.0)).needs_labels


@pytest.mark.parametrize("strategy", [AdjustedTargets(), JacobianMatching(), VirtualAdversarial(eps=0.0)], ids=lambda s: s.name)
def test_a_student_that_equals_a_right_teacher_has_no_more_to_learn_from_it(strategy):
    *_, b, w = setting(strategy)
    w, same_as = w[0].requires_grad_(), w[0].detach().clone()
    b = b._replace(y=(b.x @ same_as).argmax(-1))
    soft = sum(v for k, v in strategy.loss(linear(w), linear(same_as), b).items() if k != "hard")
    (g,) = torch.autograd.grad(soft, w)
    same(soft, 0, 1e-6)
    assert g.abs().max() < 1e-5


def test_teacher_evaluations(toy_images, toy_teacher):
    cached, live = 40, 40 + 6 * 16
    for strategy, wanted in ((RobustDistillation(), cached), (AdjustedTargets(), cached), (Relabelled(), cached), (JacobianMatching(), live),
                             (VirtualAdversarial(), cached)):  # fmt: skip
        assert distill(small, toy_teacher, toy_images, strategy, seeds=(0,), recipe=SHORT).teacher_evaluations == wanted


def test_extras_of_a_part_are_trained(toy_images, toy_teacher):
    run = distill(small, toy_teacher, toy_images, Combined((MutualLearning(small), FunctionMatching())), seeds=(0, 1), recipe=SHORT)
    assert set(run.fleet.skeletons) == {"student", "peer@0"} and "peer hard" in run.history


BAD = {
    "eps": (lambda: AdversarialTraining(-0.1), "eps.*at least 0"),
    "steps": (lambda: AdversarialTraining(0.1, 0), "steps.*at least 1"),
    "robust temperature": (lambda: RobustDistillation(temperature=0.0), "temperature.*greater than 0"),
    "robust weight": (lambda: RobustDistillation(weight=1.5), "weight.*from 0 to 1"),
    "adjustment": (lambda: AdjustedTargets(adjustment="swap"), "adjustment.*'shift', 'smooth'.*swap"),
    "smoothing": (lambda: AdjustedTargets(smoothing=2.0), "smoothing.*from 0 to 1"),
    "relabel inner": (lambda: Relabelled(FunctionMatching()), "inner.*uses labels"),
    "threshold": (lambda: Relabelled(threshold=-1.0), "threshold.*from 0 to 1"),
    "jacobian inner": (lambda: JacobianMatching(3), "inner.*strategy.*3"),
    "jacobian weight": (lambda: JacobianMatching(weight=-1.0), "weight.*at least 0"),
    "virtual inner": (lambda: VirtualAdversarial("x"), "inner.*strategy.*x"),
    "xi": (lambda: VirtualAdversarial(xi=0.0), "xi.*greater than 0"),
    "iterations": (lambda: VirtualAdversarial(iterations=0), "iterations.*at least 1"),
    "combined one": (lambda: Combined((HardLabels(),)), "two or more"),
    "combined list": (lambda: Combined([HardLabels(), SoftTargets()]), "parts must be a tuple"),
}


@pytest.mark.parametrize(("call", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_named(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_two_terms_of_one_name_are_named(toy_images, toy_teacher):
    with pytest.raises(InputError, match="terms.*hard"):
        distill(small, toy_teacher, toy_images, Combined((SoftTargets(), HardLabels())), recipe=replace(SHORT, steps=1))


def test_labels_of_another_kind_are_named(toy_images, toy_teacher):
    pool = ViewPool(toy_images.images.unsqueeze(0), torch.rand(40, 5), 5, "toy")
    with pytest.raises(InputError, match="AdjustedTargets needs class indices"):
        distill(small, toy_teacher, pool, AdjustedTargets(), recipe=SHORT)
