"""Exercises that do not compare numbers: one that judges among options, one that extends the lesson's experiment."""

import html
from collections.abc import Callable
from dataclasses import dataclass

import torch

from distill_helpers.checks import InputError, needed
from distill_helpers.course.exercises.grading import Mistake

LETTERS = "abcdefgh"


@dataclass(frozen=True)
class Option:
    """One answer to a judging exercise. says: what is said to a reader who picks it, and why it is right or wrong."""

    text: str
    says: str
    right: bool = False


@dataclass(frozen=True)
class Judgement:
    """Pick the one option that the evidence allows: ``check("07.2", "b")``. Each wrong one has an answer of its own.

    id: "07.2". title: the question. Raises InputError unless there are 2 to 8 options that differ in text and answer, one of them right.
    """

    id: str
    title: str
    options: tuple[Option, ...]
    kind: str = "judges"

    def __post_init__(self):
        given = self.options
        if not 2 <= len(given) <= len(LETTERS) or len({o.text for o in given}) != len(given) or len({o.says for o in given}) != len(given):
            raise InputError(f"options must be 2 to {len(LETTERS)} that differ in text and in what they say, for {self.id}.")
        if sum(option.right for option in given) != 1:
            raise InputError(f"options must hold one right one for {self.id}, but {sum(o.right for o in given)} are.")

    @property
    def reference(self) -> str:
        return next(letter for letter, option in zip(LETTERS, self.options, strict=False) if option.right)

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        return tuple(Mistake(letter, o.says) for letter, o in zip(LETTERS, self.options, strict=False) if not o.right)

    def show(self) -> None:
        """The question and its options by letter."""
        # the letters are written out, since a page's style numbers every list
        listed = "".join(f"<p><strong>{letter}.</strong> {html.escape(o.text)}</p>" for letter, o in zip(LETTERS, self.options, strict=False))
        plain = "\n".join([self.title, *(f"{letter}. {o.text}" for letter, o in zip(LETTERS, self.options, strict=False))])
        display = needed("IPython.display").display
        display({"text/html": f'<p>{html.escape(self.title)}</p>{listed}', "text/plain": plain}, raw=True)

    def grade(self, answer, seed: int = 0) -> str:
        """One line. answer: a letter, or a function without arguments that returns one."""
        try:
            given = answer() if callable(answer) else answer
        except NotImplementedError as error:
            return f"{self.id}: not solved yet. {error}".rstrip()
        except Exception as error:  # whatever the reader's code raises is theirs to see
            return f"{self.id}: your function raised {type(error).__name__}: {error}"
        letters = LETTERS[: len(self.options)]
        if not isinstance(given, str) or len(given.strip()) != 1 or given.strip().lower() not in letters:
            return f"{self.id}: not yet. Your answer must be one letter from {letters[0]} to {letters[-1]}, but it is {given!r}."
        option = self.options[letters.index(given.strip().lower())]
        return f"{self.id} passed. {option.says}" if option.right else f"{self.id}: not yet. {option.says}"


@dataclass(frozen=True)
class Experiment:
    """Change the lesson's experiment: what the reader hands in is examined, not compared.

    examine(answer, generator) -> what is wrong with it, or "" where nothing is; the generator is another one in each call. reference: an
    answer that passes. mistakes: wrong answers and what examine says of each.
    """

    id: str
    title: str
    examine: Callable
    reference: object
    mistakes: tuple[Mistake, ...] = ()
    kind: str = "extends"

    def grade(self, answer, seed: int = 0) -> str:
        """One line: passed, or what is wrong."""
        try:
            problem = self.examine(answer, torch.Generator().manual_seed(seed))
        except NotImplementedError as error:
            return f"{self.id}: not solved yet. {error}".rstrip()
        except Exception as error:  # whatever the reader's code raises is theirs to see
            return f"{self.id}: your function raised {type(error).__name__}: {error}"
        return f"{self.id}: not yet. {problem}" if problem else f"{self.id} passed. {self.title}"
