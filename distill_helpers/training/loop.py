"""The one training loop: draw, look up, differentiate, update. Nothing in a step waits for the device."""

import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field

import torch
from torch.func import vmap
from torch.utils._pytree import tree_map

from distill_helpers.checks import InputError
from distill_helpers.data.seeded import draws
from distill_helpers.models.outputs import outputs_of
from distill_helpers.strategies.contract import Batch, Strategy, Task
from distill_helpers.strategies.contract.feature_tools import remembered_products
from distill_helpers.strategies.contract.schedule import with_numbers
from distill_helpers.training.asked import AskedTeacher, Counter
from distill_helpers.training.device import precision_context, synchronize
from distill_helpers.training.fleet import Fleet, Student, WeightsWanted, clip_each, clip_values, mapped
from distill_helpers.training.interrupt import Interruptible
from distill_helpers.training.randomness import data_order, generator_for, seeded, view_numbers
from distill_helpers.training.run import Diverged, Run
from distill_helpers.training.shared import SharedProducts


class Unmapped(InputError):
    """A loss, or the live teacher in it, cannot be mapped over students; they can be trained one by one."""


STOP = "stop"  # what a watcher returns to end the training


def who(watcher) -> str:
    """What a watcher is: its class, or its own name for a function, and its settings that are numbers or words."""
    kind = watcher if hasattr(watcher, "__qualname__") else type(watcher)
    plain = {k: v for k, v in getattr(watcher, "__dict__", {}).items() if isinstance(v, (bool, int, float, str))}
    return f"{kind.__module__}.{kind.__qualname__} {plain}"


@dataclass
class Lane:
    """A stream of batches: a seed, the examples that it draws from (int64 [n], or None for all), and which of them carry a label.

    labelled: bool [n], or None for all; the labels of the others are replaced by the data's ignore index. views: (first, how many) of
    the pool's views that it sees, or None for all.
    """

    seed: int
    rows: torch.Tensor | None = None
    labelled: torch.Tensor | None = None
    views: tuple[int, int] | None = None


@dataclass
class Stage:
    """One strategy of a plan, the teachers it learns from, the names of its extras, and where it begins and ends.

    teachers: one that all lanes share, or one for each lane; empty where none is needed. numbers: {field: [lanes] or [arms]} for
    the fields in which the strategies differ. local: the teachers know the lanes' own examples only, by their place in the lane.
    """

    strategy: Strategy
    teachers: list
    extras: dict[str, str]
    end: int
    numbers: dict[str, torch.Tensor]
    begin: int = 0
    local: bool = False


@dataclass
class Group:
    """Arms of one kind, mapped in one call: arms ``first`` to ``first + arms - 1`` of each lane."""

    stages: list[Stage]
    first: int = 0
    arms: int = 1
    asks_about_batch: bool = True

    def stage(self, step: int) -> Stage:
        return next(s for s in self.stages if step < s.end)


@dataclass
class Work:
    """What a loop works on: the lanes, the groups of arms, the pool, and where."""

    lanes: list[Lane]
    groups: list[Group]
    pool: object
    device: torch.device
    random_student: bool = False
    order_seed: int | None = None  # whose order all lanes have, where the order is shared
    watch: list[Callable] = field(default_factory=list)
    keep: Callable | None = None  # called with the run at each look, to write a checkpoint

    @property
    def arms(self) -> int:
        return sum(group.arms for group in self.groups)


