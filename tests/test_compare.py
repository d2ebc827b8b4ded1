"""compare: replicates and arms in few stacks equal one student at a time, for every kind of strategy."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn
from waits import Waits

from distill_helpers.checks import InputError
from distill_helpers.comparison import Arm, Comparison, Redrawn, compare
from distill_helpers.data import ArrayPool, make_views
from distill_helpers.models import BigMLP, ResidualStudent
from distill_helpers.strategies import (
    Adversarial,
    AdversarialTraining,
    ContrastiveRepresentation,
    FitNets,
    HardLabels,
    JacobianMatching,
    MixupDistillation,
    MutualLearning,
    ProbabilisticTransfer,
    RandomTeacher,
    Relational,
    ShuffledTeacher,
    SimilarityPreserving,
    SoftTargets,
    Stages,
    Strategy,
)
from distill_helpers.strategies.contract.divergences import cross_entropy
from distill_helpers.training import Recipe
from distill_helpers.training.loop import Loop
from distill_helpers.training.replicates import Replicate, balanced, draw_replicates

FEATURES = {"student_layers": "hidden1", "teacher_layers": "hidden1"}


def student():
    return BigMLP(64, 8, 1, 5).double()


@dataclass(frozen=True)
class Headed(Strategy):
    """The student's feature through the teacher's own head, as in SRRL."""

    needs_labels = True
    teacher_features = ("hidden2",)

    def extras(self, student_outputs, teacher_outputs):
        return {"bridge": nn.Linear(8, 32)}

    def loss(self, student, teacher, batch):
        out = student(batch.x)
        seen = teacher.part("head", student.extra("bridge", out.features["hidden1"]))
        return {"head": (seen - teacher(batch).logits).square().mean(), "hard": cross_entropy(out.logits, batch.y)}


KINDS = {
    "labels": HardLabels(),
    "soft": SoftTargets(4.0, 0.9),
    "soft, cooler": SoftTargets(2.0, 0.9),
    "relations": Relational(**FEATURES),
    "similarities": SimilarityPreserving(**FEATURES),
    "neighbours": ProbabilisticTransfer(**FEATURES),
    "contrast": ContrastiveRepresentation(**FEATURES, dim=6),
    "hints": FitNets(**FEATURES),
    "head": Headed(),
    "mixup": MixupDistillation(),
    "slopes": JacobianMatching(),
    "attacked": AdversarialTraining(steps=2),
    "shuffled": ShuffledTeacher(SoftTargets()),
    "untrained": RandomTeacher(SoftTargets()),
    "critic": Adversarial(SoftTargets(), condition="none"),
    "critic, two turns": Adversarial(SoftTargets(), condition="image", inputs=64, opponent_steps=2),
    "peers": MutualLearning(student),
    "stages": Stages((SoftTargets(), 20), (HardLabels(), 30)),
}


@pytest.fixture(scope="module")
def doubles(toy_images):
    """Three views of the toy images as float inputs."""
    pool = make_views(toy_images, views=3, shift=1)
    return ArrayPool(pool.pixels.float() / 255, toy_images.labels, classes=5, name="toy", has_views=True)


def gap(a, b):
    a, b = a.state_dict(), b.state_dict()
    return max((a[k] - b[k]).abs().max().item() for k in a)


def widest(a: Comparison, b: Comparison) -> dict:
    return {arm: max(gap(a.model(arm, r), b.model(arm, r)) for r in range(len(a.replicates))) for arm in a.arms}


@pytest.mark.parametrize("clip", [None, 0.5])
def test_together_equals_one_by_one_for_every_kind(clip, doubles, toy_images, toy_teacher):
    """Two replicates of every kind at once, 50 steps in double precision, with a teacher of each replicate's own."""
    recipe = Recipe(steps=50, batch_size=8, lr=1e-2, clip_norm=clip, check_every=20)
    given = dict(test=toy_images, replicates=2, recipe=recipe, labelled=24)
    teacher = Redrawn(lambda: BigMLP(64, 32, 2, 5).double(), Recipe(steps=20, batch_size=8, lr=1e-2))
    test = ArrayPool(toy_images.x, toy_images.labels, classes=5, name="toy test")
    together = compare(student, teacher, doubles, KINDS, **given | {"test": test})
    alone = compare(student, teacher, doubles, KINDS, **given | {"test": test}, stack=False)
    gaps = widest(together, alone)
    assert max(gaps.values()) < 1e-9, {k: v for k, v in gaps.items() if v >= 1e-9}
    assert torch.equal(together.outcomes, alone.outcomes)
    assert together.costs == alone.costs
    assert len(together.runs) == 1 and len(alone.runs[0].parts) == 2 * len(KINDS)
    # arms and replicates are different students
    assert gap(together.model("soft", 0), together.model("soft", 1)) > 1e-3
    assert gap(together.model("soft", 0), together.model("soft, cooler", 0)) > 1e-4


