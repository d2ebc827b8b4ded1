"""Estimators of reverse KL as losses: exact gradients, against finite differences, loops, and each other."""

import math

import pytest
import torch
from mutation import Checks

from distill_helpers.checks import InputError
from distill_helpers.measure import estimators

of = Checks("distill_helpers.measure")
V = 6


def pair(seed=0, count=V):
    return 1.5 * torch.randn(2, count, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def kl(a, b):
    return (a.softmax(-1) * (a.log_softmax(-1) - b.log_softmax(-1))).sum()


def expected(module, teacher, student):
    return {name: student.softmax(-1) @ each for name, each in module.token_gradients(teacher, student).items()}


def close(a, b, tolerance=1e-12):
    torch.testing.assert_close(a, b, rtol=0, atol=tolerance)


@of("estimators")
def each_teaches_what_is_said(module):
    for seed in range(5):
        teacher, student = pair(seed)
        found, exact = expected(module, teacher, student), module.exact_gradients(teacher, student)
        close(found["k1"], torch.zeros(V, dtype=torch.double))
        close(found["k2"], exact["reverse KL"])
        close(found["k3"], exact["forward KL"])
        close(found["policy gradient"], exact["reverse KL"])
        assert (exact["forward KL"] - exact["reverse KL"]).norm() > 1e-2  # they could be told apart


@of("estimators")
def exact_gradients_are_those_of_the_divergences(module):
    teacher, student = pair(1)
    exact, step = module.exact_gradients(teacher, student), 1e-6
    for name, divergence in (("forward KL", lambda z: kl(teacher, z)), ("reverse KL", lambda z: kl(z, teacher))):
        moved = torch.eye(V, dtype=torch.double) * step
        close(torch.stack([(divergence(student + m) - divergence(student - m)) / (2 * step) for m in moved]), exact[name], 1e-9)


@of("estimators")
def by_hand_on_two_tokens(module):
    """p = (1/2, 1/2), q = (3/4, 1/4): ratios p/q of 2/3 and 2, and d ln q(x) / dz_y = [x = y] - q(y)."""
    teacher, student = torch.zeros(2), torch.tensor([math.log(3.0), 0.0], dtype=torch.double)
    q, ratios = [0.75, 0.25], [2 / 3, 2.0]
    slopes = [[0.25, -0.25], [-0.75, 0.75]]
    factors = {"k1": lambda r: 1.0, "k2": lambda r: -math.log(r), "k3": lambda r: 1 - r, "policy gradient": lambda r: -math.log(r)}
    for name, each in module.token_gradients(teacher, student).items():
        for x in range(2):
            assert each[x].tolist() == pytest.approx([factors[name](ratios[x]) * slope for slope in slopes[x]], abs=1e-12)
    rows = {row["estimator"]: row for row in module.estimator_table(teacher, student)}
    numbers = {"k1": [-math.log(r) for r in ratios], "k2": [math.log(r) ** 2 / 2 for r in ratios], "k3": [r - 1 - math.log(r) for r in ratios]}
    for name, both in numbers.items():
        mean = q[0] * both[0] + q[1] * both[1]
        assert rows[name]["mean"] == pytest.approx(mean, abs=1e-12)
        assert rows[name]["deviation"] == pytest.approx(math.sqrt(q[0] * (both[0] - mean) ** 2 + q[1] * (both[1] - mean) ** 2), abs=1e-12)
    assert rows["k1"]["noise"] == pytest.approx(math.sqrt(q[0] * 2 * 0.25**2 + q[1] * 2 * 0.75**2), abs=1e-12)


@of("estimators")
def the_table_says_it_in_numbers(module):
    teacher, student = pair(2)
    rows = {row["estimator"]: row for row in module.estimator_table(teacher, student)}
    assert list(rows) == ["k1", "k2", "k3", "policy gradient"]
    true = kl(student, teacher).item()
    assert all(row["reverse KL"] == pytest.approx(true, abs=1e-12) for row in rows.values())
    assert rows["k1"]["mean"] == pytest.approx(true, abs=1e-12) and rows["k3"]["mean"] == pytest.approx(true, abs=1e-12)  # unbiased as numbers
    assert abs(rows["k2"]["mean"] - true) > 1e-3  # and k2 is not
    assert rows["k1"]["gradient"] < 1e-12 and rows["k1"]["noise"] > 0.1
    assert rows["k2"]["from reverse KL"] < 1e-12 < 1e-3 < rows["k2"]["from forward KL"]
    assert rows["k3"]["from forward KL"] < 1e-12 < 1e-3 < rows["k3"]["from reverse KL"]
    assert rows["policy gradient"]["from reverse KL"] < 1e-12 and rows["policy gradient"]["mean"] is None
    assert rows["policy gradient"]["noise"] == pytest.approx(rows["k2"]["noise"], abs=1e-12)


@of.each
def test_each_is_as_it_should_be(name, check):
    check(of.original(name))


FAULTS = [
    ("estimators", "k1 with the other sign", '"k1": lambda ratio: -ratio', '"k1": lambda ratio: ratio'),
    ("estimators", "k2 not halved", "ratio.square() / 2", "ratio.square()"),
    ("estimators", "k3 without the 1", "ratio.exp() - 1 - ratio", "ratio.exp() - ratio"),
    ("estimators", "k3 of the ratio's inverse", "ratio.exp() - 1 - ratio", "(-ratio).exp() - 1 + ratio"),
    ("estimators", "the policy gradient's sign", "(log_q - log_p).unsqueeze(-1)", "(log_p - log_q).unsqueeze(-1)"),
    ("estimators", "reverse KL without what keeps it in the middle", " - (log_q.exp() * ratio).sum())", ")"),
    ("estimators", "tokens that come equally often", "        mean = q @ each", "        mean = each.mean(0)"),
]


@of.planted(FAULTS)
def test_a_planted_fault_is_found(name, old, new):
    assert of.gone_red(name, old, new)


def test_a_teacher_that_is_the_student_teaches_nothing():
    (logits, _) = pair(3)
    for row in estimators.estimator_table(logits, logits + 5):
        assert row["gradient"] < 1e-12 and row["from forward KL"] < 1e-12 and abs(row["reverse KL"]) < 1e-12


def test_sampling_agrees_with_the_enumeration():
    teacher, student = pair(4)
    drawn = torch.multinomial(student.softmax(-1), 200_000, True, generator=torch.Generator().manual_seed(0))
    for row, each in zip(estimators.estimator_table(teacher, student), estimators.token_gradients(teacher, student).values(), strict=True):
        apart = (each[drawn].mean(0) - student.softmax(-1) @ each).norm().item()
        assert apart < 4 * row["noise"] / math.sqrt(200_000)


def test_bad_input_is_named():
    teacher, student = pair()
    for wrong in (teacher.unsqueeze(0), teacher.long(), teacher[:1], [0.0, 1.0]):
        with pytest.raises(InputError, match="teacher must be logits"):
            estimators.estimator_table(wrong, student)
    with pytest.raises(InputError, match="student's vocabulary of 6 tokens, but it answers about 5"):
        estimators.token_gradients(teacher[:5], student)
    with pytest.raises(InputError, match="student must be finite"):
        estimators.exact_gradients(teacher, student * torch.nan)
