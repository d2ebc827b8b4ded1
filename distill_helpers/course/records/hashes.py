"""What determines one entry: the definitions that its run reaches in the package, the code that runs when they are imported, and the data.

Code is followed definition by definition, from ``run`` through every name that a definition uses to what the name leads to. A definition
is known by its text and by what its names lead to, never by the module it lies in: a file that moves, or is taken apart, leaves the hash
as it was, and a new strategy beside an old one leaves the old one's. A table of the course, that is a dict literal that is only ever
indexed with something computed, counts with those of its keys that the setting names, or whole where it names none. Docstrings and
comments do not count.
"""

import hashlib
import importlib
import math
from functools import lru_cache
from pathlib import Path

from distill_helpers.checks import InputError
from distill_helpers.course.records.sources import COURSE, PACKAGE, definer, facts, ours, parsed, read, state_of
from distill_helpers.course.records.tables import cut, is_table, uses

ALWAYS, WHOLE = "*", "**"  # names of what a module does when it is imported, and of a module that is used as one


def entry_hash(module_name: str, setting: dict) -> str:
    """16 hex digits over the code that one entry's numbers depend on.

    Raises InputError when the module has no source file or no function ``run``, and when it imports the bare package.
    """
    if "run" not in parsed(module_name).defined:
        raise InputError(f"{module_name} must define run(setting), but it does not.")
    values, state = {v for v in setting.values() if isinstance(v, (str, int, float))}, state_of(module_name)
    depths = _indexed_tables(module_name, state)

    def shortened(owner, name, node):
        return cut(node, values, depths.get((owner, name), 0)) if _of_course(owner, module_name) else node

    def below(module, name):
        return None if _of_course(module, module_name) else _room_digest(module, name, state)

    return _digest(_walk((module_name, "run"), module_name, state, shortened, below))[:16]


def data_hash(module_name: str) -> str:
    """16 hex digits over the bundled files that the record's DATA names."""
    digest = hashlib.sha256()
    for name in sorted(importlib.import_module(module_name).DATA):
        digest.update((Path(__file__).parents[2] / "data" / "bundled" / name).read_bytes())
    return digest.hexdigest()[:16]


def _of_course(module: str, root: str) -> bool:
    return module == root or module.startswith(COURSE + ".")


@lru_cache(maxsize=None)
def _room_digest(module: str, name: str, state) -> str:
    """The digest of all that one definition of the rooms below reaches."""
    return _digest(_walk((module, name), module, state, lambda owner, name, node: node, lambda module, name: None))


def _digest(lines) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _walk(start, root, state, shortened, below):
    """One line for each definition reached, in the order in which they are first named: its text, and what each of its names leads to.

    shortened(module, name, statement) -> the statement that counts. below(module, name) -> a digest that stands for all that it reaches.
    """
    numbers, queue, lines, modules = {start: 0}, [start], [], set()

    def numbered(there):
        digest = below(*there)
        if digest is not None:
            return digest
        if there not in numbers:
            numbers[there] = len(numbers)
            queue.append(there)
        return numbers[there]

    for owner, name in queue:  # grows while it is read
        text, leads = _piece(owner, name, root, shortened)
        told = [f"{used}>{numbered(there) if isinstance(there, tuple) else there}" for used, there in leads]
        lines.append(f"{text} {' '.join(told)}")
        if owner not in modules:
            modules.add(owner)
            # what runs at import, of this module and of those that it imports, by its text: where it lies does not matter
            for module in sorted(_always(owner, state), key=lambda module: _piece(module, ALWAYS, root, shortened)[0]):
                if (module, ALWAYS) not in numbers:
                    numbers[module, ALWAYS] = len(numbers)
                    queue.append((module, ALWAYS))
    return lines


def _piece(owner, name, root, shortened):
    """(text, [(name, (module, name) or the words of what lies outside)]) of one definition, or of what a module always does."""
    here = parsed(owner)
    if name == WHOLE:
        shortened(owner, WHOLE, None)
        parts = sorted(source for source, _ in here.rooms if source.startswith(owner + "."))  # a room's files are its attributes too
        return "module", [*((used, _lead(owner, used, {}, root)) for used in sorted({*here.defined, *here.imported})),
                          *(("", (part, WHOLE)) for part in dict.fromkeys(parts))]  # fmt: skip
    texts, leads = [], {}
    for original in here.always if name == ALWAYS else here.defined.get(name, []):
        node = shortened(owner, name, original)
        text, names, inner = facts(node) if node is original else read(node)
        texts.append(text)
        leads |= {used: _lead(owner, used, inner, root) for used in sorted({*names, *inner})}
    return "\n".join(texts), [(used, there) for used, there in sorted(leads.items()) if there is not None and there != (owner, name)]


def _lead(owner, name, inner, root):
    """What a name leads to in a module: (module, name) of the package's, words for another library's, None for a local or a builtin."""
    there = inner.get(name) or parsed(owner).imported.get(name)
    if there is None:
        return (owner, name) if name in parsed(owner).defined else None
    source, target = there
    if not ours(source) and source != root:
        return f"{source}:{target}"
    module, found = (source, None) if target is None else definer(source, target)
    if module == PACKAGE:
        raise InputError(f"a recorded run must name the module it imports from, not the bare package {PACKAGE}.")
    return module, WHOLE if found is None else found


@lru_cache(maxsize=None)
def _always(owner: str, state) -> list[str]:
    """The module and those of the package that it imports, directly or not, that do something when they are imported."""
    seen, waiting = set(), [owner]
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting += [definer(source, name)[0] if name else source for source, name in parsed(module).rooms]
    return [module for module in seen if parsed(module).always]


@lru_cache(maxsize=None)
def _indexed_tables(module_name: str, state) -> dict:
    """{(module, name): levels} of dict literals that the run only indexes with something computed, and how many levels deep it does."""
    tables, spoilt = {}, set()

    def look(owner, name, node):
        if name == WHOLE:
            spoilt.update((owner, used) for used in parsed(owner).defined)
            return None
        if name != ALWAYS and len(parsed(owner).defined[name]) == 1 and is_table(node):
            tables.setdefault((owner, name), math.inf)
        for used, depth in uses(node):
            home = _lead(owner, used, facts(node)[2], module_name)
            if depth and isinstance(home, tuple):
                tables[home] = min(tables.get(home, math.inf), depth)
            else:
                spoilt.add(home)
        return node

    _walk((module_name, "run"), module_name, state, look, lambda module, name: None if _of_course(module, module_name) else "")
    literal = {key for key in tables if _is_table(*key)}
    return {key: tables[key] for key in literal - spoilt}


def _is_table(owner: str, name: str) -> bool:
    nodes = parsed(owner).defined.get(name, [])
    return len(nodes) == 1 and is_table(nodes[0])
