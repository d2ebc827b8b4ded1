"""Closed forms against brute force and against torch's own counts."""

import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_helpers import counting
from distill_helpers.checks import InputError
from distill_helpers.models import BigMLP, digits_student, digits_teacher

sizes = st.integers(1, 4096)


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, st.integers(1, 64), sizes)
def test_closed_form_equals_measured(in_features, width, depth, classes):
    widths = [in_features] + [width] * depth + [classes]
    count = counting.measured_parameters(counting.mlp_on_meta(widths))
    assert counting.mlp_parameters(in_features, width, depth, classes) == count == counting.widths_parameters(widths)


@pytest.mark.parametrize("width", [1, 4096])
@pytest.mark.parametrize("depth", [1, 64])
def test_corners_of_the_grid(width, depth):
    with torch.device("meta"):
        assert counting.measured_parameters(BigMLP(784, width, depth, 10)) == counting.mlp_parameters(784, width, depth, 10)
    square = counting.mlp_on_meta([width] * (depth + 1))
    assert counting.measured_parameters(square) == counting.square_layers_parameters(width, depth)


@given(st.integers(1, 40), st.integers(1, 12))
def test_the_articles_two_sides_by_brute_force(n, layers):
    assert counting.article_left_side(n, layers) == sum(n**k for k in range(1, layers + 1))
    assert 2 * counting.article_right_side(n, layers) == (1 + sum(range(1, n + 1))) * layers
    assert counting.pairs_in_one_set(n) == sum(1 for a in range(n) for b in range(a + 1))


def test_the_articles_right_side_is_exact_beyond_the_reach_of_floats():
    assert counting.article_right_side(10**9, 4) == 2 * (1 + 10**9 * (10**9 + 1) // 2)


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (counting.dense_parameters, (100_000, 100_000)),
        (counting.mlp_parameters, (784, 100_000, 4, 10)),
        (counting.square_layers_parameters, (100_000, 4)),
        (counting.article_left_side, (100, 12)),
        (counting.article_right_side, (100_000, 4)),
        (counting.pairs_in_one_set, (100_000,)),
        (lambda *widths: counting.widths_parameters(widths), (100_000, 100_000)),
        (lambda *widths: counting.forward_flops(widths), (100_000, 100_000)),
        (lambda parameters: counting.training_memory(parameters)["Adam states"], (1_000_000_000,)),
    ],
)
def test_sizes_from_a_numpy_array_do_not_overflow(count, sizes):
    found = count(*np.array(sizes, dtype=np.int32))
    assert found == count(*sizes)
    assert type(found) is int


@given(sizes, sizes)
def test_one_dense_layer(inputs, outputs):
    layer = torch.nn.Linear(inputs, outputs, device="meta")
    assert counting.dense_parameters(inputs, outputs) == counting.measured_parameters(layer)


def test_an_mlp_on_meta_ends_in_logits_and_holds_no_numbers():
    module = counting.mlp_on_meta([3, 4, 5])
    assert [type(layer).__name__ for layer in module] == ["Linear", "ReLU", "Linear"]
    assert all(p.is_meta for p in module.parameters())


def test_widths_may_come_from_a_generator():
    widths = [3, 4, 5]
    assert counting.widths_parameters(w for w in widths) == 41
    assert counting.measured_parameters(counting.mlp_on_meta(w for w in widths)) == 41
    assert counting.forward_flops(w for w in widths) == 64


def test_the_courses_own_models():
    assert counting.measured_parameters(digits_teacher()) == 5_936_650
    assert counting.measured_parameters(digits_student()) == 26_746


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=2, max_size=5), st.integers(1, 7))
def test_flops_as_torch_counts_them(widths, rows):
    module = counting.mlp_on_meta(widths)
    found = counting.measured_flops(module, torch.zeros(rows, widths[0], device="meta"))
    assert found == rows * counting.forward_flops(widths)


def test_a_trillion_parameters_in_under_a_second():
    begun = time.process_time()
    assert counting.measured_parameters(counting.mlp_on_meta([100_000] * 101)) == 100 * 100_000 * 100_001
    assert time.process_time() - begun < 1


def test_memory():
    assert counting.training_memory(1000) == {"weights": 4000, "gradients": 4000, "Adam states": 8000}
    assert sum(counting.training_memory(3, "bfloat16").values()) == 24


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: counting.mlp_parameters(784, 0, 1, 10), "width must be at least 1"),
        (lambda: counting.mlp_parameters(784, 2.5, 1, 10), "width must be a whole number"),
        (lambda: counting.widths_parameters([3]), "widths must name the input and at least one layer"),
        (lambda: counting.mlp_on_meta([3, 0, 2]), "widths[1] must be at least 1"),
        (lambda: counting.forward_flops([3, 2.5]), "widths[1] must be a whole number"),
        (lambda: counting.article_left_side(0, 1), "n must be at least 1"),
        (lambda: counting.training_memory(10, "int4"), "dtype must be one of"),
    ],
)
def test_bad_sizes_are_named(call, words):
    with pytest.raises(InputError) as caught:
        call()
    assert words in str(caught.value)
