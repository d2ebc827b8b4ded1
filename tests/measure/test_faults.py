"""The formulas of measure/ by hand, and what is likely to go wrong in them: each planted fault must turn a check red."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from mutation import RED, Checks
from scipy import special, stats

from distill_helpers.measure import statistics as whole

of = Checks("distill_helpers.measure", red=(*RED, ValueError, ZeroDivisionError))
near = pytest.approx
t_at = lambda df, confidence=0.95: special.stdtrit(df, 0.5 + confidence / 2)


# ---- intervals over replicates -------------------------------------------------------------------------------------------------


@of("statistics")
def paired_by_hand(m):
    """Differences 1, 2, 3: their standard deviation is 1, and t has two degrees of freedom."""
    d = m.paired([3.0, 5.0, 7.0], [2.0, 3.0, 4.0], confidence=0.9)
    assert (d.mean, d.n, d.df, d.a_mean, d.b_mean) == (2, 3, 2, 5, 3) and d.values.tolist() == [1, 2, 3]
    assert d.high - 2 == near(t_at(2, 0.9) / math.sqrt(3)) == 2 - d.low and d.half == near((d.high - d.low) / 2)
    assert m.paired([3.0, 7.0, 11.0], [1.0, 1.0, 1.0]).half == near(t_at(2) * 4 / math.sqrt(3))
    assert m.half_width(2.0, 4, 0.9) == near(t_at(3, 0.9) * 2 / 2)


@of("statistics")
def a_bootstrap_moves_its_percentiles_outwards(m):
    """For 8 seeds at 80 %, the share of resampled means beyond either end is that of a normal deviate of √(8/7) t."""
    values = np.array([-3.0, -2, -1.55, -0.5, 0.45, 1.5, 2.3, 4])
    d = m.interval(values, 0.8, method="bootstrap")
    means = np.random.default_rng(9).choice(values, (40_000, 8)).mean(1)
    wanted = stats.norm.sf(math.sqrt(8 / 7) * t_at(7, 0.8))
    assert [(means < d.low).mean(), (means > d.high).mean()] == near([wanted] * 2, abs=0.006)


@of("statistics")
def unpaired_is_welch_s(m):
    a, b = np.array([1.0, 2, 3, 4]), np.array([2.0, 2, 4, 8, 10, 30])
    for one, two in ((a, b), (b, a)):
        wanted = stats.ttest_ind(one, two, equal_var=False)
        d = m.unpaired(one, two)
        assert (d.low, d.high) == near(tuple(wanted.confidence_interval(0.95))) and d.df == near(wanted.df) and d.n == 4
        assert d.values == near(one - two.mean() if len(one) == 4 else one.mean() - two)
    assert m.welch(np.ones(3), np.ones(5), 0.95)[2] == 2  # without any variance the smaller arm says how many


@of("statistics")
def a_margin_is_met_by_the_whole_interval(m):
    d = replace(m.interval([1.0, 2.0, 3.0]), low=1.0, mean=2.0, high=3.0)
    assert [d.against(margin) for margin in (0.5, 1, 1.5, 2.5, 3, 3.5)] == [True, None, None, None, None, False]


@of("statistics")
def other_units_and_left_out_sources(m):
    d = replace(m.paired([1.0, 2.0, 4.0], [0.5, 0.0, 1.0]), low=-1.0, high=5.0, reach={"examples": (0.5, 7)})
    turned = d.times(-2)
    assert (turned.low, turned.high, turned.mean) == near((-10, 2, -2 * d.mean)) and turned.reach == {"examples": (1.0, 7)}
    assert (turned.a_mean, turned.b_mean) == near((-2 * d.a_mean, -2 * d.b_mean)) and turned.values == near(-2 * d.values)
    less = d.without("examples")
    assert (less.low, less.high, less.df) == near((d.mean - 0.5, d.mean + 0.5, 7)) and not less.reach


@of("statistics")
def lost_replicates_count_as_guessing(m):
    scores = np.array([[0.9, 0.8], [0.7, 0.6]])
    assert m.as_chance(scores, [False, True], 0.1).tolist() == [[0.9, 0.8], [0.1, 0.1]] and scores[1, 0] == 0.7


@of("statistics")
def correlation_by_hand(m):
    assert m.correlation(np.array([1.0, 2, 3]), np.array([10.0, 10, 40])) == near(math.sqrt(3) / 2)
    assert m.correlation(np.ones(3), np.arange(3.0)) is None and m.correlation(np.arange(3.0), np.ones(3)) is None


# ---- replicates and examples ---------------------------------------------------------------------------------------------------


TABLE = np.array([[1.0, 0, 3, 2], [0, 2, 1, 5], [4, 1, 1, 0]])


@of("crossed")
def mean_squares_cell_by_cell(m):
    r, j = TABLE.shape
    rows, columns, middle = TABLE.mean(1), TABLE.mean(0), TABLE.mean()
    left = TABLE - rows[:, None] - columns + middle
    found = m.mean_squares(TABLE)
    assert found.replicates == near(sum(j * (x - middle) ** 2 for x in rows) / 2)
    assert found.examples == near(sum(r * (x - middle) ** 2 for x in columns) / 3)
    assert found.rest == near((left**2).sum() / 6) and (found.r, found.j) == (3, 4)
    added = np.arange(1, 8)[:, None] * 0.1 + np.arange(1, 12) * 0.7 + 1000  # nothing is left but rounding
    assert all(m.mean_squares(k * added).rest >= 0 for k in (0.1, 0.3, 1.1, 1.7, 3.3))


@of("crossed")
def variances_by_hand(m):
    s = m.Squares(np.array(3.0), np.array(2.0), np.array(1.0), 4, 10)
    assert m.paired_variance(s) == near((4 / 40, 16 / (9 / 3 + 4 / 9 + 1 / 27)))
    low = m.Squares(np.array(3.0), np.array(0.0), np.array(2.0), 4, 10)
    assert m.paired_variance(low) == near((2 / 40, 3))  # at least the rest's share, and R - 1 degrees of freedom
    a, b = m.Squares(np.array(3.0), None, np.array(1.0), 3, 8), m.Squares(np.array(2.0), None, np.array(0.5), 5, 8)
    columns = np.array([0.0, 1, 0, 1, 2, 0, 0, 4])
    spread = columns.var(ddof=1) / 8
    rest = 1 / 24 + 0.5 / 40
    total = 3 / 24 + 2 / 40 + spread - rest
    below = (3 / 24) ** 2 / 2 + (2 / 40) ** 2 / 4 + spread**2 / 7 + (1 / 24) ** 2 / 14 + (0.5 / 40) ** 2 / 28
    assert m.unshared_variance(a, b, columns) == near((total, total**2 / below)) and total**2 / below > 4
    noisy = a._replace(replicates=np.array(0.1), rest=np.array(2.0)), b._replace(replicates=np.array(0.1), rest=np.array(2.0))
    found = m.unshared_variance(*noisy, 0 * columns)
    assert found[0] == near(2 / 24 + 2 / 40)
    calm = a._replace(replicates=np.array(9.0), rest=np.array(8.5)), b._replace(replicates=np.array(0.0), rest=np.array(0.0))
    assert m.unshared_variance(*calm, 0 * columns)[1] == near(2)  # the smaller arm's


@of("crossed")
def two_way_says_what_adds_what(m):
    a, b = TABLE, TABLE[::-1] * 0.5
    d, s = m.two_way(a, b, confidence=0.9), m.mean_squares(a - b)
    variance, df = m.paired_variance(s)
    assert d.half == near(t_at(df, 0.9) * math.sqrt(variance)) and d.mean == near((a - b).mean()) and d.values == near((a - b).mean(1))
    parts = [max((part - s.rest) / 12, 0) for part in (s.replicates, s.examples)] + [s.rest / 12]
    assert list(d.sources.values()) == near([part / sum(parts) for part in parts])
    assert d.without("replicates").half == near(t_at(3, 0.9) * math.sqrt(s.examples / 12))
    assert d.without("examples").half == near(t_at(2, 0.9) * math.sqrt(s.replicates / 12))


@of("crossed")
def two_way_of_arms_that_share_the_examples_only(m):
    draw = np.random.default_rng(2)
    a, b = draw.normal(size=(3, 1)) + draw.normal(size=(3, 12)), 2 * draw.normal(size=(12,)) + draw.normal(size=(5, 12))
    for one, two in ((a, b), (b, a)):
        d = m.two_way(one, two, shared=False)
        s, t, columns = m.mean_squares(one), m.mean_squares(two), one.mean(0) - two.mean(0)
        variance, df = m.unshared_variance(s, t, columns)
        rest, by_column = s.rest / one.size + t.rest / two.size, columns.var(ddof=1) / 12
        by_row = s.replicates / one.size + t.replicates / two.size
        parts = [max(by_row - rest, 0), max(by_column - rest, 0), rest]
        assert d.half == near(t_at(df) * math.sqrt(variance)) and list(d.sources.values()) == near([p / sum(parts) for p in parts])
        assert d.without("replicates").half == near(t_at(11) * math.sqrt(by_column))
        assert d.without("examples").half == near(t_at(2) * math.sqrt(by_row))
        assert d.n == 3 and d.values == near(one.mean(1) - two.mean() if len(one) == 3 else one.mean() - two.mean(1))


# ---- families ------------------------------------------------------------------------------------------------------------------


CONTRASTS = np.array([[1, -1, 0, 0, 0, 0, 0, 0], [1, 1, -2, 0, 0, 0, 0, 0], [1, 1, 1, -3, 0, 0, 0, 0], [1, 1, 1, 1, -4, 0, 0, 0],
                      [1, 1, 1, 1, 1, -5, 0, 0]], dtype=float)  # fmt: skip


@of("families")
def independent_and_equal_members(m):
    """Independent members have Šidák's quantile, whatever their means; members that are all one have that of one."""
    sidak = special.stdtrit(7, (1 + 0.95 ** (1 / 5)) / 2)
    found = m.critical_value(np.stack([CONTRASTS + 100, np.stack([CONTRASTS[0]] * 5)]), 0.95)
    assert found == near([sidak, t_at(7)], rel=0.025)
    assert m.critical_value(CONTRASTS[None], 0.8) == near([special.stdtrit(7, (1 + 0.8 ** (1 / 5)) / 2)], rel=0.025)
    alike = CONTRASTS.cumsum(0)[None]  # far from both bounds, so that other draws give another quantile
    bounds = t_at(7), special.stdtrit(7, 1 - 0.05 / 2 / 5)
    assert bounds[0] + 0.05 < m.critical_value(alike, 0.95)[0] < bounds[1] - 0.05
    assert np.array_equal(m.critical_value(alike, 0.95), m.critical_value(alike, 0.95))


