"""Recorded: every strategy in one budget, settings chosen on validation, test digits read once, a control beside each."""

import time

from distill_helpers.course.entries import ENTRIES
from distill_helpers.course.few_labels import BUDGETS, few_views, teacher
from distill_helpers.data import load_digits
from distill_helpers.measure.calibration import accuracy, agreement, ece, nll
from distill_helpers.strategies import ShuffledTeacher, Stages
from distill_helpers.training import distill

NAME = "strategy_tournament_tournament"
DATA = ["mnist5k.npz"]
TOLERANCE = {"validation": 0.03, "searched": 0.03, "accuracy": 0.03, "nll": 0.1, "ece": 0.03, "agreement": 0.03, "control": 0.03}
VOLATILE = ("training_s", "entry_s", "teacher_evaluations")
SEARCH_SEEDS, SEEDS = (100, 101, 102), tuple(range(8))
SETTINGS = [{"entry": name} for name in ENTRIES]


def train(name: str, strategy, seeds):
    """Students of one entry's division, by ``strategy``, on the views of the 200 labelled digits."""
    entry = ENTRIES[name]
    guide = teacher(entry.teacher) if entry.teacher else None
    return distill(entry.build, guide, few_views(), strategy, seeds=seeds, recipe=BUDGETS[entry.division])


def search(name: str) -> list[tuple[dict, float]]:
    """(setting, mean validation accuracy over the search seeds) for each setting that the entry may choose from."""
    held, entry = load_digits().validation, ENTRIES[name]
    return [(choice, accuracy(train(name, entry.make(**choice), SEARCH_SEEDS).predict(held), held.labels).mean().item())
            for choice in entry.choices]  # fmt: skip


def shuffled(strategy):
    """The strategy with each image's answers swapped for those to another image of its class."""
    if isinstance(strategy, Stages):
        return Stages(*((shuffled(part) if part.needs_teacher else part, steps) for part, steps in strategy.stages))
    return ShuffledTeacher(strategy, "class")


def run(setting: dict, seeds=SEEDS) -> list[dict]:
    """One entry: search on validation, then fresh seeds and the test digits, and the same with shuffled answers, one row a seed.

    "training_s" and "entry_s" are seconds of processor time, for one student and for the whole entry, so that what else the
    machine does hardly counts. "teacher_evaluations" also counts what the shared teacher was asked by entries before, in the same
    process; ``records_costs`` has the right figures.
    """
    name, test, begun = setting["entry"], load_digits().test, time.process_time()
    entry, tried = ENTRIES[name], search(setting["entry"])
    choice, validation = max(tried, key=lambda pair: pair[1])
    students, training_s = timed(train, name, entry.make(**choice), seeds)
    logits = students.predict(test)
    columns = {f.__name__: f(logits, test.labels) for f in (accuracy, nll, ece)}
    if entry.teacher:
        columns["agreement"] = agreement(logits, teacher(entry.teacher).module(test.x))
    if entry.teacher and entry.family != "control" and not entry.live:
        columns["control"] = accuracy(train(name, shuffled(entry.make(**choice)), seeds).predict(test), test.labels)
    common = {"family": entry.family, "division": entry.division, "teacher": entry.teacher or "none", "choice": written(choice),
              "validation": validation, "searched": "; ".join(f"{written(c)}: {score:.4f}" for c, score in tried),
              "added": students.extra_parameters, "training_s": training_s / len(seeds), "entry_s": time.process_time() - begun,
              "teacher_evaluations": students.teacher_evaluations // len(seeds)}  # fmt: skip
    return [common | {"seed": s} | {k: v[i].item() for k, v in columns.items()} for i, s in enumerate(seeds)]


def timed(function, *given):
    """What the function gives, and its seconds of processor time."""
    begun = time.process_time()
    result = function(*given)
    return result, time.process_time() - begun


def written(choice: dict) -> str:
    """A setting in words."""
    return ", ".join(f"{k} {v:g}" if isinstance(v, (int, float)) else f"{k} {v}" for k, v in choice.items()) or "none to choose"