def test_five_arms_by_eight_replicates_equal_one_by_one(doubles, toy_images):
    """In double precision, 50 steps, one teacher kept for all, relations among the arms."""
    five = {name: KINDS[name] for name in ("labels", "soft", "relations", "similarities", "hints")}
    test = ArrayPool(toy_images.x, toy_images.labels, classes=5, name="toy test")
    torch.manual_seed(5)
    given = dict(test=test, replicates=8, recipe=Recipe(steps=50, batch_size=8, lr=1e-2, weight_decay=0.05))
    teacher = BigMLP(64, 32, 2, 5).double()
    together, alone = (compare(student, teacher, doubles, five, **given, stack=stack) for stack in (True, False))
    assert max(widest(together, alone).values()) < 1e-9 and torch.equal(together.outcomes, alone.outcomes)
    assert together.outcomes.shape == (8, 5, 40) and len(together.runs[0]) == 40 and len(alone.runs[0].parts) == 40


def test_a_batch_statistics_student_falls_back_and_gives_the_same_numbers(toy_images, toy_teacher):
    def net():
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 5))

    recipe = Recipe(steps=12, batch_size=8)
    found = [compare(net, toy_teacher, toy_images, {"a": HardLabels(), "b": SoftTargets()}, test=toy_images, replicates=2, recipe=recipe)
             for _ in range(2)]  # fmt: skip
    assert max(widest(*found).values()) == 0
    assert "buffers" in found[0].runs[0].why_alone
    assert found[0].model("a")[2].num_batches_tracked == 12
    with pytest.raises(InputError, match="cannot be trained in one stack"):
        compare(net, toy_teacher, toy_images, {"a": HardLabels()}, test=toy_images, replicates=2, recipe=recipe, stack=True)


def test_arms_share_start_and_batches_and_a_null_arm_gains_nothing(toy_images, toy_teacher):
    seen = {}

    @dataclass(frozen=True)
    class Looks(Strategy):
        who: str = "a"
        needs_teacher = False
        needs_labels = True

        def loss(self, student, teacher, batch):
            seen.setdefault(self.who, []).append(batch.x)
            return {"hard": cross_entropy(student(batch.x).logits, batch.y)}

    found = compare(lambda: BigMLP(64, 8, 1, 5), None, toy_images, {"a": Looks("a"), "b": Looks("b")}, test=toy_images, replicates=3,
                    recipe=Recipe(steps=6, batch_size=8))  # fmt: skip
    assert all(gap(found.model("a", r), found.model("b", r)) == 0 for r in range(3))
    assert found.gain("b").mean == 0 and torch.equal(found.outcomes[:, 0], found.outcomes[:, 1])


def test_an_arm_may_have_a_recipe_of_its_own(toy_images, toy_teacher):
    recipe = Recipe(steps=10, batch_size=8)
    both = compare(lambda: BigMLP(64, 8, 1, 5), toy_teacher, toy_images, {"a": SoftTargets(), "b": Arm(SoftTargets(), lr=0.1, steps=20)},
                   test=toy_images, replicates=2, recipe=recipe)  # fmt: skip
    single = compare(lambda: BigMLP(64, 8, 1, 5), toy_teacher, toy_images, {"b": Arm(SoftTargets(), lr=0.1, steps=20)}, test=toy_images,
                     replicates=2, recipe=recipe)  # fmt: skip
    assert gap(both.model("b", 1), single.model("b", 1)) == 0
    assert [c["steps"] for c in both.costs] == [10, 20] and len(both.runs) == 2


