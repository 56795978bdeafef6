"""Pages hold what runs them, and a policy that names each of their scripts; students see no answer.

What a browser makes of it is tested elsewhere: tests/test_live_page.py.
"""

import base64
import functools
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import book_checks
import browser
import browsers
import live_pages
import nbformat
import pytest
import solutions
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from notebook_checks import code, read_cells
from playwright.sync_api import sync_playwright
from sphinx.errors import ExtensionError
from test_book import BOOK, CHAPTERS, NOTEBOOKS, PAGES, ROOT, needs_book, report

import student

RUN = [page for page in NOTEBOOKS if page != "pages/real_brain"]
CLASS = ":class: dropdown"  # of every solution
ALL = [*PAGES, "genindex", "index", "search"]
needs_parts = pytest.mark.skipif(
    BOOK.exists() and not (BOOK / "_static" / "live").exists(),
    reason="the book was built without what runs its pages; `make live` makes that",
)


@functools.cache
def soup(name, folder=BOOK):
    return BeautifulSoup((folder / f"{name}.html").read_text(encoding="utf-8"), "html.parser")


def stored(page):
    return nbformat.read(ROOT / f"{page}.ipynb", as_version=4)


def notebook_in(page):
    (script,) = page.select("script#live-notebook")
    assert script["type"] == "application/json"
    return json.loads(script.string)


# ---- the policy of every page


def directives(page):
    (meta,) = page.select("meta[http-equiv=Content-Security-Policy]")
    parts = [part.split() for part in meta["content"].split(";")]
    return {name: values for name, *values in parts}


def scripts(page):
    """Text of the scripts that run in a page and its frames; found by another parser."""
    for script in page.find_all("script", src=False):
        if script.get("type") in (None, "text/javascript", "module") and script.string:
            yield script.string
    for frame in page.select("iframe[srcdoc]"):
        yield from scripts(BeautifulSoup(frame["srcdoc"], "html.parser"))


def hashes(page):
    return {
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts(page)
    }


def forbidden(page):
    """What a browser would not run, or run though it should not, and code in attributes."""
    allowed = {value for value in directives(page)["script-src"] if value.startswith("'sha256-")}
    found = [f"no hash for {digest}" for digest in hashes(page) - allowed]
    found += [f"no script for {digest}" for digest in allowed - hashes(page)]
    inside = [BeautifulSoup(f["srcdoc"], "html.parser") for f in page.select("iframe[srcdoc]")]
    for part in [page, *inside]:
        for tag in part.find_all(True):
            found += [f"<{tag.name} {key}>" for key in tag.attrs if key.startswith("on")]
            if str(tag.get("href", "")).startswith("javascript:"):
                found.append(f"<{tag.name} href={tag['href']}>")
    return found


@needs_book
@pytest.mark.parametrize("name", ALL)
def test_policy_comes_first_and_names_exactly_the_scripts_of_the_page(name):
    page = soup(name)
    first = [tag for tag in page.find_all(["meta", "script", "link", "style"])][:2]
    assert any("http-equiv" in tag.attrs for tag in first)
    assert all(tag.name == "meta" for tag in first)
    assert forbidden(page) == []


@needs_book
@pytest.mark.parametrize("name", ALL)
def test_policy_allows_no_host_but_the_pages_own_and_no_unknown_script(name):
    policy = directives(soup(name))
    assert policy["default-src"] == ["'none'"]
    own = {"'self'", "'none'", "data:", "blob:", "file:", "'wasm-unsafe-eval'", "'unsafe-inline'"}
    for directive, values in policy.items():
        others = {value for value in values if not value.startswith("'sha256-")} - own
        assert others == set(), directive
        assert "'unsafe-inline'" not in values or directive == "style-src"
        assert "file:" not in values or directive == "form-action"
    assert {"data:", "blob:"}.isdisjoint(policy["script-src"])
    assert policy["base-uri"] == policy["object-src"] == ["'none'"]


HEAD = '<!DOCTYPE html>\n<html><head>\n  <meta charset="utf-8" />\n'
FRAME = "<iframe srcdoc='<p>&lt;script&gt;frame(&quot;1&quot;)&lt;/script&gt;</p>'></iframe>"
PAGE = f"""{HEAD}<script src="a.js"></script><script>
one("<p>");</script></head><body>{FRAME}<script type="application/json">[1]</script>
<script type="module">two()</script></body></html>"""


