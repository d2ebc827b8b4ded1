"""Dropout in the student, around any other strategy."""

from dataclasses import dataclass

from torch import Tensor, rand

from distill_helpers.checks import InputError, fraction, whole
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.contract.wrapper import Wrapper
from distill_helpers.strategies.without_teacher.hard_labels import HardLabels

INNER = "inner "  # before the names of what the inner strategy drew


@dataclass(frozen=True)
class StudentDropout(Wrapper):
    """inner's loss of a student whose hidden units are each dropped with probability ``rate``: h · mask / (1 - rate).

    Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting", JMLR 2014, section 4, with the scaling in training and none in testing (their section 10). Inputs are dropped
    with ``input_rate`` in the same way; the paper's digits have 0.5 and 0.2. Every example has its own mask in every step; a
    strategy that asks the student several times meets the same thinned network each time. The student needs masks as buffers,
    as ``DroppedStudent`` has; outside the loss they stay ones. units: how many inputs and hidden units there are in all. What
    inner draws is drawn first, so it is the same with and without dropout. With both rates 0 this is inner. It must be the
    outermost wrapper. Raises InputError for an inner that is no strategy, a rate outside [0, 1), a student without masks,
    and another number of units.
    """

    inner: Strategy = HardLabels()
    rate: float = 0.5
    input_rate: float = 0.0
    units: int = 832

    def __post_init__(self):
        if not isinstance(self.inner, Strategy):
            raise InputError(f"inner must be a strategy, but {self.inner!r} was given.")
        for name in ("rate", "input_rate"):
            fraction(name, getattr(self, name))
            if getattr(self, name) == 1:
                raise InputError(f"{name} must be less than 1, but 1 was given: nothing would be left.")
        whole("units", self.units)

    def draw(self, x, generator):
        drawn = {INNER + name: value for name, value in self.inner.draw(x, generator).items()}
        return drawn | {"chance": rand(len(x), self.units, generator=generator, device=x.device)}

    def loss(self, student, teacher, batch):
        return self.inner.loss(self.thinned(student, batch.noise["chance"]), teacher, inner_batch(batch))

    def opponent_loss(self, student, teacher, batch):
        return self.inner.opponent_loss(self.thinned(student, batch.noise["chance"]), teacher, inner_batch(batch))

    def thinned(self, student, chance: Tensor):
        """A copy of ``student`` with zeros in its masks where ``chance``, uniform [B, units], is below the rate."""
        if "_state" not in vars(student):
            raise InputError(f"StudentDropout must be the outermost wrapper, but a {type(student).__name__} stands between it and the student.")
        state = student._state["student"]
        widths = {name: tensor.shape[-1] for name, tensor in state.items() if name.startswith("mask_")}
        if not widths:
            raise InputError("student must have masks on its hidden units, as DroppedStudent has, but it has none.")
        if sum(widths.values()) != chance.shape[-1]:
            raise InputError(f"units must be {sum(widths.values())}, as the student has, but {chance.shape[-1]} was given.")
        masks = {}
        for name, part in zip(widths, chance.split(list(widths.values()), -1), strict=True):
            rate = self.input_rate if name == "mask_input" else self.rate
            masks[name] = (part >= rate).to(part.dtype) / (1 - rate)
        copy = object.__new__(type(student))
        vars(copy).update(vars(student), _state=student._state | {"student": state | masks})
        return copy


def inner_batch(batch):
    """The batch with what the inner strategy drew, under its own names."""
    return batch._replace(noise={k.removeprefix(INNER): v for k, v in batch.noise.items() if k.startswith(INNER)})
