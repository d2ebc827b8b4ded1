"""Recorded: the settings of every arm, chosen on the 500 validation digits over eight replicates that are not among the measured ones."""

from functools import lru_cache
from itertools import product

from distill_helpers.course.lessons.soft_targets.arms import LONGER, ONLY, WAYS, arms_at, students, train
from distill_helpers.course.lessons.soft_targets.choosing import DECIDED, STANDSTILL, best, searched
from distill_helpers.course.lessons.soft_targets.halves import ALL, FEW, FIRST_SEARCHED, LABELS
from distill_helpers.data import load_digits_cut

NAME = "soft_targets_search"
DATA = ["mnist5k.npz"]
TOLERANCE = {"accuracy": 0.04}
BUDGET = 48  # settings an arm; training on has one more, to stop

RATES = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64)
DECAYS = (0.0, 0.05, 0.15, 0.5, 1.5, 5.0)
LOW_RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 1.0)  # for training on
COARSE = (0.01, 0.04, 0.16)  # rates, where there is more to choose
SMOOTHINGS = (0.0, 0.1, 0.3, 0.6)
TEMPERATURES = (0.5, 2.0, 8.0, 32.0)
WEIGHTS = (0.4, 0.8, 1.0)

# an arm that is another for more steps has that one's settings
SETTINGS = [{"labels": labels, "arm": arm} for labels in (FEW, ALL) for arm in arms_at(labels) if arm not in LONGER]
# between the regimes the others keep the settings of FEW; what they are held against is tuned anew
SETTINGS += [{"labels": labels, "arm": "alone"} for labels in LABELS if labels not in (FEW, ALL)]


def kind(setting: dict) -> str:
    """The arm, whatever the number of labels."""
    return setting["arm"]


def cells(**values) -> list[dict]:
    """All combinations of the values."""
    return [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]


def stages(arm: str) -> list:
    """The arm's settings, 48 in all, in stages: functions of the ranked settings so far that give settings."""
    if WAYS[arm].begins:
        return [lambda ranked: cells(lr=LOW_RATES, weight_decay=DECAYS) + cells(lr=(STANDSTILL,), weight_decay=(0.0,))]
    if arm == "label smoothing":
        return [lambda ranked: cells(smoothing=SMOOTHINGS, lr=(*COARSE, 0.64), weight_decay=(0.0, 0.05, 0.5))]
    if arm == ONLY:
        return [lambda ranked: cells(temperature=TEMPERATURES, weight=(1.0,), lr=COARSE, weight_decay=(0.0, 0.05, 0.5, 5.0))]
    if "soft" not in arm and arm not in ("class means", "random teacher"):
        return [lambda ranked: cells(lr=RATES, weight_decay=DECAYS)]
    # a weight of 0 is the labels alone, whatever the temperature
    joint = cells(temperature=TEMPERATURES, weight=WEIGHTS, lr=COARSE, weight_decay=(0.05,))
    joint += cells(temperature=(2.0,), weight=(0.0,), lr=COARSE, weight_decay=(0.05,))
    return [lambda ranked: joint, lambda ranked: [cell | {"weight_decay": d} for cell in ranked[:3] for d in (0.0, 0.5, 5.0)]]


@lru_cache(maxsize=None)
def search(arm: str, labels: int) -> tuple[dict, list[dict]]:
    """(the chosen setting, one row a setting and replicate)."""
    earlier, held = None, load_digits_cut().validation
    first = "alone" if WAYS[arm].asked == "earlier student" else WAYS[arm].begins
    if first:
        found, _ = search(first, labels)
        earlier = students(train(first, labels, [found], DECIDED, FIRST_SEARCHED, test=held))

    def score(settings, begin, count):
        before = earlier and earlier[begin : begin + count]
        return train(arm, labels, settings, count, FIRST_SEARCHED + begin, before, held).scores["accuracy"]

    rows = searched(stages(arm), score)
    return best(rows), [row | {"replicate": FIRST_SEARCHED + row["replicate"]} for row in rows]


def run(setting: dict) -> list[dict]:
    """All settings of one arm with so many labels: validation accuracy, one row a setting and replicate."""
    return search(setting["arm"], setting["labels"])[1]
