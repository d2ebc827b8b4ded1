"""Strategies on features: each loss by hand, by its properties, in a fleet, and by mutation: planted faults must turn a check red."""

import math
from dataclasses import replace

import pytest
import torch
from stand_ins import random
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from distill_helpers.checks import InputError
from distill_helpers.models import BigMLP
from distill_helpers.models.outputs import FeatureDict, Outputs
from distill_helpers.models.small_conv import SmallConv, digits_conv_student, digits_conv_teacher
from distill_helpers.strategies.contract import Batch, feature_tools
from distill_helpers.strategies.contract.divergences import cross_entropy
from distill_helpers.strategies.contract.feature_tools import FeatureStrategy, names
from distill_helpers.strategies.contract.schedule import Grid, Stages
from distill_helpers.strategies.features import activation_boundaries, attention_transfer, factor_transfer, fitnets, fsp, nst, vid
from distill_helpers.strategies.features.activation_boundaries import ActivationBoundaries
from distill_helpers.strategies.features.attention_transfer import AttentionTransfer
from distill_helpers.strategies.features.factor_transfer import FactorTransfer, factor_of
from distill_helpers.strategies.features.fitnets import FitNets
from distill_helpers.strategies.features.fsp import FlowOfSolution
from distill_helpers.strategies.features.nst import NeuronSelectivity
from distill_helpers.strategies.features.vid import Variance, VariationalInformation
from distill_helpers.strategies.gradients import gradient_attention
from distill_helpers.strategies.gradients.gradient_attention import GradientAttention
from distill_helpers.strategies.outputs.soft_targets import SoftTargets
from distill_helpers.strategies.relations import crd, pkt, rkd
from distill_helpers.strategies.relations import similarity_preserving as sp
from distill_helpers.strategies.relations.crd import ContrastiveRepresentation
from distill_helpers.strategies.relations.pkt import ProbabilisticTransfer
from distill_helpers.strategies.relations.rkd import Relational
from distill_helpers.strategies.relations.similarity_preserving import SimilarityPreserving
from distill_helpers.training import Recipe, Teacher, distill

LN, ROOT = math.log, math.sqrt
ROWS = 5


def tensor(values):
    return torch.tensor(values, dtype=torch.double)


class Played:
    """A student or teacher that answers with given features, and whose extras are given functions."""

    def __init__(self, features, extras=None, logits=None):
        rows = len(next(iter(features.values())))
        self.outputs = Outputs(torch.zeros(rows, 3, dtype=torch.double) if logits is None else logits, FeatureDict(features))
        self.extras = extras or {}

    def __call__(self, _):
        return self.outputs

    def extra(self, name, *inputs):
        return self.extras[name](*inputs)


def batch_of(rows):
    return Batch(torch.zeros(rows, 1, dtype=torch.double), torch.arange(rows) % 3, torch.arange(rows), torch.zeros(rows, dtype=torch.long), {})


def same(x):
    return x


def terms(strategy, s, t, extras=None):
    """The terms of ``strategy`` (labels apart) for features of its named layers, given as one tensor or a list of them."""
    s, t = ([f] if isinstance(f, torch.Tensor) else f for f in (s, t))
    played = Played(dict(zip(names(strategy.student_layers), s, strict=True)), extras)
    answers = dict(zip(names(strategy.teacher_layers), t, strict=True))
    if isinstance(strategy, FactorTransfer):
        answers.update({factor_of(name): f for name, f in list(answers.items())})
    return strategy.loss(played, Played(answers), batch_of(len(s[0])))


def value(*given):
    return sum(terms(*given).values())


def close(found, wanted, tolerance=1e-6):
    found, wanted = (v.item() if isinstance(v, torch.Tensor) else v for v in (found, wanted))
    assert found == pytest.approx(wanted, abs=tolerance)


# ---- by hand -------------------------------------------------------------------------------------------------------------------


def fitnets_by_hand():
    """r maps (1, 2) to (1, 2, 3); the hint is (0, 2, 1): squares 1, 0, 4, their mean 5/3, half of it 5/6. A perfect second row halves it."""
    grow = {"regressor0": lambda s: torch.cat([s, s.sum(1, keepdim=True)], 1)}
    one, two = tensor([[1, 2.0]]), tensor([[1, 2.0], [4, 5]])
    strategy = FitNets("a", "b", weight=6.0, labels=0)
    close(value(strategy, one, tensor([[0, 2.0, 1]]), grow), 5.0)
    close(value(strategy, two, tensor([[0, 2.0, 1], [4, 5, 9]]), grow), 2.5)


def attention_by_hand():
    """Squares summed over channels: (3, 4) of length 5 against (1, 0). Gaps -0.4 and 0.8, mean square 0.4, times beta/2 = 5."""
    s, t = tensor([[[[ROOT(3), 0.0]], [[0, -2.0]]]]), tensor([[[[-1.0, 0]]]])
    strategy = AttentionTransfer("a", "b", weight=10.0, labels=0)
    close(value(strategy, s, t), 2.0)
    close(value(AttentionTransfer(("a", "c"), ("b", "d"), 10.0, 0), [s, s], [t, s]), 2.0)  # layers add up


def similarity_by_hand():
    """Orthogonal for the student: the unit matrix. Equal for the teacher: every entry 1/√2. Sum of squares 4 - 2√2, over b² = 4."""
    s, t = tensor([[3.0, 0], [0, 0.5]]), tensor([[2.0, 0], [2, 0]])
    close(value(SimilarityPreserving("a", "b", 10.0, 0), s, t), 10 * (2 - ROOT(2)) / 2)


def pkt_by_hand():
    """The student has the first and third alike: K = ½, 1, ½, so P = (1/3, 2/3), (½, ½), (2/3, 1/3). The teacher is even: ½ each."""
    s, t = tensor([[1.0, 0], [0, 2], [3, 0]]), tensor([[1.0, 1], [2, 2], [3, 3]])
    close(value(ProbabilisticTransfer("a", "b", 1.0, 0), s, t), LN(1.125) / 3, 1e-5)