class Loop:
    """Trains ``fleet`` on ``work``, from step ``run.step`` on, and keeps ``run`` up to date."""

    def __init__(self, run: Run, fleet: Fleet, work: Work):
        self.run, self.fleet, self.work, self.recipe = run, fleet, work, run.recipe
        self.pool, self.device, self.groups, self.lanes = work.pool, work.device, work.groups, work.lanes
        self.task = Task(getattr(self.pool, "class_weights", None), getattr(self.pool, "ignore_index", None))
        named = {s.extras[o]: group for group in self.groups for s in group.stages for o in s.strategy.opponents}
        owned = {name: group for group in self.groups for s in group.stages for name in s.extras.values()}
        self.main = fleet.tensors(n for n in fleet.params if n not in named)
        self.rivals = fleet.tensors(named)
        self.owner = {id(p): self._rows(owned[n]) for n in owned for p in fleet.params[n].values()} if work.arms > 1 else {}
        if run.optimizers is None:
            rate = self.recipe.opponent_lr or self.recipe.lr
            run.optimizers = [self.recipe.make_optimizer(self.main)]
            run.optimizers += [self.recipe.make_optimizer(self.rivals, rate)] if self.rivals else []
        self.calls, self.asked, self.proved, self.ask_weights, self.epoch = {}, {}, set(), set(), None
        self.teacher_states, self.chosen = {}, {}
        self.dtype = next(p.dtype for p in fleet.params["student"].values() if p.is_floating_point())

    def _rows(self, group: Group) -> torch.Tensor:
        """The students whose extras the group's are, int64 [lanes · arms of the group]."""
        lanes, arms = torch.arange(len(self.lanes)), torch.arange(group.first, group.first + group.arms)
        return (lanes.unsqueeze(1) * self.work.arms + arms).flatten().to(self.device)

    @property
    def end(self) -> int:
        return self.groups[0].stages[-1].end

    def train(self):
        """Run to the end of the last stage, to an interrupt, or until a watcher says stop. Raises Diverged."""
        run = self.run
        run.interrupted = run.stopped = False
        every, good = self.recipe.check_every, self.fleet.snapshot()
        synchronize(self.device)
        begun = time.perf_counter()
        with Interruptible() as interrupt, remembered_products():
            while run.step < self.end and not interrupt.stopped and not run.stopped:
                until, first = min(self.end, (run.step // every + 1) * every), run.step
                try:
                    block = self.advance(until, interrupt)
                except BaseException as error:
                    self.undo(good, first, f"{type(error).__name__} ended it within a step")
                    raise
                if run.step == until:
                    good = self.look(block, good)
                    run.seconds, begun = run.seconds + time.perf_counter() - begun, time.perf_counter()
                elif block:  # an interrupt between two looks: nothing is shown, so that going on shows what an unbroken run shows
                    self.check(block, good)
        if run.step < self.end or self.work.keep is not None:
            self.collect()
        synchronize(self.device)
        run.seconds += time.perf_counter() - begun
        run.interrupted = run.step < self.end and not run.stopped
        if self.work.keep is not None:
            self.work.keep(run)

    def advance(self, until: int, interrupt) -> dict[str, torch.Tensor]:
        """Train up to step ``until`` or to an interrupt; returns the losses on the way there, {term: [steps, students]} on the CPU."""
        for stage in (stage for group in self.groups for stage in group.stages):
            self.teacher_state(stage.teachers)  # compared and stacked before a step, not in it
        pending = []
        while self.run.step < until and not interrupt.stopped:
            pending.append(self.one_step(self.run.step))
            self.run.step += 1
        return self.block(pending)

    def undo(self, good, step: int, why: str):
        """Go back to the weights of the last look, step ``step``; the run cannot be taken up again, since its optimisers have gone on."""
        run = self.run
        run.torn, run.step, run.optimizers = why, step, None
        with suppress(RuntimeError):  # a device that has failed; the error that is on its way says so
            self.fleet.restore(good)

    def collect(self):
        """Have all that a checkpoint holds at hand."""

    def look(self, block: dict[str, torch.Tensor], good):
        """Check what was trained since the last look, show it to the watchers, and return a copy of the weights."""
        self.check(block, good)
        good = self.fleet.snapshot()
        # every watcher is asked, also after one has said stop
        self.run.stopped_by = [who(watcher) for watcher in self.work.watch if watcher(self.run) == STOP]
        self.run.stopped = bool(self.run.stopped_by)
        if self.work.keep is not None and self.run.step < self.end:
            self.collect()
            self.work.keep(self.run)
        return good

    def one_step(self, step: int) -> list[dict[str, torch.Tensor]]:
        """One update of every student; returns the named terms of each group, each [lanes, arms], still on the device."""
        seen = self.seen(step)
        for optimizer in self.run.optimizers:
            base = optimizer.defaults["lr"]
            for group in optimizer.param_groups:
                group["lr"] = base * self.recipe.lr_factor(step)
        playing = [g for g in self.groups if g.stage(step).strategy.opponents and step % g.stage(step).strategy.opponent_every == 0]
        for turn in range(max([g.stage(step).strategy.opponent_steps for g in playing], default=0)):
            turning = [g for g in playing if turn < g.stage(step).strategy.opponent_steps]
            names = [s.extras[o] for g in turning for s in [g.stage(step)] for o in s.strategy.opponents]
            terms = self.terms(step, "opponent_loss", turning, seen, f"opponent {turn}" if turn else "step")
            self.update(self.run.optimizers[1], self.rivals, self.fleet.tensors(names), terms)
        terms = self.terms(step, "loss", self.groups, seen, "step")
        self.update(self.run.optimizers[0], self.main, self.main, terms)
        return [{name: value.detach() for name, value in of_group.items()} for of_group in terms]

    def terms(self, step: int, which: str, groups: list[Group], seen, purpose: str) -> list[dict[str, torch.Tensor]]:
        """The strategies' named terms for all students, one {term: [lanes, arms]} for each group."""
        state = self.fleet.state()
        if self.work.arms > 1:
            state = {name: tree_map(lambda t: t.unflatten(0, (len(self.lanes), -1)), tensors) for name, tensors in state.items()}
        noisy = seeded(self.lanes[0].seed, f"student {which} {purpose}", step, self.device) if self.work.random_student else nullcontext()
        with noisy:
            shared = self.shared_answers(state, groups, seen) if self.work.arms > 1 else {}
            found = []
            for number, group in enumerate(groups):
                given = self.given(step, group, seen, purpose)
                found.append(self.of_group(step, which, group, state, given, shared.get(number)))
        return found

    def shared_answers(self, state, groups, seen) -> dict:
        """{place of a group: Outputs} of all students that are asked about the batch itself, in one call: Outputs [lanes, arms, B, ...].

        The first layer of all arms is then one product over a shared batch.
        """
        asking = [n for n, group in enumerate(groups) if group.asks_about_batch]
        if not asking:
            return {}
        arms = tuple(a for n in asking for a in range(groups[n].first, groups[n].first + groups[n].arms))
        students = state["student"]
        if len(arms) < self.work.arms:
            if arms not in self.chosen:
                self.chosen[arms] = torch.tensor(arms, device=self.device)
            students = tree_map(lambda t: t.index_select(1, self.chosen[arms]), students)
        skeleton = self.fleet.skeletons["student"]

        def answer(one, x):
            with precision_context(self.device, self.recipe.precision):
                return outputs_of(skeleton, x, one)

        with SharedProducts():
            together = vmap(vmap(answer, (0, None), randomness="error"), (0, 0), randomness="error")(students, seen["x"])
        begins, found = 0, {}
        for n in asking:
            count = groups[n].arms
            found[n] = tree_map(lambda t, a=begins, k=count: t[:, a : a + k] if k > 1 else t[:, a], together)
            begins += count
        return found

    def of_group(self, step, which, group: Group, state, given, known):
        stage, lanes = group.stage(step), len(self.lanes)
        key = (id(stage), which)
        if key not in self.calls:
            counter = self.asked[key] = Counter()
            step_of = mapped(lambda one, inputs, numbers: self.one_student(group, stage, which, one, inputs, numbers, counter), lanes, group.arms)
            self.calls[key] = torch.compile(step_of) if self.recipe.compile else step_of
        counter = self.asked[key]
        counter.live = 0 if not self.recipe.compile else counter.live
        # answers are known: what does not ask for the weights as well is not given them, which spares a slice of each
        without = known is not None and key in self.proved and key not in self.ask_weights and not self.recipe.compile
        mine = self.of_arms(state, group, stage, known, without)
        try:
            terms = self.calls[key](mine, given, stage.numbers) if key in self.proved else self.first_call(key, stage, mine, given)
        except WeightsWanted:
            counter.live = 0
            terms = self.calls[key](self.of_arms(state, group, stage, known), given, stage.numbers)
        self.run.teacher_evaluations += counter.live * lanes * group.arms
        self.run.live_evaluations[group.first] = self.run.live_evaluations.get(group.first, 0) + counter.live
        if key not in self.proved:
            self.prove(stage, terms, which)
            self.proved.add(key)
        return terms

    def of_arms(self, state, group: Group, stage: Stage, known, without_student: bool = False) -> dict:
        """What the group's students are made of, with leading [lanes, arms], or [lanes] for one arm."""
        mine = {short: state[full] for short, full in stage.extras.items()}
        if not without_student:
            mine["student"] = state["student"]
        if self.work.arms > 1:
            a, k = group.first, group.arms
            cut = {"student": lambda t: t[:, a : a + k] if k > 1 else t[:, a]}
            extra = (lambda t: t) if k > 1 else (lambda t: t[:, 0])
            mine = {name: tree_map(cut.get(name, extra), tensors) for name, tensors in mine.items()}
        return {"net": mine} if known is None else {"net": mine, "known": known}

    def first_call(self, key, stage: Stage, mine, given):
        """The first call of a loss, which shows whether it can be mapped, and whether it draws random numbers of its own."""
        call = lambda: self.calls[key](mine, given, stage.numbers)
        if self.work.random_student or self.recipe.compile:
            return call()

        def once():
            self.asked[key].live = 0
            return call()

        try:
            drew, terms = draws(once, self.device)
        except RuntimeError as error:
            if "randomness" in str(error):
                raise InputError(f"{stage.strategy.name} draws random numbers in its loss; they must come from its draw(x, generator), so that a "
                                 f"student sees the same ones alone and in a stack.") from error  # fmt: skip
            if "vmap" in str(error) or "Batching rule" in str(error):
                raise Unmapped(f"the loss of {stage.strategy.name}, or the live teacher, cannot be mapped over students: "
                               f"{str(error).strip().splitlines()[0]}") from error  # fmt: skip
            raise
        if drew:
            raise InputError(f"{stage.strategy.name} draws random numbers in its loss; they must come from its draw(x, generator), so that they "
                             f"follow from the seed.")  # fmt: skip
        return terms

    def one_student(self, group: Group, stage: Stage, which: str, one, given, numbers, counter):
        """The loss of one student, as its strategy writes it."""
        strategy = with_numbers(stage.strategy, numbers)
        skeletons = {"student": self.fleet.skeletons["student"], **{short: self.fleet.skeletons[full] for short, full in stage.extras.items()}}
        student = Student(skeletons, one["net"], (given["x"], one["known"]) if "known" in one else None)
        batch = Batch(given["x"], given.get("y"), given["index"], given["view"], given["noise"], given["progress"], self.task)
        teacher = None
        if stage.teachers:
            teacher = AskedTeacher(stage.teachers[0], given.get("answers"), batch.index, counter, given.get("teacher"))
        with precision_context(self.device, self.recipe.precision):
            terms = getattr(strategy, which)(student, teacher, batch)
        check_terms(terms, strategy, which)
        if "known" in one and not student.used_known:
            group.asks_about_batch = False
        if student.used_weights:
            self.ask_weights.add((id(stage), which))
        return terms

    def prove(self, stage: Stage, terms, which: str):
        """After the first call of a strategy: its loss must lead back to something that can be trained."""
        if terms and not any(value.requires_grad for value in terms.values()):
            raise InputError(f"{stage.strategy.name}.{which} must return terms with a gradient, but {', '.join(terms)} have none "
                             f"(was .detach() called, or no_grad?).")  # fmt: skip
        if not terms and which == "loss":
            raise InputError(f"{stage.strategy.name}.loss must return at least one named term, but it returned none.")

    def update(self, optimizer, owned, wanted, terms: list[dict]):
        """One optimiser step on ``wanted``; the sum over students gives each student its own gradient."""
        total = sum(value.sum() for of_group in terms for value in of_group.values())
        grads = torch.autograd.grad(total, wanted, allow_unused=True)
        if self.recipe.clip_norm is not None:
            clip_each(grads, self.recipe.clip_norm, self.fleet.count, [self.owner.get(id(p)) for p in wanted])
        if self.recipe.clip_value is not None:
            clip_values(grads, self.recipe.clip_value)
        for parameter in owned:
            parameter.grad = None
        for parameter, grad in zip(wanted, grads, strict=True):
            # mapped products give transposed gradients, and the fused kernels read memory in order
            parameter.grad = None if grad is None else grad.contiguous()
        optimizer.step()

    def seen(self, step: int) -> dict:
        """What each lane sees in this step, whatever the strategy: each tensor with a leading dimension of lanes."""
        place, view = self.schedule(step)
        index = self.examples(place)
        x = self.pool._look_up(view, index)
        seen = {"x": x.to(self.dtype) if x.is_floating_point() else x, "index": index, "view": view, "place": place,
                "answers": {}, "given": {}}  # fmt: skip
        if self.pool.labels is not None:
            seen["y"] = tree_map(lambda t: t[index], self.pool.labels)
            if self.lanes[0].labelled is not None:
                known = torch.stack([lane.labelled[p] for lane, p in zip(self.lanes, place, strict=True)])
                seen["y"] = torch.where(known.view(*known.shape, *[1] * (seen["y"].dim() - 2)), seen["y"], self.task.ignore_index)
        return seen

    def examples(self, place):
        """Places in each lane's own list of examples -> places in the pool, int64 [lanes, batch]."""
        if self.lanes[0].rows is None:
            return place
        return torch.stack([lane.rows[p] for lane, p in zip(self.lanes, place, strict=True)])

    def given(self, step: int, group: Group, seen, purpose: str):
        """What the students of a group are given in this step; an opponent's further turns see the same batch under other noise."""
        stage = group.stage(step)
        kept = seen["given"].get((id(stage), purpose))
        if kept is not None:
            return kept
        given = {name: seen[name] for name in ("x", "y", "index", "view") if name in seen} | {"noise": {}}
        passed = (step - stage.begin) / (stage.end - stage.begin)
        given["progress"] = torch.full((len(self.lanes),), passed, device=self.device)
        if type(stage.strategy).draw is not Strategy.draw:
            drawn = [
                stage.strategy.draw(given["x"][i], generator_for(lane.seed, f"noise {purpose}", step, self.device))
                for i, lane in enumerate(self.lanes)
            ]
            given["noise"] = {name: torch.stack([d[name] for d in drawn]) for name in (drawn[0] if drawn else {})}
        if stage.teachers:
            given["answers"] = self.answers(stage, seen)
            state = self.teacher_state(stage.teachers)
            if state is not None:
                given["teacher"] = state
        seen["given"][id(stage), purpose] = given
        return given

    def answers(self, stage: Stage, seen):
        """The stored answers of each lane's teacher to the batch, looked up once a step for all groups: Outputs [lanes, B, ...]."""
        key, kept = tuple(id(t) for t in stage.teachers), seen["answers"]
        if key not in kept:
            where = seen["place" if stage.local else "index"]
            if len(stage.teachers) == 1:
                found = stage.teachers[0].rows(seen["view"], where)
            else:
                parts = [t.rows(v, p) for t, v, p in zip(stage.teachers, seen["view"], where, strict=True)]
                found = tree_map(lambda *rows: torch.stack(rows), *parts)
            kept[key] = tree_map(lambda t: t.to(self.dtype) if t.is_floating_point() else t, found)
        return kept[key]

    def teacher_state(self, teachers: list):
        """Weights of each lane's teacher, stacked [lanes, ...], where the lanes have different ones."""
        key = tuple(id(t) for t in teachers)
        if key not in self.teacher_states:
            self.teacher_states[key] = stacked_weights(teachers)
        return self.teacher_states[key]

    def schedule(self, step: int):
        """Places and view numbers of this step, int64 [lanes, batch]; an epoch's are made and moved at once."""
        examples = len(self.pool) if self.lanes[0].rows is None else len(self.lanes[0].rows)
        batch = self.recipe.batch_size
        per_epoch = max(1, examples // batch)
        epoch, within = divmod(step, per_epoch)
        if self.epoch is None or self.epoch[0] != epoch:
            shared = self.lanes[0].seed if self.work.order_seed is None else self.work.order_seed
            whose = [(lane.seed if self.recipe.order == "own" else shared, lane.views or (0, self.pool.views)) for lane in self.lanes]
            made = {}
            for seed, (first, views) in set(whose):
                order = self.pool.order(seed, batch, epoch) if self.lanes[0].rows is None else None
                order = data_order(seed, examples, batch, epoch) if order is None else order
                made[seed, (first, views)] = (order, first + view_numbers(seed, views, order.shape, epoch))
            place, view = (torch.stack([made[who][i] for who in whose], 1).to(self.device) for i in (0, 1))
            self.epoch = (epoch, place, view)
        return self.epoch[1][within], self.epoch[2][within]

    def check(self, block: dict[str, torch.Tensor], good):
        """Record the losses; on a NaN or infinity in loss or weights that must stop, put the last good weights back and raise Diverged."""
        steps, run = len(next(iter(block.values()))), self.run
        first = run.step - steps
        total = sum(block.values())
        healthy = self.fleet.finite().cpu()
        bad = (~total.isfinite()).nonzero()
        lost = bool(len(bad)) or not bool(healthy.all())
        if lost and self.recipe.on_divergence == "stop":
            if len(bad):
                step, student = bad[0].tolist()
                what, when = f"the loss became {total[step, student]:g}", first + step
            else:
                student = int((~healthy).nonzero()[0])
                what, when = "weights became NaN or infinite while the loss was finite", first + steps - 1
            self.undo(good, first, "it diverged")
            raise Diverged(
                f"{run.names[student]}, seed {run.seeds[student]}: {what} at step {when}. The weights of step {first} are kept in .run; "
                f"try a lower lr than {self.recipe.lr:g}, or clip_norm.",
                run,
            )
        run.healthy &= healthy
        run.record(block, first)

    def block(self, pending: list) -> dict[str, torch.Tensor]:
        """The pending terms as {term: [steps, students]} on the CPU; a term that another stage or arm has counts as zero."""
        lanes, arms = len(self.lanes), self.work.arms
        names = dict.fromkeys(name for groups in pending for terms in groups for name in terms)
        block = {name: torch.zeros(len(pending), lanes, arms) for name in names}
        for number, group in enumerate(self.groups):
            for name in names:
                steps = [i for i, groups in enumerate(pending) if name in groups[number]]
                if steps:
                    values = torch.stack([pending[i][number][name].float() for i in steps]).cpu()
                    block[name][steps, :, group.first : group.first + group.arms] = values.view(len(steps), lanes, group.arms)
        return {name: values.flatten(1) for name, values in block.items()}


def stacked_weights(teachers: list) -> dict[str, torch.Tensor] | None:
    """{name: [teachers, ...]} of the teachers' networks; None where all have the same weights, or there is but one."""
    states = [{**dict(t.module.named_parameters()), **dict(t.module.named_buffers())} for t in teachers]
    if all(torch.equal(s[name], states[0][name]) for s in states[1:] for name in s):
        return None
    return {name: torch.stack([s[name].detach() for s in states]) for name in states[0]}


def check_terms(terms, strategy: Strategy, which: str):
    """Raise InputError unless ``terms`` is what the contract says a loss returns: a dict of named scalar tensors."""
    if not isinstance(terms, dict):
        given = f"a tensor {list(terms.shape)}" if isinstance(terms, torch.Tensor) else "nothing" if terms is None else type(terms).__name__
        raise InputError(f'{strategy.name}.{which} must return named terms, for example {{"soft": loss}}, but it returned {given}.')
    for name, value in terms.items():
        if not isinstance(name, str):
            raise InputError(f"{strategy.name}.{which} must name its terms by words, but {name!r} was given.")
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            given = f"{value.dtype}" if isinstance(value, torch.Tensor) else repr(value)
            raise InputError(f"the term {name!r} of {strategy.name}.{which} must be a floating-point tensor, but {given} was given.")
        if value.dim():
            raise InputError(f"the term {name!r} of {strategy.name}.{which} must be a scalar (take the mean over the batch), but its shape is "
                             f"{list(value.shape)}.")  # fmt: skip
