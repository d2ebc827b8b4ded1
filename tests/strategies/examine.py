"""What every strategy must satisfy, in one call: ``examine(strategy, minimum=..., grid=...)``.

A small student, teacher and pool with every kind of feature stand ready. The checks call a strategy's loss on one batch, or train a few
students by it, in double precision, as the trainer does.
"""

import dataclasses
import pickle
from dataclasses import dataclass, field, fields, replace

import torch
from torch import nn
from waits import Waits

from distill_helpers.checks import InputError
from distill_helpers.data import ArrayPool
from distill_helpers.models.outputs import FeatureDict, Outputs, outputs_of
from distill_helpers.strategies import Adversarial, Grid, HardLabels, LogitRegression, SoftTargets
from distill_helpers.strategies.contract import Batch, Strategy, Task
from distill_helpers.training import Recipe, Teacher, distill
from distill_helpers.training.asked import AskedTeacher, Counter
from distill_helpers.training.by_value import short_hash
from distill_helpers.training.fleet import Student
from distill_helpers.training.loop import check_terms
from distill_helpers.training.randomness import build_seeded

CLASSES, SIDE, EXAMPLES, ROWS = 5, 4, 20, 6
INPUTS, WIDTH = SIDE * SIDE, 6
UNITS = INPUTS + WIDTH  # that have a mask
LONG = Recipe(steps=50, batch_size=8, lr=1e-2, opponent_lr=5e-3, check_every=25)
SOME, BRIEF = replace(LONG, steps=12, check_every=12), replace(LONG, steps=4, check_every=4)
SIGNALS = {"labels", "outputs", "features", "gradients"}
OTHER_NAMES = {"stage1": "stage2", "stage2": "stage3", "stage3": "stage2", "embedding": "hidden2", "hidden2": "embedding"}
OTHER_STRATEGIES = (SoftTargets(1.5, 0.5), HardLabels(), Adversarial(LogitRegression(), condition="none", hidden=8))


class Seen(nn.Module):
    """Images [B, 1, 4, 4] -> logits [B, 5]; features are two vectors and three maps, before and after their ReLU; masks on inputs and units."""

    def __init__(self, width=WIDTH, channels=3, dropout=0.0):
        super().__init__()
        self.lift, self.mix, self.head = nn.Linear(INPUTS, width), nn.Linear(width, width), nn.Linear(width, CLASSES)
        self.scale, self.shift = nn.Parameter(torch.randn(3, channels)), nn.Parameter(0.3 + 0.3 * torch.randn(3, channels))
        with torch.no_grad():  # logits far enough apart; in the head itself, so that ``part("head", embedding)`` gives the logits
            self.head.weight.mul_(2), self.head.bias.mul_(2)
        self.join = nn.Linear(channels, width)
        self.drop = nn.Dropout(dropout) if dropout else nn.Identity()
        self.register_buffer("mask_input", torch.ones(INPUTS))
        self.register_buffer("mask_embedding", torch.ones(width))

    def forward(self, x, features=False):
        flat = x.flatten(1) * self.mask_input
        named = FeatureDict(hidden2=self.drop(self.lift(2 * flat - 1).tanh()))
        grid = 2 * flat.view(-1, 1, SIDE, SIDE) - 1
        for number in (1, 2, 3):
            scale, shift = (t[number - 1].view(-1, 1, 1) for t in (self.scale, self.shift))
            named[f"stage{number}_pre"] = scale * grid + shift
            grid = named[f"stage{number}"] = named[f"stage{number}_pre"].relu()
        named["embedding"] = (self.mix(named["hidden2"]) + self.join(grid.mean((-2, -1)))).tanh() * self.mask_embedding
        logits = self.head(named["embedding"])
        return Outputs(logits, named) if features else logits


def student():
    return Seen().double()


def teacher(seed=3):
    return build_seeded(lambda: Seen(7, 4, dropout=0.4), seed).double()


