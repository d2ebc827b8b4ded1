"""The teacher: frozen, in evaluation mode, asked once for each view, and counted every time."""

import copy
import inspect
import os
from pathlib import Path

import torch
from torch import nn

from distill_helpers.checks import InputError
from distill_helpers.models.outputs import FeatureDict, Outputs
from distill_helpers.training.cache import read_table, write_table
from distill_helpers.training.fingerprint import code_hash, tensors_hash
from distill_helpers.training.fleet import outputs_of
from distill_helpers.training.randomness import build_seeded


class Teacher:
    """A frozen copy of ``module`` and, after ``over(pool)``, the table of its answers to every view of the pool.

    teacher(batch): the cached Outputs for the batch's views, logits [B, C]. teacher.live(x): Outputs for new inputs,
    differentiable in x. ``evaluations`` counts the inputs that the module was asked about, the table included
    (also when the table came from the disk: that is what it cost to make).
    """

    def __init__(self, module: nn.Module):
        if not isinstance(module, nn.Module):
            raise InputError(f"teacher must be a torch.nn.Module, but {type(module).__name__} was given.")
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self.table: Outputs | None = None
        self.pool = None
        self.evaluations = 0
        self.students = 1  # how many students one mapped call to live() serves; set by the trainer

    def over(self, pool, features=(), cache="auto", device=None) -> "Teacher":
        """A teacher that holds its answers to ``pool`` (a ViewPool of V views of N images): logits [V, N, C] and the named features.

        cache: a folder, None for memory only, or "auto" for the folder named by DISTILL_CACHE, if any.
        Raises InputError for a feature name that the module does not have.
        """
        answered = Teacher(self.module)
        answered.module.to(device or pool.views.device)
        answered.pool = pool
        folder = os.environ.get("DISTILL_CACHE") if cache == "auto" else cache
        path = Path(folder) / "teachers" / f"{self._key(pool, features)}.safetensors" if folder else None
        tensors = read_table(path) if path else None
        if tensors is None:
            tensors = answered._ask(pool, features)
            if path:
                write_table(path, tensors)
        tensors = {name: tensor.to(pool.views.device) for name, tensor in tensors.items()}
        logits = tensors.pop("logits")
        answered.table = Outputs(logits, FeatureDict(tensors))
        answered.evaluations = logits.shape[0] * logits.shape[1]
        return answered

    @torch.no_grad()
    def _ask(self, pool, features, chunk=1024):
        """Every view of every image through the module, once."""
        views, images = pool.views.shape[:2]
        rows = {"logits": [], **{name: [] for name in features}}
        index = torch.arange(images, device=pool.views.device)
        for view in range(views):
            for part in index.split(chunk):
                out = outputs_of(self.module, pool.x(torch.full_like(part, view), part))
                rows["logits"].append(out.logits)
                for name in features:
                    rows[name].append(out.features[name])
        return {name: torch.cat(parts).unflatten(0, (views, images)).float() for name, parts in rows.items()}

    def _key(self, pool, features) -> str:
        """What the answers depend on: weights and structure, the pool's pixels, the features, the code, torch's version."""
        return tensors_hash(
            {**{f"weights/{name}": t for name, t in self.module.state_dict().items()}, "views": pool.views},
            extra=[repr(self.module), *sorted(features), torch.__version__, code_hash("distill_helpers.training.teacher"),
                   code_hash("distill_helpers.data.views"), *sorted({_source_of(type(m)) for m in self.module.modules()})],
        )  # fmt: skip

    def __call__(self, batch) -> Outputs:
        """Cached answers for the views and examples of ``batch``."""
        if self.table is None:
            raise InputError("teacher has no cached answers yet; call teacher.over(pool) first.")
        rows = {name: table[batch.view, batch.index] for name, table in self.table.features.items()}
        return Outputs(self.table.logits[batch.view, batch.index], FeatureDict(rows))

    def live(self, x) -> Outputs:
        """Answers to inputs that the strategy made up, x [B, ...]."""
        self.evaluations += x.shape[0] * self.students
        return outputs_of(self.module, x)

    def untrained(self, seed: int) -> "Teacher":
        """The same architecture with fresh weights, over the same pool."""

        def fresh():
            module = copy.deepcopy(self.module)
            return module.apply(lambda m: m.reset_parameters() if hasattr(m, "reset_parameters") else None)

        other = Teacher(build_seeded(fresh, seed, "untrained teacher"))
        return other.over(self.pool, tuple(self.table.features), cache=None)

    def reordered(self, order) -> "Teacher":
        """A teacher whose answer to image i is the true answer to image order[i], int64 [N]."""
        return _Reordered(self, order)


def _source_of(kind: type) -> str:
    """What the code of a module's class is: the hash of its file in this package, or its source, or its name."""
    if kind.__module__.startswith("distill_helpers."):
        return code_hash(kind.__module__)
    if kind.__module__.startswith("torch"):
        return kind.__qualname__
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        return f"{kind.__module__}.{kind.__qualname__}"


class _Reordered(Teacher):
    def __init__(self, teacher: Teacher, order):
        super().__init__(teacher.module)
        order = order.to(teacher.table.logits.device)
        features = FeatureDict({name: t[:, order] for name, t in teacher.table.features.items()})
        self.table = Outputs(teacher.table.logits[:, order], features)
        self.pool, self.evaluations = teacher.pool, teacher.evaluations

    def live(self, x):
        """New inputs have no fixed partner, so each gets the answer to its neighbour in the batch."""
        return super().live(x.roll(1, 0))
