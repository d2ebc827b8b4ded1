"""The course's one notation and its terms: ``dh.notation()`` and ``dh.glossary()`` show them, and a test holds the lessons to them."""

from distill_helpers.checks import needed

# formula: what it stands for
SYMBOLS = {
    "x": "an input, an image for example",
    "y": "its label, the right class",
    "C": "number of classes",
    "d": "number of numbers in an input",
    "n": "neurons of a layer, its width; number of examples where a sentence says so",
    "N": "number of answers or examples that something is counted over",
    "L": "number of layers, the depth of a net",
    "B": "examples in a batch",
    "k": "a number of steps, or of a layer where it stands below a letter",
    r"\theta": "all weights of a net together",
    "W": "the weight matrix of one layer; its bias is $b$",
    "b": "the bias of one layer",
    "h": "what a hidden layer gives, a feature",
    "z": "logits: what a net gives before the softmax, one number a class; beside a teacher, the student's",
    "t": "the teacher's logits",
    "T": "temperature: logits are divided by it before the softmax",
    "p": "the teacher's probabilities",
    "q": "the student's probabilities",
    r"\mathcal{L}": "a loss, what training makes small",
    r"D_{\mathrm{KL}}": "Kullback-Leibler divergence: how badly one distribution stands in for another, zero where they are equal",
    r"\alpha": "weight of one term of a loss",
    "w": "the teacher's weight in a loss; labels have $1 - w$",
    r"\delta": "$\\delta_{ij}$ is 1 where $i = j$, else 0",
    r"\eta": "learning rate",
    "c": "at one place of a detector, how sure the teacher is that an object is there",
    r"\sigma": "standard deviation; $\\sigma_w$ of a layer's starting weights",
    r"\chi": "factor by which a layer multiplies the squared gradient",
    r"\varepsilon": "the most that an attack may change a pixel",
    "R": "number of replicates",
    "S": "steps of a whole training run; $s$ is one of them",
    "a": "an accuracy, where curves are read",
    "J": "number of test examples; with a letter below it, the gradient of a logit by the pixels",
    "m": "the smallest effect that matters",
    "l": "lower end of an interval",
    "u": "upper end of an interval",
}

