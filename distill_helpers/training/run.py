"""What a training run leaves behind."""

import copy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from distill_helpers.checks import InputError
from distill_helpers.training.fleet import Fleet


class Diverged(RuntimeError):
    """A loss became NaN or infinite. ``run`` holds the last good weights and the history up to the fault."""

    def __init__(self, message: str, run: "Run"):
        super().__init__(message)
        self.run = run


@dataclass
class Run:
    """Trained students and how they got there.

    seeds, names: one entry a student; a Grid lists all seeds of its first strategy, then of its second, ...
    history: {term: [steps, students]} on the CPU. seconds: wall clock of the loop. teacher_evaluations: inputs that the
    teacher was asked about. extra_parameters: numbers in declared extras, of one student.
    """

    seeds: list[int]
    names: list[str]
    recipe: Any
    fleet: Fleet = field(repr=False)
    step: int = 0
    interrupted: bool = False
    history: dict[str, torch.Tensor] = field(default_factory=dict, repr=False)
    seconds: float = 0.0
    teacher_evaluations: int = 0
    extra_parameters: int = 0
    plan: Any = field(default=None, repr=False)
    optimizers: Any = field(default=None, repr=False)

    def __len__(self):
        return len(self.seeds)

    def model(self, i: int = 0, name: str = "student") -> nn.Module:
        """The i-th student (or one of its extras) as a plain module of its own, in evaluation mode."""
        if not -len(self) <= i < len(self):
            raise InputError(f"i must be from 0 to {len(self) - 1}, but {i} was given.")
        module = copy.deepcopy(self.fleet.skeletons[name])
        module.load_state_dict({k: t[i].detach() for k, t in self.fleet.state()[name].items()})
        return module.eval()

    def predict(self, images) -> torch.Tensor:
        """Logits [students, N, C] for an ImageSet or an input tensor [N, ...]."""
        x = images if isinstance(images, torch.Tensor) else images.x
        device = next(iter(self.fleet.params["student"].values())).device
        return self.fleet.predict(x.to(device))

    @property
    def diverged(self) -> torch.Tensor:
        """bool [students]: whose loss became NaN or infinite at some step (with Recipe(on_divergence="go on"))."""
        return ~sum(self.history.values()).isfinite().all(0)

    @property
    def parameters(self) -> int:
        """Parameters of one student, extras not counted."""
        return sum(p[0].numel() for p in self.fleet.params["student"].values())


def merged(runs: list[Run]) -> Run:
    """Runs of single seeds as one run, for students that could not be stacked while they trained."""
    first = runs[0]
    fleet = Fleet()
    fleet.skeletons, fleet.count = first.fleet.skeletons, len(runs)
    for kind in ("params", "buffers"):
        parts = [getattr(run.fleet, kind) for run in runs]
        joined = {n: {k: torch.cat([p[n][k].detach() for p in parts]) for k in parts[0][n]} for n in parts[0]}
        setattr(fleet, kind, joined)
    steps = min(run.step for run in runs)
    return Run(
        seeds=[s for run in runs for s in run.seeds],
        names=[n for run in runs for n in run.names],
        recipe=first.recipe,
        fleet=fleet,
        step=steps,
        interrupted=any(run.interrupted for run in runs),
        history={k: torch.cat([run.history[k][:steps] for run in runs], 1) for k in first.history},
        seconds=sum(run.seconds for run in runs),
        teacher_evaluations=sum(run.teacher_evaluations for run in runs),
        extra_parameters=first.extra_parameters,
    )
