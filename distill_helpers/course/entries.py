"""Who enters the tournament: every strategy, the settings among which it may choose, and the teacher it learns from."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import torch

from distill_helpers.data import load_digits, make_views
from distill_helpers.models import BigMLP, digits_student
from distill_helpers.models.small_conv import digits_conv_student, digits_conv_teacher
from distill_helpers.strategies import (
    ActivationBoundaries,
    AdditiveMargin,
    AnnealingDistillation,
    AttentionTransfer,
    BornAgain,
    ConfidenceWeighted,
    ContrastiveRepresentation,
    DecoupledDistillation,
    DenselyGuided,
    DropoutDistillation,
    FactorTransfer,
    FitNets,
    FlowOfSolution,
    FunctionMatching,
    GradientAttention,
    HardLabels,
    LabelSmoothing,
    MarginalLoss,
    Mixup,
    MixupDistillation,
    MutualLearning,
    NeuronSelectivity,
    NoisyTeacher,
    PermutedDarkKnowledge,
    ProbabilisticTransfer,
    RandomTeacher,
    Relational,
    RelationalMatching,
    ScheduledTemperature,
    ShuffledTeacher,
    SimilarityPreserving,
    SoftTargets,
    Stages,
    StandardisedTargets,
    TeacherFree,
    VariationalInformation,
)
from distill_helpers.training import Recipe, Teacher, distill, fit
from distill_helpers.training.randomness import build_seeded

PER_CLASS = 20  # 200 labelled digits
BUDGETS = {
    "perceptron": Recipe(steps=1000, lr=1e-2, weight_decay=0.05),
    "convolutional": Recipe(steps=600, batch_size=64, lr=1e-2, weight_decay=0.05),
}
STUDENTS = {"perceptron": digits_student, "convolutional": digits_conv_student}
TEACHING = {"big": Recipe(steps=1000, lr=1e-3), "maps": Recipe(steps=900, batch_size=64, lr=2e-3)}
HEATS = (2.0, 4.0, 8.0, 16.0)


@dataclass(frozen=True)
class Entry:
    """family: heading. make(**choice): the strategy. choices: at most four settings. guide: name of the teacher. division: whose student."""

    family: str
    make: Callable
    choices: tuple = ({},)
    guide: str = "big"
    division: str = "perceptron"

    @property
    def teacher(self) -> str | None:
        """The name of the teacher that it learns from, None for entries without one."""
        return None if self.family == "no teacher" else self.guide


def grid(**values):
    """All combinations of the named values, as dicts."""
    return tuple(dict(zip(values, combination, strict=True)) for combination in product(*values.values()))


@lru_cache(maxsize=1)
def few_views():
    """32 views of the 200 labelled training digits."""
    return make_views(load_digits().train.per_class(PER_CLASS, seed=0), 32, 2)


def big():
    """A teacher of 670,000 parameters with dropout, trained on all 3,500 training digits."""
    model = build_seeded(lambda: BigMLP(784, 512, 2, 10, dropout=0.2), 0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        fit(model, make_views(load_digits().train, 32, 2), TEACHING["big"])
    return model


def maps():
    """A convolutional teacher of 299,000 parameters, trained on all 3,500 training digits."""
    model = build_seeded(digits_conv_teacher, 0)
    fit(model, make_views(load_digits().train, 32, 2), TEACHING["maps"])
    return model


def twin():
    """The student's own architecture, trained on the 200 labels within the student's budget: the first generation."""
    return distill(digits_student, None, few_views(), HardLabels(), seeds=(50,), recipe=BUDGETS["perceptron"]).model(0)


@lru_cache(maxsize=1)
def assistant():
    """A model of middle size (BigMLP 784-96-96-10), distilled from the big teacher within the student's budget."""
    recipe = BUDGETS["perceptron"]
    return distill(lambda: BigMLP(784, 96, 2, 10), teacher("big"), few_views(), SoftTargets(4.0, 0.9), seeds=(50,), recipe=recipe).model(0)


TEACHERS = {"big": big, "maps": maps, "twin": twin, "assistant": assistant}


@lru_cache(maxsize=None)
def teacher(name: str) -> Teacher:
    """The named teacher over the views of the 200 digits."""
    return Teacher(TEACHERS[name]()).over(few_views())


def on_embedding(strategy, first=0, **settings):
    """A strategy on the perceptrons' features: what the student's head sees, against the teacher's second hidden layer.

    first: steps of the feature loss alone, before soft targets take over, for methods of two stages.
    """
    layers = {"student_layers": "embedding", "teacher_layers": "hidden2"}
    if first:
        return Stages((strategy(**layers, labels=0.0, **settings), first), (soft(), BUDGETS["perceptron"].steps - first))
    return strategy(**layers, **settings)


def two_stages(strategy, first, after, **settings):
    """A strategy on maps alone for ``first`` steps, then ``after``, as papers with a first stage have it."""
    return Stages((strategy(labels=0.0, **settings), first), (after, BUDGETS["convolutional"].steps - first))


def maps_entry(family, make, choices=({},)):
    """An entry of the convolutional division."""
    return Entry(family, make, choices, guide="maps", division="convolutional")


def soft(T=4.0, weight=0.9):
    """Soft targets as in notebook 07."""
    return SoftTargets(T, weight)