@of("families")
def a_member_keeps_its_own_error(m):
    d = whole.interval([1.0, 2.0, 4.0, 3.0, 2.0, 5.0, 1.0, 2.0])
    error = d.half / t_at(7)
    of_20 = replace(d, low=d.mean - t_at(20) * error, high=d.mean + t_at(20) * error, df=20.0)
    assert m.simultaneous({"a": of_20})["a"].half == near(t_at(7) * error)
    assert m.simultaneous({"a": d}, 0.8)["a"].half == near(t_at(7, 0.8) * error)
    wide = replace(d, low=d.mean - t_at(3) * error, high=d.mean + t_at(3) * error, df=3.0)
    assert m.simultaneous({"a": wide})["a"].half == near(wide.half)  # never narrower than alone


# ---- calibration ---------------------------------------------------------------------------------------------------------------


ANSWERS = torch.tensor([[0.75, 0.25], [0.375, 0.625], [0.5625, 0.4375], [0.125, 0.875]], dtype=torch.double).log()
RIGHT = torch.tensor([0, 1, 1, 0])


@of("calibration")
def figures_by_hand(m):
    both = torch.stack([ANSWERS, ANSWERS.flip(-1)])
    assert m.accuracy(both[:, :3], RIGHT[:3]).tolist() == near([2 / 3, 1 / 3])
    assert m.brier(ANSWERS, RIGHT).item() == near(sum(2 * (1 - p) ** 2 for p in (0.75, 0.625, 0.4375, 0.125)) / 4)
    assert m.entropy(ANSWERS).item() == near(sum(-p * math.log(p) - (1 - p) * math.log(1 - p) for p in (0.75, 0.625, 0.5625, 0.875)) / 4)
    table = m.reliability(ANSWERS, RIGHT, 5)
    assert table["share"].tolist() == near([0, 0, 0.25, 0.5, 0.25]) and table["accuracy"].tolist() == [0, 0, 0, 1, 0]
    assert m.ece(ANSWERS, RIGHT, 5).item() == near(0.25 * 0.5625 + 0.5 * 0.3125 + 0.25 * 0.875)


