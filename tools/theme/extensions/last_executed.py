"""Say at the foot of a notebook's page when it was run, with which versions and on which data."""

import os
import platform
import re
from datetime import date
from importlib.metadata import version
from pathlib import PurePath

from docutils import nodes

from helpers.plotting import source_line

PACKAGES = {"nilearn": "nilearn", "scikit-learn": "scikit-learn", "NumPy": "numpy"}
# Pages that load the twin whatever BOOK_DATA says.
ALWAYS_TWIN = re.compile(r"""load\((source=)?["']twin["']\)""")


def sentence(code, day):
    """Return the line for a page.

    Parameters
    ----------
    code : str
        The page's text, code cells included.
    day : datetime.date
        When it was executed.

    Returns
    -------
    str
    """
    source = "twin" if ALWAYS_TWIN.search(code) else os.environ.get("BOOK_DATA") or "twin"
    versions = [f"{name} {version(package)}" for name, package in PACKAGES.items()]
    used = ", ".join([f"Python {platform.python_version()}", *versions])
    return f"Executed on {day.day} {day:%B %Y} with {used}. {source_line(source)}."


def add_note(app, doctree):
    """Put the line at the end of a page whose notebook was just executed."""
    path = PurePath(app.env.doc2path(app.env.docname))
    is_stored = any(map(path.match, app.config.nb_execution_excludepatterns))
    if path.suffix == ".ipynb" and app.config.nb_execution_mode != "off" and not is_stored:
        text = sentence(doctree.astext(), date.today())
        doctree.append(nodes.paragraph("", text, classes=["last-executed"]))


def setup(app):
    """Register with Sphinx."""
    app.connect("doctree-read", add_note)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
