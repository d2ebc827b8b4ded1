"""From measurements to a verdict. A lesson hands in measurements by registered key; words, forms and margins are the register's."""

from dataclasses import dataclass
from pathlib import Path

from distill_helpers.checks import InputError, needed
from distill_helpers.course import judging
from distill_helpers.course.claims import Claim, Part, find_claim
from distill_helpers.course.context import current
from distill_helpers.course.paths import results_dir
from distill_helpers.course.store import forget_rows, read_rows, replace_verdict, rounded
from distill_helpers.measure.formatting import UNITS, amount
from distill_helpers.measure.statistics import Difference, half_width

FIRM, FRAGILE = "firm", "fragile"


@dataclass(frozen=True)
class Verdict:
    """A judged claim, or part of one. ``table()`` shows the numbers behind it; ``row`` is what was recorded."""

    claim: Claim
    part: Part
    ruling: judging.Ruling
    row: dict

    @property
    def verdict(self) -> str:
        """holds, holds in part, refuted, or inconclusive."""
        return self.ruling.verdict

    @property
    def lines(self) -> str:
        """The verdict and the words behind it, without any number that moves between machines."""
        form = f", {self.ruling.form}" if self.ruling.form else ""
        named = f" ({', '.join(self.ruling.named)})" if self.ruling.named else ""
        head = f"{self.claim.id}{f' ({self.part.name})' if self.part.name else ''}: {self.verdict.upper()}{form}{named}. {self.part.says}"
        lines = [head]
        for reading in self.row["readings"]:
            if reading["stated"] or reading["key"] in self._shown:
                words = "; ".join(f"{m['member']}: {m['word']}" if m["member"] else m["word"] for m in reading["members"])
                lines.append(f"   {'' if reading['stated'] else 'weaker: '}{reading['says']}: {words}")
        lines += [f"   weaker form, {form['says']}: {form['word']}" for form in self.row["forms"]]
        if self.row["firmness"]:
            lines.append(f"   {self.row['firmness']}" + (f": {'; '.join(self.row['why'])}" if self.row["why"] else ""))
        return "\n".join(lines)

    @property
    def _shown(self) -> set:
        return {r.key for form in self.part.weaker if form.says == self.ruling.form for r in form.readings}

    @property
    def _families(self) -> bool:
        return any(r.members for r in self.part.readings.values())

    def table(self):
        """The readings with their numbers, one row a reading or member, as a styled table."""
        from distill_helpers.show.tables import table

        rows = [{"reading": r["says"]} | ({"member": m["member"]} if self._families else {})
                | {"word": m["word"], "measured": said_member(r, m), "m": "" if r["m"] is None else f"{r['m']:g} {r['unit']}"}
                for r in self.row["readings"] for m in r["members"]]  # fmt: skip
        return table(needed("pandas").DataFrame(rows), f"{self.claim.id}: the numbers behind the verdict")


    def nearest(self) -> list[dict]:
        """One row an end of an interval, nearest first: how far it lies from the nearest of zero, m and -m, in the reading's unit."""
        rows = []
        for reading in self.row["readings"]:
            for member in reading["members"]:
                for side in ("low", "high") if member["numbers"] else ():
                    end = member["numbers"][side]
                    border = min((0.0, reading["m"], -reading["m"]), key=lambda b: abs(end - b))
                    name = reading["key"] + (f", {member['member']}" if member["member"] else "")
                    rows.append({"claim": self.claim.id, "reading": name, "end": end, "nearest": border, "distance": abs(end - border),
                                 "unit": reading["unit"]})  # fmt: skip
        return sorted(rows, key=lambda row: row["distance"])


@dataclass(frozen=True)
class Judge:
    """A claim, or a part of it, waiting for measurements in its home lesson."""

    claim: Claim
    part: Part
    lesson: str

    def judge(self, measurements: dict | None = None, otherwise: dict | None = None, **more) -> Verdict:
        """Compute the verdict, print its lines, and record it with its numbers for the ledger.

        measurements: {key: a Difference, or True or False for an exact reading, or a dict of them by member for a family}; keys that are names
        may be given as arguments. Differences are oriented in the claimed direction, 95 %, eight replicates at least. otherwise: {when: the same
        measurements in another way}; a verdict that changes with one of them is fragile, and says so. Raises InputError for keys that are not
        registered or are missing, and for measurements of another type.
        """
        verdict = self._found(dict(measurements or {}) | more, otherwise)
        _record(verdict.row)
        print(verdict.lines)
        return verdict

    def _found(self, given: dict, otherwise: dict | None = None) -> Verdict:
        measured = judging.checked(self.part, given, _where(self.claim, self.part))
        held = judging.held(self.part, measured)
        ruling = judging.rule(self.part, held)
        others = {when: judging.checked(self.part, other, f"{_where(self.claim, self.part)}, {when}") for when, other in (otherwise or {}).items()}
        return Verdict(self.claim, self.part, ruling, _row(self, measured, held, ruling, others))

    def plan(self, pilot: dict, replicates: int) -> None:
        """Print, before a run, the half-width that so many replicates can reach beside each m.

        pilot: {key: standard deviation of the difference over replicates, or a Difference that has it}, in the package's own numbers.
        """
        readings = self.part.readings
        unknown = sorted(set(pilot) - set(readings))
        if unknown:
            raise InputError(f"pilot must have registered keys, {', '.join(readings)}, but {', '.join(unknown)} was given.")
        for key, spread in pilot.items():
            r = readings[key]
            if r.kind == "exact":
                raise InputError(f"pilot must have keys that are measured, but {key!r} is exact.")
            deviation = float(spread.values.std(ddof=1)) if isinstance(spread, Difference) else spread
            factor, digits = UNITS[r.unit]
            if deviation == 0:
                print(f"{self.claim.id} {key}: the pilot's replicates agree to the last digit, which promises nothing; m is {r.m:g}")
                continue
            reach = factor * half_width(deviation, replicates)
            print(f"{self.claim.id} {key}: {replicates} replicates can reach ±{reach:.{digits}f} {r.unit}; m is {r.m:g}".replace(" ; ", "; "))


