"""Forward KL on tokens: the student covers all that the teacher holds possible."""

from dataclasses import dataclass

from distill_helpers.strategies.sequences.token_divergence import TokenDivergence, kl

ABOUT = {
    "paper": "Hinton et al., 2015; Kim & Rush, EMNLP 2016",
    "not entered": "for language models",
    "examine": {"minimum": {"soft": 0}, "others": {"padding": 0}, "grid": [{"weight": 1.0, "temperature": 1.0}]},
}


@dataclass(frozen=True)
class TokenForwardKL(TokenDivergence):
    """weight · T² · mean over tokens of KL(teacher_T || student_T) + (1 - weight) · cross-entropy on the next tokens.

    Hinton, Vinyals & Dean 2015 at each place of a sequence, which is "word-level" distillation in Kim & Rush, "Sequence-Level Knowledge
    Distillation", EMNLP 2016, section 3.1. It differs from ``SoftTargets`` in what it averages over: valid tokens only. The teacher's
    entropy is taken off, so that the least value is 0; that changes no gradient. See ``TokenDivergence`` for masks, precision and errors.
    """

    temperature: float = 1.0
    weight: float = 0.5
    padding: int | None = None

    def rows(self, log_p, log_q):
        return kl(log_p, log_q)
