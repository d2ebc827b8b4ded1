"""Word errors by hand: substitutions, deletions and insertions apart; rates over all words, not means of rates."""

import random

import pytest
import torch
from mutation import gone_red, with_fault

from distill_helpers.checks import InputError
from distill_helpers.measure import ctc

MODULE = "distill_helpers.measure.ctc"


def edits_by_hand(m):
    for said, read, wanted in (
        ("one two three", "one two three", (0, 0, 0, 3)),
        ("one two three", "one four three", (1, 0, 0, 3)),
        ("one two three", "one three", (0, 1, 0, 3)),
        ("one two three", "one two two three", (0, 0, 1, 3)),
        ("one two three", "", (0, 3, 0, 3)),
        ("", "one two", (0, 0, 2, 0)),
        ("one two three four", "two three four five", (0, 1, 1, 4)),
        ("seven seven one", "nine one one six", (2, 0, 1, 3)),
    ):
        assert tuple(m.edits(said.split(), read.split())) == wanted, (said, read)


def plain_distance(a, b):
    if not a or not b:
        return len(a) + len(b)
    return min(plain_distance(a[1:], b[1:]) + (a[0] != b[0]), plain_distance(a[1:], b) + 1, plain_distance(a, b[1:]) + 1)


def the_errors_are_the_edit_distance(m):
    dice = random.Random(0)
    for _ in range(40):
        a, b = ([dice.randrange(3) for _ in range(dice.randrange(6))] for _ in range(2))
        found = m.edits(a, b)
        assert found.errors == plain_distance(a, b) and found.insertions - found.deletions == len(b) - len(a)


def a_rate_is_over_all_words(m):
    """One word of one wrong, and none of four: 1/5, where the mean of the two rates is 1/2."""
    assert m.error_rate([[7], [1, 2, 3, 4]], [[8], [1, 2, 3, 4]]) == pytest.approx(0.2)
    assert m.error_rate([[7]], [[7, 7, 7]]) == pytest.approx(2.0)


def path(*labels):
    return torch.nn.functional.one_hot(torch.tensor(labels), 4).double()


def scores_leave_padding_out(m):
    logits = torch.stack([torch.stack([path(0, 3, 0, 1, 2), path(2, 2, 3, 1, 1)]), torch.stack([path(0, 1, 1, 1, 1), path(2, 3, 3, 3, 3)])])
    labels = {"targets": torch.tensor([[0, 0, -1], [2, 1, -1]]), "share": torch.tensor([0.6, 1.0])}
    found = m.string_scores(logits, labels)
    assert found["word error rate"].tolist() == pytest.approx([0.0, 2 / 4]) and found["strings right"].tolist() == [1.0, 0.0]
    wide = m.string_scores(30 * logits, labels, beam=6)
    assert wide["word error rate"].tolist() == pytest.approx([0.0, 2 / 4])


CHECKS = (edits_by_hand, the_errors_are_the_edit_distance, a_rate_is_over_all_words, scores_leave_padding_out)


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
def test_as_it_is(check):
    check(ctc)


FAULTS = [
    ("a mean of rates", "return sum(each.errors for each in counted) / words",
     "return sum(each.errors / max(each.words, 1) for each in counted) / len(counted)"),
    ("over the words that were read", "words = sum(each.words for each in counted)", "words = sum(map(len, read))"),
    ("insertions are free", "row.append(min(swap, lost, (e + 1, s, d, i + 1)))", "row.append(min(swap, lost, (e, s, d, i + 1)))"),
    ("deletions count as insertions", "lost = (e + 1, s, d + 1, i)", "lost = (e + 1, s, d, i + 1)"),
    ("equal words cost", "if word == other else", "if False else"),
    ("lengths are ignored", "frames_of(None if share is None else share.to(answers.device), answers)", "frames_of(None, answers)"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), [pytest.param(*f[1:], id=f[0]) for f in FAULTS])
def test_planted_faults_are_found(old, new):
    assert gone_red(CHECKS, with_fault(MODULE, old, new))


def test_bad_input_is_named():
    with pytest.raises(InputError, match="equally many strings"):
        ctc.error_rate([[1]], [])
    with pytest.raises(InputError, match="at least one word"):
        ctc.error_rate([[]], [[1]])
    with pytest.raises(InputError, match="labels must be a dict with 'targets'"):
        ctc.string_scores(torch.zeros(1, 2, 3, 4), torch.zeros(2))
    with pytest.raises(InputError, match="beam must be at least 1"):
        ctc.string_scores(torch.zeros(1, 2, 3, 4), {"targets": torch.zeros(2, 1)}, beam=0)
