"""``distill`` and ``fit``: check what was given, build the students, run the loop."""

import copy
from dataclasses import replace

import torch
from torch import nn

from distill_helpers.checks import InputError, one_of
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.contract.schedule import Stages
from distill_helpers.strategies.without_teacher.hard_labels import HardLabels
from distill_helpers.training import plan as planning
from distill_helpers.training.checkpoint import Checkpoint, refuse_another
from distill_helpers.training.device import allow_fast_matmul, pick_device, quiet_maps
from distill_helpers.training.fleet import Fleet
from distill_helpers.training.loop import Group, Lane, Loop, Unmapped, Work, who
from distill_helpers.training.processes import SharedLoop, processes_for
from distill_helpers.training.progress import ProgressBar, live_session
from distill_helpers.training.proof import check_alike, draws_random_numbers, float_type, forward_work, proved, sample_of, why_not_stacked
from distill_helpers.training.recipe import Recipe
from distill_helpers.training.run import Diverged, Run, merged
from distill_helpers.training.threads import threads_for, using_threads


def distill(student, teacher, data, strategy, *, seeds=(0,), recipe=None, device="auto", stack="auto", resume: Run | None = None,
            checkpoint=None, watch=(), progress=True, processes="auto") -> Run:  # fmt: skip
    """Train one student per seed by ``strategy`` and return the Run.

    student: a function without arguments that builds an untrained student; called once per seed, with torch's generator
    seeded, so equal seeds give equal initial weights whatever the strategy. teacher: a module, a Teacher, or None.
    data: a pool, an ImageSet, a torch Dataset or a DataLoader; labels may be missing where the strategy needs none.
    strategy: a Strategy, Stages or a Grid. stack: train all seeds at once ("auto", where the student allows it), always (True) or one
    by one (False). resume: an interrupted Run of the same call. checkpoint: a folder in which the run is kept at each look; the same
    call goes on from it, in another process too. watch: callables that get the Run at each look (every ``recipe.check_every`` steps), such as
    those of ``training.callbacks``; one that returns "stop" ends the training. processes: how many share a stack between them on a processor
    ("auto": see ``processes_for``; the same numbers but for their last digits, and with
    ``precision="bf16"`` for what it rounds).
    Raises InputError for arguments that do not fit, and Diverged.
    """
    recipe = recipe or Recipe()
    device = pick_device(device)
    allow_fast_matmul(device)
    one_of("stack", stack, ("auto", True, False))
    seeds = planning.checked_seeds(seeds)
    pool = planning.as_pool(data).to(device)
    plan, grid, recipe = planning.steps_of(strategy, recipe)
    strategies = grid.strategies if grid else [strategy]
    lanes = [Lane(seed) for _ in strategies for seed in seeds]
    modules = planning.build_all(student, seeds, device)
    modules = [copy.deepcopy(m) for _ in strategies for m in modules] if grid else modules
    out = proved(modules[0], pool, recipe.batch_size)
    check_alike(modules, pool)
    for one in grid.strategies if grid else ():
        planning.check_labels(one, pool)
    teachers = None if teacher is None else planning.Teachers([teacher], [pool], [one for one, _ in plan])
    stages = planning.stages_of(plan, teachers, pool, out)
    if grid:
        kind = float_type(modules[0])
        planning.check_grid(grid, teachers, stages[0], sample_of(pool, kind), out)
        stages[0].numbers = {name: torch.tensor([float(v) for v in values for _ in seeds], device=device, dtype=kind)
                             for name, values in grid.varying.items()}  # fmt: skip
    called = planning.told_apart([(one if isinstance(one, Strategy) else plan[0][0]).name for one in strategies])
    names = [name for name in called for _ in seeds]
    signed = [s.stages if isinstance(s, Stages) else s for s in strategies]
    return trained(modules, lanes, [Group(stages)], names, pool, out, recipe, device, stack=stack, resume=resume, checkpoint=checkpoint,
                   watch=watch, progress=progress, teachers=teachers, strategies=signed, processes=processes)  # fmt: skip


