"""What an entry of the register consists of."""

from dataclasses import dataclass, field

from distill_helpers.checks import InputError, one_of
from distill_helpers.measure.formatting import UNITS
from distill_helpers.measure.kinds import KINDS

REGISTERED = "2026-11-25"
STATEMENT = "registered after the first edition's results were known and before any run of the second"

_M = {"points": 0.5, "points under attack": 1.0, "ECE": 0.01, "CKA": 0.02}
_REASON = {
    "points": "half a point of clean or corrupted accuracy is the smallest that the course calls an effect",
    "points under attack": "attacked accuracy depends on the attack's settings by parts of a point",
    "ECE": "bins of 2,000 digits move the calibration error by about this much",
    "CKA": "two trainings of one net differ by about this much in likeness",
}


@dataclass(frozen=True)
class Reading:
    """One comparison that is measured. key: how a lesson hands it in. says: the sentence. kind, m, unit, reason: how it is judged.

    members: names of a family, which is handed in as {member: Difference}; a statement about all of them is supported by their single intervals
    and refuted by simultaneous ones. A Difference is oriented in the claimed direction, in the package's own numbers.
    """

    key: str
    says: str
    kind: str = "gain"
    m: float | None = None
    unit: str = "points"
    reason: str = ""
    members: tuple[str, ...] = ()

    def __post_init__(self):
        one_of("kind", self.kind, KINDS)
        one_of("unit", self.unit, tuple(UNITS))
        if self.kind == "exact":
            object.__setattr__(self, "unit", "")
            return
        if self.m is None:
            object.__setattr__(self, "m", _M.get(self.unit))
        if not self.reason:
            object.__setattr__(self, "reason", _REASON.get(self.unit, "") if self.m == _M.get(self.unit) else "")
        if self.m is None or self.m < 0 or not self.reason:
            raise InputError(f"the reading {self.key!r} needs an m of at least 0 and the reason for it.")


@dataclass(frozen=True)
class Form:
    """A wording of a claim and the readings that must all be supported for it.

    named: "" for all members of a family; "those" for the members that simultaneous intervals support in all readings, "from" for an unbroken
    run of them up to the last. Readings without members are then members of one family themselves if ``over`` is "readings".
    any_size: a gain counts however small it is.
    """

    says: str
    readings: tuple[Reading, ...]
    named: str = ""
    over: str = "members"
    any_size: bool = False

    def __post_init__(self):
        one_of("named", self.named, ("", "those", "from"))
        one_of("over", self.over, ("members", "readings"))


@dataclass(frozen=True)
class Part:
    """What is judged in one go: its name ("" for a whole claim), the sentence, the lesson that judges, the stated form, weaker ones in order."""

    name: str
    says: str
    home: str
    stated: tuple[Reading, ...]
    weaker: tuple[Form, ...] = ()

    @property
    def readings(self) -> dict[str, Reading]:
        """{key: reading} of all forms, the stated ones first."""
        return {r.key: r for form in (self.stated, *(f.readings for f in self.weaker)) for r in form}


@dataclass(frozen=True)
class Revision:
    """A later change of a claim's entry: its date, what changed, and why."""

    date: str
    what: str
    why: str


@dataclass(frozen=True)
class Claim:
    """id: C01 ... C23. section: of the article. text: the claim, paraphrased. control: what must not explain it. expected: our hypothesis."""

    id: str
    section: str
    text: str
    control: str
    parts: tuple[Part, ...]
    expected: str = ""
    registered: str = REGISTERED
    revisions: tuple[Revision, ...] = field(default=())

    @property
    def homes(self) -> tuple[str, ...]:
        """Names of the lessons that judge it, without numbers."""
        return tuple(dict.fromkeys(part.home for part in self.parts))

    def part(self, name: str) -> Part:
        """The part of that name. Raises InputError for one that is not registered."""
        one_of(f"part of {self.id}", name, tuple(p.name for p in self.parts))
        return next(p for p in self.parts if p.name == name)


def exact(key: str, says: str, members: tuple[str, ...] = ()) -> Reading:
    """A statement that is counted, derived or compared, with no chance in it."""
    return Reading(key, says, "exact", members=members)


def by_m(key: str, says: str, m: float, reason: str, unit: str = "points", members: tuple[str, ...] = ()) -> Reading:
    """A difference that must exceed m."""
    return Reading(key, says, "by m", m, unit, reason, members)


def not_worse(key: str, says: str, m: float, reason: str, unit: str = "points", members: tuple[str, ...] = ()) -> Reading:
    """A difference that must not be below -m."""
    return Reading(key, says, "not worse", m, unit, reason, members)


def same(key: str, says: str, m: float | None = None, reason: str = "", unit: str = "points", members: tuple[str, ...] = ()) -> Reading:
    """A difference that must lie within m on both sides."""
    return Reading(key, says, "same", m, unit, reason, members)


def whole(says: str, home: str, stated, weaker=()) -> tuple[Part, ...]:
    """The only part of a claim that is judged in one go."""
    return (Part("", says, home, tuple(stated), tuple(weaker)),)