def relational_by_hand():
    """On a line at 0, 1, 3 and at 0, 1, 2: distances over their mean (½, 3/2, 1) and (¾, 3/2, ¾). A right angle against 60°."""
    line = terms(Relational("a", "b", 6.0, 0.0, 0), tensor([[0.0], [1], [3]]), tensor([[0.0], [1], [2]]))
    close(line["distance"], 6 * (2 * 0.5 * 0.25**2) / 3)
    corner, even = tensor([[0.0, 0], [2, 0], [0, 2]]), tensor([[0.0, 0], [1, 0], [0.5, ROOT(0.75)]])
    gaps = (0.5**2 + 2 * (ROOT(0.5) - 0.5) ** 2) / 2
    close(terms(Relational("a", "b", 0.0, 1.0, 0), corner, even)["angle"], gaps / 3)
    # the middle one of three on a line has another neighbour: two of three cosines are off by 2, where Huber's loss is 1½
    close(terms(Relational("a", "b", 0.0, 1.0, 0), tensor([[1.0], [0], [2]]), tensor([[0.0], [1], [2]]))["angle"], 1.0)


def vid_by_hand():
    """One unit 1 off at variance 2, one 3 off at variance 4: ½(ln 2 + 1/2) and ½(ln 4 + 9/4), averaged."""
    extras = {"mean0": same, "variance0": lambda: tensor([2.0, 4])}
    wanted = (0.5 * (LN(2) + 0.5) + 0.5 * (LN(4) + 2.25)) / 2
    close(value(VariationalInformation("a", "b", 1.0, 0), tensor([[1.0, 0]]), tensor([[2.0, 3]]), extras), wanted)
    maps = [f.view(1, 2, 1, 1).expand(1, 2, 2, 1) for f in (tensor([1.0, 0]), tensor([2.0, 3]))]
    close(value(VariationalInformation("a", "b", 1.0, 0), *maps, extras), wanted)  # one variance per channel, at all positions


def nst_by_hand():
    """One channel looks left; of the teacher's two, one looks left and one right: 1/2 + 1 - 2/2 = 1/2. The kernel is squared."""
    s, t = tensor([[[[7.0, 0]]]]), tensor([[[[3.0, 0]], [[0, 2.0]]]])
    close(value(NeuronSelectivity("a", "b", 8.0, 0), s, t), 2.0)
    slant = tensor([[[[1.0, 1]]]])  # 1 + 1 - 2 · (1/√2)² = 1
    close(value(NeuronSelectivity("a", "b", 8.0, 0), slant, s), 4.0)


def fsp_by_hand():
    """(1, 2) times (3, 4) over two positions is 5½ against 1. On different grids the finer layer gives its largest number, 4."""
    strategy = FlowOfSolution(("a", "b"), ("c", "d"), 2.0, 0)
    ones = tensor([[[[1.0, 1]]]])
    close(value(strategy, [tensor([[[[1.0, 2]]]]), tensor([[[[3.0, 4]]]])], [ones, ones]), 2 * 4.5**2)
    fine, coarse = tensor([[[[1.0, 2], [3, 4]]]]), tensor([[[[5.0]]]])
    close(value(strategy, [fine, coarse], [coarse, coarse]), 2 * (20 - 25) ** 2)
    two = tensor([[1.0, 2]])  # vectors: the outer product ((1, 2), (2, 4)) against ones
    close(value(strategy, [two, two], [torch.ones_like(two)] * 2), 2 * (0 + 1 + 1 + 9) / 4)


def factor_by_hand():
    """(3, 4) of length 5 against (1, 0): absolute gaps 0.4 and 0.8, mean 0.6. Lengths are taken over a whole example."""
    strategy = FactorTransfer("a", "b", weight=10.0, labels=0)
    close(value(strategy, tensor([[3.0, 4]]), tensor([[2.0, 0]]), {"translator0": same}), 6.0)
    maps = [f.view(1, 1, 1, 2) for f in (tensor([3.0, 4]), tensor([2.0, 0]))]
    close(value(strategy, *maps, {"translator0": same}), 6.0)


def boundary_by_hand():
    """Margin 1, student at ½: firing ½² = 0.25, silent 1½² = 2.25; beyond the margin nothing. The earlier layer counts half."""
    s, t = tensor([[0.5, 0.5, 3, -3]]), tensor([[9.0, -0.1, 0.1, 0]])
    close(value(ActivationBoundaries("a", "b", 4.0, 0), s, t), 2.5)
    close(value(ActivationBoundaries("a", "b", 4.0, 0, margin=2.0), s[:, :1], t[:, :1]), 9.0)
    early = value(ActivationBoundaries(("a", "c"), ("b", "d"), 4.0, 0), [s, s[:, 2:]], [t, t[:, 2:]])
    late = value(ActivationBoundaries(("a", "c"), ("b", "d"), 4.0, 0), [s[:, 2:], s], [t[:, 2:], t])
    close(early, 1.25)
    close(late, 2.5)


def contrast_by_hand():
    """Two examples, one negative each, N/M = ½, τ = ½: own pairs score 2, others 0; h = e²/(e² + ½), and 1 - h = ½/1½."""
    extras = {"student_embedding0": same, "teacher_embedding0": same}
    wanted = -(2 - LN(math.exp(2) + 0.5)) - LN(1 / 3)
    strategy = ContrastiveRepresentation("a", "b", 1.0, 0, temperature=0.5)
    close(value(strategy, tensor([[3.0, 0], [0, 1]]), tensor([[1.0, 0], [0, 5]]), extras), wanted)


class Sloped:
    """A linear classifier of two classes with logits (w·x, 0), as student and as teacher."""

    def __init__(self, w):
        self.w = w

    def __call__(self, x):
        z = x.flatten(1) @ self.w
        return Outputs(torch.stack([z, 0 * z], -1), FeatureDict())

    live = __call__


def gradient_term(s, t, x, labels, weight=1.0):
    batch = Batch(x, labels, torch.arange(len(x)), torch.zeros(len(x), dtype=torch.long), {})
    return GradientAttention(weight, 0).loss(Sloped(s), Sloped(t), batch)["attention"]


