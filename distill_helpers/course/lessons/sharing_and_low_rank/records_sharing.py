"""Recorded: tied layers, hashed weights and a shared trunk, each against nets that share nothing."""

from dataclasses import dataclass
from functools import lru_cache

import torch

from distill_helpers.data import ViewPool, load_digits, make_views
from distill_helpers.measure.calibration import accuracy
from distill_helpers.models import BigMLP, PlainMLP, PlainPerceptron
from distill_helpers.models.hashed import HashedMLP
from distill_helpers.models.two_heads import TwoHeads
from distill_helpers.strategies import HardLabels
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.contract.divergences import cross_entropy
from distill_helpers.training import Recipe, distill

NAME = "sharing_and_low_rank_sharing"
DATA = ["mnist5k.npz"]
TOLERANCE = {"accuracy": 0.03, "turned": 0.03}
SEEDS = tuple(range(5))
BUDGET = Recipe(steps=800, lr=2e-3)
WIDTH, DEPTHS = 64, (3, 5, 8)
VIRTUAL, RATIOS = 256, (1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64)
TASK_WIDTH, HALF_WIDTH = 64, 33


def size(model) -> int:
    """Parameters of one model."""
    return sum(p.numel() for p in model.parameters())


def tied(depth):
    """Hidden layers 2 to ``depth`` are one layer, used again and again."""
    return PlainMLP(784, WIDTH, depth, 10, tied=True)


def thin(budget: int, build, most: int = 400):
    """The widest net of ``build(width)`` that stays within ``budget`` parameters."""
    with torch.device("meta"):
        return max(width for width in range(1, most) if size(build(width)) <= budget)


def tying(model: str, depth: int):
    """The model of this name at this depth."""
    if model == "tied":
        return tied(depth)
    width = WIDTH if model == "untied" else thin(size(tied(depth)), lambda w: PlainMLP(784, w, depth, 10))
    return PlainMLP(784, width, depth, 10)


def hashing(model: str, ratio: float):
    """A hashed net of 256 virtual neurons, or one hidden layer of as many parameters."""
    hashed = HashedMLP(784, VIRTUAL, 10, ratio)
    return hashed if model == "hashed" else PlainPerceptron(784, thin(size(hashed), lambda w: PlainPerceptron(784, w, 10)), 10)


@dataclass(frozen=True)
class TwoTasks(Strategy):
    """Cross-entropy of both tasks, added; targets {"digit", "turned"}, logits [B, 10 + 2]."""

    needs_labels = True
    needs_teacher = False

    def loss(self, student, teacher, batch):
        z = student(batch.x).logits
        return {"digit": cross_entropy(z[:, :10], batch.y["digit"]), "turned": cross_entropy(z[:, 10:], batch.y["turned"])}


def turned(images, seed: int):
    """Half of the images turned by a quarter, chosen by seed; images uint8 [N, 1, H, W] and whether each was turned, int64 [N]."""
    which = torch.rand(len(images), generator=torch.Generator().manual_seed(seed)) < 0.5
    return torch.where(which.view(-1, 1, 1, 1), images.rot90(1, (2, 3)), images), which.long()


@lru_cache(maxsize=1)
def two_tasks():
    """The training pool with both targets, and the test images with theirs."""
    digits = load_digits()
    pools = [make_views(digits.train, 8, 2)]
    marks = [turned(view, seed) for seed, view in enumerate(pools[0].pixels)]
    images, flags = torch.cat([m[0] for m in marks]), torch.cat([m[1] for m in marks])
    pool = ViewPool(images.unsqueeze(0), {"digit": digits.train.labels.repeat(8), "turned": flags}, 12, "digits, some turned")
    test, test_flags = turned(digits.test.images, 99)
    return pool, test.float() / 255, {"digit": digits.test.labels, "turned": test_flags}


SETTINGS = [{"part": "tying", "model": m, "at": d} for m in ("untied", "tied", "untied, as small") for d in DEPTHS]
SETTINGS += [{"part": "hashing", "model": m, "at": r} for m in ("hashed", "thin") for r in RATIOS]
SETTINGS += [{"part": "tasks", "model": m, "at": 0} for m in ("shared trunk", "two nets", "two nets, as small")]


def run(setting: dict, seeds=SEEDS) -> list[dict]:
    """One model: parameters and test accuracy (for two tasks: of each), one row a seed."""
    if setting["part"] == "tasks":
        return run_tasks(setting["model"], seeds)
    digits = load_digits()
    build = {"tying": tying, "hashing": hashing}[setting["part"]]
    views = make_views(digits.train, 8, 2)
    trained = distill(lambda: build(setting["model"], setting["at"]), None, views, HardLabels(), seeds=seeds, recipe=BUDGET)
    right = accuracy(trained.predict(digits.test), digits.test.labels)
    return [{"parameters": trained.parameters, "seed": s, "accuracy": right[i].item()} for i, s in enumerate(seeds)]


def run_tasks(model: str, seeds) -> list[dict]:
    """Digit and turning, by one trunk with two heads or by two nets; parameters of all that is needed for both."""
    pool, x, y = two_tasks()
    if model == "shared trunk":
        trained = distill(lambda: TwoHeads(784, TASK_WIDTH, 10, 2), None, pool, TwoTasks(), seeds=seeds, recipe=BUDGET)
        logits, parameters = trained.predict(x), trained.parameters
        digit, turn = logits[..., :10], logits[..., 10:]
    else:
        width, answers, parameters = TASK_WIDTH if model == "two nets" else HALF_WIDTH, [], 0
        for task, classes in (("digit", 10), ("turned", 2)):
            part = ViewPool(pool.pixels, pool.labels[task], classes, task)
            run_ = distill(lambda c=classes: BigMLP(784, width, 2, c), None, part, HardLabels(), seeds=seeds, recipe=BUDGET)
            answers.append(run_.predict(x))
            parameters += run_.parameters
        digit, turn = answers
    a, b = accuracy(digit, y["digit"]), accuracy(turn, y["turned"])
    return [{"parameters": parameters, "seed": s, "accuracy": a[i].item(), "turned": b[i].item()} for i, s in enumerate(seeds)]
