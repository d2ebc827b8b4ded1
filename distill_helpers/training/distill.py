"""``distill`` and ``fit``: check what was given, build the students, run the loop."""

import copy
from dataclasses import replace

import torch
from torch import nn

from distill_helpers.checks import InputError, labels_in_range, one_of
from distill_helpers.data import ImageSet, ViewPool, make_views
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.hard_labels import HardLabels
from distill_helpers.strategies.schedule import Grid, Stages
from distill_helpers.training.device import allow_fast_matmul, pick_device
from distill_helpers.training.fleet import Fleet, can_stack, outputs_of
from distill_helpers.training.loop import Loop, Stage
from distill_helpers.training.randomness import build_seeded
from distill_helpers.training.recipe import Recipe
from distill_helpers.training.run import Run, merged
from distill_helpers.training.teacher import Teacher


def distill(student, teacher, data, strategy, *, seeds=(0,), recipe=None, device="auto", stack="auto",
            resume: Run | None = None, progress=True) -> Run:  # fmt: skip
    """Train one student per seed by ``strategy`` and return the Run.

    student: a function without arguments that builds an untrained student; called once per seed, with torch's generator
    seeded, so equal seeds give equal initial weights whatever the strategy. teacher: a module, a Teacher, or None.
    data: an ImageSet or a ViewPool; labels may be missing where the strategy needs none. strategy: a Strategy, Stages or
    a Grid. stack: train all seeds at once ("auto", where the student allows it), always (True) or one by one (False).
    resume: an interrupted Run of the same call. Raises InputError for arguments that do not fit, and Diverged.
    """
    recipe = recipe or Recipe()
    device = pick_device(device)
    allow_fast_matmul(device)
    seeds = _checked_seeds(seeds)
    pool = _checked_pool(data).to(device)
    plan, grid = _plan(strategy, recipe)
    if isinstance(strategy, Stages):
        recipe = _with_steps(recipe, plan[-1][1])
    sample = _build(student, seeds[0], device)
    stages = _stages(plan, grid, teacher, pool, seeds, sample, device)
    signature = (repr(plan), repr(grid), tuple(seeds), recipe)
    if resume is not None:
        if resume.plan != signature:
            raise InputError("resume must be a run of the same strategy, seeds and recipe, but another was given.")
        Loop(resume, resume.fleet, stages, pool, device, progress).train()
        return resume
    one_of("stack", stack, ("auto", True, False))
    together = can_stack(sample) if stack == "auto" else stack
    arms = grid.strategies if grid else [None]
    students = [(seed, arm) for arm in range(len(arms)) for seed in seeds]
    parts = [students] if together else [[pair] for pair in students]
    runs = []
    for part in parts:
        fleet = Fleet()
        fleet.add("student", [_build(student, seed, device) for seed, _ in part], device)
        first = len(students) if together else students.index(part[0])
        mine = [_numbers_for(stage, None if together else first) for stage in stages]
        extra = _add_extras(fleet, mine, pool, [seed for seed, _ in part], device)
        names = [(arms[arm] or plan[0][0]).name for _, arm in part]
        run = Run([seed for seed, _ in part], names, recipe, fleet, plan=signature, extra_parameters=extra)
        run.teacher_evaluations = _table_cost(mine) if not runs else 0
        Loop(run, fleet, mine, pool, device, progress).train()
        runs.append(run)
        if run.interrupted:
            break
    return runs[0] if len(runs) == 1 else merged(runs)


def fit(model: nn.Module, data, recipe=None, *, strategy=None, seed=0, device="auto", progress=True) -> Run:
    """Train ``model`` itself on labels (or by another strategy that needs no teacher) and return the Run.

    The same loop as ``distill`` with one student; the trained weights are written back into ``model``.
    """
    if not isinstance(model, nn.Module):
        raise InputError(f"model must be a torch.nn.Module, but {type(model).__name__} was given.")
    begin = copy.deepcopy(model)
    run = distill(lambda: copy.deepcopy(begin), None, data, strategy or HardLabels(),
                  seeds=(seed,), recipe=recipe, device=device, progress=progress)  # fmt: skip
    model.load_state_dict(run.model(0).state_dict())
    return run


def _checked_seeds(seeds):
    seeds = list(seeds) if hasattr(seeds, "__iter__") else [seeds]
    if not seeds or not all(isinstance(s, int) and s >= 0 for s in seeds):
        raise InputError(f"seeds must be whole numbers of at least 0, one or more, but {seeds!r} was given.")
    if len(set(seeds)) < len(seeds):
        raise InputError(f"seeds must differ from each other, but {seeds!r} was given.")
    return seeds


def _checked_pool(data) -> ViewPool:
    if isinstance(data, ImageSet):
        data = make_views(data, views=1)
    if not isinstance(data, ViewPool):
        raise InputError(f"data must be an ImageSet or a ViewPool, but {type(data).__name__} was given.")
    if isinstance(data.labels, torch.Tensor) and not data.labels.is_floating_point():
        labels_in_range("data.labels", data.labels, data.classes)
    return data


