"""The package's sources, read and never run: what each module defines, imports and does, and where a name leads.

This module, ``tables`` and ``hashes`` also read a checkout of other code (``moved``), so they import nothing of the package but ``checks``.
"""

import ast
import importlib.util
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from distill_helpers.checks import InputError

PACKAGE, COURSE = "distill_helpers", "distill_helpers.course"


@dataclass
class Parsed:
    """A module's top level. defined: {name: statements that bind or change it}. imported: {name: (module, name there)}. always: the rest.

    rooms: the modules of the package that it imports, at the top or inside functions, as (module, name there).
    """

    defined: dict = field(default_factory=dict)
    imported: dict = field(default_factory=dict)
    always: list = field(default_factory=list)
    rooms: list = field(default_factory=list)


def place(name: str, missing: bool = False):
    """(path, time of its last change) of a module's source, or None where that is allowed. Raises InputError where it is not."""
    path = _kept_path(name) if name.startswith(PACKAGE + ".") else _path(name)
    if path is None or not path.exists():
        if missing:
            return None
        raise InputError(f"module must be a module with a source file, but {name!r} was given.")
    return path, path.stat().st_mtime_ns


def state_of(module_name: str):
    """The latest change of the package's sources and of the module, so that nothing is kept longer than it is true."""
    root = Path(importlib.util.find_spec(PACKAGE).origin).parent
    return place(module_name), max(path.stat().st_mtime_ns for path in root.rglob("*.py"))


def parsed(module: str) -> Parsed:
    """The top level of a module."""
    return _parsed(module, *place(module))


def definer(source: str, name: str) -> tuple[str, str | None]:
    """(module, name) that ``from source import name`` gives, followed through re-exports; (module, None) where it gives a module.

    Raises InputError for a name of the bare package, whose names load lazily and so cannot be followed.
    """
    if place(f"{source}.{name}", missing=True):
        return f"{source}.{name}", None
    if source == PACKAGE:
        raise InputError(f"a recorded run must name the module it imports from, not the bare package {PACKAGE}.")
    again = parsed(source).imported.get(name)
    if again and ours(again[0]):
        return definer(*again) if again[1] is not None else again
    if not again and name not in parsed(source).defined:
        raise InputError(f"a recorded run must take names from where they are written, but {source} has no {name} in its source.")
    return source, name


def ours(module: str) -> bool:
    """Whether a module belongs to the package."""
    return module.split(".")[0] == PACKAGE


def imports(node) -> list:
    """(name here, (module, name there or None for the module itself)) of one import."""
    if isinstance(node, ast.Import):
        return [(a.asname or a.name.split(".")[0], (a.name, None)) for a in node.names]
    return [(a.asname or a.name, (node.module or "", a.name)) for a in node.names]


def as_text(node) -> str:
    """A syntax tree as text: fields that are empty are left out, so that all versions of Python give the same; so are docstrings.

    So are, in ``from ... import``, the package's modules: where a name comes from is said by what it leads to.
    """
    if isinstance(node, list):
        return "[" + ",".join(map(as_text, node)) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    shown = []
    for name, value in ast.iter_fields(node):
        if name in ("ctx", "kind", "type_comment", "type_ignores"):
            continue
        if name == "module" and isinstance(node, ast.ImportFrom) and ours(value or ""):
            continue
        if name == "body" and isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = value[0] if value else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
                value = value[1:]
        if value is not None and value != []:
            shown.append(f"{name}={as_text(value)}")
    return f"{type(node).__name__}({','.join(shown)})"


@lru_cache(maxsize=None)
def facts(node):
    """``read``, kept."""
    return read(node)


def read(node):
    """(text, names that it uses, {name: (module, name there)} of the imports inside it) of one statement."""
    parts = list(ast.walk(node))
    names = sorted({p.id for p in parts if isinstance(p, ast.Name)})
    inner = dict(pair for p in parts if isinstance(p, (ast.Import, ast.ImportFrom)) for pair in imports(p))
    return as_text(node), names, inner


def _path(name: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(name)
    except (ModuleNotFoundError, AttributeError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.origin and spec.origin.endswith(".py") else None


_kept_path = lru_cache(maxsize=None)(_path)


@lru_cache(maxsize=None)
def _parsed(module: str, path: Path, changed: int) -> Parsed:
    found, tree = Parsed(), ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            raise InputError(f"{module} must import by whole names, but line {node.lineno} imports relative to itself.")
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found.rooms += [there for _, there in imports(node) if ours(there[0])]
        if isinstance(node, ast.ImportFrom) and ours(node.module or "") and node.names[0].name == "*":
            raise InputError(f"{module} must name what it imports, but line {node.lineno} imports * from {node.module}.")
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found.imported |= dict(imports(node))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.defined.setdefault(node.name, []).append(node)
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                for name in _bound(target):
                    if name in found.imported:  # it changes what another module defines
                        found.always.append(node)
                    else:
                        found.defined.setdefault(name, []).append(node)
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            found.always.append(node)
    return found


def _bound(target):
    """Names that an assignment binds or changes: a, (a, b), a[...], a.b."""
    if isinstance(target, (ast.Tuple, ast.List)):
        return [name for part in target.elts for name in _bound(part)]
    while isinstance(target, (ast.Subscript, ast.Attribute, ast.Starred)):
        target = target.value
    return [target.id] if isinstance(target, ast.Name) else []