@of("calibration")
def edges_and_usual_bins(m):
    """A confidence on an edge belongs to the bin below; there are fifteen bins unless said otherwise."""
    edge = torch.tensor([[0.75, 0.25], [0.5, 0.5]], dtype=torch.double).log()
    assert m.reliability(edge, torch.tensor([0, 0]), 4)["share"].tolist() == [0, 0.5, 0.5, 0]
    assert m.reliability(edge, torch.tensor([0, 0]))["share"].shape == (15,)
    # two confidences of one tenth, on either side of 11 / 15
    apart = torch.tensor([[0.72, 0.28], [0.75, 0.25]], dtype=torch.double).log()
    assert m.ece(apart, torch.tensor([0, 1])).item() == near((0.28 + 0.75) / 2)


@of("calibration")
def tiny_confidences_and_half_precision(m):
    """With many classes the most likely one may be below the first edge; half precision is widened before anything is summed."""
    assert m.reliability(torch.zeros(1, 100), torch.tensor([0]), 4)["share"].tolist() == [1, 0, 0, 0]
    logits = torch.randn(2000, 10, generator=torch.Generator().manual_seed(0)).half()
    labels = torch.arange(2000) % 10
    for figure in (m.nll, m.brier, m.ece):
        found = figure(logits, labels)
        assert found.dtype == torch.float32 and found.item() == near(figure(logits.double(), labels).item(), rel=1e-5)


# ---- ranking -------------------------------------------------------------------------------------------------------------------


@of("ranking")
def shares_of_two_seeds(m):
    assert m.probability_best([[1.0, 0.0], [0.0, 1.0]], 20_000) == near([0.5, 0.5], abs=0.015)
    assert m.probability_best([[3.0, 0.0], [0.0, 1.0]], 20_000) == near([0.75, 0.25], abs=0.015)
    thirds = np.array([[0.1, 0.2, 0.3], [0.3, 0.1, 0.2]])  # equal means but for rounding, wherever all three seeds are drawn
    ties = m.probability_best(np.stack([thirds[0], thirds[0] + 1e-16, thirds[0] - 1e-16]), 500)
    assert ties == near([1 / 3] * 3)


