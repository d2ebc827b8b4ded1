"""Results depend on what was asked for, and on nothing else: not on who else is trained, on how students are stacked, on what ran before."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from distill_helpers.checks import InputError
from distill_helpers.comparison import Arm, Redrawn, compare
from distill_helpers.data import ArrayPool, TokenPool
from distill_helpers.strategies import FitNets, Grid, HardLabels, MixupDistillation, SoftTargets, Stages, Strategy
from distill_helpers.strategies.contract.divergences import cross_entropy
from distill_helpers.training import Diverged, Recipe, Teacher, distill, fit
from distill_helpers.training.callbacks import Best, CsvLog, Curve, EarlyStop
from distill_helpers.training.replicates import Replicate, draw_replicates
from distill_helpers.training.stores import TopK

RECIPE = Recipe(steps=12, batch_size=8, lr=1e-2, check_every=4)


def mlp():
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


def with_statistics():
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


@pytest.fixture(scope="module")
def pool():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(64, 6, generator=g)
    return ArrayPool(x, (x[:, :3].argmax(1)), classes=3, name="toy", ignore_index=-100)


@pytest.fixture(scope="module")
def test_set(pool):
    return ArrayPool(pool.arrays[0][:40].clone(), pool.labels[:40].clone(), classes=3, name="toy test")


@pytest.fixture(scope="module")
def teacher():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))


def gap(a, b):
    a, b = a.state_dict(), b.state_dict()
    return max((a[k].float() - b[k].float()).abs().max().item() for k in a)


def both_ways(student, strategy, data, teacher=None, recipe=RECIPE, seeds=(0, 1, 2)):
    """The widest gap between stacked and one by one."""
    runs = [distill(student, teacher, data, strategy, seeds=seeds, recipe=recipe, stack=stack) for stack in ("auto", False)]
    return max(gap(runs[0].model(i), runs[1].model(i)) for i in range(len(seeds))), runs[0]


@pytest.mark.parametrize("way", [("disk", True, False), ("disk", False, True), ("memory", True, False), ("memory", False, True)], ids=str)
def test_a_run_goes_on_as_it_was_stacked_or_not_at_all(way, pool, tmp_path):
    where, first, second = way
    given = dict(seeds=(0, 1), recipe=RECIPE)
    run = distill(mlp, None, pool, HardLabels(), **given, stack=first, checkpoint=tmp_path if where == "disk" else None)
    with pytest.raises(InputError, match="how the students are stacked"):
        distill(mlp, None, pool, HardLabels(), **given, stack=second, **({"checkpoint": tmp_path} if where == "disk" else {"resume": run}))


class Padded(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.last = nn.Embedding(11, 6, padding_idx=0), nn.Linear(6, 3)

    def forward(self, x):
        return self.last(self.words(x).mean(1))


def test_a_padding_row_stays_untrained_in_every_student():
    g = torch.Generator().manual_seed(1)
    data = TokenPool(torch.randint(0, 11, (40, 7), generator=g), torch.randint(0, 3, (40,), generator=g), classes=3, vocabulary=11)
    wide, run = both_ways(Padded, HardLabels(), data)
    assert wide < 1e-5 and all((run.model(i).words.weight[0] == 0).all() for i in range(3))


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.heat = mlp(), nn.Parameter(torch.tensor(1.0))

    def forward(self, x):
        return self.body(x) * self.heat


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = mlp()

    def forward(self, x):
        return self.body(x) if x.mean() > 0 else self.body(-x)


class Remembering(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = mlp()

    def forward(self, x):
        self.seen = self.body(x)
        return self.seen


UNUSUAL = {"a scalar weight": Scaled, "control flow on the batch": Branching, "something left in the module": Remembering,
           "statistics of the batch alone": lambda: nn.Sequential(nn.Linear(6, 8, bias=False), nn.BatchNorm1d(8, track_running_stats=False),
                                                                  nn.Linear(8, 3)),
           "group norm": lambda: nn.Sequential(nn.Linear(6, 8), nn.GroupNorm(2, 8), nn.Linear(8, 3)),
           "weight norm": lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(6, 8)), nn.ReLU(), nn.Linear(8, 3)),
           "frozen": lambda: nn.Sequential(nn.Linear(6, 8).requires_grad_(False), nn.ReLU(), nn.Linear(8, 3))}  # fmt: skip


@pytest.mark.parametrize("student", UNUSUAL.values(), ids=UNUSUAL)
def test_unusual_students_are_the_same_stacked_and_one_by_one(student, pool):
    wide, run = both_ways(student, HardLabels(), pool, recipe=replace(RECIPE, clip_norm=1.0))
    assert wide < 1e-5
    torch.testing.assert_close(run.predict(pool)[1], run.model(1)(pool.arrays[0]), atol=1e-5, rtol=1e-4)


def test_hints_beside_labels_are_hints_alone(pool, test_set, teacher):
    """A first stage that does not reach the head must not have the optimiser count steps there because another arm reaches it."""
    from distill_helpers.models import with_features

    student = lambda: with_features(mlp(), {"h": "1"})
    guide, recipe = with_features(teacher, {"h": "1"}), replace(RECIPE, weight_decay=0.1)
    hints = FitNets("h", "h", labels=0.0)
    arms = {"labels": HardLabels(), "hints": Stages((hints, 6), (SoftTargets(), 6)), "only hints": hints}
    given = dict(test=test_set, replicates=2, recipe=recipe)
    together = compare(student, guide, pool, arms, **given)
    for name in arms:
        alone = compare(student, guide, pool, {name: arms[name]}, **given, stack=False)
        assert max(gap(together.model(name, r), alone.model(name, r)) for r in range(2)) < 1e-5


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = mlp()

    def forward(self, x):
        return self.body(x.clamp_(min=0))


class Drawn(nn.Module):
    """A mask that is no buffer."""

    def __init__(self):
        super().__init__()
        self.body, self.mask = mlp(), (torch.rand(6) > 0.5).float()

    def forward(self, x):
        return self.body(x * self.mask)


class Replaced(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = mlp()
        self.register_buffer("mean", torch.zeros(6))

    def forward(self, x):
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.mean(0)
        return self.body(x - self.mean)


def hooked():
    net = mlp()
    net[0].weight.register_hook(lambda g: g * 0)
    return net


REFUSED = {
    "inputs changed in place": (InPlace, "changes its inputs in place"),
    "a drawn mask that is no buffer": (Drawn, "neither parameter nor buffer"),
    "a buffer that is replaced": (Replaced, "puts a new tensor in the place of its buffer 'mean'"),
    "a hook on a weight": (hooked, "must have no hooks on its weights"),
    "lazy layers": (lambda: nn.LazyLinear(3), "lazy layers"),
}


@pytest.mark.parametrize(("student", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_the_same_is_refused(student, words, pool):
    with pytest.raises(InputError, match=words):
        distill(student, None, pool, HardLabels(), seeds=(0, 1), recipe=RECIPE)


@pytest.mark.parametrize("student", [mlp, with_statistics])
def test_a_shared_order_is_shared_one_by_one_too(student, pool):
    seen = {}

    @dataclass(frozen=True)
    class Looks(HardLabels):
        def loss(self, student, teacher, batch):
            seen.setdefault("index", []).append(batch.index)
            return super().loss(student, teacher, batch)

    distill(student, None, pool, Looks(), seeds=(0, 1), recipe=replace(RECIPE, order="shared"), stack=False)
    assert torch.equal(torch.stack(seen["index"][:12]), torch.stack(seen["index"][-12:]))


def test_the_best_weights_are_put_back_everywhere(pool, test_set):
    best = Best(test_set)
    recipe = replace(RECIPE, lr=0.3, schedule="constant", check_every=1)
    run = best.put_back(distill(mlp, None, pool, HardLabels(), seeds=(0, 1), recipe=recipe, stack=False, watch=best))
    logits = run.predict(test_set)
    for i in range(2):
        torch.testing.assert_close(logits[i], run.model(i)(test_set.arrays[0]))
        assert (logits[i].argmax(1) == test_set.labels).float().mean().item() == pytest.approx(best.scores[i])


def test_other_views_are_another_comparison(pool, test_set, tmp_path):
    views = ArrayPool(torch.stack([pool.arrays[0], pool.arrays[0] + 0.5]), pool.labels, classes=3, name="two", has_views=True)
    given = dict(test=test_set, recipe=RECIPE, checkpoint=tmp_path)
    compare(mlp, None, views, {"a": HardLabels()}, replicates=[Replicate(0, views=(0, 1))], **given)
    with pytest.raises(InputError, match="differs in: seeds"):
        compare(mlp, None, views, {"a": HardLabels()}, replicates=[Replicate(0, views=(1, 1))], **given)


@dataclass(frozen=True)
class Mine(Strategy):
    """Its weight decides the teacher, the random numbers and an extra network."""

    weight: float = 1.0
    what: str = "draw"

    def prepare_teacher(self, teacher):
        return teacher.reordered(torch.arange(64).roll(int(self.weight))) if self.what == "teacher" else teacher

    def draw(self, x, generator):
        return {"noise": torch.randn(x.shape, generator=generator) * (self.weight if self.what == "draw" else 1)}

    def extras(self, student_outputs, teacher_outputs):
        layer = nn.Linear(3, 3)
        nn.init.constant_(layer.weight, float(self.weight) if self.what == "extras" else 1.0)
        return {"bridge": layer}

    def loss(self, student, teacher, batch):
        ours = student.extra("bridge", student(batch.x + batch.noise["noise"]).logits)
        return {"gap": (ours - teacher(batch).logits).square().mean()}


@pytest.mark.parametrize("what", ["teacher", "draw", "extras"])
def test_arms_that_differ_in_what_is_set_up_once_are_kept_apart(what, pool, test_set, teacher):
    arms = {"one": Mine(1.0, what), "two": Mine(3.0, what)}
    together, alone = (compare(mlp, teacher, pool, arms, test=test_set, replicates=2, recipe=RECIPE, stack=s) for s in ("auto", False))
    assert max(gap(together.model(a, r), alone.model(a, r)) for a in arms for r in range(2)) < 1e-5
    with pytest.raises(InputError, match="a grid cannot vary"):
        distill(mlp, teacher, pool, Grid(list(arms.values())), recipe=RECIPE)


def test_an_answer_asked_without_gradient_has_none(pool, test_set):
    @dataclass(frozen=True)
    class Sharpened(Strategy):
        needs_teacher = False

        def loss(self, student, teacher, batch):
            z = student(batch.x).logits
            with torch.no_grad():
                target = student(batch.x).logits
            return {"soft": -((2 * target).softmax(-1) * z.log_softmax(-1)).sum(-1).mean()}

    arms = {"a": Sharpened(), "b": HardLabels()}
    together, alone = (compare(mlp, None, pool, arms, test=test_set, replicates=2, recipe=RECIPE, stack=s) for s in ("auto", False))
    assert gap(together.model("a", 1), alone.model("a", 1)) < 1e-5


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_random_numbers_of_a_loss_come_from_draw(seeds, pool):
    @dataclass(frozen=True)
    class Noisy(Strategy):
        needs_teacher = False

        def loss(self, student, teacher, batch):
            return {"a": student(batch.x + torch.randn_like(batch.x)).logits.square().mean()}

    with pytest.raises(InputError, match=r"must come from its draw\(x, generator\)"):
        distill(mlp, None, pool, Noisy(), seeds=seeds, recipe=RECIPE)


def test_a_watcher_used_again_begins_anew(pool, test_set, tmp_path):
    stop, best, curve, log = EarlyStop(test_set, 2), Best(test_set), Curve(test_set), CsvLog(tmp_path / "log.csv")
    runs = [distill(mlp, None, pool, HardLabels(), seeds=(s,), recipe=RECIPE, watch=[stop, best, curve, log]) for s in (0, 0)]
    assert runs[0].step == runs[1].step and len(curve.rows) == runs[1].step // 4 and len(best.scores) == 1
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 1 + runs[1].step // 4


def test_labels_that_say_nothing_are_not_drawn(pool):
    labels = pool.labels.clone()
    labels[:40] = -100
    some = ArrayPool(pool.arrays[0], labels, classes=3, name="some", ignore_index=-100)
    for r in draw_replicates(some, 4, labelled=10, teacher_examples=8):
        assert (labels[r.rows] >= 0).all() and (labels[r.teacher_rows] >= 0).all()
    with pytest.raises(InputError, match="at most 24 together, the examples with a label"):
        draw_replicates(some, 2, labelled=20, teacher_examples=8)


def test_a_redrawn_teacher_never_has_the_labels_of_the_unlabelled(pool, test_set):
    """The labels of the unlabelled are spoilt: neither teachers nor students change."""
    drawn = draw_replicates(pool, 2, labelled=12, unlabelled="keep")
    arms, given = {"soft": SoftTargets(2.0, 1.0)}, dict(test=test_set, replicates=drawn, recipe=RECIPE)
    teacher = Redrawn(mlp, RECIPE)
    found = []
    for spoil in (False, True):
        labels = pool.labels.clone()
        hidden = torch.ones(64, dtype=torch.bool)
        for r in drawn:
            hidden[r.rows[r.labelled]] = False
        if spoil:
            labels[hidden] = (labels[hidden] + 1) % 3
        found.append(compare(mlp, teacher, ArrayPool(pool.arrays[0], labels, classes=3, name="toy", ignore_index=-100), arms, **given))
    assert gap(found[0].teachers[1], found[1].teachers[1]) == 0 and gap(found[0].model("soft", 1), found[1].model("soft", 1)) == 0


BAD_REPLICATES = {
    "rows out of range": (Replicate(0, torch.tensor([0, 64])), "rows must be whole numbers"),
    "no rows": (Replicate(0, torch.tensor([], dtype=torch.int64)), "rows must be whole numbers"),
    "a mask for rows": (Replicate(0, torch.ones(64, dtype=torch.bool)), "rows must be whole numbers"),
    "labelled without rows": (Replicate(0, None, torch.ones(64, dtype=torch.bool)), "labelled must be a bool tensor"),
    "labelled too long": (Replicate(0, torch.arange(8), torch.ones(9, dtype=torch.bool)), "labelled must be a bool tensor"),
    "views that are not there": (Replicate(0, views=(1, 1)), "views must be"),
}


@pytest.mark.parametrize(("replicate", "words"), BAD_REPLICATES.values(), ids=BAD_REPLICATES)
def test_replicates_must_fit_the_pool(replicate, words, pool, test_set):
    with pytest.raises(InputError, match=words):
        compare(mlp, None, pool, {"a": HardLabels()}, test=test_set, replicates=[replicate], recipe=RECIPE)


def test_places_without_a_label_count_for_nothing_in_the_test(pool, test_set):
    labels = test_set.labels.clone()
    labels[::2] = -100
    half = ArrayPool(test_set.arrays[0], labels, classes=3, name="half", ignore_index=-100)
    found = [compare(mlp, None, pool, {"a": HardLabels(), "b": Arm(HardLabels(), lr=1e-3)}, test=t, replicates=2, recipe=RECIPE, baseline="b")
             for t in (half, test_set)]  # fmt: skip
    right = found[1].outcomes[:, :, 1::2].double().mean(-1)
    assert torch.allclose(found[0].scores["accuracy"], right)
    assert found[0].gain("a").mean == pytest.approx((right[:, 0] - right[:, 1]).mean().item())
    curve = Curve(half)
    distill(mlp, None, pool, HardLabels(), recipe=RECIPE, watch=curve)
    assert 0 <= curve.rows[-1]["accuracy"] <= 1


def test_a_measure_that_is_missing_for_an_arm_is_no_number(pool, test_set):
    given = dict(test=test_set, replicates=2, recipe=RECIPE)
    calls = []

    def measures(logits, labels):
        calls.append(1)
        return {"odd": logits.flatten(1).mean(1)} if len(calls) == 1 else {}

    found = compare(mlp, None, pool, {"a": HardLabels(), "b": HardLabels()}, **given, measures=measures)
    assert found.scores["odd"][:, 0].isfinite().all() and found.scores["odd"][:, 1].isnan().all()


def test_a_lost_student_is_watched_as_no_number_and_guesses(pool, test_set):
    wild = Arm(HardLabels(), lr=1e30, optimizer="sgd", schedule="constant")
    curve, best, stop = Curve(test_set), Best(test_set), EarlyStop(test_set, 50)
    found = compare(mlp, None, pool, {"wild": wild}, test=test_set, replicates=2, recipe=RECIPE, watch=[curve, best, stop])
    assert found.diverged.all() and any(row["accuracy"] != row["accuracy"] for row in curve.rows)
    assert found.outcomes[0, 0].tolist() != found.outcomes[1, 0].tolist() and 0 < found.scores["accuracy"].mean() < 0.7


def test_what_was_trained_before_one_diverged_is_kept(pool):
    @dataclass(frozen=True)
    class Breaks(HardLabels):
        def loss(self, student, teacher, batch):
            count.append(1)
            broken = torch.inf if len(count) > 15 else 1.0
            return {"hard": super().loss(student, teacher, batch)["hard"] * broken}

    count = []
    with pytest.raises(Diverged) as caught:
        distill(mlp, None, pool, Breaks(), seeds=(0, 1), recipe=RECIPE, stack=False)
    assert len(caught.value.run) == 2 and caught.value.run.parts[0].step == 12


def test_costs_do_not_depend_on_the_number_of_replicates(pool, test_set, teacher):
    arms = {"s": SoftTargets(), "m": MixupDistillation()}
    costs = [compare(mlp, teacher, pool, arms, test=test_set, replicates=n, recipe=RECIPE).costs for n in (1, 3)]
    assert costs[0] == costs[1] and costs[0][0]["teacher_evaluations"] == 64 and costs[0][1]["teacher_evaluations"] == 64 + 12 * 8
    sgd = compare(mlp, None, pool, {"a": Arm(HardLabels(), optimizer="sgd")}, test=test_set, replicates=1, recipe=RECIPE).costs[0]
    assert sgd["bytes"] == 8 * sgd["parameters"] and costs[0][0]["bytes"] == 12 * costs[0][0]["parameters"]
    short = compare(mlp, None, pool, {"a": HardLabels()}, test=test_set, replicates=1, recipe=RECIPE, watch=lambda run: "stop").costs[0]
    assert short["steps"] == 4


def test_a_store_is_kept_for_a_replicates_own_examples(pool, teacher):
    from distill_helpers.training.plan import Teachers

    coarse = Teacher(teacher).over(pool, store=TopK(1))
    part = pool.subset(torch.arange(20))
    (again,) = Teachers([coarse], [part]).over(SoftTargets())
    index = torch.arange(20)
    exact = Teacher(teacher).over(part).rows(torch.zeros_like(index), index).logits.log_softmax(-1)
    assert (again.rows(torch.zeros_like(index), index).logits.log_softmax(-1) - exact).abs().max() > 1e-3


def test_inputs_changed_in_place_are_asked_about_again(pool, teacher):
    mine = ArrayPool(pool.arrays[0].clone(), pool.labels, classes=3, name="mine")
    asked = Teacher(teacher).over(mine)
    mine.arrays.add_(1.0)
    runs = [distill(mlp, t, mine, SoftTargets(), recipe=RECIPE) for t in (asked, Teacher(teacher))]
    assert gap(runs[0].model(0), runs[1].model(0)) == 0


def test_fit_writes_back_buffers_that_are_not_saved(pool):
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()
            self.register_buffer("calls", torch.zeros(()), persistent=False)

        def forward(self, x):
            if self.training:
                self.calls.add_(1)
            return self.body(x)

    model = Counting()
    fit(model, pool, RECIPE)
    assert model.calls == 12


def test_a_live_teacher_that_cannot_be_mapped_is_said(pool):
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.read, self.last = nn.LSTM(1, 4, batch_first=True), nn.Linear(4, 3)

        def forward(self, x):
            return self.last(self.read(x.unsqueeze(-1))[0][:, -1])

    found = distill(mlp, Recurrent(), pool, MixupDistillation(), seeds=(0, 1), recipe=RECIPE)
    assert "cannot be mapped over students" in found.why_alone and len(found.parts) == 2
    assert distill(mlp, Recurrent(), pool, MixupDistillation(), seeds=(0, 1), recipe=RECIPE, stack=False).step == 12


def test_class_weights_and_ignored_labels_are_those_of_torch(pool):
    labels = pool.labels.clone()
    labels[:30] = -100
    weights = torch.tensor([0.2, 1.0, 3.0])
    weighted = ArrayPool(pool.arrays[0], labels, classes=3, name="weighted", ignore_index=-100, class_weights=weights)
    run = distill(mlp, None, weighted, HardLabels(), recipe=Recipe(steps=1, batch_size=64, lr=1e-12))
    by_hand = F.cross_entropy(run.model(0)(pool.arrays[0]), labels, weight=weights, ignore_index=-100)
    assert run.history["hard"][0, 0].item() == pytest.approx(by_hand.item(), rel=1e-5)


def test_progress_runs_through_each_stage(pool):
    seen = {"a": [], "b": []}

    @dataclass(frozen=True)
    class Looks(Strategy):
        who: str = "a"
        needs_teacher = False

        def loss(self, student, teacher, batch):
            seen[self.who].append(float(batch.progress))
            return {"x": cross_entropy(student(batch.x).logits, batch.y)}

    distill(mlp, None, pool, Stages((Looks("a"), 4), (Looks("b"), 8)), recipe=RECIPE)
    assert seen["a"] == [0.0, 0.25, 0.5, 0.75] and seen["b"] == [i / 8 for i in range(8)]


def test_an_opponents_turns_see_other_noise(pool, teacher):
    seen = []

    @dataclass(frozen=True)
    class Played(Strategy):
        opponents = ("critic",)
        opponent_steps = 3

        def extras(self, student_outputs, teacher_outputs):
            return {"critic": nn.Linear(3, 1)}

        def draw(self, x, generator):
            return {"z": torch.rand(2, generator=generator)}

        def loss(self, student, teacher, batch):
            return {"a": student.extra("critic", student(batch.x).logits).mean()}

        def opponent_loss(self, student, teacher, batch):
            seen.append(tuple(batch.noise["z"].tolist()))
            return {"b": student.extra("critic", teacher(batch).logits).square().mean()}

    distill(mlp, teacher, pool, Played(), recipe=replace(RECIPE, steps=2))
    assert len(seen) == 6 and len(set(seen)) == 6


def test_which_examples_are_labelled_is_part_of_a_runs_identity(pool):
    from distill_helpers.training.loop import Lane
    from distill_helpers.training.plan import signature

    rows, some = torch.arange(8), torch.arange(8) < 3
    given = [signature([], [Lane(0, rows, labelled)], RECIPE, pool, None, []) for labelled in (None, some, ~some)]
    assert len({g["seeds"] for g in given}) == 3


def test_patience_survives_a_checkpoint(test_set):
    first, second = EarlyStop(test_set, 3), EarlyStop(test_set, 3)
    first.best = {"a": (0.5, 2)}
    second.load(*first.state())
    assert second.best == {"a": (0.5, 2)}


def test_every_students_evaluations_are_counted_one_by_one_too(pool, teacher):
    runs = [distill(mlp, teacher, pool, MixupDistillation(), seeds=(0, 1), recipe=RECIPE, stack=stack) for stack in (True, False)]
    assert runs[0].teacher_evaluations == runs[1].teacher_evaluations == 64 + 2 * 12 * 8


def test_redrawn_teachers_with_statistics_keep_each_their_own(pool, test_set):
    given = dict(test=test_set, replicates=2, recipe=RECIPE)
    teacher = Redrawn(with_statistics, replace(RECIPE, lr=0.1))
    together, alone = (compare(mlp, teacher, pool, {"m": MixupDistillation()}, **given, stack=stack) for stack in ("auto", False))
    assert not together.runs[0].parts and gap(together.teachers[0], together.teachers[1]) > 1e-3
    assert max(gap(together.model("m", r), alone.model("m", r)) for r in range(2)) < 1e-5
