"""Make the students' version of the book: chapters without solutions, and the assignments.

    python tools/student.py

writes the folder ``student``, which holds all that Binder or a laptop needs to run it, and the
folder ``assignments`` for the pages for students, which come from the same cells: see
``theme/extensions/student_pages.py``. With ``--root`` both hold the assignments that a course of
your own has released, and the first is the folder ``students`` in the course's. The
chapters in ``notebooks/`` are the one source: what stands between ``{solution-start}`` and
``{solution-end}``, text and code, is taken out. The cell that takes its place stops a run, and
names the variables that the check below it asks for.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from execute import tidy
from solutions import CHECK, without_solutions

ASSIGNMENTS = "assignments"
# What notebooks and Binder need beside the chapters.
SHARED = (
    "helpers",
    "pages",
    "tools/benchmarks/programs.json",
    "tools/benchmarks/results.json",
    "tools/variants.json",
    "pyproject.toml",
    "requirements.txt",
    ".binder",
    "LICENSE",
)


def with_outputs(chapter, executed):
    """Return the students' version of a chapter with what its cells show.

    Parameters
    ----------
    chapter : nbformat.NotebookNode
        The chapter; its outputs are not used.
    executed : nbformat.NotebookNode
        The same cells, run.

    Returns
    -------
    nbformat.NotebookNode
        Cells with the ids that `write_chapters` gives them. Those to fill in and those that check
        an answer have no output: the check would say that it is right.
    """
    shown = {cell.id: cell.outputs for cell in executed.cells if cell.cell_type == "code"}
    kept = without_solutions(chapter)
    made = nbformat.reads(tidy(kept), as_version=4)
    for cell, before in zip(made.cells, kept.cells, strict=True):
        if cell.cell_type == "code" and not CHECK.match(cell.source):
            cell.outputs = shown.get(before.id, [])
    return made


def write_chapters(book, folder):
    """Write the students' version of every chapter.

    Parameters
    ----------
    book : path
        The book's folder, with ``notebooks``.
    folder : path
        Where to write them; made when missing, notebooks of the same name replaced.

    Returns
    -------
    list of pathlib.Path
        The notebooks written.

    Raises
    ------
    ValueError
        If a chapter cannot be split, or there is none; nothing is written then.
    """
    texts = {}
    for path in sorted(Path(book, "notebooks").glob("*.ipynb")):
        try:
            texts[path.name] = tidy(without_solutions(nbformat.read(path, as_version=4)))
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from error
    if not texts:
        raise ValueError(f"{book} has no chapters in notebooks/; give the book's folder.")
    Path(folder).mkdir(parents=True, exist_ok=True)
    written = [Path(folder, name) for name in texts]
    for path, text in zip(written, texts.values(), strict=True):
        path.write_text(text, encoding="utf-8", newline="\n")
    return written


def write_book(book, release, folder):
    """Write the folder for students, in place of an earlier one.

    Parameters
    ----------
    book : path
        The book's folder.
    release : path
        Folder with the assignments that ``make coursework`` wrote.
    folder : path
        The folder to write; its content is replaced at the end, all at once.

    Returns
    -------
    chapters, assignments : list of str
        What is in it.

    Raises
    ------
    ValueError
        If a chapter cannot be split, or no assignment was released.
    """
    book, folder = Path(book), Path(folder)
    released = sorted(Path(release).glob("assignment_*"))
    if not released:
        raise ValueError(f"{release} has no assignments; `make coursework` writes them.")
    with tempfile.TemporaryDirectory(dir=folder.absolute().parent) as scratch:
        made = Path(scratch) / "made"
        chapters = write_chapters(book, made / "notebooks")
        for name in SHARED:
            _copy(book / name, made / name)
        _copy(book / "tools" / "coursework" / "students.md", made / "README.md")
        for assignment in released:
            _copy(assignment, made / ASSIGNMENTS / assignment.name)
        if folder.exists():
            folder.rename(Path(scratch) / "old")
        made.rename(folder)
    return [path.stem for path in chapters], [path.name for path in released]


def write_assignments(release, folder):
    """Write the folder from which the students' pages take the assignments, anew.

    Parameters
    ----------
    release : path
        As for `write_book`.
    folder : path
        Its content is replaced.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for assignment in sorted(Path(release).glob("assignment_*")):
        _copy(assignment, Path(folder, assignment.name))


def _copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        shutil.copytree(source, target, ignore=ignored)
    else:
        shutil.copy2(source, target)


def main():
    """Write the students' version of the book that this file belongs to."""
    book = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", help="folder of a course that `make course` has made")
    given = parser.parse_args()
    root = Path(given.root).expanduser().resolve() if given.root else book / "tools" / "coursework"
    folder = root / "students" if given.root else book / "student"
    try:
        chapters, assignments = write_book(book, root / "release", folder)
    except ValueError as error:
        sys.exit(str(error))
    write_assignments(root / "release", book / ASSIGNMENTS)
    held = f"{len(chapters)} chapters without solutions, {len(assignments)} assignments"
    print(f"For students: {folder} ({held})")


if __name__ == "__main__":
    main()
