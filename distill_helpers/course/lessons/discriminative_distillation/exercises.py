"""Exercises: discriminative distillation."""

import torch
from torch.nn.functional import softplus

from distill_helpers.course.exercises.grading import Exercise, Mistake


def _logits(seed):
    make = torch.Generator().manual_seed(seed)
    student, teacher = 3 * torch.randn(6, 4, generator=make), 3 * torch.randn(6, 4, generator=make)
    return student.requires_grad_(), teacher


class _Critic:
    """A fixed critic; answers through which a gradient could flow back get another score."""

    def __init__(self, seed):
        self.weights = torch.randn(4, 1, generator=torch.Generator().manual_seed(seed))

    def __call__(self, answers):
        return answers @ self.weights + answers.square().sum(-1, keepdim=True) + 1.7 * answers.requires_grad

    def __repr__(self):
        return "critic"


def _tell(student, teacher, critic, theirs_is=1, ours_is=0):
    """Binary cross-entropy of the critic's scores, with which side is called the teacher's."""
    sign = lambda label: -1 if label else 1
    return softplus(sign(ours_is) * critic(student)).mean() + softplus(sign(theirs_is) * critic(teacher)).mean()


def _critic_loss(s, t, T, critic):
    return _tell((s.detach() / T).softmax(-1), (t / T).softmax(-1), critic)


def _slopes(critic, answers):
    return torch.func.grad(lambda p: critic(p).sum())(answers)


def _cubic(answers):
    return (answers.pow(3) * torch.arange(1, answers.shape[-1] + 1)).sum(-1, keepdim=True)


EXERCISES = [
    Exercise(
        "1",
        "Both sides in one representation at one temperature, the teacher's called the teacher's, and nothing flows back to the student.",
        reference=_critic_loss,
        cases=tuple((*_logits(seed), T, _Critic(seed)) for seed, T in ((0, 2.0), (1, 4.0), (2, 8.0))),
        mistakes=(
            Mistake(
                lambda s, t, T, c: _tell((s / T).log_softmax(-1), t.softmax(-1), c, theirs_is=0, ours_is=1),
                "Nothing is mended yet. Look at what each side is shown, at T, at the signs, and at where gradients may flow.",
            ),
            Mistake(
                lambda s, t, T, c: _tell((s.detach() / T).log_softmax(-1), (t / T).softmax(-1), c),
                "The sign leak: the student's side is log-softmax, never positive, and the teacher's is softmax, never negative.",
            ),
            Mistake(
                lambda s, t, T, c: _tell((s.detach() / T).softmax(-1), (t / T).log_softmax(-1), c),
                "The sign leak, the other way round: the teacher's side is log-softmax and the student's is softmax.",
            ),
            Mistake(
                lambda s, t, T, c: _tell((s.detach() / T).log_softmax(-1), (t / T).log_softmax(-1), c),
                "Both sides are log-softmax. There is no leak, but the critic is asked for softmax of both.",
            ),
            Mistake(
                lambda s, t, T, c: _tell((s.detach() / T).softmax(-1), t.softmax(-1), c),
                "The teacher is not softened: the critic can tell the sides by how sharp they are. Divide both by T.",
            ),
            Mistake(
                lambda s, t, T, c: _tell(s.detach().softmax(-1), (t / T).softmax(-1), c),
                "The student is not softened: the critic can tell the sides by how sharp they are. Divide both by T.",
            ),
            Mistake(
                lambda s, t, T, c: _tell((s.detach() / T).softmax(-1), (t / T).softmax(-1), c, theirs_is=0, ours_is=1),
                "The sides are swapped: your critic learns to call the student's answers the teacher's.",
            ),
            Mistake(
                lambda s, t, T, c: _tell((s / T).softmax(-1), (t / T).softmax(-1), c),
                "The student is not detached: the critic's loss would also move the student, in the direction that gives it away.",
            ),
            Mistake(lambda s, t, T, c: _tell(s.detach(), t, c), "You show logits; the critic is asked for softmax of both sides at temperature T."),
        ),
    ),
    Exercise(
        "2",
        "The non-saturating loss: strong where the critic is sure.",
        reference=lambda scores: softplus(-scores).mean(),
        cases=((torch.tensor([[-4.0], [0.5], [2.0]]),), (torch.tensor([[-8.0], [-6.0]]),), (torch.tensor([[3.0]]),)),
        mistakes=(
            Mistake(
                lambda scores: -softplus(scores).mean(),
                "That is log(1 - σ(D)), the saturating loss: where the critic is sure, its gradient σ(D) is almost nothing.",
            ),
            Mistake(lambda scores: softplus(scores).mean(), "The sign is wrong: your student learns to be recognised as the student."),
            Mistake(lambda scores: softplus(-scores).sum(), "You sum over the batch; take the mean."),
            Mistake(lambda scores: softplus(-scores.sigmoid()).mean(), "The scores are logits already; you took the sigmoid twice."),
            Mistake(lambda scores: -scores.mean(), "That is the loss of a Wasserstein game; here the score is a logit: use -log σ(D)."),
        ),
    ),
    Exercise(
        "3",
        "The R1 penalty keeps the critic flat where the teacher's answers lie.",
        reference=lambda critic, answers: 0.5 * _slopes(critic, answers).square().sum(-1).mean(),
        cases=tuple((_cubic, torch.rand(count, 3, generator=torch.Generator().manual_seed(count))) for count in (2, 5)),
        mistakes=(
            Mistake(lambda c, p: _slopes(c, p).square().sum(-1).mean(), "The factor ½ is missing (Mescheder et al. 2018, eq. 9)."),
            Mistake(
                lambda c, p: 0.5 * _slopes(c, p).square().mean(),
                "You average over the classes: sum the squares over classes, then take the mean over examples.",
            ),
            Mistake(lambda c, p: 0.5 * _slopes(c, p).norm(dim=-1).mean(), "The norm is not squared."),
            Mistake(
                lambda c, p: 0.5 * torch.func.grad(lambda q: c(q).mean())(p).square().sum(-1).mean(),
                "You differentiate the mean score, so each gradient is B times too small: differentiate the sum.",
            ),
            Mistake(lambda c, p: 0.5 * _slopes(c, p).square().sum(), "You sum over the batch; take the mean over examples."),
            Mistake(
                lambda c, p: (_slopes(c, p).norm(dim=-1) - 1).square().mean(),
                "That holds the slope at 1, as Gulrajani et al. 2017 do between the two sides; R1 pulls it to 0 at the teacher's answers.",
            ),
        ),
    ),
]
