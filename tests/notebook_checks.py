"""Checks of one notebook's cells; those of its outputs are in output_checks.py.

A check takes the notebook's cells and returns its findings, one sentence each: where the fault is
and what to do about it. Cells are counted from 1, text and code alike.
"""

import ast
import importlib.util
import io
import itertools
import re
import tokenize
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

LONGEST_CELL = 15
LONGEST_FOLDED_CELL = 25  # drawing, folded away on the page
FIGURE = re.compile(r"<Figure size [\d.]+x[\d.]+ with \d+ Axes>")
CLOCK = re.compile(r"\b(perf_counter|monotonic|process_time|time\.time|timeit|\w*\.now)\(")
ESCAPES = re.compile(r"#\s*(noqa|type:\s*ignore|(PYTEST_VALIDATE|NBVAL)_\w+)|\ballow_errors\b")
HIDING_TAGS = {
    "raises-exception",
    "skip-execution",
    "nbval-skip",
    "nbval-ignore-output",
    "nbval-raises-exception",
    "remove-cell",
    "remove-output",
    "remove-stderr",
}
MARKED_COLUMNS = re.compile(r"\b(1780|1951|2131|1935)\b")
NAMED_VOXEL = re.compile(r"column\(|\(\s*\d+\s*,\s*\d+\s*,\s*\d+\s*\)")


@dataclass(frozen=True)
class Cell:
    """A cell of a notebook, or the whole of a text page, and how a finding names it."""

    place: str
    kind: str
    source: str
    execution_count: int | None = None
    outputs: list = field(default_factory=list)
    metadata: dict = field(default_factory=dict)

    @property
    def tree(self):
        """Syntax tree of a code cell, empty when the cell is no plain Python (a finding)."""
        try:
            return ast.parse(self.source if self.kind == "code" else "")
        except SyntaxError:
            return ast.parse("")

    @property
    def image(self):
        """The cell's metadata for its figure, of which `alt` is asked here."""
        return self.metadata.get("mystnb", {}).get("image", {})

    @property
    def figures(self):
        """The outputs that are figures, known by the marker that takes the image's place."""
        return [o for o in self.outputs if FIGURE.fullmatch(plain(o)) and "data" in o]


def plain(output):
    """Text of an output, whatever its kind."""
    text = output.get("text", "") or output.get("data", {}).get("text/plain", "")
    return "".join(text).strip()


def read_cells(path, root):
    """Cells of a notebook, or one text cell for a Markdown page; places are relative to root."""
    path = Path(path)
    name = path.relative_to(root).as_posix()
    if path.suffix != ".ipynb":
        return [Cell(name, "markdown", path.read_text(encoding="utf-8"))]
    return [
        Cell(
            f"{name}, cell {number}",
            cell.cell_type,
            cell.source,
            cell.get("execution_count"),
            cell.get("outputs", []),
            cell.metadata,
        )
        for number, cell in enumerate(nbformat.read(path, as_version=4).cells, 1)
    ]


def load_tool():
    """The module tools/execute.py, which is a script and belongs to no package."""
    path = Path(__file__).resolve().parent.parent / "tools" / "execute.py"
    spec = importlib.util.spec_from_file_location("execute", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stored_otherwise(path, root):
    """Whether the file is just what tools/execute.py writes."""
    text = Path(path).read_text(encoding="utf-8")
    if text == load_tool().tidy(nbformat.reads(text, as_version=4)):
        return []
    place = Path(path).relative_to(root).as_posix()
    return [f"{place}: is not stored as tools/execute.py does; run it on the notebook"]


def code(cells):
    """The code cells."""
    return [cell for cell in cells if cell.kind == "code"]


def title_missing(cells):
    if cells and cells[0].kind == "markdown" and re.match(r"# \S", cells[0].source):
        return []
    return [f"{cells[0].place}: is no title; begin the notebook with a text cell '# Title'"]


def not_python(cells):
    findings = []
    for cell in code(cells):
        try:
            ast.parse(cell.source)
        except SyntaxError as error:
            findings.append(
                f"{cell.place}, line {error.lineno}: is not plain Python; use no % or ! commands"
            )
    return findings


def long_cells(cells):
    findings = []
    for cell in code(cells):
        folded = "hide-input" in cell.metadata.get("tags", [])
        most = LONGEST_FOLDED_CELL if folded else LONGEST_CELL
        if (lines := len(cell.source.splitlines())) > most:
            advice = f"split it at an idea ({most} at most)"
            findings.append(f"{cell.place}: has {lines} lines; {advice}")
        if folded and not cell.figures:
            findings.append(f"{cell.place}: is folded away and draws nothing; show its code")
    return findings


def trailing_semicolons(cells):
    findings = []
    for cell in code(cells):
        if not cell.tree.body:
            continue
        tokens = list(tokenize.generate_tokens(io.StringIO(cell.source).readline))
        findings += [
            f"{cell.place}, line {token.start[0]}: ends in ';'; write `_ = ...` to hide a result"
            for token, after in itertools.pairwise(tokens)
            if token.string == ";" and after.type in (tokenize.NEWLINE, tokenize.COMMENT)
        ]
    return findings


def escapes(cells):
    """Ways around a check: tags, comments, handlers that swallow errors, blanket filters."""
    findings = []
    for cell in code(cells):
        for tag in sorted(HIDING_TAGS & set(cell.metadata.get("tags", []))):
            findings.append(f"{cell.place}: has the tag {tag!r}; every cell runs and shows all")
        for found in ESCAPES.finditer(cell.source):
            findings.append(f"{cell.place}: has {found[0]!r}; mend what the check finds")
        for node in ast.walk(cell.tree):
            if isinstance(node, ast.ExceptHandler) and isinstance(node.body[0], ast.Pass):
                findings.append(f"{cell.place}, line {node.lineno}: 'except: pass'; let it raise")
            if _is_blanket_filter(node, cell.source.splitlines()):
                findings.append(
                    f"{cell.place}, line {node.lineno}: hides warnings; name the message or "
                    "category and give the reason in a comment on the line before"
                )
    return findings


def _is_blanket_filter(node, lines):
    if not (isinstance(node, ast.Call) and "ignore" in ast.unparse(node.args[:1])):
        return False
    if not ast.unparse(node.func).endswith(("filterwarnings", "simplefilter")):
        return False
    is_narrow = len(node.args) > 1 or bool(node.keywords)
    return not (is_narrow and "#" in "".join(lines[max(node.lineno - 2, 0) : node.lineno]))


def clock_readers(cells):
    return [
        f"{cell.place}: reads the clock ({found[0]!r}); leave times out"
        for cell in code(cells)
        if (found := CLOCK.search(cell.source))
    ]


def bare_columns(cells):
    """Voxels that are named by a column number, which means nothing on another mask."""
    findings = []
    for cell in code(cells):
        lines = cell.source.splitlines()
        numbers = {
            number
            for number, line in enumerate(lines, 1)
            if MARKED_COLUMNS.search(line) and not NAMED_VOXEL.search(line)
        }
        for node in ast.walk(cell.tree):
            # A column of 100 or more is no pixel.
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
                column = node.slice.elts[-1]
                if isinstance(column, ast.Constant) and isinstance(column.value, int):
                    numbers |= {node.lineno} if column.value >= 100 else set()
        findings += [
            f"{cell.place}, line {number}: a voxel by its column number; "
            "use recording.column(i, j, k)"
            for number in sorted(numbers)
        ]
    return findings


def called(tree):
    """Last names of all functions that the code calls."""
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [ast.unparse(function).split(".")[-1] for function in calls]
