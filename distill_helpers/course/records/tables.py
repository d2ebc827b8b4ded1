"""Tables of a record's arms: a dict literal that is only ever indexed with something computed counts with the keys that a setting names."""

import ast
import math


def is_table(node) -> bool:
    """NAME = {constant: ..., ...}"""
    return (isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Dict) and all(isinstance(k, ast.Constant) for k in node.value.keys))  # fmt: skip


def uses(node):
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


def cut(node, values, depth):
    """The table with those of its keys that are among ``values``, to ``depth`` levels; as it is where none is, or where it is no table."""
    if not depth or not is_table(node):
        return node
    short = _cut_dict(node.value, values, depth)
    return node if short is node.value else ast.Assign(node.targets, short)


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


def _cut_dict(table, values, depth):
    if not depth or not isinstance(table, ast.Dict) or not all(isinstance(k, ast.Constant) for k in table.keys):
        return table
    kept = [(k, v) for k, v in zip(table.keys, table.values, strict=True) if k.value in values]
    if not kept:
        return table
    return ast.Dict([k for k, _ in kept], [_cut_dict(v, values, depth - 1) for _, v in kept])
