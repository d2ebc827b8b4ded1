"""Measuring: intervals that cover, figures worked out by hand, and a student that runs alone."""

import copy
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_helpers.checks import InputError
from distill_helpers.measure import (
    accuracy,
    agreement,
    brier,
    ece,
    entropy,
    export_model,
    interval,
    measure_in_fresh_process,
    nll,
    paired,
    reliability,
)
from distill_helpers.models import BigMLP, ResidualStudent

NUMBERS = st.lists(st.tuples(st.floats(-10, 10), st.floats(-10, 10)), min_size=2, max_size=12)
METHODS = pytest.mark.parametrize("method", ["t", "bootstrap"])


def logits_of(probabilities):
    return torch.tensor(probabilities, dtype=torch.float64).log()


# intervals


def test_the_t_interval_by_hand():
    d = paired([3.0, 5.0, 7.0], [2.0, 3.0, 4.0], name="gain")
    # differences 1, 2, 3: standard error 1/sqrt(3); 97.5 % quantile of t with 2 degrees of freedom 4.302653
    assert d.mean == 2 and d.n == 3 and d.a_mean == 5 and d.b_mean == 3 and d.name == "gain"
    assert d.values.tolist() == [1, 2, 3]
    assert math.isclose(d.high - d.mean, 4.302653 / math.sqrt(3), rel_tol=1e-6)
    assert math.isclose(d.mean - d.low, d.high - d.mean, rel_tol=1e-12)


@METHODS
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_intervals_cover_the_truth_as_often_as_they_say(method, confidence):
    generator = np.random.default_rng(1)
    trials = 400 if method == "bootstrap" else 2000
    seeds = generator.normal(0, 5, (trials, 8))  # what a seed does to both arms alike
    a, b = (seeds + generator.normal(mean, 1, seeds.shape) for mean in (3, 1))
    found = [paired(x, y, confidence, method) for x, y in zip(a, b, strict=True)]
    assert abs(np.mean([d.low <= 2 <= d.high for d in found]) - confidence) < 0.04


def test_pairing_takes_out_what_the_seeds_share():
    generator = np.random.default_rng(0)
    shared = generator.normal(0, 5, 8)
    a, b = shared + generator.normal(1, 0.1, 8), shared + generator.normal(0, 0.1, 8)
    assert paired(a, b).against(0.5) is True
    assert paired(a, b[::-1].copy()).against(0.5) is None


@METHODS
@given(pairs=NUMBERS, shift=st.floats(-10, 10))
@settings(max_examples=30, deadline=None)
def test_exchanging_and_shifting_act_as_they_should(method, pairs, shift):
    a, b = np.array(pairs).T
    d, swapped, moved = paired(a, b, method=method), paired(b, a, method=method), paired(a + shift, b, method=method)
    close = {"rel_tol": 1e-6, "abs_tol": 1e-6}
    assert d.low <= d.mean <= d.high or math.isclose(d.low, d.high, **close)
    assert math.isclose(d.low, -swapped.high, **close) and math.isclose(d.mean, -swapped.mean, **close)
    assert math.isclose(moved.low, d.low + shift, **close) and math.isclose(moved.high, d.high + shift, **close)
    assert paired(a, b, 0.99, method).high >= d.high - 1e-9


@METHODS
def test_no_spread_gives_a_point(method):
    d = paired([0.5, 0.75, 1.0], [0.25, 0.5, 0.75], method=method)
    assert (d.low, d.mean, d.high) == (0.25, 0.25, 0.25)
    assert (d.against(0.2), d.against(0.3), d.against(0.25)) == (True, False, None)


def test_an_interval_is_held_against_a_margin():
    d = paired([1.0, 2.0, 3.0, 2.0], [0.0, 0.0, 0.0, 0.0])
    assert 0.5 < d.low < 1 and 3 < d.high < 4
    assert d.against(0.5) is True and d.against(4) is False
    assert d.against(1) is None and d.against(2) is None and d.against(3) is None  # within the interval, on either side of the mean


def test_one_sample_and_tensors():
    values = torch.tensor([0.25, 0.5, 0.75])
    one = interval(values, confidence=0.9)
    assert one.mean == one.a_mean == 0.5 and one.b_mean == 0
    same = paired(values.to(torch.bfloat16), [0, 0, 0], 0.9)
    assert (same.low, same.high) == (one.low, one.high)
    assert "+0.5000" in str(one) and "90%" in str(one) and "3 seeds" in str(one)


# calibration

TWO = logits_of([[0.75, 0.25], [0.375, 0.625], [0.5625, 0.4375], [0.125, 0.875]])
TWO_LABELS = torch.tensor([0, 1, 1, 0])


def test_figures_by_hand():
    assert accuracy(TWO, TWO_LABELS) == 0.5
    expected = -sum(map(math.log, (0.75, 0.625, 0.4375, 0.125))) / 4
    assert math.isclose(nll(TWO, TWO_LABELS), expected, rel_tol=1e-9)
    squares = [2 * (1 - p) ** 2 for p in (0.75, 0.625, 0.4375, 0.125)]
    assert math.isclose(brier(TWO, TWO_LABELS), sum(squares) / 4, rel_tol=1e-9)
    by_hand = sum(-p * math.log(p) - (1 - p) * math.log(1 - p) for p in (0.75, 0.625, 0.5625, 0.875)) / 4
    assert math.isclose(entropy(TWO), by_hand, rel_tol=1e-9)


