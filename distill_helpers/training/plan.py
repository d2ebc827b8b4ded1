"""From what was asked for to what a loop works on: the pool, the stages with their teachers, the stacks of students, the signature."""

from dataclasses import replace
from numbers import Integral

import torch
from torch import nn

from distill_helpers.checks import InputError
from distill_helpers.data import ImageSet, Pool, from_dataset, make_views
from distill_helpers.models.outputs import Outputs
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.contract.schedule import Grid, Stages
from distill_helpers.strategies.contract.wrapper import Wrapper
from distill_helpers.training.by_value import short_hash
from distill_helpers.training.fleet import Fleet
from distill_helpers.training.loop import Group, Lane, Stage
from distill_helpers.training.proof import check_builds
from distill_helpers.training.randomness import build_seeded, generator_for
from distill_helpers.training.recipe import Recipe
from distill_helpers.training.teacher import Teacher


def checked_seeds(seeds) -> list[int]:
    """Whole numbers of at least 0, one or more, all different."""
    seeds = list(seeds) if hasattr(seeds, "__iter__") else [seeds]
    if not seeds or not all(isinstance(s, Integral) and not isinstance(s, bool) and s >= 0 for s in seeds):
        raise InputError(f"seeds must be whole numbers of at least 0, one or more, but {seeds!r} was given.")
    if len(set(seeds)) < len(seeds):
        raise InputError(f"seeds must differ from each other, but {seeds!r} was given.")
    return [int(s) for s in seeds]


def told_apart(names: list[str]) -> list[str]:
    """The names, with a number behind each that was there before."""
    return [name if name not in names[:i] else f"{name} ({names[:i].count(name) + 1})" for i, name in enumerate(names)]


def as_pool(data) -> Pool:
    """A pool as it is; an ImageSet as a pool of one view; a torch Dataset or DataLoader by ``from_dataset``."""
    if isinstance(data, ImageSet):
        return make_views(data, views=1)
    if isinstance(data, Pool):
        return data
    if isinstance(data, (torch.utils.data.Dataset, torch.utils.data.DataLoader)):
        try:
            return from_dataset(data)
        except InputError as error:
            raise InputError(f"{error} To say more about the data, give from_dataset(data, ...) in their place.") from error
    raise InputError(f"data must be an ImageSet or a ViewPool, another pool, a torch Dataset or a DataLoader, but {type(data).__name__} was given.")


def steps_of(strategy, recipe: Recipe) -> tuple[list[tuple[Strategy, int]], Grid | None, Recipe]:
    """([(strategy, last step)], the Grid if one was given, the recipe with the plan's number of steps)."""
    if isinstance(strategy, Grid):
        return [(strategy.strategies[0], recipe.steps)], strategy, recipe
    if isinstance(strategy, Stages):
        ends, total = [], 0
        for part, steps in strategy.stages:
            total += steps
            ends.append((part, total))
        return ends, None, replace(recipe, steps=total)
    if not isinstance(strategy, Strategy):
        raise InputError(f"strategy must be a Strategy, Stages or Grid, but {strategy!r} was given.")
    return [(strategy, recipe.steps)], None, recipe


def build(student, seed: int, device) -> nn.Module:
    """A new student on the device, its weights drawn by ``seed``."""
    if isinstance(student, nn.Module) or not callable(student):
        raise InputError("student must be a function that builds a new student, for example `lambda: ResidualStudent(...)`.")
    module = build_seeded(student, seed)
    if not isinstance(module, nn.Module):
        raise InputError(f"student() must return a torch.nn.Module, but it returned {type(module).__name__}.")
    return module.to(device)


def build_all(student, seeds, device) -> list[nn.Module]:
    """One student a seed; equal seeds get copies of one student. Raises InputError for a builder that gives the same object again."""
    modules = [build(student, seed, device) for seed in seeds]
    for module in modules:
        if any(nn.parameter.is_lazy(t) for t in [*module.parameters(), *module.buffers()]):
            raise InputError("student must have weights of known shape, but it has lazy layers; call it once on an input in the builder.")
        hooked = [name for name, p in module.named_parameters() if p._backward_hooks]
        if hooked:
            raise InputError(f"student must have no hooks on its weights, which copies do not keep, but {hooked[0]} has one.")
    check_builds(modules)
    return modules


