"""The built book is whole; each check is shown to find a fault planted in a small page."""

import os
from pathlib import Path

import book_checks
import pytest
import yaml
from book_checks import parse
from notebook_checks import code, read_cells

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "_build" / "html"
# Without the book, these tests fail where it must have been built: in CI and in `make test`.
needs_book = pytest.mark.skipif(
    not BOOK.exists() and not os.environ.get("CI"),
    reason="the book is not built; `make test` builds it first, `make book` alone does too",
)

CHECKS = [
    book_checks.other_hosts,
    book_checks.raw_markup,
    book_checks.images,
    book_checks.failures,
    book_checks.search_bars,
    book_checks.unfolded_solutions,
    book_checks.unrendered_math,
]


def read_yaml(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


LIMIT = 1.5e6  # bytes of a page's own files
PAGES = book_checks.pages_of(read_yaml("_toc.yml"))
NOTEBOOKS = [page for page in PAGES if (ROOT / f"{page}.ipynb").exists()]
CHAPTERS = [page for page in PAGES if page.startswith("notebooks/")]


@pytest.fixture(scope="module")
def book():
    """Every page of the built book, parsed, by its name."""
    files = [file for file in BOOK.rglob("*.html") if "_static" not in file.parts]
    return {
        file.relative_to(BOOK).with_suffix("").as_posix(): parse(file.read_text(encoding="utf-8"))
        for file in files
    }


def alts(notebook):
    """Alt texts of the figures that a notebook's cells make."""
    return [cell.image.get("alt") for cell in code(read_cells(notebook, ROOT)) if cell.figures]


def report(findings):
    return "\n".join(["", *findings])


@needs_book
def test_every_page_is_there():
    findings = book_checks.missing_pages(read_yaml("_toc.yml"), BOOK)
    assert not findings, report(findings)


@needs_book
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("page", PAGES)
def test_page(page, check, book):
    findings = check(page, book[page])
    assert not findings, report(findings)


@needs_book
@pytest.mark.parametrize("page", [*PAGES, "genindex", "search"])
def test_links_lead_somewhere(page, book):
    findings = book_checks.dead_links(page, book, BOOK)
    assert not findings, report(findings)


@needs_book
@pytest.mark.parametrize("page", NOTEBOOKS)
def test_every_figure_is_shown(page, book):
    findings = book_checks.missing_figures(page, book[page], alts(ROOT / f"{page}.ipynb"))
    assert not findings, report(findings)


@needs_book
@pytest.mark.parametrize("page", PAGES)
def test_page_is_light(page, book):
    findings = book_checks.too_heavy(page, book[page], BOOK, LIMIT)
    assert not findings, report(findings)


@needs_book
@pytest.mark.parametrize("page", CHAPTERS)
def test_launch_buttons(page, book):
    repository = read_yaml("_config.yml")["repository"]["url"]
    findings = book_checks.launch_buttons(page, book[page], repository)
    assert not findings, report(findings)


# Planted faults

OWN = "https://github.com/someone/book"
BINDER = "https://mybinder.org/v2/gh/someone/book/main?urlpath=lab/tree/notebooks%2Fone.ipynb"
COLAB = "https://colab.research.google.com/github/someone/book/blob/main/notebooks/one.ipynb"
GOOD = f"""
<link rel="stylesheet" href="style.css"><link rel="canonical" href="https://example.org/one.html">
<script src="_static/mathjax.js"></script><script src="_static/togglebutton.js"></script>
<form class="bd-search"></form>
<div class="dropdown-launch-buttons"><a href="{BINDER}">B</a><a href="{COLAB}">C</a></div>
<article><h1 id="one">One<a href="#one">#</a></h1>
<p>See <a href="two.html#there">two</a>, <a href="https://example.org">a site</a>; write
<code>{{cite}}`key`</code> <span class="math">\\[x\\]</span></p>
<div class="cell_output"><img src="one.png" alt="A rising line"></div>
<div class="cell_output"><img src="two.png" alt="A falling line"></div>
<div class="cell_output"><pre>voxels: 5438</pre><iframe srcdoc="x" title="Viewer"></iframe></div>
<div class="solution dropdown" id="so"><p>So.</p></div></article>
"""


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_page_in_order_passes(check):
    assert check("one", parse(GOOD)) == []


FAULTS = [
    (book_checks.other_hosts, "_static/mathjax.js", "https://cdn.org/mathjax.js", "cdn.org"),
    (book_checks.other_hosts, "style.css", "//cdn.org/style.css", "loads '//cdn.org"),
    (book_checks.raw_markup, "See ", ":::{note}\n", "shows ':::{note}'"),
    (book_checks.raw_markup, "See ", "```{exercise-start}\n", "shows '```{exercise-start}'"),
    (book_checks.raw_markup, "See ", "{cite}`key`\n", "shows '{cite}`key`'"),
    (book_checks.raw_markup, "See ", "$$x$$\n", "shows '$$x$$'"),
    (book_checks.images, 'alt="A rising line"', 'alt=""', "'one.png' has no alt text"),
    (book_checks.images, "A rising line", "A falling line", "2 figures share the alt text"),
    (book_checks.failures, "<pre>", '<pre class="stderr">UserWarning ', "UserWarning"),
    (book_checks.failures, "<pre>", "<pre>Traceback (most recent call last)", "Traceback"),
    (book_checks.failures, "<pre>", "<pre>&lt;Figure size 640x480 with 1 Axes>", "<Figure size"),
    (book_checks.failures, ' title="Viewer"', "", "an iframe without title"),
    (book_checks.search_bars, "<article>", '<form class="bd-search"></form><article>', "2 search"),
    (book_checks.search_bars, 'form class="bd-search"', "form", "0 search bars"),
    (book_checks.unfolded_solutions, "solution dropdown", "solution", "'so' is open"),
    (book_checks.unfolded_solutions, "togglebutton", "other", "nothing folds solutions"),
    (book_checks.unrendered_math, "mathjax", "other", "loads no MathJax"),
]


@pytest.mark.parametrize(("check", "right", "wrong", "words"), FAULTS)
def test_a_planted_fault_is_found(check, right, wrong, words):
    assert right in GOOD
    (finding,) = check("one", parse(GOOD.replace(right, wrong)))
    assert finding.startswith("one: ")
    assert words in finding


def test_every_check_has_a_planted_fault():
    assert {check for check, *_ in FAULTS} == set(CHECKS)


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("two.html#there", "three.html", "'three.html', which is not in the book"),
        ("two.html#there", "two.html#here", "'two.html#here', but the page has no such anchor"),
        ("#one", "#two", "'#two', but the page has no such anchor"),
        ("one.png", "missing.png", "'missing.png', which is not in the book"),
    ],
)
def test_a_dead_link_is_found(right, wrong, words, tmp_path):
    for file in (
        "one.png",
        "two.png",
        "style.css",
        "_static/mathjax.js",
        "_static/togglebutton.js",
    ):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    pages = {"one": GOOD, "two": '<p id="there">There</p>'}
    for name, html in pages.items():
        (tmp_path / f"{name}.html").write_text(html, encoding="utf-8")
    soups = {name: parse(html) for name, html in pages.items()}
    assert book_checks.dead_links("one", soups, tmp_path) == []
    soups["one"] = parse(GOOD.replace(right, wrong))
    (finding,) = book_checks.dead_links("one", soups, tmp_path)
    assert finding == f"one: links {words}"


