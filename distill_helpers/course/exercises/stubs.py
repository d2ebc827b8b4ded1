"""What stands in an exercise before it is solved: a stub that says what to do, and hints, one behind the other."""

import html

from distill_helpers.checks import InputError, needed


class Unsolved(NotImplementedError):
    """Raised by a stub: ``raise dh.Unsolved("Return the mean over the batch.")``. It shows what to do, and no traceback.

    Raises InputError for a message of fewer than three words.
    """

    def __init__(self, todo: str):
        if not isinstance(todo, str) or len(todo.split()) < 3:
            raise InputError(f"todo must say in words what to write here, but {todo!r} was given.")
        super().__init__(todo)

    def _render_traceback_(self) -> list[str]:
        """IPython shows these lines in place of a traceback."""
        return [f"Yours to solve: {self}", "Put your answer in place of the line that begins with `raise`, run this cell, then the next one."]


def hints(*steps: str) -> None:
    """Show hints in stages: the second can be opened once the first is open, and so on. Plain text, formulas as $…$ where a page has them.

    Raises InputError for no hints, or one without words.
    """
    if not steps or not all(isinstance(step, str) and len(step.split()) > 1 for step in steps):
        raise InputError(f"hints must be one sentence or more, but {steps!r} was given.")
    folded = ""
    for number, step in reversed(list(enumerate(steps, 1))):
        folded = f"<details><summary>Hint {number} of {len(steps)}</summary><p>{html.escape(step)}</p>{folded}</details>"
    needed("IPython.display").display({"text/html": folded, "text/plain": f"<{len(steps)} hints>"}, raw=True)
