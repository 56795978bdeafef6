"""An assignment in its page: from an empty browser profile to the mark, without installing."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from live_browsers import Server, opened, strangers
from playwright.sync_api import sync_playwright

import student
from helpers import twin

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools" / "coursework"))
import cleaning
import course
import releasing
import sandbox

ROOT = Path(__file__).resolve().parent.parent
LIVE = ROOT / ".live" / "assets"
COURSEWORK = ROOT / "tools" / "coursework"
NAME = "assignment_a"
ASSIGNMENTS = releasing.assignments(COURSEWORK)
PAGE = f"assignments/{NAME}/{NAME}.html"
WORDS = "The response is *late*, so a lag < 1 volume is too early.\n\nA second paragraph."
needs_live = pytest.mark.skipif(
    not (LIVE / "manifest.json").exists(), reason="`make live` makes what runs the pages"
)


def make_course(folder, names=(NAME,), salt=""):
    """Write a course of some assignments and one student, and release it."""
    for name in names:
        shutil.copytree(COURSEWORK / "source" / name, folder / "source" / name)
    (folder / "roster.csv").write_text("id,name,email\nmia,Mia Maier,mia@x.org\n", encoding="utf-8")
    if salt:
        (folder / "salt.txt").write_text(salt, encoding="utf-8")
    course.release(folder, names)
    return folder


def build(folder, release):
    """Build the students' pages of a book with one page beside the assignments."""
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    config = config.replace("tools/theme", (ROOT / "tools" / "theme").as_posix())
    (folder / "pages").mkdir(parents=True)
    (folder / "_config.yml").write_text(config, encoding="utf-8")
    toc = {"format": "jb-book", "root": "intro", "parts": [{"chapters": [{"file": "pages/other"}]}]}
    (folder / "_toc.yml").write_text(yaml.safe_dump(toc), encoding="utf-8")
    for name in ("intro", "pages/other"):
        (folder / f"{name}.md").write_text(f"# {name}\n\nText.\n", encoding="utf-8")
    (folder / "pages" / "references.bib").touch()
    if LIVE.exists():
        shutil.copytree(LIVE, folder / ".live" / "assets", copy_function=os.link)
    student.write_assignments(release, folder / "assignments")
    start = "import sys; from jupyter_book.cli.main import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", start, "build", str(folder), "--nitpick", "--warningiserror"],
        cwd=folder, env={**os.environ, "BOOK_FOR": "students"}, check=False,
        capture_output=True, text=True, encoding="utf-8", errors="replace",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder / "_build" / "html"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_course(tmp_path_factory.mktemp("course"), ASSIGNMENTS)


@pytest.fixture(scope="module")
def site(root, tmp_path_factory):
    return build(tmp_path_factory.mktemp("book"), root / "release")


@pytest.fixture(scope="module")
def private(tmp_path_factory):
    """A course with a secret: its root, and its site."""
    root = make_course(tmp_path_factory.mktemp("private"), salt="a secret of this course")
    return root, build(tmp_path_factory.mktemp("private_book"), root / "release")


def page_of(site):
    return BeautifulSoup((site / PAGE).read_text(encoding="utf-8"), "html.parser")


def released(root):
    return nbformat.read(root / "release" / NAME / f"{NAME}.ipynb", as_version=4)


# ---- the page


def test_the_page_holds_the_released_notebook_and_places_for_each_answer(root, site):
    page, cells = page_of(site), released(root).cells
    assert "Assignments" in page.select_one("nav.bd-links").get_text()
    code = [f"cell-{cell.id}" for cell in cells if cell.cell_type == "code"]
    assert [box["id"] for box in page.select("div.live-cell")] == code
    words = [cell for cell in cells if cell.metadata.get("course", {}).get("role") == "written"]
    assert [box["id"] for box in page.select("div.live-written")] == [
        f"cell-{cell.id}" for cell in words
    ]
    download = site / "_sources" / PAGE.replace(".html", ".ipynb")
    assert nbformat.read(download, as_version=4).cells == cells


