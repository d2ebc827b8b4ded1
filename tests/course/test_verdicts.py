"""From registered readings to a verdict: rules, what is refused, what is recorded, and planted faults in all of them."""

import copy
import hashlib
import inspect
import json
from dataclasses import replace

import numpy as np
import pytest
from mutation import Checks

from distill_helpers.checks import InputError
from distill_helpers.course import context, judging, verdicts
from distill_helpers.course.claims import CLAIMS, Form, Part, Reading
from distill_helpers.course.claims.register import by_m, exact, not_worse, same
from distill_helpers.course.judging import HOLDS, IN_PART, INCONCLUSIVE, REFUTED, Held
from distill_helpers.course.ledger import FIRST, SECOND, UNTESTED, ledger, synthesis
from distill_helpers.course.paths import repository
from distill_helpers.course.verdicts import Judge, claim, read_verdicts
from distill_helpers.measure import interval, two_way
from distill_helpers.measure.families import simultaneous
from distill_helpers.measure.statistics import Difference

of = Checks("distill_helpers.course")


@pytest.fixture(autouse=True)
def own_results(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_RESULTS", str(tmp_path))
    context.enter(None)
    yield tmp_path
    context.enter(None)


def difference(mean, half, n=8):
    """A Difference over n replicates with this mean and half-width, in fractions for points."""
    pattern = np.linspace(-1, 1, n)
    unit = interval(pattern).half
    return interval(mean + pattern * half / unit)


def points(mean, half, n=8):
    return difference(mean / 100, half / 100, n)


def alone(low, high):
    return {"": Held(low, high, low, high)}


# the rule, over made-up intervals; m is 0.5 points

A, B, W = Reading("a", "a says"), Reading("b", "b says"), Reading("w", "w says")
PART = Part("", "It is so.", "soft_targets", (A, B), (Form("weaker", (W,)), Form("only a", (A,)), Form("by less than m", (A, B), any_size=True)))
NARROW = Part("", "It is so.", "soft_targets", (A, B), (Form("weaker", (W,)),))
FAMILY = Reading("f", "f says", members=("1", "2", "3"))
OTHER = Reading("g", "g says", members=("1", "2", "3"))
SOME = Part("", "It is so.", "soft_targets", (FAMILY,), (Form("those", (FAMILY,), named="those"),))
BOTH = Part("", "It is so.", "soft_targets", (FAMILY, OTHER), (Form("those", (FAMILY, OTHER), named="those"),))
FROM = Part("", "It is so.", "soft_targets", (FAMILY,), (Form("from", (FAMILY,), named="from"),))
THREE = Part("", "It is so.", "soft_targets", (A, B, W), (Form("those", (A, B, W), named="those", over="readings"),))
GAIN, UNSURE, SMALL, NULL, LOSS, OPEN = (1, 2), (0.3, 2), (0.1, 0.3), (-0.2, 0.3), (-2, -1), (-1, 2)


def members(*spans):
    """Spans (low, high), or (low, high, together low, together high)."""
    return {str(k): Held(*(span if len(span) == 4 else span * 2)) for k, span in enumerate(spans, 1)}


@of("judging")
def the_four_verdicts(module):
    cases = [
        (NARROW, GAIN, UNSURE, LOSS, HOLDS, ""),
        (NARROW, GAIN, OPEN, GAIN, IN_PART, "weaker"),
        (NARROW, GAIN, LOSS, GAIN, IN_PART, "weaker"),
        (NARROW, GAIN, LOSS, LOSS, REFUTED, ""),
        (NARROW, GAIN, NULL, NULL, REFUTED, ""),
        (NARROW, GAIN, LOSS, OPEN, INCONCLUSIVE, ""),  # a weaker form is open
        (NARROW, GAIN, OPEN, LOSS, INCONCLUSIVE, ""),  # nothing goes against
        (NARROW, SMALL, SMALL, LOSS, INCONCLUSIVE, ""),  # too small to matter neither supports nor goes against
        (PART, GAIN, LOSS, GAIN, IN_PART, "weaker"),
        (PART, GAIN, LOSS, LOSS, IN_PART, "only a"),
        (PART, SMALL, SMALL, LOSS, IN_PART, "by less than m"),
        (PART, SMALL, LOSS, LOSS, INCONCLUSIVE, ""),  # "only a" is open
        (PART, LOSS, LOSS, LOSS, REFUTED, ""),
    ]
    for part, a, b, w, verdict, form in cases:
        held = {"a": alone(*a), "b": alone(*b)} | {"w": alone(*w)}
        assert module.rule(part, held)[:2] == (verdict, form), (a, b, w)


@of("judging")
def all_members_by_single_intervals_against_by_simultaneous_ones(module):
    wide = lambda low, high: (low, high, low - 1, high + 1)
    assert module.rule(SOME, {"f": members(wide(0.6, 1), wide(0.6, 1), wide(0.6, 1))}).verdict == HOLDS
    against = members(wide(0.6, 1), wide(0.6, 1), wide(-1.4, -0.4))  # below zero alone, not together with the others
    assert module.supported(FAMILY, against) is None
    assert module.supported(FAMILY, members(wide(0.6, 1), wide(0.6, 1), wide(-3, -2))) is False


@of("judging")
def those_named_are_the_members_that_simultaneous_intervals_support(module):
    wide = lambda low, high: (low, high, low - 1, high + 1)
    found = module.rule(SOME, {"f": members(wide(0.6, 1), wide(2, 3), wide(-3, -2))})
    assert found == (IN_PART, "those", ("2",))
    nobody = module.rule(SOME, {"f": members(wide(0.6, 1), wide(0.6, 1), wide(-3, -2))})
    assert nobody.verdict == INCONCLUSIVE and not nobody.named
    assert module.rule(SOME, {"f": members(*[wide(-3, -2)] * 3)}).verdict == REFUTED


@of("judging")
def a_member_is_named_by_the_baseline_and_the_control_together(module):
    held = {"f": members(GAIN, GAIN, LOSS), "g": members(LOSS, GAIN, GAIN)}
    assert module.rule(BOTH, held) == (IN_PART, "those", ("2",))
    assert module.rule(BOTH, held | {"g": members(LOSS, LOSS, GAIN)}).verdict == REFUTED


@of("judging")
def from_a_depth_on_means_up_to_the_last(module):
    assert module.rule(FROM, {"f": members(LOSS, GAIN, GAIN)}) == (IN_PART, "from", ("2", "3"))
    assert module.rule(FROM, {"f": members(GAIN, GAIN, LOSS)}).verdict == REFUTED
    assert module.rule(FROM, {"f": members(GAIN, LOSS, GAIN)}) == (IN_PART, "from", ("3",))


@of("judging")
def the_named_of_three_readings(module):
    held = {"a": alone(*GAIN), "b": alone(*LOSS), "w": alone(*OPEN)}
    assert module.rule(THREE, held) == (IN_PART, "those", ("a",))


@of("judging")
def exact_readings(module):
    part = Part("", "It is so.", "soft_targets", (exact("x", "x says"),), (Form("weaker", (exact("y", "y says"),)),))
    for x, y, verdict in ((True, False, HOLDS), (False, True, IN_PART), (False, False, REFUTED)):
        assert module.rule(part, {"x": {"": x}, "y": {"": y}}).verdict == verdict


@of("judging")
def fragile_at_half_and_twice_m_and_without_a_source(module):
    measure = lambda mean, half: {"": points(mean, half)}
    one = Part("", "It is so.", "soft_targets", (by_m("a", "a says", 1, "because"),))
    assert module.fragile(one, {"a": measure(3, 0.5)}) == []
    assert module.fragile(one, {"a": measure(1.8, 0.5)}) == ["at twice m: inconclusive"]
    assert module.fragile(one, {"a": measure(0.7, 0.1)}) == ["at half m: holds"]
    assert module.fragile(one, {"a": measure(1.0, 0.5)}) is None  # undecided
    other = {"at other timings": {"a": measure(1.0, 0.5)}, "at the same": {"a": measure(3, 0.5)}}
    assert module.fragile(one, {"a": measure(3, 0.5)}, other) == ["at other timings: inconclusive"]
    g = np.random.default_rng(0)
    # replicates differ much, examples little: holds, but only because these examples vary so little, and the other way round
    right = (g.random((8, 500)) < np.linspace(0.02, 0.03, 8)[:, None]).astype(float)
    d = two_way(right)
    none = Part("", "It is so.", "soft_targets", (not_worse("a", "a says", 0, "because"),))
    assert module.fragile(none, {"a": {"": d}}) == []
    shaky = Difference(**{**d.__dict__, "mean": 0.01, "low": -0.001, "high": 0.021, "reach": {"replicates": (0.005, 499), "examples": (0.02, 7)}})
    assert module.fragile(none, {"a": {"": shaky}}) is None
    firm = Difference(**{**shaky.__dict__, "low": 0.001, "high": 0.019})
    assert module.fragile(none, {"a": {"": firm}}) == ["without examples: inconclusive"]


@of("judging")
def a_familys_intervals_are_simultaneous(module):
    g = np.random.default_rng(0)
    measured = {"f": {k: interval(g.normal(0.01, 0.01, 8)) for k in FAMILY.members}}
    held = module.held(SOME, measured)["f"]
    together = simultaneous(measured["f"])
    for k in FAMILY.members:
        assert held[k] == pytest.approx(tuple(100 * v for v in (measured["f"][k].low, measured["f"][k].high, together[k].low, together[k].high)))


@of("judging")
def the_named_of_readings_are_simultaneous_too(module):
    g = np.random.default_rng(0)
    measured = {k: {"": interval(g.normal(0.01, 0.01, 8))} for k in ("a", "b", "w")}
    for h in module.held(THREE, measured).values():
        assert h[""].low_together < h[""].low


@of.each
def test_a_rule_is_followed(name, check):
    check(of.original(name))


FAULTS = [
    ("judging", "a weaker form that is open refutes", "not any(found is None for _, found, _ in weaker)", "True"),
    ("judging", "open stands for against", "if False in stated and not any", "if not any"),
    ("judging", "all members refuted by single intervals", "scale, any_size, together=True) is False for", "scale, any_size) is False for"),
    ("judging", "all members by wide ones", "all(holds(reading, h, scale, any_size) for", "all(holds(reading, h, scale, any_size, True) for"),
    ("judging", "named by single intervals", "form.any_size, together=True) for r, h in pairs)]", "form.any_size) for r, h in pairs)]"),
    ("judging", "the baseline or the control", "for name, pairs in units.items() if all(", "for name, pairs in units.items() if any("),
    ("judging", "any members for from", "sure = names[cut:]", "pass"),
    ("judging", "only twice m", '(("half", 0.5), ("twice", 2.0))', '(("twice", 2.0),)'),
    ("judging", "only half m", '(("half", 0.5), ("twice", 2.0))', '(("half", 0.5),)'),
    ("judging", "no source left out", 'for source in ("replicates", "examples"):', "for source in ():"),
    ("judging", "the last form first", "for form, found, named in weaker:", "for form, found, named in weaker[::-1]:"),
    ("judging", "any size for all", "held_[r.key], scale) for r in part.stated]", "held_[r.key], scale, True) for r in part.stated]"),
    ("judging", "no family", "if len(members) < 2 or not all(", "if True or not all("),
    ("judging", "fractions for points", "in_units(d, part.readings[key].unit)", 'in_units(d, "")'),
    ("judging", "null supports", "return supports(reading.kind, low, high, scale * reading.m, any_size)", "return low > -reading.m"),
]  # fmt: skip


@of.planted(FAULTS)
def test_a_broken_rule_goes_red(name, old, new):
    assert of.gone_red(name, old, new)


# judging in a lesson

KEYS = ("vs_k", "vs_longer", "only_vs_k", "only_vs_longer", "only_vs_only_longer", "only_vs_only_same")
C02 = {f"{regime}.{key}": points(2, 0.3) for regime in ("all_labels", "few_labels") for key in KEYS}


def test_the_weaker_forms_that_were_tried_are_printed_with_what_they_gave(own_results, capsys):
    """Why a verdict is refuted and not inconclusive can be read from its lines."""
    against = {key: points(-2, 0.3) for key in C02}
    forms = [form.says for form in CLAIMS["C02"].parts[0].weaker]
    claim("C02", lesson="07").judge(against)
    printed = capsys.readouterr().out
    assert "REFUTED" in printed and all(f"   weaker form, {says}: no\n" in printed for says in forms)
    claim("C02", lesson="07").judge(against | {f"{regime}.vs_k": points(0.2, 0.9) for regime in ("all_labels", "few_labels")})
    assert "INCONCLUSIVE" in (printed := capsys.readouterr().out) and f"   weaker form, {forms[0]}: open\n" in printed
    found = claim("C02", lesson="07").judge(against | {f"all_labels.{key}": points(2, 0.3) for key in ("vs_k", "vs_longer")})
    printed = capsys.readouterr().out
    assert found.ruling.form == forms[1] and f"   weaker form, {forms[0]}: no\n" in printed and forms[2] not in printed
    claim("C02", lesson="07").judge(C02)
    assert "weaker form" not in capsys.readouterr().out


def test_judging_prints_stable_lines_and_records_the_numbers(own_results, capsys):
    verdict = claim("C02", lesson="07").judge(C02 | {"few_labels.vs_longer": points(-2, 0.3)})
    printed = capsys.readouterr().out
    assert printed.startswith("C02: HOLDS IN PART, better than after k steps only. Distil for k steps")
    assert "the opposite" in printed and "2.0" not in printed and verdict.row["firmness"] in printed
    (row,) = read_verdicts(own_results)
    assert row == verdict.row and (row["edition"], row["verdict"], row["lesson"]) == (2, IN_PART, "soft_targets")
    first = row["readings"][0]
    assert (first["m"], first["unit"], first["members"][0]["word"]) == (0.5, "points", "yes") and first["reason"]
    assert first["members"][0]["numbers"]["mean"] == pytest.approx(2) and first["members"][0]["numbers"]["replicates"] == 8
    assert "+2.00 [+1.70, +2.30] points, 8 replicates" in verdict.table().to_html()


def test_a_verdict_that_hangs_on_m_says_so(own_results, capsys):
    verdict = claim("C02", lesson="07").judge({key: points(0.34, 0.14) for key in C02})
    assert (verdict.verdict, verdict.ruling.form, verdict.row["firmness"]) == (IN_PART, "by less than m", "fragile")
    assert capsys.readouterr().out.endswith("   fragile: at half m: holds\n")
    follows_from_its_evidence(read_verdicts(own_results)[0])


def test_the_lesson_is_known_from_the_start_of_the_notebook(own_results):
    with pytest.raises(InputError, match="lesson must be known"):
        claim("C02")
    context.enter("soft_targets")
    assert claim("C02").judge(C02).verdict == HOLDS


def test_what_a_run_can_reach_is_printed_beside_m(capsys):
    claim("C02", lesson="07").plan({"all_labels.vs_k": 0.004, "few_labels.vs_k": points(0.3, 0.2)}, 16)
    first, second = capsys.readouterr().out.splitlines()
    assert first == "C02 all_labels.vs_k: 16 replicates can reach ±0.21 points; m is 0.5"
    assert second.endswith("±0.13 points; m is 0.5")


def test_no_argument_takes_a_verdict_or_a_reading():
    for function in (claim, verdicts.Judge.judge, verdicts.Judge.plan):
        names = set(inspect.signature(function).parameters)
        assert not {"verdict", "word", "stated", "weaker", "corrected", "m", "margin", "kind", "form"} & names


C17_ALL = {m: points(9, 1) for m in CLAIMS["C17"].parts[0].readings["lifted"].members}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: claim("C99", lesson="07"), "claim must be one of 'C01'"),
        (lambda: claim("C04", lesson="07"), "part of C04 must be one of 'deploys', 'generalises'"),
        (lambda: claim("C02", lesson="08"), "lesson must be 'soft_targets', the home of C02.*all_labels.vs_k"),
        (lambda: claim("C02", lesson="77"), "lesson must be a name or a number"),
        (lambda: claim("C02", lesson="07").judge(C02 | {"on_sundays": points(2, 1)}), "not registered: on_sundays"),
        (lambda: claim("C02", lesson="07").judge({"all_labels.vs_k": points(2, 1)}), "missing: all_labels.vs_longer"),
        (lambda: claim("C02", lesson="07").judge(C02 | {"all_labels.vs_k": True}), "'all_labels.vs_k' must be a Difference"),
        (lambda: claim("C02", lesson="07").judge(C02 | {"all_labels.vs_k": {"a": points(1, 1)}}), "must be one Difference, but a dict"),
        (lambda: claim("C02", lesson="07").judge(C02 | {"all_labels.vs_k": points(1, 1, 7)}), "at least 8 replicates"),
        (lambda: claim("C02", lesson="07").judge(C02 | {"all_labels.vs_k": interval(np.arange(8) / 100, 0.9)}), "95%.*90%"),
        (lambda: claim("C02", lesson="07").judge(C02 | {"all_labels.vs_k": difference(2, 1)}), "a difference of fractions"),
        (lambda: claim("C04", "deploys", "07").judge(same_answers=points(1, 1)), "must be True or False"),
        (lambda: claim("C04", "deploys", "07").judge(same_answers="yes"), "must be True or False, but 'yes'"),
        (lambda: claim("C17", lesson="04").judge(lifted=C17_ALL, vs_critical_gaussian={"best": points(1, 1)}),
         "for each of initialisation, exploding net"),
        (lambda: claim("C17", lesson="04").judge(lifted=C17_ALL, vs_critical_gaussian=C17_ALL | {"parameters, exploding net": points(1, 1, 9)}),
         "the family 'vs_critical_gaussian': differences must all come from the same replicates"),
        (lambda: claim("C02", lesson="07").plan({"nothing": 1.0}, 8), "pilot must have registered keys"),
        (lambda: claim("C04", "deploys", "07").plan({"same_answers": 1.0}, 8), "'same_answers' is exact"),
    ],
)  # fmt: skip
def test_what_is_refused(call, words, own_results):
    with pytest.raises(InputError, match=words):
        call()
    assert read_verdicts(own_results) == []


