"""Counts of n-grams, held against a case that was counted by hand."""

import math

import pytest
from mutation import Checks

from distill_helpers.checks import InputError
from distill_helpers.models.ngrams import NGrams

of = Checks("distill_helpers.models")


@of("ngrams")
def abab_is_counted_by_hand(module):
    """a and b come twice each; b follows a twice, a follows b once; c is known and never comes.

    Without context: (n + 2/3) / (4 + 2). After a: (n + p') / (2 + 1). After b: (n + p') / (1 + 1). After c nothing was ever seen.
    """
    model = module.NGrams(["abab"], 2, "abc")
    once = {"a": 4 / 9, "b": 4 / 9, "c": 1 / 9}
    wanted = {"": once, "a": {"a": 4 / 27, "b": 22 / 27, "c": 1 / 27}, "b": {"a": 13 / 18, "b": 2 / 9, "c": 1 / 18}, "c": once}
    for context, shares in wanted.items():
        for character, p in shares.items():
            assert model.probability(character, context) == pytest.approx(p, abs=1e-12)
            assert model.probability(character, "bca" + context) == pytest.approx(wanted[context or "a"][character], abs=1e-12)
    assert model.bits("abc") == pytest.approx([-math.log2(p) for p in (4 / 9, 22 / 27, 1 / 18)], abs=1e-12)
    # the first character of each text is not asked for
    assert model.bits_per_character(["abc", "b", "ba"]) == pytest.approx(-math.log2(22 / 27 * 1 / 18 * 13 / 18) / 3, abs=1e-12)


@of("ngrams")
def three_in_a_row_are_counted_by_hand(module):
    """"aab": after aa comes b once, of one kind; after a come a and b, of two kinds; a twice, b once."""
    model = module.NGrams(["aab"], 3, "ab")
    a, b = (2 + 2 / 2) / 5, (1 + 2 / 2) / 5
    after_a = (1 + 2 * b) / 4
    assert model.probability("b", "a") == pytest.approx(after_a, abs=1e-12)
    assert model.probability("b", "aa") == pytest.approx((1 + after_a) / 2, abs=1e-12)
    assert model.probability("a", "ab") == pytest.approx(a, abs=1e-12)  # nothing ever followed


@of("ngrams")
def texts_are_counted_apart(module):
    apart, joined = module.NGrams(["aa", "bb"], 2, "ab"), module.NGrams(["aabb"], 2, "ab")
    assert apart.counts["ab"] == 0 and joined.counts["ab"] == 1
    assert apart.counts["a"] == joined.counts["a"] == 2


@of("ngrams")
def it_is_a_distribution(module):
    model = module.NGrams(["the cat sat on the mat", "a hat"], 4, "abcdefghijklmnopqrstuvwxyz ")
    for context in ("", "t", "th", "the", "he ", "zzz", "at the"):
        assert math.fsum(model.probability(c, context) for c in model.alphabet) == pytest.approx(1, abs=1e-12)
        assert min(model.probability(c, context) for c in model.alphabet) > 0


@of.each
def test_each_is_as_it_should_be(name, check):
    check(of.original(name))


FAULTS = [
    ("ngrams", "kinds not counted", "self.kinds[gram[:-1]] += 1", "self.kinds[gram[:-1]] = 1"),
    ("ngrams", "no smoothing", "self.counts[h + character] + self.kinds[h] * p) / (total + self.kinds[h])", "self.counts[h + character]) / total"),
    ("ngrams", "the shortest context last", "range(len(context), -1, -1)", "range(len(context) + 1)"),
    ("ngrams", "a context that is one too short", "len(context) - self.order + 1)", "len(context) - self.order + 2)"),
    ("ngrams", "nats", "-math.log2(", "-math.log("),
    ("ngrams", "the first character asked for", "self.bits(text)[1:]", "self.bits(text)"),
    ("ngrams", "texts run into each other", "for text in texts:\n            for n", 'for text in ["".join(texts)]:\n            for n'),
]


@of.planted(FAULTS)
def test_a_planted_fault_is_found(name, old, new):
    assert of.gone_red(name, old, new)


def test_longer_contexts_help_on_what_repeats():
    text = "abracadabra " * 20
    bits = [NGrams([text], order, text).bits_per_character([text]) for order in (1, 2, 4)]
    assert bits[0] > bits[1] > bits[2] and bits[2] < 0.2


def test_bad_input_is_named():
    with pytest.raises(InputError, match="order must be at least 1"):
        NGrams(["a"], 0, "a")
    with pytest.raises(InputError, match="texts must hold at least one character"):
        NGrams([""], 2, "a")
    with pytest.raises(InputError, match="texts must hold characters of the alphabet of 1, but 'b'"):
        NGrams(["ab"], 2, "a")
    model = NGrams(["ab"], 2, "ab")
    with pytest.raises(InputError, match="text must hold characters of the alphabet of 2, but 'x'"):
        model.bits("ax")
    with pytest.raises(InputError, match="one of two characters or more"):
        model.bits_per_character(["a", ""])
