"""The article's sections 1 (sharing) and 2.3.2: the small student."""

from distill_helpers.course.claims.register import Claim, Form, Part, Reading, exact, same, whole

# C03
_KINDS = ("tying", "hashing", "a shared trunk")
_fewer = exact("fewer", "it has fewer numbers to store, buffers counted as well", _KINDS)
_parameters = Reading("at_equal_parameters", "it is more accurate than an untied net of equal parameters, equally trained", members=_KINDS)
_flops = Reading("at_equal_flops", "it is more accurate than an untied net of equal FLOPs, equally trained", members=_KINDS)
C03 = Claim(
    "C03",
    "1",
    "Sharing parameters and features saves parameters and makes models more efficient.",
    "unequal training; buffers that are not counted as memory",
    (
        Part(
            "parameters",
            "Tying, hashing and a shared trunk each cut parameters.",
            "sharing_and_low_rank",
            (_fewer,),
            (Form("for the kinds named", (_fewer,), named="those"),),
        ),
        Part(
            "efficiency",
            "Each is more accurate than an untied net as large, and than one as slow.",
            "sharing_and_low_rank",
            (_parameters, _flops),
            (Form("at equal parameters only", (_parameters,)), Form("for the kinds named", (_parameters, _flops), named="those")),
        ),
    ),
    "holds with a correction",
)

# C18
_TASKS = ("XOR", "circle", "digits")
_relu = same("as_linear", "one hidden layer is as accurate as the best linear model", members=_TASKS)
_without = same("as_linear_without_activation", "one hidden layer without an activation is", members=_TASKS)
C18 = Claim(
    "C18",
    "2.3.2",
    "A perceptron with one hidden layer can learn linear maps only.",
    "",
    whole("One hidden layer does no better than a linear model.", "the_residual_student", [_relu], [Form("without an activation", (_without,))]),
    "refuted",
)

# C19
_WIDTHS = ("2", "4", "8", "16", "32")
_below, _above = (
    Reading(f"probe_vs_{side}", f"a linear probe reads more from it than from one hidden layer with parameters just {side}", members=_WIDTHS)
    for side in ("below", "above")
)
_cka_below, _cka_above = (
    Reading(f"cka_vs_{side}", f"its features are more like the teacher's than those of one hidden layer just {side}", unit="CKA", members=_WIDTHS)
    for side in ("below", "above")
)
C19 = Claim(
    "C19",
    "2.3.2",
    "A residual student learns better low-dimensional representations than one hidden layer.",
    "parameters; normalisation at width 2; distillation (arms with labels only stand beside)",
    whole(
        "At each width its representation is better.",
        "the_residual_student",
        [_below, _above],
        [Form("at the widths named", (_below, _above), named="those"), Form("in likeness to the teacher's features", (_cka_below, _cka_above))],
    ),
    "to be measured",
)

CLAIMS = (C03, C18, C19)
