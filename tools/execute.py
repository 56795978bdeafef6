"""Run notebooks in place and store them the way this repository keeps them.

    python tools/execute.py notebooks/01_loading.ipynb

A stored notebook holds its text outputs, one marker for each figure, and no image bytes, so that
a change in Git shows what a reader would see change.
Only a page that the book shows without running it, because it needs a download, keeps its images:
its metadata say ``"figures": "stored"``. Warnings and anything else on stderr count as failures:
the notebook is then left as it was.
"""

import argparse
import hashlib
import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

KEPT_CELL_METADATA = ("mystnb", "tags")
VIEWER = "<p>Interactive viewer: run the cell or open the book's page to see it.</p>"
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "pygments_lexer": "ipython3"},
}


def stored_outputs(outputs, keep_images):
    """Drop metadata, and image bytes if so told; join neighbouring pieces of a stream."""
    kept = []
    for output in outputs:
        output = nbformat.from_dict(output)
        if output.output_type == "stream":
            if kept and kept[-1].get("name") == output.name:
                kept[-1].text += output.text
                continue
        elif "data" in output:
            output.metadata = nbformat.from_dict({})
            output.data = nbformat.from_dict(
                {
                    kind: data
                    for kind, data in output.data.items()
                    if keep_images or not kind.startswith("image/")
                }
            )
            if "<iframe" in output.data.get("text/html", ""):
                # A viewer is hundreds of kilobytes of images and scripts; nbval replaces
                # it in the same way (tests/nbval_sanitise.cfg).
                output.data["text/html"] = VIEWER
        kept.append(output)
    return kept


def tidy(notebook):
    """Write the notebook as text: the same for the same cells and printed outputs."""
    figures = {"figures": "stored"} if notebook.metadata.get("figures") == "stored" else {}
    tidied = nbformat.v4.new_notebook(metadata=figures | NOTEBOOK_METADATA)
    seen = {}
    for cell in notebook.cells:
        new = nbformat.from_dict(
            {
                "cell_type": cell.cell_type,
                "id": _cell_id(cell, seen),
                "metadata": {k: cell.metadata[k] for k in KEPT_CELL_METADATA if k in cell.metadata},
                "source": cell.source,
            }
        )
        if cell.cell_type == "code":
            new.execution_count = cell.get("execution_count")
            new.outputs = stored_outputs(cell.get("outputs", []), bool(figures))
        tidied.cells.append(new)
    return nbformat.writes(tidied, version=4) + "\n"


def _cell_id(cell, seen):
    """Make the id from the cell's text, so that a second author or run gets the same."""
    name = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
    seen[name] = seen.get(name, 0) + 1
    return name if seen[name] == 1 else f"{name}-{seen[name]}"


def stderr_findings(notebook):
    """List what the cells wrote to stderr; cells are counted from 1, text and code alike."""
    return [
        f"cell {number}: wrote to stderr: {output.text.strip()[:500]}"
        for number, cell in enumerate(notebook.cells, 1)
        for output in cell.get("outputs", [])
        if output.output_type == "stream" and output.name == "stderr"
    ]


def run(notebook, folder, timeout=600):
    """Execute the notebook's cells in ``folder`` with a fresh kernel."""
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=timeout,
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
    )
    client.execute()
    return notebook


def execute(path):
    """Run one notebook and store it; return the list of what is wrong (empty when stored)."""
    path = Path(path)
    notebook = nbformat.read(path, as_version=4)
    try:
        run(notebook, path.parent)
    except CellExecutionError as error:
        return [f"{path}: a cell raised:\n{error}"]
    findings = stderr_findings(notebook)
    if not findings:
        path.write_text(tidy(notebook), encoding="utf-8", newline="\n")
    return [f"{path}, {finding}" for finding in findings]


def main(arguments=None):
    """Run the notebooks named on the command line; exit code 1 when one of them fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="+", type=Path, help="notebooks to run and store")
    # The real recording's licence is unknown: what is stored is always the twin's.
    os.environ["BOOK_DATA"] = "twin"
    os.environ["TQDM_DISABLE"] = "1"  # progress bars are for who is waiting
    failed = False
    for path in parser.parse_args(arguments).notebooks:
        findings = execute(path)
        failed = failed or bool(findings)
        print("\n".join(findings) if findings else f"{path}: run and stored", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