def gradient_by_hand():
    """At x = 0 the probability is ½, so J = -w/2 for label 0: (-1, 0) against (0, -1), a squared distance of 2. Any batch size."""
    s, t = tensor([2.0, 0]), tensor([0, 2.0])
    for rows in (1, 3):
        close(gradient_term(s, t, torch.zeros(rows, 2, dtype=torch.double), torch.zeros(rows, dtype=torch.long), 3.0), 3.0)
    # label 1 at x = (ln 3 / 2, 0): p = 3/4, so J = ¾ w for the student, ½ w for the teacher: (1½, -1), square 3¼
    close(gradient_term(s, t, tensor([[LN(3) / 2, 0]]), torch.ones(1, dtype=torch.long), 2.0), 3.25)


# ---- by property ---------------------------------------------------------------------------------------------------------------

VARIANCE = nn.Parameter(torch.full((4,), 2.0, dtype=torch.double))
MAPS, VECTORS = (ROWS, 4, 2, 3), (ROWS, 4)
# strategy, the shape of its features, its extras as functions, how many layers
CASES = {
    "fitnets": (FitNets("a", "b", 1.0, 0), MAPS, {"regressor0": same}),
    "attention": (AttentionTransfer("a", "b", 100.0, 0), MAPS, {}),
    "similarity": (SimilarityPreserving("a", "b", 10.0, 0), MAPS, {}),
    "pkt": (ProbabilisticTransfer("a", "b", 10.0, 0), VECTORS, {}),
    "relational": (Relational("a", "b", 10.0, 10.0, 0), VECTORS, {}),
    "vid": (VariationalInformation("a", "b", 1.0, 0), MAPS, {"mean0": same, "variance0": lambda: VARIANCE}),
    "nst": (NeuronSelectivity("a", "b", 100.0, 0), MAPS, {}),
    "fsp": (FlowOfSolution(("a", "c"), ("b", "d"), 1.0, 0), MAPS, {}),
    "factor": (FactorTransfer("a", "b", 10.0, 0), MAPS, {"translator0": same}),
    "boundary": (ActivationBoundaries("a", "b", 1.0, 0), MAPS, {}),
    "contrast": (ContrastiveRepresentation("a", "b", 1.0, 0), VECTORS, {"student_embedding0": same, "teacher_embedding0": same}),
}
# for these the paper's loss is zero where the student's features are the teacher's. For "vid" it is least there and not zero;
# "boundary" and "contrast" are least elsewhere and have checks of their own
ZERO_WHEN_EQUAL = ("fitnets", "attention", "similarity", "pkt", "relational", "nst", "fsp", "factor")
RELATIONS = ("similarity", "pkt", "relational", "contrast")
# positive factors that the loss must not see, on the student's features: of all, of an example, of a channel
BLIND_TO_SCALE = {"attention": "example", "similarity": "all", "pkt": "example", "relational": "all", "nst": "channel",
                  "factor": "example", "contrast": "example"}  # fmt: skip


def features(kind, seed):
    strategy, shape, _ = CASES[kind]
    return [random(seed + 10 * i, *shape) for i in range(len(names(strategy.student_layers)))]


def of(kind, s, t):
    strategy, _, extras = CASES[kind]
    return value(strategy, s, t, extras)


def least_when_equal(kind):
    t = features(kind, 1)
    alike, others = of(kind, [f.clone() for f in t], t), [of(kind, features(kind, seed), t) for seed in (2, 3)]
    assert min(others) > alike + 1e-3 or kind in ("boundary", "contrast")
    if kind in ZERO_WHEN_EQUAL:
        close(alike, 0)


def gradient_reaches_the_student_only(kind):
    s, t = features(kind, 2), features(kind, 1)
    for f in [*s, *t]:
        f.requires_grad_()
    grads = torch.autograd.grad(of(kind, s, t), [*s, *t], allow_unused=True)
    assert all(g is not None and g.isfinite().all() and g.abs().max() > 1e-6 for g in grads[: len(s)])
    assert all(g is None for g in grads[len(s) :])


def order_does_not_matter(kind):
    s, t, order = features(kind, 2), features(kind, 1), torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(of(kind, s, t), of(kind, [f[order] for f in s], [f[order] for f in t]))
    assert (of(kind, s, t) - of(kind, s, [f[order] for f in t])).abs() > 1e-4  # but the student's rows belong to the teacher's


def size_does_not_matter(kind):
    """Where the loss is one of single examples, a batch twice over costs the same; sums over the batch would double it."""
    if kind not in RELATIONS:
        s, t = features(kind, 2), features(kind, 1)
        torch.testing.assert_close(of(kind, s, t), of(kind, [f.repeat(2, *[1] * (f.dim() - 1)) for f in s],
                                                       [f.repeat(2, *[1] * (f.dim() - 1)) for f in t]))  # fmt: skip


def scale_does_not_matter(kind):
    if kind in BLIND_TO_SCALE:
        s, t, shape = features(kind, 2), features(kind, 1), [1] * (len(CASES[kind][1]) - 2)
        factors = {"all": tensor([[3.0]]), "example": torch.arange(1.0, 6, dtype=torch.double).view(ROWS, 1),
                   "channel": torch.arange(1.0, 21, dtype=torch.double).view(ROWS, 4)}[BLIND_TO_SCALE[kind]]  # fmt: skip
        torch.testing.assert_close(of(kind, s, t), of(kind, [f * factors.view(*factors.shape, *shape) for f in s], t))


# ---- by another way of writing it, one example, pair or triple at a time -------------------------------------------------------


def similarity_in_words():
    s, t = features("similarity", 2)[0], features("similarity", 1)[0]
    total = 0.0
    for i in range(ROWS):
        rows = [torch.stack([(f[i] * f[j]).sum() for j in range(ROWS)]) for f in (t, s)]
        total += (rows[0] / rows[0].norm() - rows[1] / rows[1].norm()).square().sum()
    close(of("similarity", [s], [t]), 10 * total / ROWS**2)


