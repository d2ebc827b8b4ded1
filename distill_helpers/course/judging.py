"""From intervals to a verdict: pure rules, no files and no printing. docs/architecture.md has them in words."""

from typing import NamedTuple

from distill_helpers.checks import InputError
from distill_helpers.course.claims import Form, Part, Reading
from distill_helpers.measure.families import simultaneous
from distill_helpers.measure.formatting import in_units
from distill_helpers.measure.kinds import said, supports, word
from distill_helpers.measure.statistics import Difference

CONFIDENCE = 0.95
LEAST = 8
HOLDS, IN_PART, REFUTED, INCONCLUSIVE = "holds", "holds in part", "refuted", "inconclusive"
VERDICTS = (HOLDS, IN_PART, REFUTED, INCONCLUSIVE)


class Held(NamedTuple):
    """An interval in the unit of its reading, alone, and where it stands in a family together with the others."""

    low: float
    high: float
    low_together: float
    high_together: float


class Ruling(NamedTuple):
    """A verdict; the form that it was found for, "" for the stated one; the members that a form names."""

    verdict: str
    form: str = ""
    named: tuple[str, ...] = ()


def checked(part: Part, measurements: dict, where: str) -> dict:
    """{key: {member: bool or Difference}}, with "" for the member of a reading that is no family.

    Raises InputError for keys that are not registered or are missing, and for measurements of the wrong type.
    """
    readings = part.readings
    unknown, missing = sorted(set(measurements) - set(readings)), [key for key in readings if key not in measurements]
    if unknown or missing:
        said = [f"not registered: {', '.join(unknown)}"] * bool(unknown) + [f"missing: {', '.join(missing)}"] * bool(missing)
        raise InputError(f"measurements for {where} must have the registered keys, {', '.join(readings)}; {'; '.join(said)}.")
    return {key: _members(reading, measurements[key]) for key, reading in readings.items()}


def _members(reading: Reading, given) -> dict:
    if not reading.members:
        if isinstance(given, dict):
            raise InputError(f"the measurement {reading.key!r} must be one {_type(reading)}, but a dict was given.")
        return {"": _one(reading, given)}
    if not isinstance(given, dict) or set(given) != set(reading.members):
        got = f"{', '.join(map(str, given))}" if isinstance(given, dict) else type(given).__name__
        raise InputError(f"the measurement {reading.key!r} must be a dict with a {_type(reading)} for each of {', '.join(reading.members)}, but "
                         f"{got} was given.")  # fmt: skip
    return {member: _one(reading, given[member]) for member in reading.members}


def _one(reading: Reading, given):
    if reading.kind == "exact":
        if type(given).__name__ not in ("bool", "bool_"):
            raise InputError(f"the measurement {reading.key!r} must be True or False, but {given!r} was given.")
        return bool(given)
    if not isinstance(given, Difference):
        raise InputError(f"the measurement {reading.key!r} must be a Difference (paired, unpaired, two_way), but {type(given).__name__} was given.")
    if given.confidence != CONFIDENCE or given.n < LEAST:
        raise InputError(f"the measurement {reading.key!r} must be an interval of {CONFIDENCE:.0%} over at least {LEAST} replicates, but "
                         f"{given.confidence:.0%} and {given.n} were given.")  # fmt: skip
    if reading.unit.startswith("points") and max(abs(given.low), abs(given.high)) > 1.5:
        raise InputError(f"the measurement {reading.key!r} must be a difference of fractions, shown in points, but {given.mean:.3g} was given.")
    return given


def _type(reading: Reading) -> str:
    return "True or False" if reading.kind == "exact" else "Difference"


def held(part: Part, measured: dict) -> dict:
    """{key: {member: bool or Held}} of checked measurements, in the units of their readings."""
    shown = {key: {m: d if isinstance(d, bool) else in_units(d, part.readings[key].unit) for m, d in members.items()}
             for key, members in measured.items()}  # fmt: skip
    together = {key: _together(key, members) for key, members in shown.items()}
    for form in part.weaker:
        if form.over == "readings":
            keys = [r.key for r in form.readings if isinstance(shown[r.key][""], Difference)]
            wide = _together(form.says, {key: shown[key][""] for key in keys})
            together |= {key: {"": wide[key]} for key in keys}
    return {key: {m: d if isinstance(d, bool) else Held(d.low, d.high, together[key][m].low, together[key][m].high) for m, d in members.items()}
            for key, members in shown.items()}  # fmt: skip


