"""The divergences on tokens, held against sums written as plain loops, and the known faults of such code, planted."""

import math
from dataclasses import dataclass

import pytest
import torch
from mutation import RED, Checks
from stand_ins import Net, batch, random

from distill_helpers.checks import InputError
from distill_helpers.strategies import (
    GeneralisedJSD,
    HardLabels,
    SkewKL,
    SkewReverseKL,
    SoftTargets,
    TokenForwardKL,
    TokenReverseKL,
    TokenTotalVariation,
)
from distill_helpers.strategies.contract import Task
from distill_helpers.strategies.sequences.micro_batches import in_parts

of = Checks(red=(*RED, pytest.fail.Exception))
KINDS = {
    "forward_kl": TokenForwardKL, "reverse_kl": TokenReverseKL, "generalised_jsd": GeneralisedJSD, "skew_kl": SkewKL,
    "skew_reverse_kl": SkewReverseKL, "total_variation": TokenTotalVariation,
}  # fmt: skip
EACH = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
IGNORED = Task(None, -100)
B, T, V = 3, 4, 5
LABELS = torch.tensor([[1, 2, 0, 4], [3, -100, -100, -100], [0, 0, -100, 1]])  # 8 of 12 places say something
COUNT = 8


def logits(seed, *shape):
    return 2 * random(seed, *(shape or (B, T, V)))


def same(value, wanted, tolerance=1e-6):
    """In double precision, which plain numbers keep."""
    value, wanted = (v.item() if isinstance(v, torch.Tensor) else v for v in (value, wanted))
    assert value == pytest.approx(wanted, abs=tolerance)


def softmax(row, temperature):
    scores = [math.exp(z / temperature) for z in row]
    return [score / sum(scores) for score in scores]


