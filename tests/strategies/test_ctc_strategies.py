"""Strategies on CTC: torch's loss against the enumeration of all paths, terms by hand, gradients by differences, and planted faults."""

import itertools
import math
import pickle
from dataclasses import replace

import pytest
import torch
from mutation import Checks
from stand_ins import Net
from torch import nn
from torch.func import vmap
from waits import Waits

from distill_helpers.checks import InputError
from distill_helpers.data import ArrayPool
from distill_helpers.models.string_nets import StringNet
from distill_helpers.strategies import CtcFrames, CtcLoss, CtcPseudoLabels, Grid, SoftTargets
from distill_helpers.strategies.contract import Batch
from distill_helpers.strategies.sequences.ctc_pseudo_labels import STRINGS, SURE
from distill_helpers.training import Recipe, Teacher, distill
from distill_helpers.training.randomness import build_seeded
from distill_helpers.transcripts import padded, unpadded

pytestmark = pytest.mark.usefixtures("no_cache")
of = Checks(red=(AssertionError, RuntimeError, InputError, KeyError, IndexError))
BRIEF = Recipe(steps=3, batch_size=4, lr=1e-2, check_every=3)
TARGETS, FRAMES = padded([[0], [0, 1], [1, 1], [2, 0, 2]]), torch.tensor([4, 3, 4, 4])
SHARE = FRAMES / 4