def test_reliability_and_ece_by_hand():
    # confidences 0.75, 0.625, 0.5625, 0.875; right, right, wrong, wrong; five bins of 0.2
    table = reliability(TWO, TWO_LABELS, bins=5)
    torch.testing.assert_close(table["share"], torch.tensor([0, 0, 0.25, 0.5, 0.25]))
    torch.testing.assert_close(table["confidence"].float(), torch.tensor([0, 0, 0.5625, 0.6875, 0.875]))
    torch.testing.assert_close(table["accuracy"], torch.tensor([0, 0, 0.0, 1.0, 0.0]))
    assert math.isclose(ece(TWO, TWO_LABELS, bins=5), 0.25 * 0.5625 + 0.5 * 0.3125 + 0.25 * 0.875, rel_tol=1e-6)
    assert math.isclose(ece(TWO, TWO_LABELS, bins=1), 0.703125 - 0.5, rel_tol=1e-6)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    # 3/4 of 4 bins is the upper edge of the third; certainty is in the last, an even guess in the second
    logits = torch.cat([logits_of([[0.75, 0.25], [0.5, 0.5]]), torch.tensor([[200.0, 0.0]])])
    assert reliability(logits, torch.tensor([0, 0, 0]), bins=4)["share"].mul(3).round().tolist() == [0, 1, 1, 1]


def test_perfect_and_worst_forecasts():
    sure, y = torch.tensor([[300.0, 0, 0], [0, 300.0, 0]]), torch.tensor([0, 1])
    for figure, best, worst in ((accuracy, 1, 0), (nll, 0, 300), (brier, 0, 2), (ece, 0, 1)):
        assert figure(sure, y) == best and figure(sure, torch.tensor([2, 2])) == worst
    assert math.isclose(entropy(torch.zeros(4, 8)), math.log(8), rel_tol=1e-6)


def test_sharper_logits_than_the_truth_cost_calibration():
    generator = torch.Generator().manual_seed(0)
    honest = 2 * torch.randn(4000, 5, generator=generator)
    y = torch.multinomial(honest.softmax(1), 1, generator=generator).squeeze(1)
    assert ece(honest, y) < 0.03 < 0.15 < ece(3 * honest, y)
    assert nll(honest, y) < nll(3 * honest, y) and accuracy(honest, y) == accuracy(3 * honest, y)


@pytest.mark.parametrize("figure", [accuracy, nll, brier, ece, lambda z, y: entropy(z), lambda z, y: agreement(z, z.roll(1, -1)),
                                    lambda z, y: reliability(z, y)["accuracy"]])  # fmt: skip
@pytest.mark.parametrize("lead", [(3,), (2, 3)])
def test_students_in_front_change_nothing(figure, lead):
    generator = torch.Generator().manual_seed(0)
    logits, y = torch.randn(*lead, 40, 4, generator=generator), torch.randint(4, (40,), generator=generator)
    together = figure(logits, y)
    assert together.shape[: len(lead)] == lead
    alone = torch.stack([figure(z, y) for z in logits.flatten(0, -3)]).unflatten(0, lead)
    torch.testing.assert_close(together, alone)


def test_agreement_of_students_with_one_teacher():
    teacher = torch.eye(4)
    students = torch.stack([teacher, teacher.roll(1, 0), -teacher])
    assert agreement(students, teacher).tolist() == [1, 0, 0]
    assert agreement(teacher, 9 * teacher + 5) == 1


# the model alone


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    torch.manual_seed(0)
    model = ResidualStudent(64, 12, 4, 2, 5).train()
    path = export_model(model, tmp_path_factory.mktemp("deploy") / "deep" / "student.pt2", torch.rand(1, 1, 8, 8))
    return model, path


def test_a_student_gives_the_same_answers_alone(exported):
    model, path = exported
    x = torch.rand(33, 1, 8, 8)
    alone = measure_in_fresh_process(path, x, repeats=8, batch=4)
    torch.testing.assert_close(alone.logits, model(x).detach(), atol=1e-5, rtol=1e-5)
    assert alone.file_bytes == path.stat().st_size > 4 * sum(p.numel() for p in model.parameters())
    assert 0 < alone.low_ms <= alone.median_ms <= alone.high_ms and alone.load_s > 0
    assert (alone.batch, alone.threads) == (4, 1)


def test_the_file_needs_nothing_of_this_package(exported):
    code = (
        "import sys; sys.modules['distill_helpers'] = None\n"
        "import torch; print(tuple(torch.export.load(sys.argv[1]).module()(torch.rand(3, 1, 8, 8)).shape))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(exported[1])], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(3, 5)"


def test_exporting_leaves_the_model_as_it_was(exported, tmp_path):
    assert exported[0].training
    model = BigMLP(6, 5, 2, 3, dropout=0.5).train()
    before = copy.deepcopy(model.state_dict())
    program = torch.export.load(export_model(model, tmp_path / "mlp.pt2", torch.rand(4, 6))).module()
    assert model.training and all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    x = torch.rand(9, 6)
    torch.testing.assert_close(program(x), model.eval()(x))  # dropout is off in the file


def test_a_file_that_is_no_program_is_said(tmp_path):
    path = tmp_path / "noise.pt2"
    path.write_bytes(b"not a program")
    with pytest.raises(InputError, match=r"'noise\.pt2' could not be run in a fresh process"):
        measure_in_fresh_process(path, torch.rand(2, 6), repeats=2)
