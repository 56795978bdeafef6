"""The landing page leads everywhere; pages say how to cite the book, and how they were made."""

import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import captions
import last_executed
import lengths
import nbformat
import nilearn
import pytest
import site_address
import yaml
from book_checks import pages_of
from bs4 import BeautifulSoup
from docutils import nodes
from docutils.utils import new_document

ROOT = Path(__file__).resolve().parent.parent
DAY = date(2026, 3, 1)


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


# ---- the landing page


def test_landing_page_leads_to_every_page_in_the_order_of_the_contents():
    pages = pages_of(yaml.safe_load(read("_toc.yml")))
    text = read("intro.md").partition("## Map of the chapters")[2].partition("## The data")[0]
    linked = re.findall(r"^:link: (\S+)$|\]\(((?:notebooks|pages)/\w+)\.\w+\)", text, re.MULTILINE)
    assert [card or row for card, row in linked] == [page for page in pages if page != "intro"]


def test_each_card_names_its_chapter_and_earlier_ones():
    cards = re.findall(
        r"card\} (\d+) (.+)\n:link: notebooks/0?(\d+)_.+\n.+\n"
        r":link-alt: Chapter (\d+), (.+)\n.+\n\n(.+)",
        read("intro.md"),
    )
    assert len(cards) == len(list((ROOT / "notebooks").glob("[0-9]*.ipynb")))
    for number, title, file, spoken, name, needs in cards:
        assert number == file == spoken and title == name
        time, needed = re.fullmatch(r"(\d+) min, (?:start here|needs (.+))", needs).groups()
        path = next((ROOT / "notebooks").glob(f"{int(file):02}_*.ipynb"))
        measured = lengths.measure(nbformat.read(path, as_version=4))["minutes"]
        assert abs(int(time) - measured) <= 5, f"{path.stem} takes {measured} minutes"
        assert all(int(chapter) < int(number) for chapter in re.findall(r"\d+", needed or ""))
        assert bool(needed) == (number != "1")


# ---- cite this book


def test_page_and_file_cite_the_book_alike():
    citation = yaml.safe_load(read("pages/CITATION.cff"))
    fields = dict(re.findall(r"^  (\w+) = \{+(.+?)\}+,$", read("pages/cite.md"), re.MULTILINE))
    assert fields == {
        "title": citation["title"],
        "author": citation["authors"][0]["name"],
        "year": str(citation["date-released"].year),
        "version": str(citation["version"]),
    }


def test_newest_change_is_the_version_that_is_cited():
    citation = yaml.safe_load(read("pages/CITATION.cff"))
    newest = re.search(r"^## (.+), version (\S+)$", read("pages/changelog.md"), re.MULTILINE)
    day = citation["date-released"]
    assert newest.groups() == (f"{day.day} {day:%B %Y}", str(citation["version"]))


# ---- last executed


@pytest.mark.parametrize(
    ("code", "chosen", "data"),
    [
        ("dataset = datasets.load()", None, "simulated twin"),
        ("dataset = datasets.load()", "real", "Miyawaki"),
        ('dataset = datasets.load("twin")', "real", "simulated twin"),
        ("dataset = datasets.load(source='twin')", "real", "simulated twin"),
    ],
)
def test_line_names_day_versions_and_data(code, chosen, data, monkeypatch):
    monkeypatch.delenv("BOOK_DATA", raising=False)
    if chosen:
        monkeypatch.setenv("BOOK_DATA", chosen)
    line = last_executed.sentence(code, DAY)
    assert line.startswith("Executed on 1 March 2026 with Python 3.")
    assert f"nilearn {nilearn.__version__}, scikit-learn " in line
    assert data in line.rpartition("Data: ")[2]


@pytest.mark.parametrize(
    ("suffix", "mode", "lines"),
    [
        ("ipynb", "force", 1),
        ("ipynb", "cache", 1),
        ("ipynb", "off", 0),
        ("md", "force", 0),
        ("stored.ipynb", "cache", 0),
    ],
)
def test_only_executed_notebooks_get_the_line(suffix, mode, lines):
    env = SimpleNamespace(docname="a", doc2path=lambda name: f"/book/{name}.{suffix}")
    stored = ["book/a.stored.ipynb"]
    config = SimpleNamespace(nb_execution_mode=mode, nb_execution_excludepatterns=stored)
    page = new_document("a")
    last_executed.add_note(SimpleNamespace(env=env, config=config), page)
    assert len(page.children) == lines


# ---- captions


def test_only_a_paragraph_that_is_a_caption_and_nothing_else_looks_like_one():
    emphasis, text = nodes.emphasis, nodes.Text
    contents = {
        "caption": [emphasis("", "Figure: a line.")],
        "emphasis": [emphasis("", "Which image?")],
        "goes on": [emphasis("", "Figure: a line."), text(" More.")],
        "plain": [text("Figure: a line.")],
    }
    page = new_document("a")
    for name, content in contents.items():
        page += nodes.paragraph("", "", *content, names=[name])
    captions.mark(None, page)
    marked = [p["names"] for p in page.findall(nodes.paragraph) if "figure-caption" in p["classes"]]
    assert marked == [["caption"]]


# ---- the address of the published pages


@pytest.mark.parametrize(
    ("repository", "pages"),
    [
        ("https://github.com/Teacher/course", "https://teacher.github.io/course/"),
        ("https://github.com/teacher/course/", "https://teacher.github.io/course/"),
        ("https://github.com/teacher/Teacher.github.io", "https://teacher.github.io/"),
        (f"https://github.com/{site_address.PLACEHOLDER}/book", None),
        ("https://gitlab.com/teacher/course", None),
        ("", None),
    ],
)
def test_pages_follow_from_the_repository(repository, pages):
    assert site_address.pages_of(repository) == pages


def test_a_published_page_names_itself_for_cards_and_search_engines(tmp_path):
    (tmp_path / "index.rst").write_text("Title\n=====\n\nText.\n", encoding="utf-8")
    config = {
        "project": "Other",
        "html_title": "The book",
        "html_theme": "sphinx_book_theme",
        "html_theme_options": {"repository_url": "https://github.com/me/course"},
        "html_logo": str(ROOT / "tools/theme/static/logo.svg"),
        "extensions": ["site_address"],
    }
    lines = "".join(f"{name} = {value!r}\n" for name, value in config.items())
    (tmp_path / "conf.py").write_text(lines, encoding="utf-8")
    start = "import sys; from sphinx.cmd.build import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", start, "-q", "-W", "--keep-going", ".", "out"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tools/theme/extensions")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    page = BeautifulSoup((tmp_path / "out" / "index.html").read_text("utf-8"), "html.parser")
    cards = {tag["property"]: tag["content"] for tag in page.select("meta[property^='og:']")}
    assert cards["og:url"] == "https://me.github.io/course/index.html"
    assert cards["og:site_name"] == "The book"
    assert cards["og:image"] == "https://me.github.io/course/_images/overview.png"
    sites = (tmp_path / "out" / "sitemap.xml").read_text("utf-8")
    assert "<loc>https://me.github.io/course/index.html</loc>" in sites


def test_the_placeholder_is_the_one_of_the_configuration():
    url = yaml.safe_load(read("_config.yml"))["repository"]["url"]
    assert f"/{site_address.PLACEHOLDER}/" in url
