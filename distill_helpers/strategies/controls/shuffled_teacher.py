"""A control: each image gets the teacher's answer to another image."""

from dataclasses import dataclass

import torch

from distill_helpers.checks import InputError, one_of, whole
from distill_helpers.strategies.controls.control import Control


@dataclass(frozen=True)
class ShuffledTeacher(Control):
    """Each image gets the teacher's answer to another image, the same one throughout training.

    within="all": any other image. within="class": another image that the teacher puts in the same class (its first choice in view 0), so
    that the class and its average similarities stay and only what belongs to the single image is lost. Answers that ``live``
    gives to made-up inputs move to the neighbour in the batch, whatever its class.
    alone: what to do where a class has one image, whose answer has nowhere to go: "refuse", or "keep" it in place.
    Raises InputError where an answer would stay and is not to be kept, and where all of them would be as before.
    """

    within: str = "all"
    seed: int = 0
    alone: str = "refuse"

    def __post_init__(self):
        super().__post_init__()
        one_of("within", self.within, ("all", "class"))
        whole("seed", self.seed, 0)
        one_of("alone", self.alone, ("refuse", "keep"))

    def prepare_teacher(self, teacher):
        teacher = self.inner.prepare_teacher(teacher)
        answers = teacher.column("logits", views=1)[0]
        if self.within == "class" and answers.dim() != 2:
            raise InputError(f"within='class' needs one answer an example, logits [B, C], but the teacher gives {list(answers.shape)}.")
        groups = torch.zeros(len(answers), dtype=torch.int64) if self.within == "all" else answers.argmax(-1).cpu()
        order = derangement(groups, self.seed)
        stay = teacher.originals(order).cpu() == torch.arange(len(order))
        if stay.all() or (stay.any() and self.alone == "refuse"):
            where = "" if self.within == "all" else f" (of class {', '.join(map(str, groups[stay].unique().tolist()[:10]))})"
            raise InputError(
                f"ShuffledTeacher must move every answer, but {int(stay.sum())} of {len(order)} would stay in place{where}, with no other to "
                f"change with. Give more images" + (", or within='all', or alone='keep' to leave them." if self.within == "class" else ".")
            )
        if torch.equal(answers[order.to(answers.device)], answers):
            raise InputError("ShuffledTeacher must change the answers, but the teacher gives the same one to all images that change places.")
        return teacher.reordered(order)


def derangement(groups, seed: int):
    """A permutation [N] that moves every example to another one of its group (int64 [N]); groups of one stay."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.arange(len(groups))
    for group in groups.unique():
        members = (groups == group).nonzero().squeeze(1)
        members = members[torch.randperm(len(members), generator=generator)]
        order[members] = members.roll(1)
    return order
