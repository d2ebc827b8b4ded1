"""What an interval [low, high] says, held against m, the smallest effect that matters: five kinds of comparison, six words of a gain.

A difference is oriented in the claimed direction: above zero speaks for the claim.
"""

from distill_helpers.checks import InputError, finite_number, one_of

KINDS = ("gain", "by m", "not worse", "same", "exact")
YES, UNSURE, SMALL, NONE, OPPOSITE, OPEN = (
    "yes", "yes, size unsure", "yes, too small to matter", "no difference that matters", "the opposite", "open",
)  # fmt: skip
WORDS = (YES, UNSURE, SMALL, NONE, OPPOSITE, OPEN)
_SAID = {  # what is said of the other kinds where they are supported, where it goes against them
    "by m": ("yes, by more than m", "no, by less than m"),
    "not worse": ("not worse", "worse"),
    "same": ("the same", "not the same"),
    "exact": ("true", "false"),
}


def word_of_gain(low: float, high: float, m: float) -> str:
    """The one of six words that belongs to the interval."""
    _check("gain", low, high, m)
    if low > m:
        return YES
    if 0 < low <= m < high:
        return UNSURE
    if low > 0:
        return SMALL
    if high < 0:
        return OPPOSITE
    return NONE if -m < low <= 0 <= high < m else OPEN


def supports(kind: str, low: float, high: float, m: float, any_size: bool = False) -> bool | None:
    """True when the interval supports a comparison of this kind, False when it goes against it, None when it leaves it open.

    A gain is supported by the first two words, with ``any_size`` by the third as well; the fourth and the fifth go against it.
    Raises InputError for another kind, an interval upside down, or m below zero; an exact comparison has no interval.
    """
    _check(kind, low, high, m)
    if kind == "gain":
        word = word_of_gain(low, high, m)
        if word in (YES, UNSURE) or (any_size and word == SMALL):
            return True
        return False if word in (NONE, OPPOSITE) else None
    if kind == "by m":
        return True if low > m else False if high < m else None
    if kind == "not worse":
        return True if low > -m else False if high < -m else None
    return True if -m < low and high < m else False if low > m or high < -m else None


def word(kind: str, low: float, high: float, m: float) -> str:
    """What is said of an interval: one of the six words for a gain, else whether it is so, "open" where that is not known."""
    return word_of_gain(low, high, m) if kind == "gain" else said(kind, supports(kind, low, high, m))


def said(kind: str, holds: bool | None) -> str:
    """The words of a kind other than a gain for True, False and None."""
    one_of("kind", kind, tuple(_SAID))
    return OPEN if holds is None else _SAID[kind][0 if holds else 1]


def _check(kind, low, high, m) -> None:
    one_of("kind", kind, KINDS[:-1])
    for name, value in (("low", low), ("high", high), ("m", m)):
        finite_number(name, value)
    if low > high or m < 0:
        raise InputError(f"low must be at most high and m at least 0, but {low!r}, {high!r} and {m!r} were given.")
