"""Watchers: what may be done at each look of a run, every ``recipe.check_every`` steps.

A watcher is any callable that takes the Run; it may return "stop". Those here also keep their state in a checkpoint. Where students
are trained one by one, a watcher meets them one after the other, each in a Run of its own.
"""

import csv
import math
from pathlib import Path

import torch

from distill_helpers.checks import InputError, needed, positive, whole
from distill_helpers.measure.calibration import accuracy, nll
from distill_helpers.training.loop import STOP


class Curve:
    """Accuracy and loss (mean negative log-likelihood, nats) of each student on held-out data at each look.

    held_out: an ImageSet or a pool with labels. measure: a function of (logits [students, N, ...], labels) that gives {name: [students]},
    in place of these two. ``rows``: one dict for each look and student: step, seed, name, and the measures. ``table()``: the same as a DataFrame.
    Raises InputError for data without labels.
    """

    def __init__(self, held_out, measure=None):
        if getattr(held_out, "labels", None) is None:
            raise InputError("held_out must carry labels, but it has none.")
        self.held_out, self.measure, self.rows = held_out, measure or accuracy_and_loss, []

    def __call__(self, run):
        values = scored(self.measure, run.predict(self.held_out), self.held_out.labels)
        for i, (seed, name) in enumerate(zip(run.seeds, run.names, strict=True)):
            self.rows.append({"step": run.step, "seed": seed, "name": name} | {what: float(v[i]) for what, v in values.items()})

    def reset(self):
        self.rows = []

    def table(self):
        """The rows as a DataFrame."""
        pd = needed("pandas")
        return pd.DataFrame(self.rows)

    def state(self):
        return {}, self.rows

    def load(self, tensors, words):
        self.rows = list(words)


def scored(function, logits, labels):
    """``function(logits, labels)``, with NaN for students whose logits are not all finite. Places without a label (-100 or another negative
    number) do not count.
    """
    labels = labels.to(logits.device)
    if isinstance(labels, torch.Tensor) and not labels.is_floating_point() and (labels < 0).any():
        logits, labels = logits[:, labels >= 0], labels[labels >= 0]
    lost = ~logits.flatten(1).isfinite().all(1)
    found = function(torch.where(lost.view(-1, *[1] * (logits.dim() - 1)), torch.zeros_like(logits), logits), labels)
    mark = lambda values: torch.where(lost, torch.nan, torch.as_tensor(values, device=lost.device).float())
    return {name: mark(values) for name, values in found.items()} if isinstance(found, dict) else mark(found)


def accuracy_and_loss(logits, labels) -> dict[str, torch.Tensor]:
    """{"accuracy": [students], "loss": [students]} for class labels."""
    return {"accuracy": accuracy(logits, labels), "loss": nll(logits, labels)}


class Best:
    """Keeps each student's weights at the look where it was best on held-out data.

    score: a function of (logits [students, N, ...], labels) -> [students], greater is better; accuracy by default. ``steps``, ``scores``: where
    each student was best, and how good; ``put_back(run)`` gives the run those weights. The first of equal looks counts.
    """

    def __init__(self, held_out, score=accuracy):
        if getattr(held_out, "labels", None) is None:
            raise InputError("held_out must carry labels, but it has none.")
        self.held_out, self.score, self.kept = held_out, score, {}

    def __call__(self, run):
        found = scored(self.score, run.predict(self.held_out), self.held_out.labels)
        state = run.fleet.state()["student"]
        for i, who in enumerate(_students(run)):
            value = -math.inf if math.isnan(found[i]) else float(found[i])
            if who not in self.kept or value > self.kept[who][0]:
                self.kept[who] = (value, run.step, {name: t[i].detach().clone() for name, t in state.items()})

    def reset(self):
        self.kept = {}

    @property
    def scores(self) -> list[float]:
        return [score for score, _, _ in self.kept.values()]

    @property
    def steps(self) -> list[int]:
        return [step for _, step, _ in self.kept.values()]

    @torch.no_grad()
    def put_back(self, run):
        """Give each student of ``run`` its best weights, and return the run."""
        for part in run.parts:
            self.put_back(part)
        state = run.fleet.state()["student"]
        for i, who in enumerate(_students(run)):
            if who not in self.kept:
                raise InputError(f"run must be the run that was watched, but its student {who!r} was not.")
            for name, tensor in self.kept[who][2].items():
                state[name][i].copy_(tensor)
        return run

    def state(self):
        tensors = {f"{place}/{name}": t for place, (_, _, weights) in enumerate(self.kept.values()) for name, t in weights.items()}
        return tensors, [[who, score, step] for who, (score, step, _) in self.kept.items()]

    def load(self, tensors, words):
        for place, (who, score, step) in enumerate(words):
            start = f"{place}/"
            self.kept[who] = (score, step, {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)})


