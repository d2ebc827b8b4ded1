"""What counting gives: a model of text by the few characters before, the baseline beside every language model."""

import math
from collections import Counter
from collections.abc import Iterable

from distill_helpers.checks import InputError, whole


class NGrams:
    """Interpolated Witten-Bell smoothing of n-grams of characters, n up to ``order``.

    Witten & Bell, "The Zero-Frequency Problem", 1991 (method C), in the interpolated form of Chen & Goodman, "An Empirical Study of Smoothing
    Techniques for Language Modeling", 1998: for a context h of up to order - 1 characters,

        p(c | h) = (n(hc) + t(h) · p(c | h')) / (n(h) + t(h)),

    n(hc) how often c follows h, n(h) their sum over c, t(h) how many different characters follow h, and h' is h without its first character. Below
    the empty context is the uniform distribution over ``alphabet``; a context that was never followed by anything leaves it to h'.

    texts: counted each by itself, so that no n-gram runs from one into the next. alphabet: all characters that may come.
    Raises InputError for an order below 1, for no text, and for a text with a character that is not in the alphabet.
    """

    def __init__(self, texts: Iterable[str], order: int, alphabet: Iterable[str]):
        whole("order", order)
        self.order, self.alphabet = order, frozenset(alphabet)
        texts = [text for text in texts if text]
        if not texts:
            raise InputError("texts must hold at least one character, but they are empty.")
        self._known("texts", texts)
        self.counts, self.totals, self.kinds = Counter(), Counter(), Counter()
        for text in texts:
            for n in range(1, order + 1):
                self.counts.update(text[i : i + n] for i in range(len(text) - n + 1))
        for gram, count in self.counts.items():
            self.totals[gram[:-1]] += count
            self.kinds[gram[:-1]] += 1

    def probability(self, character: str, context: str) -> float:
        """p(character | context), of which the last order - 1 characters count."""
        context = context[max(0, len(context) - self.order + 1) :]
        p = 1 / len(self.alphabet)
        for begin in range(len(context), -1, -1):
            h = context[begin:]
            total = self.totals[h]
            if total:
                p = (self.counts[h + character] + self.kinds[h] * p) / (total + self.kinds[h])
        return p

    def bits(self, text: str) -> list[float]:
        """-log2 p of each character, given those before it in the text. Raises InputError for a character that is not in the alphabet."""
        self._known("text", [text])
        return [-math.log2(self.probability(c, text[max(0, i - self.order + 1) : i])) for i, c in enumerate(text)]

    def bits_per_character(self, texts: Iterable[str]) -> float:
        """Mean of ``bits`` over all characters but the first of each text: those that ``data.text.token_blocks`` asks a model about.

        Raises InputError for texts without a second character, or with one that is not in the alphabet.
        """
        found = [bits for text in texts for bits in self.bits(text)[1:]]
        if not found:
            raise InputError("texts must hold at least one of two characters or more, but they do not.")
        return math.fsum(found) / len(found)

    def _known(self, name: str, texts: list[str]) -> None:
        unknown = sorted(set().union(*texts) - self.alphabet)
        if unknown:
            raise InputError(f"{name} must hold characters of the alphabet of {len(self.alphabet)}, but {unknown[0]!r} is none of them.")
