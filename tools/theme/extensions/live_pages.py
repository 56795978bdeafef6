"""Pages that run themselves, and the security policy of every page.

A page made from a notebook gets what its reader's browser needs to run it: ids of the code cells,
the notebook as JSON, and a small script that loads everything else on a click. `make live` makes
what is loaded; without it, the book is built as before, and no cell can be run in its page.

Every page, with cells or without, forbids its browser to ask other hosts, and to run any script
that is not a file of the book or one of those that stand in the page as it was built.
"""

import hashlib
import json
import os
import re
import shutil
import sys
from base64 import b64encode
from html.parser import HTMLParser
from pathlib import Path

import nbformat
from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util import logging
from student_pages import WRITTEN, is_assignment, is_handed_out, is_run, is_written, read

sys.path.append(str(Path(__file__).resolve().parents[2]))  # tools

import solutions

from helpers._twin import students

LOGGER = logging.getLogger(__name__)
EXCEPTIONS = Path(__file__).resolve().parents[2] / "live" / "exceptions.json"
MADE = ".live/assets"  # by tools/live/build.py
EXERCISE = re.compile(r"\{exercise-start\} *(?P<title>.*)\n:label: *(?P<label>\S+)")
# The cell that solutions.stub writes, and the line of it that names variables.
STUB = re.compile(r"# Exercise \d+\. .*\n# (?P<names>`.*`)\n")
# Types of scripts that are run; others are data.
RUN = re.compile(r"(module|importmap|(text|application)/(x-)?(java|ecma)script)?", re.IGNORECASE)
POLICY = (
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'{hashes}",
    "style-src 'self' 'unsafe-inline'",  # figures, formulas and the theme set styles of elements
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "worker-src blob: 'self'",
    "frame-src 'self' data: blob:",
    "base-uri 'none'",
    "object-src 'none'",
    # The search. In a book that was opened from the disk, Firefox takes 'self' for no file at all.
    "form-action 'self' file:",
)
META = '<meta http-equiv="Content-Security-Policy" content="{policy}">'
EARLIER = re.compile(r'\n<meta http-equiv="Content-Security-Policy"[^>]*>')
# Browsers look for the encoding in a page's first 1024 bytes, so it stands before the policy. The
# page that only leads to the first one is a line without a head, which begins with the policy.
START = re.compile(r'<head>(\s*<meta charset="utf-8" ?/?>)?|\A(?=<meta )', re.IGNORECASE)


# ---- the policy


class InlineScripts(HTMLParser):
    """Collect what a page's own scripts hold, and those of the pages in its frames."""

    def __init__(self):
        super().__init__()
        self.found, self._parts = set(), None

    def handle_starttag(self, tag, attrs):
        """Begin a script, or look into a frame."""
        attributes = dict(attrs)
        if tag == "script" and "src" not in attributes:
            self._parts = [] if RUN.fullmatch(attributes.get("type") or "") else None
        if attributes.get("srcdoc"):
            self.found |= inline_scripts(attributes["srcdoc"])

    def handle_data(self, data):
        """Keep what stands in a script."""
        if self._parts is not None:
            self._parts.append(data)

    def handle_endtag(self, tag):
        """End a script."""
        if tag == "script" and self._parts is not None:
            self.found.add("".join(self._parts))
            self._parts = None


def inline_scripts(html):
    """Return the scripts that stand in a page, also within frames that hold their page.

    Parameters
    ----------
    html : str

    Returns
    -------
    set of str
        Their text, as a browser sees it.
    """
    parser = InlineScripts()
    parser.feed(html.replace("\r\n", "\n").replace("\r", "\n"))
    parser.close()
    return parser.found


def policy(html):
    """Return the security policy of a page.

    Parameters
    ----------
    html : str
        The page as it is written.

    Returns
    -------
    str
        It names the scripts that stand in the page by their hashes. A frame that holds its page
        has the policy of the page around it, so its scripts are named, too.
    """
    digests = sorted(
        b64encode(hashlib.sha256(script.encode()).digest()).decode()
        for script in inline_scripts(html)
        if script
    )
    hashes = "".join(f" 'sha256-{digest}'" for digest in digests)
    return "; ".join(POLICY).format(hashes=hashes)