def pkt_in_words():
    s, t = features("pkt", 2)[0], features("pkt", 1)[0]
    total = 0.0
    for i in range(ROWS):
        others = [j for j in range(ROWS) if j != i]
        p, q = (torch.stack([(torch.cosine_similarity(f[i], f[j], 0) + 1) / 2 for j in others]) for f in (t, s))
        p, q = p / p.sum(), q / q.sum()
        total += (p * (p / q).log()).sum()
    close(of("pkt", [s], [t]), 10 * total / ROWS, 1e-4)


def relational_in_words():
    s, t = features("relational", 2)[0], features("relational", 1)[0]
    triples = [(i, j, k) for i in range(ROWS) for j in range(ROWS) for k in range(ROWS) if len({i, j, k}) == 3]
    both = [(i, j) for i in range(ROWS) for j in range(ROWS) if i != j]
    lengths = [torch.stack([(f[i] - f[j]).norm() for i, j in both]) for f in (s, t)]
    corners = [torch.stack([torch.cosine_similarity(f[i] - f[j], f[k] - f[j], 0) for i, j, k in triples]) for f in (s, t)]
    huber = nn.functional.smooth_l1_loss
    found = terms(Relational("a", "b", 1.0, 1.0, 0), s, t)
    close(found["distance"], huber(*(d / d.mean() for d in lengths)))
    close(found["angle"], huber(*corners))


def nst_in_words():
    s, t = features("nst", 2)[0][:, :3], features("nst", 1)[0]
    total = 0.0
    for a, b in zip(s, t, strict=True):
        a, b = ([c.flatten() / c.norm() for c in f] for f in (a, b))
        mean = lambda one, other: sum((x @ y) ** 2 for x in one for y in other) / len(one) / len(other)
        total += mean(a, a) + mean(b, b) - 2 * mean(a, b)
    close(of("nst", [s], [t]), 50 * total / ROWS)


def contrast_in_words():
    s, t = features("contrast", 2)[0], features("contrast", 1)[0]
    total, ratio = 0.0, (ROWS - 1) / ROWS
    for i in range(ROWS):
        for j in range(ROWS):
            lifted = (torch.cosine_similarity(s[i], t[j], 0) / 0.1).exp()
            h = lifted / (lifted + ratio)
            total -= h.log() if i == j else (1 - h).log()
    close(of("contrast", [s], [t]), total / ROWS, 1e-5)


def contrast_prefers_its_own():
    """With the teacher's answers at right angles, agreeing is better than any exchange, and than saying the same of all."""
    t = torch.eye(ROWS, dtype=torch.double)
    own = of("contrast", [t.clone()], [t])
    assert own < min(of("contrast", [t.roll(1, 0)], [t]), of("contrast", [t[[1, 0, 2, 3, 4]]], [t]), of("contrast", [torch.ones_like(t)], [t]))


def relational_is_blind_to_motion():
    """A rotation and a shift of the student's features change neither distances nor angles."""
    s, t = features("relational", 2)[0], features("relational", 1)[0]
    turn = torch.linalg.qr(random(9, 4, 4))[0]
    torch.testing.assert_close(of("relational", [s], [t]), of("relational", [s @ turn + 5], [t]))


def boundary_sees_the_sign_only():
    s, t = features("boundary", 2)[0], features("boundary", 1)[0]
    torch.testing.assert_close(of("boundary", [s], [t]), of("boundary", [s], [9 * t.relu()]))
    close(of("boundary", [t.sign() * (1 + t.abs())], [t]), 0)  # beyond the margin on the right side


def vid_learns_its_variance():
    """For a given mean the best variance is the mean squared error, and both extras receive a gradient."""
    s, t = features("vid", 2)[0], features("vid", 1)[0]
    error = (s - t).square().mean((0, 2, 3))
    cost = lambda variance: value(VariationalInformation("a", "b", 1.0, 0), s, t, {"mean0": same, "variance0": lambda: variance})
    assert cost(error) < min(cost(0.8 * error), cost(1.25 * error))
    assert torch.autograd.grad(of("vid", [s], [t]), VARIANCE)[0].abs().min() > 1e-6
    torch.testing.assert_close(Variance(3)(), torch.full((3,), 5.0))


def gradient_properties():
    """Zero for equal nets, whatever the batch; each example's gradient is its own; the teacher gets no gradient."""
    x, labels = random(1, 6, 2), torch.tensor([0, 1, 1, 0, 1, 0])
    s, t = random(2, 2).requires_grad_(), random(3, 2).requires_grad_()
    close(gradient_term(s, s.detach(), x, labels), 0)
    whole = gradient_term(s, t, x, labels)
    torch.testing.assert_close(whole, torch.stack([gradient_term(s, t, x[i : i + 1], labels[i : i + 1]) for i in range(6)]).mean())
    grads = torch.autograd.grad(whole, [s, t], allow_unused=True)
    assert grads[0].abs().max() > 1e-4 and grads[1] is None
    assert (whole - gradient_term(s, t, x, 1 - labels)).abs() > 1e-4  # labels matter


COMMON = [least_when_equal, gradient_reaches_the_student_only, order_does_not_matter, size_does_not_matter, scale_does_not_matter]
OWN = {
    "fitnets": [fitnets_by_hand],
    "attention": [attention_by_hand],
    "similarity": [similarity_by_hand, similarity_in_words],
    "pkt": [pkt_by_hand, pkt_in_words],
    "relational": [relational_by_hand, relational_in_words, relational_is_blind_to_motion],
    "vid": [vid_by_hand, vid_learns_its_variance],
    "nst": [nst_by_hand, nst_in_words],
    "fsp": [fsp_by_hand],
    "factor": [factor_by_hand],
    "boundary": [boundary_by_hand, boundary_sees_the_sign_only],
    "contrast": [contrast_by_hand, contrast_in_words, contrast_prefers_its_own],
    "gradient": [gradient_by_hand, gradient_properties],
}