def images(seed=0):
    return torch.rand(2, EXAMPLES, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


LABELS = torch.arange(EXAMPLES) % CLASSES
POOL = ArrayPool(images(), LABELS, CLASSES, "small", True)
UNLABELLED = ArrayPool(images(), None, CLASSES, "small, without labels", True)
WEIGHTS = torch.tensor([0.5, 2.0, 1.0, 3.0, 0.25])
# class weights, and an ignore index on what would be the last class; the same under another mark; without the weights
ASKING = ArrayPool(images(), LABELS, CLASSES, "small, with a task", True, WEIGHTS, CLASSES - 1)
MARKED = replace(ASKING, labels=torch.where(LABELS == CLASSES - 1, -100, LABELS), ignore_index=-100)
EVEN = replace(ASKING, class_weights=None)


class World:
    """One batch as a strategy meets it: student, teacher, extras, random numbers.

    alike: the student is of the teacher's kind, and extras are those of ``twins``. twin: it has the teacher's weights too.
    """

    def __init__(self, strategy, seed=11, alike=False, twin=False, twins=(), kind=torch.float64, pool=POOL):
        self.strategy = strategy
        index, generator = torch.arange(ROWS), torch.Generator().manual_seed(4)
        view = index % 2
        x = pool._look_up(view, index).to(kind)
        module = teacher().to(kind).eval()
        mine = build_seeded(lambda: Seen(7, 4) if alike else Seen(), seed).to(kind)
        if twin:
            mine.load_state_dict(module.state_dict())
        self.teacher, answers = None, None
        if strategy.needs_teacher:
            asked = Teacher(module).over(POOL, tuple(sorted(strategy.teacher_features)))
            self.teacher = strategy.prepare_teacher(asked)
            answers = outputs_of(module, x) if self.teacher is asked else self.teacher.rows(view, index)
            answers = Outputs(answers.logits.detach().to(kind), FeatureDict({k: f.detach().to(kind) for k, f in answers.features.items()}))
        with torch.no_grad():
            seen = outputs_of(mine, x)
        self.extras = build_seeded(lambda: strategy.extras(seen, answers), 5)
        self.extras = {name: (twins[name]() if name in twins else m).to(kind) for name, m in self.extras.items()}
        self.nets = {"student": mine, **self.extras}
        self.state = {n: {**dict(m.named_parameters()), **dict(m.named_buffers())} for n, m in self.nets.items()}
        noise = strategy.draw(x, generator)
        labels = module(x).argmax(-1) if alike else pool.labels[index]
        task = Task(pool.class_weights, pool.ignore_index)
        self.answers, self.batch = answers, Batch(x, labels, index, view, noise, torch.tensor(0.3), task)

    def asked(self, which="loss", batch=None, answers=None):
        """The terms of ``loss`` or ``opponent_loss``."""
        batch = batch or self.batch
        guide = None if self.teacher is None else AskedTeacher(self.teacher, answers or self.answers, batch.index, Counter())
        return getattr(self.strategy, which)(Student(self.nets, self.state), guide, batch)

    def every(self, **given):
        """All terms, those of the opponents under names of their own."""
        terms = self.asked(**given)
        rivals = self.asked("opponent_loss", **given) if self.strategy.opponents else {}
        return {**terms, **{f"opponent's {name}": value for name, value in rivals.items()}}

    def doubled(self):
        """Each example twice: batch and stored answers."""
        twice = lambda t: torch.cat([t, t])
        double = lambda k, v: v if v.dim() == 0 else torch.cat([v, v + len(v)]) if k.removeprefix("inner ") == "order" else twice(v)
        b = self.batch
        noise = {k: double(k, v) for k, v in b.noise.items()}
        batch = b._replace(x=twice(b.x), y=twice(b.y), index=twice(b.index), view=twice(b.view), noise=noise)
        if self.answers is None:
            return batch, None
        return batch, Outputs(twice(self.answers.logits), FeatureDict({k: twice(f) for k, f in self.answers.features.items()}))

    def in_order(self, order):
        """The same examples in another order: batch and stored answers."""
        inverse = order.argsort()
        move = lambda k, v: v if v.dim() == 0 else inverse[v[order]] if k.removeprefix("inner ") == "order" else v[order]
        b = self.batch
        moved = b._replace(x=b.x[order], y=None if b.y is None else b.y[order], index=b.index[order], view=b.view[order],
                           noise={k: move(k, v) for k, v in b.noise.items()})  # fmt: skip
        if self.answers is None:
            return moved, None
        return moved, Outputs(self.answers.logits[order], FeatureDict({k: f[order] for k, f in self.answers.features.items()}))


def trained(strategy, seeds=(5,), recipe=BRIEF, pool=None, guide=None):
    pool = pool or (POOL if strategy_of(strategy).needs_labels or strategy_of(strategy).needs_teacher else UNLABELLED)
    return distill(student, guide or teacher(), pool, strategy, seeds=seeds, recipe=recipe, progress=False)


def strategy_of(given):
    return given.strategies[0] if isinstance(given, Grid) else given


def weights(run, i=0):
    return {f"{n}.{k}": t for n in run.fleet.skeletons for k, t in run.model(i, n).state_dict().items()}


def gap(a, b):
    return max((a[k] - b[k]).abs().max().item() for k in a)


@dataclass
class Examined:
    """A strategy and what is said of it; see ``examine``."""

    strategy: Strategy
    minimum: dict = field(default_factory=dict)
    grid: tuple = ()
    twins: dict = field(default_factory=dict)
    others: dict = field(default_factory=dict)
    paired: tuple = ()
    idle: dict = field(default_factory=dict)
    aside: dict = field(default_factory=dict)

    @property
    def settings(self):
        return [self.strategy, *(replace(self.strategy, **changed) for changed in self.grid)]


CHECKS = {}


def check(function):
    """Register a check under its name. It takes an Examined and asserts."""
    CHECKS[function.__name__] = function
    return function


def examine(strategy, minimum=None, grid=(), twins=None, others=None, paired=(), idle=None, aside=None) -> dict[str, str]:
    """{check: what is wrong} of the checks that ``strategy`` does not pass; empty where all is well.

    minimum: {term: its value where the student equals the teacher, and less than anywhere else}; None for a value that is least there, whatever it
    is, as of a cross-entropy. grid: further settings, dicts of
    fields. twins: {extra: builder} of what stands for learnt extras where the student equals the teacher. others: {field: another value},
    for fields whose other values cannot be guessed. paired: terms that compare the examples of a batch with each other. idle: {field: reason}
    of fields that change nothing here. aside: {term: reason} of terms that teach another net than the student.
    """
    case, faults = Examined(strategy, minimum or {}, tuple(grid), twins or {}, others or {}, tuple(paired), idle or {}, aside or {}), {}
    for name, function in CHECKS.items():
        try:
            function(case)
        except (AssertionError, RuntimeError, InputError, KeyError, TypeError, AttributeError, ValueError, pickle.PicklingError) as error:
            faults[name] = f"{type(error).__name__}: {error}"
    return faults


# ---- one batch -----------------------------------------------------------------------------------------------------------------


@check
def it_keeps_the_contract(case):
    for s in case.settings:
        assert dataclasses.is_dataclass(s) and s.__dataclass_params__.frozen, "it must be a frozen dataclass"
        assert set(s.signals) <= SIGNALS and s.name and isinstance(s.name, str)
        assert "labels" in s.signals or not s.needs_labels, "it needs labels and does not say so in signals"
        world = World(s)
        for which in ("loss", *["opponent_loss"] * bool(s.opponents)):
            terms = world.asked(which)
            check_terms(terms, s, which)
            assert terms and all(v.isfinite() for v in terms.values()), {k: v.item() for k, v in terms.items()}
        assert set(s.opponents) <= set(world.extras)


@check
def the_gradient_reaches_the_student(case):
    for s in case.settings:
        world = World(s)
        if s.needs_teacher:
            assert not any(p.requires_grad for p in world.teacher.module.parameters()), "the teacher is not frozen"
        terms = world.asked()
        mine = list(world.nets["student"].parameters())
        found = [g for g in torch.autograd.grad(sum(terms.values()), mine, allow_unused=True, retain_graph=True) if g is not None]
        assert found and all(g.isfinite().all() for g in found), "the student's gradient is not finite, or there is none"
        assert max(g.abs().max() for g in found) > 1e-8, "the student's gradient is zero"
        for name, term in terms.items():
            if name not in case.aside and term != 0:
                reached = term.requires_grad and any(
                    g is not None and g.abs().max() > 1e-12 for g in torch.autograd.grad(term, mine, allow_unused=True, retain_graph=True)
                )
                assert reached, f"no gradient of the term {name!r} reaches the student; `aside` says so of a term that teaches another net"


@check
def the_order_of_the_batch_does_not_matter(case):
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    for s in case.settings:
        world = World(s)
        batch, answers = world.in_order(order)
        found, moved = world.every(), world.every(batch=batch, answers=answers)
        for name, value in found.items():
            torch.testing.assert_close(moved[name], value, rtol=1e-6, atol=1e-9, msg=lambda text, n=name, s=s: f"{s.name}: {n}: {text}")


@check
def the_size_of_the_batch_does_not_matter(case):
    """But to terms that compare its examples: each then meets its own copy."""
    for s in case.settings:
        world = World(s)
        batch, answers = world.doubled()
        found, larger = world.every(), world.every(batch=batch, answers=answers)
        for name, value in found.items():
            if name not in case.paired:
                torch.testing.assert_close(larger[name], value, rtol=1e-6, atol=1e-9, msg=lambda text, n=name, s=s: f"{s.name}: {n}: {text}")


@check
def the_least_loss_is_at_the_teacher(case):
    if not case.minimum:
        return
    at = World(case.strategy, alike=True, twin=True, twins=case.twins).asked()
    elsewhere = [World(case.strategy, seed, alike=True, twins=case.twins).asked() for seed in (21, 22, 23)]
    for name, wanted in case.minimum.items():
        learnt = "; `twins` says what stands for a learnt extra there" if set(World(case.strategy, alike=True).extras) - set(case.twins) else ""
        wanted = at[name].item() if wanted is None else wanted
        assert abs(at[name].item() - wanted) < 1e-5, f"{name} is {at[name].item()} at the teacher, where {wanted} was said{learnt}"
        assert min(other[name].item() for other in elsewhere) > wanted + 1e-4, f"{name} is no larger elsewhere"


@check
def lower_precision_stays_finite(case):
    for s in case.settings:
        world = World(s, kind=torch.float32)
        for around in (torch.autocast("cpu", torch.bfloat16, enabled=False), torch.autocast("cpu", torch.bfloat16)):
            with around:
                terms = world.every()
            assert all(v.isfinite() for v in terms.values()), {k: v.item() for k, v in terms.items()}
            mine = list(world.nets["student"].parameters())
            grads = torch.autograd.grad(sum(terms.values()), mine, allow_unused=True)
            assert all(g.isfinite().all() for g in grads if g is not None)


@check
def no_step_waits_for_the_device(case):
    for s in case.settings:
        world = World(s)
        with Waits() as watch:
            s.draw(world.batch.x, torch.Generator().manual_seed(0))
            terms = world.every()
            torch.autograd.grad(sum(terms.values()), list(world.nets["student"].parameters()), allow_unused=True)
        assert not watch.seen, f"the host waits in {sorted(set(watch.seen))}"


@check
def random_numbers_come_from_draw_alone(case):
    for s in case.settings:
        world = World(s)
        x, before = world.batch.x, torch.get_rng_state()
        one, two = (s.draw(x, torch.Generator().manual_seed(8)) for _ in range(2))
        world.every()
        assert torch.equal(before, torch.get_rng_state()), "torch's global generator is moved"
        assert one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one), "the same seed draws other numbers"


