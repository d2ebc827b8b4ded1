"""Several strategies at once: their terms are added."""

from dataclasses import dataclass

from distill_helpers.checks import InputError
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.contract.remembered import Remembered


@dataclass(frozen=True)
class Combined(Strategy):
    """The sum of the losses of ``parts``, a tuple of strategies. How a part prepares the teacher counts for all of them.

    The student answers the batch once for all. Raises InputError for anything but two or more strategies without opponents, and
    when two parts give a term, an extra or a random number the same name.
    """

    parts: tuple

    def __post_init__(self):
        if not isinstance(self.parts, tuple) or len(self.parts) < 2 or not all(isinstance(p, Strategy) for p in self.parts):
            raise InputError(f"parts must be a tuple of two or more strategies, but {self.parts!r} was given.")
        for part in self.parts:
            if part.opponents:
                raise InputError(f"parts must have no opponents, but {part.name} was given.")

    signals = property(lambda self: tuple(dict.fromkeys(name for part in self.parts for name in part.signals)))
    teacher_features = property(lambda self: tuple(dict.fromkeys(name for part in self.parts for name in part.teacher_features)))
    needs_labels = property(lambda self: any(part.needs_labels for part in self.parts))
    honours_task = property(lambda self: all(part.honours_task for part in self.parts))
    needs_teacher = property(lambda self: any(part.needs_teacher for part in self.parts))

    @property
    def name(self):
        return " + ".join(part.name for part in self.parts)

    def extras(self, student_outputs, teacher_outputs):
        return joined([part.extras(student_outputs, teacher_outputs) for part in self.parts], "extras")

    def prepare_teacher(self, teacher):
        for part in self.parts:
            teacher = part.prepare_teacher(teacher)
        return teacher

    def draw(self, x, generator):
        return joined([part.draw(x, generator) for part in self.parts], "random numbers")

    def loss(self, student, teacher, batch):
        once = Remembered(student, batch.x)
        return joined([part.loss(once, teacher, batch) for part in self.parts], "terms")


def joined(dicts: list, what: str) -> dict:
    """One dict of all; raises InputError when two share a name."""
    names = [name for d in dicts for name in d]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"parts must name their {what} differently, but {', '.join(twice)} came twice.")
    return {name: value for d in dicts for name, value in d.items()}