@of("ranking")
def ranks_of_two_seeds(m):
    """The first is first in 3 of 4 draws and second in one of them; with 40 % of the draws in the middle it is first."""
    scores = [[3.0, 0.0], [0.0, 1.0], [-9.0, -9.0]]
    assert m.rank_interval(scores, 0.95).tolist() == [[1, 2], [1, 2], [3, 3]]
    assert m.rank_interval(scores, 0.4).tolist() == [[1, 1], [2, 2], [3, 3]]
    assert m.rank_interval(scores, 0.6).tolist() == [[1, 2], [1, 2], [3, 3]]  # 20 % on either side, where it loses in 25 %
    assert m.rank_interval(scores, 0.46).tolist() == [[1, 1], [2, 2], [3, 3]]  # 27 %
    # of two draws that rank it differently both count
    assert [1, 2] in [m.rank_interval(scores, 0.95, 2, seed)[0].tolist() for seed in range(10)]


@of("ranking")
def luck_by_hand(m):
    """Two seeds, gains 1 and -1: resampled means -1, 0, 1 with 1/4, 1/2, 1/4, widened by √2; of methods far apart each is centred."""
    d = np.array([[1.0, -1.0], [11.0, 9.0]])
    assert m.best_by_luck(d, 0.95, 4000) == near(math.sqrt(2))
    assert m.best_by_luck(d, 0.6, 4000) == near(0, abs=1e-9)
    eight = np.array([[1.0, -1, 1, -1, 1, -1, 1, -1], [1.0, 1, -1, -1, 1, 1, -1, -1]])
    assert m.best_by_luck(eight, 0.95, 40_000) == near(stats.norm.ppf(0.95**0.5) / math.sqrt(7), rel=0.12)
    assert m.best_by_luck(eight[:, :4], 1.0, 4000) == near(math.sqrt(4 / 3))


# ---- attacks -------------------------------------------------------------------------------------------------------------------


class Asked:
    """Logits as a function of x; ``seen`` keeps the points asked about."""

    def __init__(self, logits):
        self.logits, self.seen = logits, []

    def __call__(self, x):
        self.seen.append(x.detach().clone())
        return self.logits(x)


SLANT = lambda x: torch.stack([2 * x[:, 0] - 0.5 * x[:, 1], 0 * x[:, 0]], -1)
X, Y = torch.tensor([[0.5, 0.5], [0.02, 0.97], [0.5, 0.5]]), torch.tensor([0, 0, 1])
WORST = torch.tensor([[0.4, 0.6], [0.0, 1.0], [0.6, 0.4]])  # within 0.1 and within [0, 1]
START = 2 * torch.rand(3, 2, generator=torch.Generator().manual_seed(0)) - 1


@of("robustness")
def one_step_by_hand(m):
    torch.testing.assert_close(m.fgsm(SLANT, X, Y, 0.1), WORST)
    torch.testing.assert_close(m.pgd(SLANT, X, Y, 0.1, 5), WORST)
    logits = torch.tensor([[1.0, 3, 2], [1, 3, 2]])
    assert m._losses(logits, torch.tensor([0, 1]), "margin").tolist() == [2, -1]


@of("robustness")
def the_path_from_a_fixed_start(m):
    """From x + eps (2 u - 1), cut to [0, 1], by 2.5 eps / steps along the sign, within the ball around x."""
    asked = Asked(SLANT)
    m.pgd(asked, X, Y, 0.1, 5)
    way, down = asked.seen[2:], torch.tensor([[-1.0, 1], [-1, 1], [1, -1]])
    torch.testing.assert_close(way[0], (X + 0.1 * START).clamp(0, 1))
    low, high = (X - 0.1).clamp(min=0), (X + 0.1).clamp(max=1)
    for before, after in zip(way, way[1:], strict=False):
        torch.testing.assert_close(after, torch.minimum(torch.maximum(before + 0.05 * down, low), high))
    half = Asked(SLANT)
    m.pgd(half, X, Y, 0.1, 5, step_size=0.01)
    torch.testing.assert_close(half.seen[3], torch.minimum(torch.maximum(way[0] + 0.01 * down, low), high))


@of("robustness")
def the_worst_point_is_kept(m):
    """A loss that is largest at x: x stays. One that is largest beside the start: the start stays, though the step goes on."""
    x, y = X[:1], Y[:1]
    peak = lambda at: lambda p: torch.stack([5 + (p - at).square().sum(-1), 0 * p[:, 0]], -1)
    torch.testing.assert_close(m.pgd(peak(x), x, y, 0.1, 3, restarts=2), x)
    start = x + 0.1 * (2 * torch.rand(1, 2, generator=torch.Generator().manual_seed(0)) - 1)
    torch.testing.assert_close(m.pgd(peak(start + 1e-3), x, y, 0.1, 1, step_size=0.2), start)
    old = torch.tensor([False, True, True, False]), torch.tensor([9.0, 1, 1, 1])
    new = torch.tensor([True, False, True, False]), torch.tensor([1.0, 9, 2, 2])
    assert m._worse(torch.zeros(4, 1), old, torch.ones(4, 1), new)[0].flatten().tolist() == [1, 0, 1, 1]


