"""Bad input: each call must raise an InputError that names the argument, what was given, and what is allowed."""

import numpy as np
import pytest
import torch

from distill_helpers import checks
from distill_helpers.checks import InputError
from distill_helpers.data import ImageSet, ViewPool, load_digits, make_views
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
)
from distill_helpers.models import BigMLP, PlainPerceptron, ResidualStudent

NAN = float("nan")
PIXELS = torch.zeros(6, 1, 4, 4, dtype=torch.uint8)
LABELS = torch.tensor([0, 1, 2, 0, 1, 0])
SET = ImageSet(PIXELS, LABELS, 3, "made")
VIEWS = PIXELS.unsqueeze(0)
LOGITS = torch.zeros(6, 3)
HOLED = torch.full((6, 3), NAN)

BAD = [
    # the checks themselves
    (lambda: checks.positive("temperature", 0.0), "temperature must be greater than 0, but 0.0 was given."),
    (lambda: checks.positive("temperature", -1), "temperature must be greater than 0, but -1 was given."),
    (lambda: checks.positive("temperature", NAN), "temperature must be finite, but nan was given."),
    (lambda: checks.positive("temperature", "hot"), "temperature must be a number, but 'hot' was given."),
    (lambda: checks.positive("lr", True), "lr must be a number, but True was given."),
    (lambda: checks.at_least("steps", 0, 1), "steps must be at least 1, but 0 was given."),
    (lambda: checks.at_least("steps", float("inf"), 1), "steps must be finite, but inf was given."),
    (lambda: checks.fraction("weight", 1.5), "weight must be from 0 to 1, but 1.5 was given."),
    (lambda: checks.fraction("weight", -0.1), "weight must be from 0 to 1, but -0.1 was given."),
    (lambda: checks.fraction("weight", None), "weight must be a number, but None was given."),
    (lambda: checks.whole("views", 2.0), "views must be a whole number, but 2.0 was given."),
    (lambda: checks.whole("views", True), "views must be a whole number, but True was given."),
    (lambda: checks.whole("views", 0), "views must be at least 1, but 0 was given."),
    (lambda: checks.sizes(width=8, depth=0), "depth must be at least 1, but 0 was given."),
    (lambda: checks.one_of("order", "any", ("own", "shared")), "order must be one of 'own', 'shared', but 'any' was given."),
    (lambda: checks.finite("x", torch.tensor([1.0, NAN])), "x must be finite, but 1 of its 2 values are NaN or infinite."),
    (lambda: checks.not_empty("test", 0), "test must hold at least one example, but it is empty."),
    (lambda: checks.labels_in_range("y", torch.tensor([0, 10]), 10), "y must be from 0 to 9, but labels from 0 to 10 were given."),
    (lambda: checks.labels_in_range("y", torch.tensor([-1]), 10), "y must be from 0 to 9, but labels from -1 to -1 were given."),
    # image sets
    (lambda: ImageSet(PIXELS.float(), LABELS, 3, "s"), "images must be uint8 (0 to 255), but torch.float32 was given."),
    (lambda: ImageSet(PIXELS.float() * NAN, LABELS, 3, "s"), "but torch.float32 that holds NaN was given."),
    (lambda: ImageSet(PIXELS[:, 0], LABELS, 3, "s"), "images must be a tensor of 4 dimensions, but [6, 4, 4] was given."),
    (lambda: ImageSet(PIXELS.numpy(), LABELS, 3, "s"), "images must be a tensor of 4 dimensions, but ndarray was given."),
    (lambda: ImageSet(PIXELS[:0], LABELS[:0], 3, "s"), "images must hold at least one example, but it is empty."),
    (lambda: ImageSet(PIXELS, LABELS + 1, 3, "s"), "labels must be from 0 to 2, but labels from 1 to 3 were given."),
    (lambda: ImageSet(PIXELS, LABELS - 1, 3, "s"), "labels must be from 0 to 2, but labels from -1 to 1 were given."),
    (lambda: ImageSet(PIXELS, LABELS[:5], 3, "s"), "labels must be as many as images, but 5 and 6 were given."),
    (lambda: ImageSet(PIXELS, LABELS.float(), 3, "s"), "labels must be int64 [N], but torch.float32 [6] was given."),
    (lambda: ImageSet(PIXELS, LABELS.tolist(), 3, "s"), "labels must be int64 [N], but list was given."),
    (lambda: ImageSet(PIXELS, LABELS, 0, "s"), "classes must be at least 1, but 0 was given."),
    (lambda: SET.subset([6]), "indices must be from 0 to 5, but 6 to 6 were given."),
    (lambda: SET.subset([-1]), "indices must be from 0 to 5, but -1 to -1 were given."),
    (lambda: SET.subset([]), "indices must hold at least one example, but it is empty."),
    (lambda: SET.subset(LABELS == 0), "indices must be whole numbers [M], but torch.bool [6] was given."),
    (lambda: SET.subset(3), "indices must be whole numbers [M], but torch.int64 [] was given."),
    (lambda: SET.subset(["a"]), "indices must be whole numbers [M], but ['a'] was given."),
    (lambda: SET.subset(None), "indices must be whole numbers [M], but None was given."),
    (lambda: SET.subset([0.5]), "indices must be whole numbers [M], but torch.float32 [1] was given."),
    (lambda: SET.per_class(2), "count must be at most 1, the examples of class 2, but 2 was given."),
    (lambda: SET.per_class(0), "count must be at least 1, but 0 was given."),
    (lambda: SET.without_labels().per_class(1), "labels are needed for this, but made has none."),
    (lambda: SET.excluding(3), "label must be from 0 to 2, but labels from 3 to 3 were given."),
    (lambda: ImageSet(PIXELS, LABELS * 0, 1, "s").excluding(0), "indices must hold at least one example, but it is empty."),
    (lambda: load_digits(full=True, root="nowhere"), "full=True needs MNIST under root='nowhere', but it is not there, or damaged"),
    # views
    (lambda: make_views(SET, views=0), "views must be at least 1, but 0 was given."),
    (lambda: make_views(SET, shift=-1), "shift must be at least 0, but -1 was given."),
    (lambda: make_views(SET, shift=0.5), "shift must be a whole number, but 0.5 was given."),
    (lambda: make_views(PIXELS), "image_set must be an ImageSet, but Tensor was given."),
    (lambda: ViewPool(PIXELS, LABELS, 3, "s"), "pixels must be a tensor of 5 dimensions, but [6, 1, 4, 4] was given."),
    (lambda: ViewPool(VIEWS.float(), LABELS, 3, "s"), "pixels must be uint8 (0 to 255), but torch.float32 was given."),
    (lambda: ViewPool(VIEWS[:0], LABELS, 3, "s"), "pixels must hold at least one example, but it is empty."),
    (lambda: ViewPool(VIEWS, LABELS[:4], 3, "s"), "labels must have one row for each of 6 images, but [4] was given."),
    (lambda: ViewPool(VIEWS, {"box": torch.zeros(5, 4)}, 3, "s"), "labels must have one row for each of 6 images, but [5, 4] was"),
    (lambda: ViewPool(VIEWS, {"name": "cat"}, 3, "s"), "labels must be a tree of tensors, but it holds 'cat'."),
    # models
    (lambda: BigMLP(784, 0, 4, 10), "width must be at least 1, but 0 was given."),
    (lambda: BigMLP(784, 8, 0, 10), "depth must be at least 1, but 0 was given."),
    (lambda: BigMLP(784, 8, 1.5, 10), "depth must be a whole number, but 1.5 was given."),
    (lambda: BigMLP(784, 8, 2, 10, dropout=1.2), "dropout must be from 0 to 1, but 1.2 was given."),
    (lambda: PlainPerceptron(784, 8, 10, "sine"), "activation must be one of 'relu', 'tanh', 'gelu', 'none', but 'sine' was given."),
    (lambda: PlainPerceptron(784, -8, 10), "hidden must be at least 1, but -8 was given."),
    (lambda: ResidualStudent(784, 8, 0, 1, 10), "inner must be at least 1, but 0 was given."),
    (lambda: ResidualStudent(784, 8, 4, 0, 10), "blocks must be at least 1, but 0 was given."),
    (lambda: BigMLP(4, 3, 1, 2)(torch.zeros(1, 4), features=True).features["stem"], "feature 'stem' does not exist; this model has hidden1"),
    # statistics
    (lambda: paired([1.0], [2.0]), "a must hold one number a seed, for at least 2 seeds, but its shape is (1,)."),
    (lambda: paired([1.0, 2.0], [1.0, 2.0, 3.0]), "a and b must hold one value for each shared seed, but 2 and 3 were given."),
    (lambda: paired([1.0, NAN], [1.0, 2.0]), "a must be finite, but 1 of its 2 values are not."),
    (lambda: paired([1.0, 2.0], [NAN, NAN]), "b must be finite, but 2 of its 2 values are not."),
    (lambda: paired(np.zeros((2, 2)), [1, 2]), "a must hold one number a seed, for at least 2 seeds, but its shape is (2, 2)."),
    (lambda: paired(["good", "bad"], [1, 2]), "a must hold one number a seed, but ['good', 'bad'] was given."),
    (lambda: paired([1, 2], [1, 2], confidence=1.0), "confidence must lie between 0 and 1, but 1.0 was given."),
    (lambda: paired([1, 2], [1, 2], confidence=95), "confidence must be from 0 to 1, but 95 was given."),
    (lambda: paired([1, 2], [1, 2], method="z"), "method must be one of 't', 'bootstrap', but 'z' was given."),
    (lambda: interval([1, 2]).against(NAN), "margin must be finite, but nan was given."),
    (lambda: interval([]), "values must hold one number a seed, for at least 2 seeds, but its shape is (0,)."),
    # calibration
    (lambda: accuracy(HOLED, LABELS), "logits must be finite, but 18 of its 18 values are NaN or infinite."),
    (lambda: entropy(HOLED), "logits must be finite, but 18 of its 18 values are NaN or infinite."),
    (lambda: accuracy(LOGITS, LABELS[:1]), "labels must be int64 [6], one for each example, but torch.int64 [1] was given."),
    (lambda: nll(LOGITS, LABELS.float()), "labels must be int64 [6], one for each example, but torch.float32 [6] was given."),
    (lambda: brier(LOGITS, LABELS + 1), "labels must be from 0 to 2, but labels from 1 to 3 were given."),
    (lambda: accuracy(LOGITS.argmax(1), LABELS), "logits must be floating-point [..., N, C], but torch.int64 [6] was given."),
    (lambda: accuracy(LOGITS[:0], LABELS[:0]), "logits must hold at least one example, but it is empty."),
    (lambda: ece(LOGITS, LABELS, bins=0), "bins must be at least 1, but 0 was given."),
    (lambda: agreement(LOGITS, LOGITS[:5]), "logits and other must both be [..., N, C], but [6, 3] and [5, 3] were given."),
    (lambda: agreement(LOGITS.expand(3, 6, 3), LOGITS.expand(2, 6, 3)), "agree in their leading dimensions, but [3, 6, 3] and [2, 6, 3]"),
    # the model alone
    (lambda: export_model("net", "x.pt2", torch.zeros(2, 4)), "model must be a torch.nn.Module, but str was given."),
    (lambda: measure_in_fresh_process("none.pt2", [1.0]), "inputs must be a batch [N, ...], but list was given."),
    (lambda: measure_in_fresh_process("none.pt2", torch.zeros(4)), "inputs must be a batch [N, ...], but [4] was given."),
    (lambda: export_model(BigMLP(4, 3, 1, 2), "x.pt2", torch.zeros(4)), "example must be a batch of inputs [B, ...], but [4] was given."),
    (lambda: measure_in_fresh_process("none.pt2", LOGITS), "path must be an exported program, but 'none.pt2' does not exist."),
    (lambda: measure_in_fresh_process("none.pt2", LOGITS, repeats=1), "repeats must be at least 2, but 1 was given."),
    (lambda: measure_in_fresh_process("none.pt2", LOGITS, threads=0), "threads must be at least 1, but 0 was given."),
    (lambda: measure_in_fresh_process(__file__, LOGITS, batch=7), "batch must be at most the 6 inputs, but 7 was given."),
    (lambda: measure_in_fresh_process(__file__, HOLED), "inputs must be finite, but 18 of its 18 values are NaN or infinite."),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), [pytest.param(c, m, id=m[:60]) for c, m in BAD])
def test_bad_input_is_said(call, message):
    with pytest.raises(InputError) as caught:
        call()
    assert message in str(caught.value)


def test_input_errors_are_value_errors():
    assert issubclass(InputError, ValueError)


def test_good_input_passes():
    checks.positive("t", 1e-9)
    checks.positive("t", np.float32(2))
    checks.fraction("w", 0)
    checks.fraction("w", 1.0)
    checks.whole("n", np.int64(3))
    checks.whole("n", 0, low=0)
    checks.finite("y", torch.tensor([1, 2]))
    checks.labels_in_range("y", torch.tensor([], dtype=torch.int64), 3)
    checks.one_of("p", False, ("auto", True, False))
