"""One comparison in one call: several ways to train one student, over replicates, in as few stacks as their kinds allow."""

import copy
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from distill_helpers.checks import InputError, needed, one_of, whole
from distill_helpers.measure.crossed import two_way
from distill_helpers.measure.families import simultaneous
from distill_helpers.measure.statistics import Difference, paired
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.contract.schedule import Grid, Stages
from distill_helpers.strategies.without_teacher.hard_labels import HardLabels
from distill_helpers.training import plan as planning
from distill_helpers.training.device import allow_fast_matmul, pick_device
from distill_helpers.training.distill import trained, why_not_mapped
from distill_helpers.training.fleet import Fleet
from distill_helpers.training.loop import Group, Loop, Work
from distill_helpers.training.proof import check_alike, float_type, proved, sample_of, why_not_stacked
from distill_helpers.training.randomness import generator_for
from distill_helpers.training.recipe import Recipe
from distill_helpers.training.replicates import Replicate, draw_replicates
from distill_helpers.training.run import Run, inputs_of
from distill_helpers.training.teacher import Teacher


class Arm:
    """A strategy with changes to the recipe that are its own, for example ``Arm(SoftTargets(8.0), lr=3e-3)``."""

    def __init__(self, strategy, **changes):
        known = {f.name for f in fields(Recipe)}
        wrong = sorted(set(changes) - known)
        if wrong:
            raise InputError(f"an arm may change {', '.join(sorted(known))}, but {', '.join(wrong)} was given.")
        self.strategy, self.changes = strategy, changes


@dataclass(frozen=True)
class Redrawn:
    """A teacher that is trained anew for each replicate: a function that builds it, its recipe, and what it learns by."""

    builder: Any
    recipe: Recipe = Recipe()
    strategy: Strategy = HardLabels()


