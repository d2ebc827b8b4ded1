"""Sentences that come from results: printed with their numbers, kept in findings.json, and refused when the evidence no longer supports them."""

import re
from numbers import Real

from distill_helpers.checks import InputError, finite_number, one_of
from distill_helpers.course.context import current
from distill_helpers.course.paths import results_dir
from distill_helpers.course.store import rounded, update_rows
from distill_helpers.measure.formatting import formatted, in_units
from distill_helpers.measure.kinds import KINDS, supports, word
from distill_helpers.measure.statistics import Difference

# what may be said only where both sides of the interval lie within m
NULL_PHRASES = ("costs nothing", "cost nothing", "no difference", "does as well", "do as well", "as well as", "as good as", "changes nothing",
                "the same as", "no effect", "adds nothing", "gains nothing", "loses nothing")  # fmt: skip


class Unsupported(RuntimeError):
    """The evidence does not support the sentence (any more)."""


class Row(dict):
    """A stored row. As the last line of a cell it is not shown: its sentence is printed already."""

    def _ipython_display_(self):
        pass


def finding(key: str, sentence: str, value, *, kind: str | None = None, m: float | None = None, holds: bool | None = None, unit: str = "points",
            any_size: bool = False, lesson: str | None = None) -> dict:  # fmt: skip
    """Print one sentence with its number, interval and replicates, store it, and return the stored row.

    key: unique in the course, "subject.what". sentence: one sentence, with ``{}`` where the number goes, else it comes last. value: a Difference,
    oriented as the sentence says and in the package's own numbers, with kind and m as in a verdict (``measure.kinds``), any_size where the sentence
    claims no size; or a number, or several in a tuple, with holds, the condition that the sentence states. unit: see ``measure.formatting``.
    Raises Unsupported where the evidence does not support the sentence, which is then dropped from the store, and InputError for a key that another
    lesson owns, a sentence of "no difference" over any kind but *same*, and arguments that do not fit.
    """
    owner = current(lesson)
    _check(key, sentence, value, kind, m, holds)
    row = {"key": key, "lesson": owner}
    if isinstance(value, Difference):
        shown = in_units(value, unit)
        number, found = formatted(value, unit), supports(kind, shown.low, shown.high, m, any_size)
        row |= dict(word=word(kind, shown.low, shown.high, m), kind=kind, m=m, unit=unit, any_size=any_size, mean=rounded(shown.mean),
                    low=rounded(shown.low), high=rounded(shown.high), replicates=value.n, method=value.method, diverged=value.diverged)  # fmt: skip
        why = f"it is {number}, held as {kind!r} against m = {m:g}: {row['word']}"
    else:
        values = value if isinstance(value, tuple) else (value,)
        number, found = ", ".join(_plain(v) for v in values), bool(holds)
        row |= dict(word="true" if found else "false", kind="exact", values=[rounded(v) for v in values], unit="" if unit == "points" else unit)
        number += f" {row['unit']}" if row["unit"] else ""
        why = f"with {number} its condition does not hold"
    row |= {"number": number, "sentence": _filled(sentence, number)}

    def with_it(rows):
        for taken in rows:
            if taken["key"] == key and taken["lesson"] != owner:
                raise InputError(f"key must be unique in the course, but {key!r} belongs to the lesson {taken['lesson']!r}.")
        return sorted([*(r for r in rows if r["key"] != key), *([row] if found else [])], key=lambda r: r["key"])

    update_rows(results_dir(), "findings", with_it)
    if not found:
        raise Unsupported(f"the finding {key!r} says {sentence!r}, but {why}.")
    print(row["sentence"])
    return Row(row)


def _check(key, sentence, value, kind, m, holds) -> None:
    if not isinstance(key, str) or not re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)+", key):
        raise InputError(f"key must be words with dots between, such as 'soft.gain', but {key!r} was given.")
    if not isinstance(sentence, str) or len(sentence.split()) < 4 or sentence.rstrip()[-1] not in ".:}" or sentence.count("{}") > 1:
        raise InputError(f"sentence must be one sentence with at most one {{}} in it and a full stop, but {sentence!r} was given.")
    if isinstance(value, Difference):
        if holds is not None:
            raise InputError("holds goes with numbers; a Difference is held against kind and m.")
        one_of("kind", kind, KINDS[:-1])
        finite_number("m", m)
    else:
        if kind not in (None, "exact") or m is not None:
            raise InputError("kind and m go with a Difference (paired, unpaired, two_way); numbers want holds.")
        values = value if isinstance(value, tuple) else (value,)
        if not values or not all(isinstance(v, (Real, str)) or hasattr(v, "item") for v in values):
            raise InputError(f"value must be a Difference, a number, or several in a tuple, but {value!r} was given.")
        if type(holds).__name__ not in ("bool", "bool_"):
            raise InputError(f"holds must be True or False, the condition that the sentence states, but {holds!r} was given.")
    said = next((phrase for phrase in NULL_PHRASES if phrase in sentence.lower()), None)
    if said and kind != "same":
        raise InputError(f"sentence may say {said!r} over kind 'same' only, but kind is {kind!r}.")


def _filled(sentence: str, number: str) -> str:
    """The sentence with its number; what comes last stands after a colon."""
    return sentence.replace("{}", number) if "{}" in sentence else f"{sentence.rstrip().rstrip('.:')}: {number}."


def _plain(value) -> str:
    value = rounded(value)
    return value if isinstance(value, str) else f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