class Teachers:
    """The teachers of a run, asked about each pool once for all features that are wanted.

    given: a module or a Teacher, the same for all lanes, or one for each lane. pools: the pool that each of them answers for.
    strategies: all that will learn from them.
    """

    def __init__(self, given: list, pools: list[Pool], strategies=()):
        self.given, self.pools, self.asked = given, pools, {}
        self.expected = {name for strategy in strategies if strategy.needs_teacher for name in strategy.teacher_features}

    def __len__(self):
        return len(self.given)

    def over(self, strategy: Strategy) -> list[Teacher]:
        """The teachers with their answers to all views, prepared by the strategy."""
        return [strategy.prepare_teacher(self._ask(number, strategy)) for number in range(len(self.given))]

    def _ask(self, number: int, strategy: Strategy) -> Teacher:
        teacher, pool = self.given[number], self.pools[number]
        if teacher is None:
            raise InputError(f"teacher must be given for {strategy.name}, but None was given.")
        if not isinstance(teacher, Teacher):
            # one frozen copy of a module, also where several lanes have it
            teacher = self.asked.setdefault(("wrapped", id(teacher)), Teacher(teacher))
        wanted = set(strategy.teacher_features)
        if teacher.holds(pool, wanted):
            return teacher
        wanted |= self.expected
        key = (id(teacher), id(pool), tuple(sorted(wanted)))
        if key not in self.asked:
            store = "memory" if teacher.store is None else teacher.store.kind
            self.asked[key] = teacher.over(pool, features=tuple(sorted(wanted)), store=store)
        return self.asked[key]


def stages_of(plan, teachers: Teachers | None, pool: Pool, out: Outputs, local: bool = False) -> list[Stage]:
    """The plan with teachers asked and everything checked against the student's example outputs."""
    stages = []
    for strategy, end in plan:
        check_labels(strategy, pool)
        ready = []
        if strategy.needs_teacher:
            if teachers is None:
                raise InputError(f"teacher must be given for {strategy.name}, but None was given.")
            ready = teachers.over(strategy)
            for teacher in ready:
                classes = teacher.classes
                if classes is not None and classes != out.logits.shape[-1]:
                    raise InputError(f"teacher has {classes} classes, but the student has {out.logits.shape[-1]}; they must be equal.")
        stages.append(Stage(strategy, ready, {}, end, {}, begin=stages[-1].end if stages else 0, local=local))
    return stages


def check_grid(grid: Grid, teachers: Teachers | None, stage: Stage, x: torch.Tensor, out: Outputs):
    """Raise InputError where the strategies of a grid differ in what is set up once for all: the teacher, random numbers, extras, opponents.

    x: inputs of a few examples, [B, ...]. out: the student's outputs for them.
    """
    ready, answers = stage.teachers, example_answers(stage, len(out.logits))
    first, where = grid.strategies[0], ", ".join(grid.varying)
    advice = f"a grid cannot vary {where} of {type(first).__name__}, because what it sets is made once for all students; use compare."
    for other in grid.strategies[1:]:
        for name in ("teacher_features", "opponents", "opponent_steps", "opponent_every", "needs_teacher"):
            if getattr(first, name) != getattr(other, name):
                raise InputError(advice)
        ours, theirs = (s.draw(x, generator_for(0, "grid", 0, x.device)) for s in (first, other))
        if ours.keys() != theirs.keys() or any(not torch.equal(ours[k], theirs[k]) for k in ours):
            raise InputError(advice)
        if _extras_differ(first, other, out, answers):
            raise InputError(advice)
        swaps = type(first).prepare_teacher not in (Strategy.prepare_teacher, Wrapper.prepare_teacher)
        if swaps and ready and [t.fingerprint for t in teachers.over(other)] != [t.fingerprint for t in ready]:
            raise InputError(advice)