def checks(kind):
    """{name: check} for one loss."""
    common = {c.__name__: (lambda c=c: c(kind)) for c in COMMON} if kind in CASES else {}
    return {**{c.__name__: c for c in OWN[kind]}, **common}


@pytest.mark.parametrize(("kind", "check"), [(kind, check) for kind in OWN for check in checks(kind)])
def test_each_loss(kind, check):
    checks(kind)[check]()


# ---- by mutation ---------------------------------------------------------------------------------------------------------------

PAIRS = FeatureStrategy.pairs


def live_pairs(self, a, b):
    """The pairs with the teacher's side left open to gradients."""
    return [(a.features[m], b.features[n]) for m, n in zip(names(self.student_layers), names(self.teacher_layers), strict=True)]


TURNED = {
    "teacher compared with itself": lambda self, a, b: [(t, t) for s, t in PAIRS(self, a, b)],
    "student compared with itself": lambda self, a, b: [(s, s.detach()) for s, t in PAIRS(self, a, b)],
    "teacher and student swapped": lambda self, a, b: [(t, s.detach()) for s, t in live_pairs(self, a, b)],
    "teacher's rows misaligned": lambda self, a, b: [(s, t.roll(1, 0)) for s, t in PAIRS(self, a, b)],
    "teacher not held still": lambda self, a, b: live_pairs(self, a, b),
}
PKT, PKT_ROWS, VID, NST, FSP = pkt.neighbour_divergence, pkt.neighbours, vid.negative_log_likelihood, nst.squared_mmd, fsp.flow
FACTORS, BOUNDARY, CRD, SLOPE = FactorTransfer.factors, activation_boundaries.boundary_loss, crd.contrast, gradient_attention.input_gradient


def widen(variance, target):
    return variance.view(-1, *[1] * (target.dim() - 2))


def bare_contrast(s, t, temperature):
    score, own = feature_tools.unit(s) @ feature_tools.unit(t).T / temperature, torch.eye(len(s), dtype=s.dtype)
    return (nn.functional.softplus(-score) * own + nn.functional.softplus(score) * (1 - own)).sum() / len(s)


summed = lambda function: lambda *given: function(*given) * given[0].shape[0]  # a sum over the batch in place of the mean
raw = lambda x, dim=-1: x


def cosines(x, unit=feature_tools.unit):
    rays = unit(x.unsqueeze(0) - x.unsqueeze(1))
    return rays @ rays.mT


def by_rays(angles, huber=rkd.huber):
    """An angle loss from any table of angles [B, B, B]."""
    return lambda s, t: huber(angles(s) - angles(t)).sum() / (len(s) * (len(s) - 1) * (len(s) - 2))


