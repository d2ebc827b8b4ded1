"""Every strategy of the package is examined; the examination finds the faults that strategies have had."""

import inspect
import math
from dataclasses import dataclass

import examine as examination
import pytest
import torch
from examine import CLASSES, INPUTS, UNITS, examine, teacher
from torch import nn

from distill_helpers import strategies
from distill_helpers.checks import at_least, whole
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
from distill_helpers.strategies.contract import require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy

pytestmark = pytest.mark.usefixtures("no_cache")
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
LAYERS = {"student_layers": "stage2", "teacher_layers": "stage2"}
PAIR = {"student_layers": TWO, "teacher_layers": TWO}

# class -> how to build it, and what examine is told of it
EXAMINED = {
    "ActivationBoundaries": dict(build={"student_layers": ("stage1_pre", "stage2_pre"), "teacher_layers": TWO}, grid=[dict(labels=0.0)]),
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
    "Combined": dict(
        build=dict(parts=(SOFT, SIMILAR)), minimum={"soft": 0, "similarity": 0},
        grid=[dict(parts=(strategies.JacobianMatching(SoftTargets(4.0, 1.0)), SIMILAR)), dict(parts=(strategies.MutualLearning(peer), SIMILAR))],
        others=dict(parts=(HardLabels(), SIMILAR)),
    ),
    "ConditionalGan": dict(build=dict(generator=conditional, latent=6), others=dict(generator=other_conditional)),
    "ConfidenceWeighted": dict(),
    "ContrastiveRepresentation": dict(build=dict(dim=4), grid=[dict(labels=0.0)]),
    "DataFree": dict(build=dict(generator=generator, latent=6), minimum={"match": 0}, others=dict(generator=other_generator)),
    "DataFreeAdversarial": dict(
        build=dict(generator=generator, latent=6), minimum={"gap": 0}, grid=[dict(logarithm=True)], others=dict(generator=other_generator)
    ),
    "DecoupledDistillation": dict(minimum={"target": 0, "nontarget": 0}),
    "DenselyGuided": dict(build=lambda: dict(assistants=(teacher(8),)), others=lambda: dict(assistants=(teacher(9),))),
    "DropoutDistillation": dict(build=dict(passes=3)),
    "FactorTransfer": dict(build=dict(paraphraser_steps=5), grid=[dict(labels=0.0)]),
    "FitNets": dict(minimum={"hint": 0}, twins=identity("regressor0"), grid=[dict(labels=0.0), PAIR]),
    "FlowOfSolution": dict(minimum={"flow": 0}, grid=[dict(labels=0.0)]),
    "FunctionMatching": dict(minimum={"soft": 0}),
    "GradientAttention": dict(minimum={"attention": 0}, grid=[dict(labels=0.0)]),
    "HardLabels": dict(),
    "JacobianMatching": dict(minimum={"soft": 0, "jacobian": 0}, grid=[dict(inner=SoftTargets(2.0, 1.0), weight=5.0), dict(inner=HardLabels())]),
    "LabelSmoothing": dict(),
    "LogitRegression": dict(build=dict(labels=1.0), minimum={"regression": 0}, grid=[dict(norm=1), dict(labels=0.0)], others=dict(norm=1)),
    "MarginalLoss": dict(build=dict(inner=SOFT), minimum={"soft": 0}, grid=[dict(inner=HardLabels())]),
    "Mixup": dict(),
    "MixupDistillation": dict(minimum={"soft": 0}, grid=[dict(weight=1.0)]),
    "MutualLearning": dict(build=dict(peer=peer), others=dict(peer=other_peer)),
    "NeuronSelectivity": dict(minimum={"selectivity": 0}, grid=[dict(labels=0.0)]),
    "NoisyTeacher": dict(build=dict(classes=CLASSES)),
    "Penalised": dict(build=dict(inner=SOFT, l1=0.01, l2=0.01), minimum={"soft": 0}),
    "PermutedDarkKnowledge": dict(build=dict(label_weight=0.5, classes=CLASSES)),
    "ProbabilisticTransfer": dict(minimum={"neighbours": 0}, grid=[dict(labels=0.0)]),
    "RandomTeacher": dict(build=dict(inner=SOFT)),
    "Relabelled": dict(build=dict(threshold=0.4), minimum={"soft": 0}, grid=[dict(inner=HardLabels())]),
    "Relational": dict(minimum={"distance": 0, "angle": 0}, grid=[dict(labels=0.0)]),
    "RelationalMatching": dict(minimum={"inter": 0, "intra": 0}, grid=[dict(inter=2.0, intra=2.0, temperature=4.0, label_weight=0.0)]),
    "RobustDistillation": dict(),
    "ScheduledTemperature": dict(minimum={"soft": 0}, grid=[dict(shape="cosine"), dict(weight=1.0)]),
    "ShuffledTeacher": dict(
        build=dict(inner=SOFT), grid=[dict(within="class", alone="keep"), dict(inner=GAME)], idle=dict(alone="counts where a class has one image"),
    ),
    "SimilarityPreserving": dict(minimum={"similarity": 0}, grid=[dict(labels=0.0)]),
    "SoftTargets": dict(minimum={"soft": 0}, grid=[dict(weight=1.0)]),
    "StandardisedTargets": dict(minimum={"soft": 0}, grid=[dict(weight=1.0)]),
    "StudentDropout": dict(build=dict(units=UNITS, input_rate=0.2), grid=[dict(inner=MixupDistillation()), dict(inner=SOFT, rate=0.2)]),
    "TeacherFree": dict(),
    "VariationalInformation": dict(
        build=PAIR, minimum={"information": math.log(5)}, twins=identity("mean0", "mean1"), grid=[dict(labels=0.0)]
    ),
    "VirtualAdversarial": dict(minimum={"soft": 0}, grid=[dict(inner=MixupDistillation(), iterations=2), dict(inner=HardLabels())]),
    "Watched": dict(build=dict(inner=GAME), others=dict(inner=Adversarial(condition="none", hidden=8))),
}  # fmt: skip
EXCUSED = {"Strategy": "the base of all"}