@needs_live
def test_the_page_knows_which_cell_is_which_question(root, site):
    data = json.loads(page_of(site).select_one("script#live-notebook").string)
    assert data["assignment"] == {"name": NAME, "recording": None}
    assert [(cell["id"], cell["source"], cell.get("course")) for cell in data["cells"]] == [
        (cell.id, cell.source, cell.metadata.get("course")) for cell in released(root).cells
    ]


def test_nothing_of_a_solution_is_on_the_site(root, site):
    source = nbformat.read(root / "source" / NAME / f"{NAME}.ipynb", as_version=4)
    kept = "\n".join(cell.source for cell in released(root).cells)
    lines = {line.strip() for cell in source.cells for line in cell.source.splitlines()}
    secret = {line for line in lines if len(line) > 12 and line not in kept}
    assert len(secret) > 30
    for path in site.rglob("*"):
        if path.suffix in (".html", ".js", ".ipynb", ".json") and "_static" not in path.parts:
            text = path.read_text(encoding="utf-8")
            assert not [line for line in secret if line in text], path


@needs_live
def test_a_course_with_a_secret_asks_for_the_recording_that_it_hands_out(private, tmp_path):
    _, site = private
    page = page_of(site)
    data = json.loads(page.select_one("script#live-notebook").string)
    twin.students.make(tmp_path / "recording", "mia", "any")
    files = {
        path.relative_to(tmp_path / "recording").as_posix()
        for path in (tmp_path / "recording").rglob("*")
        if path.is_file()
    }
    assert set(data["assignment"]["recording"]["files"]) == files
    assert data["assignment"]["recording"]["note"] == twin.students.HANDED_OUT
    assert not page.select(".dropdown-launch-buttons a[href*=binder]")


def test_the_public_book_has_no_assignments():
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert student.ASSIGNMENTS not in toc
    assert f"\n/{student.ASSIGNMENTS}/\n" in (ROOT / ".gitignore").read_text(encoding="utf-8")


# ---- a browser


def solutions(root, *names):
    """Reference answers by the cell's id: those of some questions."""
    source = nbformat.read(root / "source" / NAME / f"{NAME}.ipynb", as_version=4)
    return {
        cell.id: cell.source
        for cell in source.cells
        if cell.metadata.get("course", {}).get("id") in names
    }


ANSWER = """(answers) => {
    for (const [id, source] of Object.entries(answers)) live.notebook.cell(id).source = source;
}"""
READY = "() => window.live?.notebook.state === 'ready' && !live.notebook.batch"
STATES = """() => live.notebook.cells
    .filter((cell) => cell.status !== "stored")
    .map((cell) => [cell.id, cell.status, cell.error?.message ?? ""])"""


@pytest.fixture
def tab(site, tmp_path):
    """The assignment's page in an empty profile, after its button was pressed."""
    server = Server(site)
    with sync_playwright() as driver, opened(driver, "chromium", tmp_path / "profile") as tab:
        start(tab, server.address)
        yield tab
        assert not strangers(tab, server.address)
    server.stop()


def start(tab, address, page=PAGE):
    tab.goto(address + page)
    tab.get_by_role("button", name="Run this page").click()
    wait(tab)


def wait(tab):
    while not tab.evaluate(READY):
        tab.wait_for_timeout(100)


def hand_in(tab, path):
    with tab.expect_download() as caught:
        tab.get_by_role("button", name="Download my notebook to hand in").click()
    assert caught.value.suggested_filename == f"{NAME}.ipynb"
    caught.value.save_as(path)
    return path.read_bytes()


def status(tab):
    return tab.locator(".live-hand-in-state").inner_text()


