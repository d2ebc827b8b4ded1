"""Recorded: the residual student taken apart: without skip, without inner activation, without normalisation, with 1 to 8 blocks."""

from distill_helpers.course.lessons.the_residual_student.records_bottleneck import BUDGET, INNER, pool_and_teacher
from distill_helpers.course.lessons.the_residual_student.records_bottleneck import DATA as DATA
from distill_helpers.data import load_digits
from distill_helpers.measure.calibration import accuracy
from distill_helpers.models import ResidualStudent
from distill_helpers.models.ablated import AblatedStudent
from distill_helpers.strategies import SoftTargets
from distill_helpers.training import distill

NAME = "the_residual_student_ablation"
TOLERANCE = {"accuracy": 0.03}
SEEDS = tuple(range(8))
WIDTH, BLOCKS = 32, (1, 2, 4, 8)
DESIGNS = {
    "residual": lambda blocks: ResidualStudent(784, WIDTH, INNER, blocks, 10),
    "without skip": lambda blocks: AblatedStudent(784, WIDTH, INNER, blocks, 10, skip=False),
    "without inner activation": lambda blocks: AblatedStudent(784, WIDTH, INNER, blocks, 10, inner_activation=False),
    "without normalisation": lambda blocks: AblatedStudent(784, WIDTH, INNER, blocks, 10, norm=False),
}
SETTINGS = [{"design": design, "blocks": blocks} for design in DESIGNS for blocks in BLOCKS]


def run(setting: dict, seeds=SEEDS) -> list[dict]:
    """One design with so many blocks, distilled: test accuracy, a row a seed."""
    pool, teacher = pool_and_teacher()
    test = load_digits().test
    trained = distill(lambda: DESIGNS[setting["design"]](setting["blocks"]), teacher, pool, SoftTargets(2.0, 0.9), seeds=seeds, recipe=BUDGET)
    right = accuracy(trained.predict(test), test.labels)
    return [{"parameters": trained.parameters, "seed": s, "accuracy": right[i].item()} for i, s in enumerate(seeds)]
