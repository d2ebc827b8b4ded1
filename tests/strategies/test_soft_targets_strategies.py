"""Pseudo-labels and class means, by hand and in training; a list of teachers, one for each replicate."""

import pytest
import torch

from distill_helpers.checks import InputError
from distill_helpers.comparison import compare
from distill_helpers.data import ImageSet, make_views
from distill_helpers.models import BigMLP
from distill_helpers.strategies import ClassMeanTeacher, DropoutDistillation, FunctionMatching, HardLabels, PseudoLabels, SoftTargets
from distill_helpers.strategies.contract import Batch, Task
from distill_helpers.training import Recipe, Teacher, distill
from distill_helpers.training.replicates import draw_replicates

SAYS_NOTHING = -100


@pytest.fixture(autouse=True)
def _no_cache(no_cache):
    pass


def outputs(z):
    return type("Out", (), {"logits": z})()


def batch(y, task=None):
    index = torch.arange(3)
    return Batch(torch.zeros(3, 2), y, index, index, {}, 0.0, task or Task(None, SAYS_NOTHING))


def test_pseudo_labels_take_the_label_where_there_is_one():
    z = torch.randn(3, 4, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([[9.0, 0, 0, 0], [0, 9.0, 0, 0], [0, 0, 9.0, 0]], dtype=torch.double)
    found = PseudoLabels().loss(lambda x: outputs(z), lambda b: outputs(t), batch(torch.tensor([3, SAYS_NOTHING, SAYS_NOTHING])))["hard"]
    torch.testing.assert_close(found, torch.nn.functional.cross_entropy(z, torch.tensor([3, 1, 2])))
    for y in (None, torch.full((3,), SAYS_NOTHING)):
        found = PseudoLabels().loss(lambda x: outputs(z), lambda b: outputs(t), batch(y))["hard"]
        torch.testing.assert_close(found, torch.nn.functional.cross_entropy(z, torch.tensor([0, 1, 2])))


def test_pseudo_labels_are_hard_labels_where_all_are_known():
    z, t, y = torch.randn(3, 4), torch.randn(3, 4), torch.tensor([0, 3, 1])
    torch.testing.assert_close(PseudoLabels().loss(lambda x: outputs(z), lambda b: outputs(t), batch(y))["hard"],
                               HardLabels().loss(lambda x: outputs(z), None, batch(y))["hard"])  # fmt: skip


@pytest.fixture
def pool(toy_images):
    return make_views(ImageSet(toy_images.images, toy_images.labels, 5, "toy", ignore_index=SAYS_NOTHING), 3, 1)


def test_class_means_are_the_means_of_each_class(pool, toy_teacher):
    teacher = Teacher(toy_teacher).over(pool)
    control = ClassMeanTeacher(SoftTargets(2.0, 1.0)).prepare_teacher(teacher)
    logits = teacher.column("logits")
    first = logits.argmax(-1)
    means = {int(c): logits[first == c].mean(0) for c in first.unique()}
    index, view = torch.tensor([0, 1, 2, 3]), torch.tensor([0, 1, 2, 0])
    z, chosen = torch.randn(4, 5), first[view, index]
    for y in (None, torch.full((4,), SAYS_NOTHING), torch.tensor([int(next(iter(means))), SAYS_NOTHING, SAYS_NOTHING, SAYS_NOTHING])):
        given = Batch(torch.zeros(4, 2), y, index, view, {}, 0.0, Task(None, SAYS_NOTHING))
        classes = chosen if y is None else torch.where(y == SAYS_NOTHING, chosen, y)
        wanted = torch.stack([means[int(c)] for c in classes])
        found = ClassMeanTeacher(SoftTargets(2.0, 1.0)).loss(lambda x: outputs(z), lambda b: control(b), given)["soft"]
        same = SoftTargets(2.0, 1.0).loss(lambda x: outputs(z), lambda b: outputs(wanted), given)["soft"]
        torch.testing.assert_close(found, same)


def test_class_means_use_no_label_that_the_student_has_not_got(pool, toy_teacher):
    """The pool's hidden labels change nothing."""
    from dataclasses import replace

    other = replace(pool, labels=(pool.labels + 1) % 5)
    drawn = draw_replicates(pool, 1, labelled=5, unlabelled="keep")
    kept = drawn[0].rows[drawn[0].labelled]
    other.labels[kept] = pool.labels[kept]
    arms, recipe = {"means": ClassMeanTeacher(SoftTargets(2.0, 0.5))}, Recipe(steps=5, batch_size=8)
    build = lambda: BigMLP(64, 8, 1, 5)
    test = ImageSet(pool.pixels[0], pool.labels, 5, "toy")
    one, two = (compare(build, toy_teacher, p, arms, test=test, replicates=drawn, recipe=recipe, progress=False) for p in (pool, other))
    for p, q in zip(one.model("means").parameters(), two.model("means").parameters(), strict=True):
        assert torch.equal(p, q)


def test_class_means_refuse_what_has_no_mean(pool, toy_teacher):
    with pytest.raises(InputError, match="inner must be a strategy that uses a teacher"):
        ClassMeanTeacher(HardLabels())
    with pytest.raises(InputError, match="must ask for stored logits alone"):
        distill(lambda: BigMLP(64, 8, 1, 5), toy_teacher, pool, ClassMeanTeacher(FunctionMatching()), seeds=(0,),
                recipe=Recipe(steps=2, batch_size=8), progress=False)  # fmt: skip
    flat = Teacher(toy_teacher).over(pool)
    flat.table = type(flat.table)(torch.ones_like(flat.table.logits), flat.table.features)
    with pytest.raises(InputError, match="must change the answers"):
        ClassMeanTeacher(SoftTargets()).prepare_teacher(flat)
    assert DropoutDistillation  # asks live as well


@pytest.mark.parametrize("strategy", [PseudoLabels(), ClassMeanTeacher(SoftTargets(3.0, 0.7))], ids=lambda s: type(s).__name__)
def test_a_stack_of_replicates_equals_each_alone_and_each_has_its_own_teacher(strategy, pool, toy_images):
    drawn = draw_replicates(pool, 3, labelled=10, unlabelled="keep")
    teachers = []
    for r in range(3):
        torch.manual_seed(r)
        teachers.append(BigMLP(64, 16, 1, 5))
    build, recipe = lambda: BigMLP(64, 8, 1, 5).double(), Recipe(steps=6, batch_size=8)
    run = lambda t, d: compare(build, t, pool, {"arm": strategy}, test=toy_images, replicates=d, recipe=recipe, progress=False)
    together = run(teachers, drawn)
    for r in range(3):
        alone, mixed = run(teachers[r], drawn[r : r + 1]), run(teachers[(r + 1) % 3], drawn[r : r + 1])
        for p, q in zip(together.model("arm", r).parameters(), alone.model("arm").parameters(), strict=True):
            torch.testing.assert_close(p, q, atol=1e-9, rtol=1e-7)
        assert any(not torch.allclose(p, q) for p, q in zip(alone.model("arm").parameters(), mixed.model("arm").parameters(), strict=True))


def test_as_many_teachers_as_replicates(pool, toy_images, toy_teacher):
    with pytest.raises(InputError, match="one for each of 3 replicates, but 2 were given"):
        compare(lambda: BigMLP(64, 8, 1, 5), [toy_teacher, toy_teacher], pool, {"soft": SoftTargets()}, test=toy_images, replicates=3,
                recipe=Recipe(steps=2, batch_size=8), progress=False)  # fmt: skip
