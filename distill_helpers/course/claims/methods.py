"""The article's sections 2.2, methods, and 2.3.3: what is added to soft targets, or stands in their place."""

import math

from distill_helpers.course.claims.register import Claim, Form, Part, Reading, not_worse, same, whole

_FEW = "few labels"
_ATTACK = "points under attack"
_CLEAN = "one point of clean accuracy is what robustness may cost"

# C12
_METHODS = (
    "adversarial training",
    "attention transfer",
    "gradient attention",
    "correcting samples",
    "Jacobian matching",
    "virtual adversarial training",
)
_without = not_worse(
    "without_labels",
    "added to soft targets, it is not worse without labels than with them, all weights else equal, teacher trained elsewhere",
    1,
    "one point is what labelling would have to bring to be paid for",
    members=_METHODS,
)
_raw = same(
    "raw_agreement",
    "on raw images without labels the student agrees with its teacher as often as with labels",
    1,
    "a point of agreement is noise of the teacher's own",
)
C12 = Claim(
    "C12",
    "2.2",
    "Supervised distillation needs no labels and learns the mapping from raw data.",
    "the weight of labels changing with the removal",
    whole(
        "Each method does without labels, and the mapping is learnt from raw images alone.",
        "supervised_strategies",
        [_without, _raw],
        [Form("for the methods named", (_without, _raw), named="those")],
    ),
    "refuted",
)


# C13
def _method(name: str, asks_more: bool) -> Part:
    """A method of the tournament. asks_more: it asks the teacher more often than soft targets, which are then asked as often beside it."""

    def readings(regime: str) -> tuple[Reading, ...]:
        words = regime.replace("_", " ")
        rows = [("vs_alone", "it beats the student without a teacher"), ("added", "added to tuned soft targets, it beats tuned soft targets")]
        rows += [("added_vs_equal_evaluations", "and soft targets that are asked as often")] if asks_more else []
        return tuple(Reading(f"{regime}.{key}", f"with {words}, {what}") for key, what in rows)

    stated = readings("all_labels")
    return Part(
        name,
        f"{name[0].upper()}{name[1:]} helps distillation.",
        "strategy_tournament",
        stated,
        (Form("it beats alone only", stated[:1]), Form("with few labels only", readings("few_labels"))),
    )


def _robust_method(name: str) -> Part:
    """A method that is said to make robust; attacks run on every arm, doubled until they fall no further."""

    def readings(regime: str) -> tuple[Reading, ...]:
        words = regime.replace("_", " ")
        rows = [
            ("vs_alone", "it is more accurate than alone"),
            ("added", "added to tuned soft targets, it is more accurate than they are"),
            ("added_vs_equal_evaluations", "and than soft targets that are asked as often"),
        ]
        return tuple(Reading(f"{regime}.attacked.{key}", f"under attack, with {words}, {what}", unit=_ATTACK) for key, what in rows) + (
            not_worse(f"{regime}.clean", f"with {words}, added, it costs no more than a point on clean digits", 1, _CLEAN),
        )

    stated = readings("all_labels")
    return Part(
        name,
        f"{name[0].upper()}{name[1:]} makes the distilled student robust.",
        "supervised_strategies",
        stated,
        (Form("it beats alone only", stated[:1]), Form("with few labels only", readings("few_labels"))),
    )


C13 = Claim(
    "C13",
    "2.2",
    "Adversarial training, attention, corrected samples and smoothness penalties help supervised distillation.",
    "more teacher evaluations: soft targets asked as often stand beside",
    (
        _robust_method("adversarial training"),
        _robust_method("virtual adversarial training"),
        _method("attention transfer", False),
        _method("gradient attention", True),
        _method("relabelling", False),
        _method("probability shift", False),
        _method("label smooth regularisation", False),
        _method("Jacobian matching", True),
        _method("label smoothing", False),
    ),
    "one verdict a method",
)

# C20
_REGIMES = ("200 labels", "unlabelled images")
_STEADY = dict(m=math.log(1.5), unit="log ratio", reason="a spread of two thirds is what saves every third run", members=_REGIMES)
_added = (
    Reading("accuracy", "added to tuned soft targets, the critic raises accuracy", members=_REGIMES),
    Reading("accuracy_vs_untrained_critic", "it beats a critic that is not trained", members=_REGIMES),
    Reading("accuracy_vs_equal_cost", "it beats soft targets with as many steps and parameters", members=_REGIMES),
    Reading("steadiness", "the spread over starts within a replicate is smaller", **_STEADY),
)
_alone = (
    Reading("accuracy", "the critic alone beats soft targets", members=_REGIMES),
    Reading("steadiness", "its spread over starts within a replicate is smaller", **_STEADY),
)
_as_soft = same("as_soft_targets", "the critic alone is as accurate as soft targets", members=_REGIMES)
C20 = Claim(
    "C20",
    "2.3.3",
    "Discriminative distillation improves the student and is more stable.",
    "extra steps or parameters; an untrained critic",
    (
        Part(
            "added",
            "Added to tuned soft targets, a critic makes the student better and steadier.",
            "discriminative_distillation",
            _added,
            (Form("in the regime named", _added, named="those"),),
        ),
        Part(
            "alone",
            "A critic alone makes a better and steadier student than soft targets.",
            "discriminative_distillation",
            _alone,
            (Form("in the regime named", _alone, named="those"), Form("as accurate as soft targets", (_as_soft,))),
        ),
    ),
    "to be measured",
)


# C21
def _strategy(name: str, teacher: bool, asks_more: bool = False) -> Part:
    against = "tuned soft targets" if teacher and name != "Softmax" else "the same student without it"
    three = lambda prefix, words: (
        Reading(f"{prefix}clean", f"{words}accuracy on clean digits rises over {against}"),
        Reading(f"{prefix}corrupted", f"{words}accuracy on corrupted digits rises over {against}"),
        Reading(f"{prefix}attacked", f"{words}accuracy under attack rises over {against}", unit=_ATTACK),
    )
    stated = three("", "")
    weaker = [Form("those of the three that are named", stated, named="those", over="readings")]
    if asks_more:
        stated += (Reading("attacked_vs_equal_evaluations", "under attack it beats an arm that asks the teacher as often", unit=_ATTACK),)
    if teacher:
        weaker.append(Form("at temperature 1 only", three("cold.", "at temperature 1 ")))
    return Part(
        f"{name}, {'with' if teacher else 'without'} a teacher",
        f"{name} makes the student more accurate on clean, corrupted and attacked digits.",
        "robust_students",
        stated,
        tuple(weaker),
    )


C21 = Claim(
    "C21",
    "2.3.3",
    "Dropout, Mixup, Softmax and Marginal Loss make the student more robust and general.",
    "live teacher evaluations; temperature",
    tuple(
        _strategy(name, teacher, asks_more=teacher and name == "Mixup")
        for name in ("Dropout", "Mixup", "Softmax", "Marginal Loss")
        for teacher in (False, True)
    ),
    "one verdict a strategy",
)

CLAIMS = (C12, C13, C20, C21)