@of("robustness")
def transfer_attacks_the_other_model(m):
    other = lambda x: -SLANT(x)
    x, y = torch.tensor([[0.5, 0.9]]), torch.tensor([0])
    assert m.transfer_accuracy(SLANT, other, x, y, 0.4) == 1 and m.robust_accuracy(SLANT, x, y, 0.4) == 0


@of("robustness")
def budgets_are_spent(m):
    calls = {}
    for budget in ((1, 1), (1, 3)):
        asked = Asked(SLANT)
        assert list(m.attack_strength(asked, X, Y, 0.1, (budget,))) == [budget]
        calls[budget] = len(asked.seen)
    assert calls[1, 3] - calls[1, 1] == 2 * 2
    assert list(m.attack_strength(SLANT, X, Y, 0.1)) == [(1, 1), (10, 1), (40, 1), (40, 4)]


@of("robustness")
def a_stack_is_asked_in_evaluation_mode(m):
    nets = [torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(0.5)) for _ in range(2)]
    state = {name: torch.stack([dict(net.named_parameters())[name] for net in nets]).detach() for name, _ in nets[0].named_parameters()}

    class Fleet:
        skeletons = {"student": nets[0]}

        def state(self):
            return {"student": state}

    class Run:
        fleet = Fleet()

        def __len__(self):
            return 2

    for training in (True, False):
        nets[0].train(training)
        torch.testing.assert_close(m.Stacked(Run())(torch.stack([X, X]))[1], nets[1].eval()(X).detach())
        assert nets[0].training == training


# ---- features ------------------------------------------------------------------------------------------------------------------


@of("representation")
def effective_rank_by_hand(m):
    """Four points, 3 and 1 from their middle on two axes: shares 3/4 and 1/4 of the singular values."""
    cross = torch.tensor([[3.0, 0, 0], [-3, 0, 0], [0, 1, 0], [0, -1, 0]]) + torch.tensor([5.0, -7, 2])
    assert m.effective_rank(cross).item() == near(math.exp(0.75 * math.log(4 / 3) + 0.25 * math.log(4)), rel=1e-5)


@of("representation")
def cka_by_kernels(m):
    """The centred kernels' inner product over their lengths."""
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=(9, 3)) + 4, draw.normal(size=(9, 5)) - 2
    middle = np.eye(9) - 1 / 9
    k, l = (middle @ x @ x.T @ middle for x in (a, b))  # noqa: E741
    assert m.linear_cka(torch.tensor(a), torch.tensor(b)).item() == near((k * l).sum() / np.sqrt((k * k).sum() * (l * l).sum()))


@of("representation")
def a_probe_by_hand(m):
    """Standardised by what it learns from, with a bias, judged on what it has not learnt from."""
    x, y = torch.tensor([[999.0], [1001.0]]).repeat(10, 1), torch.tensor([0, 1]).repeat(10)
    assert m.linear_probe(x, y, torch.full((4, 1), 1001.0), torch.ones(4, dtype=torch.long), 2) == 1
    assert m.linear_probe(x, y, x, 1 - y, 2) == 0
    assert m.linear_probe(torch.zeros(5, 1), torch.tensor([1, 1, 1, 1, 0]), torch.zeros(1, 1), torch.tensor([1]), 2) == 1


@of("representation")
def the_penalty_s_size(m):
    """A minority is told apart until the penalty is too large: at 0.45 it is, at 0.65 no more."""
    x, y = torch.tensor([[-1.0]] * 14 + [[1.0]] * 6), torch.tensor([0] * 14 + [1] * 5 + [0])
    read = lambda decay: m.linear_probe(x, y, torch.ones(1, 1), torch.tensor([1]), 2, decay).item()
    assert (read(0.45), read(0.65)) == (1, 0)


@of.each
def test_by_hand(name, check):
    check(of.original(name))