def test_hashes_are_those_of_scripts_that_run_in_the_page_and_in_its_frames():
    page = live_pages.with_policy(PAGE)
    assert live_pages.inline_scripts(PAGE) == {'\none("<p>");', 'frame("1")', "two()"}
    assert page.startswith(f"{HEAD.rstrip()}\n<meta http-equiv=")
    assert forbidden(BeautifulSoup(page, "html.parser")) == []
    assert live_pages.with_policy(page) == page
    assert live_pages.inline_scripts(PAGE.replace("\n", "\r\n")) == live_pages.inline_scripts(PAGE)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("<script>three()</script>", "no hash for"),
        ('<iframe srcdoc="<script>three()</script>"></iframe>', "no hash for"),
        ('<button onclick="three()">3</button>', "<button onclick>"),
        ('<a href="javascript:three()">3</a>', "<a href="),
    ],
)
def test_what_is_added_afterwards_is_not_allowed(more, words):
    page = live_pages.with_policy(PAGE).replace("</body>", f"{more}</body>")
    (finding,) = forbidden(BeautifulSoup(page, "html.parser"))
    assert finding.startswith(words)
    assert live_pages.with_policy(page) != page or "<script" not in more


def test_the_line_that_leads_to_the_first_page_begins_with_a_policy():
    page = live_pages.with_policy('<meta http-equiv="Refresh" content="0; url=a.html" />\n')
    assert page.index("Content-Security-Policy") < page.index("Refresh")
    with pytest.raises(ExtensionError, match="no head"):
        live_pages.with_policy("<p>Text</p>")


@pytest.mark.skipif(browsers.find() is None, reason=browsers.NOT_FOUND)
def test_a_browser_runs_the_scripts_that_are_named_and_no_other(tmp_path):
    said = "document.title += '{}';"
    frame = "<iframe srcdoc='<script>top.document.title += \"frame.\"</script>'></iframe>"
    first = f"<html lang=en><head><title></title></head><body>{frame}"
    first += f"<script>{said.format('named.')}</script></body></html>"
    page = live_pages.with_policy(first)
    page = page.replace("</body>", f"<script>{said.format('planted.')}</script></body>")
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    with sync_playwright() as playwright, browser.launch(playwright) as opened:
        tab = opened.new_page()
        watch = browser.Watch(tab)
        browser.show(tab, tmp_path / "page.html")
        assert sorted(tab.title().split(".")) == ["", "frame", "named"]
    (finding,) = watch.take()
    assert "Content Security Policy" in finding


# ---- what a page says about its notebook


@needs_book
@pytest.mark.parametrize("name", RUN)
def test_each_code_cell_of_a_page_has_its_id(name):
    ids = [f"cell-{cell.id}" for cell in stored(name).cells if cell.cell_type == "code"]
    assert [cell["id"] for cell in soup(name).select("div.cell.live-cell")] == ids


@needs_book
@needs_parts
@pytest.mark.parametrize("name", RUN)
def test_page_holds_its_notebook_cell_by_cell(name):
    data, cells = notebook_in(soup(name)), stored(name).cells
    assert data["name"] == name
    assert [(cell["id"], cell["type"], cell["source"]) for cell in data["cells"]] == [
        (cell.id, cell.cell_type, cell.source) for cell in cells
    ]
    known = {cell.id for cell in cells if cell.cell_type == "code"}
    assert {*data["skipped"], *data["notes"]} <= known
    starts = sum("{solution-start}" in cell.source for cell in cells)
    numbers = [exercise["number"] for exercise in data["exercises"]]
    assert numbers == list(range(1, starts + 1))
    for exercise in data["exercises"]:
        check = next(cell for cell in cells if cell.id == exercise["check"])
        assert check.source.startswith(f"exercise.check_{exercise['number']}(")
        assert exercise["names"] and all(one in check.source for one in exercise["names"])
        assert exercise["title"] and exercise["label"].startswith("ex-")
        (first, *_) = (cell for cell in cells if cell.id in exercise["solution"])
        assert f"{{solution-start}} {exercise['label']}\n" in first.source
        assert "answer" not in exercise


@needs_book
@needs_parts
def test_pages_bring_what_runs_them():
    page = soup(CHAPTERS[0])
    data = notebook_in(page)
    folder = (BOOK / CHAPTERS[0]).parent / data["assets"]
    for asset in data["manifest"]["assets"].values():
        assert (folder / asset["file"]).stat().st_size == asset["size"]
    for file in ("loader.js", data["manifest"]["page"], data["manifest"]["styles"]):
        assert (folder / file).is_file()
    assert (BOOK / data["manifest"]["service"]).is_file()
    assert list((folder / "licences").iterdir())
    assert page.select("script[defer][src*='live/loader.js']")
    assert page.select(f"link[rel=stylesheet][href*='live/{data['manifest']['styles']}']")


