"""Who enters the tournament: every strategy, the settings among which it may choose, and the teacher it learns from."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

from distill_helpers.course.few_labels import BUDGETS, STUDENTS, assistant
from distill_helpers.models import digits_student
from distill_helpers.models.dropped_student import dropped_digits_student
from distill_helpers.strategies import (
    ActivationBoundaries,
    AdditiveMargin,
    AdjustedTargets,
    Adversarial,
    AdversarialTraining,
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
    JacobianMatching,
    LabelSmoothing,
    LogitRegression,
    MarginalLoss,
    Mixup,
    MixupDistillation,
    MutualLearning,
    NeuronSelectivity,
    NoisyTeacher,
    PermutedDarkKnowledge,
    ProbabilisticTransfer,
    RandomTeacher,
    Relabelled,
    Relational,
    RelationalMatching,
    RobustDistillation,
    ScheduledTemperature,
    ShuffledTeacher,
    SimilarityPreserving,
    SoftTargets,
    Stages,
    StandardisedTargets,
    StudentDropout,
    TeacherFree,
    VariationalInformation,
    VirtualAdversarial,
)

HEATS = (2.0, 4.0, 8.0, 16.0)


@dataclass(frozen=True)
class Entry:
    """family: heading. make(**choice): the strategy. choices: at most four settings. guide: name of the teacher. division: whose student.

    live: the teacher is asked about inputs that the strategy makes up, so its answers cannot be exchanged within a class.
    student: a builder, where the strategy needs one with hooks of its own but the same weights.
    """

    family: str
    make: Callable
    choices: tuple = ({},)
    guide: str = "big"
    division: str = "perceptron"
    live: bool = False
    student: Callable | None = None

    @property
    def build(self) -> Callable:
        """A function that builds the entry's untrained student."""
        return self.student or STUDENTS[self.division]

    @property
    def teacher(self) -> str | None:
        """The name of the teacher that it learns from, None for entries without one."""
        return None if self.family == "no teacher" else self.guide


def grid(**values):
    """All combinations of the named values, as dicts."""
    return tuple(dict(zip(values, combination, strict=True)) for combination in product(*values.values()))


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


def soft(T=8.0, weight=0.9):
    """Soft targets as in notebook 07, at the temperature that they choose themselves."""
    return SoftTargets(T, weight)