FAULTS = {
    "fitnets": {
        "sum for mean": (fitnets, "hint_loss", lambda p, h: 0.5 * (p - h).square().sum()),
        "half missing": (fitnets, "hint_loss", lambda p, h: (p - h).square().mean()),
        "absolute for square": (fitnets, "hint_loss", lambda p, h: 0.5 * (p - h).abs().mean()),
        "student held still": (feature_tools.FeatureStrategy, "pairs", lambda self, a, b: [(s.detach(), t) for s, t in PAIRS(self, a, b)]),
    },
    "attention": {
        "map not normalised": (attention_transfer, "unit", raw),
        "sum for mean": (attention_transfer, "attention_gap", summed(attention_transfer.attention_gap)),
        "activations not squared": (attention_transfer, "attention_map", lambda f: feature_tools.unit(f.sum(1).flatten(1))),
        "absolute values, p = 1": (attention_transfer, "attention_map", lambda f: feature_tools.unit(f.abs().sum(1).flatten(1))),
        "summed over positions, not channels": (attention_transfer, "attention_map", lambda f: feature_tools.unit(f.square().sum((2, 3)))),
        "normalised over the batch": (attention_transfer, "attention_map", lambda f: feature_tools.unit(f.square().sum(1).flatten(1), 0)),
    },
    "similarity": {
        "rows not normalised": (sp, "unit", raw),
        "features normalised instead": (sp, "similarities",
                                        lambda f, _=None: feature_tools.unit(f.flatten(1)) @ feature_tools.unit(f.flatten(1)).T),
        "channels compared, not examples": (sp, "similarities", lambda f, _=None: feature_tools.unit(f.flatten(1).T @ f.flatten(1))),
        "sum for mean": (sp, "similarities", lambda f, _=None: f.shape[0] * feature_tools.unit(f.flatten(1) @ f.flatten(1).T)),
    },
    "pkt": {
        "features not normalised": (pkt, "unit", raw),
        "arguments swapped": (pkt, "neighbour_divergence", lambda p, q: PKT(q, p)),
        "own neighbour kept": (pkt, "off_diagonal", lambda x: torch.ones(len(x), len(x), dtype=x.dtype)),
        "sum for mean": (pkt, "neighbour_divergence", lambda p, q: len(p) * PKT(p, q)),
        "mean over pairs": (pkt, "neighbour_divergence", lambda p, q: PKT(p, q) / len(p)),
        "all pairs sum to one": (pkt, "neighbours", lambda f: PKT_ROWS(f) / len(f)),
        "softmax of the cosines": (pkt, "neighbours", lambda f: (feature_tools.unit(f) @ feature_tools.unit(f).T).softmax(-1)),
    },
    "relational": {
        "distances not over their mean": (rkd, "relative_distances", feature_tools.pairwise_distances),
        "mean with the zero diagonal": (rkd, "relative_distances",
                                        lambda x, _=None: feature_tools.pairwise_distances(x) / feature_tools.pairwise_distances(x).mean()),
        "squared distances": (rkd, "pairwise_distances", lambda x, _=None: feature_tools.pairwise_distances(x).square()),
        "rays not normalised": (rkd, "angle_loss", by_rays(lambda x: cosines(x, raw))),
        "angles at the wrong point": (rkd, "angle_loss", by_rays(lambda x: feature_tools.unit(x) @ feature_tools.unit(x).T)),
        "square for Huber in angles": (rkd, "angle_loss", by_rays(cosines, lambda gap: 0.5 * gap.square())),
        "sum for mean": (rkd, "angle_loss", summed(rkd.angle_loss)),
        "distances summed": (rkd, "distance_loss", summed(rkd.distance_loss)),
    },
    "vid": {
        "sum for mean": (vid, "negative_log_likelihood", summed(vid.negative_log_likelihood)),
        "log of the variance missing": (vid, "negative_log_likelihood", lambda m, v, t: 0.5 * ((t - m).square() / widen(v, t)).mean()),
        "standard deviation for variance": (vid, "negative_log_likelihood", lambda m, v, t: VID(m, v.sqrt(), t)),
        "variance held still": (vid, "negative_log_likelihood", lambda m, v, t: VID(m, v.detach() + 0 * v, t)),
        "log halved twice": (vid, "negative_log_likelihood", lambda m, v, t: VID(m, v, t) - 0.25 * widen(v, t).expand_as(t).log().mean()),
    },
    "nst": {
        "channels not normalised": (nst, "unit", raw),
        "normalised over channels": (nst, "selectivities", lambda f: feature_tools.unit(f.flatten(2), 1)),
        "linear kernel": (nst, "kernel_mean", lambda a, b: (a @ b.transpose(1, 2)).mean()),
        "cross term once": (nst, "squared_mmd", lambda s, t: NST(s, t) + nst.kernel_mean(nst.selectivities(s), nst.selectivities(t))),
        "sum for mean": (nst, "squared_mmd", summed(NST)),
        "positions for channels": (nst, "selectivities", lambda f: feature_tools.unit(f.flatten(2).transpose(1, 2))),
    },
    "fsp": {
        "not divided by positions": (fsp, "flow", lambda a, b: FSP(a, b) * a[0, 0].numel()),
        "average for max pooling": (fsp, "on_one_grid", lambda a, b, pool: feature_tools.on_one_grid(a, b)),
        "layer with itself": (fsp, "flow", lambda a, b: FSP(b, b)),
        "sum for mean": (fsp, "flow", lambda a, b: FSP(a, b) * len(a) ** 0.5),
    },
    "factor": {
        "factors not normalised": (factor_transfer, "unit", raw),
        "normalised per position": (factor_transfer, "factor_gap",
                                    lambda a, b: (feature_tools.unit(a, 1) - feature_tools.unit(b, 1)).abs().mean()),
        "square for absolute": (factor_transfer, "factor_gap",
                                lambda a, b: (feature_tools.unit(a.flatten(1)) - feature_tools.unit(b.flatten(1))).square().mean()),
        "sum for mean": (factor_transfer, "factor_gap", summed(factor_transfer.factor_gap)),
        "factor not held still": (FactorTransfer, "factors", lambda self, a, b: [(a.features["a"], b.features["factor of b"])]),
        "factor compared with itself": (FactorTransfer, "factors", lambda self, a, b: [(t, t) for s, t in FACTORS(self, a, b)]),
        "teacher and student swapped": (FactorTransfer, "factors", lambda self, a, b: [(b.features["factor of b"], a.features["a"].detach())]),
    },
    "boundary": {
        "sides swapped": (activation_boundaries, "boundary_loss", lambda s, t, m: BOUNDARY(s, -t, m)),
        "margin missing": (activation_boundaries, "boundary_loss", lambda s, t, m: BOUNDARY(s, t, 0.0)),
        "not squared": (activation_boundaries, "boundary_loss", lambda s, t, m: torch.where(t > 0, m - s, m + s).relu().mean()),
        "no ReLU": (activation_boundaries, "boundary_loss", lambda s, t, m: torch.where(t > 0, m - s, m + s).square().mean()),
        "values for signs": (activation_boundaries, "boundary_loss", lambda s, t, m: (s - t).square().mean()),
        "sum for mean": (activation_boundaries, "boundary_loss", summed(activation_boundaries.boundary_loss)),
        "silent neurons forgotten": (activation_boundaries, "boundary_loss",
                                     lambda s, t, m: torch.where(t > 0, m - s, 0 * s).relu().square().mean()),
    },
    "contrast": {
        "embeddings not normalised": (crd, "unit", raw),
        "temperature missing": (crd, "contrast", lambda s, t, temperature: CRD(s, t, 1.0)),
        "sum for mean": (crd, "contrast", lambda s, t, temperature: len(s) * CRD(s, t, temperature)),
        "own pairs among the negatives": (crd, "off_diagonal", lambda x: torch.ones(len(x), len(x), dtype=x.dtype)),
        "no negatives": (crd, "off_diagonal", lambda x: torch.zeros(len(x), len(x), dtype=x.dtype)),
        "teacher for student": (crd, "contrast", lambda s, t, temperature: CRD(t, t, temperature)),
        "N/M missing": (crd, "contrast", lambda s, t, temperature: bare_contrast(s, t, temperature)),
    },
    "gradient": {
        "gradient of the mean": (gradient_attention, "input_gradient", lambda m, x, y: SLOPE(m, x, y) / len(x)),
        "gradient of the logits": (gradient_attention, "input_gradient",
                                   lambda m, x, y: torch.func.grad(lambda z: m(z).logits.sum())(x)),
        "sign only": (gradient_attention, "input_gradient", lambda m, x, y: SLOPE(m, x, y).sign()),
        "labels of the neighbour": (gradient_attention, "input_gradient", lambda m, x, y: SLOPE(m, x, y.roll(1))),
        "held still": (gradient_attention, "input_gradient", lambda m, x, y: SLOPE(m, x, y).detach()),
    },
}  # fmt: skip
PLANTED = [(kind, *fault) for kind, faults in FAULTS.items() for fault in faults.items()]
PLANTED += [(kind, name, (FeatureStrategy, "pairs", fault)) for kind in CASES for name, fault in TURNED.items()
            # factors have their own table above; of the boundaries only the teacher's sign is used, which has no gradient, and of
            # similarities only the teacher's products, which are made without one
            if kind != "factor" and not (kind in ("boundary", "similarity") and name == "teacher not held still")]  # fmt: skip


