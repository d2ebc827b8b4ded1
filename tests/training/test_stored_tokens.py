"""What stored answers to tokens lose, held against plain loops and closed forms."""

import math

import pytest
import torch
from mutation import Checks

from distill_helpers.checks import InputError
from distill_helpers.data import TokenPool
from distill_helpers.training import stored_tokens
from distill_helpers.training.stores import TopK, encoded, plan, size_of
from distill_helpers.training.teacher import Teacher

of = Checks("distill_helpers.training")
N, T, V = 2, 3, 7


def pair(seed=0):
    return 2 * torch.randn(2, N, T, V, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def by_hand(way, k, teacher, student):
    """The mean loss over places, by loops."""
    found = []
    for t, s in zip(teacher.flatten(0, 1).tolist(), student.flatten(0, 1).tolist(), strict=True):
        p, q = ([math.exp(z) / sum(map(math.exp, row)) for z in row] for row in (t, s))
        top = sorted(range(V), key=lambda i: -p[i])[:k]
        rest, others = 1 - sum(p[i] for i in top), [i for i in range(V) if i not in top]
        if way == "truncated":
            loss = sum(p[i] * math.log(p[i] / q[i]) for i in top)
        elif way == "renormalised":
            loss = sum(p[i] / (1 - rest) * math.log(p[i] / (1 - rest) / q[i]) for i in top)
        else:
            loss = sum(p[i] * math.log(p[i] / q[i]) for i in top)
            if others and way == "spread":
                loss += sum(rest / len(others) * math.log(rest / len(others) / q[i]) for i in others)
            elif others:
                loss += rest * math.log(rest / sum(q[i] for i in others))
        found.append(loss)
    return sum(found) / len(found)


@of("stored_tokens")
def losses_are_the_sums(module):
    teacher, student = pair()
    rows = module.stored_answers_table(teacher, student, (1, 3, V))
    assert [(row["k"], row["way"]) for row in rows] == [(V, "whole"), *((k, way) for k in (1, 3, V) for way in module.WAYS)]
    for row in rows:
        way = "truncated" if row["way"] == "whole" else row["way"]
        assert row["loss"] == pytest.approx(by_hand(way, row["k"], teacher, student), abs=1e-6)
        assert row["bias"] == pytest.approx(row["loss"] - rows[0]["loss"], abs=1e-12)
        if row["k"] == V:
            assert abs(row["bias"]) < 1e-6 and row["gradient bias"] < 1e-6
        if row["way"] == "bucket":
            assert row["bias"] < 1e-6  # what is put together can only be told apart less


@of("stored_tokens")
def gradients_have_their_closed_forms(module):
    teacher, student = (z.reshape(-1, V) for z in pair(1))
    k = 3
    p, q = teacher.softmax(-1), student.softmax(-1)
    top = torch.zeros_like(p).scatter(-1, p.topk(k, -1).indices, 1.0)
    head, tail = (p * top).sum(-1, keepdim=True), (p * (1 - top)).sum(-1, keepdim=True)
    wanted = {
        "truncated": head * q - p * top,
        "renormalised": q - p * top / head,
        "spread": q - p * top - (1 - top) * tail / (V - k),
        "bucket": q - p * top - (1 - top) * tail * q / (q * (1 - top)).sum(-1, keepdim=True),
    }
    rows = {row["way"]: row for row in module.stored_answers_table(teacher, student, (k,))}
    for way, each in wanted.items():
        kept = encoded(TopK(k, way != "renormalised"), "logits", teacher)
        z = student.clone().requires_grad_()
        (slope,) = torch.autograd.grad(module.stored_loss(way, kept, z.log_softmax(-1)).sum(), z)
        torch.testing.assert_close(slope, each, rtol=0, atol=1e-6)
        assert rows[way]["gradient bias"] == pytest.approx(((each - (q - p)).norm() / (q - p).norm()).item(), abs=1e-6)
        assert rows[way]["kept"] == pytest.approx(head.mean().item(), abs=1e-6)


@of("stored_tokens")
def where_the_student_is_the_teacher_only_the_bucket_is_at_rest(module):
    teacher = pair(2)[0].reshape(-1, V)
    slopes = {}
    for way in module.WAYS:
        z = teacher.clone().requires_grad_()
        kept = encoded(TopK(3, way != "renormalised"), "logits", teacher)
        slopes[way] = torch.autograd.grad(module.stored_loss(way, kept, z.log_softmax(-1)).mean(), z)[0].norm().item()
    assert slopes["bucket"] < 1e-6 and min(value for way, value in slopes.items() if way != "bucket") > 1e-3


@of("stored_tokens")
def bytes_are_those_of_the_store(module):
    teacher, student = pair(3)
    rows = {(row["k"], row["way"]): row["bytes"] for row in module.stored_answers_table(teacher, student, (1, 4))}
    assert rows[V, "whole"] == 4 * V
    for k in (1, 4):
        for way, tail in (("spread", True), ("bucket", True), ("renormalised", False), ("truncated", False)):
            sample = {"logits": teacher.reshape(-1, V)}
            assert rows[k, way] == size_of(plan(TopK(k, tail), sample, 1, N * T)) / (N * T) == 6 * k + 4 * tail


@of.each
def test_each_is_as_it_should_be(name, check):
    check(of.original(name))


FAULTS = [
    ("stored_tokens", "scaled where it should be as it was", 'kept = both[way != "renormalised"]', 'kept = both[way == "spread"]'),
    ("stored_tokens", "a bucket without its rest", 'if way == "bucket" and k < vocabulary', 'if way == "none"'),
    ("stored_tokens", "the rest against all of the student", "log_q.scatter(-1, places, -torch.inf).logsumexp(-1)", "log_q.logsumexp(-1)"),
    ("stored_tokens", "the rest's number not counted", 'if way != "truncated" or name != "logits.tail"', 'if name != "logits.tail"'),
    ("stored_tokens", "a bias without the whole", "(loss - full).item()", "loss.item()"),
    ("stored_tokens", "the gradient itself for its bias", "(slope - wanted).norm()", "slope.norm()"),
]


@of.planted(FAULTS)
def test_a_planted_fault_is_found(name, old, new):
    assert of.gone_red(name, old, new)


class Table(torch.nn.Module):
    """Logits by the token at each place."""

    def __init__(self):
        super().__init__()
        self.rows = torch.nn.Parameter(pair(4)[0, 0, :1].repeat(V, 1).float() + torch.eye(V))

    def forward(self, x):
        return self.rows[x]


def test_the_teachers_store_holds_sequences_as_the_table_reads_them():
    tokens = torch.arange(2 * V).view(2, V) % V
    pool, kind = TokenPool(tokens, tokens, V), TopK(3)
    guide = Teacher(Table()).over(pool, cache=None, store=kind)
    view, index = torch.zeros(2, dtype=torch.long), torch.arange(2)
    stored = guide.rows(view, index).logits
    assert stored.shape == (2, V, V)
    log_q = pair(5)[0, 0, :1].expand(2, V, V).log_softmax(-1)
    loss = (stored.double().exp() * (stored.double() - log_q)).sum(-1)
    kept = encoded(kind, "logits", Table()(tokens).detach())
    torch.testing.assert_close(loss, stored_tokens.stored_loss("spread", kept, log_q), rtol=0, atol=1e-6)


def test_bad_input_is_named():
    teacher, student = pair()
    with pytest.raises(InputError, match="k must be at most the 7 classes"):
        stored_tokens.stored_answers_table(teacher, student, (V + 1,))
    with pytest.raises(InputError, match="k must be at least 1"):
        stored_tokens.stored_answers_table(teacher, student, (0,))
    with pytest.raises(InputError, match="teacher must answer in the student's shape"):
        stored_tokens.stored_answers_table(teacher[..., :5], student, (1,))
    with pytest.raises(InputError, match="student must differ"):
        stored_tokens.stored_answers_table(teacher, teacher + 1, (1,))
    with pytest.raises(InputError, match="teacher must be logits"):
        stored_tokens.stored_answers_table(teacher.long(), student, (1,))
    with pytest.raises(InputError, match="student must be finite"):
        stored_tokens.stored_answers_table(teacher, student / 0 * 0, (1,))