@needs_live
def test_from_an_empty_profile_to_the_mark(tab, root, tmp_path):
    ids = {cell.metadata.get("course", {}).get("id"): cell.id for cell in released(root).cells}
    # Nothing that waits for an answer has run, and nothing has failed.
    assert tab.evaluate(STATES) == [[ids["a-setup"], "done", ""]]
    assert "No answer yet: Your id; 1. The files; 2." in status(tab)

    tab.evaluate(ANSWER, {ids["a-student"]: 'STUDENT = "ben"'})
    tab.get_by_role("button", name="Run all", exact=True).click()
    wait(tab)
    # A mistyped id: its recording is made anew.
    tab.evaluate(ANSWER, {ids["a-student"]: 'STUDENT = "mia"'})
    tab.get_by_role("button", name="Run all", exact=True).click()
    wait(tab)
    assert tab.evaluate(STATES)[-1][1] == "error"
    tab.get_by_role("button", name="The id is right").click()
    tab.wait_for_timeout(500)
    wait(tab)
    assert tab.evaluate(STATES)[-1] == [ids["a-files"], "done", ""]

    answers = solutions(root, "a-1", "a-2", "a-3", "a-6")
    answers[ids["a-3"]] = "first_image_s, n_images = 2.0, 3 * 22 * 8"  # its test says what is wrong
    answers[ids["a-6"]] = answers[ids["a-6"]].replace("run[lag:]", "run[: len(run) - lag]")
    tab.evaluate(ANSWER, answers)
    tab.get_by_label("Your answer in words").fill(WORDS)
    tab.get_by_role("button", name="Start anew and run all").click()
    tab.wait_for_timeout(500)
    wait(tab)
    states = {name: (state, says) for name, state, says in tab.evaluate(STATES)}
    assert states[ids["a-3-test"]][0] == "error" and "too large" in states[ids["a-3-test"]][1]
    passed = ("a-1-test", "a-2-images", "a-6-test")
    assert {states[ids[name]][0] for name in passed} == {"done"}
    assert "No answer yet: 2. Images, and the letters; 4." in status(tab)
    assert "A test says what is wrong: 3. Timing." in status(tab)
    assert "right" not in tab.locator("#hand-in").inner_text().lower()

    handed = tmp_path / f"mia_{NAME}.ipynb"
    hand_in(tab, handed)
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    handed.rename(downloads / f"mia__{NAME}.ipynb")
    kind = "trusted" if sandbox.Bubblewrap.lacks() else "bubblewrap"
    course.collect(root, NAME, [downloads])
    graded = course.grade(root, NAME, kind=kind)["mia"]
    assert graded["status"] == "graded", graded["reason"]
    points = {one["id"]: one["points"] for one in graded["results"]}
    expected = dict.fromkeys(points, 0)
    expected |= {"a-1-test": 4, "a-2-images": 4, "a-9": None}
    assert points == expected
    (words,) = (cell for cell in graded["cells"] if cell["role"] == "written")
    assert words["source"] == WORDS


@needs_live
def test_what_the_page_hands_in_is_what_the_grader_reads(tab, root, tmp_path):
    """Without a recording: the downloaded notebook, made clean and read again."""
    release = released(root)
    source = nbformat.read(root / "source" / NAME / f"{NAME}.ipynb", as_version=4)
    answers = solutions(root, "a-2", "a-6")
    tab.evaluate(ANSWER, answers)
    tab.get_by_label("Your answer in words").fill(WORDS)
    data = hand_in(tab, tmp_path / "first.ipynb")
    nbformat.validate(nbformat.reads(data.decode(), as_version=4))
    cells, notes = cleaning.clean(data, release, source)
    read = {cell.id: cell.source for cell in cells if cell.id}
    assert read["a-2"] == solutions(root, "a-2").popitem()[1]
    assert read["a-6"] == solutions(root, "a-6").popitem()[1]
    assert read["a-9"] == WORDS
    asked = {cell.metadata["course"]["id"] for cell in release.cells if "course" in cell.metadata}
    assert set(read) == asked
    assert not [note for note in notes if not note.endswith("is not answered")]

    # All of it is there at the next visit, and in another browser that opens the file.
    tab.wait_for_timeout(1000)
    tab.reload()
    assert "is kept" in tab.locator(".live-about").inner_text()
    tab.get_by_role("button", name="Run this page").click()
    wait(tab)
    assert hand_in(tab, tmp_path / "again.ipynb") == data
    tab.get_by_text("My changes (3)").click()
    tab.get_by_role("button", name="Forget my changes").first.click()
    tab.get_by_role("dialog").get_by_role("button", name="Forget my changes").click()
    assert not tab.get_by_label("Your answer in words").input_value()
    tab.get_by_label("Notebook to open").set_input_files(tmp_path / "again.ipynb")
    tab.get_by_text("Opened “again.ipynb”").first.wait_for()
    assert hand_in(tab, tmp_path / "third.ipynb") == data


