"""The book's pages for students: without solutions, and nothing is run for them.

``BOOK_FOR=students`` asks for them, as `make student` does. Whatever a cell shows was computed when
the book was built and is taken from its cache; only what would tell an answer is left out.
"""

import os
import sys
from pathlib import Path, PurePath

import nbformat
from jupyter_cache import get_cache
from site_address import pages_of
from sphinx.errors import ExtensionError
from students import BRANCH

sys.path.append(str(Path(__file__).resolve().parents[2]))  # tools

import execute

import student

FOLDER = "students"  # of the published pages


def is_for_students():
    """Return whether the pages that are being built are the students'.

    Returns
    -------
    bool
    """
    return os.environ.get("BOOK_FOR") == "students"


def is_run(app, docname):
    """Return whether a page is a notebook that the book runs.

    Parameters
    ----------
    app : sphinx.application.Sphinx
    docname : str
        Name of a page; those that the book does not have are none.

    Returns
    -------
    bool
        Not so for other text, nor for the notebook that is shown as it was stored.
    """
    if docname not in app.env.found_docs:
        return False
    path = PurePath(app.env.doc2path(docname))
    return path.suffix == ".ipynb" and not any(
        map(path.match, app.config.nb_execution_excludepatterns)
    )


def read(app, docname):
    """Read the notebook of a page, as readers of these pages may see it.

    Parameters
    ----------
    app : sphinx.application.Sphinx
    docname : str
        A page for which `is_run` holds.

    Returns
    -------
    nbformat.NotebookNode
        With the outputs of the book's last build where it is for students, else as stored.

    Raises
    ------
    sphinx.errors.ExtensionError
        If it is for students, and its code has changed since the book was built.
    """
    chapter = nbformat.read(app.env.doc2path(docname), as_version=4)
    if not is_for_students():
        return chapter
    cache = get_cache(Path(app.srcdir, "_build", ".jupyter_cache"))
    try:
        _, executed = cache.merge_match_into_notebook(chapter)
    except KeyError as error:
        raise ExtensionError(f"{docname} was not run as it is now; `make book` runs it.") from error
    return student.with_outputs(chapter, executed)


def set_options(app, config):
    """Run nothing, and let buttons open what students get."""
    config.nb_execution_mode = "off"
    options = config.html_theme_options
    options["repository_branch"] = BRANCH
    options["use_repository_button"] = False  # the repository has the solutions
    # The cell that makes a notebook run on Colab is on another branch, which has them, too.
    options.get("launch_buttons", {}).pop("colab_url", None)


def replace(app, docname, source):
    """Give Sphinx the students' notebook in place of the book's."""
    if is_run(app, docname):
        source[0] = nbformat.writes(read(app, docname))


def replace_downloads(app, exception):
    """Let the button that downloads a page's notebook give the students', without outputs."""
    if exception:
        return
    for docname in filter(lambda name: is_run(app, name), app.env.found_docs):
        copied = Path(app.outdir, "_sources", f"{docname}.ipynb")
        if copied.exists():
            text = execute.tidy(student.without_solutions(read(app, docname)))
            copied.write_text(text, encoding="utf-8", newline="\n")


def setup(app):
    """Connect to Sphinx, if the pages are for students.

    Parameters
    ----------
    app : sphinx.application.Sphinx

    Returns
    -------
    dict
        That Sphinx may read and write pages in parallel.
    """
    if is_for_students():
        published = pages_of(app.config.html_theme_options.get("repository_url", ""))
        if published:
            app.config.html_baseurl = f"{published}{FOLDER}/"
        app.connect("config-inited", set_options, priority=100)
        app.connect("source-read", replace, priority=100)
        app.connect("build-finished", replace_downloads)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