def _together(name: str, members: dict) -> dict:
    """The members with simultaneous intervals."""
    if len(members) < 2 or not all(isinstance(d, Difference) for d in members.values()):
        return members
    try:
        return simultaneous(members, CONFIDENCE)
    except InputError as error:
        raise InputError(f"the family {name!r}: {error}") from error


def holds(reading: Reading, h, scale: float = 1.0, any_size: bool = False, together: bool = False) -> bool | None:
    """Whether one interval (or truth value) supports its reading, at ``scale`` times its m."""
    if isinstance(h, bool):
        return h
    low, high = (h.low_together, h.high_together) if together else (h.low, h.high)
    return supports(reading.kind, low, high, scale * reading.m, any_size)


def word_of(reading: Reading, h) -> str:
    """What is said of one interval, or truth value."""
    return said("exact", h) if isinstance(h, bool) else word(reading.kind, h.low, h.high, reading.m)


def supported(reading: Reading, members: dict, scale: float = 1.0, any_size: bool = False) -> bool | None:
    """A statement about all members: supported by their single intervals, refuted by simultaneous ones."""
    if all(holds(reading, h, scale, any_size) for h in members.values()):
        return True
    return False if any(holds(reading, h, scale, any_size, together=True) is False for h in members.values()) else None


def form_holds(form: Form, held_: dict, scale: float = 1.0) -> tuple[bool | None, tuple[str, ...]]:
    """Whether a form is supported, and the members that it names."""
    if not form.named:
        found = [supported(r, held_[r.key], scale, form.any_size) for r in form.readings]
        return _all(found), ()
    if form.over == "readings":
        units = {r.key: [(r, held_[r.key][""])] for r in form.readings}
        others = []
    else:
        families = [r for r in form.readings if r.members]
        units = {member: [(r, held_[r.key][member]) for r in families] for member in families[0].members}
        others = [supported(r, held_[r.key], scale, form.any_size) for r in form.readings if not r.members]
    sure = [name for name, pairs in units.items() if all(holds(r, h, scale, form.any_size, together=True) for r, h in pairs)]
    if form.named == "from":
        names = list(units)
        cut = max((i for i, name in enumerate(names) if name not in sure), default=-1) + 1
        sure = names[cut:]
    against = [any(holds(r, h, scale, form.any_size) is False for r, h in pairs) for pairs in units.values()]
    some = True if sure else False if (against[-1] if form.named == "from" else all(against)) else None
    found = _all([some, *others])
    return found, tuple(sure) if found else ()


def _all(found: list) -> bool | None:
    return False if False in found else None if None in found else True


def rule(part: Part, held_: dict, scale: float = 1.0) -> Ruling:
    """The verdict on what is held, at ``scale`` times each m."""
    stated = [supported(r, held_[r.key], scale) for r in part.stated]
    if all(stated):
        return Ruling(HOLDS)
    weaker = [(form, *form_holds(form, held_, scale)) for form in part.weaker]
    for form, found, named in weaker:
        if found:
            return Ruling(IN_PART, form.says, named)
    if False in stated and not any(found is None for _, found, _ in weaker):
        return Ruling(REFUTED)
    return Ruling(INCONCLUSIVE)


def fragile(part: Part, measured: dict, otherwise: dict | None = None) -> list[str] | None:
    """Why a decided verdict is fragile: what it would be at half and twice m, with each source of variation left out, and on each of the other
    measurements that ``otherwise`` holds, {when: checked measurements}; None if undecided.
    """
    mine = held(part, measured)
    found = rule(part, mine)
    if found.verdict == INCONCLUSIVE:
        return None
    others = {f"at {name} m": rule(part, mine, scale) for name, scale in (("half", 0.5), ("twice", 2.0))}
    for source in ("replicates", "examples"):
        fewer = {key: {m: d.without(source) if isinstance(d, Difference) and source in d.reach else d for m, d in members.items()}
                 for key, members in measured.items()}  # fmt: skip
        if any(fewer[key][m] is not measured[key][m] for key in measured for m in measured[key]):
            others[f"without {source}"] = rule(part, held(part, fewer))
    others |= {when: rule(part, held(part, other)) for when, other in (otherwise or {}).items()}
    return [f"{when}: {other.verdict}{f', {other.form}' if other.form else ''}" for when, other in others.items() if other[:2] != found[:2]]
