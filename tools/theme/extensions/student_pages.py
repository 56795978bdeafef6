"""The book's pages for students: without solutions, and nothing is run for them.

``BOOK_FOR=students`` asks for them, as `make student` does. Whatever a cell shows was computed when
the book was built and is taken from its cache; only what would tell an answer is left out.

The released assignments are pages of theirs, too: `student.py` puts them into the folder
``assignments``, where this book alone looks.
"""

import os
import sys
from pathlib import Path, PurePath

import nbformat
import yaml
from jupyter_cache import get_cache
from site_address import pages_of
from sphinx.errors import ExtensionError
from students import BRANCH

sys.path.append(str(Path(__file__).resolve().parents[2]))  # tools

import execute

import student
from helpers._twin.students import HANDED_OUT

FOLDER = "students"  # of the published pages
WRITTEN = "live-written"  # where a page has a box for an answer in words


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


def is_assignment(docname):
    """Return whether a page is an assignment.

    Parameters
    ----------
    docname : str

    Returns
    -------
    bool
    """
    return PurePath(docname).parts[0] == student.ASSIGNMENTS


def is_handed_out(app, docname):
    """Return whether the recording of an assignment comes from the teacher.

    Parameters
    ----------
    app : sphinx.application.Sphinx
    docname : str
        An assignment.

    Returns
    -------
    bool
        Else the page makes it from the student's id.
    """
    return (Path(app.env.doc2path(docname)).parent / HANDED_OUT).exists()


def is_written(cell):
    """Return whether a cell of an assignment is an answer in words."""
    return cell.cell_type == "markdown" and cell.metadata.get("course", {}).get("role") == "written"


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
    if not is_for_students() or is_assignment(docname):
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
    assignments = sorted(Path(app.srcdir, student.ASSIGNMENTS).glob("*/*.ipynb"))
    if any((path.parent / HANDED_OUT).exists() for path in assignments):
        # Binder would open the assignments of everybody, and not those of this course.
        options.get("launch_buttons", {}).pop("binderhub_url", None)
    if assignments:
        config.external_toc_path = str(write_toc(app, config.external_toc_path, assignments))


def write_toc(app, path, assignments):
    """Write the table of contents with a part for the assignments.

    Parameters
    ----------
    app : sphinx.application.Sphinx
    path : path
        The book's.
    assignments : list of pathlib.Path
        Their notebooks.

    Returns
    -------
    pathlib.Path
        The new file.
    """
    toc = yaml.safe_load(Path(app.srcdir, path).read_text(encoding="utf-8"))
    names = [file.relative_to(app.srcdir).with_suffix("").as_posix() for file in assignments]
    part = {"caption": "Assignments", "chapters": [{"file": name} for name in names]}
    # Before the pages around the book, and after its parts.
    toc["parts"].insert(max(0, len(toc["parts"]) - 1), part)
    written = Path(app.doctreedir, "toc.yml")
    written.parent.mkdir(parents=True, exist_ok=True)
    written.write_text(yaml.safe_dump(toc, sort_keys=False), encoding="utf-8")
    return written


def with_boxes(notebook):
    """Mark where an assignment asks for an answer in words, so that the page can put a box there.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        An assignment; it is not changed.

    Returns
    -------
    nbformat.NotebookNode
    """
    shown = nbformat.from_dict(notebook)
    for cell in filter(is_written, shown.cells):
        cell.source = f"::::::{{container}} {WRITTEN}\n{cell.source}\n::::::"
    return shown


def replace(app, docname, source):
    """Give Sphinx the students' notebook in place of the book's."""
    if is_run(app, docname):
        notebook = read(app, docname)
        source[0] = nbformat.writes(with_boxes(notebook) if is_assignment(docname) else notebook)


def replace_downloads(app, exception):
    """Let the button that downloads a page's notebook give the students', without outputs."""
    if exception:
        return
    for docname in filter(lambda name: is_run(app, name), app.env.found_docs):
        copied = Path(app.outdir, "_sources", f"{docname}.ipynb")
        if copied.exists() and not is_assignment(docname):
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
