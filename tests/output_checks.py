"""Checks of a notebook's stored outputs and figures; see notebook_checks.py for their form.

Notebooks are stored without image bytes (tools/execute.py). What stays of a figure is its marker,
the output `<Figure size 640x480 with 1 Axes>`. Strict nbval compares it with what the cell really
shows, so a cell has the marker if and only if it makes a figure: the checks rely on that.
"""

import re

from notebook_checks import called, code, plain

SHORTEST_ALT = 40
REPR = re.compile(
    r"\bat 0x[0-9a-f]+|<(class|function|module|bound method|Axes|Figure)\b[^>]*>"
    r"|<[A-Za-z_][\w.]*( object)?>|\bFigure size\b|\bAxes(Image|Subplot)?\("
    r"|\barray\(|\bdtype=|\bnp\.(float|int|uint|bool|str)\w*\("
)
PATH = re.compile(r"""(^|[\s'"(=:])(/[\w.~-]+/[\w./~-]+|[A-Za-z]:\\\w+|~/\w+)""", re.MULTILINE)
TIME = re.compile(
    r"\b\d{1,2}:\d{2}:\d{2}\b|\b20\d\d-\d\d-\d\d\b|(wall|CPU) times?:|\belapsed\b|\btook \d", re.I
)


def not_run(cells):
    return [
        f"{cell.place}: has the execution count {cell.execution_count}, not {expected}; "
        "run tools/execute.py on the notebook"
        for expected, cell in enumerate(code(cells), 1)
        if cell.execution_count != expected
    ]


def stderr(cells):
    return [
        f"{cell.place}: wrote to stderr or raised: {plain(output)[:200]!r}; mend the cause"
        for cell in code(cells)
        for output in cell.outputs
        if output.get("name") == "stderr" or output["output_type"] == "error"
    ]


def stored_images(cells):
    """Image bytes in an output or in a text cell (an attachment or a data: address)."""
    return [
        f"{cell.place}: stores an image; run tools/execute.py on the notebook"
        for cell in cells
        if any(map(_holds_image, cell.outputs))
        or (cell.kind == "markdown" and "data:image/" in cell.source)
    ]


def _holds_image(output):
    data = output.get("data", {})
    return any(kind.startswith("image/") for kind in data) or "data:image/" in "".join(
        data.get("text/html", "")
    )


def object_reprs(cells):
    """Results and objects that Python shows by their repr; figures and tables are exempt."""
    findings = []
    for cell in code(cells):
        for output in cell.outputs:
            text = plain(output)
            if output["output_type"] == "execute_result" and not _is_table(output):
                findings.append(f"{cell.place}: shows {text[:80]!r}; print it with a label")
            elif output not in cell.figures and (found := REPR.search(text)):
                findings.append(f"{cell.place}: shows the repr {found[0]!r}; say it in words")
    return findings


def _is_table(output):
    """Whether it is a pandas table, which notebooks show without being told to print."""
    return 'class="dataframe"' in "".join(output.get("data", {}).get("text/html", ""))


def wordless_displays(cells):
    """Tables and viewers need words where the page is not drawn: in Git, on a terminal."""
    return [
        f"{cell.place}: displays something without words; give text/plain a sentence on it"
        for cell in code(cells)
        for output in cell.outputs
        if output["output_type"] == "display_data" and len(plain(output)) < 20
    ]


def paths_and_times(cells):
    """What would differ on another machine or day."""
    findings = []
    for cell in code(cells):
        for output in cell.outputs:
            text = plain(output)
            for found in (PATH.search(text), TIME.search(text)):
                if found:
                    findings.append(
                        f"{cell.place}: shows {found[0].strip()!r}; print what holds anywhere"
                    )
    return findings


def figures_without_alt(cells):
    findings = []
    for cell in code(cells):
        if len(cell.figures) > 1:
            findings.append(
                f"{cell.place}: shows {len(cell.figures)} figures, which would share an alt text; "
                "one figure a cell"
            )
        if cell.figures and len(cell.image.get("alt", "").strip()) < SHORTEST_ALT:
            findings.append(
                f"{cell.place}: a figure without alt text of {SHORTEST_ALT} characters or more; "
                "say what is seen in metadata.mystnb.image.alt"
            )
    return findings


def figures_without_source(cells, labelling):
    """Figure cells that call no function of `labelling`, those that name the data's source."""
    return [
        f"{cell.place}: a figure that does not name its data; "
        "call plotting.label_source(fig, dataset.source)"
        for cell in code(cells)
        if cell.figures and not labelling & set(called(cell.tree))
    ]