def classes():
    return {name for name in strategies.__all__ if inspect.isclass(getattr(strategies, name)) and issubclass(getattr(strategies, name), Strategy)}


def built(name):
    """The strategy of the table, and the words for examine."""
    told = {k: v() if inspect.isfunction(v) else v for k, v in EXAMINED[name].items()}
    return getattr(strategies, name)(**told.pop("build", {})), told


def test_every_strategy_is_in_the_table_or_excused():
    assert classes() - set(EXAMINED) == set(EXCUSED)
    assert set(EXAMINED) <= classes()


@pytest.mark.parametrize("name", EXAMINED)
def test_every_strategy_is_sound(name):
    strategy, told = built(name)
    assert examine(strategy, **told) == {}


# ---- the examination itself ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sound(Strategy):
    """Distillation beside labels, as it should be."""

    weight: float = 1.0
    seed: int = 0
    signals = ("labels", "outputs")
    needs_labels = True
    honours_task = True

    def __post_init__(self):
        at_least("weight", self.weight, 0)
        whole("seed", self.seed, 0)

    def draw(self, x, generator):
        return {"part": torch.rand(len(x), generator=generator.manual_seed(generator.initial_seed() + self.seed), device=x.device)}

    def soft(self, s, t, batch):
        return (batch.noise["part"] * (s - t).square().sum(-1)).mean()

    def loss(self, student, teacher, batch):
        s, y = student(batch.x).logits, require_class_targets(batch.y, "Sound")
        return {"soft": self.weight * self.soft(s, teacher(batch).logits, batch), "hard": cross_entropy(s, y, batch.task)}


@dataclass(frozen=True)
class Reading(Sound):
    def soft(self, s, t, batch):
        return super().soft(s, t, batch) * (1 if s.detach().mean().item() < 100 else 2)


@dataclass(frozen=True)
class Drawing(Sound):
    def soft(self, s, t, batch):
        return super().soft(s, t, batch) * torch.rand(())


@dataclass(frozen=True)
class Forgetful(Sound):
    def draw(self, x, generator):
        return {"part": torch.rand(len(x))}


@dataclass(frozen=True)
class Ordered(Sound):
    def soft(self, s, t, batch):
        return super().soft(s, t, batch) + (torch.arange(len(s)) * s[:, 0].square()).mean()


@dataclass(frozen=True)
class Unreduced(Sound):
    def soft(self, s, t, batch):
        return (s - t).square().sum(-1)


@dataclass(frozen=True)
class Held(Sound):
    def loss(self, student, teacher, batch):
        return {name: 0 * student(batch.x).logits.sum() + term.detach() for name, term in super().loss(student, teacher, batch).items()}