def _plan(strategy, recipe):
    """[(strategy, last step)] and the Grid, if one was given."""
    if isinstance(strategy, Grid):
        return [(strategy.strategies[0], recipe.steps)], strategy
    if isinstance(strategy, Stages):
        ends, total = [], 0
        for part, steps in strategy.stages:
            total += steps
            ends.append((part, total))
        return ends, None
    if not isinstance(strategy, Strategy):
        raise InputError(f"strategy must be a Strategy, Stages or Grid, but {strategy!r} was given.")
    return [(strategy, recipe.steps)], None


def _with_steps(recipe: Recipe, steps: int) -> Recipe:
    return replace(recipe, steps=steps)


def _build(student, seed, device):
    if isinstance(student, nn.Module) or not callable(student):
        raise InputError("student must be a function that builds a new student, for example `lambda: ResidualStudent(...)`.")
    module = build_seeded(student, seed)
    if not isinstance(module, nn.Module):
        raise InputError(f"student() must return a torch.nn.Module, but it returned {type(module).__name__}.")
    return module.to(device)


def _stages(plan, grid, teacher, pool, seeds, sample, device):
    """The plan with teachers asked and everything checked against one example batch."""
    stages, asked = [], {}
    out = _example(sample, pool)
    for strategy, end in plan:
        needs_labels = any(s.needs_labels for s in (grid.strategies if grid else [strategy]))
        if needs_labels and pool.labels is None:
            raise InputError(f"data must carry labels for {strategy.name}, but it has none.")
        ready = None
        if strategy.needs_teacher:
            ready = strategy.prepare_teacher(_ask(teacher, pool, strategy, asked))
            classes = ready.table.logits.shape[-1]
            if classes != out.logits.shape[-1]:
                raise InputError(f"teacher has {classes} classes, but the student has {out.logits.shape[-1]}; they must be equal.")
        if out.logits.shape[-1] != pool.classes and out.logits.dim() == 2:
            raise InputError(f"student has {out.logits.shape[-1]} classes, but the data have {pool.classes}.")
        numbers = {}
        if grid:
            repeat = len(seeds)
            numbers = {name: torch.tensor([float(v) for v in values for _ in range(repeat)], device=device)
                       for name, values in grid.varying.items()}  # fmt: skip
        stages.append(Stage(strategy, ready, {}, end, numbers, begin=stages[-1].end if stages else 0))
    return stages


def _ask(teacher, pool, strategy, asked):
    if teacher is None:
        raise InputError(f"teacher must be given for {strategy.name}, but None was given.")
    teacher = teacher if isinstance(teacher, Teacher) else asked.setdefault("wrapped", Teacher(teacher))
    wanted = set(strategy.teacher_features)
    if teacher.table is not None and teacher.pool is pool and wanted <= set(teacher.table.features):
        return teacher
    key = tuple(sorted(wanted))
    if key not in asked:
        asked[key] = teacher.over(pool, features=key)
    return asked[key]


def _example(module, pool, rows=4):
    """One small evaluation-mode forward pass."""
    index = torch.arange(min(rows, pool.views.shape[1]), device=pool.views.device)
    was_training = module.training
    module.eval()
    with torch.no_grad():
        try:
            out = outputs_of(module, pool.x(torch.zeros_like(index), index))
        except RuntimeError as error:
            shape = tuple(pool.views.shape[2:])
            raise InputError(f"student cannot take inputs of shape {shape}: {error}") from error
    module.train(was_training)
    return out


def _numbers_for(stage: Stage, student: int | None) -> Stage:
    """A copy of the stage of its own, for all students or for one of them."""
    numbers = stage.numbers if student is None else {n: v[student : student + 1] for n, v in stage.numbers.items()}
    return Stage(stage.strategy, stage.teacher, {}, stage.end, numbers, stage.begin)


def _add_extras(fleet, stages, pool, seeds, device) -> int:
    """Build each stage's declared extras, one per seed, into the fleet; returns the numbers in them, of one student."""
    skeleton, count = fleet.skeletons["student"], 0
    example = _example(skeleton, pool)
    for number, stage in enumerate(stages):
        answers = None
        if stage.teacher is not None:
            table = stage.teacher.table
            rows = len(example.logits)
            answers = type(table)(table.logits[0, :rows], type(table.features)({n: t[0, :rows] for n, t in table.features.items()}))
        built = [build_seeded(lambda: stage.strategy.extras(example, answers), seed, f"extras {number}") for seed in seeds]
        missing = set(stage.strategy.opponents) - set(built[0])
        if missing:
            raise InputError(f"opponents {sorted(missing)} of {stage.strategy.name} are not among its extras {sorted(built[0])}.")
        for name in built[0]:
            if name == "student":
                raise InputError("an extra must not be called 'student'.")
            stage.extras[name] = f"{name}@{number}"
            fleet.add(stage.extras[name], [extras[name] for extras in built], device)
            count += sum(p[0].numel() for p in fleet.params[stage.extras[name]].values())
    return count


def _table_cost(stages) -> int:
    """Inputs the teachers answered to fill their tables, each table counted once."""
    return sum({id(s.teacher): s.teacher.evaluations for s in stages if s.teacher}.values())