def _extras_differ(first: Strategy, other: Strategy, out, answers) -> bool:
    one, two = (build_seeded(lambda s=s: s.extras(out, answers), 0, "grid") for s in (first, other))
    if one.keys() != two.keys():
        return True
    states = [{f"{n}.{k}": t for n, m in extras.items() for k, t in m.state_dict().items()} for extras in (one, two)]
    return states[0].keys() != states[1].keys() or any(not torch.equal(t, states[1][k]) for k, t in states[0].items())


def check_labels(strategy: Strategy, pool: Pool):
    """Raise InputError unless the pool has the labels that the strategy needs, and the strategy follows what they say about themselves."""
    if strategy.needs_labels and pool.labels is None:
        raise InputError(f"data must carry labels for {strategy.name}, but it has none.")
    if pool.labels is None or not (strategy.needs_labels or "labels" in strategy.signals) or strategy.honours_task:
        return
    ignored = pool.ignore_index is not None and isinstance(pool.labels, torch.Tensor) and bool((pool.labels == pool.ignore_index).any())
    if ignored or pool.class_weights is not None:
        what = "examples without a label (the ignore index)" if ignored else "class weights"
        raise InputError(f"data have {what}, which {strategy.name} does not follow; drop them, or choose a strategy with honours_task = True.")


def example_answers(stage: Stage, rows: int) -> Outputs | None:
    """The teacher's stored answers to the first view of the first few examples, from which extras are built."""
    if not stage.teachers:
        return None
    index = torch.arange(rows) % len(stage.teachers[0].pool)
    return stage.teachers[0].rows(torch.zeros_like(index), index)


def add_extras(fleet: Fleet, groups: list[Group], lanes: list[Lane], out: Outputs, device) -> list[int]:
    """Build each stage's declared extras, one for each lane and arm, into the fleet, in the type of the students' weights.

    Returns the numbers in them, for each group.
    """
    counts, kind = [], out.logits.dtype
    for place, group in enumerate(groups):
        mark, count = f"#{place}" if len(groups) > 1 else "", 0
        for number, stage in enumerate(group.stages):
            answers = example_answers(stage, len(out.logits))
            built = [build_seeded(lambda s=stage, a=answers: s.strategy.extras(out, a), lane.seed, f"extras {number}")
                     for lane in lanes for _ in range(group.arms)]  # fmt: skip
            missing = set(stage.strategy.opponents) - set(built[0])
            if missing:
                raise InputError(f"opponents {sorted(missing)} of {stage.strategy.name} are not among its extras {sorted(built[0])}.")
            for name, module in built[0].items():
                if name == "student":
                    raise InputError("an extra must not be called 'student'.")
                if not isinstance(module, nn.Module):
                    given = type(module).__name__
                    raise InputError(f"the extra {name!r} of {stage.strategy.name} must be a torch.nn.Module, but {given} was given.")
                if len({id(extras[name]) for extras in built}) < len(built):
                    raise InputError(f"extras() of {stage.strategy.name} must build {name!r} anew at each call, but it gave the same object twice.")
                stage.extras[name] = f"{name}@{number}{mark}"
                fleet.add(stage.extras[name], [extras[name].to(kind) for extras in built], device)
                count += sum(p[0].numel() for p in fleet.params[stage.extras[name]].values())
        counts.append(count)
    return counts


def table_cost(groups: list[Group]) -> int:
    """Inputs the teachers answered to fill their tables, each table counted once."""
    return sum({id(t): t.table_evaluations for g in groups for s in g.stages for t in s.teachers}.values())


def signature(strategies, lanes: list[Lane], recipe: Recipe, pool: Pool, teachers: Teachers | None, students: list[nn.Module]) -> dict[str, str]:
    """{what: value} of everything that determines a run's numbers, each by value."""
    guides = [] if teachers is None else [t.fingerprint if isinstance(t, Teacher) else t for t in teachers.given]
    return {
        "the strategies": short_hash(strategies),
        "seeds": short_hash([(lane.seed, lane.rows, lane.labelled, lane.views) for lane in lanes]),
        "the recipe": short_hash(recipe),
        "the data": pool.fingerprint,
        "the teacher": short_hash(guides),
        "the student": short_hash(students),
    }