# ---- a few students ------------------------------------------------------------------------------------------------------------


@check
def together_equals_alone_and_repeats(case):
    for s in case.settings:
        recipe, still = LONG if s is case.strategy else SOME, replace(BRIEF, steps=1, lr=1e-12, opponent_lr=1e-12)
        for pool in (None, *[ASKING] * (s.honours_task and s.needs_labels)):
            together, alone = trained(s, (2, 5), recipe, pool), trained(s, (5,), recipe, pool)
            apart = gap(weights(together, 1), weights(alone))
            assert apart < 1e-9, f"{s.name}: a student is {apart:.1e} away from itself trained alone"
            assert gap(weights(together, 0), weights(together, 1)) > 1e-3, "two seeds give one student"
            begun, ended = weights(trained(s, (5,), still, pool)), weights(alone)
            for net in alone.fleet.skeletons:
                mine = [k for k in ended if k.startswith(f"{net}.")]
                assert max((ended[k] - begun[k]).abs().max() for k in mine) > 1e-3, f"{net} has learnt nothing"
        found = []
        for seed in (1, 2):
            torch.manual_seed(seed)
            found.append(weights(trained(s)))
        assert all(torch.equal(t, found[1][k]) for k, t in found[0].items()), "the same call gives other digits"


@check
def a_task_is_followed_or_refused(case):
    for s in case.settings:
        if s.needs_labels and not s.honours_task:
            try:
                trained(s, pool=ASKING)
            except InputError:
                continue
            raise AssertionError("class weights and an ignore index are taken and not followed")
        if s.needs_labels:
            asking, marked, even = (weights(trained(s, pool=pool)) for pool in (ASKING, MARKED, EVEN))
            assert gap(asking, marked) < 1e-9, "what stands for a label that says nothing has an influence"
            assert gap(asking, even) > 1e-6, "class weights change nothing"