def kl(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def mix(share, p, q):
    return [share * a + (1 - share) * b for a, b in zip(p, q, strict=True)]


# each with the number that it is tested at, 0.3 for beta and skew
BY_HAND = {
    "forward_kl": kl,
    "reverse_kl": lambda p, q: kl(q, p),
    "generalised_jsd": lambda p, q: 0.3 * kl(p, mix(0.3, p, q)) + 0.7 * kl(q, mix(0.3, p, q)),
    "skew_kl": lambda p, q: kl(p, mix(0.3, p, q)),
    "skew_reverse_kl": lambda p, q: kl(q, mix(0.3, q, p)),
    "total_variation": lambda p, q: sum(abs(a - b) for a, b in zip(p, q, strict=True)) / 2,
}
NUMBER = {"generalised_jsd": {"beta": 0.3}, "skew_kl": {"skew": 0.3}, "skew_reverse_kl": {"skew": 0.3}}


def hand(divergence, t, s, labels, temperature):
    """(mean divergence, mean cross-entropy) over the labels that say something, by loops over plain numbers."""
    apart, hard, count = 0.0, 0.0, 0
    for i in range(len(labels)):
        for j in range(len(labels[i])):
            if labels[i][j] != -100:
                apart += divergence(softmax(t[i][j], temperature), softmax(s[i][j], temperature))
                hard -= math.log(softmax(s[i][j], 1.0)[labels[i][j]])
                count += 1
    return apart / count, hard / count


def terms_of(strategy, s, t, y=LABELS, task=IGNORED, x=None):
    return strategy.loss(Net(s), Net(t), batch(torch.zeros(len(s), 1) if x is None else x, y)._replace(task=task))


# ---- by hand -------------------------------------------------------------------------------------------------------------------


def held_against_loops(name, kind, temperature=2.0):
    t, s = logits(1), logits(2)
    strategy = kind(temperature=temperature, weight=0.25, **NUMBER.get(name, {}))
    found = terms_of(strategy, s, t)
    apart, hard = hand(BY_HAND[name], t.tolist(), s.tolist(), LABELS.tolist(), temperature)
    power = 1 if name == "total_variation" else 2
    same(found["soft"], 0.25 * temperature**power * apart, 1e-12)
    same(found["hard"], 0.75 * hard, 1e-12)


@of("forward_kl")
def forward_kl_is_the_sum(module):
    held_against_loops("forward_kl", module.TokenForwardKL)


@of("reverse_kl")
def reverse_kl_is_the_sum(module):
    held_against_loops("reverse_kl", module.TokenReverseKL)


@of("generalised_jsd")
def jsd_is_the_sum(module):
    held_against_loops("generalised_jsd", module.GeneralisedJSD)


@of("skew_kl")
def skew_kl_is_the_sum(module):
    held_against_loops("skew_kl", module.SkewKL)


@of("skew_reverse_kl")
def skew_reverse_kl_is_the_sum(module):
    held_against_loops("skew_reverse_kl", module.SkewReverseKL)


@of("total_variation")
def total_variation_is_the_sum(module):
    held_against_loops("total_variation", module.TokenTotalVariation)


def forward_in(module):
    """Forward KL on top of this copy of the base."""

    @dataclass(frozen=True)
    class Forward(module.TokenDivergence):
        temperature: float = 1.0
        weight: float = 0.5
        padding: int | None = None

        def rows(self, log_p, log_q):
            return module.kl(log_p, log_q)

    return Forward


@of("token_divergence")
def the_base_is_the_sum(module):
    held_against_loops("forward_kl", forward_in(module))


@of("token_divergence")
def another_vocabulary_is_refused(module):
    for s, t in ((logits(1, B, T, V - 1), logits(2)), (logits(1), logits(2, B, T, V - 1))):
        with pytest.raises(InputError, match=f"teacher must have the student's vocabulary of {s.shape[-1]} tokens, but .* {t.shape[-1]}"):
            terms_of(forward_in(module)(), s, t, LABELS.clamp(max=V - 2))


@of("tokens")
def half_precision_is_computed_in_single(module):
    rows = GeneralisedJSD().rows
    for kind in (torch.float16, torch.bfloat16):
        t = (4 * torch.randn(400, 50, generator=torch.Generator().manual_seed(0))).to(kind)
        s = (t + 1e-2 * torch.randn(400, 50, generator=torch.Generator().manual_seed(1))).to(kind)
        found = rows(*(module.log_probabilities(z) for z in (t, s)))
        wanted = rows(*(z.double().log_softmax(-1) for z in (t, s)))
        assert found.min() > -1e-6, f"a divergence of {found.min().item()}"
        torch.testing.assert_close(found.double(), wanted, rtol=1e-3, atol=1e-6)


@of("tokens")
def the_mean_is_over_what_counts(module):
    same(module.token_mean(torch.tensor([1.0, 2.0, 60.0]), torch.tensor([True, True, False])), 1.5)
    same(module.token_mean(torch.tensor([1.0, 2.0]), torch.tensor([False, False])), 0.0)


PARTS = (torch.tensor([0, 2]), torch.tensor([1]))  # 7 valid tokens, and 1


@of("micro_batches")
def parts_make_the_whole(module):
    weights = torch.tensor([0.5, 2.0, 1.0, 3.0, 0.25])
    for task in (IGNORED, Task(weights, -100)):
        for parts in (PARTS, (PARTS[1], PARTS[0]), (torch.tensor([0]), torch.tensor([1]), torch.tensor([2])), (torch.arange(B),)):
            held_against_the_whole(module.in_parts, parts, LABELS, task)
    # a part of nothing but padding
    held_against_the_whole(module.in_parts, PARTS, LABELS.index_fill(0, torch.tensor([1]), -100), IGNORED)


def held_against_the_whole(parted, parts, labels, task):
    t, x = logits(1), torch.zeros(B, 1)
    strategy = GeneralisedJSD(0.3, 2.0, 0.25)
    s = logits(2).requires_grad_()
    whole = terms_of(strategy, s, t, labels, task)
    (wanted,) = torch.autograd.grad(sum(whole.values()), s)
    cut = s.detach().clone().requires_grad_()
    answers = iter(parts)
    student = lambda given: Net(cut[next(answers)])(given)
    sums = dict.fromkeys(whole, 0.0)
    for terms in parted(strategy, student, [(Net(t[i]), batch(x[i], labels[i])._replace(task=task)) for i in parts]):
        sum(terms.values()).backward()  # before the next part is asked for
        sums = {name: sums[name] + term.item() for name, term in terms.items()}
    for name, term in whole.items():
        same(sums[name], term, 1e-12)
    torch.testing.assert_close(cut.grad, wanted, rtol=0, atol=1e-14)


@of.each
def test_each_is_as_it_should_be(name, check):
    check(of.original(name))


BASE = "token_divergence"
FAULTS = [
    ("forward_kl", "without its entropy", "return kl(log_p, log_q)", "return -(log_p.exp() * log_q).sum(-1)"),
    ("forward_kl", "the other way round", "return kl(log_p, log_q)", "return kl(log_q, log_p)"),
    ("reverse_kl", "the other way round", "return kl(log_q, log_p)", "return kl(log_p, log_q)"),
    ("generalised_jsd", "beta at the other end", "log_mixture(log_p, log_q, self.beta)", "log_mixture(log_q, log_p, self.beta)"),
    ("skew_kl", "skewed to the student", "log_mixture(log_p, log_q, self.skew)", "log_mixture(log_q, log_p, self.skew)"),
    ("skew_reverse_kl", "skewed to the teacher", "log_mixture(log_q, log_p, self.skew)", "log_mixture(log_p, log_q, self.skew)"),
    ("total_variation", "not halved", "return 0.5 * (", "return 1.0 * ("),
    ("total_variation", "T squared", "power = 1", "power = 2"),
    (BASE, "averaged over padding", "token_mean(each, counts)", "each.mean()"),
    (BASE, "padding in the count", "token_mean(each, counts)", "(each * counts).mean()"),
    (BASE, "a mean of the sequences' means", "token_mean(each, counts)", "((each * counts).sum(-1) / counts.sum(-1)).mean()"),
    (BASE, "temperature ignored by the student", "log_probabilities(s, self.temperature)", "log_probabilities(s)"),
    (BASE, "temperature ignored by the teacher", "log_probabilities(t, self.temperature)", "log_probabilities(t)"),
    (BASE, "temperature ignored by the gradient's size", "self.temperature**self.power * ", ""),
    (BASE, "the teacher shifted by one", "log_probabilities(t, self.temperature)", "log_probabilities(t.roll(1, 1), self.temperature)"),
    (BASE, "labels shifted by one", "cross_entropy(log_probabilities(s), y,", "cross_entropy(log_probabilities(s), y.roll(1, 1),"),
    (BASE, "the narrower side filled up", "same_vocabulary(t, s)", "w = max(s.shape[-1], t.shape[-1]); "
     "s, t = (torch.nn.functional.pad(z, (0, w - z.shape[-1])) for z in (s, t))"),
    ("tokens", "computed in half precision", "logits.to(torch.promote_types(logits.dtype, torch.float32))", "logits"),
    ("tokens", "averaged over all places", "counts.to(each.dtype))", "torch.ones_like(each))"),
    ("micro_batches", "a mean of the parts' means", "over(mine[name].to(term.dtype), whole[name].to(term.dtype))", "(1 / len(asked))"),
    ("micro_batches", "a sum of the parts' means", "over(mine[name].to(term.dtype), whole[name].to(term.dtype))", "1"),
]  # fmt: skip


@of.planted(FAULTS)
def test_a_planted_fault_is_found(name, old, new):
    assert of.gone_red(name, old, new)


# ---- gradients and limits ------------------------------------------------------------------------------------------------------


@EACH
def test_gradients_agree_with_finite_differences(kind):
    strategy, t = kind(temperature=1.7, weight=0.4), logits(1)
    total = lambda s: sum(terms_of(strategy, s, t).values())
    assert torch.autograd.gradcheck(total, logits(2).requires_grad_())


def loss_and_slope(strategy, s, t, scale=1.0):
    s = s.clone().requires_grad_()
    soft = terms_of(strategy, s, t)["soft"] / scale
    return soft.detach(), torch.autograd.grad(soft, s)[0]


LIMITS = [
    ("JSD / beta, as beta goes to 0, is forward KL", GeneralisedJSD(1e-6, weight=1.0), 1e-6, TokenForwardKL(weight=1.0)),
    ("JSD / (1 - beta), as beta goes to 1, is reverse KL", GeneralisedJSD(1 - 1e-6, weight=1.0), 1e-6, TokenReverseKL(weight=1.0)),
    ("skew KL without skew is forward KL", SkewKL(1e-7, weight=1.0), 1.0, TokenForwardKL(weight=1.0)),
    ("skew reverse KL without skew is reverse KL", SkewReverseKL(1e-7, weight=1.0), 1.0, TokenReverseKL(weight=1.0)),
    ("JSD is the same from both sides at 1/2", GeneralisedJSD(0.5, weight=1.0), 1.0, GeneralisedJSD(0.5, weight=1.0)),
]


@pytest.mark.parametrize(("one", "scale", "other"), [limit[1:] for limit in LIMITS], ids=[limit[0] for limit in LIMITS])
def test_limits(one, scale, other):
    s, t = logits(2), logits(1)
    for a, b in zip(loss_and_slope(one, s, t, scale), loss_and_slope(other, s, t), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    if one == other:
        torch.testing.assert_close(loss_and_slope(one, s, t)[0], loss_and_slope(one, t, s)[0])


@EACH
def test_the_gradient_keeps_its_size_at_high_temperatures(kind):
    slopes = [loss_and_slope(kind(temperature=temperature, weight=1.0), logits(2), logits(1))[1] for temperature in (1e3, 2e3)]
    torch.testing.assert_close(*slopes, rtol=2e-2, atol=1e-4)
    assert slopes[0].abs().max() > 1e-3


def test_bounds_are_kept():
    far = 30 * torch.eye(V, dtype=torch.double)
    s, t = far[[0, 1, 2]].unsqueeze(1), far[[1, 2, 3]].unsqueeze(1)
    y = torch.zeros(3, 1, dtype=torch.long)
    bounds = {GeneralisedJSD(weight=1.0): math.log(2), SkewKL(weight=1.0): math.log(10), SkewReverseKL(weight=1.0): math.log(10),
              TokenTotalVariation(weight=1.0): 1}  # fmt: skip
    for strategy, bound in bounds.items():
        same(terms_of(strategy, s, t, y)["soft"], bound, 1e-6)


# ---- masks and precision -------------------------------------------------------------------------------------------------------


@EACH
def test_what_stands_at_a_masked_place_has_no_influence(kind):
    s, t, other = logits(2), logits(1), logits(3)
    masked = (LABELS == -100).unsqueeze(-1)
    value, slope = loss_and_slope(kind(), s, t)
    again, slope_again = loss_and_slope(kind(), s.where(~masked, 50 * other), t.where(~masked, other))
    assert torch.equal(value, again) and torch.equal(slope, slope_again) and (slope.where(masked, 0) == 0).all()


@EACH
def test_nothing_but_masked_places_cost_nothing(kind):
    s = logits(2).requires_grad_()
    terms = terms_of(kind(), s, logits(1), torch.full((B, T), -100))
    (slope,) = torch.autograd.grad(sum(terms.values()), s)
    assert all(term == 0 for term in terms.values()) and (slope == 0).all()


def test_padding_is_told_from_tokens_where_there_are_no_labels():
    tokens = torch.tensor([[3, 2, 1, 4], [2, 0, 0, 0], [1, 3, 0, 0]])
    s, t = logits(2), logits(1)
    marked = torch.where(tokens == 0, -100, 1)
    without = terms_of(TokenForwardKL(weight=1.0, padding=0), s, t, None, Task(), tokens)
    assert set(without) == {"soft"}
    same(without["soft"], terms_of(TokenForwardKL(weight=1.0), s, t, marked)["soft"], 1e-12)
    # beside labels both count: 3 places are left of the first sequence, for one
    both = terms_of(TokenForwardKL(weight=1.0, padding=0), s, t, LABELS, IGNORED, tokens)
    same(both["soft"], terms_of(TokenForwardKL(weight=1.0), s, t, torch.where(tokens == 0, -100, LABELS))["soft"], 1e-12)
    same(terms_of(TokenForwardKL(weight=1.0), s, t, None)["soft"], terms_of(SoftTargets(1.0, 1.0), s, t, None)["soft"], 1e-12)
    with pytest.raises(InputError, match=r"padding is told from inputs that are tokens.*torch.float64 \(3, 4\)"):
        terms_of(TokenForwardKL(weight=1.0, padding=0), s, t, None, Task(), tokens.double())
    parts = [(Net(t[i]), batch(tokens[i], None)) for i in PARTS]
    answers = iter(PARTS)
    shares = in_parts(TokenForwardKL(weight=1.0, padding=0), lambda x: Net(s[next(answers)])(x), parts)
    same(sum(terms["soft"] for terms in shares), without["soft"], 1e-12)


@EACH
@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_is_as_good_as_its_logits(kind, precision):
    s, t = (z.to(precision) for z in (logits(2), logits(1)))
    found = terms_of(kind(temperature=2.0), s, t)
    wanted = terms_of(kind(temperature=2.0), s.double(), t.double())
    for name, term in found.items():
        assert term.dtype == torch.float32
        same(term, wanted[name], 1e-6)


@EACH
@pytest.mark.parametrize("side", ["teacher", "student", "both"])
def test_tokens_that_are_excluded_give_finite_numbers(kind, side):
    s, t = logits(2), logits(1)
    for z in {"teacher": (t,), "student": (s,), "both": (s, t)}[side]:
        z[..., 3] = -torch.inf
    value, slope = loss_and_slope(kind(), s, t)
    assert value.isfinite() and value >= 0 and slope.isfinite().all()


# ---- what is refused -----------------------------------------------------------------------------------------------------------


@EACH
def test_shapes_that_do_not_fit_are_named(kind):
    with pytest.raises(InputError, match=r"teacher must answer in the student's shape, \(3, 4, 5\), but it gives \(3, 3, 5\)"):
        terms_of(kind(), logits(2), logits(1, B, T - 1, V))
    with pytest.raises(InputError, match="labels must have the outputs' shape"):
        terms_of(kind(), logits(2), logits(1), LABELS[:, 1:])
    with pytest.raises(InputError, match="needs class indices"):
        terms_of(kind(), logits(2), logits(1), LABELS.double())


def test_settings_that_do_not_fit_are_named():
    for kind, name in ((GeneralisedJSD, "beta"), (SkewKL, "skew"), (SkewReverseKL, "skew")):
        for wrong in (0, 1, 0.0, 1.0):
            with pytest.raises(InputError, match=f"{name} must be greater than 0 and less than 1, but {wrong} was given"):
                kind(**{name: wrong})
    for wrong in (-1, 0.5, True):
        with pytest.raises(InputError, match="padding must be"):
            TokenForwardKL(padding=wrong)
    with pytest.raises(InputError, match="strategy must be a divergence on tokens, but HardLabels"):
        list(in_parts(HardLabels(), None, [(None, None)]))
    with pytest.raises(InputError, match="at least one part"):
        list(in_parts(TokenForwardKL(), None, []))
    some = [(None, batch(torch.zeros(1, 4), y)) for y in (LABELS[:1], None)]
    with pytest.raises(InputError, match="all have labels, or none"):
        list(in_parts(TokenForwardKL(), None, some))
