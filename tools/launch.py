"""Point the book's launch buttons at the repository that it is published from.

``address`` writes the repository's URL into ``_config.yml``, the one place where it stands.
``colab`` puts a cell before the first code cell of every notebook of the book; on Google Colab the
cell fetches the repository and installs what the notebooks import, anywhere else it does nothing.
The publishing workflow runs both and pushes the result to the branch ``launch``, which the buttons
open. On ``main`` the notebooks stay without that cell.
"""

import argparse
import json
import re
import sys
from pathlib import Path

CELL_ID = "launch-on-colab"
CELL = """\
# On Google Colab only: fetch the book's files and install what they need (a minute or two).
import sys

if "google.colab" in sys.modules:
    import os
    import subprocess

    book = "/content/book"
    if not os.path.isdir(book):
        clone = ["git", "clone", "--quiet", "--depth=1", "--branch={branch}"]
        subprocess.run([*clone, "{url}", book], check=True)
    install = [sys.executable, "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, "-e", f"{{book}}[bids,dask]"], check=True)
    sys.path.insert(0, book)
    os.chdir(f"{{book}}/{folder}")
"""
ADDRESS = re.compile(r"^repository:\n  url: (?P<url>\S+)\n  branch: (?P<branch>\S+)$", re.MULTILINE)
URL = re.compile(r"https://[\w.-]+/[\w.-]+/[\w.-]+")


def _find_address(config):
    found = ADDRESS.search(config)
    if not found:
        raise ValueError(
            "_config.yml has no block 'repository:' with the lines 'url: ...' and 'branch: ...' "
            "under it, indented by two spaces; put it back as .github/PUBLISHING.md shows it."
        )
    return found


def read_address(folder):
    """Return the repository's URL and the branch that the launch buttons open.

    Parameters
    ----------
    folder : path
        The book's folder, with ``_config.yml``.

    Returns
    -------
    url, branch : str

    Raises
    ------
    ValueError
        If ``_config.yml`` has no complete ``repository`` block.
    """
    found = _find_address((Path(folder) / "_config.yml").read_text(encoding="utf-8"))
    return found["url"], found["branch"]


def write_address(folder, url):
    """Write the repository's URL into ``_config.yml`` and change nothing else there.

    Parameters
    ----------
    folder : path
        The book's folder, with ``_config.yml``.
    url : str
        For example ``https://github.com/OWNER/NAME``.

    Raises
    ------
    ValueError
        If `url` is no such address, or ``_config.yml`` has no complete ``repository`` block.
    """
    url = url.rstrip("/").removesuffix(".git")
    if not URL.fullmatch(url):
        raise ValueError(
            f"{url!r} is not the address of a repository; give it as https://HOST/OWNER/NAME."
        )
    path = Path(folder) / "_config.yml"
    config = path.read_text(encoding="utf-8")
    start, end = _find_address(config).span("url")
    path.write_text(config[:start] + url + config[end:], encoding="utf-8", newline="\n")


def colab_cell(url, branch, folder):
    """Return the code cell that makes a notebook run on Google Colab.

    Parameters
    ----------
    url, branch : str
        What the cell clones.
    folder : str
        The notebook's folder within the repository, with forward slashes.

    Returns
    -------
    dict
        A code cell of notebook format 4.5, not executed.
    """
    source = CELL.format(url=url, branch=branch, folder=folder).rstrip("\n")
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": CELL_ID,
        "metadata": {},
        "outputs": [],
        "source": source.splitlines(keepends=True),
    }


def add_colab_cells(folder):
    """Put the cell for Google Colab before the first code cell of each of the book's notebooks.

    A cell from an earlier run is replaced.

    Parameters
    ----------
    folder : path
        The book's folder, with ``_config.yml``, ``notebooks`` and ``pages``.

    Returns
    -------
    list of pathlib.Path
        The notebooks, all rewritten.

    Raises
    ------
    ValueError
        If ``_config.yml`` has no complete ``repository`` block, or there is no notebook.
    """
    url, branch = read_address(folder)
    notebooks = [
        p for sub in ("notebooks", "pages") for p in sorted(Path(folder, sub).glob("*.ipynb"))
    ]
    if not notebooks:
        raise ValueError(
            f"{folder} has no notebooks in notebooks/ and pages/; give the book's folder."
        )
    for path in notebooks:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells = [cell for cell in notebook["cells"] if cell.get("id") != CELL_ID]
        first = next(i for i, cell in enumerate(cells) if cell["cell_type"] == "code")
        cells.insert(first, colab_cell(url, branch, path.parent.name))
        notebook["cells"] = cells
        text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        path.write_text(text, encoding="utf-8", newline="\n")
    return notebooks


def main(arguments=None):
    """Run ``address URL`` or ``colab`` on the book that this file belongs to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    address = commands.add_parser("address", help="write the repository's URL into _config.yml")
    address.add_argument("url", help="for example https://github.com/OWNER/NAME")
    commands.add_parser("colab", help="put the cell for Google Colab into every notebook")
    options = parser.parse_args(arguments)
    book = Path(__file__).resolve().parent.parent
    try:
        if options.command == "address":
            write_address(book, options.url)
        else:
            print(f"{len(add_colab_cells(book))} notebooks are ready for Google Colab.")
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