@dataclass(frozen=True)
class Shifted(Sound):
    def soft(self, s, t, batch):
        return super().soft(s, t, batch) + 0.1


@dataclass(frozen=True)
class Turned(Sound):
    def soft(self, s, t, batch):
        return -super().soft(s, t, batch).tanh()


@dataclass(frozen=True)
class Overflowing(Sound):
    def soft(self, s, t, batch):
        return super().soft(s, t, batch) + (200 * s).exp().sum(-1).log1p().mean()


@dataclass(frozen=True)
class Idle(Sound):
    smoothing: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        at_least("smoothing", self.smoothing, 0)


@dataclass(frozen=True)
class Unchecked(Sound):
    def __post_init__(self):
        whole("seed", self.seed, 0)


@dataclass(frozen=True)
class Deaf(Sound):
    """Takes the data's task and does not follow it."""

    def loss(self, student, teacher, batch):
        return super().loss(student, teacher, batch._replace(y=batch.y.clamp(min=0), task=None))


@dataclass(frozen=True)
class Modest(Sound):
    needs_labels = False


@dataclass(frozen=True)
class Greedy(Sound):
    def loss(self, student, teacher, batch):
        s = student(batch.x).logits
        return {"hard": self.weight * cross_entropy(s, batch.y, batch.task) + self.soft(s, torch.zeros_like(s), batch)}


@dataclass(frozen=True)
class Counting(Sound):
    calls = [0]

    def soft(self, s, t, batch):
        self.calls[0] += 1
        return super().soft(s, t, batch) * (1 + self.calls[0] % 7)


@dataclass(frozen=True)
class Gridless(Sound):
    def soft(self, s, t, batch):
        return super().soft(s, t, batch) / (self.weight if isinstance(self.weight, torch.Tensor) else 1)


@dataclass
class Melting(Strategy):
    weight: float = 1.0
    seed = 0
    loss, soft, draw, signals, needs_labels, honours_task = Sound.loss, Sound.soft, Sound.draw, Sound.signals, True, True


TOLD = dict(minimum={"soft": 0})
FOUND = [
    (Reading, "no_step_waits_for_the_device"),
    (Drawing, "random_numbers_come_from_draw_alone"),
    (Forgetful, "random_numbers_come_from_draw_alone"),
    (Ordered, "the_order_of_the_batch_does_not_matter"),
    (Unreduced, "it_keeps_the_contract"),
    (Held, "the_gradient_reaches_the_student"),
    (Shifted, "the_least_loss_is_at_the_teacher"),
    (Turned, "the_least_loss_is_at_the_teacher"),
    (Overflowing, "lower_precision_stays_finite"),
    (Idle, "each_field_changes_something"),
    (Unchecked, "bad_numbers_are_named"),
    (Deaf, "a_task_is_followed_or_refused"),
    (Modest, "labels_and_a_teacher_are_asked_for_exactly_where_they_are_needed"),
    (Greedy, "labels_and_a_teacher_are_asked_for_exactly_where_they_are_needed"),
    (Counting, "together_equals_alone_and_repeats"),
    (Gridless, "numbers_vary_in_a_grid_or_the_grid_refuses"),
    (Melting, "it_keeps_the_contract"),
]


def test_a_sound_strategy_passes():
    assert examine(Sound(), **TOLD) == {}


@pytest.mark.parametrize(("kind", "name"), FOUND, ids=[kind.__name__ for kind, _ in FOUND])
def test_the_examination_finds(kind, name, monkeypatch):
    """Each with the one check that is there for it, which a sound strategy passes."""
    monkeypatch.setattr(examination, "CHECKS", {name: examination.CHECKS[name]})
    assert list(examine(kind(), **TOLD)) == [name]


def test_settings_that_are_not_values_are_found(monkeypatch):
    monkeypatch.setattr(examination, "CHECKS", {"settings_are_values": examination.CHECKS["settings_are_values"]})
    assert list(examine(strategies.MutualLearning(lambda: peer()))) == ["settings_are_values"]  # a lambda cannot be pickled
    assert examine(SOFT) == {}
    monkeypatch.setattr(examination, "short_hash", lambda strategy: type(strategy).__name__)
    assert list(examine(SOFT)) == ["settings_are_values"]


def test_every_check_has_a_fault_that_it_finds():
    assert set(examination.CHECKS) == {name for _, name in FOUND} | {"settings_are_values"}
