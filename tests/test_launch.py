"""A fork's launch buttons open the fork, and its notebooks run on Google Colab."""

import ast
import json
import re
import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parent.parent
FORK = "https://github.com/some-teacher/vision-course"


def _load_launch():
    spec = spec_from_file_location("launch", ROOT / "tools" / "launch.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


launch = _load_launch()


@pytest.fixture
def small_book(tmp_path):
    """Copy the book's configuration, with one short notebook a folder instead of the chapters."""
    shutil.copy(ROOT / "_config.yml", tmp_path)
    cells = [
        {"cell_type": "markdown", "id": "title", "metadata": {}, "source": "# Größe"},
        {
            "cell_type": "code",
            "execution_count": 1,
            "id": "one",
            "metadata": {},
            "outputs": [],
            "source": "x = 1",
        },
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    for name in ("notebooks/01_one.ipynb", "pages/two.ipynb"):
        path = tmp_path / name
        path.parent.mkdir()
        text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        path.write_text(text, encoding="utf-8", newline="\n")
    return tmp_path


@pytest.fixture(scope="module")
def fork_pages(tmp_path_factory):
    """Build every page of a fork, without running the notebooks; return the folder of pages."""
    book = tmp_path_factory.mktemp("fork")
    for name in ("_config.yml", "_toc.yml", "intro.md"):
        shutil.copy(ROOT / name, book)
    for name in ("notebooks", "pages", "tools/theme"):
        shutil.copytree(ROOT / name, book / name)
    for name in ("execute.py", "solutions.py", "student.py", "live/exceptions.json"):
        (book / "tools" / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / "tools" / name, book / "tools" / name)
    launch.write_address(book, FORK)
    launch.add_colab_cells(book)
    config = book / "_config.yml"
    text = config.read_text(encoding="utf-8")
    assert "execute_notebooks: cache" in text
    config.write_text(
        text.replace("execute_notebooks: cache", "execute_notebooks: off"), encoding="utf-8"
    )
    build = "import sys; from jupyter_book.cli.main import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", build, "build", str(book)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return book / "_build" / "html"


def _notebooks_in_toc():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    files = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return [file for file in files if (ROOT / f"{file}.ipynb").exists()]


@pytest.mark.slow
def test_every_launch_button_of_a_fork_opens_the_fork(fork_pages):
    notebooks = _notebooks_in_toc()
    assert notebooks
    for file in notebooks:
        page = BeautifulSoup(
            (fork_pages / f"{file}.html").read_text(encoding="utf-8"), "html.parser"
        )
        links = [a["href"] for a in page.select(".dropdown-launch-buttons a[href]")]
        assert sorted(links) == [
            f"https://colab.research.google.com/github/some-teacher/vision-course/blob/launch/{file}.ipynb",
            f"https://mybinder.org/v2/gh/some-teacher/vision-course/launch?urlpath=lab/tree/{file}.ipynb",
        ]


@pytest.mark.slow
def test_no_page_of_a_fork_names_another_repository(fork_pages):
    original, _ = launch.read_address(ROOT)
    owner_and_name = original.removeprefix("https://").split("/", maxsplit=1)[1]
    pages = list(fork_pages.rglob("*.html"))
    assert pages
    named = [p.name for p in pages if owner_and_name in p.read_text(encoding="utf-8")]
    assert named == []
    assert FORK in (fork_pages / "intro.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_pages_of_a_fork_say_where_they_are_published(fork_pages):
    site = "https://some-teacher.github.io/vision-course/"
    page = (fork_pages / "notebooks/03_brain_mapping.html").read_text(encoding="utf-8")
    head = BeautifulSoup(page, "html.parser").head
    card = {tag["property"]: tag["content"] for tag in head.select("meta[property^='og:']")}
    assert card["og:title"] == "3. Brain mapping"
    assert card["og:url"] == f"{site}notebooks/03_brain_mapping.html"
    assert card["og:image"] == f"{site}_images/overview.png"
    assert len(card["og:description"]) > 50
    assert head.find("link", rel="canonical")["href"] == card["og:url"]
    assert (fork_pages / "_images/overview.png").is_file()
    map_of_site = ElementTree.parse(fork_pages / "sitemap.xml")
    named = {entry.text for entry in map_of_site.iter() if entry.tag.endswith("}loc")}
    assert {f"{site}{file}.html" for file in _notebooks_in_toc()} < named


def test_address_changes_one_line(small_book):
    before = (small_book / "_config.yml").read_text(encoding="utf-8").splitlines()
    launch.write_address(small_book, FORK + ".git")
    after = (small_book / "_config.yml").read_text(encoding="utf-8").splitlines()
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [f"  url: {FORK}"]
    assert launch.read_address(small_book) == (FORK, "launch")


@pytest.mark.parametrize("url", ["", "vision-course", "https://github.com/teacher", "a b"])
def test_an_address_that_is_none_is_refused(small_book, url):
    before = (small_book / "_config.yml").read_bytes()
    with pytest.raises(ValueError, match="https://HOST/OWNER/NAME"):
        launch.write_address(small_book, url)
    assert (small_book / "_config.yml").read_bytes() == before


def test_a_configuration_without_an_address_is_refused(small_book):
    (small_book / "_config.yml").write_text("title: No address\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no block 'repository:'"):
        launch.write_address(small_book, FORK)


def test_colab_cell_comes_before_the_first_code_cell_and_only_once(small_book):
    launch.write_address(small_book, FORK)
    original = (small_book / "pages/two.ipynb").read_text(encoding="utf-8")
    for _ in range(2):
        assert len(launch.add_colab_cells(small_book)) == 2
    notebook = json.loads((small_book / "pages/two.ipynb").read_text(encoding="utf-8"))
    assert [cell["id"] for cell in notebook["cells"]] == ["title", launch.CELL_ID, "one"]
    del notebook["cells"][1]
    assert json.dumps(notebook, indent=1, ensure_ascii=False) + "\n" == original


def test_a_folder_without_notebooks_is_refused(tmp_path):
    shutil.copy(ROOT / "_config.yml", tmp_path)
    with pytest.raises(ValueError, match="no notebooks"):
        launch.add_colab_cells(tmp_path)


def test_source_notebooks_have_no_colab_cell():
    sources = [ROOT / f"{file}.ipynb" for file in _notebooks_in_toc()]
    assert not [p.name for p in sources if launch.CELL_ID in p.read_text(encoding="utf-8")]


def test_colab_cell_does_nothing_off_colab(tmp_path, monkeypatch):
    source = "".join(launch.colab_cell(FORK, "launch", "notebooks")["source"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("the cell ran a command"))
    path = list(sys.path)
    names = {}
    exec(compile(source, "cell", "exec"), names)
    assert (Path.cwd(), sys.path) == (tmp_path, path)
    assert set(names) - {"__builtins__"} == {"sys"}


def test_colab_cell_on_colab_clones_installs_and_moves(monkeypatch):
    """Run the cell as Colab would, with every command recorded instead of run."""
    cell = launch.colab_cell(FORK, "launch", "pages")
    calls, moves = [], []
    monkeypatch.setitem(sys.modules, "google.colab", object())
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(subprocess, "run", lambda command, check: calls.append(command))
    monkeypatch.setattr("os.path.isdir", lambda path: False)
    monkeypatch.setattr("os.chdir", moves.append)
    exec(compile("".join(cell["source"]), "cell", "exec"), {})
    clone, install = calls
    assert clone[:2] == ["git", "clone"]
    assert clone[-3:] == ["--branch=launch", FORK, "/content/book"]
    assert install[1:4] == ["-m", "pip", "install"]
    assert install[-2:] == ["-e", "/content/book[bids,dask]"]
    assert (sys.path[0], moves) == ("/content/book", ["/content/book/pages"])


def test_colab_cell_uses_the_standard_library_only():
    source = "".join(launch.colab_cell(FORK, "launch", "notebooks")["source"])
    imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import)]
    assert {alias.name for node in imports for alias in node.names} <= sys.stdlib_module_names


def test_address_stands_in_no_other_file():
    owner_and_name = "/".join(launch.read_address(ROOT)[0].split("/")[-2:])
    address = re.compile(rf"(?<![\w-]){re.escape(owner_and_name)}(?![\w-])")
    names = ("notebooks", "pages", "helpers", "tests", "tools", ".ci")
    names += (".github", ".github/workflows", "tools/theme/extensions")
    kinds = {".py", ".md", ".yml", ".toml", ".cff", ".ipynb", ".txt", ".bib", ""}
    files = [p for f in (ROOT, *(ROOT / name for name in names)) for p in f.iterdir()]
    files = [p for p in files if p.is_file() and p.suffix in kinds]
    found = [p.name for p in files if address.search(p.read_text(encoding="utf-8"))]
    assert found == ["_config.yml"]