def with_policy(html):
    """Return a page with its policy, in place of an earlier one.

    Parameters
    ----------
    html : str

    Returns
    -------
    str
        Before the policy stands nothing but the line that names the encoding.
    """
    html = EARLIER.sub("", html, count=1)
    start = START.search(html)
    if not start:
        raise ExtensionError(f"a page has no head for its security policy: {html[:80]!r}.")
    return html[: start.end()] + f"\n{META.format(policy=policy(html))}" + html[start.end() :]


def write_policies(app, exception):
    """Give every page that was written its policy.

    All at the end, by one process: a page holds its last script only when it is written, and the
    one that leads from the folder to the first page is none of Sphinx's.
    """
    if exception or app.builder.format != "html":
        return
    outdir = Path(app.outdir)
    for path in outdir.rglob("*.html"):
        if path.relative_to(outdir).parts[0] != "_static":
            before = path.read_bytes().decode()
            after = with_policy(before)
            if after != before:
                path.write_bytes(after.encode())


# ---- the notebook of a page


def find_exercises(cells):
    """List a page's exercises that have a check.

    Parameters
    ----------
    cells : list of nbformat.NotebookNode
        Cells of a chapter, or of its students' version.

    Returns
    -------
    list of dict
        As JSON: number, title and label of the exercise, names of the variables that the check
        asks for, ids of the cells of its solution, text of the cell in which students answer, and
        id of the check. In the students' version there is no solution, but the id of the answer's
        cell.
    """
    found, titles, solution, before = [], {}, [], None
    for part, is_solution in solutions.split_solutions(cells):
        for cell in part:
            titles |= {m["label"]: m["title"].strip() for m in EXERCISE.finditer(cell.source)}
            check = solutions.CHECK.match(cell.source) if cell.cell_type == "code" else None
            stub = STUB.match(before.source) if before else None
            if check and not is_solution and (solution or stub):
                label = list(titles)[-1]
                exercise = {
                    "number": int(check["number"]),
                    "title": titles[label],
                    "label": label,
                    "solution": [one.id for one in solution],
                    "check": cell.id,
                }
                if solution:
                    exercise["stub"] = solutions.stub(solution, cell).source
                else:
                    exercise |= {"stub": before.source, "answer": before.id}
                names = STUB.match(exercise["stub"])["names"]
                found.append(exercise | {"names": re.findall(r"`(\w+)`", names)})
            before = cell
        solution = part if is_solution else []
    return found


def describe(docname, notebook, exceptions):
    """Return what the browser of a page's reader needs to know about the notebook.

    Parameters
    ----------
    docname : str
        Name of the page.
    notebook : nbformat.NotebookNode
        As readers of the page see it.
    exceptions : dict of str to dict
        By the id of a cell, ``why`` it is one, and whether it ``runs``.

    Returns
    -------
    dict
        As JSON. ``skipped`` says of cells why they do not run in the page, and ``notes`` what is
        different there about those that do.
    """
    cells = [
        {
            "id": cell.id,
            "type": cell.cell_type,
            "source": cell.source,
            "tags": cell.metadata.get("tags", []),
            **({"course": cell.metadata.course} if "course" in cell.metadata else {}),
        }
        for cell in notebook.cells
    ]
    shown = {key: told for key, told in exceptions.items() if any(c["id"] == key for c in cells)}
    return {
        "name": docname,
        "cells": cells,
        "exercises": find_exercises(notebook.cells),
        "skipped": {key: told["why"] for key, told in shown.items() if not told["runs"]},
        "notes": {key: told["why"] for key, told in shown.items() if told["runs"]},
    }


def describe_assignment(app, docname):
    """Return what the browser needs to know about an assignment, beside its cells.

    Parameters
    ----------
    app : sphinx.application.Sphinx
    docname : str
        Name of the page.

    Returns
    -------
    dict
        As JSON: the ``name`` of the file to hand in; of a ``recording`` that the course hands out
        its ``files``, and the ``note`` that tells the notebook about it, else None.
    """
    recording = None
    if is_handed_out(app, docname):
        random = [f"random_run{run}" for run in range(1, students.N_RANDOM + 1)]
        figures = list(students.FIGURES)
        shown = [name for name in figures + random if not name.startswith("secret")]
        files = [f"func/{name}.nii.gz" for name in figures + random]
        files += [*(f"label/{name}.csv" for name in shown), "mask.nii.gz", students.STAMP]
        recording = {"files": files, "note": students.HANDED_OUT}
    return {"name": docname.rpartition("/")[2], "recording": recording}