def follows_from_its_evidence(row):
    """A recorded verdict is what its recorded intervals give by the register of today, and its words are theirs."""
    part = CLAIMS[row["claim"]].part(row["part"])
    assert part.home == row["lesson"] and list(part.readings) == [r["key"] for r in row["readings"]]
    held = verdicts.held_again(row)
    ruling = judging.rule(part, held)
    assert ruling == (row["verdict"], row["form"], tuple(row["named"])) and row["forms"] == verdicts._forms(part, held, ruling)
    again = {f"at {name} m": judging.rule(part, held, scale) for name, scale in (("half", 0.5), ("twice", 2.0))}
    changed = [when for when, other in again.items() if other[:2] != (row["verdict"], row["form"])] if row["verdict"] != INCONCLUSIVE else []
    assert [why.partition(":")[0] for why in row["why"] if why.startswith(("at half m", "at twice m"))] == changed
    assert row["firmness"] == ("" if row["verdict"] == INCONCLUSIVE else "fragile" if row["why"] else "firm")
    for stored, reading in zip(row["readings"], part.readings.values(), strict=True):
        assert (stored["says"], stored["kind"], stored["m"], stored["unit"]) == (reading.says, reading.kind, reading.m, reading.unit)
        assert stored["stated"] == (reading in part.stated)
        assert tuple(m["member"] for m in stored["members"]) == (reading.members or ("",))
        for m in stored["members"]:
            assert m["word"] == judging.word_of(reading, held[reading.key][m["member"]])