@check
def labels_and_a_teacher_are_asked_for_exactly_where_they_are_needed(case):
    for s in case.settings:
        for needed, guide, pool in ((s.needs_labels, teacher(), UNLABELLED), (s.needs_teacher, None, POOL)):
            try:
                distill(student, guide, pool, s, recipe=replace(BRIEF, steps=1), progress=False)
                assert not needed, f"it says that it needs {'labels' if guide else 'a teacher'}, and does without"
            except InputError:
                assert needed, f"it says that it needs no {'labels' if guide else 'teacher'}, and asks for it"
        usual = weights(trained(s))
        if s.needs_labels:
            assert gap(usual, weights(trained(s, pool=replace(POOL, labels=LABELS.flip(0))))) > 1e-6, "other labels change nothing"
        if s.needs_teacher:
            # where all examples have labels, a strategy may listen to those alone
            pools = (POOL,) if s.needs_labels else (POOL, UNLABELLED)
            moved = [gap(weights(trained(s, pool=p)), weights(trained(s, pool=p, guide=teacher(9)))) for p in pools]
            assert max(moved) > 1e-6, "another teacher changes nothing"


# ---- settings ------------------------------------------------------------------------------------------------------------------


def other(case, s, name):
    """Another setting of one field that the strategy takes, or None."""
    value = getattr(s, name)
    if name in case.others:
        tried = [case.others[name]]
    elif isinstance(value, bool):
        tried = [not value]
    elif isinstance(value, int):
        tried = [value + 1, value - 1]
    elif isinstance(value, float):
        tried = [0.5 * value + 0.1, 2 * value, 0.5 * value]
    elif isinstance(value, Strategy):
        tried = [o for o in OTHER_STRATEGIES if type(o) is not type(value)] + list(OTHER_STRATEGIES)
    elif isinstance(value, str):
        tried = [OTHER_NAMES.get(value, value), *(changed[name] for changed in case.grid if name in changed)]
    elif isinstance(value, tuple) and all(isinstance(v, str) for v in value):
        tried = [value[::-1]]
    else:
        tried = []
    for candidate in tried:
        try:
            changed = replace(s, **{name: candidate})
        except InputError:
            continue
        if changed != s:
            return changed
    return None


