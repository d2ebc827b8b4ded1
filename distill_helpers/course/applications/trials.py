"""Training an application's arms in one replicate, and the rows and outcomes that its records keep."""

import torch

from distill_helpers.comparison import Arm, Comparison, compare
from distill_helpers.course.applications.task import (
    ALL,
    FEW,
    FIRST_SEARCHED,
    LOOKS,
    SEARCHED,
    UNLABELLED,
    Application,
    lent_teacher,
    replicate_in,
)
from distill_helpers.course.applications.tuning import best, beyond_edges
from distill_helpers.course.applications.ways import ALONE, LONGER, SELF, WAYS
from distill_helpers.measure.calibration import accuracy, agreement, ece, nll
from distill_helpers.training import Teacher
from distill_helpers.training.callbacks import Curve
from distill_helpers.training.run import inputs_of

TOP = 5
FURTHER = 4


def train(app: Application, regime: str, arms: dict, seed: int, test=None, answers=None, watch=()) -> Comparison:
    """The arms, {name: (way, its numbers)}, on one replicate's examples of the regime; within it they see the same batches.

    answers: who answers, a module; by default the replicate's teacher, where an arm has one. test: by default its test set. Numbers may hold lr,
    weight_decay and steps.
    """
    drawn = app.draw(seed)
    replicate = replicate_in(app, regime, drawn, seed)
    needed = any(WAYS[way].teacher for way, _ in arms.values())
    teacher = None
    if needed:
        teacher = Teacher(answers or lent_teacher(app, seed)).over(drawn.pool.subset(replicate.rows), cache=None)
    made = {}
    for name, (way, numbers) in arms.items():
        own = {key: numbers[key] for key in ("lr", "weight_decay", "steps") if key in numbers}
        if "steps" in own:
            own["check_every"] = max(1, own["steps"] // LOOKS)
        made[name] = Arm(WAYS[way].build(**numbers), **own)
    return compare(app.student, teacher, drawn.pool, made, test=drawn.test if test is None else test, replicates=[replicate],
                   recipe=app.recipe, stack=False, progress=False, watch=watch)  # fmt: skip


def in_one_regime(app: Application, regime: str, numbers: dict, seed: int):
    """Every arm of a regime in one replicate, with its chosen numbers: (rows, outcomes), and the teacher's row where all labels are there.

    numbers: {regime: {arm: its numbers}}. A row: accuracy, top5, nll, ece and agreement with the teacher on test; diverged; looks: accuracy on
    validation at each of the steps in "at". outcomes: right, bool [1, arm, test example], where test examples are shared by all replicates.
    """
    drawn, guide = app.draw(seed), lent_teacher(app, seed)
    base = numbers[FEW if regime == UNLABELLED else regime][ALONE]
    arms = {}
    for arm in app.arms(regime):
        if arm == LONGER:
            arms[arm] = arm, base | {"steps": app.longer}
        elif arm != SELF:
            arms[arm] = arm, numbers[regime][arm]
    curve = Curve(drawn.validation, lambda z, y: {"accuracy": accuracy(z, y)})
    found = train(app, regime, arms, seed, watch=(curve,))
    parts = [(arm, found, curve) for arm in arms]
    if SELF in app.arms(regime):
        earlier = train(app, FEW, {ALONE: (ALONE, base)}, seed, drawn.validation).model(ALONE)
        second = Curve(drawn.validation, lambda z, y: {"accuracy": accuracy(z, y)})
        parts.append((SELF, train(app, regime, {SELF: (SELF, numbers[regime][SELF])}, seed, answers=earlier, watch=(second,)), second))
    with torch.no_grad():
        taught = answered(guide, drawn.test)
    rows, right = [], []
    if regime == ALL:
        rows.append({"arm": "teacher", "replicate": seed} | scores(taught, drawn.test.labels, taught) | {"diverged": 0, "at": "", "looks": ""})
        right.append(taught.argmax(-1) == drawn.test.labels)
    for arm, comparison, watched in parts:
        logits, lost = answered(comparison.model(arm), drawn.test), int(comparison.diverged[0, comparison.arms.index(arm)])
        logits = torch.zeros_like(logits) if lost else logits  # it counts as guessing
        seen = [row for row in watched.rows if row["name"] == arm]
        rows.append({"arm": arm, "replicate": seed} | scores(logits, drawn.test.labels, taught)
                    | {"diverged": lost, "at": " ".join(str(row["step"]) for row in seen),
                       "looks": " ".join(f"{row['accuracy']:.4f}" for row in seen)})  # fmt: skip
        right.append(logits.argmax(-1) == drawn.test.labels)
    return rows, {"right": torch.stack(right).unsqueeze(0).numpy()} if app.crossed else {}


def scores(logits, labels, taught) -> dict:
    """Accuracy, top-5 accuracy, nll, ece and agreement with the teacher."""
    top5 = (logits.topk(min(TOP, logits.shape[-1]), -1).indices == labels.unsqueeze(-1)).any(-1).float().mean()
    values = {"accuracy": accuracy(logits, labels), "top5": top5, "nll": nll(logits, labels), "ece": ece(logits, labels),
              "agreement": agreement(logits, taught)}  # fmt: skip
    return {name: round(float(value), 6) for name, value in values.items()}


@torch.no_grad()
def answered(module, data):
    """Logits [N, classes] to an image set, 500 images at a time."""
    return torch.cat([module(part) for part in inputs_of(data).split(500)])


def searched(app: Application, regime: str, arm: str, chosen_alone: dict | None = None) -> list[dict]:
    """Validation accuracy of each of an arm's settings on the search replicates: one row a setting and replicate.

    A winner at an edge of what was tried is followed beyond it, four times at most, whatever the arm. chosen_alone: for self-training, the
    numbers of the student that answers.
    """
    seeds = range(FIRST_SEARCHED, FIRST_SEARCHED + SEARCHED)
    earlier = {}
    if arm == SELF:
        earlier = {s: train(app, FEW, {ALONE: (ALONE, chosen_alone)}, s, app.draw(s).validation).model(ALONE) for s in seeds}
    rows: list[dict] = []

    def tried(cells):
        values = torch.stack([train(app, regime, {str(i): (arm, cell) for i, cell in enumerate(cells)}, s, app.draw(s).validation,
                                    earlier.get(s)).scores["accuracy"][0] for s in seeds])  # fmt: skip
        for i, cell in enumerate(cells):
            rows.extend(cell | {"replicate": s, "accuracy": round(v.item(), 6)} for s, v in zip(seeds, values[:, i], strict=True))

    for stage in WAYS[arm].stages():
        tried(stage(best(rows) if rows else {}))
    for _ in range(FURTHER):
        beyond = beyond_edges(arm, rows)
        if not beyond:
            break
        tried(beyond)
    return rows