@needs_book
@pytest.mark.parametrize("name", sorted({*ALL} - {*RUN}))
def test_other_pages_load_nothing_of_it(name):
    page = soup(name)
    assert not page.select("#live-notebook, .live-cell, [src*='_static/live'], [href*='/live.']")


CELLS = [
    new_markdown_cell("```{exercise-start} Twice as large\n:label: ex-toy-1\n```\nGo.\n"),
    new_markdown_cell("```{solution-start} ex-toy-1\n:class: dropdown\n```"),
    new_code_cell("a = 2 < 3"),
    new_markdown_cell("```{solution-end}\n```"),
    new_code_cell("exercise.check_1(a)", outputs=[new_output("stream", text="Exercise 1: right.")]),
    new_code_cell("exercise.draw(a)", outputs=[new_output("stream", text="Drawn.")]),
]


def toy():
    return new_notebook(cells=[nbformat.from_dict({**cell}) for cell in CELLS])


def test_exercises_of_both_versions():
    (whole,) = live_pages.find_exercises(toy().cells)
    assert whole["title"] == "Twice as large" and whole["label"] == "ex-toy-1"
    assert whole["names"] == ["a"] and whole["number"] == 1
    assert whole["solution"] == [cell.id for cell in CELLS[1:4]]
    assert whole["check"] == CELLS[4].id and "answer" not in whole

    made = student.with_outputs(toy(), toy())
    (left,) = live_pages.find_exercises(made.cells)
    answer = made.cells[1]
    assert left["answer"] == answer.id and left["stub"] == answer.source == whole["stub"]
    assert left["solution"] == [] and left["check"] == made.cells[2].id
    same = ("number", "title", "label", "names")
    assert [left[key] for key in same] == [whole[key] for key in same]


def test_json_cannot_end_its_script():
    data = {"source": "print('</script><!--<script>')", "name": "Größe"}
    html = live_pages.as_script(data)
    assert html.count("<") == 2
    page = BeautifulSoup(html, "html.parser")
    assert notebook_in(page) == data


@pytest.mark.parametrize(
    ("exceptions", "words"),
    [
        ({"notebooks/toy": {"nowhere": {"why": "No.", "runs": False}}}, "cell nowhere"),
        ({"notebooks/toy": {CELLS[5].id: {"why": "No."}}}, "needs 'why' and 'runs'"),
    ],
)
def test_an_exception_that_fits_no_cell_stops_the_build(exceptions, words, tmp_path):
    (tmp_path / "notebooks").mkdir()
    nbformat.write(toy(), tmp_path / "notebooks" / "toy.ipynb")
    listed = tmp_path / "exceptions.json"
    listed.write_text(json.dumps(exceptions), encoding="utf-8")
    with pytest.raises(ExtensionError, match=words):
        live_pages.read_exceptions(tmp_path, listed)


def test_exceptions_are_told_to_the_page():
    told = {CELLS[5].id: {"why": "It takes long.", "runs": False}}
    told[CELLS[4].id] = {"why": "Fewer permutations.", "runs": True}
    told["elsewhere"] = {"why": "Not in this version.", "runs": False}
    data = live_pages.describe("notebooks/toy", toy(), told)
    assert data["skipped"] == {CELLS[5].id: "It takes long."}
    assert data["notes"] == {CELLS[4].id: "Fewer permutations."}


def test_the_list_of_exceptions_fits_the_book():
    live_pages.read_exceptions(ROOT)


def test_files_are_brought_where_a_second_name_cannot_be(tmp_path, monkeypatch):
    source = tmp_path / "a"
    source.write_text("new", encoding="utf-8")
    target = tmp_path / "folder" / "b"
    live_pages.bring(source, target)
    assert target.samefile(source)

    def refuse(*_):
        raise OSError

    monkeypatch.setattr(os, "link", refuse)
    live_pages.bring(source, target)
    assert target.read_text(encoding="utf-8") == "new" and not target.samefile(source)


# ---- the students' pages


def test_students_see_outputs_but_none_that_tells_an_answer():
    made = student.with_outputs(toy(), toy())
    outputs = {cell.source: cell.outputs for cell in made.cells if cell.cell_type == "code"}
    assert [output.text for output in outputs["exercise.draw(a)"]] == ["Drawn."]
    assert outputs["exercise.check_1(a)"] == []
    assert sum(map(len, outputs.values())) == 1


