"""The formulas that a chapter displays, and the functions that it defines."""

import ast
import json
import re
from pathlib import Path

import numpy as np

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
DISPLAYED = re.compile(r"^\$\$\n(.+?)\n\$\$ \(([\w-]+)\)", re.MULTILINE | re.DOTALL)


def chapter_text(name):
    """Return the text of a chapter, all markdown cells."""
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def displayed_formulas(name):
    """Return a chapter's displayed formulas by label, with single spaces."""
    found = DISPLAYED.findall(chapter_text(name))
    return {label: " ".join(formula.split()) for formula, label in found}


def functions_of(name, **names):
    """Return a chapter's functions by name; nothing else of it is run.

    `names` are what the chapter has computed before, and its functions use.
    """
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    defined = [
        node
        for cell in cells
        if cell["cell_type"] == "code"
        for node in ast.parse("".join(cell["source"])).body
        if isinstance(node, ast.FunctionDef)
    ]
    namespace = {"np": np} | names
    exec(compile(ast.Module(defined, []), name, "exec"), namespace)
    return namespace
