"""Hashes of code and of tensors: what a stored number depends on.

The hash of a module covers its import closure within this package, with comments and docstrings removed, so that prose
can change without making stored numbers stale, and code cannot.
"""

import ast
import hashlib
import importlib.util
from functools import lru_cache
from pathlib import Path

import torch

PACKAGE = "distill_helpers"


def code_hash(module: str) -> str:
    """sha256 over the code of ``module`` (a dotted name in this package) and of everything of the package it imports."""
    sources = {name: _stripped(name) for name in closure(module)}
    text = "\n".join(f"{name}\n{sources[name]}" for name in sorted(sources))
    return hashlib.sha256(text.encode()).hexdigest()


def closure(module: str) -> set[str]:
    """The module and all modules of the package that it imports, directly or not, at the top or inside functions.

    The package's own __init__ is left out: it imports nothing until a name is used.
    """
    seen, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name in seen or name == PACKAGE or _path(name) is None:
            continue
        seen.add(name)
        waiting += _imports(name)
        if "." in name:
            waiting.append(name.rpartition(".")[0])
    return seen


def tensors_hash(tensors: dict, extra=()) -> str:
    """sha256 over names, types, shapes and bytes of tensors, and over further strings."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy())
    for text in extra:
        digest.update(f"|{len(text)}|{text}".encode())
    return digest.hexdigest()


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
    """Modules that ``name`` imports; ``from package import thing`` counts thing only where it is a module."""
    found = []
    base = name if _path(name).name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(_tree(name)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parent = ".".join(base.split(".")[: len(base.split(".")) - node.level + 1]) if node.level else ""
            source = ".".join(part for part in (parent, node.module) if part)
            found += [source, *(f"{source}.{alias.name}" for alias in node.names)]
    return found


def _stripped(name: str) -> str:
    """The module's syntax tree as text, without docstrings (comments are not in the tree)."""
    tree = ast.parse(ast.unparse(_tree(name)))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
                node.body = node.body[1:]
    return ast.dump(tree)
