"""The control that has what the teacher learnt from: the student alone, on the teacher's labelled examples beside its own labelled ones."""

import torch

from distill_helpers.comparison import Arm, Comparison, compare
from distill_helpers.course.applications.task import ALL, FEW, FIRST, FIRST_SEARCHED, REGIMES, REPLICATES, SEARCHED, UNLABELLED, Application, Drawn
from distill_helpers.course.applications.trials import FURTHER, answered, scores
from distill_helpers.course.applications.tuning import best, beyond_edges
from distill_helpers.course.applications.ways import ALONE, WAYS
from distill_helpers.course.records import read_outcomes, read_record
from distill_helpers.measure.crossed import two_way
from distill_helpers.measure.statistics import Difference, paired
from distill_helpers.training.replicates import Replicate, balanced

BOTH = "alone, teacher's labels too"
SEARCH, READ = "search", "read"
LABELS = (ALL, FEW)  # of the student's own examples; an unlabelled one teaches this arm nothing
FINALISTS, DECIDED = 3, 8  # the best so many settings are held against each other on so many search replicates: a rival must not be weak by luck


def replicate_with_both(app: Application, regime: str, drawn: Drawn, seed: int) -> Replicate:
    """The teacher's examples and the student's labelled ones, all with their labels."""
    mine = drawn.mine
    if regime == FEW:
        mine = mine[balanced(drawn.pool.labels, mine, app.few, drawn.pool.ignore_index)]
    return Replicate(seed, torch.cat([drawn.teaches, mine]), None, None)


def train_with_both(app: Application, regime: str, cells: list[dict], seed: int, test) -> Comparison:
    """One student alone for each cell, a dict with lr and weight_decay, named "0", "1", ...; all of the recipe's length."""
    drawn = app.draw(seed)
    arms = {str(i): Arm(WAYS[ALONE].build(**cell), **cell) for i, cell in enumerate(cells)}
    return compare(app.student, None, drawn.pool, arms, test=test, replicates=[replicate_with_both(app, regime, drawn, seed)], recipe=app.recipe,
                   stack=False, progress=False)  # fmt: skip


def with_both(app: Application, regime: str):
    """(rows, outcomes) of the control. Rows of the part "search": validation accuracy of each setting on the search replicates, over the fifteen
    settings of alone and beyond an edge as ``searched`` goes on, then of the best three on six more. Rows of the part "read": the best of these
    on test in each measured replicate. outcomes: right, bool [replicate, 1, test example], where the replicates share a test set.
    """
    tried: list[dict] = []

    def trial(cells, seeds):
        for seed in seeds:
            found = train_with_both(app, regime, cells, seed, app.draw(seed).validation)
            tried.extend(c | {"replicate": seed, "accuracy": round(found.scores["accuracy"][0, i].item(), 6)} for i, c in enumerate(cells))

    first = range(FIRST_SEARCHED, FIRST_SEARCHED + SEARCHED)
    trial(WAYS[ALONE].stages()[0]({}), first)
    for _ in range(FURTHER):
        cells = beyond_edges(ALONE, tried)
        if not cells:
            break
        trial(cells, first)
    finalists = best_few(tried, FINALISTS)
    trial(finalists, range(FIRST_SEARCHED + SEARCHED, FIRST_SEARCHED + DECIDED))
    chosen = best([row for row in tried if {k: row[k] for k in finalists[0]} in finalists])
    rows, right = [{"part": SEARCH} | row | {"nll": "", "ece": "", "diverged": 0} for row in tried], []
    for seed in range(FIRST, FIRST + REPLICATES):
        test = app.draw(seed).test
        found = train_with_both(app, regime, [chosen], seed, test)
        lost, logits = int(found.diverged[0, 0]), answered(found.model("0"), test)
        logits = torch.zeros_like(logits) if lost else logits  # it counts as guessing
        told = scores(logits, test.labels, logits)
        rows.append({"part": READ} | chosen | {"replicate": seed} | {k: told[k] for k in ("accuracy", "nll", "ece")} | {"diverged": lost})
        right.append(logits.argmax(-1) == test.labels)
    return rows, {"right": torch.stack(right).unsqueeze(1).numpy()} if app.crossed else {}


def best_few(rows: list[dict], count: int) -> list[dict]:
    """The best so many settings, best first, by the mean over the replicates that each was tried on."""
    left, found = list(rows), []
    while left and len(found) < count:
        found.append(best(left))
        left = [row for row in left if {k: row[k] for k in found[-1]} != found[-1]]
    return found


def over_both(results, record: str) -> dict[str, Difference]:
    """{regime: what the soft arm of ``results`` gains over the control of the record ``record``}; unlabelled data beside few labels."""
    rows, found = read_record(record), {}
    right = {setting["regime"]: packed.get("right") for setting, packed in read_outcomes(record)}
    for regime in REGIMES:
        place = FEW if regime == UNLABELLED else regime
        mine = rows[(rows.regime == place) & (rows.part == READ)].sort_values("replicate")
        lost = int(((mine.diverged.to_numpy() > 0) | (results.column(regime, results.soft, "diverged") > 0)).sum())
        name = f"{results.soft} - {BOTH}"
        if results.app.crossed:
            found[regime] = two_way(results.outcomes(regime, results.soft), right[place][:, 0].astype(float), name=name, shared=True, diverged=lost)
        else:
            found[regime] = paired(results.column(regime, results.soft, results.measure), mine[results.measure].to_numpy(dtype=float), name=name,
                                   diverged=lost)  # fmt: skip
    return found
