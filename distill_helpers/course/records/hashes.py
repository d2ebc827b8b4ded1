"""What determines one entry: the definitions that its run reaches in the course, the modules below that they rest on, and the data.

A module of the course is followed definition by definition, so that a new arm, strategy or regime beside an old one leaves the old
one's hash as it was; modules of the rooms below are followed whole (``training.fingerprint.closure``). A table, that is a dict
literal that is only ever indexed with something computed, counts with those of its keys that the setting names, or whole where it
names none. Docstrings and comments do not count.
"""

import ast
import hashlib
import importlib
import importlib.util
import math
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from distill_helpers.checks import InputError
from distill_helpers.training.fingerprint import closure

PACKAGE, COURSE = "distill_helpers", "distill_helpers.course"


def entry_hash(module_name: str, setting: dict) -> str:
    """16 hex digits over the code that one entry's numbers depend on.

    Raises InputError when the module has no source file or no function ``run``, and when it imports the bare package.
    """
    values, state = {v for v in setting.values() if isinstance(v, (str, int, float))}, _state(module_name)
    depths = _indexed_tables(module_name, state)
    pieces, whole = _reached(module_name, lambda owner, name, node: _cut(node, values, depths.get((owner, name), 0)))
    digest = hashlib.sha256()
    for key in sorted(pieces):
        digest.update(f"{key}\n{pieces[key]}\n".encode())
    modules = {source if name is None else _definer(source, name) for source, name in whole}
    for name in sorted(set().union(*(_room(module, state) for module in modules))):
        digest.update(f"{name}\n{_whole_dump(*_place(name))}\n".encode())
    return digest.hexdigest()[:16]


def data_hash(module_name: str) -> str:
    """16 hex digits over the bundled files that the record's DATA names."""
    digest = hashlib.sha256()
    for name in sorted(importlib.import_module(module_name).DATA):
        digest.update((Path(__file__).parents[2] / "data" / "bundled" / name).read_bytes())
    return digest.hexdigest()[:16]


@dataclass
class _Parsed:
    """A module's top level. defined: {name: statements that bind or change it}. imported: {name: (module, name there)}. always: the rest."""

    defined: dict = field(default_factory=dict)
    imported: dict = field(default_factory=dict)
    always: list = field(default_factory=list)


def _reached(module_name: str, cut):
    """({"module.name": text}, {(module, name) imported from rooms below}) of all that ``run`` reaches; cut(module, name, node) -> node."""
    if "run" not in _parsed(*_place(module_name)).defined:
        raise InputError(f"{module_name} must define run(setting), but it does not.")
    pieces, whole, seen, waiting = {}, set(), set(), [(module_name, "run")]
    while waiting:
        owner, name = waiting.pop()
        if (owner, name) in seen:
            continue
        seen.add((owner, name))
        parsed = _parsed(*_place(owner))
        if name == "*":
            nodes = parsed.always
        elif name in parsed.imported:
            _follow(*parsed.imported[name], module_name, waiting, whole)
            continue
        else:
            nodes = parsed.defined.get(name, [])
        if not nodes:
            continue
        waiting.append((owner, "*"))
        texts = []
        for original in nodes:
            node = cut(owner, name, original)
            text, names, inner = _facts(node) if node is original else _read(node)
            texts.append(text)
            waiting += [(owner, used) for used in names]
            for source, target in inner:
                _follow(source, target, module_name, waiting, whole)
        pieces[f"{owner}.{name}"] = "\n".join(texts)
    return pieces, whole


def _follow(source, target, root, waiting, whole):
    """Put what ``from source import target`` gives where it belongs: definitions to follow, or modules to take whole."""
    if source == PACKAGE and _place(f"{source}.{target}", missing=True) is None:
        raise InputError(f"a recorded run must name the module it imports from, not the bare package {PACKAGE}.")
    if source != root and source.split(".")[0] != PACKAGE:
        return
    if target is None or _place(f"{source}.{target}", missing=True):
        whole.add((source if target is None else f"{source}.{target}", None))
    elif source == root or source.startswith(COURSE + "."):
        waiting.append((source, target))
    else:
        whole.add((source, target))


@lru_cache(maxsize=None)
def _room(module: str, state) -> frozenset:
    return frozenset(closure(module))


def _definer(source: str, name: str) -> str:
    """The module that defines ``name``, followed through the re-exports of a room."""
    again = _parsed(*_place(source)).imported.get(name)
    if again and again[0].split(".")[0] == PACKAGE and again[1] is not None:
        return _definer(*again)
    return source


@lru_cache(maxsize=None)
def _indexed_tables(module_name: str, state) -> dict:
    """{(module, name): levels} of dict literals that the run only indexes with something computed, and how many levels deep it does."""
    tables, spoilt = {}, set()

    def look(owner, name, node):
        parsed = _parsed(*_place(owner))
        if name != "*" and len(parsed.defined[name]) == 1 and _table(node):
            tables.setdefault((owner, name), math.inf)
        for used, depth in _uses(node):
            home = _home(owner, used, module_name)
            if depth:
                tables[home] = min(tables.get(home, math.inf), depth)
            else:
                spoilt.add(home)
        return node

    _reached(module_name, look)
    literal = {key for key in tables if _is_table(*key)}
    return {key: tables[key] for key in literal - spoilt}


def _is_table(owner: str, name: str) -> bool:
    nodes = _parsed(*_place(owner)).defined.get(name, [])
    return len(nodes) == 1 and _table(nodes[0])


