"""The register: each of the article's claims in our words, what a fair opponent would accept as its meaning, and what would weaken it.

Registered on 2026-11-25, after the first edition's results were known and before any run of the second. A lesson hands in measurements by
key and nothing else; a later change is a ``Revision`` with its date and reason, and the ledger shows it. What is not redrawn in any replicate:
the bundled digits themselves, the architectures, and the grids that arms are tuned over.
"""

from distill_helpers.checks import one_of
from distill_helpers.course.claims import applications, big_model, distillation, methods, small_student
from distill_helpers.course.claims.register import REGISTERED, STATEMENT, UNITS, Claim, Form, Part, Reading, Revision

CLAIMS = {
    c.id: c
    for c in sorted((*big_model.CLAIMS, *small_student.CLAIMS, *distillation.CLAIMS, *methods.CLAIMS, *applications.CLAIMS), key=lambda c: c.id)
}

__all__ = ["CLAIMS", "REGISTERED", "STATEMENT", "UNITS", "Claim", "Form", "Part", "Reading", "Revision", "find_claim"]


def find_claim(claim_id: str) -> Claim:
    """The claim of that id. Raises InputError for an id that does not exist."""
    one_of("claim", claim_id, tuple(CLAIMS))
    return CLAIMS[claim_id]