def test_costs_are_counted_for_each_arm(toy_images, toy_teacher):
    arms = {"labels": HardLabels(), "soft": SoftTargets(), "mixup": MixupDistillation(), "hints": FitNets(**FEATURES)}
    recipe = Recipe(steps=10, batch_size=8)
    found = compare(lambda: BigMLP(64, 8, 1, 5), toy_teacher, toy_images, arms, test=toy_images, replicates=2, recipe=recipe)
    costs = {c["arm"]: c for c in found.costs}
    assert costs["labels"]["teacher_evaluations"] == 0
    assert costs["soft"]["teacher_evaluations"] == 40  # the table that both replicates share
    assert costs["mixup"]["teacher_evaluations"] == 40 + 10 * 8
    assert costs["hints"]["extra_parameters"] == 8 * 32 + 32 and costs["soft"]["extra_parameters"] == 0
    assert costs["soft"]["parameters"] == 64 * 8 + 8 + 8 * 5 + 5
    timed = found.seconds(steps=3, repeats=1)
    assert set(timed) == set(arms) and all(v > 0 for v in timed.values())


def test_a_comparison_goes_on_from_its_checkpoint(toy_images, toy_teacher, tmp_path):
    recipe = Recipe(steps=30, batch_size=8, check_every=5)
    arms = {"labels": HardLabels(), "critic": Adversarial(SoftTargets(), condition="none")}
    given = dict(test=toy_images, replicates=2, recipe=recipe)
    whole = compare(lambda: BigMLP(64, 8, 1, 5), toy_teacher, toy_images, arms, **given)

    class Enough(Exception):
        pass

    def stop_early(run):
        if run.step == 15:
            raise Enough

    with pytest.raises(Enough):
        compare(lambda: BigMLP(64, 8, 1, 5), toy_teacher, toy_images, arms, **given, checkpoint=tmp_path / "kept", watch=stop_early)
    again = compare(lambda: BigMLP(64, 8, 1, 5), toy_teacher, toy_images, arms, **given, checkpoint=tmp_path / "kept")
    assert max(widest(whole, again).values()) == 0 and whole.costs == again.costs
    with pytest.raises(InputError, match="differs in: the strategies"):
        compare(lambda: BigMLP(64, 8, 1, 5), toy_teacher, toy_images, {"labels": HardLabels(), "soft": SoftTargets()}, **given,
                checkpoint=tmp_path / "kept")  # fmt: skip


def test_a_lost_student_counts_as_a_guess(toy_images):
    arms = {"calm": HardLabels(), "wild": Arm(HardLabels(), lr=1e38, optimizer="sgd")}
    recipe = Recipe(steps=30, batch_size=8, lr=1e-2)
    found = compare(lambda: BigMLP(64, 8, 1, 5), None, toy_images, arms, test=toy_images, replicates=4, recipe=recipe)
    assert found.diverged.tolist() == [[False, True]] * 4
    assert 0 < found.scores["accuracy"][:, 1].mean() < 0.5
    assert torch.allclose(found.outcomes.double().mean(-1), found.scores["accuracy"])