@pytest.mark.parametrize(("kind", "name", "fault"), PLANTED, ids=[f"{kind}: {name}" for kind, name, _ in PLANTED])
def test_each_planted_fault_turns_a_check_red(kind, name, fault, monkeypatch):
    monkeypatch.setattr(*fault)
    red = []
    for title, check in checks(kind).items():
        try:
            check()
        except (AssertionError, RuntimeError):
            red.append(title)
    assert red


# ---- in a fleet ----------------------------------------------------------------------------------------------------------------

SHORT = Recipe(steps=6, batch_size=16, lr=5e-3, check_every=3)
TWO, BEFORE, FLAT = ("stage1", "stage2"), ("stage1_pre", "stage2_pre"), ("hidden1", "hidden2")


def conv_student():
    return SmallConv(1, (3, 4), 5)


def mlp_student():
    return BigMLP(64, 8, 2, 5)


@pytest.fixture(scope="module")
def conv_teacher():
    torch.manual_seed(3)
    return SmallConv(1, (5, 6), 5)


IN_MAPS = [
    FitNets("stage1", "stage1"), AttentionTransfer(TWO, TWO), GradientAttention(), SimilarityPreserving("stage2", "stage2"),
    ProbabilisticTransfer(), Relational(), VariationalInformation(TWO, TWO), NeuronSelectivity("stage2", "stage2"), FlowOfSolution(TWO, TWO),
    FactorTransfer("stage2", "stage2", paraphraser_steps=5), ActivationBoundaries(BEFORE, TWO), ContrastiveRepresentation(dim=7),
]  # fmt: skip
@pytest.mark.parametrize("strategy", IN_MAPS, ids=lambda s: type(s).__name__)
def test_each_loss_falls_when_it_is_trained_alone(strategy, toy_images, conv_teacher):
    run = distill(conv_student, conv_teacher, toy_images, replace(strategy, labels=0), recipe=replace(SHORT, steps=60, batch_size=40, lr=1e-2))
    total = sum(run.history.values())
    assert "hard" not in run.history and total[-5:].mean() < total[:5].mean()


@pytest.mark.parametrize("strategy", IN_MAPS, ids=lambda s: type(s).__name__)
def test_labels_are_a_weight_and_0_is_none(strategy, toy_images, conv_teacher):
    without = replace(strategy, labels=0)
    of_gradients = isinstance(strategy, GradientAttention)  # whose J is made of labels
    assert strategy.needs_labels and without.needs_labels == of_gradients
    assert "labels" in strategy.signals and ("labels" in without.signals) == of_gradients
    one, three = (distill(conv_student, conv_teacher, toy_images, replace(strategy, labels=w), recipe=replace(SHORT, steps=1)) for w in (1, 3))
    torch.testing.assert_close(3 * one.history["hard"], three.history["hard"])
    if not of_gradients:
        blind = replace(toy_images, labels=None)
        assert "hard" not in distill(conv_student, conv_teacher, blind, without, recipe=replace(SHORT, steps=1)).history
        with pytest.raises(InputError, match="labels"):
            distill(conv_student, conv_teacher, blind, strategy, recipe=SHORT)


def test_hints_then_soft_targets(toy_images, conv_teacher):
    plan = Stages((FitNets("stage1", "stage1", labels=0), 3), (SoftTargets(), 3))
    run = distill(conv_student, conv_teacher, toy_images, plan, seeds=(0, 1), recipe=SHORT)
    assert set(run.history) == {"hint", "soft", "hard"} and set(run.fleet.skeletons) == {"student", "regressor0@0"}
    assert run.history["hard"][:3].eq(0).all() and run.history["hint"][3:].eq(0).all()


def test_a_grid_varies_weights_and_nothing_that_is_built_once(toy_images, conv_teacher):
    grid = Grid([SimilarityPreserving("stage2", "stage2", w, labels) for w, labels in ((10.0, 0.0), (20.0, 2.0))])
    run = distill(conv_student, conv_teacher, toy_images, grid, recipe=replace(SHORT, steps=1))
    torch.testing.assert_close(2 * run.history["similarity"][0, 0], run.history["similarity"][0, 1])
    assert run.history["hard"][0, 0] == 0 < run.history["hard"][0, 1]
    for strategies, name in (
        ([FactorTransfer("stage2", "stage2", rate=r, paraphraser_steps=1) for r in (0.3, 0.6)], "rate"),
        ([ContrastiveRepresentation(dim=d) for d in (3, 4)], "dim"),
    ):
        with pytest.raises(InputError, match=f"grid cannot vary {name}"):
            distill(conv_student, conv_teacher, toy_images, Grid(strategies), recipe=SHORT)


# ---- the parts -----------------------------------------------------------------------------------------------------------------


def test_the_paraphraser_learns_to_rebuild_and_leaves_everything_else_alone(toy_images, conv_teacher, monkeypatch):
    errors = []
    error = factor_transfer.rebuilding_error
    monkeypatch.setattr(factor_transfer, "rebuilding_error", lambda *given: errors.append(error(*given)) or errors[-1])
    from distill_helpers.data import make_views

    teacher = Teacher(conv_teacher).over(make_views(toy_images, 2, 1), ("stage2",))
    strategy, state = FactorTransfer("stage2", "stage2", paraphraser_steps=150), torch.random.get_rng_state()
    prepared = strategy.prepare_teacher(teacher)
    assert torch.stack(errors[-10:]).mean() < 0.5 * torch.stack(errors[:10]).mean()
    assert torch.equal(state, torch.random.get_rng_state())
    factors = prepared.table.features[factor_of("stage2")]
    assert factors.shape == (2, 40, 3, 2, 2) and not factors.requires_grad  # half of six channels
    assert set(teacher.table.features) == {"stage2"} and prepared.table.logits is teacher.table.logits
    assert torch.equal(factors, strategy.prepare_teacher(teacher).table.features[factor_of("stage2")])
    other = replace(strategy, seed=1).prepare_teacher(teacher).table.features[factor_of("stage2")]
    assert not torch.equal(factors, other)


