"""A control on born-again networks: the teacher's answers to wrong classes change places."""

from dataclasses import dataclass

import torch

from distill_helpers.checks import InputError, whole
from distill_helpers.strategies.contract.shapes import one_answer_each
from distill_helpers.strategies.outputs.born_again import BornAgain


@dataclass(frozen=True)
class PermutedDarkKnowledge(BornAgain):
    """The teacher's probabilities of all classes but its first choice change places.

    DKPP: Furlanello et al., "Born-Again Neural Networks", ICML 2018, section 3. The first choice and how sure the teacher is
    stay; which wrong classes resemble the input is lost. The permutation is another one for each example and step. classes: how many there
    are. Raises InputError for fewer than 3, and when the teacher has another number.
    """

    classes: int = 10

    def __post_init__(self):
        super().__post_init__()
        whole("classes", self.classes, 2)
        if self.classes == 2:
            raise InputError("classes must be at least 3, but 2 was given: a single wrong class has none to change places with.")

    def draw(self, x, generator):
        return {"keys": torch.rand(len(x), self.classes, generator=generator, device=x.device)}

    def targets(self, answers, noise):
        one_answer_each(answers, "PermutedDarkKnowledge")
        if noise["keys"].shape[-1] != answers.shape[-1]:
            raise InputError(f"classes must be {answers.shape[-1]}, as the teacher has, but {noise['keys'].shape[-1]} was given.")
        places = torch.arange(answers.shape[-1], device=answers.device)
        first = places == answers.argmax(-1, keepdim=True)
        # both orders begin with the first choice, which therefore stays where it is
        before, after = noise["keys"].masked_fill(first, -1).argsort(-1), places.masked_fill(first, -1).argsort(-1)
        return torch.zeros_like(answers).scatter(-1, after, answers.gather(-1, before))