def test_unlabelled_examples_are_seen_without_their_label(toy_images, toy_teacher):
    """With the labels of the unlabelled ones spoilt nothing changes; with those of the labelled ones it does."""
    pool = make_views(toy_images, 2, 1)
    pool = type(pool)(pool.pixels, toy_images.labels, 5, "toy", ignore_index=-100)
    drawn = draw_replicates(pool, 2, labelled=10, unlabelled="keep")
    assert all(len(r.rows) == 40 and r.labelled.sum() == 10 for r in drawn)
    blind = toy_images.labels.clone()
    for_all = torch.ones(40, dtype=torch.bool)
    for r in drawn:
        for_all[r.rows[r.labelled]] = False
    blind[for_all] = (blind[for_all] + 1) % 5
    spoilt = type(pool)(pool.pixels, blind, 5, "toy", ignore_index=-100)
    recipe = Recipe(steps=15, batch_size=8)
    found = [compare(lambda: BigMLP(64, 8, 1, 5), toy_teacher, p, {"soft": SoftTargets(4.0, 0.5)}, test=toy_images, replicates=drawn, recipe=recipe)
             for p in (pool, spoilt)]  # fmt: skip
    assert max(widest(*found).values()) == 0
    spoilt = type(pool)(pool.pixels, (toy_images.labels + 1) % 5, 5, "toy", ignore_index=-100)
    other = compare(lambda: BigMLP(64, 8, 1, 5), toy_teacher, spoilt, {"soft": SoftTargets(4.0, 0.5)}, test=toy_images, replicates=drawn,
                    recipe=recipe)  # fmt: skip
    assert max(widest(found[0], other).values()) > 1e-3


def test_draws_are_balanced_disjoint_and_their_own(toy_images):
    pool = make_views(toy_images, 1)
    drawn = draw_replicates(pool, 8, labelled=15, teacher_examples=20)
    for r in drawn:
        assert not set(r.rows.tolist()) & set(r.teacher_rows.tolist())
        assert toy_images.labels[r.rows].bincount(minlength=5).tolist() == [3] * 5
        assert toy_images.labels[r.teacher_rows].bincount(minlength=5).tolist() == [4] * 5
    assert len({tuple(r.rows.tolist()) for r in drawn}) == 8
    again = draw_replicates(pool, 3, labelled=15, teacher_examples=20)
    assert all(torch.equal(a.rows, b.rows) for a, b in zip(drawn, again, strict=False))
    order = torch.randperm(40)
    assert balanced(toy_images.labels, order, 7).sum() == 7


def test_views_may_belong_to_one_replicate_alone(toy_images):
    pool, seen = make_views(toy_images, views=6, shift=2), []

    @dataclass(frozen=True)
    class Looks(Strategy):
        needs_teacher = False

        def loss(self, student, teacher, batch):
            seen.append(batch.view)
            return {"zero": student(batch.x).logits.square().mean()}

    drawn = draw_replicates(pool, 2, views=3)
    recipe = Recipe(steps=5, batch_size=8)
    compare(lambda: BigMLP(64, 8, 1, 5), None, pool, {"a": Looks()}, test=toy_images, replicates=drawn, recipe=recipe, stack=False)
    first, second = torch.cat(seen[:5]), torch.cat(seen[5:])
    assert first.max() <= 2 and second.min() >= 3


LONE = BigMLP(64, 8, 1, 5)
@pytest.mark.parametrize("redrawn", [False, True])
def test_no_step_of_a_comparison_waits_for_the_device(redrawn, toy_images, toy_teacher, monkeypatch):
    watch, plain = Waits(), Loop.one_step

    def watched(self, step):
        self.schedule(step)
        with watch:
            return plain(self, step)

    monkeypatch.setattr(Loop, "one_step", watched)
    teacher = Redrawn(lambda: BigMLP(64, 32, 2, 5), Recipe(steps=3, batch_size=8)) if redrawn else toy_teacher
    arms = {name: KINDS[name] for name in ("labels", "soft", "relations", "hints", "mixup", "critic", "shuffled")}
    compare(lambda: BigMLP(64, 8, 1, 5), teacher, make_views(toy_images, 2, 1), arms, test=toy_images, replicates=2, labelled=20,
            recipe=Recipe(steps=6, batch_size=8, clip_norm=1.0))  # fmt: skip
    assert watch.seen == []


BAD = {
    "no arms": (dict(arms={}), "arms must be a dict"),
    "an arm that is a word": (dict(arms={"a": "kd"}), "must be a Strategy"),
    "an arm with an unknown change": (None, "an arm may change"),
    "a teacher that is missing": (dict(teacher=None), "teacher must be given"),
    "no replicates": (dict(replicates=0), "replicates must be at least 1"),
    "half a replicate": (dict(replicates=1.5), "replicates must be a whole number"),
    "test without labels": (dict(test="images"), "test must be data with labels"),
    "too many labels": (dict(labelled=41), "must be at most 40"),
    "no such baseline": (dict(baseline="z"), "baseline must be one of 'a'"),
    "a student that is a module": (dict(student=BigMLP(64, 8, 1, 5)), "student must be a function"),
    "a lone object": (dict(student=lambda: LONE), "must build a new network at each call"),
    "kept without ignore index": (dict(labelled=5, unlabelled="keep"), "needs data with an ignore_index"),
}