@pytest.mark.parametrize("strategy", IN_MAPS, ids=lambda s: type(s).__name__)
def test_what_is_cached_is_what_is_named(strategy):
    expected = () if isinstance(strategy, GradientAttention) else names(strategy.teacher_layers)
    assert strategy.teacher_features == expected
    assert ("gradients" if isinstance(strategy, GradientAttention) else "features") in strategy.signals


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: AttentionTransfer(("a", "b"), ("a",)), "one feature for each"),
        (lambda: SimilarityPreserving((), ()), "one feature for each"),
        (lambda: FitNets(weight=-1), "weight must be at least 0"),
        (lambda: FitNets(labels=-1), "labels must be at least 0"),
        (lambda: GradientAttention(weight=-1), "weight must be at least 0"),
        (lambda: Relational(angle_weight=-1), "angle_weight must be at least 0"),
        (lambda: FlowOfSolution("a", "b"), "at least two layers"),
        (lambda: ActivationBoundaries(margin=0), "margin must be greater than 0"),
        (lambda: ContrastiveRepresentation(temperature=0), "temperature must be greater than 0"),
        (lambda: ContrastiveRepresentation(dim=0), "dim must be at least 1"),
        (lambda: FactorTransfer(rate=0), "rate must be greater than 0"),
        (lambda: FactorTransfer(paraphraser_steps=0), "paraphraser_steps must be at least 1"),
        (lambda: SmallConv(1, (), 5), "at least one stage"),
        (lambda: SmallConv(1, (4, 0), 5), r"widths\[1\] must be at least 1"),
        (lambda: SmallConv(1, (4,), 5)(torch.rand(2, 64)), r"x must be of shape \[B, 1, H, W\]"),
    ],
)
def test_bad_input_is_named(build, words):
    with pytest.raises(InputError, match=words):
        build()


def test_features_that_cannot_be_matched_are_named(toy_images, toy_teacher, conv_teacher):
    for strategy, words in (
        (AttentionTransfer("hidden1", "stage1"), "needs maps"),
        (NeuronSelectivity("hidden1", "stage1"), "needs maps"),
        (FitNets("hidden1", "stage1"), "both"),
        (FactorTransfer("hidden1", "stage1", paraphraser_steps=1), "both"),
        (SimilarityPreserving("hidden9", "stage1"), "hidden9"),
        (SimilarityPreserving("hidden1", "stage9"), "stage9"),
    ):
        with pytest.raises(InputError, match=words):
            distill(mlp_student, conv_teacher, toy_images, strategy, recipe=SHORT)


def test_maps_on_different_grids_meet_on_the_coarser():
    for strategy in (AttentionTransfer("a", "b", 1.0, 0), NeuronSelectivity("a", "b", 1.0, 0), ActivationBoundaries("a", "b", 1.0, 0)):
        coarse = random(1, 2, 3, 2, 2)
        fine, other = coarse.repeat_interleave(2, 2).repeat_interleave(2, 3), random(2, 2, 3, 2, 2)
        torch.testing.assert_close(value(strategy, fine, other), value(strategy, coarse, other))
        torch.testing.assert_close(value(strategy, other, fine), value(strategy, other, coarse))


def test_dead_and_equal_features_leave_gradients_finite():
    """Features of zero, and two examples that agree: lengths and distances of zero are divided by and differentiated."""
    for kind, (strategy, shape, extras) in CASES.items():
        s = [torch.zeros(shape, dtype=torch.double, requires_grad=True) for _ in names(strategy.student_layers)]
        twins = [random(1, *shape)[[0, 0, 1, 1, 2]].requires_grad_() for _ in s]
        for given in (s, twins):
            found = value(strategy, given, features(kind, 1), extras)
            assert found.isfinite() and all(g.isfinite().all() for g in torch.autograd.grad(found, given))


def test_small_conv_sizes_and_shapes():
    count = lambda model: sum(p.numel() for p in model.parameters())
    teacher, student = digits_conv_teacher(), digits_conv_student()
    assert (count(teacher), count(student)) == (298_570, 6_330) and round(298_570 / 6_330) == 47
    assert list(teacher(torch.rand(2, 1, 28, 28), features=True).features["stage3"].shape) == [2, 192, 4, 4]
    model, x = SmallConv(2, (4, 6), 5), torch.rand(7, 2, 9, 8)
    assert count(model) == 2 * 4 * 9 + 4 + 8 + 4 * 6 * 9 + 6 + 12 + 6 * 5 + 5
    out = model(x, features=True)
    shapes = {name: tuple(f.shape[1:]) for name, f in out.features.items()}
    assert shapes == {"stage1_pre": (4, 5, 4), "stage1": (4, 5, 4), "stage2_pre": (6, 3, 2), "stage2": (6, 3, 2), "embedding": (6,)}
    torch.testing.assert_close(model(x), out.logits)
    torch.testing.assert_close(model.head(out.features["embedding"]), out.logits)
    torch.testing.assert_close(model(x)[2:3], model(x[2:3]))  # no example sees its batch
    torch.testing.assert_close(out.features["stage2_pre"].relu(), out.features["stage2"])
    assert not list(model.buffers())


def test_small_conv_stacks():
    models, x = [conv_student() for _ in range(3)], torch.rand(4, 1, 8, 8)
    out = vmap(lambda p, b: functional_call(models[0], (p, b), (x,), {"features": True}))(*stack_module_state(models))
    for i, model in enumerate(models):
        alone = model(x, features=True)
        torch.testing.assert_close(out.logits[i], alone.logits)
        for name, feature in alone.features.items():
            torch.testing.assert_close(out.features[name][i], feature)


def test_small_conv_learns_its_task(toy_images):
    from distill_helpers.strategies.without_teacher.hard_labels import HardLabels

    run = distill(conv_student, None, toy_images, HardLabels(), recipe=Recipe(steps=150, batch_size=40, lr=2e-2))
    assert cross_entropy(run.predict(toy_images)[0], toy_images.labels) < 0.5
