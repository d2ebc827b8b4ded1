"""The cells of a notebook that one of them needs, found by the names that they read and bind."""

import ast
import dis
import types


def read_and_bound(source: str) -> tuple[set[str], set[str]]:
    """Global names that a cell takes from others, and those that it binds, or changes by item, attribute or a method's call."""
    read, bound, later = set(), set(), set()
    code = compile(source, "cell", "exec")
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_NAME", "LOAD_GLOBAL") and step.argval not in bound:
            read.add(step.argval)
        elif step.opname == "STORE_NAME":
            bound.add(step.argval)
        elif isinstance(step.argval, types.CodeType):
            later |= globals_of(step.argval)  # a function's body reads when it is called
    return read | (later - bound), bound | changed(source)


def globals_of(code) -> set[str]:
    """Global names that a function's code reads, in itself and in functions within it."""
    own = {step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}
    return own.union(*(globals_of(const) for const in code.co_consts if isinstance(const, types.CodeType)))


def changed(source: str) -> set[str]:
    """The names at the root of a.b[c] = ..., and of a statement a.b(...)."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            node = node.value.func
        elif not isinstance(getattr(node, "ctx", None), ast.Store):
            continue
        if isinstance(node, (ast.Attribute, ast.Subscript)):
            while isinstance(node, (ast.Attribute, ast.Subscript)):
                node = node.value
            found |= {node.id} if isinstance(node, ast.Name) else set()
    return found


def needed(cells, last: int) -> list[int]:
    """Places of the code cells that cell ``last`` needs, the set-up cell and itself among them, in order.

    A cell before it is needed when it binds or changes a name that a needed cell after it reads. What the set-up cell imports is
    not changed by calls.
    """
    code = [n for n, cell in enumerate(cells[: last + 1]) if cell["cell_type"] == "code" and cell["source"].strip()]
    setup = code[0]
    imported = read_and_bound(cells[setup]["source"])[1]
    wanted, chosen, before = read_and_bound(cells[last]["source"])[0] - imported, {last}, 0
    while len(chosen) > before:  # a function may read what a later cell binds, so once through is not enough
        before = len(chosen)
        for place in reversed(code[1:-1]):
            read, bound = read_and_bound(cells[place]["source"])
            if place not in chosen and bound & wanted:
                chosen.add(place)
                wanted = wanted | (read - imported)
    return [setup, *sorted(chosen)]
