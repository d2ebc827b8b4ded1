"""Which lesson is running: what ``dh.start(lesson=...)`` said."""

from distill_helpers.checks import InputError
from distill_helpers.course.catalogue import LESSONS

_current: str | None = None


def name_of(lesson: str) -> str:
    """A lesson's name, from its name ("soft_targets") or its number ("07"). Raises InputError for one that is not in the course."""
    for known in LESSONS:
        if lesson in (known.name, known.number):
            return known.name
    raise InputError(f"lesson must be a name or a number of the course, such as {LESSONS[0].name!r} or '00', but {lesson!r} was given.")


def enter(lesson: str | None) -> None:
    """Say which lesson begins; None for none."""
    global _current
    _current = None if lesson is None else name_of(lesson)


def current(lesson: str | None = None) -> str:
    """The name of the lesson given, or of the one that runs. Raises InputError where neither is known."""
    if lesson is not None:
        return name_of(lesson)
    if _current is None:
        raise InputError('lesson must be known: begin the notebook with dh.start(seed=0, lesson="soft_targets"), or give lesson=.')
    return _current
