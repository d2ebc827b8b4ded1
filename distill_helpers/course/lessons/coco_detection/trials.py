"""Training the lesson's arms in one replicate, and the rows that its records keep."""

from dataclasses import replace

from distill_helpers.comparison import Arm, Comparison, compare
from distill_helpers.course.applications.task import ALL, FEW, FIRST_SEARCHED, SEARCHED, UNLABELLED
from distill_helpers.course.applications.ways import ALONE, LONGER
from distill_helpers.course.lessons.coco_detection.choosing import best, beyond_edges
from distill_helpers.course.lessons.coco_detection.scoring import Watch, at_best_threshold, precision, zero
from distill_helpers.course.lessons.coco_detection.task import Task, lent_teacher, pool_in
from distill_helpers.course.lessons.coco_detection.ways import WAYS, arms_in, to_search
from distill_helpers.data import Pool
from distill_helpers.training import Teacher
from distill_helpers.training.replicates import Replicate

FURTHER = 4
LOOKS = 20  # on validation, while an arm is trained


def train(task: Task, regime: str, arms: dict, seed: int, teacher=None, watch=(), pool: Pool | None = None) -> Comparison:
    """The arms, {name: (way, its numbers)}, on one replicate's pictures of the regime; within it they see the same batches.

    teacher: a module that answers; by default the replicate's, where an arm has one. Numbers may hold lr, weight_decay and steps.
    """
    pool = pool_in(task, regime, task.draw(seed)) if pool is None else pool
    taught = None
    if any(WAYS[way].teacher for way, _ in arms.values()):
        taught = Teacher(teacher or lent_teacher(task, seed))
    made = {}
    for name, (way, numbers) in arms.items():
        own = {key: numbers[key] for key in ("lr", "weight_decay", "steps") if key in numbers}
        if "steps" in own:
            own["check_every"] = max(1, own["steps"] // LOOKS)
        made[name] = Arm(WAYS[way].build(**numbers), **own)
    # the arms are scored by their boxes afterwards; what is measured here is that logits are finite
    return compare(task.student, taught, pool, made, test=pool.subset([0]), replicates=[Replicate(seed, None, None, None)], recipe=task.recipe,
                   measures=lambda logits, labels: {"finite": logits.isfinite().flatten(1).all(1).float()}, stack=False, progress=False,
                   watch=watch)  # fmt: skip


def in_one_regime(task: Task, regime: str, numbers: dict, seed: int) -> list[dict]:
    """Every arm of a regime in one replicate, with its chosen numbers, and the teacher's row where all boxes are there.

    numbers: {regime: {arm: its numbers}}. A row: average precision on test ("ap", "ap50", "ap75", "small", "medium", "large"); what is right and
    wrong there at the threshold of the best F1 on validation; diverged; looks: ap on validation at each of the steps in "at".
    """
    drawn = task.draw(seed)
    arms = {}
    for arm in arms_in(regime):
        arms[arm] = (arm, numbers[regime][ALONE] | {"steps": task.longer}) if arm == LONGER else (arm, numbers[regime][arm])
    watch = Watch(drawn.validation)
    found = train(task, regime, arms, seed, watch=(watch,))
    rows = []
    if regime == ALL:
        rows.append({"arm": "teacher", "replicate": seed} | scores(lent_teacher(task, seed), drawn) | {"diverged": 0, "at": "", "looks": ""})
    for arm in arms:
        lost = int(found.diverged[0, found.arms.index(arm)])
        seen = [row for row in watch.rows if row["name"] == arm]
        rows.append({"arm": arm, "replicate": seed} | (zero(drawn.test) if lost else scores(found.model(arm), drawn))
                    | {"diverged": lost, "at": " ".join(str(row["step"]) for row in seen),
                       "looks": " ".join(f"{row['ap']:.4f}" for row in seen)})  # fmt: skip
    return rows


def scores(model, drawn) -> dict:
    """Average precision on test, and what is right and wrong there at the threshold that validation chose."""
    return precision(model, drawn.test) | at_best_threshold(model, drawn.validation, drawn.test)


def searched(task: Task, regime: str, arm: str) -> list[dict]:
    """Mean average precision on validation of each of an arm's settings on the search replicates: one row a setting and replicate.

    A winner at an edge of what was tried is followed beyond it, four times at most, whatever the arm.
    """
    seeds = range(FIRST_SEARCHED, FIRST_SEARCHED + SEARCHED)
    short, rows = replace(task, recipe=replace(task.recipe, check_every=task.recipe.steps)), []

    def tried(cells):
        for seed in seeds:
            found, held = train(short, regime, {str(i): (arm, cell) for i, cell in enumerate(cells)}, seed), task.draw(seed).validation
            for i, cell in enumerate(cells):
                lost = int(found.diverged[0, i])
                ap = 0.0 if lost else precision(found.model(str(i)), held)["ap"]
                rows.append(cell | {"replicate": seed, "ap": ap, "diverged": lost})

    for stage in WAYS[arm].stages():
        tried(stage(best(rows) if rows else {}))
    for _ in range(FURTHER):
        beyond = beyond_edges(arm, rows)
        if not beyond:
            break
        tried(beyond)
    return rows


__all__ = ["ALL", "FEW", "UNLABELLED", "in_one_regime", "scores", "searched", "to_search", "train"]
