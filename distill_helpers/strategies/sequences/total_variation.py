"""Total variation on tokens: half the distance in probability, the same from either side."""

from dataclasses import dataclass

from distill_helpers.strategies.sequences.token_divergence import TokenDivergence

ABOUT = {
    "acronym": "TVD",
    "paper": "Wen et al., ACL 2023",
    "not entered": "for language models",
    "examine": {"minimum": {"soft": 0}, "others": {"padding": 0}, "grid": [{"weight": 1.0, "temperature": 1.0}]},
}


@dataclass(frozen=True)
class TokenTotalVariation(TokenDivergence):
    """weight · T · mean over tokens of ½ Σ |p - q| + (1 - weight) · cross-entropy on the next tokens.

    p are the teacher's and q the student's probabilities at temperature T. Wen, Li, Du & Mou, "f-Divergence Minimization for Sequence-Level
    Knowledge Distillation", ACL 2023: the total variation distance at each place. It is of first order in p - q where the KL divergences are of
    second, so its gradient shrinks as 1/T, and the factor that keeps the gradient's size is T here, not T² (``power`` = 1). At most T. See
    ``TokenDivergence`` for masks, precision and errors.
    """

    temperature: float = 1.0
    weight: float = 0.5
    padding: int | None = None
    power = 1

    def rows(self, log_p, log_q):
        return 0.5 * (log_p.exp() - log_q.exp()).abs().sum(-1)
