"""A page that runs, as a reader meets it: a chapter with small code in its cells, and own files."""

import json
import re
import time
from types import SimpleNamespace

import browser as system
import nbformat
import nibabel as nib
import numpy as np
import pytest
from bs4 import BeautifulSoup
from live_browsers import HTML, LONG, Server, opened, strangers
from playwright.sync_api import expect, sync_playwright
from test_book import needs_book

if not (HTML / "_static" / "live").is_dir():
    pytest.skip("the book has not been built with what its pages load", allow_module_level=True)

pytestmark = needs_book
BROWSERS = ["chromium", pytest.param("firefox", marks=pytest.mark.slow)]
CHAPTER, OWN = "notebooks/02_ridge_encoding", "pages/your_own_data"
# What an address could try to bring into the page.
ASKING = "?code=print(1)&run=1#<script>document.title='taken'</script>"
# A chapter of other code, as if it had been written so. Cells 12 and 14 check the exercises.
SMALL = [
    "import numpy as np\nfrom helpers.exercises import ridge_encoding as exercise\n"
    "y_test = np.array([1.0, -1.0, 2.0, -2.0])",
    "number = 6 * 7\nprint('number:', number)",
    "import matplotlib.pyplot as plt\nplt.figure(figsize=(2, 1))\nplt.plot([0, 1])\nplt.show()",
    "print(number + 1)",
    "import pandas as pd\npd.DataFrame({'runs': [18, 4], 'test R2': [0.12, -2.5]})",
    *["pass"] * 4,
    "# the tenth",
    "r2_of_double, r2_of_triple, correlation = 0, -3, 1",
    None,
    "by_least_squares = []",
    None,
]
REWRITE = """(sources) => {
    const said = document.querySelector(".live-said");
    window.said = [];
    window.watch ??= new MutationObserver(() => window.said.push(said.textContent.trim()));
    window.watch.observe(said, { childList: true, characterData: true, subtree: true });
    live.notebook.cells.forEach((cell, place) => {
        cell.original = sources[place] ?? cell.original;
        cell.source = cell.original;
    });
}"""
STARTED = "() => Boolean(window.live) && live.notebook.stop().then(() => true)"
STORED = """async () => {
    const own = Object.keys(localStorage).filter((name) => name.startsWith("live"));
    return [...await caches.keys(), ...own];
}"""
READY = "() => live.notebook.state === 'ready' && !live.notebook.batch"
WIDTHS = "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
FOCUSED = """() => {
    const at = document.activeElement;
    return [at.closest(".live-cell")?.id ?? "", at.getAttribute("aria-label") ?? at.textContent];
}"""
STILL = """() => {
    const style = new CSSStyleSheet();
    style.replaceSync("* { transition: none !important }"); // no colour in between
    document.adoptedStyleSheets.push(style);
}"""
LOOKS = """(element) => [...element.querySelectorAll("th, td")].map((part) => {
    const { textAlign, fontWeight, fontSize, padding, borderBottomStyle } = getComputedStyle(part);
    return [part.tagName, textAlign, fontWeight, fontSize, padding, borderBottomStyle].join(" ");
})"""
# Later, since what Playwright itself evaluates is free of the policy.
EVALUATE = """() => new Promise((resolve) => setTimeout(() => {
    try { resolve(new Function("return 1")()); } catch (error) { resolve(error.name); }
}))"""
# A worker made as Python's is: under the page's own policy.
REACH_FROM_WORKER = """(address) => new Promise((resolve) => {
    const script = "onmessage = ({ data }) => fetch(data).then(() => 'reached', String)"
        + ".then(postMessage)";
    const worker = new Worker(URL.createObjectURL(new Blob([script])));
    worker.onmessage = ({ data }) => resolve(data);
    worker.postMessage(address);
})"""
REACH = "(address) => fetch(address).then(() => 'reached', (error) => String(error))"
RIGHT = "r2_of_double, r2_of_triple, correlation = 0, -3, 1"


