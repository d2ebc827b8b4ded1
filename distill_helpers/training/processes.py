"""A stack trained by several processes: on a processor with more than one core each process has a share of the lanes, and one thread.

Lanes share nothing, so no process waits for another within a step. Weights lie in memory that all of them see; everything else
happens in the process that called: at each look it collects the losses, checks the weights, asks the watchers, writes the checkpoint.
"""

import contextlib
import io
import mmap
import multiprocessing
import os
import pickle
import signal
import sys
import traceback
import warnings
from dataclasses import replace
from types import SimpleNamespace

import torch
from torch.utils._pytree import tree_map

from distill_helpers.checks import InputError, whole
from distill_helpers.training.fleet import Fleet
from distill_helpers.training.loop import Group, Loop, Work
from distill_helpers.training.run import Run
from distill_helpers.training.threads import using_threads

OURS = "distill_helpers."
WORTH = 2000  # updates of one student that are worth the tenth of a second that the processes take to begin
SAID: dict = {}  # the warnings of processes that were passed on
WAIT = 5.0  # seconds after which a waiting process looks whether the other one is still there


def processes_for(wanted, lanes: int, work: Work, recipe) -> int:
    """How many processes train the stack. wanted: "auto" or a number.

    "auto" is one for each thread that torch has (``OMP_NUM_THREADS``, ``DISTILL_THREADS``) and no more than there are lanes, for strategies, pools
    and watchers of this package, on data that lie in memory; what others do to their surroundings would be lost. One wherever that cannot be:
    not on Linux, not on a processor, on a machine with an accelerator (its threads do not survive a fork), inside a process that may have no
    children, with ``Recipe(compile=True)``, and for runs that are too short to gain. Raises InputError for another ``wanted``.
    """
    if wanted != "auto":
        whole("processes", wanted, 1)
    cannot = (sys.platform != "linux" or work.device.type != "cpu" or torch.accelerator.is_available()
              or multiprocessing.current_process().daemon or recipe.compile or work.random_student)  # fmt: skip
    if cannot or lanes == 1:
        return 1
    if wanted != "auto":
        return min(wanted, lanes)
    ours = all(of_the_package(stage.strategy) for group in work.groups for stage in group.stages)
    ours = ours and all(type(one).__module__.startswith(OURS) for one in (work.pool, *work.watch))
    held = all(isinstance(getattr(work.pool, name), torch.Tensor) for name in (*work.pool._moved, *work.pool._viewed))
    in_memory = held and bool(work.pool._moved or work.pool._viewed)
    steps = work.groups[0].stages[-1].end
    if not (ours and in_memory) or steps * lanes * work.arms < WORTH:
        return 1
    given = os.environ.get("DISTILL_THREADS", "")
    return min(int(given) if given.isdecimal() and int(given) else torch.get_num_threads(), lanes)


def of_the_package(strategy) -> bool:
    """Whether a strategy, and those inside it, are this package's own."""
    inside = [value for value in vars(strategy).values() if hasattr(value, "loss") and hasattr(value, "signals")]
    return type(strategy).__module__.startswith(OURS) and all(of_the_package(one) for one in inside)