FAULTS = [
    ("statistics", "stdtrit(replicates - 1, 0.5 + confidence / 2) * spread / np.sqrt(replicates)",
     "stdtrit(replicates, 0.5 + confidence / 2) * spread / np.sqrt(replicates)"),
    ("statistics", "special.stdtrit(n - 1, 0.5 + confidence / 2)", "special.stdtrit(n, 0.5 + confidence / 2)"),
    ("statistics", "special.stdtrit(n - 1, 0.5 + confidence / 2)", "special.stdtrit(n - 1, confidence)"),
    ("statistics", "reach * d.std(ddof=1) / np.sqrt(n)", "reach * d.std(ddof=0) / np.sqrt(n)"),
    ("statistics", "reach * d.std(ddof=1) / np.sqrt(n)", "reach * d.std(ddof=1) / n"),
    ("statistics", "reach * d.std(ddof=1) / np.sqrt(n)", "reach * d.var(ddof=1) / np.sqrt(n)"),
    ("statistics", "np.sqrt(n / (n - 1)) * reach", "reach"),
    ("statistics", "d = a - b\n", "d = b - a\n"),
    ("statistics", "x.var(-1, ddof=1) / x.shape[-1] for x", "x.var(-1, ddof=0) / x.shape[-1] for x"),
    ("statistics", "x.var(-1, ddof=1) / x.shape[-1] for x", "x.var(-1, ddof=1) for x"),
    ("statistics", "va**2 / (a.shape[-1] - 1) + vb**2 / (b.shape[-1] - 1)", "va**2 / (b.shape[-1] - 1) + vb**2 / (a.shape[-1] - 1)"),
    ("statistics", "np.where(below > 0, (va + vb) ** 2 / np.where(below > 0, below, 1), least)", "a.shape[-1] + b.shape[-1] - 2 + 0 * below"),
    ("statistics", "min(a.shape[-1], b.shape[-1]) - 1", "max(a.shape[-1], b.shape[-1]) - 1"),
    ("statistics", "smaller = a - b.mean() if len(a) <= len(b) else a.mean() - b", "smaller = a - b.mean() if len(a) > len(b) else a.mean() - b"),
    ("statistics", "if self.low > margin:", "if self.low >= margin:"),
    ("statistics", "False if self.high < margin else None", "False if self.mean < margin else None"),
    ("statistics", "low=self.mean - half, high=self.mean + half, df=df", "low=self.mean - half, high=self.high, df=df"),
    ("statistics", "low, high = sorted((factor * self.low, factor * self.high))", "low, high = factor * self.low, factor * self.high"),
    ("statistics", "(abs(factor) * half, df)", "(factor * half, df)"),
    ("statistics", "a_mean=factor * self.a_mean, b_mean=factor * self.b_mean", "a_mean=self.a_mean, b_mean=self.b_mean"),
    ("statistics", "values=factor * self.values", "values=self.values"),
    ("statistics", "scores[lost] = chance", "scores[~lost] = chance"),
    ("statistics", "np.array(scores, dtype=float), np.asarray(diverged", "np.asarray(scores, dtype=float), np.asarray(diverged"),
    ("statistics", "np.corrcoef(a, b)[0, 1]", "np.cov(a, b)[0, 1]"),
    ("statistics", "if np.ptp(a) == 0 or np.ptp(b) == 0:", "if np.ptp(a) == 0 and np.ptp(b) == 0:"),
    ("statistics", "return (self.high - self.low) / 2", "return self.high - self.low"),
    ("statistics", "name, len(d) - 1,", "name, len(d),"),
    ("statistics", "percentile(draws, [tail, 100 - tail])", "percentile(draws, [tail / 2, 100 - tail / 2])"),
    ("crossed", "by_row = j * (", "by_row = r * ("),
    ("crossed", "by_column = r * (", "by_column = j * ("),
    ("crossed", "by_column / (j - 1), rest", "by_column / j, rest"),
    ("crossed", "rest / ((r - 1) * (j - 1))", "rest / (r * j - 1)"),
    ("crossed", "- r * j * middle**2 - by_row", "- middle**2 - by_row"),
    ("crossed", "np.maximum(np.square(table, dtype=float).sum((-2, -1)) - r * j * middle**2 - by_row - by_column, 0)",
     "np.square(table, dtype=float).sum((-2, -1)) - r * j * middle**2 - by_row - by_column"),
    ("crossed", "_satterthwaite(total, below, s.r - 1)", "_satterthwaite(total, below, 1)"),
    ("crossed", "s.examples**2 / (s.j - 1) + s.rest**2", "s.rest**2"),
    ("crossed", "spread = columns.var(-1, ddof=1)", "spread = columns.var(-1, ddof=0)"),
    ("crossed", "(b.replicates / (b.r * b.j), b.r - 1)", "(b.replicates / (b.r * b.j), a.r - 1)"),
    ("crossed", "min(a.r, b.r) - 1)", "max(a.r, b.r) - 1)"),
    ("crossed", "total = np.maximum(parts[0][0] + parts[1][0] + parts[2][0] - rest, rest)",
     "total = parts[0][0] + parts[1][0] + parts[2][0] - rest"),
    ("crossed", '"replicates": (s.examples / size, s.j - 1), "examples": (s.replicates / size, s.r - 1)',
     '"replicates": (s.replicates / size, s.r - 1), "examples": (s.examples / size, s.j - 1)'),
    ("crossed", 'alone = {"replicates": (by_column, s.j - 1), "examples": (by_row, min(s.r, t.r) - 1)}',
     'alone = {"replicates": (by_row, min(s.r, t.r) - 1), "examples": (by_column, s.j - 1)}'),
    ("crossed", '"examples": (by_row, min(s.r, t.r) - 1)}', '"examples": (by_row, s.j - 1)}'),
    ("crossed", "stdtrit(df, 0.5 + confidence / 2)", "stdtrit(df, confidence)"),
    ("crossed", "quantile(df) * np.sqrt(variance))", "quantile(df) * variance)"),
    ("crossed", "max(float(value), 0.0)", "float(value)"),
    ("crossed", "{k: v / total if total else 0.0", "{k: v if total else 0.0"),
    ("crossed", '"examples": (s.examples - s.rest) / size', '"examples": s.examples / size'),
    ("crossed", '"replicates": by_row - rest, "examples": by_column - rest', '"replicates": by_column - rest, "examples": by_row - rest'),
    ("crossed", "float(quantile(free) * np.sqrt(value))", "float(quantile(df) * np.sqrt(value))"),
    ("crossed", "values = a.mean(1) - b.mean() if len(a) <= len(b) else a.mean() - b.mean(1)",
     "values = a.mean(1) - b.mean() if len(a) > len(b) else a.mean() - b.mean(1)"),
    ("families", "stdtrit(d.df or d.n - 1, 0.5 + d.confidence / 2)", "stdtrit(d.n - 1, 0.5 + d.confidence / 2)"),
    ("families", "0.5 + d.confidence / 2)", "0.5 + confidence / 2)"),
    ("families", "max(critical * error, d.half if d.confidence == confidence else 0)", "critical * error"),
    ("families", "1 - (1 - confidence) / 2 / count", "1 - (1 - confidence) / count"),
    ("families", "(draws, replicates, members))", "(draws, replicates, members)) * 1.1 + 0.3"),
    ("families", "drawn.std(1, ddof=1)", "drawn.std(1, ddof=0)"),
    ("families", "np.abs(drawn.mean(1)", "(drawn.mean(1)"),
    ("families", "np.sqrt(normal.shape[1])", "np.sqrt(normal.shape[1] - 1)"),
    ("families", "centred = values - values.mean(-1, keepdims=True)", "centred = values"),
    ("families", "np.quantile(_largest_t(normal, _root(family)), confidence)",
     "np.quantile(_largest_t(normal, _root(family)), 0.5 + confidence / 2)"),
    ("families", "np.random.default_rng(0)", "np.random.default_rng()"),
    ("families", "drawn = normal @ root.T", "drawn = normal @ root"),
    ("calibration", "(logits.argmax(-1) == labels).float().mean(-1)", "(logits.argmax(-1) == labels).float().mean()"),
    ("calibration", "(logits.softmax(-1) - target).square().sum(-1)", "(logits.softmax(-1) - target).square().mean(-1)"),
    ("calibration", "(logits.softmax(-1) - target).square().sum(-1)", "(logits.softmax(-1) - target).abs().sum(-1)"),
    ("calibration", ".ceil().long().clamp(1, bins) - 1", ".floor().long().clamp(0, bins - 1)"),
    ("calibration", ".ceil().long().clamp(1, bins) - 1", ".ceil().long().clamp(0, bins - 1)"),
    ("calibration", '"share": count / labels.shape[-1]', '"share": count / count.max()'),
    ("calibration", '(table["confidence"] - table["accuracy"]).abs()', '(table["confidence"] - table["accuracy"]).square()'),
    ("calibration", '(table["confidence"] - table["accuracy"]).abs()', '(table["confidence"] - table["accuracy"])'),
    ("calibration", '(table["share"] * (', "((1 / bins) * ("),
    ("calibration", "bins: int = 15) -> Tensor", "bins: int = 10) -> Tensor"),
    ("calibration", "safe = count.clamp(min=1)", "safe = count"),
    ("calibration", "logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits", "logits"),
    ("calibration", "-(log_p.exp() * log_p).sum(-1).mean(-1)", "-(log_p.exp() * log_p).mean(-1).mean(-1)"),
    ("ranking", "means.max(0) - 1e-12", "means.max(0)"),
    ("ranking", "(first / first.sum(0)).mean(1)", "first.mean(1)"),
    ("ranking", "ranks = 1 + (means[None] > means[:, None] + 1e-12).sum(1)", "ranks = (means[None] > means[:, None] + 1e-12).sum(1)"),
    ("ranking", "ranks = 1 + (means[None] > means[:, None] + 1e-12).sum(1)", "ranks = 1 + (means[None] < means[:, None] - 1e-12).sum(1)"),
    ("ranking", "ranks = 1 + (means[None] > means[:, None] + 1e-12).sum(1)", "ranks = 1 + (means[None] >= means[:, None] + 1e-12).sum(0)"),
    ("ranking", "tail = (1 - confidence) / 2", "tail = 1 - confidence"),
    ("ranking", "tail = (1 - confidence) / 2", "tail = (1 - confidence) / 8"),
    ("ranking", "np.sqrt(d.shape[1] / (d.shape[1] - 1))", "1"),
    ("ranking", "d - d.mean(1, keepdims=True)", "d - d.mean()"),
    ("ranking", ".max(0), confidence)", ".max(0), 0.5 + confidence / 2)"),
    ("ranking", ".max(0), confidence)", ".mean(0), confidence)"),
    ("ranking", "integers(scores.shape[1], size=(resamples, scores.shape[1]))", "integers(scores.shape[1], size=(resamples, scores.shape[1] - 1))"),
    ("ranking", 'method="lower"), np', 'method="higher"), np'),
    ("robustness", "eps * _slope(call, x, y, loss)[0].sign()", "eps * _slope(call, x, y, loss)[0]"),
    ("robustness", "(x + eps * _slope(", "(x - eps * _slope("),
    ("robustness", "[0].sign()).clamp(0, 1)", "[0].sign())"),
    ("robustness", "2.5 * eps / max(steps, 1)", "2.5 * eps"),
    ("robustness", "2.5 * eps / max(steps, 1)", "0.5 * eps / max(steps, 1)"),
    ("robustness", "worst, badness = x, _badness(call, x, y, loss)",
     "worst, badness = x, (torch.zeros_like(_badness(call, x, y, loss)[0]), _badness(call, x, y, loss)[1] - 9)"),
    ("robustness", "2 * torch.rand(shape, generator=generator, device=x.device, dtype=x.dtype) - 1",
     "torch.rand(shape, generator=generator, device=x.device, dtype=x.dtype)"),
    ("robustness", "moved = (x + eps * noise).clamp(0, 1)", "moved = (x + eps * noise)"),
    ("robustness", "moved = (x + eps * noise).clamp(0, 1)", "moved = x"),
    ("robustness", "step_size * slope.sign(), low), high)", "step_size * slope.sign(), low), high + eps)"),
    ("robustness", "(x - eps).clamp(min=0), (x + eps).clamp(max=1)", "(x - eps), (x + eps)"),
    ("robustness", "return wrong - logits.gather(-1, own).squeeze(-1)", "return logits.gather(-1, own).squeeze(-1) - wrong"),
    ("robustness", "logits.scatter(-1, own, -torch.inf).amax(-1)", "logits.amax(-1)"),
    ("robustness", "(new[0] & ~old[0]) | ((new[0] == old[0]) & (new[1] > old[1]))", "new[1] > old[1]"),
    ("robustness", "(new[0] & ~old[0]) | ((new[0] == old[0]) & (new[1] > old[1]))", "(new[0] & ~old[0])"),
    ("robustness", "worst, badness = _worse(worst, badness, moved, _badness(call, moved, y, loss))",
     "worst, badness = moved, _badness(call, moved, y, loss)"),
    ("robustness", "            worst, badness = _worse(worst, badness, moved, bad)\n", ""),
    ("robustness", "pgd(source, x, y, eps, steps", "pgd(model, x, y, eps, steps"),
    ("robustness", "(1, 1), (10, 1), (40, 1), (40, 4)", "(1, 1), (10, 1), (40, 1)"),
    ("robustness", "manual_seed(0)", "manual_seed(torch.seed() % 1000)"),
    ("robustness", "robust_accuracy(model, x, y, eps, steps, restarts, **attack) for", "robust_accuracy(model, x, y, eps, steps, 1, **attack) for"),
    ("robustness", "        self.skeleton.eval()\n", ""),
    ("robustness", "self.skeleton.train(was_training)", "self.skeleton.train()"),
    ("representation", "features - features.mean(-2, keepdim=True))", "features)"),
    ("representation", "entr(p).sum(-1).exp()", "entr(p).sum(-1)"),
    ("representation", "p = s / s.sum(", "p = s**2 / (s**2).sum("),
    ("representation", "features - features.mean(-2, keepdim=True))", "features - features.mean(-1, keepdim=True))"),
    ("representation", "m.double() - m.double().mean(-2, keepdim=True)", "m.double()"),
    ("representation", "(square(a, a) * square(b, b)).sqrt()", "(square(a, a) * square(b, b))"),
    ("representation", "return square(a, b) /", "return square(a, b).sqrt() /"),
    ("representation", "(test_features - mean) / std", "(test_features - test_features.mean(-2, keepdim=True)) / std"),
    ("representation", "(features - mean) / std, (test", "features, (test"),
    ("representation", "decay / 2 * weight", "decay * weight"),
    ("representation", "decay / 2 * weight.square()", "decay / 2 * weight.abs()"),
    ("representation", "(test @ weight + bias)", "(test @ weight)"),
    ("representation", "(test @ weight + bias).argmax(-1) == test_labels", "(x @ weight + bias).argmax(-1) == labels"),
]  # fmt: skip


@of.planted([(name, f"{old} -> {new}", old, new) for name, old, new in FAULTS])
def test_each_planted_fault_turns_a_check_red(name, old, new):
    assert of.gone_red(name, old, new)
