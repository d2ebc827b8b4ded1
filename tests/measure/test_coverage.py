"""Intervals cover the truth as often as they say, on simulated runs of the course's sizes; broken formulas do not."""

import functools

import numpy as np
import pytest
from mutation import Checks
from scipy import special

from distill_helpers.measure import crossed, families, statistics

SAID = 0.95
of = Checks("distill_helpers.measure")

# replicates, test examples, threshold of an arm, its lead, and how much examples, replicates, and each of the two for each arm alone vary
DESIGNS = {
    "null": (8, 1000, 1.5, 0.0, (1.0, 0.2, 0.4, 0.15)),
    "a gain": (8, 1000, 1.0, 0.15, (1.0, 0.2, 0.4, 0.15)),
    "a gain, sixteen": (16, 2000, 1.5, 0.1, (1.0, 0.2, 0.4, 0.15)),
    "near the ceiling": (8, 2000, 3.2, 0.0, (1.0, 0.1, 0.3, 0.05)),
    "examples decide": (8, 1000, 1.0, 0.1, (0.5, 0.0, 1.0, 0.0)),
    "replicates decide": (8, 1000, 1.0, 0.1, (0.5, 0.3, 0.0, 0.4)),
    "arms differ by chance alone": (8, 1000, 1.0, 0.0, (1.0, 0.2, 0.0, 0.0)),
}
CONSERVATIVE = {"arms differ by chance alone"}  # neither source adds anything, and the floor holds: about 98 % where 95 % is said
RUNS = 500


def outcomes(design, runs=RUNS, shared=True):
    """Right or wrong of two arms, int8 [runs, R, J] each, and the true difference of their accuracies."""
    r, j, threshold, lead, (examples, replicates, own_examples, own_replicates) = DESIGNS[design]
    g = np.random.default_rng(0)
    normal = lambda *shape: g.standard_normal((runs, *shape), dtype=np.float32)
    hard, draw, arms = examples * normal(1, j), replicates * normal(r, 1), []
    for ahead in (lead, 0.0):
        mine = draw if shared else replicates * normal(r, 1)
        score = hard + mine + own_examples * normal(1, j) + own_replicates * normal(r, 1) + normal(r, j)
        arms.append((score + np.float32(threshold + ahead) > 0).astype(np.int8))
    spread = np.sqrt(1 + examples**2 + replicates**2 + own_examples**2 + own_replicates**2)
    return *arms, special.ndtr((threshold + lead) / spread) - special.ndtr(threshold / spread)


@functools.cache
def drawn(design, shared=True):
    """What all checks share, since drawing costs more than the formulas."""
    return outcomes(design, shared=shared)


def covered(mean, half, truth):
    return float((np.abs(mean - truth) <= half).mean())


def must_cover(found, high=0.97):
    """93 to 97 %, or up to 98 % where an interval is said to be conservative, and what so many runs cannot tell apart from these."""
    assert 0.93 - 0.01 <= found <= high + 0.01, f"{found:.1%} where 95 % is said"


@of("crossed")
def two_way_intervals_cover(module):
    for design in DESIGNS:
        a, b, truth = drawn(design)
        variance, df = module.paired_variance(module.mean_squares(a - b))
        found = covered((a - b).mean((1, 2)), special.stdtrit(df, 0.5 + SAID / 2) * np.sqrt(variance), truth)
        must_cover(found, 0.98 if design in CONSERVATIVE else 0.97)


@of("crossed")
def two_way_intervals_cover_where_only_examples_are_shared(module):
    for design in ("null", "a gain", "replicates decide", "examples decide"):
        a, b, truth = drawn(design, shared=False)
        columns = a.mean(1) - b.mean(1)
        variance, df = module.unshared_variance(module.mean_squares(a), module.mean_squares(b), columns)
        must_cover(covered(columns.mean(1), special.stdtrit(df, 0.5 + SAID / 2) * np.sqrt(variance), truth), 0.98)


@of("crossed")
def the_variance_is_not_below_what_is_left(module):
    # rows and columns are alike, and only the rest varies: MS_replicates and MS_examples are 0, and the floor holds
    table = np.array([[1.0, -1.0], [-1.0, 1.0]])
    variance, df = module.paired_variance(module.mean_squares(table))
    assert variance == pytest.approx(4 / 4) and df >= 1


@of("crossed")
def mean_squares_by_hand(module):
    # rows 1, 3; columns 1.5, 2.5; middle 2: 2(1 + 1) / 1 = 4, 2(.25 + .25) / 1 = 1, rest 0
    s = module.mean_squares(np.array([[0.5, 1.5], [2.5, 3.5]]))
    assert (s.replicates, s.examples, s.rest) == pytest.approx((4, 1, 0))
    variance, df = module.paired_variance(s)
    assert variance == pytest.approx(5 / 4) and df == pytest.approx(25 / 17)


