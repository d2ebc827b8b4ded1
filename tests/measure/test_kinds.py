"""Five kinds of comparison, six words of a gain: one word for each interval, and words that agree with kinds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutation import Checks

from distill_helpers.checks import InputError
from distill_helpers.measure import kinds
from distill_helpers.measure.kinds import NONE, OPEN, OPPOSITE, SMALL, UNSURE, WORDS, YES

of = Checks("distill_helpers.measure")
GRID = [v / 2 for v in range(-6, 7)]  # all places of an interval's ends beside -m, 0 and m, and on them
SPACE = [(low, high, m) for m in (0.0, 0.5, 1.0, 2.0) for low in GRID for high in GRID if low <= high]
numbers = st.floats(-5, 5)


def defined(low, high, m):
    """The words whose definitions, as they are written in docs/architecture.md, the interval meets; the sixth is for all else."""
    met = {YES: low > m, UNSURE: 0 < low <= m < high, SMALL: low > 0 and high <= m, NONE: -m < low <= 0 <= high < m, OPPOSITE: high < 0}
    return [word for word, so in met.items() if so] or [OPEN]


@of("kinds")
def exactly_one_word(module):
    for low, high, m in SPACE:
        assert [module.word_of_gain(low, high, m)] == defined(low, high, m), (low, high, m)


@of("kinds")
def words_agree_with_kinds(module):
    expected = {YES: True, UNSURE: True, SMALL: None, NONE: False, OPPOSITE: False, OPEN: None}
    for low, high, m in SPACE:
        word = module.word_of_gain(low, high, m)
        assert module.supports("gain", low, high, m) is expected[word]
        assert module.supports("gain", low, high, m, any_size=True) is (True if word == SMALL else expected[word])


@of("kinds")
def the_other_kinds_as_they_are_defined(module):
    for low, high, m in SPACE:
        defined = {"by m": (low > m, high < m), "not worse": (low > -m, high < -m), "same": (-m < low and high < m, low > m or high < -m)}
        for kind, (so, against) in defined.items():
            assert not (so and against)
            assert module.supports(kind, low, high, m) is (True if so else False if against else None), (kind, low, high, m)


@of("kinds")
def kinds_agree_with_each_other(module):
    for low, high, m in SPACE:
        if module.supports("by m", low, high, m):
            assert module.word_of_gain(low, high, m) == YES and module.supports("not worse", low, high, m)
        if module.word_of_gain(low, high, m) == NONE:
            assert module.supports("same", low, high, m)
        if module.word_of_gain(low, high, m) == OPPOSITE:
            assert not module.supports("by m", low, high, m)


@of.each
def test_words_and_kinds(name, check):
    check(of.original(name))


@given(numbers, numbers, st.floats(0, 3))
def test_every_interval_has_one_word_of_six(a, b, m):
    low, high = min(a, b), max(a, b)
    assert [kinds.word_of_gain(low, high, m)] == defined(low, high, m) and kinds.word_of_gain(low, high, m) in WORDS


@given(numbers, numbers, st.floats(0, 3), st.sampled_from(["gain", "by m", "not worse", "same"]))
def test_a_narrower_interval_never_turns_a_decision_round(a, b, m, kind):
    low, high = min(a, b), max(a, b)
    middle = (low + high) / 2
    wide, narrow = kinds.supports(kind, low, high, m), kinds.supports(kind, middle, middle, m)
    assert wide is None or narrow in (wide, None)


FAULTS = [
    ("kinds", "m itself is more than m", "    if low > m:\n        return YES", "    if low >= m:\n        return YES"),
    ("kinds", "unsure without reaching m", "if 0 < low <= m < high:", "if 0 < low <= m:"),
    ("kinds", "null reaches m", "-m < low <= 0 <= high < m else OPEN", "-m < low <= 0 <= high <= m else OPEN"),
    ("kinds", "the opposite without being sure", "    if high < 0:\n        return OPPOSITE", "    if low < -m:\n        return OPPOSITE"),
    ("kinds", "too small supports", "(any_size and word == SMALL)", "word == SMALL"),
    ("kinds", "open goes against", "False if word in (NONE, OPPOSITE) else None", "False if word != SMALL else None"),
    ("kinds", "by m never open", "return True if low > m else False if high < m else None", "return low > m"),
    ("kinds", "not worse turned round", "return True if low > -m else", "return True if high > -m else"),
    ("kinds", "same on one side only", "-m < low and high < m else False", "high < m else False"),
]


@of.planted(FAULTS)
def test_a_broken_rule_goes_red(name, old, new):
    assert of.gone_red(name, old, new)


def test_what_is_said():
    assert kinds.word("gain", 0.1, 0.2, 0.5) == SMALL and kinds.word("not worse", -0.4, 1, 0.5) == "not worse"
    assert kinds.word("same", -1, 1, 0.5) == OPEN and kinds.said("exact", False) == "false"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: kinds.supports("better", 0, 1, 0), "kind must be one of 'gain'"),
        (lambda: kinds.supports("exact", 0, 1, 0), "kind must be one of"),
        (lambda: kinds.supports("gain", 1, 0, 0), "low must be at most high"),
        (lambda: kinds.supports("gain", 0, 1, -1), "m at least 0"),
        (lambda: kinds.supports("same", float("nan"), 1, 1), "low must be finite"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(InputError, match=words):
        call()
