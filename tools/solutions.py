"""Solutions of a chapter's exercises: found in its cells, and replaced by cells to fill in."""

import ast
import re

import nbformat

START = re.compile(r"\A(?P<fence>`{3,})\{solution-start\} *(?P<label>\S+)\n")
END = re.compile(r"^(?P<fence>`{3,})\{solution-end\}\n(?P=fence)\Z", re.MULTILINE)
EDGE = re.compile(r"\{solution-(?:start|end)\}")
CHECK = re.compile(r"^exercise\.check_(?P<number>\d+)\(")
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