@quiet_maps()
def trained(modules, lanes, groups, names, pool, out, recipe, device, *, stack, resume, checkpoint, watch, progress, teachers, strategies,
            new_watch=True, processes="auto", why=None) -> Run:  # fmt: skip
    """The Run of all arms of all lanes, in one stack or one by one, begun or taken up again.

    modules: the initial student of each lane. names: one for each student, all arms of the first lane first. new_watch: whether
    watchers forget what they saw of an earlier run. why: why they cannot be stacked, or "", where that is known.
    """
    if why is None:
        why = "stack=False was given" if stack is False else why_not_stacked(modules[0], pool)
        why = why or why_not_mapped(modules, lanes, groups, pool, out, recipe, device)
    if why and stack is True:
        raise InputError(f"stack=True was given, but the students cannot be trained in one stack: {why}. With stack='auto' they are "
                         f"trained one by one.")  # fmt: skip
    noisy = bool(why) and draws_random_numbers(modules[0], pool)
    stacked = 1 if why else len(lanes) * sum(group.arms for group in groups)
    threads = threads_for(forward_work(modules[0], pool) * recipe.batch_size * stacked)
    watchers = [] if watch is None else [watch] if callable(watch) else list(watch)
    for watcher in watchers:
        if not callable(watcher):
            raise InputError(f"watch must be a callable or several, but {watcher!r} was given.")
    signed = planning.signature(strategies, lanes, recipe, pool, teachers, modules) | {"how the students are stacked": str(bool(why))}
    if resume is None and new_watch:
        for watcher in watchers:
            if hasattr(watcher, "reset"):
                watcher.reset()
    if resume is not None:
        if not isinstance(resume, Run) or resume.plan is None:
            raise InputError(f"resume must be a run of the same call, but {type(resume).__name__} was given.")
        refuse_another(resume.plan, signed, "the run given")
        torn = [run.torn for run in (resume.parts or [resume]) if run.torn]
        if torn:
            raise InputError(f"resume must be a run that can go on, but {torn[0]}; a checkpoint keeps what was there at the last look.")
    kept = Checkpoint(checkpoint, signed) if checkpoint is not None else None
    everyone = list(range(len(lanes)))
    stacks = [([i], [g]) for i in everyone for g in range(len(groups))] if why else [(everyone, list(range(len(groups))))]
    previous = [] if resume is None else resume.parts or [resume]
    parts, works = [], []
    for number, (mine, arms) in enumerate(stacks):
        own = [_part(groups[g], mine, len(lanes), alone=bool(why)) for g in arms]
        run = previous[number] if previous else _new_run(modules, lanes, groups, own, mine, arms, names, out, recipe, device, signed)
        run.why_alone, run.threads = why, run.threads or threads
        for group, extras in zip(own, run.extras, strict=True):
            for stage, named in zip(group.stages, extras, strict=True):
                stage.extras = named
        parts.append(run)
        works.append(Work([lanes[i] for i in mine], own, pool, device, random_student=noisy, order_seed=lanes[0].seed))
    if not previous:
        parts[0].teacher_evaluations = planning.table_cost(groups)
    if why and stack == "auto" and len(stacks) > 1 and progress and live_session():
        print(f"The students are trained one by one: {why}.")
    for number, (run, work) in enumerate(zip(parts, works, strict=True)):
        with ProgressBar(run, wanted=progress) as bar:
            work.watch = [*watchers, bar]
            count = processes_for(processes, len(work.lanes), work, run.recipe)
            loop = Loop(run, run.fleet, work) if count == 1 else SharedLoop(run, run.fleet, work, count)
            bar.end = loop.end
            if kept is not None:
                if not previous:
                    kept.read(number, run, watchers)
                work.keep = lambda run, number=number: kept.write(number, run, watchers)
            if run.step < loop.end and not (run.stopped and {who(watcher) for watcher in watchers} & set(run.stopped_by)):
                try:
                    with using_threads(run.threads if count == 1 else torch.get_num_threads()):
                        loop.train()
                except Diverged as error:
                    error.run = run if len(parts) == 1 else merged(parts)
                    raise
        if run.interrupted:
            print(f"Stopped after step {run.step} of {loop.end}; what is trained is kept. To go on: the same call with resume=run.")
            break
        if len(parts) > 1:
            run.optimizers = None  # a finished part needs them no more
    return parts[0] if len(parts) == 1 else merged(parts)


