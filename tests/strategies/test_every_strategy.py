"""Every strategy of the package is examined; the examination finds the faults that strategies have had."""

from dataclasses import dataclass

import examine as examination
import pytest
import torch
from examine import examine
from examined import EXAMINED, EXCUSED, SOFT, built, classes, peer

from distill_helpers import strategies
from distill_helpers.checks import at_least, whole
from distill_helpers.strategies import Strategy
from distill_helpers.strategies.contract import require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy

pytestmark = pytest.mark.usefixtures("no_cache")
def test_every_strategy_is_examined_or_excused():
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
class Summed(Sound):
    def soft(self, s, t, batch):
        return (s - t).square().sum()


@dataclass(frozen=True)
class Unreduced(Sound):
    def soft(self, s, t, batch):
        return (s - t).square().sum(-1)


@dataclass(frozen=True)
class Held(Sound):
    def loss(self, student, teacher, batch):
        return {name: 0 * student(batch.x).logits.sum() + term.detach() for name, term in super().loss(student, teacher, batch).items()}


@dataclass(frozen=True)
class Parted(Sound):
    """One of its terms has no gradient, which the other hides."""

    def soft(self, s, t, batch):
        return super().soft(s.detach(), t, batch)


@dataclass(frozen=True)
class Crossed(Sound):
    """A cross-entropy, whose least value is the teacher's entropy."""

    sign = -1

    def soft(self, s, t, batch):
        return self.sign * (batch.noise["part"] * (t.softmax(-1) * s.log_softmax(-1)).sum(-1)).mean()


@dataclass(frozen=True)
class CrossedOut(Crossed):
    sign = 1


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
    (Summed, "the_size_of_the_batch_does_not_matter"),
    (Unreduced, "it_keeps_the_contract"),
    (Held, "the_gradient_reaches_the_student"),
    (Parted, "the_gradient_reaches_the_student"),
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


def test_a_least_value_that_is_no_number_is_still_the_least():
    assert examine(Crossed(), minimum={"soft": None}) == {}
    assert "the_least_loss_is_at_the_teacher" in examine(CrossedOut(), minimum={"soft": None})


def test_a_learnt_extra_is_named_where_the_least_value_is_not_reached():
    (said,) = [text for name, text in examine(built("FitNets")[0], minimum={"hint": 0}).items() if name == "the_least_loss_is_at_the_teacher"]
    assert "twins" in said


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