def _home(owner: str, name: str, root: str):
    """Where a name that is used in ``owner`` is defined, followed through imports within the course."""
    again = _parsed(*_place(owner)).imported.get(name)
    if again and again[1] is not None and (again[0] == root or again[0].startswith(COURSE + ".")):
        return _home(*again, root)
    return owner, name


def _table(node) -> bool:
    """NAME = {constant: ..., ...}"""
    return (isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Dict) and all(isinstance(k, ast.Constant) for k in node.value.keys))  # fmt: skip


def _uses(node):
    """(name, levels) of each name that is read: how many computed indices follow it at once; inf for `x in NAME`; 0 for all other uses."""
    found, inside = [], set()
    for part in ast.walk(node):
        if id(part) in inside:
            continue
        if isinstance(part, ast.Compare) and all(isinstance(op, (ast.In, ast.NotIn)) for op in part.ops):
            for side in part.comparators:
                name, _, chain = _chain(side)
                if name:
                    found.append((name, math.inf))
                    inside |= chain
        name, depth, chain = _chain(part)
        if name and not isinstance(part, ast.Name):
            found.append((name, depth))
            inside |= chain
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
            found.append((part.id, 0))
    return found


def _chain(node):
    """(name, levels, ids of the nodes) of NAME[computed][computed]; (None, 0, {}) where it is something else."""
    depth, ids = 0, set()
    while isinstance(node, ast.Subscript):
        depth = 0 if isinstance(node.slice, (ast.Constant, ast.Slice)) else depth + 1
        ids.add(id(node))
        node = node.value
    if isinstance(node, ast.Name):
        return node.id, depth, ids | {id(node)}
    return None, 0, set()


def _cut(node, values, depth):
    """The table with those of its keys that are among ``values``, to ``depth`` levels; as it is where none is, or where it is no table."""
    if not depth or not _table(node):
        return node
    short = _cut_dict(node.value, values, depth)
    return node if short is node.value else ast.Assign(node.targets, short)


def _cut_dict(table, values, depth):
    if not depth or not isinstance(table, ast.Dict) or not all(isinstance(k, ast.Constant) for k in table.keys):
        return table
    kept = [(k, v) for k, v in zip(table.keys, table.values, strict=True) if k.value in values]
    if not kept:
        return table
    return ast.Dict([k for k, _ in kept], [_cut_dict(v, values, depth - 1) for _, v in kept])


def _place(name: str, missing: bool = False):
    """(path, time of its last change) of a module's source, or None where that is allowed."""
    path = _kept_path(name) if name.startswith(PACKAGE + ".") else _path(name)
    if path is None or not path.exists():
        if missing:
            return None
        raise InputError(f"module must be a module with a source file, but {name!r} was given.")
    return path, path.stat().st_mtime_ns


def _path(name: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(name)
    except (ModuleNotFoundError, AttributeError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.origin and spec.origin.endswith(".py") else None


_kept_path = lru_cache(maxsize=None)(_path)


@lru_cache(maxsize=None)
def _tree(path: Path, changed: int) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@lru_cache(maxsize=None)
def _whole_dump(path: Path, changed: int) -> str:
    return _text(_tree(path, changed))


def _state(module_name: str):
    """The latest change of the package's sources and of the module, so that nothing is kept longer than it is true."""
    return _place(module_name), max(path.stat().st_mtime_ns for path in Path(__file__).parents[2].rglob("*.py"))


@lru_cache(maxsize=None)
def _parsed(path: Path, changed: int) -> _Parsed:
    parsed = _Parsed()
    for node in _tree(path, changed).body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            parsed.imported |= dict(_imports(node))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            parsed.defined.setdefault(node.name, []).append(node)
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                for name in _bound(target):
                    parsed.defined.setdefault(name, []).append(node)
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            parsed.always.append(node)
    return parsed


def _imports(node):
    """(name here, (module, name there or None for the module itself)) of one import."""
    if isinstance(node, ast.Import):
        return [(a.asname or a.name.split(".")[0], (a.name, None)) for a in node.names]
    return [(a.asname or a.name, (node.module or "", a.name)) for a in node.names]


def _bound(target):
    """Names that an assignment binds or changes: a, (a, b), a[...], a.b."""
    if isinstance(target, (ast.Tuple, ast.List)):
        return [name for part in target.elts for name in _bound(part)]
    while isinstance(target, (ast.Subscript, ast.Attribute, ast.Starred)):
        target = target.value
    return [target.id] if isinstance(target, ast.Name) else []


@lru_cache(maxsize=None)
def _facts(node):
    return _read(node)


def _read(node):
    """(text, names that it uses, imports inside it) of one statement."""
    parts = list(ast.walk(node))
    names = sorted({p.id for p in parts if isinstance(p, ast.Name)})
    inner = [there for p in parts if isinstance(p, (ast.Import, ast.ImportFrom)) for _, there in _imports(p)]
    return _text(node), names, inner


def _text(node) -> str:
    """A syntax tree as text: fields that are empty are left out, so that all versions of Python give the same; so are docstrings."""
    if isinstance(node, list):
        return "[" + ",".join(map(_text, node)) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    shown = []
    for name, value in ast.iter_fields(node):
        if name in ("ctx", "kind", "type_comment", "type_ignores"):
            continue
        if name == "body" and isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = value[0] if value else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
                value = value[1:]
        if value is not None and value != []:
            shown.append(f"{name}={_text(value)}")
    return f"{type(node).__name__}({','.join(shown)})"
