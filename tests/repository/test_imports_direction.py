"""Which room of the package may import which: the table of docs/architecture.md, held against the code."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import distill_helpers

PACKAGE = Path(distill_helpers.__file__).parent
PAGE = PACKAGE.parent / "docs" / "architecture.md"
NUMBERS = {"three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8}


def allowed_arrows() -> dict[str, set[str]]:
    """{room: rooms it may import}, read from the page's table."""
    rows = re.findall(r"^\| `(\w+)(?:\.py|/)` \|.*\| ([^|]+?) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    allowed = {}
    for room, text in rows:
        above = list(allowed)
        if text == "nothing of ours":
            allowed[room] = set()
        elif match := re.fullmatch(r"(?:the (\w+)|all) above", text):
            assert match[1] is None or NUMBERS[match[1]] == len(above), f"{room}: {text!r}, but {above} are above"
            allowed[room] = set(above)
        else:
            allowed[room] = set(text.split(", "))
            assert allowed[room] <= set(above), f"{room}: {text!r} names a room that is not above it"
    return allowed


def arrows(source: str, module: str, is_package: bool = False) -> set[str]:
    """The rooms that a module's source takes something from, "" for the package itself; functions are searched as well."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                here = module.split(".")
                up = here[: len(here) - node.level + is_package]
                base = ".".join(up + ([node.module] if node.module else []))
            # "from distill_helpers import models" points at the room; deeper names are rooms already
            names = [f"{base}.{alias.name}" for alias in node.names] if base == "distill_helpers" else [base]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
            first = node.args[0]
            names = [first.value] if isinstance(first, ast.Constant) else []
        found |= {(name.split(".") + [""])[1] for name in names if name.split(".")[0] == "distill_helpers"}
    return found


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts != ("__init__",):  # the package's own __init__ re-exports from every room
            yield path, parts


@pytest.mark.parametrize(("path", "parts"), [pytest.param(p, q, id=".".join(q)) for p, q in modules()])
def test_arrows_follow_the_table(path, parts):
    room = parts[0]
    allowed = allowed_arrows()
    assert room in allowed, f"{path.name} lies in {room!r}, a room that the table does not have"
    name = ".".join(["distill_helpers", *(p for p in parts if p != "__init__")])
    # the room at the top may also ask the bare package where it lies
    may = allowed[room] | {room} | ({""} if room == "course" else set())
    wrong = arrows(path.read_text(encoding="utf-8"), name, path.name == "__init__.py") - may
    assert not wrong, f"{'/'.join(parts)} imports {sorted(w or 'the bare package' for w in wrong)}"


def test_the_table_is_read_whole():
    allowed = allowed_arrows()
    assert list(allowed) == [
        "checks", "boxes", "transcripts", "data", "models", "counting", "strategies", "measure", "training", "show", "comparison", "course",
    ]  # fmt: skip
    assert allowed["checks"] == set() and allowed["show"] == {"checks", "boxes", "counting", "measure"}
    assert "course" not in allowed["training"] and "training" in allowed["course"]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import distill_helpers.course.start", {"course"}),
        ("def f():\n    from distill_helpers.training.loop import Loop", {"training"}),
        ("from distill_helpers import show, data", {"show", "data"}),
        ("from .loop import Loop", {"training"}),
        ("from ..show import figure", {"show"}),
        ("from .. import course", {"course"}),
        ("import importlib\nimportlib.import_module('distill_helpers.course.start')", {"course"}),
        ("import distill_helpers as dh", {""}),
        ("import torch\nfrom pathlib import Path", set()),
    ],
)
def test_the_search_finds_every_kind_of_import(source, found):
    assert arrows(source, "distill_helpers.training.distill") == found


def test_importing_the_package_is_light():
    code = (
        "import sys, distill_helpers as dh; dh.__all__; "
        "print([m for m in ('pandas', 'matplotlib', 'ipywidgets', 'IPython', 'scipy', 'torchvision') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PACKAGE.parent, check=True)
    assert done.stdout.strip() == "[]"


def test_training_and_measuring_import_no_plotting():
    code = (
        "import sys, distill_helpers.training, distill_helpers.measure, distill_helpers.strategies; "
        "print([m for m in ('pandas', 'matplotlib', 'ipywidgets', 'IPython', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PACKAGE.parent, check=True)
    assert done.stdout.strip() == "[]"