@needs_live
@pytest.mark.slow
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_an_assignment_can_be_solved_in_its_page(name, root, site, tmp_path):
    """All tests that students see pass there, with the memory and packages that the page has."""
    source = nbformat.read(root / "source" / name / f"{name}.ipynb", as_version=4)
    answers = {
        cell.id: cell.source.replace('STUDENT = ""', 'STUDENT = "mia"')
        for cell in source.cells
        if cell.metadata.get("course", {}).get("role") == "answer"
    }
    server = Server(site)
    with sync_playwright() as driver, opened(driver, "chromium", tmp_path / "profile") as tab:
        start(tab, server.address, PAGE.replace(NAME, name))
        tab.evaluate(ANSWER, answers)
        tab.get_by_role("button", name="Run all", exact=True).click()
        wait(tab)
        states = tab.evaluate(STATES)
        assert [state for state in states if state[1:] != ["done", ""]] == []
        assert len(states) == sum(cell.cell_type == "code" for cell in source.cells)
        assert status(tab).count("\n") == 0 and "In words" in status(tab)
        assert not strangers(tab, server.address)
    server.stop()


@needs_live
@pytest.mark.slow
def test_a_recording_that_was_handed_out_goes_into_the_page(private, tmp_path):
    root, site = private
    (archive,) = course.hand_out(root, releasing.roster_of(root))
    ids = {cell.metadata.get("course", {}).get("id"): cell.id for cell in released(root).cells}
    shutil.unpack_archive(archive, tmp_path / "unpacked")
    recording = tmp_path / "unpacked" / "coursework" / "recording"
    server = Server(site)
    with sync_playwright() as driver, opened(driver, "chromium", tmp_path / "profile") as tab:
        start(tab, server.address)
        put = tab.get_by_label("The file that you were given")
        says = tab.locator("#your-recording .live-told")
        put.set_input_files(tmp_path / "unpacked" / "coursework" / f"{NAME}.ipynb")
        says.get_by_text("No file of a recording").wait_for()
        put.set_input_files([recording / "student.json", recording / "mask.nii.gz"])
        says.get_by_text("Still missing: func/figure_run1.nii.gz,").wait_for()
        put.set_input_files(archive)
        says.get_by_text("It is complete.").wait_for()
        assert tab.evaluate(f"live.notebook.cell('{ids['a-student']}').source") == (
            'STUDENT = "mia"'
        )
        tab.get_by_role("button", name="Run all", exact=True).click()
        wait(tab)
        assert tab.evaluate(STATES)[-1] == [ids["a-files"], "done", ""]
        # The browser keeps it for the next visit, until the student takes it out.
        tab.wait_for_timeout(1000)
        start(tab, server.address)
        assert tab.evaluate(STATES)[-1] == [ids["a-files"], "done", ""]
        tab.get_by_role("button", name="Take it out").click()
        says.get_by_text("was taken out").wait_for()
        tab.get_by_role("button", name="Run all", exact=True).click()
        wait(tab)
        _, state, message = tab.evaluate(STATES)[-1]
        assert state == "error" and 'Put the folder "recording"' in message
        assert not strangers(tab, server.address)
    server.stop()
