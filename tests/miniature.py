"""The miniature lesson of docs/page.md, made as `make sync` makes a lesson."""

import re

import nbformat

from distill_helpers.course import sync
from distill_helpers.course.paths import repository

STEM = "99_a_miniature"


def blocks() -> list[str]:
    """figures.py, exercises.py and the page."""
    text = (repository() / "docs" / "page.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def write_sources(folder):
    """The three files, in a folder; the path of the page."""
    for name, block in zip(("figures.py", "exercises.py", f"{STEM}.py"), blocks(), strict=True):
        (folder / name).write_text(block, encoding="utf-8")
    return folder / f"{STEM}.py"


def made(folder):
    """The executed notebook, as it is stored."""
    return nbformat.reads(sync.made(write_sources(folder), folder), as_version=4)
