"""Exercises: logits without a scale, a comparison that changes three things, and a teacher that answers blends."""

import torch

from distill_helpers.course.exercises import Exercise, Experiment, Judgement, Mistake, Option

# 1: the loss of standardised logits


def standardised_loss(student, teacher, temperature):
    """T² KL(softmax(Z(t) / T) || softmax(Z(s) / T)), the mean over rows; Z has mean 0 and standard deviation 1 in each row. Logits [N, C]."""
    log_p, log_q = ((_standardised(z) / temperature).log_softmax(-1) for z in (teacher, student))
    return temperature**2 * (log_p.exp() * (log_p - log_q)).sum(-1).mean()


def _standardised(z):
    return (z - z.mean(-1, keepdim=True)) / z.std(-1, correction=0, keepdim=True)


def _plain(student, teacher, temperature):
    log_p, log_q = ((z / temperature).log_softmax(-1) for z in (teacher, student))
    return temperature**2 * (log_p.exp() * (log_p - log_q)).sum(-1).mean()


def _over_the_batch(student, teacher, temperature):
    whole = lambda z: (z - z.mean()) / z.std(correction=0)
    return _plain(whole(student), whole(teacher), temperature)


def _logits(generator):
    drawn = lambda: 3 * torch.randn(6, 10, generator=generator, dtype=torch.float64) + torch.randn(6, 1, generator=generator, dtype=torch.float64)
    return tuple((drawn(), drawn(), t) for t in (1.0, 2.0, 4.0))


# 3: a teacher that answers blends


def blended(x, order, share, teacher):
    """(share x + (1 - share) x[order], the teacher's probabilities for that very blend). x: [N, ...]; order: int64 [N]; share: a number."""
    mixed = share * x + (1 - share) * x[order]
    return mixed, teacher(mixed).softmax(-1)


def _of_the_originals(x, order, share, teacher):
    p = teacher(x).softmax(-1)
    return share * x + (1 - share) * x[order], share * p + (1 - share) * p[order]


def _unmixed(x, order, share, teacher):
    return share * x + (1 - share) * x[order], teacher(x).softmax(-1)


_PAIR = "Return two tensors: the blends, of the shape of x, and probabilities [N, classes]."
_SHARE = "The blends are not share x + (1 - share) x[order]. Which of the two pictures has the share?"
_ORIGINALS = "These are blends of the answers to the originals. The student sees the blend; so must the teacher whom it imitates."
_BLEND = "The probabilities are not the teacher's answers to the blends. Whom did you ask, and about what?"
_SUM = "Each row of probabilities must sum to 1."


def examine(answer, generator) -> str:
    """What is wrong with a function that blends pictures and asks a teacher, or nothing."""
    for share in (0.3, 0.8):
        x = torch.rand(8, 3, 6, 6, generator=generator, dtype=torch.float64)
        order = torch.randperm(8, generator=generator)
        weights = torch.randn(108, 5, generator=generator, dtype=torch.float64)
        teacher = lambda images, weights=weights: (images.flatten(1) @ weights).pow(3) / 20
        found = answer(x.clone(), order.clone(), share, teacher)
        if not isinstance(found, tuple | list) or len(found) != 2 or not all(isinstance(t, torch.Tensor) for t in found):
            return _PAIR
        mixed, p = found
        if mixed.shape != x.shape or p.shape != (8, 5):
            return _PAIR
        wanted, its = blended(x, order, share, teacher)
        if not torch.allclose(mixed.double(), wanted, atol=1e-5):
            return _SHARE
        if not torch.allclose(p.double().sum(-1), torch.ones(8, dtype=torch.float64), atol=1e-4):
            return _SUM
        if torch.allclose(p.double(), _of_the_originals(x, order, share, teacher)[1], atol=1e-4):
            return _ORIGINALS
        if not torch.allclose(p.double(), its, atol=1e-4):
            return _BLEND
    return ""


EXERCISES = [
    Exercise("1", "The loss of standardised logits.", standardised_loss, _logits, (
        Mistake(_plain, "These logits are not standardised. Subtract each row's mean and divide by its standard deviation first."),
        Mistake(_over_the_batch, "You standardise over the whole batch; each row has its own mean and deviation."),
        Mistake(lambda student, teacher, temperature: standardised_loss(student, teacher, temperature) / temperature**2,
                "The factor T² is missing."),
        Mistake(lambda student, teacher, temperature: standardised_loss(teacher, student, temperature),
                "Student and teacher have changed places: the teacher's probabilities weight the logarithms."),
    )),
    Judgement("2", "A paper adds a term to soft targets, gives both terms a weight of 9 in place of 0.9, and reports a gain of 1.8 points over "
                   "soft targets at 0.9 with SGD at the same rate. Which control could take the gain away?", (
        Option("The student alone, without any teacher.", "It shows what all of distillation gains, not what the new term adds to it."),
        Option("Soft targets at a weight of 9, at the same rate.",
               "Right: with SGD a larger loss takes larger steps. Only then do the two runs differ in nothing but the new term.", right=True),
        Option("The new term with another seed.", "More seeds make the interval narrow; what the two runs differ in stays as it was."),
        Option("A larger teacher for both.", "It changes both runs alike, and leaves the difference in weights where it was."),
    )),
    Experiment("3", "Blends of pictures with the teacher's answers to them.", examine, blended, (
        Mistake(_of_the_originals, _ORIGINALS),
        Mistake(_unmixed, _BLEND),
        Mistake(lambda x, order, share, teacher: blended(x, order, 1 - share, teacher), _SHARE),
        Mistake(lambda x, order, share, teacher: (blended(x, order, share, teacher)[0], teacher(share * x + (1 - share) * x[order])), _SUM),
        Mistake(lambda x, order, share, teacher: blended(x, order, share, teacher)[1], _PAIR),
    )),
]  # fmt: skip
