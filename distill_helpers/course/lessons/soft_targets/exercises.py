"""Exercises: soft targets."""

import torch

from distill_helpers.course.exercises import Exercise, Experiment, Judgement, Mistake, Option

# 1: the gradient of the whole loss


def gradient(z, t, y, T, weight):
    """weight · T² · KL + (1 - weight) · cross-entropy, differentiated by the student's logits z [N, C]."""
    soft = T * (torch.softmax(z / T, -1) - torch.softmax(t / T, -1))
    hard = torch.softmax(z, -1) - _one_hot(y, z)
    return (weight * soft + (1 - weight) * hard) / len(z)


def _one_hot(y, z):
    return torch.nn.functional.one_hot(y, z.shape[-1]).to(z.dtype)


def _batches(generator):
    draw = lambda: 3 * torch.randn(6, 5, generator=generator)
    return tuple((draw(), draw(), torch.randint(5, (6,), generator=generator), T, w) for T, w in ((2.0, 0.5), (4.0, 0.9), (8.0, 0.3)))


def _mixed(soft_factor, hard_heat=None, sign=1.0, mean=True, swapped=False, hard_part=1.0, soft_part=1.0):
    """The gradient with one thing wrong."""

    def wrong(z, t, y, T, weight):
        w = 1 - weight if swapped else weight
        soft = soft_factor(T) * (torch.softmax(z / T, -1) - torch.softmax(t / T, -1))
        hard = torch.softmax(z / T if hard_heat else z, -1) - _one_hot(y, z)
        return sign * (soft_part * w * soft + hard_part * (1 - w) * hard) / (len(z) if mean else 1)

    return wrong


# 3: the wrong classes levelled


def levelled(t, T):
    """The teacher's probabilities at T with the first choice as it is and all other classes alike, [N, C]."""
    p = torch.softmax(t / T, -1)
    top, first = p.max(-1, keepdim=True)
    return ((1 - top) / (t.shape[-1] - 1)).expand_as(p).scatter(-1, first, top)


_SAID = {
    "sum": "The rows must sum to 1: share out what the first choice leaves over, among the other classes.",
    "first": "The first choice must stay the teacher's, or the control removes more than the likenesses.",
    "sure": "The first choice must keep its own probability at this T: how sure the teacher is must stay.",
    "likenesses": "The other classes still differ: nothing may say which of them the image resembles.",
}


def examine_levelled(answer, generator):
    """What is wrong with an answer to 3, or nothing."""
    for T in (1.0, 4.0):
        t = 3 * torch.randn(6, 7, generator=generator)
        p = torch.softmax(t / T, -1)
        found = answer(t.clone(), T)
        if not isinstance(found, torch.Tensor) or found.shape != t.shape:
            return f"Return probabilities [N, C], here [6, 7], but {getattr(found, 'shape', type(found).__name__)} came."
        if not torch.allclose(found.sum(-1), torch.ones(6), atol=1e-4):
            return _SAID["sum"]
        first = p.argmax(-1)
        if not torch.equal(found.argmax(-1), first) or torch.allclose(found, torch.full_like(found, 1 / 7), atol=1e-4):
            return _SAID["first"]
        top = found.gather(-1, first[:, None])
        if not torch.allclose(top, p.gather(-1, first[:, None]), atol=1e-4):
            return _SAID["sure"]
        rest = found.scatter(-1, first[:, None], torch.nan)
        rest = rest[~rest.isnan()].view(6, 6)
        if not torch.allclose(rest, rest.mean(-1, keepdim=True).expand_as(rest), atol=1e-4):
            return _SAID["likenesses"]
    return ""


EXERCISES = [
    Exercise(
        "1",
        "The gradient of the whole loss: (weight · T · (q - p) + (1 - weight) · (q at 1 - label)) / N.",
        gradient,
        _batches,
        (
            Mistake(_mixed(lambda T: 1 / T), "The factor T² is missing: it turns the 1/T of step 2 into T."),
            Mistake(_mixed(lambda T: 1.0), "The soft part lacks its factor T: of the T² before the divergence, the derivative takes one away."),
            Mistake(_mixed(lambda T: T**2), "The soft part has the factor T, not T²: one T is lost to the derivative (step 2)."),
            Mistake(_mixed(lambda T: T, hard_heat=True), "The hard part is at temperature 1: do not divide its logits by T."),
            Mistake(_mixed(lambda T: T, sign=-1.0), "The sign is turned round: the gradient is q - p, what the student has too much of."),
            Mistake(_mixed(lambda T: T, mean=False), "Divide by the number of rows: the loss is a mean over the batch."),
            Mistake(_mixed(lambda T: T, hard_part=0.0), "The hard part is missing: (1 - weight) times the gradient of cross-entropy."),
            Mistake(_mixed(lambda T: T, soft_part=0.0), "The soft part is missing: weight times the gradient of T² KL."),
            Mistake(_mixed(lambda T: T, swapped=True), "The weights are swapped: weight belongs to the soft part."),
        ),
    ),
    Judgement(
        "2",
        "A paper trains its teacher on 50,000 labelled images. It then hides 49,000 of the labels and lets a student learn from the teacher's "
        "answers to all 50,000 images. The student is within 0.2 points of one that has all labels. What follows?",
        (
            Option(
                "A distilled student needs almost no labels.",
                "The teacher had the labels that were hidden, and may have handed them over: they were needed, by the teacher.",
            ),
            Option(
                "The teacher's remarks about wrong classes stand in for labels.",
                "To say so, hard pseudo-labels and class means must do worse; neither was run.",
            ),
            Option(
                "Nothing yet: the teacher may have passed on the hidden labels.",
                "Right. The experiment must be run again with a teacher that never had a label of those images.",
                right=True,
            ),
            Option(
                "The two are the same, because 0.2 points are little.",
                "Small is a matter of m and of the interval, and no interval is given; and the hidden labels come first.",
            ),
        ),
    ),
    Experiment(
        "3",
        "The likenesses are gone, the first choice and its probability are as they were. Now train with it.",
        examine_levelled,
        levelled,
        (
            Mistake(lambda t, T: torch.softmax(t / T, -1), _SAID["likenesses"]),
            Mistake(lambda t, T: torch.full_like(t, 1 / t.shape[-1]), _SAID["first"]),
            Mistake(lambda t, T: levelled(t, 1.0 if T > 1 else 2.0), _SAID["sure"]),
            Mistake(lambda t, T: levelled(t, T) * 1.5, _SAID["sum"]),
            Mistake(lambda t, T: levelled(t, T)[0], "Return probabilities [N, C], here [6, 7], but torch.Size([7]) came."),
        ),
    ),
]
