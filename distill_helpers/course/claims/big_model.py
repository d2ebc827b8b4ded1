"""The article's sections 1, 2.1 and 2.3.1: data, counts, big nets, their gradients and the cures."""

from distill_helpers.course.claims.register import Claim, Form, Part, Reading, by_m, exact, not_worse, same, whole

_FITTING, _GRADIENTS, _TAMING = "fitting_anything", "exploding_and_vanishing_gradients", "taming_deep_networks"

# C01
_STEPS = ("0 to 20 %", "20 to 40 %", "40 to 60 %")
_POINT = "a step of 20 % wrong labels that costs less than a point limits nobody"
_falls = by_m("falls", "test accuracy falls with each step of label noise, the net's size tuned at each level", 1, _POINT, members=_STEPS)
_best = by_m(
    "best_at_40",
    "at 40 % noise the best of all sizes and lengths of training stays below clean labels",
    2,
    "what is nearer than two points is practically as good",
)
_fewer = Reading("vs_fewer_clean", "noise at 40 % costs more than having only the clean ones among these examples")
_more = not_worse("more_noisy", "more examples with the same noise come within two points of clean ones", 2, "the distance of the stated form")
_fitted = by_m("falls_when_fitted", "nets that are trained until they fit the noise fall with each step of it", 1, _POINT, members=_STEPS)
C01 = Claim(
    "C01",
    "1",
    "How accurate a model gets is limited by the quality of its training data.",
    "fewer clean examples: as many clean ones as remain at 40 %",
    whole(
        "Label noise lowers what a net can reach, and neither size nor training makes up for it.",
        _FITTING,
        [_falls, _best, _fewer],
        [
            Form("it lowers accuracy, but more examples with the same noise make up for it", (_falls, _fewer, _more)),
            Form("only for nets that fit the noise", (_fitted,)),
        ],
    ),
    "holds",
)


# C06 to C08
def _formula(number: int, text: str, says: str) -> Claim:
    stated = exact("as_stated", "the formula, as stated, equals the counts")
    other = exact("other_reading", "under another reading of its symbols, written out in the lesson, it equals the counts")
    return Claim(
        f"C0{number}",
        "2.1",
        text,
        "",
        whole(says, "counting_the_big_mlp", [stated], [Form("under another reading of the symbols", (other,))]),
        "refuted",
    )


C06 = _formula(
    6, "An MLP of l layers of n neurons has n + n² + ... + n^l = (1+1+...+n)·l/2 parameters.", "Both sides give the number of parameters."
)
C07 = _formula(7, "Layer k holds k(k+1)/2 parameters and k/2 neurons.", "The two expressions count a layer.")
C08 = _formula(8, "A big model has as many connections as the sum of k(k+1)/2 over its layer widths k.", "The sum counts the connections.")

# C09
_any = exact("construction", "for every labelling of any finite training set some width fits it, by construction")
_distinct = exact("construction_distinct", "for every labelling of distinct inputs some width fits it, by construction")
_random, _noise, _contradictory = (
    exact(key, f"trained nets fit {what}, every replicate")
    for key, what in (
        ("random_labels", "random labels"),
        ("noise_inputs", "labels of noise images"),
        ("contradictory_labels", "contradictory labels of equal inputs"),
    )
)
C09 = Claim(
    "C09",
    "2.1",
    "With enough layers and neurons an MLP fits any training set perfectly.",
    "",
    whole(
        "Some width fits any labelling of any finite training set.",
        _FITTING,
        [_any, _random, _noise, _contradictory],
        [Form("with distinct inputs", (_distinct, _random, _noise))],
    ),
    "holds with a correction",
)

# C10
_DEPTHS = ("8", "16", "32", "64")
_WORTH = "two points are what a second net would have to bring to be worth the trouble"
_plain = by_m("plain_below", "the plain net at its best rate is below the residual, normalised one at its best rate", 2, _WORTH, members=_DEPTHS)
_critical = by_m("critical_gain_below", "so is the plain net that starts at the critical gain", 2, _WORTH, members=_DEPTHS)
C10 = Claim(
    "C10",
    "2.1",
    "Such a net is hard to train, so a good big model is not a plain one.",
    "the learning rate, tuned for every depth and design; the initialisation's gain",
    whole(
        "At each depth the plain net falls short of the residual, normalised one.",
        _GRADIENTS,
        [_plain, _critical],
        [Form("from the depth named on", (_plain, _critical), named="from")],
    ),
    "holds with a correction",
)

