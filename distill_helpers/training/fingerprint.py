"""Hashes of code: what a stored number depends on. The hash of tensors lies in data/.

The hash of a module covers its import closure within this package, with comments and docstrings removed, so that prose
can change without making stored numbers stale, and code cannot.
"""

import ast
import hashlib
import importlib.util
from functools import lru_cache
from pathlib import Path

from distill_helpers.checks import InputError
from distill_helpers.data.hashing import tensors_hash

__all__ = ["closure", "code_hash", "tensors_hash"]

PACKAGE = "distill_helpers"


def code_hash(module: str) -> str:
    """sha256 over the code of ``module`` (a dotted name in this package) and of everything of the package it imports."""
    sources = {name: _stripped(name) for name in closure(module)}
    text = "\n".join(f"{name}\n{sources[name]}" for name in sorted(sources))
    return hashlib.sha256(text.encode()).hexdigest()


def closure(module: str) -> set[str]:
    """The module and all modules of the package that it imports, directly or not, at the top or inside functions.

    A name that a room's __init__ re-exports leads to the file that defines it, so that a new strategy beside an old one
    changes nothing for the old one's numbers. Raises InputError for a module that is not there, and for one that imports
    the bare package, whose names load lazily and so cannot be followed.
    """
    if _path(module) is None:
        raise InputError(f"module must be a module of {PACKAGE}, but {module!r} was given.")
    seen, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name not in seen and _path(name) is not None:
            seen.add(name)
            waiting += _imports(name)
    return seen


def _path(name: str) -> Path | None:
    if name != PACKAGE and not name.startswith(PACKAGE + "."):
        return None
    root = Path(importlib.util.find_spec(PACKAGE).origin).parent
    place = root.joinpath(*name.split(".")[1:])
    for path in (place / "__init__.py", place.with_suffix(".py")):
        if path.exists():
            return path
    return None


@lru_cache(maxsize=None)
def _parsed(path: Path, changed: float) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _tree(name: str) -> ast.Module:
    path = _path(name)
    return _parsed(path, path.stat().st_mtime_ns)


def _imports(name: str) -> list[str]:
    """The modules of the package that ``name`` takes something from."""
    found = []
    for node in ast.walk(_tree(name)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if _path(alias.name)]
        elif isinstance(node, ast.ImportFrom) and _path(node.module or ""):
            found += [_definer(node.module, alias.name) for alias in node.names]
    if PACKAGE in found and name != PACKAGE:
        raise InputError(f"{name} must name the module it imports from, not the bare package {PACKAGE}.")
    return found


def _definer(source: str, name: str) -> str:
    """The module that defines ``name``, followed through re-exports."""
    if _path(f"{source}.{name}"):
        return f"{source}.{name}"
    for node in _tree(source).body:
        if isinstance(node, ast.ImportFrom) and _path(node.module or ""):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _definer(node.module, alias.name)
    return source


def _stripped(name: str) -> str:
    """The module's syntax tree as text, without docstrings (comments are not in the tree)."""
    tree = ast.parse(ast.unparse(_tree(name)))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
                node.body = node.body[1:]
    return ast.dump(tree)
