"""Notebook 12, recorded: every strategy in one budget, settings chosen on validation, test digits read once."""

from distill_helpers.course.entries import BUDGETS, ENTRIES, STUDENTS, few_views, teacher
from distill_helpers.data import load_digits
from distill_helpers.measure.calibration import accuracy, ece, nll
from distill_helpers.training import distill

NAME = "12_tournament"
DATA = ["mnist5k.npz"]
SEARCH_SEEDS, SEEDS = (100, 101, 102), tuple(range(8))
SETTINGS = [{"entry": name} for name in ENTRIES]


def trained(name: str, choice: dict, seeds):
    """Students of one entry with one of its settings, on the 200 labelled digits."""
    entry = ENTRIES[name]
    strategy = entry.make(**choice)
    guide = teacher(entry.teacher) if entry.family != "no teacher" else None
    return distill(STUDENTS[entry.division], guide, few_views(), strategy, seeds=seeds, recipe=BUDGETS[entry.division])


def choose(name: str) -> tuple[dict, float]:
    """The entry's setting with the best mean validation accuracy over the search seeds, and that accuracy."""
    held, best = load_digits().validation, None
    for choice in ENTRIES[name].choices:
        score = accuracy(trained(name, choice, SEARCH_SEEDS).predict(held), held.labels).mean().item()
        if best is None or score > best[1]:
            best = (choice, score)
    return best


def run(setting: dict, seeds=SEEDS) -> list[dict]:
    """One entry: search on validation, then fresh seeds and the test digits, one row a seed."""
    name, test = setting["entry"], load_digits().test
    entry = ENTRIES[name]
    choice, validation = choose(name)
    students = trained(name, choice, seeds)
    logits = students.predict(test)
    columns = {f.__name__: f(logits, test.labels) for f in (accuracy, nll, ece)}
    common = {"family": entry.family, "division": entry.division, "teacher": entry.teacher if entry.family != "no teacher" else "",
              "choice": ", ".join(f"{k}={v}" for k, v in choice.items()), "tried": len(entry.choices), "validation": validation,
              "added": students.extra_parameters, "training_s": students.seconds / len(seeds),
              "teacher_evaluations": students.teacher_evaluations // len(seeds)}  # fmt: skip
    return [common | {"seed": s} | {k: v[i].item() for k, v in columns.items()} for i, s in enumerate(seeds)]