@pytest.mark.parametrize(("changes", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_named(changes, words, toy_images, toy_teacher):
    given = dict(student=lambda: BigMLP(64, 8, 1, 5), teacher=toy_teacher, data=toy_images, arms={"a": SoftTargets()}, test=toy_images,
                 replicates=2, recipe=Recipe(steps=2, batch_size=8))  # fmt: skip
    with pytest.raises(InputError, match=words):
        if changes is None:
            Arm(SoftTargets(), rate=3)
        compare(**given | (changes or {}))


def test_replicates_of_the_readers_own(toy_images, toy_teacher):
    drawn = [Replicate(3, torch.arange(20)), Replicate(9, torch.arange(20, 40))]
    found = compare(lambda: ResidualStudent(64, 12, 4, 2, 5), toy_teacher, toy_images, {"a": SoftTargets(), "b": HardLabels()}, test=toy_images,
                    replicates=drawn, recipe=Recipe(steps=5, batch_size=8))  # fmt: skip
    assert found.table()["arm"].tolist() == ["a", "b"] and "accuracy" in str(found)
    with pytest.raises(InputError, match="different seeds"):
        compare(lambda: BigMLP(64, 8, 1, 5), toy_teacher, toy_images, {"a": SoftTargets()}, test=toy_images, replicates=[drawn[0], drawn[0]])


# differences over replicates and test examples


def made_up(outcomes, counted=None, labels=("labels", "soft", "hints")):
    count = len(outcomes)
    accuracy = outcomes.double().flatten(2).mean(2) if counted is None else (outcomes & counted).double().flatten(2).sum(2) / counted.sum()
    lost = torch.zeros(count, 3, dtype=torch.bool)
    return Comparison(list(labels), [Replicate(n) for n in range(count)], outcomes, {"accuracy": accuracy}, "labels", [], lost, [], counted=counted)


def test_differences_cover_replicates_and_test_examples():
    chance = torch.rand(8, 3, 400, generator=torch.Generator().manual_seed(0))
    found = made_up(chance < torch.tensor([0.7, 0.8, 0.75])[:, None])
    d = found.difference("soft")
    assert d.method == "two-way" and d.n == 8 and d.mean == pytest.approx(found.gain("soft").mean)
    assert set(d.sources) == {"replicates", "examples", "rest"}
    assert d.half > 0 and found.difference("soft", "hints").mean == pytest.approx(d.mean - found.difference("hints").mean)
    assert found.difference("soft", shared=False).method == "two-way, unpaired"
    alone, together = found.differences(), found.differences(together=True)
    assert list(alone) == list(together) == ["soft", "hints"]
    assert all(together[k].half > alone[k].half and together[k].mean == alone[k].mean for k in alone)
    found.diverged[[1, 3], [0, 1]] = True
    assert found.difference("soft").diverged == 2 and found.difference("hints").diverged == 1


@pytest.mark.parametrize("shape", [(60,), (20, 5)])
def test_examples_that_say_nothing_are_not_counted(shape):
    g = torch.Generator().manual_seed(0)
    counted = torch.rand(shape, generator=g) < 0.6
    outcomes = (torch.rand(8, 3, *shape, generator=g) < 0.5) & counted
    outcomes[:, 1] |= counted  # always right where there is something to be right about
    found = made_up(outcomes, counted)
    assert found.difference("soft").mean == pytest.approx(found.gain("soft").mean) and found.difference("soft").a_mean == pytest.approx(1)


def test_differences_want_outcomes():
    with pytest.raises(InputError, match="difference needs outcomes"):
        found = made_up(torch.zeros(8, 3, 4, dtype=bool))
        found.outcomes = None
        found.difference("soft")