# C14
_NETS = ("exploding", "vanishing")
_rate = same(
    "growth",
    "gradients grow or shrink exponentially with depth, at the predicted rate",
    10,
    "the theory is for infinite width",
    "% of the predicted rate",
    _NETS,
)
_linear = by_m(
    "below_linear", "at its best rate such a net stays below a linear model", 2, "a deep net that adds no two points has not trained", members=_NETS
)
_wider = Reading("wider_worse", "at equal depth, 16 times the parameters make it worse", members=_NETS)
_deeper = Reading("deeper_worse", "at equal parameters, depth makes it worse", members=_NETS)
C14 = Claim(
    "C14",
    "2.3.1",
    "Big networks tend to exploding or vanishing gradients, and so fail to converge.",
    "learning rate, gain",
    (
        Part("gradients", "Gradients grow or shrink exponentially with depth.", _GRADIENTS, (_rate,)),
        Part("training", "Such nets do not come near a linear model at any rate offered.", _GRADIENTS, (_linear,)),
        Part("big", "It is being big that does it.", _GRADIENTS, (_wider,), (Form("at equal parameters, depth makes it worse", (_deeper,)),)),
    ),
    "holds with a correction",
)

# C15
_FOUR = ("width, SGD", "width, Adam", "depth, SGD", "depth, Adam")
_SLOPE = dict(
    m=0.25,
    unit="doublings of the rate per doubling of the size",
    reason="a slope of a quarter doubles the rate over the whole range offered",
    members=_FOUR,
)
_best_rate = Reading("best_rate", "the best rate on validation rises with the size, slope of its logarithm over the whole range", **_SLOPE)
_stable_rate = Reading("stable_rate", "the largest stable rate rises with the size", **_SLOPE)
C15 = Claim(
    "C15",
    "2.3.1",
    "Bigger models need a higher learning rate.",
    "end points of the range; accuracy lost at stable rates",
    whole(
        "The best rate rises with width and with depth.",
        _GRADIENTS,
        [_best_rate],
        [Form("in those of the four that are named", (_best_rate,), named="those"), Form("the largest stable rate only", (_stable_rate,))],
    ),
    "refuted",
)

# C16 and C17
_CURED = "a net at 10 % that gains less than five points is not cured"


def _cures(*names: str) -> dict:
    return dict(m=5, reason=_CURED, members=tuple(f"{name}, {net} net" for name in names for net in _NETS))


_PENALTIES = _cures("dropout", "L1", "L2", "clipping by norm", "clipping by value")
_DECOMPOSED = _cures("initialisation", "parameters", "constraints")
_lifted = by_m("lifted", "it lifts the net over the same net without it, all rates tuned down to 1e-6", **_PENALTIES)
C16 = Claim(
    "C16",
    "2.3.1",
    "Dropout, L1 and L2 penalties and gradient clipping relieve this.",
    "the rate: without the cure, tuned down to 1e-6",
    whole(
        "Each of them lifts the exploding and the vanishing net.",
        _TAMING,
        [_lifted],
        [Form("those named, on the net named", (_lifted,), named="those")],
    ),
    "holds with a correction",
)
_decomposed = by_m("lifted", "decomposed, it lifts the net over the same net without it", **_DECOMPOSED)
_gaussian = Reading("vs_critical_gaussian", "it beats a Gaussian start at the critical gain", members=_DECOMPOSED["members"])
C17 = Claim(
    "C17",
    "2.3.1",
    "Decomposing the initialisation, the parameters or the constraints relieves this.",
    "the gain: each must also beat a Gaussian start at the critical gain",
    whole(
        "Each of the three lifts the exploding and the vanishing net.",
        _TAMING,
        [_decomposed, _gaussian],
        [Form("those named, on the net named", (_decomposed, _gaussian), named="those")],
    ),
    "holds",
)

CLAIMS = (C01, C06, C07, C08, C09, C10, C14, C15, C16, C17)