ENTRIES = {
    "labels alone": Entry("no teacher", HardLabels),
    "label smoothing": Entry("no teacher", LabelSmoothing, grid(smoothing=(0.05, 0.1, 0.2, 0.4))),
    "teacher-free": Entry("no teacher", lambda weight: TeacherFree(weight=weight, multiplier=400.0), grid(weight=(0.1, 0.3, 0.6, 0.9))),
    "mixup": Entry("no teacher", Mixup, grid(alpha=(0.1, 0.2, 0.4, 1.0))),
    "marginal loss": Entry("no teacher", lambda weight: MarginalLoss(weight=weight), grid(weight=(0.1, 0.3, 1.0, 3.0))),
    "additive margin": Entry("no teacher", AdditiveMargin, grid(margin=(0.5, 1.0, 2.0, 4.0))),
    "mutual learning": Entry("no teacher", lambda: MutualLearning(digits_student)),
    "shuffled teacher": Entry("control", lambda T: ShuffledTeacher(soft(T)), grid(T=HEATS)),
    "shuffled in class": Entry("control", lambda T: ShuffledTeacher(soft(T), "class"), grid(T=HEATS)),
    "random teacher": Entry("control", lambda T: RandomTeacher(soft(T)), grid(T=HEATS)),
    "soft targets": Entry("outputs", soft, grid(T=HEATS)),
    "falling temperature": Entry("outputs", ScheduledTemperature, grid(high=(8.0, 16.0), shape=("linear", "cosine"))),
    "annealing": Entry("outputs", lambda highest, first: Stages((AnnealingDistillation(highest), first), (HardLabels(), 1000 - first)),
                       grid(highest=(4, 10), first=(500, 800))),
    "decoupled": Entry("outputs", lambda beta: DecoupledDistillation(beta=beta), grid(beta=(1.0, 2.0, 4.0, 8.0))),
    "DIST": Entry("outputs", lambda both: RelationalMatching(both, both, 4.0), grid(both=(0.5, 1.0, 2.0, 4.0))),
    "standardised logits": Entry("outputs", StandardisedTargets, grid(temperature=(1.0, 2.0), weight=(0.5, 0.9))),
    "noisy teacher": Entry("outputs", NoisyTeacher, grid(sigma=(0.1, 0.3), probability=(0.2, 0.5))),
    "dropout distillation": Entry("outputs", DropoutDistillation),
    "born again": Entry("outputs", BornAgain, grid(label_weight=(0.0, 0.3, 1.0, 3.0)), guide="twin"),
    "born again, permuted": Entry("control", PermutedDarkKnowledge, grid(label_weight=(0.0, 0.3, 1.0, 3.0)), guide="twin"),
    "born again, weights only": Entry("control", ConfidenceWeighted, guide="twin"),
    "teacher assistant": Entry("outputs", soft, grid(T=HEATS), guide="assistant"),
    "densely guided": Entry("outputs", lambda T: DenselyGuided((assistant(),), T), grid(T=HEATS)),
    "soft targets, mixup": Entry("outputs", MixupDistillation, grid(alpha=(0.2, 1.0), temperature=(2.0, 8.0))),
    "function matching": Entry("outputs", FunctionMatching, grid(temperature=(1.0, 2.0, 4.0, 8.0))),
    "soft targets, marginal": Entry("outputs", lambda weight: MarginalLoss(soft(), weight=weight), grid(weight=(0.1, 0.3, 1.0, 3.0))),
    "gradient attention": Entry("features", GradientAttention, grid(weight=(0.1, 1.0, 10.0, 100.0))),
    "hints (FitNets)": Entry("features", lambda **c: on_embedding(FitNets, **c), grid(first=(200, 400), weight=(20.0, 200.0))),
    "similarity preserving": Entry("features", lambda **c: on_embedding(SimilarityPreserving, **c), grid(weight=(30.0, 300.0, 3e3, 3e4))),
    "PKT": Entry("features", lambda **c: on_embedding(ProbabilisticTransfer, **c), grid(weight=(1.0, 10.0, 100.0, 470.0))),
    "RKD, distances": Entry("features", lambda **c: on_embedding(Relational, angle_weight=0.0, **c), grid(distance_weight=(1.0, 5.0, 25.0, 100.0))),
    "VID": Entry("features", lambda **c: on_embedding(VariationalInformation, **c), grid(weight=(0.1, 1.0, 10.0, 100.0))),
    "CRD, in batch": Entry("features", lambda **c: on_embedding(ContrastiveRepresentation, **c), grid(weight=(0.1, 0.3, 0.8, 2.0))),
    "maps: labels alone": Entry("no teacher", HardLabels, division="convolutional"),
    "maps: soft targets": maps_entry("outputs", soft, grid(T=HEATS)),
    "maps: shuffled in class": maps_entry("control", lambda T: ShuffledTeacher(soft(T), "class"), grid(T=HEATS)),
    "maps: random teacher": maps_entry("control", lambda T: RandomTeacher(soft(T)), grid(T=HEATS)),
    "maps: attention transfer": maps_entry("features", AttentionTransfer, grid(weight=(30.0, 100.0, 300.0, 1000.0))),
    "maps: neuron selectivity": maps_entry("features", NeuronSelectivity, grid(weight=(5.0, 50.0, 500.0, 5000.0))),
    "maps: flow of solution": maps_entry("features", lambda **c: two_stages(FlowOfSolution, after=HardLabels(), **c),
                                         grid(first=(100, 200), weight=(5.0, 50.0))),
    "maps: factor transfer": maps_entry("features", FactorTransfer, grid(weight=(5.0, 50.0, 200.0, 500.0))),
    "maps: activation boundaries": maps_entry("features", lambda **c: two_stages(ActivationBoundaries, after=HardLabels(), **c),
                                              grid(first=(100, 200), weight=(1.0, 10.0))),
    "maps: hints (FitNets)": maps_entry("features", lambda **c: two_stages(FitNets, after=soft(), **c),
                                        grid(first=(100, 200), weight=(20.0, 200.0))),
}  # fmt: skip
