"""The teacher that several lessons share, trained once a process."""

from functools import lru_cache

from distill_helpers.data import load_digits, make_views
from distill_helpers.models import digits_teacher
from distill_helpers.training import Recipe, fit
from distill_helpers.training.randomness import build_seeded

VIEWS, SHIFT = 32, 2
TEACHER = Recipe(steps=700, lr=5e-4, batch_size=128)


@lru_cache(maxsize=1)
def big_teacher():
    """The 5.94-million-parameter teacher, trained on all labels of the bundled digits, 32 views each."""
    model = build_seeded(digits_teacher, 0)
    fit(model, make_views(load_digits().train, VIEWS, SHIFT), TEACHER)
    return model