@quiet_maps()
def why_not_mapped(modules, lanes, groups, pool, out, recipe, device) -> str:
    """Why the losses of the groups cannot be mapped over students; an empty string where they can. Decided by trying, on two lanes."""
    if recipe.compile or len(lanes) * sum(group.arms for group in groups) == 1:
        return ""
    rows = list(range(min(2, len(lanes))))
    own = [_part(group, rows, len(lanes), alone=False) for group in groups]
    names = [""] * (len(lanes) * sum(group.arms for group in groups))
    run = _new_run(modules, lanes, groups, own, rows, range(len(groups)), names, out, recipe, device, None)
    loop = Loop(run, run.fleet, Work([lanes[i] for i in rows], own, pool, device, order_seed=lanes[0].seed))
    teachers = list({id(t): t for group in own for stage in group.stages for t in stage.teachers}.values())
    asked = [t.live_evaluations for t in teachers]
    try:
        seen = loop.seen(0)
        for begin in {stage.begin for group in own for stage in group.stages}:
            loop.terms(begin, "loss", own, seen, "step")
            playing = [group for group in own if group.stage(begin).strategy.opponents]
            if playing:
                loop.terms(begin, "opponent_loss", playing, seen, "step")
    except Unmapped as error:
        return str(error)
    finally:
        for teacher, count in zip(teachers, asked, strict=True):
            teacher.live_evaluations = count
    return ""


def _part(group: Group, rows: list[int], lanes: int, alone: bool) -> Group:
    """A copy of the group of its own, for all lanes or for one of them."""

    def cut(stage):
        if len(rows) == lanes:
            return replace(stage, extras={})
        numbers = stage.numbers if group.arms > 1 else {n: v[rows] for n, v in stage.numbers.items()}
        return replace(stage, extras={}, numbers=numbers, teachers=[stage.teachers[i] for i in rows] if len(stage.teachers) > 1 else stage.teachers)

    return Group([cut(stage) for stage in group.stages], 0 if alone else group.first, group.arms)


def _new_run(modules, lanes, all_groups, groups, rows, arms, names, out, recipe, device, signed) -> Run:
    """Untrained students for the lanes ``rows`` and the arms of the groups ``arms``, with their extras, as a Run at step 0."""
    every = sum(group.arms for group in all_groups)
    numbers = [a for g in arms for a in range(all_groups[g].first, all_groups[g].first + all_groups[g].arms)]
    fleet = Fleet()
    fleet.add("student", [copy.deepcopy(modules[i]) for i in rows for _ in numbers], device)
    extra = planning.add_extras(fleet, groups, [lanes[i] for i in rows], out, device)
    return Run([lanes[i].seed for i in rows for _ in numbers], [names[i * every + a] for i in rows for a in numbers], recipe, fleet, plan=signed,
               extra_parameters=extra[0], extra_of_groups=extra, extras=[[stage.extras for stage in group.stages] for group in groups])  # fmt: skip


def fit(model: nn.Module, data, recipe=None, *, strategy=None, seed=0, device="auto", resume: Run | None = None, checkpoint=None, watch=(),
        progress=True) -> Run:  # fmt: skip
    """Train ``model`` itself on labels (or by another strategy that needs no teacher) and return the Run.

    The same loop as ``distill`` with one student, whose ``resume``, ``checkpoint`` and ``watch`` mean the same; the trained weights are
    written back into ``model``, after an interrupt too. To go on, give the model as it was at first, or as the interrupted run left it.
    """
    if not isinstance(model, nn.Module):
        raise InputError(f"model must be a torch.nn.Module, but {type(model).__name__} was given.")
    begin = resume.begin if resume is not None and getattr(resume, "begin", None) is not None else copy.deepcopy(model)
    run = distill(lambda: copy.deepcopy(begin), None, data, strategy or HardLabels(), seeds=(seed,), recipe=recipe, device=device, resume=resume,
                  checkpoint=checkpoint, watch=watch, progress=progress)  # fmt: skip
    run.begin = begin
    trained_model = run.model(0)
    with torch.no_grad():
        for ours, theirs in ((model.named_parameters, trained_model.named_parameters), (model.named_buffers, trained_model.named_buffers)):
            found = dict(theirs())
            for name, tensor in ours():
                tensor.copy_(found[name])
    return run
