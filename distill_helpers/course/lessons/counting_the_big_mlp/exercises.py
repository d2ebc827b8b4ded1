"""Exercises: counting."""

from distill_helpers.counting import training_memory, widths_parameters
from distill_helpers.course.exercises.grading import Exercise, Mistake


def _largest_hidden(in_features, classes, budget):
    return max(0, (budget - classes) // (in_features + 1 + classes))


def _no_biases(widths):
    return sum(a * b for a, b in zip(widths, widths[1:], strict=False))


EXERCISES = [
    Exercise(
        "1",
        "You count any MLP.",
        reference=widths_parameters,
        cases=(([784, 32, 10],), ([3, 4],), ([5, 1, 5, 2],), ([784, 1280, 1280, 1280, 1280, 10],)),
        mistakes=(
            Mistake(_no_biases, "The biases are missing: one for every neuron but the inputs."),
            Mistake(lambda w: _no_biases(w) + sum(w), "Inputs have no bias: add one for each neuron after the first layer only."),
            Mistake(lambda w: sum(k * (k + 1) // 2 for k in w), "k(k+1)/2 counts pairs within one set; a layer joins two sets, a·b."),
            Mistake(lambda w: _no_biases(w) + len(w) - 1, "There is one bias for every neuron, not one for every layer."),
        ),
    ),
    Exercise(
        "2",
        "A hidden neuron costs its inputs, its bias, and its weights to every output.",
        reference=_largest_hidden,
        cases=((784, 10, 27_000), (784, 10, 100), (2, 1, 17), (10, 10, 10_000), (3, 2, 50)),
        mistakes=(
            Mistake(lambda i, c, b: max(0, b // (i + 1 + c)), "The outputs' biases come first: take the classes off the budget before dividing."),
            Mistake(lambda i, c, b: max(0, (b - c) // (i + c)), "Each hidden neuron also has a bias of its own."),
            Mistake(lambda i, c, b: max(0, b // (i + c)), "No biases at all were counted: one per hidden neuron and one per output."),
            Mistake(lambda i, c, b: max(0, (b - c) // (i + 1)), "Each hidden neuron also sends a weight to every output."),
        ),
    ),
    Exercise(
        "3",
        "Four numbers for each parameter: weight, gradient, and Adam's two averages.",
        reference=lambda parameters, bytes_each: sum(training_memory(parameters).values()) // 4 * bytes_each,
        cases=((5_936_650, 4), (26_746, 2), (1, 8)),
        mistakes=(
            Mistake(lambda p, b: p * b, "That is the weights alone; gradients and Adam's states need room as well."),
            Mistake(lambda p, b: 2 * p * b, "Adam's two running averages are missing."),
            Mistake(lambda p, b: 3 * p * b, "Adam keeps two averages for each parameter: of the gradient and of its square."),
        ),
    ),
]