@dataclass(eq=False)
class Comparison:
    """What ``compare`` found.

    arms: names, in the order given. replicates: the draws. outcomes: bool [replicates, arms, test examples], right or wrong, or None where the
    labels are no classes. scores: {measure: float [replicates, arms]}. baseline: the arm that the others are held against. costs: one dict an
    arm. diverged: bool [replicates, arms]; such a student's answers count as guesses. runs: the training runs. teachers: the redrawn ones.
    """

    arms: list[str]
    replicates: list[Replicate]
    outcomes: Tensor | None
    scores: dict[str, Tensor]
    baseline: str
    costs: list[dict]
    diverged: Tensor
    runs: list[Run] = field(repr=False)
    teachers: list = field(default_factory=list, repr=False)
    interrupted: bool = False
    where: dict = field(default_factory=dict, repr=False)  # {arm: (run, place of the arm in each lane, arms of a lane)}
    timing: Any = field(default=None, repr=False)
    counted: Tensor | None = field(default=None, repr=False)  # bool [test examples]: those whose label says something

    def gain(self, arm: str, against: str | None = None, measure: str = "accuracy") -> Difference:
        """The paired difference of ``measure`` between two arms over replicates, with its interval."""
        one_of("measure", measure, tuple(self.scores))
        a, b = (self._column(name) for name in (arm, against or self.baseline))
        return paired(self.scores[measure][:, a], self.scores[measure][:, b], name=f"{arm} - {against or self.baseline}")

    def difference(self, arm: str, against: str | None = None, shared: bool = True) -> Difference:
        """The difference in accuracy, with an interval that covers other replicates and other test examples (``measure.two_way``).

        shared: False for arms whose replicates share nothing but the test examples. Raises InputError where no outcomes are kept.
        """
        if self.outcomes is None:
            raise InputError("difference needs outcomes of test examples, but the labels are no classes; use gain(arm, measure=...).")
        a, b = (self._column(name) for name in (arm, against or self.baseline))
        lost = int((self.diverged[:, a] | self.diverged[:, b]).sum())
        return two_way(self._right(a), self._right(b), name=f"{arm} - {against or self.baseline}", shared=shared, diverged=lost)

    def differences(self, together: bool = False) -> dict[str, Difference]:
        """``difference`` of each arm to the baseline; together: with simultaneous intervals, which hold for all arms at once."""
        found = {arm: self.difference(arm) for arm in self.arms if arm != self.baseline}
        return simultaneous(found) if together else found

    def _right(self, column: int) -> Tensor:
        """Share right of each test example, [replicates, examples], weighted so that its mean is the accuracy."""
        right = self.outcomes[:, column].double()
        if self.counted is None:
            return right.flatten(2).mean(2) if right.dim() > 2 else right
        known = self.counted.reshape(len(self.counted), -1).double().sum(1)
        right = (right * self.counted).flatten(2).sum(2) if right.dim() > 2 else right * self.counted
        return right[:, known > 0] / known[known > 0].mean()

    def model(self, arm: str, replicate: int = 0) -> nn.Module:
        """A trained student as a module of its own, in evaluation mode."""
        whole("replicate", replicate, 0)
        if replicate >= len(self.replicates):
            raise InputError(f"replicate must be from 0 to {len(self.replicates) - 1}, but {replicate} was given.")
        self._column(arm)
        run, place, arms = self.where[arm]
        return run.model(replicate * arms + place) if not run.parts else run.parts[replicate * arms + place].model(0)

    def table(self):
        """A row an arm, as a DataFrame: the mean of each measure, the gain over the baseline with its interval, and the costs."""
        pd = needed("pandas")
        rows = []
        for number, arm in enumerate(self.arms):
            row = {"arm": arm} | {name: float(values[:, number].mean()) for name, values in self.scores.items()}
            if arm != self.baseline and len(self.replicates) > 1:
                d = self.gain(arm, measure=next(iter(self.scores)))
                row |= {"gain": d.mean, "low": d.low, "high": d.high}
            rows.append(row | {name: value for name, value in self.costs[number].items() if name != "arm"})
        return pd.DataFrame(rows)

    def forest(self):
        """The gain of each arm over the baseline with its interval, drawn; returns the figure."""
        from distill_helpers.show.plots import gains_plot

        measure = next(iter(self.scores))
        gains = {arm: self.gain(arm, measure=measure) for arm in self.arms if arm != self.baseline}
        return gains_plot(gains, unit=f"gain in {measure} over {self.baseline}, {len(self.replicates)} replicates").figure

    def seconds(self, steps: int = 50, repeats: int = 5) -> dict[str, float]:
        """Seconds that one student of each arm takes for ``steps`` steps, trained alone, median of ``repeats``; wants an idle machine."""
        return self.timing(steps, repeats)

    def __str__(self):
        lines = []
        measure = next(iter(self.scores))
        for number, arm in enumerate(self.arms):
            mean = self.scores[measure][:, number].mean()
            against = "" if arm == self.baseline or len(self.replicates) < 2 else f"   {self.gain(arm, measure=measure)}"
            lines.append(f"{arm:24} {measure} {mean:.4f}{against}")
        return "\n".join(lines)

    def _column(self, arm: str) -> int:
        one_of("arm", arm, tuple(self.arms))
        return self.arms.index(arm)


