"""Measure whether a chapter can be read in one sitting.

    python tools/lengths.py

prints the words, code cells, figures and minutes of every chapter, and of the cells the share
whose longest line is a format string. It exits with 1 if a chapter is longer than the limits allow.
"""

import ast
import re
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
LIMITS = {"words": 1600, "cells": 14, "figures": 6, "minutes": 25, "format strings": 0.2}
# A student reads about 130 words of such text a minute, and looks at each cell and figure.
WORDS_A_MINUTE, MINUTES_A_CELL, MINUTES_A_FIGURE = 130, 0.4, 0.8
MARKUP = re.compile(
    r"`{3,}\{[\w-]+\}|^:[\w-]+:[^\n]*$|\$\$.*?^\$\$[^\n]*|\{cite:\w\}`[^`]*`|<[^<>`\n]+>(?=`)"
    r"|\{[\w:]+\}(?=`)|\]\([^)]*\)",
    re.MULTILINE | re.DOTALL,
)
WORD = re.compile(r"[^\W\d_][\w'’-]*")


def measure(notebook):
    """Measure one notebook.

    Parameters
    ----------
    notebook : nbformat.NotebookNode

    Returns
    -------
    dict
        ``words`` of all text, exercises and answers among them; code ``cells``; ``figures``, drawn
        by code or shown as pictures; ``minutes`` to read it; ``format strings``, the share of code
        cells whose longest line is one.
    """
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    code = [c for c in notebook.cells if c.cell_type == "code"]
    words = len(WORD.findall(MARKUP.sub(" ", text)))
    figures = sum(_is_figure(output) for cell in code for output in cell.outputs)
    figures += len(re.findall(r"!\[[^\]]*\]\(", text))
    minutes = words / WORDS_A_MINUTE + MINUTES_A_CELL * len(code) + MINUTES_A_FIGURE * figures
    formatted = sum(map(longest_line_is_a_format_string, (cell.source for cell in code)))
    return {
        "words": words,
        "cells": len(code),
        "figures": figures,
        "minutes": round(minutes),
        "format strings": formatted / max(len(code), 1),
    }


def longest_line_is_a_format_string(source):
    """Say whether the longest line of a cell holds a string with values in it.

    Parameters
    ----------
    source : str
        Code of one cell.

    Returns
    -------
    bool
    """
    if not source.strip():
        return False
    lines = source.splitlines()
    longest = max(range(len(lines)), key=lambda number: len(lines[number])) + 1
    return any(
        isinstance(node, ast.JoinedStr) and node.lineno <= longest <= node.end_lineno
        for node in ast.walk(ast.parse(source))
    )


def _is_figure(output):
    return "<Figure size" in "".join(output.get("data", {}).get("text/plain", ""))


def excesses(measured):
    """Name what is above its limit.

    Parameters
    ----------
    measured : dict
        From `measure`.

    Returns
    -------
    list of str
    """
    return [
        f"{measured[name]:.4g} {name}, {limit:.4g} at most"
        for name, limit in LIMITS.items()
        if measured[name] > limit
    ]


def main():
    """Print the table, and what is too long; the exit code says whether anything is."""
    found = {
        path.stem: measure(nbformat.read(path, as_version=4))
        for path in sorted(ROOT.glob("notebooks/*.ipynb"))
    }
    print(f"{'chapter':36}", *(f"{name:>14}" for name in LIMITS))
    for chapter, measured in found.items():
        print(f"{chapter:36}", *(f"{measured[name]:14.4g}" for name in LIMITS))
    too_long = {chapter: excesses(measured) for chapter, measured in found.items()}
    for chapter, names in too_long.items():
        if names:
            print(f"{chapter}: {'; '.join(names)}")
    return int(any(too_long.values()))


if __name__ == "__main__":
    sys.exit(main())
