"""Exercises: a teacher that is wrong."""

import torch

from distill_helpers.course.exercises import Exercise, Experiment, Judgement, Mistake, Option

# 1: how often a student repeats its teacher's errors


def repeats(student, teacher, labels):
    """Of the examples that the teacher gets wrong, the share to which the student gives the same wrong answer. Class numbers [N]."""
    wrong = teacher != labels
    return (student[wrong] == teacher[wrong]).double().mean()


def _answers(generator):
    cases = []
    for _ in range(3):
        labels = torch.randint(10, (200,), generator=generator)
        guess = lambda: torch.randint(10, (200,), generator=generator)
        mixed = lambda base, share: torch.where(torch.rand(200, generator=generator) < share, base, guess())
        teacher = mixed(labels, 0.7)
        cases.append((mixed(teacher, 0.6), teacher, labels))
    return tuple(cases)


# 3: which of a teacher's answers to trust

KEPT, BETTER = 0.4, 0.05


def trusted(logits):
    """The half of the examples whose largest probability is highest, bool [N]."""
    sure = logits.softmax(-1).amax(-1)
    return sure >= sure.median()


def _shifted_answers(generator):
    """Logits [600, 10] and labels of a teacher under a shift: the harder an example, the flatter its answer."""
    labels = torch.randint(10, (600,), generator=generator)
    hard = torch.rand(600, 1, generator=generator)
    logits = (4 - 4 * hard) * torch.nn.functional.one_hot(labels, 10) + 1.2 * torch.randn(600, 10, generator=generator)
    return logits, labels


_FEW = f"You keep fewer than {KEPT:.0%} of the pictures; a student needs more to learn from."
_NO_BETTER = f"What you keep is not right {100 * BETTER:.0f} points more often than all of it. What does the teacher know of its own doubts?"
_SHAPE = "Return one truth value for each picture, a bool tensor [N]."


def examine(answer, generator) -> str:
    """What is wrong with a rule that keeps some of a teacher's answers, or nothing."""
    for _ in range(3):
        logits, labels = _shifted_answers(generator)
        kept = answer(logits.clone())
        if not isinstance(kept, torch.Tensor) or kept.dtype != torch.bool or kept.shape != labels.shape:
            return _SHAPE
        if kept.float().mean() < KEPT:
            return _FEW
        right = logits.argmax(-1) == labels
        if right[kept].float().mean() < right.float().mean() + BETTER:
            return _NO_BETTER
    return ""


EXERCISES = [
    Exercise("1", "How often a student repeats its teacher's errors.", repeats, _answers, (
        Mistake(lambda student, teacher, labels: (student == teacher).double().mean(),
                "This is agreement on all examples; look at those only that the teacher gets wrong."),
        Mistake(lambda student, teacher, labels: ((student == teacher) & (teacher != labels)).double().mean(),
                "You divide by all examples; divide by the teacher's errors."),
        Mistake(lambda student, teacher, labels: (teacher[student != labels] == student[student != labels]).double().mean(),
                "You divide by the student's errors; divide by the teacher's."),
        Mistake(lambda student, teacher, labels: (student[teacher != labels] != labels[teacher != labels]).double().mean(),
                "A student may be wrong there in its own way; count the very same wrong answer."),
    )),
    Judgement("2", "A student repeats 49 % of its teacher's errors on pictures of a new domain. A student that learnt from labels of the old "
                   "domain, as the teacher did, and never had a teacher, gives the same wrong answers at 32 % of them. What follows?", (
        Option("The student copied 49 % of the errors from its teacher.",
               "Part of them comes about without a teacher: a hard picture or a strange font misleads both. The other student shows how many."),
        Option("More errors are shared than the old domain alone would bring about.",
               "Right: the student without a teacher is the control, and 32 is below 49. An interval should stand beside both.", right=True),
        Option("The student is worse than the one without a teacher.", "Accuracy is another question: it may repeat errors and still read more."),
        Option("Nothing, since both students are wrong at times.", "The two shares differ on the same pictures, and the control says by how much."),
    )),
    Experiment("3", "A rule for which of a teacher's answers to trust under a shift.", examine, trusted, (
        Mistake(lambda logits: torch.ones(len(logits), dtype=torch.bool), _NO_BETTER),
        Mistake(lambda logits: logits.softmax(-1).amax(-1) > 0.999, _FEW),
        Mistake(lambda logits: logits.softmax(-1).amax(-1), _SHAPE),
    )),
]  # fmt: skip