def compare(student, teacher, data, arms: dict, *, test, replicates=8, labelled: int | None = None, unlabelled: str = "drop",
            teacher_examples: int | None = None, recipe: Recipe | None = None, baseline: str | None = None, measures=None, device="auto",
            stack="auto", checkpoint=None, watch=(), progress=True, processes="auto") -> Comparison:  # fmt: skip
    """Train the student by each arm in each replicate and return the Comparison.

    student: a function that builds one. teacher: a module or Teacher, kept, so that the answer is for this teacher; a ``Redrawn``, trained anew
    for each replicate; a list of kept ones, one for each replicate; or None where no arm needs one. data: a pool, an ImageSet, a torch Dataset
    or DataLoader. arms: {name: strategy}, a strategy being a Strategy, Stages, or an ``Arm`` with a recipe of its own. test: the data that are
    read at the end, as ``data``, with labels. replicates: how many, or a list of Replicate; labelled, unlabelled, teacher_examples: see
    ``draw_replicates``. Within a replicate all arms begin with the same weights and see the same batches, which pairs them. baseline: the
    first arm, unless said. measures: a function of
    (logits [students, N, ...], labels) that gives {name: [students]}, beside accuracy, or in its place where labels are no classes.
    stack: "auto" trains all replicates of all arms together where the student allows it, False one student at a time, with the same results.
    checkpoint: a folder; the same call goes on from it. processes: as in ``distill``: replicates are shared between the cores of a processor.
    A student that diverges is counted, and its answers are guesses.
    Raises InputError for arguments that do not fit, before any training.
    """
    recipe = replace(recipe or Recipe(), on_divergence="go on")
    device = pick_device(device)
    allow_fast_matmul(device)
    one_of("stack", stack, ("auto", True, False))
    pool, plans = planning.as_pool(data).to(device), _plans(arms, recipe)
    baseline = baseline or next(iter(plans))
    one_of("baseline", baseline, tuple(plans))
    test_x, test_y = _test(test, pool)
    drawn = _replicates(replicates, pool, labelled, unlabelled, teacher_examples)
    lanes = [r.lane(device) for r in drawn]
    modules = planning.build_all(student, [r.seed for r in drawn], device)
    out = proved(modules[0], pool, recipe.batch_size)
    check_alike(modules, pool)
    folder = None if checkpoint is None else Path(checkpoint)
    for plan, _ in plans.values():
        for strategy, _ in plan:
            planning.check_labels(strategy, pool)
            _check_kept(strategy, drawn)
    needy = any(strategy.needs_teacher for plan, _ in plans.values() for strategy, _ in plan)
    base, taught = (None, None) if not needy else _teachers(teacher, drawn, pool, plans, device, stack, folder, progress, processes)
    if taught is not None and taught.interrupted:
        raise KeyboardInterrupt("stopped while the teachers were trained; with checkpoint= the same call goes on from there")
    why = "stack=False was given" if stack is False else why_not_stacked(modules[0], pool)
    runs, where, costs, interrupted = [], {}, {}, False
    local = lanes[0].rows is not None
    staged = {name: planning.stages_of(plan, base, pool, out, local) for name, (plan, _) in plans.items()}

    def arranged(alone):
        reach = {name: () if alone else _reached(staged[name], lanes[0], modules[0], pool, out, plans[name][1], device) for name in plans}
        return [_groups(names, plans, staged, modules[0], pool, base, out, device, alone) for names in _panels(plans, reach)]

    panels = arranged(bool(why))
    if not why:
        tried = (why_not_mapped(modules, lanes, groups, pool, out, plans[order[0]][1], device) for groups, order in panels)
        why = next(filter(None, tried), "")
        panels = arranged(True) if why else panels
    for number, (groups, order) in enumerate(panels):
        mine = plans[order[0]][1]
        labels = [f"{name}" for _ in lanes for name in order]
        run = trained(modules, lanes, groups, labels, pool, out, mine, device, stack=stack, why=why, resume=None,
                      checkpoint=None if folder is None else folder / f"panel-{number}", watch=watch, progress=progress, teachers=base,
                      strategies=[plans[name][0] for name in order], new_watch=number == 0, processes=processes)  # fmt: skip
        runs.append(run)
        where |= {name: (run, place, len(order)) for place, name in enumerate(order)}
        costs |= _costs(order, groups, run, mine, lanes, pool.views)
        if run.interrupted:
            interrupted = True
            break
    if interrupted:
        raise KeyboardInterrupt("stopped while the arms were trained; with checkpoint= the same call goes on from there")
    ignored = getattr(test, "ignore_index", None)
    scores, outcomes, diverged, counted = _judged(plans, where, drawn, test_x, test_y, pool.ignore_index if ignored is None else ignored, measures)
    again = lambda steps, repeats: _timed(student, base, pool, plans, drawn, device, steps, repeats, local=lanes[0].rows is not None)
    return Comparison(list(plans), drawn, outcomes, scores, baseline, [costs[name] for name in plans], diverged, runs,
                      [] if taught is None else [taught.model(i) for i in range(len(taught))], False, where, again, counted)  # fmt: skip