def as_script(data):
    """Write data as JSON that can stand in a page: no text in it ends the script.

    Parameters
    ----------
    data : object

    Returns
    -------
    str
    """
    text = json.dumps(data, ensure_ascii=False, sort_keys=True).replace("<", "\\u003c")
    return f'<script type="application/json" id="live-notebook">{text}</script>'


def name_cells(app, doctree):
    """Give the code cells of a page their ids."""
    docname = app.env.docname
    if not is_run(app, docname):
        return
    cells = read(app, docname).cells
    ids = [cell.id for cell in cells]
    written = iter([cell.id for cell in cells if is_written(cell)])
    for container in doctree.findall(nodes.container):
        if WRITTEN in container["classes"]:
            container["ids"].append(f"cell-{next(written)}")
        if container.get("nb_element") == "cell_code":
            container["ids"].append(f"cell-{ids[container['cell_index']]}")
            container["classes"].append("live-cell")


def add_notebook(app, pagename, templatename, context, doctree):
    """Put the notebook and the script that runs it into a page."""
    if app.live and is_run(app, pagename) and "body" in context:
        data = describe(pagename, read(app, pagename), app.exceptions.get(pagename, {}))
        data |= {"assets": context["pathto"]("_static/live/", 1), "manifest": app.live}
        if is_assignment(pagename):
            data["assignment"] = describe_assignment(app, pagename)
        context["body"] += as_script(data)
        app.add_js_file("live/loader.js", loading_method="defer")
        app.add_css_file(f"live/{app.live['styles']}")


# ---- what the pages load


def read_exceptions(book, path=EXCEPTIONS):
    """Read which cells do not run in their page, or do something else there.

    Parameters
    ----------
    book : path
        The book's folder.
    path : path
        The list: ``{page: {id of the cell: {"why": a sentence for readers, "runs": bool}}}``.

    Returns
    -------
    dict

    Raises
    ------
    sphinx.errors.ExtensionError
        If it names a cell that a page does not have, or says too little about one.
    """
    exceptions = json.loads(Path(path).read_text(encoding="utf-8"))
    for page, cells in exceptions.items():
        notebook = Path(book, f"{page}.ipynb")
        if not notebook.is_file():  # a part of the book; a test knows the whole
            continue
        known = {
            cell.id
            for cell in nbformat.read(notebook, as_version=4).cells
            if cell.cell_type == "code"
        }
        for cell, told in cells.items():
            if cell not in known:
                raise ExtensionError(f"{path} names the cell {cell}, which is not in {page}.")
            if set(told) != {"why", "runs"} or not isinstance(told["runs"], bool):
                raise ExtensionError(f"{path}: {page}, {cell} needs 'why' and 'runs' (true, false)")
    return exceptions


def bring(source, target):
    """Put a file into the pages' folder, as a second name of the same file where that can be.

    Parameters
    ----------
    source, target : path
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without such names
        shutil.copy2(source, target)


def bring_parts(app):
    """Put what `make live` made beside the pages, before these are written."""
    app.exceptions = read_exceptions(app.srcdir)
    if app.builder.format != "html" or not app.live:
        return
    target = Path(app.outdir, "_static", "live")
    shutil.rmtree(target, ignore_errors=True)
    for path in Path(app.srcdir, MADE).rglob("*"):
        if path.is_file() and path.name != "manifest.json":
            bring(path, target / path.relative_to(Path(app.srcdir, MADE)))
    # From the root it can serve all pages.
    service = app.live["service"]
    (target / service).replace(Path(app.outdir, service))


def read_manifest(app, config):
    """Learn what `make live` made; pages are written anew when that has changed."""
    path = Path(app.srcdir, MADE, "manifest.json")
    app.live = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    if app.live is None:
        LOGGER.info("No page can be run in the browser: `make live` makes what that needs.")
    known = [json.dumps(app.live, sort_keys=True), EXCEPTIONS.read_text(encoding="utf-8")]
    config.live_version = hashlib.sha256("".join(known).encode()).hexdigest()


def setup(app):
    """Connect to Sphinx.

    Parameters
    ----------
    app : sphinx.application.Sphinx

    Returns
    -------
    dict
        That Sphinx may read and write pages in parallel.
    """
    app.add_config_value("live_version", "", "html")
    app.connect("config-inited", read_manifest)
    app.connect("builder-inited", bring_parts)
    app.connect("doctree-read", name_cells)
    app.connect("html-page-context", add_notebook)
    app.connect("build-finished", write_policies, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
