"""The formulas that a chapter displays."""

import json
import re
from pathlib import Path

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