def _plans(arms, recipe: Recipe) -> dict:
    """{arm: ([(strategy, end)], recipe)}."""
    if not isinstance(arms, dict) or not arms:
        raise InputError(f"arms must be a dict of one or more named strategies, but {arms!r} was given.")
    plans = {}
    for name, arm in arms.items():
        if not isinstance(name, str) or not name:
            raise InputError(f"arms must be named by words, but {name!r} was given.")
        arm = arm if isinstance(arm, Arm) else Arm(arm)
        if isinstance(arm.strategy, Stages) and "steps" in arm.changes:
            raise InputError(f"the arm {name!r} has the steps of its Stages, so Arm cannot change them.")
        if isinstance(arm.strategy, Grid) or not isinstance(arm.strategy, (Strategy, Stages)):
            raise InputError(f"the arm {name!r} must be a Strategy, Stages or an Arm around one, but {arm.strategy!r} was given.")
        plan, _, mine = planning.steps_of(arm.strategy, replace(recipe, **arm.changes))
        plans[name] = (plan, mine)
    return plans


def _test(test, pool) -> tuple[Tensor, Any]:
    if getattr(test, "labels", None) is None and isinstance(test, (torch.utils.data.Dataset, torch.utils.data.DataLoader)):
        test = planning.as_pool(test)
    if getattr(test, "labels", None) is None:
        raise InputError(f"test must be data with labels (an ImageSet, a pool, a Dataset), but {type(test).__name__} without labels was given.")
    x = inputs_of(test)
    if tuple(x.shape[1:]) != tuple(pool.input_shape):
        raise InputError(f"test must have inputs of shape {tuple(pool.input_shape)}, as the data have, but {tuple(x.shape[1:])} was given.")
    return x.to(pool.device), test.labels


def _replicates(replicates, pool, labelled, unlabelled, teacher_examples) -> list[Replicate]:
    if isinstance(replicates, (list, tuple)):
        if labelled is not None or teacher_examples is not None:
            raise InputError("labelled and teacher_examples go with a number of replicates; a list of Replicate says them itself.")
        if not replicates or not all(isinstance(r, Replicate) for r in replicates):
            raise InputError("replicates must be a number, or a list of one or more Replicate.")
        drawn = list(replicates)
    else:
        whole("replicates", replicates)
        drawn = draw_replicates(pool, int(replicates), labelled=labelled, unlabelled=unlabelled, teacher_examples=teacher_examples)
    if len({r.seed for r in drawn}) < len(drawn):
        raise InputError("replicates must have different seeds.")
    for r in drawn:
        _check_replicate(r, pool)
    if len({int(r.labelled.sum()) for r in drawn if r.labelled is not None}) > 1:
        raise InputError("replicates must all have the same number of labelled examples.")
    for what in ("rows", "labelled", "teacher_rows"):
        sizes = {None if getattr(r, what) is None else len(getattr(r, what)) for r in drawn}
        if len(sizes) > 1:
            raise InputError(f"replicates must all have the same number of {what}, but they have {sorted(map(str, sizes))}.")
    return drawn


