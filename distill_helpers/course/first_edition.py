"""The first edition's verdicts, for lessons that have not been reworked: readings and margins are the lesson's own, over seeds alone.

Kept until each lesson hands its measurements to ``dh.claim``; the ledger marks these rows. No argument takes a verdict's word.
"""

from dataclasses import dataclass, field

from distill_helpers.checks import InputError
from distill_helpers.course.claims import Claim, find_claim
from distill_helpers.course.context import name_of
from distill_helpers.course.paths import results_dir
from distill_helpers.course.store import replace_verdict, rounded
from distill_helpers.measure.statistics import Difference

WORDS = {True: "yes", False: "no", None: "open"}


@dataclass(frozen=True)
class Evidence:
    """One statement that a run found true, false, or could not decide (None), with the numbers behind it."""

    name: str
    holds: bool | None
    numbers: dict = field(default_factory=dict)


def fact(name: str, holds, **numbers) -> Evidence:
    """An exact statement: counted, derived or compared, with no chance in it. Raises InputError unless holds is a truth value."""
    if type(holds).__name__ not in ("bool", "bool_") and not (hasattr(holds, "dtype") and holds.numel() == 1):
        raise InputError(f"holds must be True or False, but {holds!r} was given.")
    return Evidence(_name(name), bool(holds), numbers)


def measured(name: str, difference: Difference, margin: float = 0.0) -> Evidence:
    """A paired difference held against a margin: true when its whole interval lies above, false when below, else open."""
    if not isinstance(difference, Difference):
        raise InputError(f"difference must come from paired(...) or interval(...), but {type(difference).__name__} was given.")
    d = difference
    numbers = dict(mean=d.mean, low=d.low, high=d.high, margin=margin, seeds=d.n, confidence=d.confidence, method=d.method)
    return Evidence(_name(name), d.against(margin), numbers)


def decide(stated: list[Evidence], corrected: list[Evidence]) -> str:
    """The verdict that the evidence gives, by the table in docs/architecture.md."""
    if any(e.holds is False for e in stated):
        if not corrected or any(e.holds is False for e in corrected):
            return "refuted"
        return "inconclusive" if any(e.holds is None for e in corrected) else "holds with a correction"
    return "inconclusive" if any(e.holds is None for e in stated) else "holds"


@dataclass(frozen=True)
class Verdict:
    """A judged claim. ``table()`` shows the numbers behind it."""

    claim: Claim
    part: str
    verdict: str
    stated: list[Evidence]
    corrected: list[Evidence]

    @property
    def lines(self) -> str:
        """The verdict and its evidence, without any number that moves between machines."""
        text = f"Judged here: {self.part}." if self.part else self.claim.text
        rows = [f"{self.claim.id}: {self.verdict.upper()}. {text}"]
        rows += [f"   {WORDS[e.holds]:>4}  {e.name}" for e in self.stated]
        rows += [f"   {WORDS[e.holds]:>4}  corrected: {e.name}" for e in self.corrected]
        return "\n".join(rows)

    def table(self):
        """The evidence with its numbers, one row each, as a styled table."""
        import pandas as pd

        from distill_helpers.show.tables import table

        rows = [{"evidence": e.name, "holds": WORDS[e.holds], "numbers": said_numbers(e.numbers)} for e in self.stated + self.corrected]
        return table(pd.DataFrame(rows), f"{self.claim.id}: the numbers behind the verdict")


@dataclass(frozen=True)
class Judge:
    """A claim, or a part of it, waiting for evidence in one lesson."""

    claim: Claim
    lesson: str
    part: str = ""

    def judge(self, stated, corrected=()) -> Verdict:
        """Compute the verdict, print its line, and record it with its numbers for the ledger.

        stated: evidence on the claim as the article states it. corrected: evidence on the claim as we would state it; a claim
        that fails as stated and has none of this is refuted. Raises InputError for anything that is not evidence.
        """
        stated, corrected = _evidence("stated", stated), _evidence("corrected", corrected)
        if not stated:
            raise InputError("stated needs at least one piece of evidence, but none was given.")
        verdict = Verdict(self.claim, self.part, decide(stated, corrected), stated, corrected)
        _record(self, verdict)
        print(verdict.lines)
        return verdict


def first_edition(claim_id: str, lesson: str, part: str = "") -> Judge:
    """Begin to judge a claim in the first edition's way: ``first_edition("C06", "01").judge(stated=[...])``; lesson: its number or name."""
    return Judge(find_claim(claim_id), name_of(lesson), part)


def _name(name: str) -> str:
    if not isinstance(name, str) or len(name.split()) < 2:
        raise InputError(f"name must say in words what was found, but {name!r} was given.")
    return name


def _evidence(name: str, given) -> list[Evidence]:
    given = [given] if isinstance(given, Evidence) else list(given)
    for item in given:
        if not isinstance(item, Evidence):
            raise InputError(f"{name} must hold fact(...) or measured(...), but {item!r} was given.")
    return given


def _record(judge: Judge, verdict: Verdict) -> None:
    row = {
        "edition": 1, "claim": verdict.claim.id, "part": verdict.part, "lesson": judge.lesson, "verdict": verdict.verdict,
        "stated": [_row(e) for e in verdict.stated], "corrected": [_row(e) for e in verdict.corrected],
    }  # fmt: skip
    replace_verdict(results_dir(), row)


def _row(e: Evidence) -> dict:
    return {"evidence": e.name, "holds": WORDS[e.holds], "numbers": {k: rounded(v) for k, v in e.numbers.items()}}


def said_numbers(numbers: dict) -> str:
    """Numbers for people: a mean with its interval first, then the rest."""
    rest = {k: rounded(v) for k, v in numbers.items()}
    text = []
    if {"mean", "low", "high"} <= rest.keys():
        mean, low, high = (rest.pop(k) for k in ("mean", "low", "high"))
        text.append(f"{mean:+.4g} [{low:+.4g}, {high:+.4g}]")
    text += [f"{k.replace('_', ' ')} {v:,}" if isinstance(v, (int, float)) and not isinstance(v, bool) else f"{k} {v}" for k, v in rest.items()]
    return ", ".join(text)