ENTRIES = {
    "labels alone": Entry("no teacher", HardLabels),
    "label smoothing": Entry("no teacher", LabelSmoothing, grid(smoothing=(0.05, 0.1, 0.2, 0.4))),
    "teacher-free": Entry("no teacher", lambda weight: TeacherFree(weight=weight, multiplier=400.0), grid(weight=(0.1, 0.3, 0.6, 0.9))),
    "mixup": Entry("no teacher", Mixup, grid(alpha=(0.1, 0.2, 0.4, 1.0))),
    "marginal loss": Entry("no teacher", lambda weight: MarginalLoss(weight=weight), grid(weight=(0.1, 0.3, 1.0, 3.0))),
    "additive margin": Entry("no teacher", AdditiveMargin, grid(margin=(0.5, 1.0, 2.0, 4.0))),
    "student dropout": Entry("no teacher", lambda rate, pixels: StudentDropout(HardLabels(), rate, pixels),
                             grid(rate=(0.1, 0.2), pixels=(0.0, 0.2)), student=dropped_digits_student),
    "adversarial training": Entry("no teacher", lambda eps: AdversarialTraining(eps, 3), grid(eps=(0.02, 0.1))),
    "mutual learning": Entry("no teacher", lambda: MutualLearning(digits_student)),
    "shuffled teacher": Entry("control", lambda T: ShuffledTeacher(soft(T)), grid(T=HEATS)),
    "shuffled in class": Entry("control", lambda T: ShuffledTeacher(soft(T), "class"), grid(T=HEATS)),
    "random teacher": Entry("control", lambda T: RandomTeacher(soft(T)), grid(T=HEATS)),
    "soft targets": Entry("outputs", soft, grid(T=HEATS)),
    "falling temperature": Entry("outputs", ScheduledTemperature, grid(high=(8.0, 16.0), shape=("linear", "cosine"))),
    "annealing": Entry("outputs", lambda highest, first: Stages((AnnealingDistillation(highest), first), (HardLabels(), 1000 - first)),
                       grid(highest=(4, 10), first=(500, 800))),
    "decoupled": Entry("outputs", DecoupledDistillation, grid(temperature=(4.0, 8.0), beta=(2.0, 8.0))),
    "DIST": Entry("outputs", lambda T, both: RelationalMatching(both, both, T), grid(T=(4.0, 8.0), both=(1.0, 4.0))),
    "standardised logits": Entry("outputs", StandardisedTargets, grid(temperature=(1.0, 2.0), weight=(0.5, 0.9))),
    "noisy teacher": Entry("outputs", NoisyTeacher, grid(sigma=(0.1, 0.3), probability=(0.2, 0.5))),
    "dropout distillation": Entry("outputs", DropoutDistillation),
    "logit regression": Entry("outputs", lambda weight, labels: LogitRegression(weight, 2, labels), grid(weight=(0.1, 1.0), labels=(0.0, 1.0))),
    "adjusted targets": Entry("outputs", lambda T, how: AdjustedTargets(T, 0.9, how), grid(T=(8.0, 16.0), how=("shift", "smooth"))),
    "relabelled": Entry("outputs", lambda T, threshold: Relabelled(soft(T), threshold), grid(T=(8.0, 16.0), threshold=(0.5, 0.9))),
    "soft targets, dropout": Entry("outputs", lambda T, pixels: StudentDropout(soft(T), 0.1, pixels), grid(T=(8.0, 16.0), pixels=(0.0, 0.2)),
                                   student=dropped_digits_student),
    "virtual adversarial": Entry("outputs", lambda T, weight: VirtualAdversarial(soft(T), weight, 1.0), grid(T=(8.0, 16.0), weight=(0.3, 1.0))),
    "robust distillation": Entry("outputs", lambda T, eps: RobustDistillation(eps, 3, T), grid(T=(8.0, 16.0), eps=(0.02, 0.1))),
    "critic alone, told the image": Entry("critic", lambda **c: Adversarial(condition="image", **c),
                                          grid(temperature=(1.0, 4.0), gradient_penalty=(0.0, 0.3))),
    "critic alone, answers only": Entry("critic", lambda **c: Adversarial(condition="none", **c),
                                        grid(temperature=(1.0, 4.0), gradient_penalty=(0.0, 0.3))),
    "critic and soft targets": Entry("critic", lambda T, weight: Adversarial(soft(T), weight, gradient_penalty=0.3),
                                     grid(T=(8.0, 16.0), weight=(0.1, 1.0))),
    "critic that names classes": Entry("critic", lambda weight, logits: Adversarial(LogitRegression(logits, 1, 1.0), weight, condition="label"),
                                       grid(weight=(0.1, 1.0), logits=(0.1, 1.0))),
    "critic and logits": Entry("critic", lambda weight, logits: Adversarial(LogitRegression(logits), weight, condition="none", relabelled=1.0),
                               grid(weight=(0.1, 1.0), logits=(0.1, 1.0))),
    "born again": Entry("outputs", BornAgain, grid(label_weight=(0.0, 0.3, 1.0, 3.0)), guide="twin"),
    "born again, permuted": Entry("control", PermutedDarkKnowledge, grid(label_weight=(0.0, 0.3, 1.0, 3.0)), guide="twin"),
    "born again, weights only": Entry("control", ConfidenceWeighted, guide="twin"),
    "teacher assistant": Entry("outputs", soft, grid(T=HEATS), guide="assistant"),
    "densely guided": Entry("outputs", lambda T: DenselyGuided((assistant(),), T), grid(T=HEATS)),
    "soft targets, mixup": Entry("outputs", MixupDistillation, grid(alpha=(0.2, 1.0), temperature=(2.0, 8.0)), live=True),
    "function matching": Entry("outputs", FunctionMatching, grid(temperature=(1.0, 2.0, 4.0, 8.0)), live=True),
    "soft targets, marginal": Entry("outputs", lambda T, weight: MarginalLoss(soft(T), weight=weight), grid(T=(8.0, 16.0), weight=(0.3, 1.0))),
    "gradient attention": Entry("gradients", GradientAttention, grid(weight=(0.1, 1.0, 10.0, 100.0)), live=True),
    "Jacobian matching": Entry("gradients", lambda T, weight: JacobianMatching(soft(T), weight), grid(T=(8.0, 16.0), weight=(1.0, 10.0)),
                               live=True),
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
    "maps: attention transfer": maps_entry("features", AttentionTransfer, grid(weight=(3.0, 10.0, 100.0, 1000.0))),
    "maps: neuron selectivity": maps_entry("features", NeuronSelectivity, grid(weight=(5.0, 50.0, 500.0, 5000.0))),
    "maps: flow of solution": maps_entry("features", lambda **c: two_stages(FlowOfSolution, after=HardLabels(), **c),
                                         grid(first=(100, 200), weight=(5.0, 50.0))),
    "maps: factor transfer": maps_entry("features", lambda weight: FactorTransfer(weight=weight, paraphraser_steps=100),
                                        grid(weight=(50.0, 500.0))),
    "maps: RKD": maps_entry("features", Relational, grid(distance_weight=(2.5, 25.0), angle_weight=(5.0, 50.0))),
    "maps: activation boundaries": maps_entry("features", lambda **c: two_stages(ActivationBoundaries, after=HardLabels(), **c),
                                              grid(first=(100, 200), weight=(1.0, 10.0))),
    "maps: hints (FitNets)": maps_entry("features", lambda **c: two_stages(FitNets, after=soft(), **c),
                                        grid(first=(100, 200), weight=(20.0, 200.0))),
}  # fmt: skip