def until(tab, condition, *argument):
    """Wait for a condition; Playwright's own way to wait is what the page's policy forbids."""
    end = time.monotonic() + LONG / 1000
    while not (value := tab.evaluate(condition, *argument)):
        assert time.monotonic() < end, tab.inner_text(".live-bar")
        tab.wait_for_timeout(50)
    return value


class Chapter:
    """A page in which Python is ready, and what a reader does there."""

    def __init__(self, tab, address):
        """Open it, note what it has loaded by then, and press its button."""
        self.tab = tab
        tab.goto(address)
        tab.wait_for_load_state("load")
        self.at_first = SimpleNamespace(
            requests=list(tab.complaints),
            about=tab.inner_text(".live-about"),
            alone=tab.evaluate("() => !('live' in window)"),
            stored=tab.evaluate(STORED),
        )
        tab.set_viewport_size({"width": 360, "height": 800})
        self.at_first.widths = tab.evaluate(WIDTHS)
        tab.set_viewport_size({"width": 1280, "height": 800})
        self.start()

    def start(self):
        """Press the button, and call off at once what then runs by itself."""
        self.tab.get_by_role("button", name="Run this page").click()
        until(self.tab, STARTED)
        self.wait()

    def wait(self):
        until(self.tab, READY)

    def cell(self, number):
        name = self.tab.evaluate("(place) => live.notebook.cells[place].id", number - 1)
        return self.tab.locator(f'[id="cell-{name}"]')

    def edit(self, number, source):
        """Write into a cell as a reader does."""
        folded = self.cell(number).locator("details:not([open]) > summary")
        if folded.count():
            folded.click()
        self.cell(number).locator(".cm-content").click()
        self.tab.keyboard.press("ControlOrMeta+A")
        self.tab.keyboard.press("Delete")
        self.tab.keyboard.insert_text(source)

    def press(self, number, button="Run"):
        self.cell(number).get_by_role("button", name=button, exact=True).click()

    def run(self, *numbers):
        """Run cells, without their questions; return the status of each."""
        self.tab.evaluate(
            "(places) => { live.notebook.run(places.map((place) => live.notebook.cells[place])); }",
            [number - 1 for number in numbers],
        )
        self.wait()
        return [self.cell(number).get_attribute("data-status") for number in numbers]

    def shown(self, number):
        return self.cell(number).locator(".live-output")

    def said(self):
        """What a screen reader has been told since the last time."""
        return self.tab.evaluate("() => said.splice(0)")

    def unexpected(self):
        """What has gone wrong since the last time; another host is the worst of it."""
        complaints = strangers(self.tab, self.tab.url.partition("/notebooks/")[0])
        self.tab.complaints.clear()
        return complaints


@pytest.fixture(scope="module")
def site():
    served = Server(HTML)
    yield f"http://127.0.0.1:{served.port}"
    served.stop()


