"""Teacher assistants: a model of middle size between a large teacher and a small student."""

from dataclasses import dataclass

from torch import nn

from distill_helpers.checks import InputError, fraction, positive
from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy, kl_from_logits


@dataclass(frozen=True)
class DenselyGuided(Strategy):
    """weight · T² · mean over guides of KL(guide_T || student_T) + (1 - weight) · cross-entropy; guides: teacher and assistants.

    Mirzadeh, Farajtabar, Li, Levine, Matsukawa & Ghasemzadeh, "Improved Knowledge Distillation via Teacher Assistant", AAAI 2020,
    is a chain and needs no loss of its own: ``distill`` the assistant from the teacher by ``SoftTargets``, then ``distill`` the
    student with ``run.model(0)`` of that run as its teacher. The assistant's training belongs to the cost.
    Son, Na, Choi & Hwang, "Densely Guided Knowledge Distillation using Multiple Teacher Assistants", ICCV 2021, let the student
    learn from all of them at once: that is this loss. They add the guides' losses and drop some at random in each batch; here
    the guides are averaged, so that ``weight`` means the same as in ``SoftTargets``, and none is dropped.
    assistants: trained modules; frozen copies are asked once for each view. Raises InputError when there is none, when their number of
    classes is not the teacher's, when temperature <= 0, or when weight is outside [0, 1].
    """

    assistants: tuple
    temperature: float = 4.0
    weight: float = 0.9
    signals = ("labels", "outputs")
    honours_task = True

    def __post_init__(self):
        if not isinstance(self.assistants, tuple) or not self.assistants or not all(isinstance(a, nn.Module) for a in self.assistants):
            raise InputError(f"assistants must be a tuple of at least one torch.nn.Module, but {self.assistants!r} was given.")
        positive("temperature", self.temperature)
        fraction("weight", self.weight)

    @property
    def needs_labels(self):
        return self.weight != 1

    @property
    def guides(self):
        """Names under which the teacher's table holds the assistants' logits."""
        return tuple(f"assistant{number}" for number in range(1, len(self.assistants) + 1))

    def prepare_teacher(self, teacher):
        named, cost = {}, 0
        for name, module in zip(self.guides, self.assistants, strict=True):
            asked = teacher.answered_by(module)
            if asked.classes != teacher.classes:
                raise InputError(f"{name} must answer with {teacher.classes} classes, as the teacher, but it gives {asked.classes}.")
            if teacher.drawn_anew is not None:
                # a control without training in the teacher has none in its assistants either
                asked = asked.untrained(teacher.drawn_anew)
            named[name], cost = asked.column("logits"), cost + asked.table_evaluations
        return teacher.with_columns(named, cost)

    def loss(self, student, teacher, batch):
        s, answers = student(batch.x).logits, teacher(batch)
        guides = [answers.logits, *(answers.features[name] for name in self.guides)]
        soft = sum(kl_from_logits(t, s, self.temperature) for t in guides) / len(guides)
        terms = {"soft": self.weight * self.temperature**2 * soft}
        if batch.y is not None:
            terms["hard"] = (1 - self.weight) * cross_entropy(s, require_class_targets(batch.y, "DenselyGuided"), batch.task)
        return terms

    @property
    def name(self):
        return f"DenselyGuided({len(self.assistants)} assistants, temperature={self.temperature:g}, weight={self.weight:g})"