class SharedLoop(Loop):
    """A Loop whose steps are made by ``count`` processes. An interrupt is heeded at the next look.

    A watcher finds the weights, may change them in place, and may change the settings of the optimisers; the state of the optimisers, labels
    and a live teacher are each process's own, and what is done to them here is not seen there.
    """

    def __init__(self, run: Run, fleet: Fleet, work: Work, count: int):
        whole("count", count, 1)
        super().__init__(run, fleet, work)
        cuts = [len(work.lanes) * i // count for i in range(count + 1)]
        self.shares = [slice(a, b) for a, b in zip(cuts, cuts[1:], strict=False) if b > a]
        self.workers: list[Worker] = []
        self.own: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.before = (0, {}, [])

    def train(self):
        try:
            super().train()
        except BaseException:
            if not self.run.torn:  # a watcher's error: all shares stand at this look
                self.gather()
            raise
        finally:
            self.stop()

    def advance(self, until: int, interrupt) -> dict[str, torch.Tensor]:
        if not self.workers:
            asked = [t.live_evaluations for t in asked_live(self.work, self.shares[0])]
            self.before = self.run.teacher_evaluations, dict(self.run.live_evaluations), asked
            self.own = share_memory(self.fleet)
            for share in self.shares:
                self.workers.append(Worker(self, share, [w.connection for w in self.workers]))
        told = until, settings_of(self.run.optimizers)
        for worker in self.workers:
            worker.send(told)
        found = [worker.receive() for worker in self.workers]
        self.run.step = until
        self.run.teacher_evaluations = self.before[0] + sum(answer["asked"] for answer in found)
        self.run.live_evaluations = {k: self.before[1].get(k, 0) + v for k, v in found[0]["live"].items()}
        for teacher, before, more in zip(asked_live(self.work, self.shares[0]), self.before[2], found[0]["teachers"], strict=True):
            teacher.live_evaluations = before + more
        return {name: torch.cat([torch.from_numpy(answer["block"][name]) for answer in found], 1) for name in found[0]["block"]}

    def collect(self):
        """Bring the state of the optimisers together, for a checkpoint or for a run that is to go on."""
        if not self.workers:
            return
        for worker in self.workers:
            worker.send("optimizers")
        parts = [torch.load(io.BytesIO(worker.receive()["optimizers"])) for worker in self.workers]
        for number, optimizer in enumerate(self.run.optimizers):
            for place, parameter in enumerate(p for group in optimizer.param_groups for p in group["params"]):
                states = [part[number].get(place, {}) for part in parts]
                if states[0]:
                    optimizer.state[parameter] = {k: torch.cat([s[k] for s in states]) if v.dim() else v for k, v in states[0].items()}

    def undo(self, good, step: int, why: str):
        for worker in self.workers:  # the others may be within a step, and write
            worker.stop()
        self.workers = []
        super().undo(good, step, why)

    def gather(self):
        """``collect`` while another error is on its way; a run that cannot be brought together is torn."""
        try:
            self.collect()
        except Exception as error:
            self.run.torn, self.run.optimizers = f"a process that trained a share of it was lost ({error})", None

    def stop(self):
        """End the processes; the weights go back to the memory that they lay in."""
        for worker in self.workers:
            worker.stop()
        self.workers = []
        for tensor, memory in self.own:
            memory.copy_(tensor.detach())
            tensor.data = memory
        self.own = []


class Worker:
    """One process and the line to it. lines: those to the workers before it, which the new process must not hold open."""

    def __init__(self, loop: SharedLoop, share: slice, lines: list):
        here = multiprocessing.get_context("fork")
        self.connection, theirs = here.Pipe()
        self.process = here.Process(target=work_on, args=(loop, share, theirs, [*lines, self.connection], os.getpid()), daemon=True)
        self.process.start()
        theirs.close()

    def send(self, what):
        with contextlib.suppress(BrokenPipeError):  # receive says why
            self.connection.send(what)

    def receive(self) -> dict:
        """What the process answers. Raises what it raised, and RuntimeError when it ended without an answer."""
        try:
            while not self.connection.poll(WAIT):
                if not self.process.is_alive() and not self.connection.poll(0):
                    raise EOFError
            answer = self.connection.recv()
        except (EOFError, OSError) as error:
            self.process.join(WAIT)
            raise RuntimeError(f"a process that trained a share of the students ended without an answer (exit code {self.process.exitcode}; -9 is "
                               f"often a lack of memory). processes=1 trains in this process.") from error  # fmt: skip
        for message, category, file, line in answer.get("warnings", ()):
            warnings.warn_explicit(message, category, file, line, registry=SAID)
        if "error" in answer:
            raise answer["error"] from RuntimeError(f"in a process that trained a share of the students:\n{answer['trace']}")
        return answer

    def stop(self):
        """End the process."""
        self.connection.close()
        self.process.join(0.2)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def work_on(loop: SharedLoop, share: slice, line, others, parent: int):
    """What a process does: train its lanes up to each step that it is told, and answer with the losses on the way there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    for other in others:
        other.close()
    said: list = []
    try:
        with using_threads(1), warnings.catch_warnings(record=True) as said:
            mine = cut(loop, share)
            teachers = asked_live(mine.work, slice(None))
            before = [t.live_evaluations for t in teachers]
            while (told := heard(line, parent)) is not None:
                if told == "optimizers":
                    line.send({"optimizers": states_of(mine.run.optimizers)})
                    continue
                until, settings = told
                set_again(mine.run.optimizers, settings)
                block = {name: values.numpy() for name, values in mine.advance(until, SimpleNamespace(stopped=False)).items()}
                more = [t.live_evaluations - b for t, b in zip(teachers, before, strict=True)]
                line.send({"block": block, "asked": mine.run.teacher_evaluations, "live": mine.run.live_evaluations, "teachers": more,
                           "warnings": sendable(said)})  # fmt: skip
                said.clear()
    except BaseException as error:  # it belongs to the caller, who gets it
        line.send({"error": picklable(error), "trace": traceback.format_exc(), "warnings": sendable(said)})


def asked_live(work: Work, share: slice) -> list:
    """The teachers of a share of the lanes, each once."""
    every = [t for group in work.groups for s in group.stages for t in (s.teachers[share] if len(s.teachers) > 1 else s.teachers)]
    return list({id(t): t for t in every}.values())


def settings_of(optimizers) -> list:
    """What a watcher may have changed in the optimisers: their defaults and the settings of their groups."""
    return [(dict(o.defaults), [{k: v for k, v in group.items() if k != "params"} for group in o.param_groups]) for o in optimizers]


def set_again(optimizers, settings: list):
    for optimizer, (defaults, groups) in zip(optimizers, settings, strict=True):
        optimizer.defaults.update(defaults)
        for group, values in zip(optimizer.param_groups, groups, strict=True):
            group.update(values)


def sendable(said: list) -> list:
    """Warnings as what can travel: (words, category, file, line)."""
    return [(str(w.message), w.category if w.category.__module__ == "builtins" else UserWarning, w.filename, w.lineno) for w in said]


def heard(line, parent: int):
    """The next thing the parent says; None when it is done or gone."""
    try:
        while not line.poll(WAIT):
            if os.getppid() != parent:
                return None
        return line.recv()
    except (EOFError, OSError):
        return None


def picklable(error: BaseException) -> BaseException:
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:  # an exception of a class that cannot travel: its words can
        return RuntimeError(f"{type(error).__name__}: {error}")


def cut(loop: Loop, share: slice) -> Loop:
    """A Loop of its own for a share of the lanes, whose weights are the same memory."""
    run, work, lanes = loop.run, loop.work, len(loop.work.lanes)
    arms, fleet = work.arms, Fleet()
    fleet.skeletons, fleet.clean = loop.fleet.skeletons, loop.fleet.clean
    for name in loop.fleet.params:
        fleet.params[name] = {k: rows(p.detach(), share, lanes).requires_grad_(p.requires_grad) for k, p in loop.fleet.params[name].items()}
        fleet.buffers[name] = {k: rows(b, share, lanes) for k, b in loop.fleet.buffers[name].items()}
    students = slice(share.start * arms, share.stop * arms)
    fleet.count = students.stop - students.start

    def stage(s):
        numbers = s.numbers if group.arms > 1 else {n: v[share] for n, v in s.numbers.items()}
        return replace(s, numbers=numbers, teachers=s.teachers[share] if len(s.teachers) > 1 else s.teachers)

    groups = []
    for group in work.groups:
        groups.append(Group([stage(s) for s in group.stages], group.first, group.arms, group.asks_about_batch))
    part = Run(run.seeds[students], run.names[students], run.recipe, fleet, step=run.step)
    mine = Loop(part, fleet, Work(work.lanes[share], groups, work.pool, work.device, order_seed=work.order_seed))
    for theirs, ours in zip(run.optimizers, part.optimizers, strict=True):
        kept = (theirs.state.get(p, {}) for group in theirs.param_groups for p in group["params"])
        for p, state in zip((p for group in ours.param_groups for p in group["params"]), kept, strict=True):
            if state:
                ours.state[p] = {k: (rows(v, share, lanes) if v.dim() else v).clone() for k, v in state.items()}
    return mine


def rows(t: torch.Tensor, share: slice, lanes: int) -> torch.Tensor:
    """The rows of a share of the lanes, of a stacked tensor [lanes · arms, ...]."""
    each = len(t) // lanes
    return t[share.start * each : share.stop * each]


def states_of(optimizers) -> bytes:
    """The state of each optimiser by the place of its parameters, as bytes."""
    states = []
    for optimizer in optimizers:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        states.append({place: dict(optimizer.state[p]) for place, p in enumerate(parameters) if p in optimizer.state})
    torch.save(tree_map(torch.as_tensor, states), held := io.BytesIO())
    return held.getvalue()


def share_memory(fleet: Fleet) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Move all tensors of a fleet to memory that processes begun from here share with it; returns each with the memory that it lay in."""
    moved = []
    for tensors in (*fleet.params.values(), *fleet.buffers.values()):
        for t in tensors.values():
            if t.numel():
                # not the system's shared folder, which is small in containers
                memory = torch.frombuffer(mmap.mmap(-1, t.numel() * t.element_size()), dtype=t.dtype).view(t.shape)
                moved.append((t, t.detach()))
                memory.copy_(t.detach())
                t.data = memory
    return moved


__all__ = ["InputError", "SharedLoop", "processes_for"]
