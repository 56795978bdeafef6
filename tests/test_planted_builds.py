"""A fault in a notebook stops the commands that test and build the book.

The faults are planted in toys and in a copy of chapter 2. The commands are the Makefile's own, so
that a weaker option there fails here.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from notebook_checks import load_tool

ROOT = Path(__file__).resolve().parent.parent
RIDGE = ROOT / "notebooks" / "02_ridge_encoding.ipynb"

# On Windows, pyzmq says that it starts a thread for the kernel's messages; nothing is wrong.
pytestmark = pytest.mark.filterwarnings("ignore:Proactor event loop:RuntimeWarning")

# Changes to a toy's code whose stored outputs stay, and the code cell (from 0) that must fail.
CHANGES = {
    "number": (r"alpha = 100", "alpha = 101"),
    "warning": (r"print\(round", "import warnings\nwarnings.warn('new')\nprint(round"),
    "repr": (r"_ = plt\.plot", "plt.plot"),
    "no_figure": (r"_ = plt\.plot\(alpha\)", "pass"),
    "other_figure": (r"plt\.plot\(alpha\)", "plt.subplots(2)"),
    "error": (r"print\(words\)", "1 / 0"),
}
FAILING = {"number": 1, "warning": 1, "repr": 2, "no_figure": 2, "other_figure": 2, "error": 3}


def run(*command, folder):
    """Run Python as the Makefile does; return its exit code and all that it prints."""
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "2", "PYTHONPATH": str(ROOT / "tests")},
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def nbval(folder, *more):
    """Validate a folder's notebooks as `make test` does."""
    settings = ROOT / "tests" / "nbval_sanitise.cfg"
    options = ["--nbval", "--nbval-current-env", "--nbval-sanitize-with", settings]
    options += ["-c", ROOT / "pyproject.toml", "--rootdir", folder, "-p", "no:cacheprovider"]
    options += ["-p", "keep_executed"]
    return run("-m", "pytest", "-rf", *options, *more, ".", folder=folder)


def toy(folder, *sources, file="toy.ipynb"):
    """A notebook of code cells, run and stored."""
    cells = [nbformat.v4.new_markdown_cell("# Toy"), *map(nbformat.v4.new_code_cell, sources)]
    path = folder / file
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    assert load_tool().main([str(path)]) == 0
    return path


def change(notebook, old, new):
    """Change code of a stored notebook and leave its outputs; return the number of changes."""
    stored = nbformat.read(notebook, as_version=4)
    changes = 0
    for cell in stored.cells:
        if cell.cell_type == "code":
            cell.source, count = re.subn(old, new, cell.source)
            changes += count
    nbformat.write(stored, notebook)
    return changes


def test_make_runs_the_strict_commands():
    makefile = re.sub(r"\\\n\s*", "", (ROOT / "Makefile").read_text(encoding="utf-8"))
    (testing,) = re.findall(r"^PYTEST := .*-m pytest .*$", makefile, re.MULTILINE)
    assert "--nbval " in testing
    assert "lax" not in testing
    assert re.search(r"^\t.*\$\(PYTEST\).* notebooks pages$", makefile, re.MULTILINE)
    (building,) = re.findall(r"^BUILD := .*\bbuild \..*$", makefile, re.MULTILINE)
    assert re.search(r"--nitpick\b| -n\b", building)
    assert re.search(r"--warningiserror\b| -W\b", building)
    execute = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["execute"]
    # "auto" would leave stored notebooks, which have no images, as they are.
    assert execute["execute_notebooks"] in ("force", "cache")
    assert execute["raise_on_error"] is True
    assert not execute.get("allow_errors", False)
    # The one page that needs a download is shown as it was stored.
    assert execute["exclude_patterns"] == ["pages/real_brain.ipynb"]


@pytest.mark.slow
def test_strict_nbval_sees_every_change(tmp_path):
    original = toy(
        tmp_path,
        "import matplotlib.pyplot as plt\nalpha = 100",
        "words = 'the end'\nprint(round(1 / alpha, 4))",
        "_ = plt.plot(alpha)",
        "print(words)",
    )
    for name, (old, new) in CHANGES.items():
        notebook = tmp_path / f"{name}.ipynb"
        notebook.write_bytes(original.read_bytes())
        assert change(notebook, old, new) == 1
    code, output = nbval(tmp_path)
    assert code == 1, output
    failed = re.findall(r"^FAILED (\w+)\.ipynb::Cell (\d)", output, re.MULTILINE)
    assert sorted(failed) == sorted((name, str(FAILING[name])) for name in CHANGES), output


@pytest.mark.slow
def test_changing_alpha_in_the_ridge_chapter_fails(tmp_path):
    """The example's penalty decides printed scores: 1000 in its place cannot pass."""
    notebook = tmp_path / RIDGE.name
    notebook.write_bytes(RIDGE.read_bytes())
    assert change(notebook, r"(?i)\b(alphas?\s*=\s*\(?)100(\.0)?\b", r"\g<1>1000.0")
    code, output = nbval(tmp_path)
    assert code == 1, output
    assert "Cell outputs differ" in output


def build(folder):
    """Build the book of one notebook with this book's settings for the execution of notebooks."""
    settings = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config = {"title": "Toy", "author": "Nobody", "execute": settings["execute"]}
    (folder / "_config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (folder / "_toc.yml").write_text("format: jb-book\nroot: toy\n", encoding="utf-8")
    start = "import sys; from jupyter_book.cli.main import main; sys.exit(main())"
    return run("-c", start, "build", "-n", "-W", "--keep-going", ".", folder=folder)


@pytest.mark.slow
def test_the_pages_show_what_nbval_has_run(tmp_path):
    """Each run of the toy leaves a file, so that its last line counts the runs."""
    leave = "from pathlib import Path\n\nPath(f'run_{len(list(Path().glob(\"run*\")))}').touch()"
    toy(tmp_path, leave, "import matplotlib.pyplot as plt\n\n_ = plt.plot(1)", "print('shown')")
    code, output = nbval(tmp_path, "--cache-executed", tmp_path / "_build" / ".jupyter_cache")
    assert code == 0, output
    assert len(list(tmp_path.glob("run*"))) == 2
    code, output = build(tmp_path)
    assert code == 0, output
    assert len(list(tmp_path.glob("run*"))) == 2
    page = (tmp_path / "_build" / "html" / "toy.html").read_text(encoding="utf-8")
    assert ">shown" in page
    assert page.count('src="_images/') == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("raise ValueError('planted')", "planted"),
        ("import warnings\n\nwarnings.warn('planted', stacklevel=1)", "stderr"),
    ],
)
def test_a_cell_that_raises_or_warns_fails_the_build(source, words, tmp_path):
    notebook = toy(tmp_path, "print(1)")
    assert change(notebook, r"print\(1\)", source) == 1
    code, output = build(tmp_path)
    assert code != 0
    assert words in output
