"""A strategy around another strategy: everything is passed on, and a subclass changes one thing."""

from dataclasses import dataclass

from distill_helpers.strategies.contract import Strategy


@dataclass(frozen=True)
class Wrapper(Strategy):
    """Base of strategies that wrap one other, ``inner``."""

    inner: Strategy

    signals = property(lambda self: self.inner.signals)
    needs_labels = property(lambda self: self.inner.needs_labels)
    needs_teacher = property(lambda self: self.inner.needs_teacher)
    teacher_features = property(lambda self: self.inner.teacher_features)
    opponents = property(lambda self: self.inner.opponents)
    opponent_steps = property(lambda self: self.inner.opponent_steps)
    opponent_every = property(lambda self: self.inner.opponent_every)
    honours_task = property(lambda self: self.inner.honours_task)

    def loss(self, student, teacher, batch):
        return self.inner.loss(student, teacher, batch)

    def opponent_loss(self, student, teacher, batch):
        return self.inner.opponent_loss(student, teacher, batch)

    def extras(self, student_outputs, teacher_outputs):
        return self.inner.extras(student_outputs, teacher_outputs)

    def draw(self, x, generator):
        return self.inner.draw(x, generator)

    def prepare_teacher(self, teacher):
        return self.inner.prepare_teacher(teacher)

    @property
    def name(self):
        mine = ", ".join(f"{k}={v:g}" if isinstance(v, float) else f"{k}={v}" for k, v in vars(self).items() if k != "inner")
        return f"{type(self).__name__}({self.inner.name}{', ' + mine if mine else ''})"
