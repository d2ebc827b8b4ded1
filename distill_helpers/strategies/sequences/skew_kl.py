"""Skew KL on tokens: forward KL against a mixture with a little of the teacher in it, so that no token costs without bound."""

from dataclasses import dataclass

from distill_helpers.strategies.sequences.token_divergence import TokenDivergence, kl, log_mixture
from distill_helpers.strategies.sequences.tokens import between_0_and_1

ABOUT = {
    "acronym": "SKL",
    "paper": "Ko et al., ICML 2024",
    "not entered": "for language models",
    "examine": {"minimum": {"soft": 0}, "others": {"padding": 0}, "grid": [{"weight": 1.0, "temperature": 1.0, "skew": 0.7}]},
}


@dataclass(frozen=True)
class SkewKL(TokenDivergence):
    """weight · T² · mean over tokens of KL(p || skew · p + (1 - skew) · q) + (1 - weight) · cross-entropy on the next tokens.

    p are the teacher's and q the student's probabilities at temperature T. Ko, Kim, Chen & Yun, "DistiLLM: Towards Streamlined Distillation
    for Large Language Models", ICML 2024, section 3.1: the α-skew divergence of Lee 2001 with α = ``skew`` = 0.1 as there. At most
    -ln skew. The paper's adaptive use of the student's own sequences is no part of it. Raises InputError unless 0 < skew < 1. See
    ``TokenDivergence`` for masks, precision and other errors.
    """

    skew: float = 0.1
    temperature: float = 1.0
    weight: float = 0.5
    padding: int | None = None

    def __post_init__(self):
        super().__post_init__()
        between_0_and_1("skew", self.skew)

    def rows(self, log_p, log_q):
        return kl(log_p, log_mixture(log_p, log_q, self.skew))