@pytest.fixture(scope="module", params=BROWSERS)
def chapter(request, site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("profile")
    with sync_playwright() as driver, opened(driver, request.param, folder) as tab:
        yield Chapter(tab, f"{site}/{CHAPTER}.html{ASKING}")


@pytest.fixture
def page(chapter):
    """The chapter with its small code, as nobody has changed it yet."""
    chapter.tab.evaluate(REWRITE, SMALL)
    yield chapter
    assert chapter.unexpected() == []


# ---- before the click


def test_nothing_that_runs_is_loaded_before_the_click(chapter):
    parts = {url.partition("/_static/live/")[2] for url in chapter.at_first.requests}
    assert {re.sub(r"\?.*|\.[0-9a-f]{12}(?=\.)", "", part) for part in parts} - {""} == {
        "loader.js",
        "live.css",
    }
    assert chapter.at_first.alone
    assert chapter.at_first.stored == []


def test_the_button_says_how_much_is_loaded(chapter):
    manifest = json.loads((HTML.parent.parent / ".live/assets/manifest.json").read_text("utf-8"))
    assert f"About {manifest['weight'] / 1e6:.0f} MB" in chapter.at_first.about
    files = [asset["file"] for asset in manifest["assets"].values()]
    asked = chapter.tab.complaints
    assert [sum(url.endswith(file) for url in asked) for file in files] == [1] * len(files)


def test_an_address_brings_no_code_into_the_page(chapter):
    tab = chapter.tab
    assert "code=print" in tab.url and tab.title() != "taken"
    of_the_book = json.loads(tab.locator("#live-notebook").text_content())["cells"]
    sources = [cell["source"] for cell in of_the_book if cell["type"] == "code"]
    assert tab.evaluate("() => live.notebook.cells.map((cell) => cell.source)") == sources
    assert tab.evaluate("() => live.notebook.cells.every((cell) => !cell.ran)")


# ---- running


def test_a_cell_asks_for_those_above_it_and_shows_what_it_prints(page):
    page.press(4)
    question = page.cell(4).locator(".live-question")
    expect(question).to_contain_text("3 cells above have not run yet")
    page.tab.keyboard.press("Escape")
    expect(question).to_have_count(0)
    page.press(4)
    question.get_by_role("button", name="Run only this cell").click()
    page.wait()
    assert "NameError" in page.shown(4).inner_text()
    page.press(5)
    page.cell(5).get_by_role("button", name="Run the cells above first").click()
    page.wait()
    assert page.cell(4).get_attribute("data-status") == "done"
    assert page.shown(4).inner_text().strip() == "43"
    assert page.cell(5).get_attribute("data-status") == "done"


SLEEPING = """import time
begun = time.monotonic()
time.sleep(0.1)
print(time.monotonic() - begun < begun)  # not as long as Python is there
number = 42"""


def test_what_runs_and_how_far_and_how_long_is_said(page):
    bar = page.tab.locator(".live-state")
    page.edit(2, SLEEPING)
    page.run(2)
    assert page.shown(2).inner_text().strip() == "True"
    expect(page.cell(2).locator(".live-info")).to_have_text(re.compile(r"^done in [\d.]+ s$"))
    page.edit(4, "while True:\n    pass")
    page.tab.evaluate("() => { live.notebook.run(live.notebook.cells.slice(1, 4)); }")
    expect(bar).to_have_text(re.compile(r"Running cell 4 \(3 of 3\): \d s, took .* last time"))
    expect(page.cell(4).locator(".live-info")).to_contain_text("running, took ")
    page.tab.locator(".live-controls").get_by_role("button", name="Stop").click()
    page.wait()
    expect(bar).to_have_text("Python is ready; no cell has run yet")
    page.run(1, 2, 3)
    expect(bar).to_contain_text("3 of 10 cells have run")
    expect(page.tab.locator(".live-facts")).to_contain_text("MB of memory")


def test_an_edited_cell_runs_by_shift_enter_and_reset_brings_all_of_it_back(page):
    stored = page.cell(2).locator(".cell_output:not(.live-output)")
    page.edit(2, "print('by hand')")
    page.tab.keyboard.press("Shift+Enter")
    page.wait()
    assert page.shown(2).inner_text().strip() == "by hand"
    expect(stored).to_be_hidden()
    page.press(2, "Reset")
    assert page.cell(2).locator(".cm-content").inner_text() == SMALL[1]
    expect(stored).to_be_visible()
    expect(page.shown(2)).to_be_hidden()
    assert "training samples x pixels" in stored.inner_text()


def test_run_all_above_runs_those_and_no_solution(page):
    page.edit(2, "number = 3")
    page.press(14, "Run all above")
    page.wait()
    status = page.tab.evaluate("() => live.notebook.cells.map((cell) => [cell.number, cell.ran])")
    assert [number for number, ran in status if ran] == [*range(1, 11)]
    assert page.shown(4).inner_text().strip() == "4"


def test_an_error_names_cell_and_line_and_marks_the_line(page):
    page.edit(8, "a = 1\nb = 0\na / b\nprint('not reached')")
    page.edit(9, "print('after')")
    assert page.run(8, 9)[0] == "error"
    assert "after" not in page.shown(9).inner_text()
    told = page.shown(8)
    expect(told).to_contain_text("Error in cell 8, line 3")
    expect(told).to_contain_text("ZeroDivisionError: division by zero")
    expect(page.cell(8).locator(".live-error-line")).to_have_text("a / b")
    expect(page.cell(8).locator(".live-info")).to_contain_text("error in line 3")
    told.get_by_role("button", name="Go to line 3").click()
    page.tab.keyboard.press("End")
    page.tab.keyboard.insert_text("1")
    expect(page.cell(8).locator(".live-error-line")).to_have_count(0)
    assert "a / b1" in page.cell(8).locator(".cm-content").inner_text()
    assert page.run(8) == ["error"]
    expect(page.shown(8)).to_contain_text("NameError")
    expect(page.cell(8).locator("summary", has_text="traceback")).to_be_visible()


# ---- figures, tables, HTML


def test_a_figure_has_the_text_of_the_stored_one_until_its_code_is_changed(page):
    stored = page.cell(3).locator(".cell_output:not(.live-output) img").get_attribute("alt")
    assert len(stored) > 100
    figure = page.shown(3).locator("img")
    assert page.run(2, 3) == ["done", "done"]
    assert figure.get_attribute("alt") == stored
    assert figure.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 100
    page.edit(2, "number = 1")
    page.run(2, 3)
    assert figure.get_attribute("alt").startswith("Figure made after changes in cells above.")
    page.edit(3, SMALL[2] + "\n")
    page.run(3)
    assert figure.get_attribute("alt") == "Figure made by the edited code of cell 3"


def test_a_table_looks_like_the_stored_one(page):
    stored = page.cell(5).locator(".cell_output:not(.live-output) table")
    assert stored.locator("tr").count() == 5
    columns, kinds = stored.locator("thead th").count(), set()
    page.edit(
        5,
        "import pandas as pd\n"
        f"pd.DataFrame([[1.5] * {columns - 1}] * 4, columns=list('abcdefgh')[:{columns - 1}])",
    )
    page.run(5)
    made = page.shown(5).locator("table")
    assert made.get_attribute("class") == stored.get_attribute("class")
    # The page hides the stored one, and a hidden one is not laid out, but has its styles.
    kinds = [table.evaluate(LOOKS) for table in (stored, made)]
    assert kinds[0] == kinds[1]
    expect(page.shown(5).locator("iframe")).to_have_count(0)


ATTACK = """from IPython.display import HTML, display
display(HTML('''<p id="told">nothing</p><script>
const tried = {};
for (const [name, attempt] of Object.entries({
    page: () => parent.document.title = "taken",
    top: () => { top.location.href = "about:blank"; return "gone"; },
    storage: () => localStorage.length,
    cookie: () => document.cookie,
})) {
    try { tried[name] = String(attempt()); } catch (error) { tried[name] = error.name; }
}
const address = "https://example.org/";
fetch(address).then(() => "reached", (error) => error.name).then((word) => {
    tried.fetch = word;
    document.getElementById("told").textContent = JSON.stringify(tried);
});
</script>'''))"""


def test_html_of_code_can_do_nothing_to_the_page(page):
    title = page.tab.title()
    page.edit(8, ATTACK)
    page.run(8)
    frame = page.shown(8).locator("iframe")
    assert frame.get_attribute("sandbox") == "allow-scripts"
    inside = frame.content_frame.locator("#told")
    expect(inside).to_contain_text("fetch")
    tried = json.loads(inside.inner_text())
    assert tried == {name: tried[name] for name in ("page", "top", "storage", "cookie", "fetch")}
    assert set(tried.values()) <= {"SecurityError", "TypeError"}
    assert page.tab.title() == title and page.tab.evaluate("() => Boolean(window.live)")
    # The browser says in its console what it has refused, and never asks the other host.
    complaints, page.tab.complaints = page.tab.complaints, []
    assert "https://example.org/" not in complaints
    page.tab.complaints += [
        told for told in complaints if not re.search(r"example\.org|about:blank|sandbox", told)
    ]


ACTING = """from IPython.display import HTML, display
display(HTML('<table class="t" onclick="document.title = 1" style="position: fixed">'
             '<tr><td colspan="2" id="live-notebook">1 &lt; 2</td></tr></table>'))
display(HTML('<table><tr><td><img src=x onerror="document.title = 1"></td></tr></table>'))"""


def test_a_table_brings_nothing_along_that_acts(page):
    page.edit(8, ACTING)
    page.run(8)
    table = page.shown(8).locator("table")
    assert table.evaluate("(table) => table.outerHTML") == (
        '<table class="t"><tbody><tr><td colspan="2">1 &lt; 2</td></tr></tbody></table>'
    )
    expect(page.shown(8).locator("iframe")).to_have_count(1)
    frame = page.shown(8).locator("iframe").content_frame
    expect(frame.locator("td")).to_have_count(1)
    # In its console, the browser says what it has refused.
    page.tab.complaints[:] = [
        told
        for told in page.tab.complaints
        if not re.search("img-src|inline event handler|script-src", told)
    ]


def test_what_a_cell_prints_is_text(page):
    page.edit(8, "print('<b>bold</b><script>document.title = 1</script>')\n'<i>'")
    page.run(8)
    text = "<b>bold</b><script>document.title = 1</script>\n'<i>'"
    assert page.shown(8).inner_text().strip() == text
    expect(page.shown(8).locator("b, i, script")).to_have_count(0)


# ---- for who does not see the page, and for who has no mouse


def test_a_screen_reader_is_told_what_runs_and_what_has_become_of_it(page):
    assert page.tab.locator(".live-said").get_attribute("role") == "status"
    page.run(7)
    assert page.said() == ["Running cell 7.", "Done: cell 7, in under 0.1 s."]
    page.run(8, 9)
    running, done = page.said()
    assert running == "Running 2 cells."
    assert re.fullmatch(r"All 2 cells are done in (under )?\d\.\d s\.", done)
    page.edit(8, "a = 1\nnone")
    page.run(8, 9)
    assert page.said()[-1] == "Error in cell 8, line 2: NameError: name 'none' is not defined"


def test_keys_alone_lead_through_the_page(page):
    tab = page.tab
    page.tab.locator(".live-controls").get_by_role("button", name="Run all").focus()
    first, second, third = (page.cell(number).get_attribute("id") for number in (1, 2, 3))
    for _ in range(40):
        tab.keyboard.press("Tab")
        if tab.evaluate(FOCUSED) == [first, "Python code of cell 1"]:
            break
    else:
        pytest.fail("Tab does not reach the first cell")
    tab.keyboard.press("ControlOrMeta+A")
    tab.keyboard.type("number = 5")
    tab.keyboard.press("Shift+Enter")
    page.wait()
    assert page.cell(1).get_attribute("data-status") == "done"
    assert tab.evaluate(FOCUSED) == [second, "Python code of cell 2"]
    tab.keyboard.press("Tab")  # indents
    assert re.search("^    ", page.cell(2).locator(".cm-content").inner_text(), re.MULTILINE)
    tab.keyboard.press("ControlOrMeta+Z")
    tab.keyboard.press("Escape")
    tab.keyboard.press("Tab")
    assert tab.evaluate(FOCUSED) == [second, "Run"]
    tab.keyboard.press("Enter")
    page.wait()
    assert page.shown(2).inner_text().strip() == "number: 42"
    assert tab.evaluate(FOCUSED) == [second, "Run"]
    tab.keyboard.press("Shift+Tab")
    assert tab.evaluate(FOCUSED) == [second, "Python code of cell 2"]
    tab.keyboard.press("Shift+Enter")
    page.wait()
    assert tab.evaluate(FOCUSED)[0] == third  # folded: its button
    described = page.cell(1).locator(".cm-content").get_attribute("aria-describedby")
    assert "Escape, then Tab" in tab.locator(f"#{described}").text_content()


# ---- stopping


def test_an_endless_loop_is_stopped_and_python_is_there_again_with_its_files(page):
    tab = page.tab
    page.edit(7, "from pathlib import Path\nPath('/book/data/mine.txt').write_text('kept');")
    page.run(7)
    page.edit(8, "print('begun', flush=True)\nwhile True:\n    pass")
    page.said()
    tab.evaluate("() => { live.notebook.run(live.notebook.cells.slice(7, 9)); }")
    expect(page.shown(8)).to_contain_text("begun")
    tab.locator(".live-controls").get_by_role("button", name="Stop").click()
    page.wait()
    assert page.cell(8).get_attribute("data-status") == "stopped"
    assert not tab.evaluate("() => live.notebook.cells.some((cell) => cell.ran)")
    assert page.shown(8).inner_text().split("\n")[0] == "begun"
    assert page.said()[-1] == "Stopped. Python has started anew: what the cells made is gone."
    page.edit(8, "from pathlib import Path\nprint(Path('/book/data/mine.txt').read_text())")
    assert page.run(8) == ["done"]
    assert page.shown(8).inner_text().strip() == "kept"


def test_a_running_page_has_no_barrier_in_light_and_dark_and_is_not_too_wide(page):
    tab = page.tab
    page.edit(4, "raise ValueError('a word ' * 30)")
    page.edit(2, "number = 42\nprint('wide' * 100)")
    page.edit(5, "import pandas as pd\npd.DataFrame([range(10**9, 10**9 + 40)])")
    page.run(1, 2, 3)
    page.run(5)
    page.run(4)
    expect(page.shown(5).locator(".output")).to_have_attribute("tabindex", "0")
    page.edit(8, "from IPython.display import HTML\nHTML('<p>text</p><svg></svg>')")
    page.run(8)
    page.press(9)
    expect(page.cell(9).locator(".live-question")).to_be_visible()
    tab.locator(".live-attempts summary, .live-help summary").evaluate_all(
        "(all) => all.forEach((each) => each.parentElement.open = true)"
    )
    tab.evaluate(STILL)
    for colours in ("light", "dark"):
        tab.evaluate("(colours) => { document.documentElement.dataset.theme = colours; }", colours)
        findings = system.barriers(tab)
        assert not findings, "\n".join([colours, *findings])
    tab.set_viewport_size({"width": 360, "height": 800})
    widths = tab.evaluate(WIDTHS)
    tab.set_viewport_size({"width": 1280, "height": 800})
    # In Firefox, a scroll bar takes 12 pixels, and stored figures leave it 10.
    assert widths == page.at_first.widths and widths[0] <= 360
    tab.evaluate("() => { document.documentElement.dataset.theme = 'light'; }")
    page.tab.keyboard.press("Escape")


# ---- exercises


def check_answer(page, answer):
    """Write an answer to the first exercise, and return what its check says."""
    box = page.tab.locator("#ex-ridge-1")
    box.locator(".cm-content").click()
    page.tab.keyboard.press("ControlOrMeta+A")
    page.tab.keyboard.press("Delete")
    page.tab.keyboard.insert_text(answer)
    box.get_by_role("button", name="Check your answer to exercise 1").click()
    return told(page)


def told(page):
    page.tab.wait_for_timeout(50)
    until(page.tab, f"() => ({READY})() && !/^(Check|Runn)ing/.test({FEEDBACK})")
    return page.tab.evaluate(f"() => {FEEDBACK}")


FEEDBACK = "document.querySelector('#ex-ridge-1 .live-feedback').innerText"
SAVED = """() => {
    const make = URL.createObjectURL;
    URL.createObjectURL = (blob) => {
        blob.text?.().then((text) => { if (text.includes("nbformat")) window.saved = text; });
        return make.call(URL, blob);
    };
}"""


def test_an_exercise_says_what_is_wrong_and_what_is_right(page):
    box = page.tab.locator("#ex-ridge-1")
    assert "r2_of_double = ..." in box.locator(".cm-content").inner_text()
    check_answer(page, RIGHT)
    order = box.get_by_role("button", name="and check")
    if order.count():  # cells above have not run since the last test
        order.click()
        told(page)
    expect(box.locator(".live-feedback")).to_contain_text("Exercise 1: right.")
    assert "What is left of it when you subtract" in check_answer(page, RIGHT.replace("0", "-3", 1))
    assert "`" not in check_answer(page, "r2_of_double = 0")
    assert "is missing" in page.tab.evaluate(f"() => {FEEDBACK}")
    assert "line 2" in check_answer(page, "r2_of_double = 0\nr2_of_triple = r2 of double")
    page.said()
    assert "Exercise 1: right." in check_answer(page, RIGHT)
    assert any("Exercise 1: right." in words for words in page.said())


def test_attempts_are_kept_saved_and_opened_again(page, tmp_path):
    tab = page.tab
    box = tab.locator("#ex-ridge-1")
    check_answer(page, RIGHT)
    page.edit(2, "print('an attempt')")
    page.run(2)
    changes = tab.locator(".live-attempts")
    tab.evaluate("() => { document.querySelector('.live-attempts').open = true; }")
    expect(changes).to_contain_text("1 cell changed, 1 answer written")
    until(tab, "() => Object.values(localStorage).some((text) => text.includes('an attempt'))")

    tab.evaluate(SAVED)
    changes.get_by_role("button", name="Save as notebook").click()
    expect(changes.locator(".live-told")).to_contain_text("Saved as 02_ridge_encoding.ipynb")
    saved = nbformat.reads(until(tab, "() => window.saved"), as_version=4)
    nbformat.validate(saved)
    by_id = {cell.id: cell for cell in saved.cells}
    second = page.cell(2).get_attribute("id").removeprefix("cell-")
    assert (saved.nbformat, saved.nbformat_minor) == (4, 5)
    assert by_id[second].source == "print('an attempt')"
    assert by_id[second].outputs[0].text.strip() == "an attempt"
    assert by_id["answer-1"].source == RIGHT
    assert sum(cell.cell_type == "markdown" for cell in saved.cells) > 10

    tab.reload()
    expect(tab.locator(".live-about")).to_contain_text("What you have changed on this page is kept")
    tab.get_by_role("button", name="Run this page").click()
    until(tab, STARTED)
    assert box.locator(".cm-content").inner_text() == RIGHT
    assert page.cell(2).locator(".cm-content").inner_text() == "print('an attempt')"
    changes.locator("summary").click()
    changes.get_by_role("button", name="Forget my changes").click()
    tab.get_by_role("dialog").get_by_role("button", name="Forget my changes").click()
    assert "training samples" in page.cell(2).locator(".cm-content").inner_text()

    def opened_with(name, text):
        (tmp_path / name).write_text(text, encoding="utf-8")
        changes.locator("input[type=file]").set_input_files(tmp_path / name)
        expect(changes.locator(".live-told")).to_contain_text(name)
        return changes.locator(".live-told").inner_text()

    text = nbformat.writes(saved)
    assert "is not a notebook" in opened_with("cut.ipynb", text[: len(text) // 2])
    assert "no list of cells" in opened_with("list.ipynb", "[1, 2]")
    assert "cell 1 has no text" in opened_with("cell.ipynb", '{"nbformat": 4, "cells": [{}]}')
    assert "belongs to this page" in opened_with("none.ipynb", '{"nbformat": 4, "cells": []}')
    assert "1 answer" in opened_with("saved.ipynb", text)
    assert box.locator(".cm-content").inner_text() == RIGHT
    assert page.cell(2).locator(".cm-content").inner_text() == "print('an attempt')"
    page.wait()
    tab.evaluate(REWRITE, SMALL)


# ---- security


def test_neither_the_page_nor_python_reaches_another_host(page):
    tab = page.tab
    page.edit(8, "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:9/')")
    assert page.run(8) == ["error"]
    assert page.unexpected() == []
    elsewhere = "https://example.org/"
    assert tab.evaluate(REACH, elsewhere).startswith("TypeError")
    assert re.match("TypeError|NetworkError", tab.evaluate(REACH_FROM_WORKER, elsewhere))
    refused = page.unexpected()
    assert elsewhere not in refused
    assert all(re.search("Security Policy|connect-src", told) for told in refused), refused


def test_the_page_evaluates_no_text(page):
    (policy,) = BeautifulSoup(page.tab.content(), "html.parser").select("meta[http-equiv]")[:1]
    assert "'unsafe-eval'" not in policy["content"].replace("'wasm-unsafe-eval'", "")
    assert page.tab.evaluate(EVALUATE) == "EvalError"
    page.unexpected()  # the browser says so in its console


# ---- a reader's own files


def own_files():
    """Two runs of eight voxels that answer to one of three features, and what describes them."""
    rng = np.random.default_rng(0)
    files = {}
    for run in (1, 2):
        shown = rng.integers(0, 2, (40, 3))
        bold = 100 + rng.standard_normal((2, 2, 2, 40)) + 3 * shown[:, 0]
        image = nib.Nifti1Image(bold.astype(np.float32), np.eye(4))
        image.header.set_zooms((3, 3, 3, 2))
        image.header.set_xyzt_units("mm", "sec")
        files[f"sub-x_run-{run}_bold.nii"] = image.to_bytes()
        rows = "\n".join(",".join(map(str, row)) for row in shown)
        files[f"sub-x_run-{run}_labels.csv"] = f"a,b,c\n{rows}\n".encode()
    files["brain_mask.nii"] = nib.Nifti1Image(np.ones((2, 2, 2), np.uint8), np.eye(4)).to_bytes()
    return files


@pytest.fixture(scope="module")
def own(chapter, site):
    """The page for own files, in another tab of the same browser; the chapter's is closed."""
    tab = chapter.tab.context.new_page()
    chapter.tab.close()
    tab.complaints = []
    tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
    tab.on("request", lambda request: tab.complaints.append(request.url))
    tab.on("console", lambda said: said.type == "error" and tab.complaints.append(said.text))
    yield Chapter(tab, f"{site}/{OWN}.html")
    tab.close()


def test_own_files_are_read_without_one_request_and_without_a_network(own):
    tab, panel = own.tab, own.tab.locator("#your-own-files")
    assert strangers(tab, own.tab.url.partition("/pages/")[0]) == []
    expect(panel).to_contain_text("Nothing is uploaded.")
    tab.context.set_offline(True)
    tab.complaints.clear()
    files = own_files() | {"notes.docx": b"text", "empty.csv": b"", "broken.nii": b"not an image"}
    panel.locator("input[type=file]").set_input_files(
        [
            {"name": name, "mimeType": "application/octet-stream", "buffer": data}
            for name, data in files.items()
        ]
    )
    told = panel.locator(".live-told")
    expect(told).to_contain_text("5 files added.")
    for name in ("notes.docx", "empty.csv", "broken.nii"):
        expect(told).to_contain_text(f"“{name}” was not added")
    expect(panel.locator(".live-file-list li")).to_have_count(5)
    expect(panel.locator(".live-file-list")).to_contain_text("2 × 2 × 2 × 40")
    cell = panel.locator(".live-own-cell")
    source = cell.locator(".cm-content").inner_text()
    assert all(name in source for name in own_files())
    cell.get_by_role("button", name="Run", exact=True).click()
    cell.get_by_role("button", name="Run only this cell").or_(
        cell.locator(".live-cell[data-status=running]")
    ).first.click()
    own.wait()
    shown = cell.locator(".live-output").inner_text()
    assert "samples x voxels: (80, 8)\nsamples x features: (80, 3)\nruns: 2" in shown, shown
    expect(panel.locator(".live-then")).to_contain_text("recording is yours now")
    tab.context.set_offline(False)
    assert [told for told in tab.complaints if not told.startswith("blob:")] == []