# {group: {term: one plain sentence}}
TERMS = {
    "A net and its answers": {
        "logits": "The numbers that a net gives before the softmax, one for each class; the largest names the class.",
        "softmax": "The rule that turns logits into probabilities: positive numbers that add up to one.",
        "temperature": "A number that logits are divided by before the softmax; a higher one makes the probabilities more even.",
        "MLP": "A net of layers in which every neuron sees all neurons of the layer before: a multilayer perceptron.",
        "ReLU": "The activation that keeps positive numbers and turns negative ones into zero.",
        "features": "What a layer inside a net gives; the next layer reads it.",
        "probe": "A linear model that is trained on a net's features, to see what can be read from them.",
        "parameters": "The numbers in a net that training changes: weights and biases.",
        "FLOPs": "How many multiplications and additions one answer takes; both are counted.",
        "initialisation": "How the weights are drawn before training.",
        "gain": "The factor on the size of starting weights; in a comparison, the difference that a method makes.",
        "gradient": "How much the loss would change with each weight; training steps against it.",
    },
    "Distillation": {
        "teacher": "The net, mostly a big one, whose answers are learnt from; it is trained first and frozen meanwhile.",
        "student": "The small net that is trained on the teacher's answers.",
        "soft targets": "The teacher's probabilities for all classes, in place of one right label.",
        "dark knowledge": "What the small probabilities of a teacher say of which classes are alike.",
        "view": "One of several shifted copies of an image; teacher and student see the same copy.",
        "pool": "The examples that training draws its batches from, each in its views.",
        "extra": "A network beside the student that training needs and that is thrown away afterwards.",
        "opponent": "An extra that is trained against the student, a critic for example.",
        "critic": "A net that tries to tell the teacher's answers from the student's.",
        "GAN": "A generator that is trained against a critic until its samples pass for real ones.",
        "label smoothing": "Labels that give a little probability to every wrong class; no teacher is asked.",
        "pseudo-label": "The class that a net finds most likely, used as if it were the label.",
    },
    "Comparisons": {
        "arm": "One way to train in a comparison: a strategy with its settings.",
        "baseline": "The arm that the others are compared with.",
        "control": "An arm that lacks the one thing that is said to be the cause.",
        "replicate": "One full repetition that draws anew what the claim is general about: data, teacher, start, order.",
        "seed": "The number from which one stream of random numbers follows; the same seed gives the same run.",
        "paired": "Compared replicate by replicate, because both arms share the same draws.",
        "interval": "A range made by a rule that holds the truth in 95 of 100 repetitions.",
        "margin m": "The smallest effect that matters, written down with its reason before the run.",
        "simultaneous": "Said of intervals that all hold together in 95 of 100 repetitions, for a family of comparisons.",
        "fragile": "Said of a verdict that changes at half or twice m, without one source of variation, at other timings, or paired otherwise.",
        "finding": "A sentence that was printed with its number, and is refused when the number no longer supports it.",
        "register": "The list of claims with their readings and margins, dated; a later change has its own date and reason.",
    },
    "What is measured": {
        "accuracy": "The share of test examples whose largest logit belongs to the label.",
        "point": "One hundredth of accuracy: from 94 % to 95 % is one point.",
        "NLL": "Negative log-likelihood: the mean of minus the logarithm of the probability given to the right class.",
        "ECE": "Expected calibration error: how far stated confidence lies from the share that is right, on average over bins.",
        "calibrated": "Said of a net that is right in 80 of 100 cases where it says 80 %.",
        "CKA": "Centred kernel alignment: how alike two sets of features are, 1 where they are alike up to a turn.",
        "PGD": "Projected gradient descent: an attack that moves an image step by step to raise the loss, within a small box.",
        "FGSM": "Fast gradient sign method: an attack of one such step.",
        "corrupted": "Said of test images that were blurred, made noisy, or damaged otherwise, without an enemy.",
        "total variation": "How far two distributions lie apart, from 0 to 1: half of the sum of their absolute differences.",
        "overfitting": "Being better on training examples than on new ones, and more so as training goes on.",
        "validation": "Examples that choose settings; test examples choose nothing and are read at the end.",
    },
    "Finding objects": {
        "FCOS": "A detector that answers at every place of a grid, without boxes drawn up beforehand.",
        "IoU": "Intersection over union: the area that two boxes share, divided by the area that either covers.",
        "NMS": "Non-maximum suppression: of two overlapping boxes of one class the one with the lower score is taken out.",
        "precision": "The share of a detector's answers that are right.",
        "recall": "The share of all objects that a detector finds.",
        "AP": "Average precision: the area under precision over recall for one class, as the threshold falls.",
        "mAP": "The mean of average precision over classes, and over ten overlaps that count as right.",
        "F1": "Twice the right answers, divided by all answers and all objects together.",
        "centerness": "How near the middle of its box a place lies: 1 in the middle, 0 at the border.",
        "pseudo-box": "A box that the teacher found, used as if somebody had drawn it.",
    },
}  # fmt: skip


def notation() -> None:
    """Show the table of symbols, as Markdown with typeset formulas."""
    rows = [f"| ${symbol}$ | {meaning} |" for symbol, meaning in SYMBOLS.items()]
    _show(["| symbol | stands for |", "|---|---|", *rows])


def glossary() -> None:
    """Show the terms, one table for each subject."""
    lines = []
    for group, terms in TERMS.items():
        lines += [f"**{group}**", "", "| term | in one sentence |", "|---|---|", *(f"| {term} | {said} |" for term, said in terms.items()), ""]
    _show(lines)


def _show(lines: list[str]) -> None:
    text = "\n".join(lines)
    needed("IPython.display").display({"text/markdown": text, "text/plain": text}, raw=True)