def _check_replicate(r: Replicate, pool):
    """Raise InputError unless a replicate's examples and views are the pool's."""
    for name in ("rows", "teacher_rows"):
        rows = getattr(r, name)
        if rows is not None and (not isinstance(rows, Tensor) or rows.dtype != torch.int64 or rows.dim() != 1 or not len(rows)
                                 or rows.min() < 0 or rows.max() >= len(pool)):  # fmt: skip
            raise InputError(f"a replicate's {name} must be whole numbers [n] from 0 to {len(pool) - 1}, one or more, in an int64 tensor.")
    if r.labelled is not None:
        if r.rows is None or not isinstance(r.labelled, Tensor) or r.labelled.dtype != torch.bool or r.labelled.shape != r.rows.shape:
            raise InputError("a replicate's labelled must be a bool tensor, one entry for each of its rows.")
        if pool.ignore_index is None:
            raise InputError("replicates with unlabelled examples need data with an ignore_index, the label that says nothing, but they have none.")
    if r.views is not None and not (len(r.views) == 2 and r.views[0] >= 0 and r.views[1] >= 1 and sum(r.views) <= pool.views):
        raise InputError(f"a replicate's views must be (first, how many) of the pool's {pool.views} views, but {r.views!r} was given.")


def _check_kept(strategy: Strategy, drawn):
    if drawn[0].labelled is not None and (strategy.needs_labels or "labels" in strategy.signals) and not strategy.honours_task:
        raise InputError(f"the replicates keep examples without a label, which {strategy.name} does not follow; use unlabelled='drop', or a "
                         f"strategy with honours_task = True.")  # fmt: skip