@of("statistics")
def unpaired_intervals_cover(module):
    g = np.random.default_rng(0)
    for sizes, spreads in (((8, 8), (1, 1)), ((8, 16), (2, 1)), ((16, 16), (1, 3))):
        a, b = (g.normal(0.3 * k, s, (4000, n)) for k, (n, s) in enumerate(zip(sizes, spreads, strict=True)))
        mean, half, _ = module.welch(a, b, SAID)
        must_cover(covered(mean, half, -0.3), 0.965)


@of("statistics")
def paired_intervals_cover(module):
    for replicates in (8, 16):
        d = np.random.default_rng(replicates).normal(0.5, 1, (2000, replicates))
        found = [module._bounds(row, SAID, "t") for row in d]
        assert abs(np.mean([low <= 0.5 <= high for _, low, high in found]) - SAID) < 0.015


FAMILIES = [(8, 5, 0.0, 300), (8, 5, 0.7, 300), (16, 10, 0.5, 300), (8, 40, 0.3, 200), (16, 40, 0.3, 150)]


@of("families")
def simultaneous_intervals_cover_the_whole_family(module):
    missed, runs = 0, 0
    for replicates, members, shared, count in FAMILIES:
        g = np.random.default_rng(members)
        d = np.sqrt(shared) * g.standard_normal((count, 1, replicates)) + np.sqrt(1 - shared) * g.standard_normal((count, members, replicates))
        t = np.abs(d.mean(-1)) / d.std(-1, ddof=1) * np.sqrt(replicates)
        critical = module.critical_value(d, SAID, draws=600)
        bonferroni = special.stdtrit(replicates - 1, 1 - (1 - SAID) / 2 / members)
        assert (critical <= bonferroni + 1e-9).all()
        missed, runs = missed + int((t.max(-1) > critical).sum()), runs + count
        if shared == 0.7:
            assert critical.mean() < 0.95 * bonferroni, "what the members share must make the intervals narrower than Bonferroni's"
    must_cover(1 - missed / runs)


@of.each
def test_a_formula_is_right(name, check):
    check(of.original(name))


TOTAL = "np.maximum(s.replicates + s.examples - s.rest, s.rest)"
WELCH = "stdtrit(df, 0.5 + confidence / 2) * np.sqrt(va"
CLIP = "np.clip(np.reshape(found, values.shape[:-2]), single, bonferroni)"
FAULTS = [
    ("crossed", "examples are forgotten", TOTAL, "np.maximum(s.replicates, s.rest)"),
    ("crossed", "replicates are forgotten", TOTAL, "np.maximum(s.examples, s.rest)"),
    ("crossed", "the rest is counted twice", TOTAL, "np.maximum(s.replicates + s.examples, s.rest)"),
    ("crossed", "no floor", TOTAL, "s.replicates + s.examples - s.rest"),
    ("crossed", "RJ degrees of freedom", "total / size, _satterthwaite(total, below, s.r - 1)", "total / size, np.full_like(total, size)"),
    ("crossed", "mean squares not divided", "Squares(by_row / (r - 1),", "Squares(by_row,"),
    ("crossed", "unshared examples forgotten", "parts[0][0] + parts[1][0] + parts[2][0] - rest", "parts[0][0] + parts[1][0]"),
    ("crossed", "one arm's replicates forgotten", "parts[0][0] + parts[1][0] + parts[2][0] - rest", "parts[0][0] + parts[2][0] - rest"),
    ("statistics", "one variance is forgotten", f"{WELCH} + vb), df", f"{WELCH}), df"),
    ("statistics", "a normal quantile", "reach = special.stdtrit(n - 1, 0.5 + confidence / 2)", "reach = special.ndtri(0.5 + confidence / 2)"),
    ("families", "single intervals", CLIP, "np.full(values.shape[:-2], single)"),
    ("families", "wider than Bonferroni", CLIP, CLIP + " * 1.1"),
    ("families", "one scale for all", "drawn.mean(1) / drawn.std(1, ddof=1)", "drawn.mean(1) / drawn.std((1, 2), ddof=1)[:, None]"),
    ("families", "the correlation is forgotten", "    return vectors * np.sqrt(np.clip(sizes, 0, None))", "    return np.eye(len(sizes))"),
]


@of.planted(FAULTS)
def test_a_broken_formula_goes_red(name, old, new):
    assert of.gone_red(name, old, new)


# what the public functions make of the formulas


