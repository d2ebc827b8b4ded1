"""Ranking with uncertainty: by hand, by its properties, and on methods that are known to be equal."""

import numpy as np
import pytest

from distill_helpers.checks import InputError
from distill_helpers.measure.ranking import best_by_luck, probability_best, rank_interval


def test_a_method_that_always_wins_is_best_for_sure():
    scores = np.array([[0.9, 0.91, 0.92], [0.5, 0.6, 0.55], [0.1, 0.2, 0.3]])
    assert probability_best(scores).tolist() == [1, 0, 0]
    assert rank_interval(scores).tolist() == [[1, 1], [2, 2], [3, 3]]


def test_two_seeds_by_hand():
    """Seeds (1, 1), (1, 2), (2, 1), (2, 2) are equally likely: means 1, 0 / tie / tie / 0, 1, and ties share."""
    share = probability_best([[1.0, 0.0], [0.0, 1.0]], resamples=40_000)
    assert share == pytest.approx([0.5, 0.5], abs=0.01)
    # A wins when seed 1 is drawn at least once: three cases in four
    assert probability_best([[3.0, 0.0], [0.0, 1.0]], resamples=40_000) == pytest.approx([0.75, 0.25], abs=0.01)


def test_the_pairing_by_seed_is_kept():
    """A constant advantage of a hair is certain, however far the seeds are apart; without pairing it would be a toss."""
    seeds = np.array([0.1, 0.9, 0.4, 0.7])
    assert probability_best(np.stack([seeds + 0.001, seeds])).tolist() == [1, 0]


def test_shares_add_up_and_do_not_depend_on_order():
    scores = np.random.default_rng(0).normal(size=(6, 8))
    share = probability_best(scores)
    assert share.sum() == pytest.approx(1) and (share >= 0).all()
    order = np.random.default_rng(1).permutation(6)
    assert probability_best(scores[order]) == pytest.approx(share[order])
    low, high = rank_interval(scores).T
    assert (low >= 1).all() and (low <= high).all() and (high <= 6).all()


def test_the_luck_of_the_best_of_many():
    """Methods that gain nothing: the largest of their means stays below the bound about as often as promised, and one alone is bounded lower."""
    draw, within = np.random.default_rng(0), 0
    for _ in range(200):
        d = draw.normal(size=(30, 8))
        within += d.mean(1).max() <= best_by_luck(d, resamples=500)
    assert 0.86 <= within / 200 <= 1
    d = draw.normal(size=(30, 8))
    assert best_by_luck(d) > best_by_luck(d[:2]) > 0
    assert best_by_luck(d + 5) == pytest.approx(best_by_luck(d))  # true gains do not count as luck


@pytest.mark.parametrize("scores", [np.zeros(4), np.zeros((1, 4)), np.zeros((3, 1)), np.full((2, 3), np.nan)])
def test_bad_scores_are_named(scores):
    for function in (probability_best, rank_interval, best_by_luck):
        with pytest.raises(InputError, match="scores must be"):
            function(scores)