def _teachers(teacher, drawn, pool, plans, device, stack, folder, progress, processes):
    """(planning.Teachers, the Run of the redrawn ones or None)."""
    rows, learners = [r.rows for r in drawn], [strategy for arm, _ in plans.values() for strategy, _ in arm]
    pools = [pool] if rows[0] is None else [pool.subset(r.to(pool.device)) for r in rows]
    if teacher is None:
        raise InputError("teacher must be given, since an arm needs one, but None was given.")
    if isinstance(teacher, (list, tuple)):
        if len(teacher) != len(drawn):
            raise InputError(f"teacher must be one, or one for each of {len(drawn)} replicates, but {len(teacher)} were given.")
        return planning.Teachers([t if isinstance(t, Teacher) else Teacher(t) for t in teacher], pools * (len(drawn) // len(pools)), learners), None
    if not isinstance(teacher, Redrawn):
        # wrapped once, so that all lanes have the very same frozen network
        teacher = teacher if isinstance(teacher, Teacher) else Teacher(teacher)
        return planning.Teachers([teacher] * len(pools), pools, learners), None
    lanes = [r.teacher_lane(device) for r in drawn]
    if isinstance(teacher.strategy, Grid):
        raise InputError("a redrawn teacher must learn by a Strategy or Stages, but a Grid was given.")
    plan, _, recipe = planning.steps_of(teacher.strategy, teacher.recipe)
    if any(strategy.needs_teacher for strategy, _ in plan):
        raise InputError(f"a redrawn teacher must learn by a strategy without a teacher, but {teacher.strategy.name} was given.")
    modules = planning.build_all(teacher.builder, [r.seed for r in drawn], device)
    out = proved(modules[0], pool, recipe.batch_size)
    check_alike(modules, pool)
    stages = planning.stages_of(plan, None, pool, out)
    run = trained(modules, lanes, [Group(stages)], ["teacher"] * len(lanes), pool, out, recipe, device, stack="auto" if stack is True else stack,
                  resume=None, checkpoint=None if folder is None else folder / "teachers", watch=(), progress=progress, teachers=None,
                  strategies=[teacher.strategy], processes=processes)  # fmt: skip
    if run.diverged.any():
        raise InputError("a teacher diverged while it was trained; lower the lr of its recipe.")
    models = [Teacher(run.model(i)) for i in range(len(run))]
    return planning.Teachers(models, pools * len(models) if len(pools) == 1 else pools, learners), run


def _panels(plans, reach) -> list[list[str]]:
    """Names of arms that may share a stack: those that share a recipe and train the same weights from stage to stage.

    An optimiser counts its steps and decays weights where there is a gradient; a weight that one arm does not reach must not be
    counted because another arm does.
    """
    panels: dict = {}
    for name, (_, recipe) in plans.items():
        panels.setdefault((recipe, reach[name]), []).append(name)
    return list(panels.values())


def _reached(stages, lane, module, pool, out, recipe, device) -> tuple:
    """For each stretch of steps in which something is left out: (begin, end, which of the student's weights the loss reaches)."""
    group = Group([replace(stage, extras={}, teachers=stage.teachers[:1]) for stage in stages])
    fleet = Fleet()
    fleet.add("student", [copy.deepcopy(module)], device)
    planning.add_extras(fleet, [group], [lane], out, device)
    loop = Loop(Run([lane.seed], ["try"], recipe, fleet), fleet, Work([lane], [group], pool, device))
    found = []
    for stage in group.stages:
        terms = loop.terms(stage.begin, "loss", [group], loop.seen(stage.begin), "step")
        grads = torch.autograd.grad(sum(value.sum() for value in terms[0].values()), fleet.tensors(["student"]), allow_unused=True)
        reached = tuple(g is not None for g in grads)
        if not all(reached):
            found.append((stage.begin, stage.end, reached))
    return tuple(found)


def _groups(names, plans, staged, module, pool, teachers, out, device, alone: bool) -> tuple[list[Group], list[str]]:
    """Arms that differ in numbers only stand in one group; returns the groups and the names in their order."""
    kinds: list[list[str]] = []
    for name in names:
        home = None
        for kind in [] if alone else kinds:
            first, other = plans[kind[0]][0], plans[name][0]
            if _one_kind([plans[n][0] for n in (*kind, name)]) and _set_up_alike(first, other, staged[kind[0]], pool, teachers, out):
                home = kind
                break
        if home is None:
            kinds.append([name])
        else:
            home.append(name)
    groups, first = [], 0
    for kind in kinds:
        stages = [replace(stage) for stage in staged[kind[0]]]
        if len(kind) > 1:
            varying = Grid([plans[n][0][0][0] for n in kind]).varying
            stages[0].numbers = {what: torch.tensor([float(v) for v in values], device=device, dtype=float_type(module))
                                 for what, values in varying.items()}  # fmt: skip
        groups.append(Group(stages, first, len(kind)))
        first += len(kind)
    return groups, [name for kind in kinds for name in kind]


MAPPED = ("temperature", "weight", "smoothing")


def _set_up_alike(first, other, stages, pool, teachers, out) -> bool:
    """Whether two strategies share all that is made once for a group: teacher, random numbers, extras, opponents."""
    try:
        planning.check_grid(Grid([first[0][0], other[0][0]]), teachers, stages[0], sample_of(pool, out.logits.dtype), out)
    except InputError:
        return False
    return True


def _one_kind(plans) -> bool:
    """Whether plans are single strategies of one class that differ in weights and temperatures only, which a mapped call can hold."""
    if any(len(plan) > 1 for plan in plans) or not type(plans[0][0][0]).__module__.startswith("distill_helpers."):
        return False  # what a reader's own strategy does with a mapped number is not known
    try:
        grid = Grid([plan[0][0] for plan in plans])
    except InputError:
        return False
    return all(name in MAPPED and all(v > 0 for v in values) for name, values in grid.varying.items())


def _costs(order, groups, run, recipe, lanes: list, views: int) -> dict[str, dict]:
    """views: of the pool. A student that sees some of them would alone need the teacher's answers to those."""
    looked_at = sum(lane.views[1] if lane.views else views for lane in lanes) / (views * len(lanes))
    costs, parts, place = {}, run.parts or [run], 0
    for number, group in enumerate(groups):
        # a table that all lanes share is what one of them alone would need as well
        shared = {id(s.teachers[0]): s.teachers[0].table_evaluations for s in group.stages if len(s.teachers) == 1}
        own_tables = {id(t): t.table_evaluations for s in group.stages if len(s.teachers) > 1 for t in s.teachers}
        table = round((sum(shared.values()) + sum(own_tables.values()) / len(lanes)) * looked_at)
        # one by one, the parts stand lane by lane and group by group; in one stack all are in the same part
        part = parts[number] if run.parts else parts[0]
        live = part.live_evaluations.get(0 if run.parts else group.first, 0)
        extra = part.extra_of_groups[0 if run.parts else number]
        own, numbers = run.parameters, next(iter(part.fleet.params["student"].values())).element_size()
        moments = 2 if recipe.optimizer == "adamw" else 1 if recipe.momentum else 0
        trained_ones = sum(p[0].numel() for p in part.fleet.tensors(["student"]))
        for _ in range(group.arms):
            size = numbers * (own + extra + moments * (trained_ones + extra))  # weights, and what the optimiser keeps of each
            costs[order[place]] = {"arm": order[place], "steps": part.step, "teacher_evaluations": table + live, "parameters": own,
                                   "extra_parameters": extra, "bytes": size}  # fmt: skip
            place += 1
    return costs


def _judged(plans, where, drawn, x, labels, ignored, measures):
    names, count = list(plans), len(drawn)
    classes = isinstance(labels, Tensor) and not labels.is_floating_point()
    outcomes = torch.zeros(count, len(names), *labels.shape, dtype=torch.bool) if classes else None
    scores: dict[str, Tensor] = {}
    diverged = torch.zeros(count, len(names), dtype=torch.bool)
    for number, name in enumerate(names):
        run, place, arms = where[name]
        logits = torch.stack([_logits(run, r * arms + place, x) for r in range(count)])
        lost = run.diverged[place::arms]
        diverged[:, number] = lost
        for r in lost.nonzero().flatten().tolist():
            guess = generator_for(drawn[r].seed, f"guess {name}")
            logits[r] = torch.rand(logits[r].shape, generator=guess).to(logits)
        found = {}
        if classes:
            known = labels.to(logits.device)
            right = logits.argmax(-1) == known
            outcomes[:, number] = right.cpu()
            valid = known != ignored if ignored is not None else torch.ones_like(known, dtype=torch.bool)
            found["accuracy"] = (right & valid).flatten(1).sum(1) / valid.sum()
        found |= {} if measures is None else measures(logits, labels)
        if not found:
            raise InputError("measures must be given where labels are no class indices, but it is None.")
        for what, values in found.items():
            missing = torch.full((count, len(names)), torch.nan, dtype=torch.float64)
            scores.setdefault(what, missing)[:, number] = torch.as_tensor(values).double().cpu()
    counted = None if not classes or ignored is None else (labels != ignored).cpu()
    return scores, outcomes, diverged, counted


def _logits(run: Run, student: int, x) -> Tensor:
    if run.parts:
        return run.parts[student].predict(x)[0]
    one = Fleet()
    one.add("student", [run.model(student)], x.device)
    return one.predict(x)[0]


def _timed(student, base, pool, plans, drawn, device, steps: int, repeats: int, local: bool) -> dict[str, float]:
    """Median seconds for ``steps`` steps of one student of each arm, alone; the first try warms up and is not counted."""
    import statistics

    whole("steps", steps)
    whole("repeats", repeats)
    lane, module = drawn[0].lane(device), planning.build(student, drawn[0].seed, device)
    out, found = proved(module, pool, 2), {}
    for name, (plan, recipe) in plans.items():
        short, times = replace(recipe, steps=steps, check_every=steps), []
        ends = [(strategy, min(end, steps)) for strategy, end in plan]
        ends = [(s, e) for i, (s, e) in enumerate(ends) if i == 0 or e > ends[i - 1][1]]
        stages = planning.stages_of(ends, base, pool, out, local)
        for stage in stages:
            stage.teachers = stage.teachers[:1]
        for _ in range(repeats + 1):
            run = trained([module], [lane], [Group(stages)], [name], pool, out, short, device, stack="auto", resume=None, checkpoint=None, watch=(),
                          progress=False, teachers=base, strategies=[plan])  # fmt: skip
            times.append(run.seconds)
        found[name] = statistics.median(times[1:])
    return found
