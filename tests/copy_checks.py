"""Checks across notebooks and helpers: repeated alt texts, copied code, unused helpers."""

import ast
import re
from pathlib import Path

from notebook_checks import called, code

LONGEST_COPY = 4


def repeated_alts(pages):
    """Alt texts that two figures share; ``pages`` is a list of notebooks' cells."""
    first, findings = {}, []
    for cell in (cell for cells in pages for cell in code(cells) if cell.figures):
        alt = re.sub(r"\W+", " ", cell.image.get("alt", "")).strip().lower()
        if alt and alt in first:
            findings.append(f"{cell.place}: has the alt text of {first[alt]}; say what is here")
        first.setdefault(alt, cell.place)
    return findings


def statements(cells):
    """Code as (place, line) without imports and comments, in one formatting."""
    return [
        (cell.place, text)
        for cell in code(cells)
        for node in cell.tree.body
        if not isinstance(node, ast.Import | ast.ImportFrom)
        for text in ast.unparse(node).splitlines()
    ]


def copied_code(pages):
    """Blocks of more than LONGEST_COPY equal lines in two notebooks."""
    length, first, findings = LONGEST_COPY + 1, {}, []
    for number, lines in enumerate(map(statements, pages)):
        last = None
        for start in range(len(lines) - length + 1):
            block = tuple(text for _, text in lines[start : start + length])
            known = first.setdefault(block, (number, lines[start][0]))
            if known[0] != number:
                if start - 1 != last:
                    findings.append(
                        f"{lines[start][0]}: repeats {length} lines or more of {known[1]} "
                        f"({block[0]!r} ...); put them in a helper"
                    )
                last = start
    return findings


def public(tree):
    """Public functions and classes that a module defines."""
    kinds = ast.FunctionDef | ast.ClassDef
    return [n for n in tree.body if isinstance(n, kinds) and not n.name.startswith("_")]


def full_names(tree, package=""):
    """What the imported names of a piece of code stand for: {"ridge": "helpers.ridge"}."""
    known, folders = {}, package.split(".")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {name.asname: name.name for name in node.names if name.asname}
        elif isinstance(node, ast.ImportFrom):
            above = folders[: len(folders) + 1 - node.level] if node.level else []
            module = ".".join([*above, *filter(None, [node.module])])
            known |= {name.asname or name.name: f"{module}.{name.name}" for name in node.names}
    return known


def used(nodes, known):
    """Full dotted names that the code mentions, other than in imports."""
    found = set()
    for node in (node for top in nodes for node in ast.walk(top)):
        if isinstance(node, ast.Name | ast.Attribute):
            first, dot, rest = ast.unparse(node).partition(".")
            found.add(known.get(first, first) + dot + rest)
    return found


def unused_helpers(folder, pages):
    """Public helpers that neither a notebook nor another place in the helpers uses."""
    trees = {path: _parse(path) for path in sorted(Path(folder).rglob("*.py"))}
    packages, modules, passed_on = {}, {}, {}
    for path, tree in trees.items():
        packages[path] = ".".join(["helpers", *path.parent.relative_to(folder).parts])
        is_package = path.name == "__init__.py"
        modules[path] = packages[path] if is_package else f"{packages[path]}.{path.stem}"
        for name, origin in full_names(tree, packages[path]).items():
            passed_on[f"{modules[path]}.{name}"] = origin
    elsewhere = {
        path: used(tree.body, full_names(tree, packages[path])) for path, tree in trees.items()
    }
    in_notebooks = set()
    for cells in pages:
        known = {k: v for cell in code(cells) for k, v in full_names(cell.tree).items()}
        in_notebooks |= used([cell.tree for cell in code(cells)], known)
    in_notebooks |= {_origin(name, passed_on) for name in in_notebooks}
    findings = []
    for path, tree in trees.items():
        module = modules[path]
        for helper in public(tree):
            others = [names for other, names in elsewhere.items() if other != path]
            here = used([node for node in tree.body if node is not helper], {})
            is_used = f"{module}.{helper.name}" in in_notebooks.union(*others)
            if not is_used and helper.name not in here:
                findings.append(
                    f"{path.parent.name}/{path.name}, line {helper.lineno}: nothing uses "
                    f"{helper.name}; use it in a chapter or take it out"
                )
    return findings


def _origin(name, passed_on):
    """Where a dotted name is defined: helpers.twin.truth.fields is in helpers._twin.truth."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        if (start := ".".join(parts[:length])) in passed_on:
            return ".".join([passed_on[start], *parts[length:]])
    return name


def labelling_helpers(folder):
    """Names of the functions that write the data's source on a figure."""
    return {"label_source"} | {
        helper.name
        for path in sorted(Path(folder).glob("*.py"))
        for helper in public(_parse(path))
        if "label_source" in called(helper)
    }


def _parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))
