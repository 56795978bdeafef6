"""Store notebooks in the one form that this repository keeps, without running them.

    python tools/tidy.py notebooks/01_loading.ipynb

JupyterLab stores images, timings and ids of its own, which hide a change that a reader would see.
Exit code 1 says that a notebook was in another form and is stored anew, so that a commit can stop.
"""

import sys
from pathlib import Path

import nbformat
from execute import tidy


def tidy_file(path):
    """Store one notebook in the one form.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    bool
        Whether it was in another form.
    """
    path = Path(path)
    before = path.read_text(encoding="utf-8")
    after = tidy(nbformat.reads(before, as_version=4))
    if after != before:
        path.write_text(after, encoding="utf-8", newline="\n")
    return after != before


if __name__ == "__main__":
    changed = [path for path in sys.argv[1:] if tidy_file(path)]
    print(*(f"{path}: stored in the one form; add it again" for path in changed), sep="\n")
    sys.exit(bool(changed))