def test_a_heavy_page_is_found(tmp_path):
    html = "<img src='big%20one.png'><script src='../_static/all.js'></script><a href='a.zip'></a>"
    sizes = {"a/one.html": 90, "a/big one.png": 20, "_static/all.js": 500, "a/a.zip": 500}
    for name, size in sizes.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * size)
    assert book_checks.too_heavy("a/one", parse(html), tmp_path, 110) == []
    (finding,) = book_checks.too_heavy("a/one", parse(html), tmp_path, 109)
    assert finding.startswith("a/one: weighs ")


def test_a_missing_page_is_found(tmp_path):
    toc = {"root": "intro", "parts": [{"chapters": [{"file": "a", "sections": [{"file": "b"}]}]}]}
    for page in ("intro", "a"):
        (tmp_path / f"{page}.html").touch()
    (finding,) = book_checks.missing_pages(toc, tmp_path)
    assert finding.startswith("b: is in _toc.yml")


def test_a_missing_figure_is_found():
    expected = ["A rising line", "A map of the brain"]
    (finding,) = book_checks.missing_figures("one", parse(GOOD), expected)
    assert finding.startswith("one: does not show the figure 'A map of the brain'")


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        (BINDER, "https://mybinder.org/", "no Binder button"),
        (COLAB, COLAB.replace("someone", "else"), "no Colab button"),
        (COLAB, COLAB.replace("one.ipynb", "two.ipynb"), "no Colab button"),
    ],
)
def test_a_missing_launch_button_is_found(right, wrong, words):
    assert book_checks.launch_buttons("notebooks/one", parse(GOOD), OWN) == []
    faulty = parse(GOOD.replace(right, wrong))
    (finding,) = book_checks.launch_buttons("notebooks/one", faulty, OWN)
    assert finding.startswith("notebooks/one: has ")
    assert words in finding
