"""Recorded: how the game goes over the steps, for a critic alone in four forms, without any label."""

from dataclasses import dataclass

from distill_helpers.course.lessons.discriminative_distillation.records_game import PENALTY, SLOW, pool_and_teacher
from distill_helpers.data import load_digits
from distill_helpers.measure.calibration import accuracy
from distill_helpers.models import digits_student
from distill_helpers.strategies.critics.discriminator import Adversarial
from distill_helpers.strategies.critics.watched import Watched
from distill_helpers.training import distill

NAME = "discriminative_distillation_dynamics"
DATA = ["mnist5k.npz"]
TOLERANCE = {"told_apart": 0.1, "critic": 0.1, "fool": 0.1, "accuracy": 0.03}
SEEDS, BIN = tuple(range(8)), 25


@dataclass(frozen=True)
class SignLeak(Adversarial):
    """A bug on purpose: the student's side is shown as log-softmax, the teacher's as softmax."""

    def shown(self, student, teacher, batch):
        ours, theirs = super().shown(student, teacher, batch)
        return ours.log(), theirs


ARMS = {
    "sees the image, penalty": Adversarial(gradient_penalty=PENALTY),
    "sees the image, no penalty": Adversarial(),
    "no image, penalty": Adversarial(condition="none", gradient_penalty=PENALTY),
    "sign leak, penalty": SignLeak(gradient_penalty=PENALTY),
}
SETTINGS = [{"arm": arm} for arm in ARMS]


def run(setting: dict, seeds=SEEDS) -> list[dict]:
    """One arm on the 200 digits: the losses and the critic's accuracy in bins of steps, and the student's test accuracy, for each seed."""
    pool, guide = pool_and_teacher("200 labels")
    students = distill(digits_student, guide, pool, Watched(ARMS[setting["arm"]]), seeds=seeds, recipe=SLOW)
    test = load_digits().test
    final = accuracy(students.predict(test), test.labels)
    bins = {name: values.unflatten(0, (-1, BIN)).mean(1) for name, values in students.history.items()}
    return [
        {"seed": s, "step": BIN * b, "told_apart": bins["told apart"][b, i].item(), "critic": bins["critic"][b, i].item(),
         "fool": bins["fool"][b, i].item(), "accuracy": final[i].item()}
        for i, s in enumerate(seeds) for b in range(SLOW.steps // BIN)
    ]  # fmt: skip
