"""The table of all strategies: how each is built for the small nets of ``examine``, and what is said of it."""

import inspect
import math
from dataclasses import replace

from examine import CLASSES, INPUTS, UNITS, teacher
from torch import nn

from distill_helpers import strategies
from distill_helpers.models.generators import Generator
from distill_helpers.strategies import (
    Adversarial,
    HardLabels,
    LogitRegression,
    MixupDistillation,
    SimilarityPreserving,
    SoftTargets,
    Strategy,
)
from distill_helpers.strategies.acronyms import about

SOFT = SoftTargets()
TWO = ("stage1", "stage2")


def peer():
    return nn.Sequential(nn.Flatten(), nn.Linear(INPUTS, CLASSES))


def other_peer():
    return nn.Sequential(nn.Flatten(), nn.Linear(INPUTS, 4), nn.Tanh(), nn.Linear(4, CLASSES))


def generator():
    return Generator(6, 8, grid=2, side=4)


def other_generator():
    return Generator(6, 5, grid=2, side=4)


def conditional():
    return Generator(6, 8, grid=2, side=4, classes=CLASSES)


def other_conditional():
    return Generator(6, 5, grid=2, side=4, classes=CLASSES)


def identity(*names):
    return dict.fromkeys(names, nn.Identity)


GAME = Adversarial(inputs=INPUTS, hidden=8, gradient_penalty=0.5, l1=1e-3, l2=1e-3, relabelled=0.5)
SIMILAR = SimilarityPreserving("hidden2", "hidden2", 30.0, 0.0)
VECTORS = {"student_layers": "hidden2", "teacher_layers": "hidden2"}
BOTH_VECTORS = {"student_layers": ("hidden2", "embedding"), "teacher_layers": ("hidden2", "embedding")}
PAIR = {"student_layers": TWO, "teacher_layers": TWO}

PEER = dict.fromkeys(("peer hard", "peer mutual"), "teaches the peer")
LOOKED_AT = dict.fromkeys(("critic", "told apart"), "is the critic's, for looking at")