def planted():
    """A row that was judged, and copies of it in which something was written by hand."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verdicts, "_record", lambda row: None)
        row = json.loads(json.dumps(claim("C02", lesson="07").judge(C02 | {"few_labels.vs_longer": points(-2, 0.3)}).row))
    yield "as judged", row

    def edited(what, change):
        other = copy.deepcopy(row)
        change(other)
        return what, other

    yield edited("verdict", lambda r: r.update(verdict=HOLDS))
    yield edited("form", lambda r: r.update(form="only with all labels"))
    yield edited("forms", lambda r: r.update(forms=[{"says": "only with all labels", "word": "no"}]))
    yield edited("named", lambda r: r.update(named=["all_labels.vs_k"]))
    yield edited("margin", lambda r: r["readings"][0].update(m=0.1))
    yield edited("unit", lambda r: r["readings"][0].update(unit="ECE"))
    yield edited("reading", lambda r: r["readings"][0].update(says="it is better"))
    yield edited("key", lambda r: r["readings"][0].update(key="on_sundays"))
    yield edited("one reading less", lambda r: r["readings"].pop())
    yield edited("word", lambda r: r["readings"][0]["members"][0].update(word="yes, size unsure"))
    yield edited("number", lambda r: r["readings"][0]["members"][0]["numbers"].update(low=-1.0))
    yield edited("firmness", lambda r: r.update(firmness="fragile"))
    yield edited("why", lambda r: r.update(why=["at half m: refuted"], firmness="fragile"))
    yield edited("lesson", lambda r: r.update(lesson="robust_students"))


def test_a_verdict_that_was_written_by_hand_goes_red():
    rows = dict(planted())
    follows_from_its_evidence(rows.pop("as judged"))
    assert len(rows) == 14
    for what, row in rows.items():
        with pytest.raises((AssertionError, InputError, KeyError)):
            follows_from_its_evidence(row)
            pytest.fail(f"a planted {what} went unseen")


def test_the_published_verdicts_follow_from_their_own_evidence():
    for row in read_verdicts(repository() / "results"):
        if row["edition"] == 2:
            follows_from_its_evidence(row)


# the ledger


def test_the_ledger_has_every_claim_and_marks_editions(own_results):
    from distill_helpers.course.first_edition import fact, first_edition

    first_edition("C06", "01").judge([fact("both sides agree", False)])
    first_edition("C04", "07").judge([fact("it runs alone", True)])
    claim("C04", "deploys", "07").judge(same_answers=True)
    claim("C02", lesson="07").judge(C02)
    table = ledger(own_results)
    assert list(dict.fromkeys(table.claim)) == list(CLAIMS) == [f"C{n:02d}" for n in range(1, 24)]
    rows = {(r.claim, r.part, r.edition): r for r in table.itertuples()}
    assert rows["C06", "", FIRST].verdict == "refuted" and rows["C04", "", FIRST].verdict == "holds"  # nothing is dropped silently
    assert rows["C04", "deploys", SECOND].verdict == HOLDS and rows["C04", "generalises", ""].verdict == UNTESTED
    assert rows["C02", "", SECOND].firmness == "firm" and "+2.00 [+1.70, +2.30] points, 8 replicates" in rows["C02", "", SECOND].evidence
    assert rows["C23", "", ""].verdict == UNTESTED
    text = synthesis(own_results)
    assert "2 verdicts of the second edition (2 holds)" in text and "2 verdicts of the first edition (1 holds, 1 refuted)" in text
    assert "0 verdicts of the second edition are fragile" in text and "Not redrawn" in text


def test_a_revision_is_shown(own_results, monkeypatch):
    from distill_helpers.course.claims import Revision

    monkeypatch.setitem(CLAIMS, "C18", replace(CLAIMS["C18"], revisions=(Revision("2027-01-01", "m is 1 point", "the pilot was too coarse"),)))
    table = ledger(own_results)
    assert table[table.claim == "C18"].says.item().endswith("(revised 2027-01-01)")


def test_a_lesson_that_is_run_anew_forgets_its_own_rows_only(own_results):
    claim("C02", lesson="07").judge(C02)
    claim("C06", lesson="01").judge(as_stated=False, other_reading=False)
    verdicts.forget_verdicts(own_results, "soft_targets")
    assert [r["claim"] for r in read_verdicts(own_results)] == ["C06"]


# the register


def test_the_register_is_whole():
    assert list(CLAIMS) == [f"C{n:02d}" for n in range(1, 24)]
    for c in CLAIMS.values():
        assert c.text.endswith(".") and c.registered == "2026-11-25" and len({p.name for p in c.parts}) == len(c.parts)
        for part in c.parts:
            context.name_of(part.home)
            forms = [part.stated, *(f.readings for f in part.weaker)]
            assert part.says.endswith(".") and part.stated
            by_key = {}
            for r in (r for form in forms for r in form):
                assert by_key.setdefault(r.key, r) == r, f"{c.id}: two readings under {r.key}"
                assert r.kind == "exact" or (r.m >= 0 and r.reason)
            for form in part.weaker:
                families = {r.members for r in form.readings if r.members}
                if form.named and form.over == "members":
                    assert len(families) == 1, f"{c.id} {form.says}: families of other members"
                assert form.over == "members" or not families
            assert len({f.says for f in part.weaker}) == len(part.weaker)


AS_REGISTERED = {
    "C01": "c919e123", "C02": "d699208e", "C03": "e2d8bc36", "C04": "eacfc31a", "C05": "844fb6ba", "C06": "dd8aeab5",
    "C07": "84c295b2", "C08": "4d1b527d", "C09": "c8134891", "C10": "86109c61", "C11": "a1fac822", "C12": "8d2f5720",
    "C13": "9ab45678", "C14": "31af7b14", "C15": "fffec698", "C16": "1a911d4d", "C17": "683a1e42", "C18": "a504e2b3",
    "C19": "dc4c9b6a", "C20": "64284c34", "C21": "91aefa01", "C22": "ec8dfc6c", "C23": "838cd6b3",
}  # fmt: skip


def digest(entry) -> str:
    return hashlib.blake2b(repr((entry.section, entry.text, entry.control, entry.parts)).encode(), digest_size=4).hexdigest()


@pytest.mark.parametrize("claim_id", CLAIMS)
def test_a_changed_entry_is_a_revision(claim_id):
    """An entry is as it was registered, or says in a Revision when, how and why it was changed; its digest here then changes as well."""
    entry = CLAIMS[claim_id]
    assert digest(entry) == AS_REGISTERED[claim_id], "a later change of the register needs a Revision with its date and reason"
    assert all(r.date > entry.registered and r.what and r.why for r in entry.revisions)


def test_a_moved_margin_or_a_dropped_reading_changes_the_digest():
    entry = CLAIMS["C02"]
    (part,) = entry.parts
    moved = replace(part, stated=(replace(part.stated[0], m=0.1, reason="it came out so"), *part.stated[1:]))
    for changed in (moved, replace(part, stated=part.stated[1:]), replace(part, weaker=part.weaker[::-1]), replace(part, home="robust_students")):
        assert digest(replace(entry, parts=(changed,))) != AS_REGISTERED["C02"]


def test_the_ends_that_lie_nearest_to_a_margin_come_first():
    one = Part("", "It is so.", "soft_targets", (A,), (Form("f", (B,)),))
    judge = Judge(replace(CLAIMS["C02"], parts=(one,)), one, "soft_targets")
    rows = judge._found({"a": points(0.44, 0.03), "b": points(-0.4, 0.2)}).nearest()
    assert [(row["reading"], row["nearest"]) for row in rows] == [("a", 0.5), ("a", 0.5), ("b", -0.5), ("b", 0.0)]
    assert [row["distance"] for row in rows] == pytest.approx([0.03, 0.09, 0.1, 0.2])


def test_some_entries_are_as_they_were_registered():
    """Margins and homes of the register, typed again from the registered table, so that an edited margin goes red."""
    margin = lambda c, p, key: (CLAIMS[c].part(p).readings[key].kind, CLAIMS[c].part(p).readings[key].m)
    assert margin("C01", "", "falls") == ("by m", 1) and margin("C01", "", "best_at_40") == ("by m", 2)
    assert margin("C02", "", "all_labels.vs_k") == ("gain", 0.5) and margin("C05", "ratio", "kept") == ("not worse", 0)
    assert margin("C10", "", "plain_below") == ("by m", 2) and margin("C11", "samples match", "untold.skewed") == ("not worse", 0.1)
    assert margin("C11", "no labels needed", "without_labels") == ("not worse", 1) and margin("C12", "", "raw_agreement") == ("same", 1)
    assert margin("C14", "gradients", "growth") == ("same", 10) and margin("C15", "", "best_rate") == ("gain", 0.25)
    assert margin("C16", "", "lifted") == margin("C17", "", "lifted") == ("by m", 5) and margin("C18", "", "as_linear") == ("same", 0.5)
    assert margin("C19", "", "cka_vs_below") == ("gain", 0.02) and margin("C20", "added", "steadiness") == ("gain", pytest.approx(np.log(1.5)))
    assert margin("C21", "Mixup, with a teacher", "attacked") == ("gain", 1) and margin("C04", "generalises", "all_labels.ece") == ("gain", 0.01)
    assert margin("C22", "MNIST: easier", "steps") == ("gain", 10) and margin("C22", "the language model: better", "vs_alone") == ("gain", 0.02)
    homes = {c.id: c.homes for c in CLAIMS.values()}
    assert homes["C13"] == ("supervised_strategies", "strategy_tournament") and homes["C05"] == ("counting_the_big_mlp", "soft_targets")
    assert homes["C23"] == homes["C12"] == ("supervised_strategies",) and len(homes["C22"]) == 7


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Reading("a", "a says", "better"), "kind must be one of"),
        (lambda: Reading("a", "a says", unit="digits"), "unit must be one of"),
        (lambda: Reading("a", "a says", m=3), "needs an m of at least 0 and the reason"),
        (lambda: same("a", "a says", unit="log ratio"), "needs an m"),
        (lambda: Form("x", (A,), named="some"), "named must be one of"),
    ],
)
def test_an_entry_without_m_or_reason_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()