@check
def settings_are_values(case):
    for s in case.settings:
        copies = replace(s), pickle.loads(pickle.dumps(s))
        for copy in copies:
            assert short_hash(copy) == short_hash(s) and copy.name == s.name, "a copy is another"
            assert repr(copy) == repr(s) or " at 0x" in repr(s), "a copy reads otherwise"
        for f in fields(s):
            assert f.name in repr(s), f"{f.name} is not in repr"
            changed = other(case, s, f.name)
            if changed is not None:
                assert short_hash(changed) != short_hash(s), f"another {f.name} is the same by value"


@check
def each_field_changes_something(case):
    for f in fields(case.strategy):
        pairs = [(s, other(case, s, f.name)) for s in case.settings if f.name not in case.idle]
        assert pairs == [] or any(o is not None for _, o in pairs), f"say in others what {f.name} may be"
        assert pairs == [] or any(o is not None and differ(s, o) for s, o in pairs), f"{f.name} changes nothing"


def differ(one, two):
    found = []
    for s in (one, two):
        try:
            found.append(weights(trained(s)))
        except (InputError, RuntimeError) as error:  # one of the two is refused, or does not fit the nets that go with it
            found.append(str(error))
    a, b = found
    if isinstance(a, str) or isinstance(b, str) or {k: t.shape for k, t in a.items()} != {k: t.shape for k, t in b.items()}:
        return True
    return gap(a, b) > 1e-9


@check
def numbers_vary_in_a_grid_or_the_grid_refuses(case):
    s = case.strategy
    for f in fields(s):
        changed = other(case, s, f.name) if isinstance(getattr(s, f.name), (int, float)) and not isinstance(getattr(s, f.name), bool) else None
        if changed is None or f.name in case.idle:
            continue
        try:
            run = trained(Grid([s, changed]))
        except InputError:
            continue
        for i, one in enumerate((s, changed)):
            apart = gap(weights(run, i), weights(trained(one)))
            # progress is kept in single precision, so what depends on it and on a varied number is rounded once more when alone
            assert apart < 1e-7, f"in a grid that varies {f.name}, a student is {apart:.1e} away from itself trained alone"


BAD_NUMBERS = (float("nan"), float("inf"), -1, "1", None)


@check
def bad_numbers_are_named(case):
    for f in fields(case.strategy):
        value = getattr(case.strategy, f.name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        listed = isinstance(value, int) and f.name in case.others  # one of a few numbers, of which True is 1
        for bad in (*BAD_NUMBERS, *[True] * (not listed), *[2.5] * isinstance(value, int)):
            try:
                replace(case.strategy, **{f.name: bad})
            except InputError as error:
                assert f.name in str(error), f"the error for {f.name}={bad!r} does not name it: {error}"
                continue
            raise AssertionError(f"{f.name}={bad!r} is taken")
