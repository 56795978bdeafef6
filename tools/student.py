"""Make the students' version of the book: chapters without solutions, and the assignments.

    python tools/student.py

writes the folder ``student``, which holds all that Binder or a laptop needs to run it. The
chapters in ``notebooks/`` are the one source: what stands between ``{solution-start}`` and
``{solution-end}``, text and code, is taken out. The cell that takes its place stops a run, and
names the variables that the check below it asks for.
"""

import argparse
import ast
import importlib.util
import re
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat

START = re.compile(r"\A(?P<fence>`{3,})\{solution-start\} *(?P<label>\S+)\n")
END = re.compile(r"^(?P<fence>`{3,})\{solution-end\}\n(?P=fence)\Z", re.MULTILINE)
EDGE = re.compile(r"\{solution-(?:start|end)\}")
CHECK = re.compile(r"^exercise\.check_(?P<number>\d+)\(")
# What notebooks and Binder need beside the chapters.
SHARED = (
    "helpers",
    "pages",
    "benchmarks/results.json",
    "pyproject.toml",
    "requirements.txt",
    "runtime.txt",
    "postBuild",
    "LICENSE",
    "LICENSE-TEXT",
)
STUB = """\
# Exercise {number}. The next cell checks your answers in
# {names}
raise NotImplementedError("Exercise {number}: take this line out when your answer stands here")"""


def split_solutions(cells):
    """Split a chapter's cells at its solutions.

    Parameters
    ----------
    cells : list of nbformat.NotebookNode
        Cells of a chapter. A solution begins with a text cell that begins with
        ``{solution-start}``, and ends with one that ends with ``{solution-end}``.

    Returns
    -------
    list of (list of nbformat.NotebookNode, bool)
        Neighbouring cells that belong together, and whether they are a solution.

    Raises
    ------
    ValueError
        If a solution shares a cell with other text, or starts and ends do not come in turn.
    """
    parts = [([], False)]
    for cell in cells:
        starts, ends = bool(START.search(cell.source)), bool(END.search(cell.source))
        inside = parts[-1][1]
        begins = cell.source[:60]
        if len(EDGE.findall(cell.source)) != starts + ends:
            raise ValueError(f"a solution shares a cell with other text: {begins!r}.")
        if starts == inside and (starts or ends):
            raise ValueError(f"solutions start and end in turn, but not here: {begins!r}.")
        if starts:
            parts.append(([], True))
        parts[-1][0].append(cell)
        if ends:
            parts.append(([], False))
    if parts[-1][1]:
        raise ValueError("the last solution does not end; close it with {solution-end}.")
    return parts


def answers(solution, check):
    """List the variables that a check asks for, in its order.

    Parameters
    ----------
    solution : list of nbformat.NotebookNode
        Cells of the solution.
    check : str
        Code of the check's cell, ``exercise.check_1(shares, expected, recording)`` for instance.

    Returns
    -------
    list of str
        Names among the check's arguments that the solution assigns or defines.
    """
    trees = [ast.parse(cell.source) for cell in solution if cell.cell_type == "code"]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    made = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    made |= {n.name for n in nodes if isinstance(n, ast.FunctionDef)}
    asked = ast.parse(check).body[0].value.args
    return [arg.id for arg in asked if isinstance(arg, ast.Name) and arg.id in made]


def stub(solution, check):
    """Return the cell that stands where a solution was.

    Parameters
    ----------
    solution : list of nbformat.NotebookNode
        Cells of the solution.
    check : nbformat.NotebookNode
        The cell after it, which calls the check.

    Returns
    -------
    nbformat.NotebookNode
        A code cell that raises ``NotImplementedError``.

    Raises
    ------
    ValueError
        If no check follows the solution, or the check asks for nothing that the solution makes.
    """
    found = CHECK.match(check.source) if check.cell_type == "code" else None
    label = START.search(solution[0].source)["label"]
    if not found:
        raise ValueError(f"no check follows the solution of {label}; add exercise.check_...().")
    names = answers(solution, check.source)
    if not names:
        raise ValueError(f"the check of {label} asks for no variable that its solution makes.")
    listed = ", ".join(f"`{name}`" for name in names)
    return nbformat.v4.new_code_cell(STUB.format(names=listed, number=found["number"]))


def without_solutions(chapter):
    """Return the students' version of a chapter.

    Parameters
    ----------
    chapter : nbformat.NotebookNode
        The chapter.

    Returns
    -------
    nbformat.NotebookNode
        The same cells without outputs, one stub in place of each solution.

    Raises
    ------
    ValueError
        If a solution does not end, starts inside another, or has no check after it.
    """
    parts = split_solutions(chapter.cells)
    kept = []
    for place, (cells, is_solution) in enumerate(parts):
        if is_solution:
            after = parts[place + 1][0] or [nbformat.v4.new_markdown_cell()]
            cells = [stub(cells, after[0])]
        kept += cells
    for cell in kept:
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
    return nbformat.v4.new_notebook(cells=kept)


def _tidy(notebook):
    """Text of the notebook in the form of tools/execute.py, which no package holds."""
    path = Path(__file__).with_name("execute.py")
    spec = importlib.util.spec_from_file_location("execute", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.tidy(notebook)


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
            texts[path.name] = _tidy(without_solutions(nbformat.read(path, as_version=4)))
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
        _copy(book / "coursework" / "students.md", made / "README.md")
        for assignment in released:
            _copy(assignment, made / "assignments" / assignment.name)
        if folder.exists():
            folder.rename(Path(scratch) / "old")
        made.rename(folder)
    return [path.stem for path in chapters], [path.name for path in released]


def _copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        shutil.copytree(source, target, ignore=ignored)
    else:
        shutil.copy2(source, target)


def main(arguments=None):
    """Write the students' version of the book that this file belongs to."""
    book = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", nargs="?", default=book / "student", help="where to write it")
    options = parser.parse_args(arguments)
    try:
        chapters, assignments = write_book(book, book / "coursework" / "release", options.folder)
    except ValueError as error:
        sys.exit(str(error))
    held = f"{len(chapters)} chapters without solutions, {len(assignments)} assignments"
    print(f"For students: {Path(options.folder).name}/ ({held})")


if __name__ == "__main__":
    main()
