"""Skew reverse KL on tokens: reverse KL against the teacher with a little of the student mixed in."""

from dataclasses import dataclass

from distill_helpers.strategies.sequences.token_divergence import TokenDivergence, kl, log_mixture
from distill_helpers.strategies.sequences.tokens import between_0_and_1

ABOUT = {
    "acronym": "SRKL",
    "paper": "Ko et al., ICML 2024",
    "not entered": "for language models",
    "examine": {"minimum": {"soft": 0}, "others": {"padding": 0}, "grid": [{"weight": 1.0, "temperature": 1.0, "skew": 0.7}]},
}


@dataclass(frozen=True)
class SkewReverseKL(TokenDivergence):
    """weight · T² · mean over tokens of KL(q || skew · q + (1 - skew) · p) + (1 - weight) · cross-entropy on the next tokens.

    p are the teacher's and q the student's probabilities at temperature T. Ko, Kim, Chen & Yun, "DistiLLM: Towards Streamlined Distillation
    for Large Language Models", ICML 2024, section 3.1, with α = ``skew`` = 0.1 as there: the share of the student in the mixture, through
    which the gradient flows too. At most -ln skew. Raises InputError unless 0 < skew < 1. See ``TokenDivergence`` for masks, precision and
    other errors.
    """

    skew: float = 0.1
    temperature: float = 1.0
    weight: float = 0.5
    padding: int | None = None

    def __post_init__(self):
        super().__post_init__()
        between_0_and_1("skew", self.skew)

    def rows(self, log_p, log_q):
        return kl(log_q, log_mixture(log_q, log_p, self.skew))
