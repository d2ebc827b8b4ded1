"""What a training run leaves behind."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from distill_helpers.checks import InputError
from distill_helpers.training.fleet import Fleet


class Diverged(RuntimeError):
    """A loss or a weight became NaN or infinite. ``run`` holds the last good weights and the history up to the fault."""

    def __init__(self, message: str, run: "Run"):
        super().__init__(message)
        self.run = run


@dataclass
class Run:
    """Trained students and how they got there.

    seeds, names: one entry a student; a Grid lists all seeds of its first strategy, then of its second, ...
    history: {term: [steps, students]} on the CPU; a student that was not trained so far has NaN there. seconds: wall clock of the
    loop. teacher_evaluations: inputs that the teacher was asked about in this run, to fill tables and live. extra_parameters: numbers in
    declared extras, of one student. interrupted: Ctrl-C ended it. stopped: a watcher ended it, one of ``stopped_by``. parts: where the
    students could not be stacked, the run of each; ``why_alone`` says why they could not. threads: of the processor, on which the run was
    made. torn: why an error left it without a state to go on from; empty where there is one.
    """

    seeds: list[int]
    names: list[str]
    recipe: Any
    fleet: Fleet = field(repr=False)
    step: int = 0
    interrupted: bool = False
    stopped: bool = False
    history: dict[str, torch.Tensor] = field(default_factory=dict, repr=False)
    seconds: float = 0.0
    teacher_evaluations: int = 0
    live_evaluations: dict[int, int] = field(default_factory=dict, repr=False)
    extra_parameters: int = 0
    plan: Any = field(default=None, repr=False)
    optimizers: Any = field(default=None, repr=False)
    healthy: Any = field(default=None, repr=False)
    parts: list["Run"] = field(default_factory=list, repr=False)
    why_alone: str = ""
    begin: Any = field(default=None, repr=False)
    threads: int = 0
    extra_of_groups: list[int] = field(default_factory=list, repr=False)
    extras: list = field(default_factory=list, repr=False)
    torn: str = ""
    stopped_by: list[str] = field(default_factory=list, repr=False)

    def __post_init__(self):
        if self.healthy is None:
            self.healthy = torch.ones(len(self.seeds), dtype=torch.bool)

    def __len__(self):
        return len(self.seeds)

    def model(self, i: int = 0, name: str = "student") -> nn.Module:
        """The i-th student (or one of its extras) as a plain module of its own, in evaluation mode."""
        if not -len(self) <= i < len(self):
            raise InputError(f"i must be from 0 to {len(self) - 1}, but {i} was given.")
        if name not in self.fleet.skeletons:
            raise InputError(f"name must be one of {', '.join(map(repr, self.fleet.skeletons))}, but {name!r} was given.")
        return self.fleet.module(i, name)

    def predict(self, images) -> torch.Tensor:
        """Logits [students, N, ...] for an ImageSet, the first view of a pool, or an input tensor [N, ...].

        Raises InputError for inputs that the students cannot take.
        """
        if self.parts:
            return torch.cat([part.predict(images) for part in self.parts])
        device = next(iter(self.fleet.params["student"].values())).device
        return self.fleet.predict(inputs_of(images).to(device))

    @property
    def diverged(self) -> torch.Tensor:
        """bool [students]: whose loss or weights became NaN or infinite at some step (with Recipe(on_divergence="go on"))."""
        if self.parts:
            return torch.cat([part.diverged for part in self.parts])
        if not self.history:
            return ~self.healthy
        return ~(sum(self.history.values()).isfinite().all(0) & self.healthy)

    @property
    def parameters(self) -> int:
        """Parameters of one student, extras not counted; tied ones count once."""
        return sum(p[0].numel() for p in self.fleet.params["student"].values())

    def record(self, block: dict[str, torch.Tensor], first: int):
        """Append a block [steps, students] of each term to the history; terms of other stages count as zero."""
        length = len(next(iter(block.values()))) if block else 0
        for name in dict.fromkeys([*self.history, *block]):
            old = self.history.get(name, torch.zeros(first, len(self)))
            self.history[name] = torch.cat([old, block.get(name, torch.zeros(length, len(self)))])


def inputs_of(data) -> torch.Tensor:
    """The inputs [N, ...] of an ImageSet, of the first view of a pool, or of a tensor."""
    if isinstance(data, torch.Tensor):
        return data
    if hasattr(data, "inputs"):
        index = torch.arange(len(data), device=data.device)
        return data.inputs(torch.zeros_like(index), index)
    if hasattr(data, "x"):
        return data.x
    raise InputError(f"images must be an ImageSet, a pool or a tensor, but {type(data).__name__} was given.")


def merged(runs: list[Run]) -> Run:
    """Runs of single students as one run, for students that could not be stacked while they trained."""
    first = runs[0]
    fleet = Fleet()
    fleet.skeletons, fleet.clean, fleet.count = first.fleet.skeletons, first.fleet.clean, len(runs)
    for kind in ("params", "buffers"):
        parts = [getattr(run.fleet, kind) for run in runs]
        # an extra of some students only, or of another shape, stays with its own part
        shared = [n for n in parts[0] if all(n in p and {k: t.shape for k, t in p[n].items()} == {k: t.shape for k, t in parts[0][n].items()}
                                             for p in parts)]  # fmt: skip
        setattr(fleet, kind, {n: {k: torch.cat([p[n][k].detach() for p in parts]) for k in parts[0][n]} for n in shared})
    fleet.skeletons = {n: module for n, module in fleet.skeletons.items() if n in fleet.params}
    longest = max(run.step for run in runs)
    names = dict.fromkeys(name for run in runs for name in run.history)

    def column(run, name):
        """[longest, 1]: what was trained, then NaN; a term that this student's strategy does not have is zero."""
        known = run.history.get(name, torch.zeros(run.step, 1))
        return torch.cat([known, torch.full((longest - run.step, 1), torch.nan)])

    return Run(
        seeds=[s for run in runs for s in run.seeds],
        names=[n for run in runs for n in run.names],
        recipe=first.recipe,
        fleet=fleet,
        step=min(run.step for run in runs),
        interrupted=any(run.interrupted for run in runs),
        stopped=any(run.stopped for run in runs),
        history={name: torch.cat([column(run, name) for run in runs], 1) for name in names},
        seconds=sum(run.seconds for run in runs),
        teacher_evaluations=sum(run.teacher_evaluations for run in runs),
        extra_parameters=first.extra_parameters,
        plan=first.plan,
        healthy=torch.cat([run.healthy for run in runs]),
        parts=runs,
        why_alone=first.why_alone,
    )
