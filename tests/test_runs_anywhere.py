"""Notebooks print the same from any folder, twice, on one or two threads, without a network.

`make test` compares every notebook with its stored outputs through nbval. Here the cheapest chapter
and the numerically most sensitive one are run under other conditions.
"""

import gzip
import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from notebook_checks import load_tool, plain

from helpers.data import load

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
OFFLINE = ROOT / "tests" / "offline"

# On Windows, pyzmq says that it starts a thread for the kernel's messages; nothing is wrong.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Proactor event loop:RuntimeWarning"),
]


def shown(notebook):
    """What each code cell prints or shows, one text an output."""
    outputs = load_tool().stored_outputs
    return [
        [plain(output) for output in outputs(cell.outputs, False)]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def run(notebook, folder, monkeypatch, threads=2, offline=False):
    """Run the notebook in a folder; the kernel inherits the environment set here."""
    for library in ("OMP", "OPENBLAS", "MKL"):
        monkeypatch.setenv(f"{library}_NUM_THREADS", str(threads))
    if offline:
        path = os.pathsep.join(filter(None, [str(OFFLINE), os.environ.get("PYTHONPATH")]))
        monkeypatch.setenv("PYTHONPATH", path)
    return shown(load_tool().run(notebook, folder))


def toy(*sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.mark.parametrize(
    ("chapter", "folder", "threads", "offline"),
    [
        pytest.param("01_loading", ROOT, 2, False, id="loading-from-the-root"),
        pytest.param("01_loading", NOTEBOOKS, 2, True, id="loading-without-network"),
        pytest.param("02_ridge_encoding", NOTEBOOKS, 1, False, id="ridge-one-thread"),
        pytest.param("02_ridge_encoding", ROOT, 2, True, id="ridge-two-threads-without-network"),
    ],
)
def test_chapter_prints_what_is_stored(chapter, folder, threads, offline, monkeypatch):
    notebook = nbformat.read(NOTEBOOKS / f"{chapter}.ipynb", as_version=4)
    stored = shown(notebook)
    assert any(stored)
    assert run(notebook, folder, monkeypatch, threads, offline) == stored


def test_helpers_are_found_from_any_folder(tmp_path, monkeypatch):
    notebook = toy("from helpers._files import DataError\nprint(DataError.__mro__[1].__name__)")
    for folder in (ROOT, ROOT / "tests", tmp_path):
        assert run(notebook, folder, monkeypatch) == [["OSError"]]


def test_a_notebook_that_prints_its_folder_is_caught(tmp_path, monkeypatch):
    notebook = toy("from pathlib import Path\nprint(Path.cwd().name)")
    assert run(notebook, tmp_path, monkeypatch) != run(notebook, ROOT, monkeypatch)


def test_a_notebook_without_a_seed_is_caught(tmp_path, monkeypatch):
    notebook = toy("import numpy as np\nprint(np.random.default_rng().random())")
    assert run(notebook, tmp_path, monkeypatch) != run(notebook, tmp_path, monkeypatch)


def test_a_notebook_that_depends_on_threads_is_caught(tmp_path, monkeypatch):
    # OpenMP does as it is told even on one core, where the library for products stays at one.
    source = "import threadpoolctl\nimport sklearn.cluster\nprint(max(\n"
    source += "    pool['num_threads'] for pool in threadpoolctl.threadpool_info()))"
    one, two = (run(toy(source), tmp_path, monkeypatch, threads) for threads in (1, 2))
    assert (one, two) == ([["1"]], [["2"]])


@pytest.mark.parametrize(
    "source",
    [
        "import socket\nsocket.create_connection(('203.0.113.1', 80), timeout=1)",
        "import urllib.request\nurllib.request.urlopen('http://example.org', timeout=1)",
    ],
)
def test_a_notebook_that_needs_the_network_is_caught(source, tmp_path, monkeypatch):
    with pytest.raises(CellExecutionError, match="the network is cut"):
        run(toy(source), tmp_path, monkeypatch, offline=True)


@pytest.fixture
def unmarked_home(tmp_path):
    """Lay the twin's files where the real recording is kept, without the mark in their headers."""
    twin = Path(load("twin").mask).parents[1]
    for path in (path for path in twin.rglob("*") if path.is_file()):
        copy = tmp_path / "real" / "miyawaki2008" / path.relative_to(twin)
        copy.parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes()
        if path.suffix == ".gz":
            image = gzip.decompress(content)
            content = gzip.compress(image[:148] + bytes(80) + image[228:], compresslevel=1)
        copy.write_bytes(content)
    return tmp_path


def test_a_chapter_runs_on_files_in_the_real_layout(unmarked_home, monkeypatch):
    """With BOOK_DATA=real a chapter takes the other recording and says so; nothing else differs."""
    monkeypatch.setenv("BOOK_DATA", "real")
    monkeypatch.setenv("BOOK_DATA_DIR", str(unmarked_home))
    notebook = nbformat.read(NOTEBOOKS / "03_brain_mapping.ipynb", as_version=4)
    stored = shown(notebook)
    printed = run(notebook, NOTEBOOKS, monkeypatch, offline=True)
    assert "data: real" in str(printed)
    assert re.sub(r"(data:? |\()real\b", r"\1twin", str(printed)) == str(stored)


def test_what_is_stored_is_always_the_twins(tmp_path, monkeypatch):
    path = tmp_path / "toy.ipynb"
    nbformat.write(toy("import os\nprint(os.environ['BOOK_DATA'])"), path)
    monkeypatch.setenv("BOOK_DATA", "real")
    assert load_tool().main([str(path)]) == 0
    assert shown(nbformat.read(path, as_version=4)) == [["twin"]]