class EarlyStop:
    """Says stop when no student has become better on held-out data for ``patience`` looks.

    score: as for ``Best``. least: by how much a score must rise to count. Students of one stack stop together: when the last one stalls.
    """

    def __init__(self, held_out, patience: int = 5, score=accuracy, least: float = 0.0):
        whole("patience", patience)
        if least:
            positive("least", least)
        if getattr(held_out, "labels", None) is None:
            raise InputError("held_out must carry labels, but it has none.")
        self.held_out, self.patience, self.score, self.least, self.best = held_out, patience, score, least, {}

    def __call__(self, run):
        found = scored(self.score, run.predict(self.held_out), self.held_out.labels)
        stalled = []
        for i, who in enumerate(_students(run)):
            value, (best, since) = float(found[i]), self.best.get(who, (-float("inf"), 0))
            self.best[who] = (value, 0) if value > best + self.least else (best, since + 1)
            stalled.append(self.best[who][1] >= self.patience)
        return STOP if all(stalled) else None

    def reset(self):
        self.best = {}

    def state(self):
        return {}, [[who, best, since] for who, (best, since) in self.best.items()]

    def load(self, tensors, words):
        self.best = {who: (best, since) for who, best, since in words}


class CsvLog:
    """Appends the mean of each term since the last look to a CSV file: step, seed, name, term, value; one row a student and term.

    A file that is there is replaced when a run begins, and cut back to the last look when a run goes on from a checkpoint.
    """

    columns = ("step", "seed", "name", "term", "value")

    def __init__(self, path):
        self.path, self.seen, self.rows, self.begun = Path(path), {}, 0, False

    def __call__(self, run):
        if not self.begun:
            self._begin()
        who = "; ".join(_students(run))
        first = self.seen.get(who, 0)
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            for i, (seed, name) in enumerate(zip(run.seeds, run.names, strict=True)):
                for term, values in run.history.items():
                    writer.writerow([run.step, seed, name, term, f"{values[first:, i].mean().item():.6g}"])
                    self.rows += 1
        self.seen[who] = run.step

    def reset(self):
        self.seen, self.rows, self.begun = {}, 0, False

    def _begin(self):
        """Keep the rows that this log wrote before the checkpoint, and no others."""
        kept = self.path.read_text(encoding="utf-8").splitlines()[1 : 1 + self.rows] if self.rows and self.path.exists() else []
        self.rows, self.begun = len(kept), True
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text("\n".join([",".join(self.columns), *kept]) + "\n", encoding="utf-8")

    def state(self):
        return {}, [self.rows, self.seen]

    def load(self, tensors, words):
        self.rows, self.seen, self.begun = words[0], dict(words[1]), False


class TensorBoard:
    """Writes the mean of each term since the last look to a TensorBoard folder (needs the extra ``[tensorboard]``)."""

    def __init__(self, folder):
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise InputError("TensorBoard needs the package tensorboard: pip install 'distill-helpers[tensorboard]'.") from error
        self.writer, self.seen = SummaryWriter(str(folder)), {}

    def __call__(self, run):
        who = "; ".join(_students(run))
        first = self.seen.get(who, 0)
        for i, student in enumerate(_students(run)):
            for term, values in run.history.items():
                self.writer.add_scalar(f"{student}/{term}", values[first:, i].mean().item(), run.step)
        self.writer.flush()
        self.seen[who] = run.step

    def reset(self):
        self.seen = {}

    def state(self):
        return {}, self.seen

    def load(self, tensors, words):
        self.seen = dict(words)


def _students(run) -> list[str]:
    """A name for each student that no other student of a run has."""
    return [f"{name}, seed {seed}" for name, seed in zip(run.names, run.seeds, strict=True)]


__all__ = ["Best", "CsvLog", "Curve", "EarlyStop", "TensorBoard", "accuracy_and_loss"]
