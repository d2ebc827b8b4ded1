"""Reverse KL on tokens: the student stays where the teacher holds things possible."""

from dataclasses import dataclass

from distill_helpers.strategies.sequences.token_divergence import TokenDivergence, kl

ABOUT = {
    "paper": "Gu et al., ICLR 2024; Agarwal et al., ICLR 2024",
    "not entered": "for language models",
    "examine": {"minimum": {"soft": 0}, "others": {"padding": 0}, "grid": [{"weight": 1.0, "temperature": 1.0}]},
}


@dataclass(frozen=True)
class TokenReverseKL(TokenDivergence):
    """weight · T² · mean over tokens of KL(student_T || teacher_T) + (1 - weight) · cross-entropy on the next tokens.

    Agarwal et al., "On-Policy Distillation of Language Models", ICLR 2024, section 2; Gu et al., "MiniLLM", ICLR 2024, minimise the same
    divergence between whole sequences, which this one is only where the sequences are the student's own and the distribution over them is
    held still. Whole distributions over the next token, no sampling. See ``TokenDivergence`` for masks, precision and errors.
    """

    temperature: float = 1.0
    weight: float = 0.5
    padding: int | None = None

    def rows(self, log_p, log_q):
        return kl(log_q, log_p)