def claim(claim_id: str, part: str = "", lesson: str | None = None) -> Judge:
    """Begin to judge a claim: ``claim("C04", "deploys").judge(same_answers=True)``. part: its name where the register has several.

    lesson: where this runs, by default what ``dh.start(lesson=...)`` said. Raises InputError for a claim or part that is not registered, and for
    a lesson that is not its home: a comparison is judged in one place, and cited elsewhere.
    """
    found = find_claim(claim_id)
    chosen, here = found.part(part), current(lesson)
    if here != chosen.home:
        raise InputError(f"lesson must be {chosen.home!r}, the home of {_where(found, chosen)}, but it is {here!r}; "
                         f"the keys to judge there are {', '.join(chosen.readings)}.")  # fmt: skip
    return Judge(found, chosen, here)


def rehearse(claim_id: str, measurements: dict, part: str = "") -> Verdict:
    """What the verdict would be on these measurements, by the same rules: printed as a rehearsal, in any lesson, and never recorded.

    measurements: as for ``Judge.judge``, and refused in the same cases.
    """
    found = find_claim(claim_id)
    chosen = found.part(part)
    verdict = Judge(found, chosen, chosen.home)._found(measurements)
    print(f"A rehearsal, not recorded. {verdict.lines}")
    return verdict


def read_verdicts(folder: Path) -> list[dict]:
    """The recorded verdicts in ``folder``, both editions."""
    return read_rows(folder, "verdicts")


def forget_verdicts(folder: Path, lesson: str) -> None:
    """Drop what a lesson recorded, before it is run anew."""
    forget_rows(folder, "verdicts", lesson)


def said_member(reading: dict, member: dict) -> str:
    """Numbers of a stored member, for people."""
    n = member["numbers"]
    if not n:
        return ""
    lost = f", {n['diverged']} diverged" if n["diverged"] else ""
    apart = "unpaired" in n["method"] or n["method"].startswith("Welch")
    pairing = "" if n.get("correlation") is None else f", {'unpaired' if apart else 'paired'}, correlation {n['correlation']:+.2f}"
    family = f", together [{n['low_together']:+.3g}, {n['high_together']:+.3g}]" if "low_together" in n else ""
    return f"{amount(n['low'], n['mean'], n['high'], reading['unit'])}, {n['replicates']} replicates{pairing}{lost}{family}"


def held_again(row: dict) -> dict:
    """What ``judging.held`` gave, from a recorded row."""
    def one(m):
        n = m["numbers"]
        return judging.Held(n["low"], n["high"], n.get("low_together", n["low"]), n.get("high_together", n["high"])) if n else m["word"] == "true"

    return {r["key"]: {m["member"]: one(m) for m in r["members"]} for r in row["readings"]}


def _where(claim: Claim, part: Part) -> str:
    return f"{claim.id} ({part.name})" if part.name else claim.id


def _row(judge: Judge, measured: dict, held: dict, ruling: judging.Ruling, others: dict) -> dict:
    why = judging.fragile(judge.part, measured, others)
    stated = {r.key for r in judge.part.stated}
    readings = [
        {"key": r.key, "stated": r.key in stated, "says": r.says, "kind": r.kind, "m": r.m, "unit": r.unit, "reason": r.reason,
         "members": [{"member": m, "word": judging.word_of(r, h), "numbers": _numbers(measured[r.key][m], h, r.unit)}
                     for m, h in held[r.key].items()]}
        for r in judge.part.readings.values()
    ]  # fmt: skip
    return {
        "edition": 2, "claim": judge.claim.id, "part": judge.part.name, "lesson": judge.lesson, "verdict": ruling.verdict, "form": ruling.form,
        "named": list(ruling.named), "forms": _forms(judge.part, held, ruling), "firmness": "" if why is None else FRAGILE if why else FIRM,
        "why": why or [], "readings": readings,
    }  # fmt: skip


def _forms(part: Part, held: dict, ruling: judging.Ruling) -> list[dict]:
    """The weaker forms that were tried and not supported, in order, with "no" or "open"."""
    if ruling.verdict == judging.HOLDS:
        return []
    said = {True: "yes", False: "no", None: "open"}
    tried = [(form.says, judging.form_holds(form, held)[0]) for form in part.weaker]
    return [{"says": says, "word": said[found]} for says, found in tried[: [found for _, found in tried].index(True) if ruling.form else None]]


def _numbers(d, h, unit: str) -> dict:
    """What is stored of one Difference, in its reading's unit."""
    if isinstance(d, bool):
        return {}
    factor = UNITS[unit][0]
    found = dict(mean=factor * d.mean, low=h.low, high=h.high)
    if (h.low_together, h.high_together) != (h.low, h.high):
        found |= dict(low_together=h.low_together, high_together=h.high_together)
    found |= dict(replicates=d.n, confidence=d.confidence, method=d.method, df=d.df, a_mean=d.a_mean, b_mean=d.b_mean, correlation=d.correlation,
                  diverged=d.diverged)  # fmt: skip
    return {k: rounded(v) for k, v in found.items()} | {"sources": {k: rounded(v) for k, v in d.sources.items()}}


def _record(row: dict) -> None:
    replace_verdict(results_dir(), row)
