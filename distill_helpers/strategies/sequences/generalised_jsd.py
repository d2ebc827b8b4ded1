"""The generalised Jensen-Shannon divergence on tokens: from forward to reverse KL by one number, and bounded."""

from dataclasses import dataclass

from distill_helpers.strategies.sequences.token_divergence import TokenDivergence, kl, log_mixture
from distill_helpers.strategies.sequences.tokens import between_0_and_1

ABOUT = {
    "acronym": "JSD",
    "paper": "Agarwal et al., ICLR 2024",
    "not entered": "for language models",
    "examine": {"minimum": {"soft": 0}, "others": {"padding": 0}, "grid": [{"weight": 1.0, "temperature": 1.0, "beta": 0.9}]},
}


@dataclass(frozen=True)
class GeneralisedJSD(TokenDivergence):
    """weight · T² · mean over tokens of JSD(beta) + (1 - weight) · cross-entropy on the next tokens.

    JSD(beta)(p || q) = beta · KL(p || m) + (1 - beta) · KL(q || m), m = beta · p + (1 - beta) · q, p the teacher's and q the student's
    probabilities: Agarwal et al., "On-Policy Distillation of Language Models: Learning from Self-Generated Mistakes", ICLR 2024, section 2.
    At most ln 2. JSD(beta) / beta goes to KL(p || q) as beta goes to 0, and JSD(beta) / (1 - beta) to KL(q || p) as beta goes to 1;
    JSD itself goes to 0 at both ends, so the loss shrinks with it unless ``weight`` is raised. The paper's method is this loss on sequences
    of the student's own. Raises InputError unless 0 < beta < 1; for the ends there are ``TokenForwardKL`` and ``TokenReverseKL``. See
    ``TokenDivergence`` for masks, precision and other errors.
    """

    beta: float = 0.5
    temperature: float = 1.0
    weight: float = 0.5
    padding: int | None = None

    def __post_init__(self):
        super().__post_init__()
        between_0_and_1("beta", self.beta)

    def rows(self, log_p, log_q):
        log_m = log_mixture(log_p, log_q, self.beta)
        return self.beta * kl(log_p, log_m) + (1 - self.beta) * kl(log_q, log_m)