def logits(seed, count=4, frames=4, classes=4):
    return 1.5 * torch.randn(count, frames, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def enumerated(rows, string):
    """-log of the summed probability of all paths through rows [T, C] that collapse to the string."""
    log_p, blank, total = rows.log_softmax(-1), rows.shape[1] - 1, 0.0
    for path in itertools.product(range(blank + 1), repeat=len(rows)):
        if [label for label, _ in itertools.groupby(path) if label != blank] == string:
            total = total + sum(log_p[t, k] for t, k in enumerate(path)).exp()
    return -total.log()


def probabilities(rows):
    """{string: probability} of all strings in rows [T, C]."""
    p, blank, found = rows.softmax(-1).tolist(), rows.shape[1] - 1, {}
    for path in itertools.product(range(blank + 1), repeat=len(p)):
        string = tuple(label for label, _ in itertools.groupby(path) if label != blank)
        found[string] = found.get(string, 0.0) + math.prod(p[t][k] for t, k in enumerate(path))
    return found


def each_enumerated(x, targets=TARGETS, frames=FRAMES):
    return torch.stack([enumerated(row[:n], string) for row, n, string in zip(x, frames.tolist(), unpadded(targets), strict=True)])


def batch(y=None, count=4):
    index = torch.arange(count)
    return Batch(torch.zeros(count, 1), y, index, torch.zeros_like(index), {}, 0.0)


def strings(**more):
    return {"targets": TARGETS, "share": SHARE, **more}


# ---- what the strategies share -------------------------------------------------------------------------------------------------


@of("ctc_terms")
def each_loss_is_that_of_all_paths(m):
    x = logits(0)
    torch.testing.assert_close(m.string_losses(x, TARGETS, FRAMES), each_enumerated(x))
    assert m.string_losses(x, padded([[]] * 4), FRAMES).tolist() == pytest.approx(
        [-row[:n].log_softmax(-1)[:, 3].sum().item() for row, n in zip(x, FRAMES.tolist(), strict=True)]
    )


@of("ctc_terms")
def the_mean_is_over_real_frames(m):
    x, counts = logits(1), torch.tensor([True, False, True, True])
    each = each_enumerated(x)
    torch.testing.assert_close(m.ctc_loss(x, TARGETS, FRAMES), each.sum() / 15)
    torch.testing.assert_close(m.ctc_loss(x, TARGETS, FRAMES, counts), each[counts].sum() / 12)
    assert m.ctc_loss(x, TARGETS, FRAMES, torch.zeros(4, dtype=torch.bool)) == 0


@of("ctc_terms")
def what_stands_in_padding_changes_nothing(m):
    x, t, other = logits(2), logits(3), torch.randn(1, 4, dtype=torch.double)
    divergence = m.frame_divergence
    for call in (lambda a: m.ctc_loss(a, TARGETS, FRAMES), lambda a: divergence(t, a, FRAMES, 2.0), lambda a: divergence(a, t, FRAMES)):
        before = call(x)
        moved = x.clone()
        moved[1, 3:] = other
        torch.testing.assert_close(call(moved), before)


@of("ctc_terms")
def divergence_is_a_plain_sum_over_real_frames(m):
    t, s, total = logits(4), logits(5), 0.0
    for row, count in enumerate(FRAMES.tolist()):
        for frame in range(count):
            p, q = ((z[row, frame] / 2).exp() / (z[row, frame] / 2).exp().sum() for z in (t, s))
            total += (p * (p / q).log()).sum()
    torch.testing.assert_close(m.frame_divergence(t, s, FRAMES, 2.0), total / 15)
    assert m.frame_divergence(t, t, FRAMES).item() == pytest.approx(0)


@of("ctc_terms")
def gradients_are_those_of_differences(m):
    x, counts = logits(6).requires_grad_(), torch.tensor([True, True, False, True])
    assert torch.autograd.gradcheck(lambda a: m.ctc_loss(a, TARGETS, FRAMES, counts), x)
    assert torch.autograd.gradcheck(lambda a: m.frame_divergence(logits(7), a, FRAMES, 3.0), x)
    slope = torch.autograd.grad(m.ctc_loss(x, TARGETS, FRAMES), x)[0]
    torch.testing.assert_close(slope, torch.autograd.grad(each_enumerated(x).sum() / 15, x)[0])
    assert slope[1, 3].abs().max() == 0


@of("ctc_terms")
def students_map_like_each_alone(m):
    x = torch.stack([logits(8), logits(9), 3 * logits(8)]).requires_grad_()
    targets = torch.stack([TARGETS, TARGETS.flip(0), TARGETS])
    for given, axis in ((TARGETS, None), (targets, 0)):
        together = vmap(lambda a, t: m.ctc_loss(a, t, FRAMES), in_dims=(0, axis))(x, given)
        apart = torch.stack([m.ctc_loss(a, given if axis is None else given[i], FRAMES) for i, a in enumerate(x)])
        torch.testing.assert_close(together, apart)
        weights = torch.tensor([1.0, 2.0, 3.0], dtype=torch.double)
        torch.testing.assert_close(*(torch.autograd.grad((v * weights).sum(), x)[0] for v in (together, apart)))


@of("ctc_terms")
def a_string_that_does_not_fit_has_no_gradient(m):
    x = logits(10).requires_grad_()
    long = padded([[0, 1, 2, 0], [1, 1], [1, 1, 1], [0]])  # the third needs five frames
    each = m.string_losses(x, long, FRAMES)
    assert each[2] == 0 and torch.autograd.grad(each.sum(), x)[0][2].abs().max() == 0 and (each[[0, 1, 3]] > 0).all()


# ---- the strategies ------------------------------------------------------------------------------------------------------------


@of("ctc_loss")
def ctc_counts_the_strings_that_are_known(m):
    x, known = logits(11), torch.tensor([True, True, False, False])
    each = each_enumerated(x)
    loss = lambda y: m.CtcLoss().loss(Net(x), None, batch(y))["ctc"]
    torch.testing.assert_close(loss(strings()), each.sum() / 15)
    torch.testing.assert_close(loss(strings(labelled=known)), each[:2].sum() / 7)
    torch.testing.assert_close(loss({"targets": TARGETS}), each_enumerated(x, TARGETS, torch.full((4,), 4)).sum() / 16)


@of("ctc_frames")
def frames_and_strings_are_weighed(m):
    s, t = logits(12), logits(13)
    soft = lambda z: (z / 2).log_softmax(-1)
    each = (soft(t).exp() * (soft(t) - soft(s))).sum(-1)
    inside = torch.arange(4) < FRAMES.unsqueeze(1)
    terms = m.CtcFrames(2.0, 0.25).loss(Net(s), Net(t), batch(strings()))
    torch.testing.assert_close(terms["frames"], 0.25 * 4 * each[inside].mean())
    torch.testing.assert_close(terms["ctc"], 0.75 * each_enumerated(s).sum() / 15)
    alone = m.CtcFrames(2.0, 1.0).loss(Net(s), Net(t), batch())
    assert alone.keys() == {"frames"}
    torch.testing.assert_close(alone["frames"], 4 * each.mean())


def teacher_of(answers, share=SHARE):
    """A teacher with these stored answers, float [V, N, T, C]."""
    views, count = answers.shape[:2]
    pool = ArrayPool(answers.float(), {"targets": TARGETS, "share": share}, None, "answers", True)
    assert pool.views == views and len(pool) == count
    return Teacher(Same()).over(pool)


class Same(nn.Module):
    """Its input is its answer."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x):
        return self.scale * x


@of("ctc_pseudo_labels")
def the_teachers_strings_are_read_in_each_view_with_their_probability(m):
    answers = torch.stack([logits(14), 2 * logits(15)])
    for beam in (1, 50):
        prepared = m.CtcPseudoLabels(0.5, beam).prepare_teacher(teacher_of(answers))
        for view in (0, 1):
            out = prepared.rows(torch.full((4,), view), torch.arange(4)).features
            read, sures = unpadded(out[STRINGS].long()), out[SURE].tolist()
            for row, count, string, sure in zip(answers[view], FRAMES.tolist(), read, sures, strict=True):
                every = probabilities(row[:count].double())
                best = row[:count].argmax(-1).tolist()
                wanted = [k for k, _ in itertools.groupby(best) if k != 3] if beam == 1 else list(max(every, key=every.get))
                assert string == wanted and sure == pytest.approx(every[tuple(string)], abs=1e-5)


@of("ctc_pseudo_labels")
def given_strings_come_first_and_unsure_ones_are_dropped(m):
    x, known = logits(16), torch.tensor([True, False, False, False])
    features = {STRINGS: torch.tensor([[2.0, -1], [1, 0], [0, -1], [2, -1]]), SURE: torch.tensor([0.1, 0.5, 0.49, 0.9])}
    loss = lambda y, threshold=0.5: m.CtcPseudoLabels(threshold).loss(Net(x), Net(logits(0), features), batch(y))["ctc"]
    read = padded([[0], [1, 0], [0], [2]])
    each = each_enumerated(x, read)
    torch.testing.assert_close(loss(strings(labelled=known)), each[[0, 1, 3]].sum() / 11)
    torch.testing.assert_close(loss(strings(labelled=known), 0.0), each.sum() / 15)
    torch.testing.assert_close(loss(strings()), each_enumerated(x).sum() / 15)
    whole = torch.full((4,), 4)
    torch.testing.assert_close(loss(None), each_enumerated(x, padded([[2], [1, 0], [0], [2]]), whole)[[1, 3]].sum() / 8)
    assert loss(None, 1.0) == 0


@of.each
def test_as_it_is(name, check):
    check(of.original(name))


@of.planted([
    ("ctc_terms", "the loss is a mean over padding too", "whole = (weights * frames).sum()", "whole = weights.sum() * logits.shape[1]"),
    ("ctc_terms", "the distance is a mean over padding too", "(each * inside).sum() / inside.sum()", "(each * inside).mean()"),
    ("ctc_terms", "a mean of each sound's mean", "(each * inside).sum() / inside.sum()", "((each * inside).sum(1) / inside.sum(1)).mean()"),
    ("ctc_terms", "a mean of each string's mean", "return (weights * each).sum() / torch.where(whole > 0, whole, 1)",
     "return (weights * each / frames).mean()"),
    ("ctc_terms", "lengths are ignored frame by frame", "< frames.unsqueeze(1)", "< each.shape[1] + 0 * frames.unsqueeze(1)"),
    ("ctc_terms", "lengths are ignored by the loss", "targets.clamp(min=0), frames, lengths",
     "targets.clamp(min=0), torch.full_like(frames, len(given)), lengths"),
    ("ctc_terms", "padding of strings is read", "lengths = (targets != NOTHING).sum(1)", "lengths = torch.full_like(frames, targets.shape[1])"),
    ("ctc_terms", "the blank is off by one", "blank=log_p.shape[-1] - 1", "blank=log_p.shape[-1] - 2"),
    ("ctc_terms", "the blank is the first", "blank=log_p.shape[-1] - 1", "blank=0"),
    ("ctc_terms", "probabilities are not normalised", "log_p = logits.log_softmax(-1)", "log_p = logits + 0"),
    ("ctc_terms", "what does not fit is infinite", "zero_infinity=True", "zero_infinity=False"),
    ("ctc_terms", "mapped students share one slope", "return grad.view(-1, 1, 1) * slope", "return grad.mean() * slope"),
    ("ctc_terms", "what does not count is summed", "(weights * each).sum() / torch", "each.sum() / torch"),
    ("ctc_loss", "the unknown count", ", labelled(y))", ")"),
    ("ctc_frames", "the factor T² is forgotten", "self.weight * self.temperature**2 *", "self.weight *"),
    ("ctc_frames", "the sides are swapped", "frame_divergence(t, s, frames", "frame_divergence(s, t, frames"),
    ("ctc_frames", "one side only is softened", "frames, self.temperature)}", "frames)}"),
    ("ctc_frames", "the weights are swapped", "(1 - self.weight) * ctc_loss", "self.weight * ctc_loss"),
    ("ctc_pseudo_labels", "the unsure are kept", "features[SURE] >= self.threshold", "features[SURE] >= 0"),
    ("ctc_pseudo_labels", "the teacher's come first", "known.unsqueeze(1), given, read", "known.unsqueeze(1), read, given"),
    ("ctc_pseudo_labels", "given strings are dropped as unsure ones", "known | counts", "counts"),
    ("ctc_pseudo_labels", "the probability is that of one path", "(-string_losses(logits.double(), found, frames)).exp()",
     "logits.softmax(-1).amax(-1).where(torch.arange(4) < frames.unsqueeze(1), 1).prod(1)"),
    ("ctc_pseudo_labels", "the first view's strings in all", "self.read(view, teacher.pool.labels)", "self.read(answers[0], teacher.pool.labels)"),
    ("ctc_pseudo_labels", "padding is read", "frames = real_frames(y, logits)", "frames = real_frames(None, logits)"),
])  # fmt: skip
def test_planted_faults_are_found(name, old, new):
    assert of.gone_red(name, old, new)


# ---- in training ---------------------------------------------------------------------------------------------------------------


def net(width=4):
    return StringNet(8, 3, 2, (width, width)).double()


SOUNDS = torch.rand(2, 8, 1, 8, 12, generator=torch.Generator().manual_seed(0))
LABELS = {"targets": torch.cat([TARGETS, TARGETS.flip(0)]), "share": torch.tensor([1.0, 0.5, 0.8, 1.0] * 2)}
POOL = ArrayPool(SOUNDS, LABELS, None, "strings", True)
SOME = replace(POOL, labels={**LABELS, "labelled": torch.arange(8) % 2 == 0})
UNLABELLED = replace(POOL, labels=None)
ALL = (CtcLoss(), CtcFrames(2.0, 0.5), CtcPseudoLabels(0.0), CtcPseudoLabels(0.0, 4))


def teacher():
    return build_seeded(lambda: net(6), 3)


@pytest.mark.parametrize("strategy", ALL, ids=lambda s: s.name)
def test_together_is_as_alone(strategy):
    train = lambda seeds, stack: distill(net, teacher() if strategy.needs_teacher else None, SOME, strategy, seeds=seeds, recipe=BRIEF, stack=stack,
                                         progress=False, device="cpu")  # fmt: skip
    both, one = train((1, 2), "auto"), train((2,), False)
    assert not both.why_alone
    for a, b in zip(both.model(1).parameters(), one.model(0).parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-10)


def test_labels_are_asked_for_where_they_are_needed():
    one = replace(BRIEF, steps=1, check_every=1)
    run = lambda strategy, pool: distill(net, teacher(), pool, strategy, recipe=one, progress=False, device="cpu")
    for strategy in (CtcLoss(), CtcFrames()):
        with pytest.raises(InputError, match="label"):
            run(strategy, UNLABELLED)
    for strategy in (CtcFrames(1.0, 1.0), CtcPseudoLabels(0.0)):
        assert run(strategy, UNLABELLED).history


def test_a_grid_varies_weights_and_thresholds():
    for strategies in ([CtcFrames(1.0, 0.2), CtcFrames(3.0, 0.7)], [CtcPseudoLabels(0.0), CtcPseudoLabels(0.1)]):
        together = distill(net, teacher(), SOME, Grid(strategies), seeds=(1,), recipe=BRIEF, progress=False, device="cpu")
        for place, strategy in enumerate(strategies):
            alone = distill(net, teacher(), SOME, strategy, seeds=(1,), recipe=BRIEF, progress=False, device="cpu")
            for a, b in zip(together.model(place).parameters(), alone.model(0).parameters(), strict=True):
                torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)


def test_no_step_waits_in_what_this_package_does():
    x, y = logits(17).requires_grad_(), strings(labelled=torch.tensor([True, False, True, True]))
    features = {STRINGS: padded([[0], [1], [2], [0]]).float(), SURE: torch.rand(4)}
    with Waits() as waits:
        for strategy in ALL:
            sum(strategy.loss(Net(x), Net(logits(18), features), batch(y)).values()).backward()
    assert not waits.seen


def test_lower_precision_stays_finite():
    for kind in (torch.float16, torch.bfloat16):
        x = (20 * logits(19)).to(kind).requires_grad_()
        for strategy in (CtcLoss(), CtcFrames()):
            loss = sum(strategy.loss(Net(x), Net(logits(18).to(kind)), batch(strings())).values())
            assert loss.isfinite() and torch.autograd.grad(loss, x)[0].isfinite().all()


def test_settings_are_values():
    for strategy in ALL:
        assert pickle.loads(pickle.dumps(strategy)) == strategy and strategy.name.startswith(type(strategy).__name__)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CtcFrames(0.0), "temperature must be greater than 0"),
        (lambda: CtcFrames(1.0, 1.5), "weight must be from 0 to 1"),
        (lambda: CtcPseudoLabels(-0.1), "threshold must be from 0 to 1"),
        (lambda: CtcPseudoLabels(0.5, 0), "beam must be at least 1"),
        (lambda: CtcLoss().loss(Net(logits(0)), None, batch(torch.zeros(4, dtype=torch.int64))), "CtcLoss needs strings as targets"),
        (lambda: CtcLoss().loss(Net(logits(0)), None, batch({"boxes": torch.zeros(4)})), "a dict of 'boxes'"),
        (lambda: CtcLoss().loss(Net(logits(0)), None, batch({"targets": torch.zeros(4, 2)})), "'targets' int64"),
        (lambda: CtcLoss().loss(Net(torch.zeros(4, 3)), None, batch(strings())), "an answer for each frame"),
        (lambda: CtcFrames().loss(Net(logits(0)), Net(logits(0, 4, 3)), batch(strings())), "teacher must answer in the student's shape"),
        (lambda: distill(net, teacher(), POOL, SoftTargets(), recipe=BRIEF, progress=False), "SoftTargets needs class indices"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(InputError, match=message):
        call()