def secrets(name):
    """Lines of a chapter's solutions that stand nowhere else in it."""
    sources = {True: [], False: []}
    for cells, is_solution in solutions.split_solutions(stored(name).cells):
        sources[is_solution] += [cell.source for cell in cells]
    elsewhere = "\n".join(sources[False])
    lines = {line.strip() for source in sources[True] for line in source.splitlines()}
    return {line for line in lines if len(line) > 12 and line not in elsewhere} - {CLASS}


def leaks(name, folder):
    """Lines of solutions in a chapter's page, in what the page knows, and in its download."""
    page = soup(name, folder)
    texts = [page.get_text(), (folder / "searchindex.js").read_text(encoding="utf-8")]
    texts += [cell.source for cell in nbformat.read(folder / "_sources" / f"{name}.ipynb", 4).cells]
    if page.select("#live-notebook"):
        texts += [cell["source"] for cell in notebook_in(page)["cells"]]
    whole = "\n".join(texts)
    found = {line for line in secrets(name) if line in whole}
    return found | {str(box.get("id")) for box in page.select("div.solution")}


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    """Build the students' pages from the book's, as `make student` does."""
    folder = tmp_path_factory.mktemp("students")
    start = "import sys; from jupyter_book.cli.main import main; sys.exit(main())"
    options = ["build", ".", "--nitpick", "--warningiserror", "--keep-going"]
    done = subprocess.run(
        [sys.executable, "-c", start, *options, "--path-output", str(folder)],
        cwd=ROOT,
        env={**os.environ, "BOOK_FOR": "students"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder / "_build" / "html"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder of notebooks that students get."""
    folder = tmp_path_factory.mktemp("notebooks")
    student.write_chapters(ROOT, folder)
    return folder


def test_make_student_builds_these_pages():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "\tBOOK_FOR=students $(BUILD) --path-output _build_student\n" in makefile


@needs_book
@pytest.mark.slow
@pytest.mark.parametrize("name", CHAPTERS)
def test_students_pages_hold_no_line_of_a_solution(name, students):
    assert leaks(name, students) == set()
    assert len(leaks(name, BOOK)) > 1  # and where they stand, they are found


@needs_book
@pytest.mark.slow
@pytest.mark.parametrize("name", CHAPTERS)
def test_students_pages_show_the_figures_and_have_cells_for_answers(name, students, written):
    page, notebook = soup(name, students), written / f"{Path(name).name}.ipynb"
    cells = nbformat.read(notebook, as_version=4).cells
    ids = [cell.id for cell in cells if cell.cell_type == "code"]
    assert [box["id"] for box in page.select("div.live-cell")] == [f"cell-{one}" for one in ids]
    made = code(read_cells(notebook, written))
    alts = [cell.image["alt"] for cell in made if "alt" in cell.image]
    assert alts
    findings = book_checks.missing_figures(name, page, alts)
    assert not findings, report(findings)
    checks = [cell.id for cell in cells if solutions.CHECK.match(cell.source)]
    assert checks and not page.select(", ".join(f"#cell-{one} .cell_output" for one in checks))
    if page.select("#live-notebook"):
        data = notebook_in(page)
        assert [cell["id"] for cell in data["cells"]] == [cell.id for cell in cells]
        assert [exercise["check"] for exercise in data["exercises"]] == checks
        for exercise in data["exercises"]:
            assert ids[ids.index(exercise["check"]) - 1] == exercise["answer"]


@needs_book
@pytest.mark.slow
def test_students_pages_are_whole_and_lead_to_what_students_get(students):
    pages = {name: soup(name, students) for name in ALL if name != "index"}
    for name, page in pages.items():
        findings = book_checks.dead_links(name, pages, students)
        assert not findings, report(findings)
        assert forbidden(page) == []
    for name in CHAPTERS:
        links = [a["href"] for a in pages[name].select(".dropdown-launch-buttons a[href]")]
        assert len(links) == 1 and re.search(r"/students\?urlpath=lab/tree/", links[0])


@needs_book
def test_no_page_for_students_comes_from_outputs_of_other_code(monkeypatch, tmp_path):
    """A chapter that has changed since the book was built is refused, not shown half."""
    import student_pages

    monkeypatch.setenv("BOOK_FOR", "students")
    monkeypatch.setattr(student_pages, "get_cache", lambda _: Empty())
    path = tmp_path / "toy.ipynb"
    nbformat.write(toy(), path)

    class App:
        srcdir = tmp_path

        class env:
            doc2path = staticmethod(lambda _: path)

    with pytest.raises(ExtensionError, match="`make book`"):
        student_pages.read(App, "toy")


class Empty:
    """A cache that knows no notebook."""

    def merge_match_into_notebook(self, notebook):
        raise KeyError
