"""The one training loop: draw, look up, differentiate, update. Nothing in a step waits for the device."""

import time
from dataclasses import dataclass

import torch
from torch.utils._pytree import tree_map

from distill_helpers.strategies.contract import Batch, Strategy
from distill_helpers.strategies.schedule import with_numbers
from distill_helpers.training.device import precision_context, synchronize
from distill_helpers.training.fleet import Fleet, Student, clip_each, clip_values
from distill_helpers.training.interrupt import Interruptible
from distill_helpers.training.progress import progress_bar
from distill_helpers.training.randomness import data_order, generator_for, view_numbers
from distill_helpers.training.run import Diverged, Run


@dataclass
class Stage:
    """One strategy of the plan, the teacher it learns from, the names of its extras, and where it ends.

    numbers: {field: [students]} for the fields in which the students' strategies differ. begin: the step where it begins.
    """

    strategy: Strategy
    teacher: object
    extras: dict[str, str]
    end: int
    numbers: dict[str, torch.Tensor]
    begin: int = 0


class Loop:
    """Trains ``fleet`` by ``stages`` on ``pool``, from step ``run.step`` on, and keeps ``run`` up to date."""

    def __init__(self, run: Run, fleet: Fleet, stages: list[Stage], pool, device, progress=True):
        self.run, self.fleet, self.stages, self.pool = run, fleet, stages, pool
        self.device, self.recipe, self.progress = device, run.recipe, progress
        opponents = [s.extras[o] for s in stages for o in s.strategy.opponents]
        self.main = fleet.tensors(n for n in fleet.params if n not in opponents)
        self.rivals = fleet.tensors(opponents)
        if run.optimizers is None:
            rate = self.recipe.opponent_lr or self.recipe.lr
            run.optimizers = [self.recipe.make_optimizer(self.main)]
            run.optimizers += [self.recipe.make_optimizer(self.rivals, rate)] if self.rivals else []
        self.steps = {}
        self.epoch = None

    def train(self):
        """Run to the end of the last stage, or to an interrupt. Raises Diverged."""
        run, end = self.run, self.stages[-1].end
        run.interrupted = False
        pending, good = [], self.fleet.snapshot()
        evaluations = {id(s.teacher): (s.teacher, s.teacher.evaluations) for s in self.stages if s.teacher}
        synchronize(self.device)
        begun = time.perf_counter()
        with Interruptible() as interrupt, progress_bar(run.step, end, self.progress, run.names[0]) as bar:
            while run.step < end and not interrupt.stopped:
                pending.append(self.one_step(run.step))
                run.step += 1
                if len(pending) == self.recipe.check_every or run.step == end:
                    self.check(pending, good)
                    good, pending = self.fleet.snapshot(), []
                    bar.update_to(run.step)
            if pending:
                self.check(pending, good)
        synchronize(self.device)
        run.seconds += time.perf_counter() - begun
        run.interrupted = run.step < end
        run.teacher_evaluations += sum(t.evaluations - before for t, before in evaluations.values())
        if run.interrupted:
            print(f"Stopped after step {run.step} of {end}; what is trained is kept. To go on: distill(..., resume=run).")

    def one_step(self, step: int) -> dict[str, torch.Tensor]:
        """One update of every student; returns the named terms, each [students], still on the device."""
        stage = next(s for s in self.stages if step < s.end)
        inputs = self.inputs(step, stage)
        for optimizer in self.run.optimizers:
            base = optimizer.defaults["lr"]
            for group in optimizer.param_groups:
                group["lr"] = base * self.recipe.lr_factor(step)
        if stage.strategy.opponents:
            rivals = self.fleet.tensors(stage.extras[o] for o in stage.strategy.opponents)
            for turn in range(stage.strategy.opponent_steps):
                fresh = self.inputs(step, stage, f"opponent {turn}") if turn else inputs
                terms = self.terms(stage, "opponent_loss", fresh)
                self.update(self.run.optimizers[1], self.rivals, rivals, terms)
        terms = self.terms(stage, "loss", inputs)
        self.update(self.run.optimizers[0], self.main, self.main, terms)
        return {name: value.detach() for name, value in terms.items()}

    def terms(self, stage: Stage, which: str, inputs):
        """The strategy's named terms for all students, {term: [students]}."""
        if stage.teacher is not None:
            stage.teacher.students = self.fleet.count  # one mapped call to live() serves them all
        key = (id(stage), which)
        if key not in self.steps:
            step = self.fleet.mapped(lambda state, given: self.one_student(stage, which, state, given))
            self.steps[key] = torch.compile(step) if self.recipe.compile else step
        return self.steps[key](self.fleet.state(), inputs)

    def one_student(self, stage: Stage, which: str, state, given):
        """The loss of one student, as its strategy writes it."""
        strategy = with_numbers(stage.strategy, given["numbers"])
        visible = {"student": "student", **stage.extras}
        skeletons = {short: self.fleet.skeletons[full] for short, full in visible.items()}
        student = Student(skeletons, {short: state[full] for short, full in visible.items()})
        batch = Batch(given["x"], given.get("y"), given["index"], given["view"], given["noise"], given["progress"])
        with precision_context(self.device, self.recipe.precision):
            return getattr(strategy, which)(student, stage.teacher, batch)

    def update(self, optimizer, owned, wanted, terms):
        """One optimiser step on ``wanted``; the sum over students gives each student its own gradient."""
        total = sum(value.sum() for value in terms.values())
        grads = torch.autograd.grad(total, wanted, allow_unused=True)
        if self.recipe.clip_norm is not None:
            clip_each(grads, self.recipe.clip_norm)
        if self.recipe.clip_value is not None:
            clip_values(grads, self.recipe.clip_value)
        for parameter in owned:
            parameter.grad = None
        for parameter, grad in zip(wanted, grads, strict=True):
            # mapped products give transposed gradients, and the fused kernels read memory in order
            parameter.grad = None if grad is None else grad.contiguous()
        optimizer.step()

    def inputs(self, step: int, stage: Stage, purpose: str = "step"):
        """What each student sees in this step, each tensor with a leading student dimension."""
        index, view = self.schedule(step)
        given = {"x": self.pool.x(view, index), "index": index, "view": view, "numbers": stage.numbers, "noise": {}}
        passed = (step - stage.begin) / (stage.end - stage.begin)
        given["progress"] = torch.full((self.fleet.count,), passed, device=self.device)
        if self.pool.labels is not None:
            given["y"] = tree_map(lambda t: t[index], self.pool.labels)
        if type(stage.strategy).draw is not Strategy.draw:
            drawn = [
                stage.strategy.draw(given["x"][i], generator_for(seed, f"noise {purpose}", step, self.device))
                for i, seed in enumerate(self.run.seeds)
            ]
            given["noise"] = {name: torch.stack([d[name] for d in drawn]) for name in (drawn[0] if drawn else {})}
        return given

    def schedule(self, step: int):
        """Example and view numbers of this step, int64 [students, batch]; an epoch's are made and moved at once."""
        views, examples = self.pool.views.shape[:2]
        batch = self.recipe.batch_size
        per_epoch = max(1, examples // batch)
        epoch, within = divmod(step, per_epoch)
        if self.epoch is None or self.epoch[0] != epoch:
            seeds = self.run.seeds if self.recipe.order == "own" else self.run.seeds[:1] * len(self.run.seeds)
            made = {}
            for seed in set(seeds):
                order = data_order(seed, examples, batch, epoch)
                made[seed] = (order, view_numbers(seed, views, order.shape, epoch))
            index, view = (torch.stack([made[s][i] for s in seeds], 1).to(self.device) for i in (0, 1))
            self.epoch = (epoch, index, view)
        return self.epoch[1][within], self.epoch[2][within]

    def check(self, pending: list, good):
        """Read the loss history back; on a NaN or infinity that must stop, put the last good weights back and raise Diverged."""
        first = self.run.step - len(pending)
        blank = torch.zeros(len(self.run))  # a term that belongs to another stage of this block
        names = dict.fromkeys(name for terms in pending for name in terms)
        block = {name: torch.stack([terms[name].float().cpu() if name in terms else blank for terms in pending]) for name in names}
        total = sum(block.values())
        bad = (~total.isfinite()).nonzero()
        if len(bad) and self.recipe.on_divergence == "stop":
            step, student = bad[0].tolist()
            self.fleet.restore(good)
            self.run.step = first
            run = self.run
            raise Diverged(
                f"{run.names[student]}, seed {run.seeds[student]}: the loss became {total[step, student]:g} at step "
                f"{first + step}. The weights of step {first} are kept in .run; try a lower lr than {self.recipe.lr:g}, "
                f"or clip_norm.",
                run,
            )
        self.record(block, first)

    def record(self, block, first: int):
        """Append a block [steps, students] of each term to the history; terms of other stages count as zero."""
        history = self.run.history
        length = len(next(iter(block.values())))
        for name in set(history) | set(block):
            old = history.get(name, torch.zeros(first, len(self.run)))
            history[name] = torch.cat([old, block.get(name, torch.zeros(length, len(self.run)))])