def test_two_way_is_the_formula_and_says_its_sources():
    a, b, _ = (x[0] if np.ndim(x) else x for x in drawn("a gain"))
    found = crossed.two_way(a, b)
    variance, df = crossed.paired_variance(crossed.mean_squares((a - b).astype(float)))
    assert found.half == pytest.approx(special.stdtrit(df, 0.975) * np.sqrt(variance)) and found.n == 8 and found.df == pytest.approx(df)
    assert sum(found.sources.values()) == pytest.approx(1) and set(found.sources) == {"replicates", "examples", "rest"}
    assert found.values == pytest.approx(a.mean(1) - b.mean(1)) and 0 < found.correlation < 1
    assert found.without("examples").half == pytest.approx(statistics.paired(a.mean(1), b.mean(1)).half)
    assert found.without("replicates").half == pytest.approx(statistics.interval((a - b).mean(0)).half)
    assert found.half > max(found.without("examples").half, found.without("replicates").half) * 0.9


def test_one_arm_alone_and_unshared_arms():
    a, b, _ = (x[0] if np.ndim(x) else x for x in drawn("a gain", shared=False))
    one = crossed.two_way(a)
    assert one.mean == pytest.approx(a.mean()) and one.correlation is None
    apart = crossed.two_way(a, b[:5], shared=False)
    assert apart.n == 5 and apart.method == "two-way, unpaired" and len(apart.values) == 5
    assert crossed.two_way(np.ones((3, 4)), np.ones((3, 4))).half == 0


def test_a_family_is_wider_than_its_members_and_keeps_their_means():
    g = np.random.default_rng(0)
    members = {str(k): statistics.interval(g.normal(k, 1, 8)) for k in range(5)}
    together = families.simultaneous(members)
    for name, d in members.items():
        bonferroni = d.half * special.stdtrit(7, 0.995) / special.stdtrit(7, 0.975)
        assert together[name].mean == d.mean and d.half < together[name].half <= bonferroni + 1e-9
    assert families.simultaneous({"one": members["1"]})["one"].half == pytest.approx(members["1"].half)
    again = families.simultaneous(members)
    assert all(again[k].low == together[k].low for k in members)


def test_a_run_knows_beforehand_what_it_can_reach():
    d = statistics.interval([1.0, 2.0, 3.0, 2.0])
    assert statistics.half_width(d.values.std(ddof=1), 4) == pytest.approx(d.half)
    assert statistics.half_width(1.0, 16) < statistics.half_width(1.0, 8)


def test_a_student_that_diverged_counts_as_guessing():
    scores = statistics.as_chance([0.9, 0.2, 0.8], [False, True, False], 0.1)
    assert scores.tolist() == [0.9, 0.1, 0.8] and statistics.interval(scores, diverged=1).diverged == 1
    tables = statistics.as_chance(np.ones((2, 3)), [True, False], 0.1)
    assert tables.tolist() == [[0.1] * 3, [1] * 3]


def test_units_and_direction():
    d = statistics.interval([0.01, 0.02, 0.03]).times(-100)
    assert (d.mean, d.low < d.high) == (pytest.approx(-2), True) and d.values.tolist() == pytest.approx([-1, -2, -3])


def test_the_spread_within_replicates():
    from distill_helpers.measure import spread_within

    g = np.random.default_rng(0)
    b = g.normal(0, 1, (8, 8))
    d = spread_within(3 * b + 5, b)
    assert (d.mean, d.low, d.high) == pytest.approx((np.log(3),) * 3)
    shifted = spread_within(b + 10 * g.normal(0, 1, (8, 1)), b)  # what a replicate does to all its starts is no unsteadiness
    assert abs(shifted.mean) < 1e-9
    truth = [spread_within(2 * g.normal(0, 1, (8, 8)), g.normal(0, 1, (8, 8))) for _ in range(600)]
    must_cover(np.mean([d.low <= np.log(2) <= d.high for d in truth]))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: crossed.two_way([1.0, 0.0]), r"a must be \[replicates, examples\]"),
        (lambda: crossed.two_way(np.ones((2, 3)), np.ones((2, 4))), "same replicates and examples"),
        (lambda: crossed.two_way(np.ones((2, 3)), np.ones((4, 4)), shared=False), "same examples"),
        (lambda: crossed.two_way(np.full((2, 3), np.nan)), "must be finite, but 6 of its 6"),
        (lambda: statistics.interval([1.0, 2.0]).without("examples"), "rests on replicates alone"),
        (lambda: crossed.two_way(np.eye(3)).without("seeds"), "source must be one of 'replicates', 'examples'"),
        (lambda: statistics.unpaired([1.0], [1.0, 2.0]), "a must hold one number a seed"),
        (lambda: statistics.half_width(1.0, 1), "replicates must be a whole number"),
        (lambda: statistics.as_chance([1.0, 2.0], [True], 0.1), "diverged must say it for each"),
        (lambda: families.simultaneous({}), "one or more named differences"),
        (lambda: families.simultaneous({"a": statistics.interval([1.0, 2]), "b": statistics.interval([1.0, 2, 3])}), "the same replicates"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(statistics.InputError, match=words):
        call()