# class -> how to build it, and what examine is told of it
EXAMINED = {
    "ActivationBoundaries": dict(
        build={"student_layers": ("stage1_pre", "stage2_pre"), "teacher_layers": TWO}, grid=[dict(labels=0.0), BOTH_VECTORS],
    ),
    "AdditiveMargin": dict(),
    "AdjustedTargets": dict(minimum={"soft": 0}, grid=[dict(adjustment="smooth")]),
    "Adversarial": dict(
        build=dict(vars(GAME)),
        grid=[dict(condition="none", temperature=3.0), dict(condition="label", opponent_steps=2), dict(penalty="between", inner=SOFT),
              dict(inner=LogitRegression(norm=1, labels=1.0), condition="label")],
    ),
    "AdversarialTraining": dict(),
    "AnnealingDistillation": dict(),
    "AttentionTransfer": dict(minimum={"attention": 0}, grid=[dict(labels=0.0)]),
    "BornAgain": dict(build=dict(label_weight=0.5), minimum={"soft": 0}, grid=[dict(label_weight=0.0)]),
    "ClassMeanTeacher": dict(build=dict(inner=SOFT)),
    "Combined": dict(
        build=dict(parts=(SOFT, SIMILAR)), minimum={"soft": 0, "similarity": 0},
        paired=("similarity",),
        grid=[dict(parts=(strategies.JacobianMatching(SoftTargets(4.0, 1.0)), SIMILAR)), dict(parts=(strategies.MutualLearning(peer), SIMILAR))],
        others=dict(parts=(HardLabels(), SIMILAR)), aside=PEER,
    ),
    "ConditionalGan": dict(build=dict(generator=conditional, latent=6), others=dict(generator=other_conditional)),
    "ConfidenceWeighted": dict(),
    "ContrastiveRepresentation": dict(build=dict(dim=4), paired=("contrast",), grid=[dict(labels=0.0)]),
    "DataFree": dict(build=dict(generator=generator, latent=6), minimum={"match": 0}, others=dict(generator=other_generator)),
    "DataFreeAdversarial": dict(
        build=dict(generator=generator, latent=6), minimum={"gap": 0}, grid=[dict(logarithm=True)], others=dict(generator=other_generator)
    ),
    "DecoupledDistillation": dict(minimum={"target": 0, "nontarget": 0}),
    "DenselyGuided": dict(build=lambda: dict(assistants=(teacher(8),)), others=lambda: dict(assistants=(teacher(9),)), grid=[dict(weight=1.0)]),
    "DropoutDistillation": dict(build=dict(passes=3)),
    "FactorTransfer": dict(build=dict(paraphraser_steps=5), grid=[dict(labels=0.0), VECTORS]),
    "FitNets": dict(minimum={"hint": 0}, twins=identity("regressor0"), grid=[dict(labels=0.0), VECTORS, PAIR]),
    "FlowOfSolution": dict(minimum={"flow": 0}, grid=[dict(labels=0.0), BOTH_VECTORS]),
    "FunctionMatching": dict(minimum={"soft": 0}),
    "GradientAttention": dict(minimum={"attention": 0}, grid=[dict(labels=0.0)]),
    "HardLabels": dict(),
    "JacobianMatching": dict(minimum={"soft": 0, "jacobian": 0}, grid=[dict(inner=SoftTargets(2.0, 1.0), weight=5.0), dict(inner=HardLabels())]),
    "LabelSmoothing": dict(),
    "LogitRegression": dict(build=dict(labels=1.0), minimum={"regression": 0}, grid=[dict(norm=1), dict(labels=0.0)], others=dict(norm=1)),
    "MarginalLoss": dict(
        build=dict(inner=SOFT), minimum={"soft": 0}, grid=[dict(inner=HardLabels())], others=dict(margin=1.5), paired=("marginal",)
    ),
    "Mixup": dict(),
    "MixupDistillation": dict(minimum={"soft": 0}, grid=[dict(weight=1.0)]),
    "MutualLearning": dict(build=dict(peer=peer), others=dict(peer=other_peer), aside=PEER),
    "NeuronSelectivity": dict(minimum={"selectivity": 0}, grid=[dict(labels=0.0)]),
    "NoisyTeacher": dict(build=dict(classes=CLASSES)),
    "Penalised": dict(build=dict(inner=SOFT, l1=0.01, l2=0.01), minimum={"soft": 0}),
    # with labels: without them nothing but rounding moves what only shifts a map, and Adam makes steps of that
    "PearsonDistillation": dict(build={**PAIR, "labels": 1.0}, minimum={"pkd": 0}, paired=("pkd",)),
    "PermutedDarkKnowledge": dict(build=dict(label_weight=0.5, classes=CLASSES)),
    "ProbabilisticTransfer": dict(minimum={"neighbours": 0}, paired=("neighbours",), grid=[dict(labels=0.0)]),
    "PseudoLabels": dict(),
    "RandomTeacher": dict(build=dict(inner=SOFT)),
    "Relabelled": dict(build=dict(threshold=0.4), minimum={"soft": 0}, grid=[dict(inner=HardLabels())]),
    "Relational": dict(minimum={"distance": 0, "angle": 0}, paired=("distance", "angle"), grid=[dict(labels=0.0)]),
    "RelationalMatching": dict(
        minimum={"inter": 0, "intra": 0}, paired=("intra",),
        grid=[dict(inter=2.0, intra=2.0, temperature=4.0, label_weight=0.0)],
    ),
    "RobustDistillation": dict(),
    "ScheduledTemperature": dict(minimum={"soft": 0}, grid=[dict(shape="cosine"), dict(weight=1.0)]),
    "ShuffledTeacher": dict(
        build=dict(inner=SOFT), grid=[dict(within="class", alone="keep"), dict(inner=strategies.Watched(GAME))],
        idle=dict(alone="counts where a class has one image"), aside=LOOKED_AT,
    ),
    "SimilarityPreserving": dict(minimum={"similarity": 0}, paired=("similarity",), grid=[dict(labels=0.0), VECTORS]),
    "SoftTargets": dict(minimum={"soft": 0}, grid=[dict(weight=1.0)]),
    "StandardisedTargets": dict(minimum={"soft": 0}, grid=[dict(weight=1.0)]),
    "StudentDropout": dict(build=dict(units=UNITS, input_rate=0.2), grid=[dict(inner=MixupDistillation()), dict(inner=SOFT, rate=0.2)]),
    "TeacherFree": dict(),
    "VariationalInformation": dict(
        build=PAIR, minimum={"information": math.log(5)}, twins=identity("mean0", "mean1"), grid=[dict(labels=0.0), BOTH_VECTORS]
    ),
    "VirtualAdversarial": dict(minimum={"soft": 0}, grid=[dict(inner=MixupDistillation(), iterations=2), dict(inner=HardLabels())]),
    "Watched": dict(
        build=dict(inner=GAME), others=dict(inner=Adversarial(condition="none", hidden=8)),
        aside=LOOKED_AT,
    ),
}  # fmt: skip
EXCUSED = {
    "Strategy": "the base of all",
    **dict.fromkeys(("DetectionLoss", "PseudoBoxes", "SoftDetections"), "for detectors and boxes: examined on those in test_detection_strategies"),
    **dict.fromkeys(("CtcFrames", "CtcLoss", "CtcPseudoLabels"), "for strings: examined on those in test_ctc_strategies"),
}


def classes():
    return {name for name in strategies.__all__ if inspect.isclass(getattr(strategies, name)) and issubclass(getattr(strategies, name), Strategy)}


# the others say it of themselves: ABOUT = {"examine": {...}} in their files; those that say nothing are built as they are
EXAMINED |= {name: about(getattr(strategies, name)).get("examine", {}) for name in sorted(classes() - set(EXAMINED) - set(EXCUSED))}


def built(name):
    """The strategy of the table, and the words for examine."""
    told = {k: v() if inspect.isfunction(v) else v for k, v in EXAMINED[name].items()}
    return getattr(strategies, name)(**told.pop("build", {})), told


def settings():
    """{name: strategy} of all settings in the table."""
    found = {}
    for name in EXAMINED:
        strategy, told = built(name)
        for number, changed in enumerate(({}, *told.get("grid", ()))):
            found[f"{name}, {number}" if number else name] = replace(strategy, **changed)
    return found
