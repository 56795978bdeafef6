"""The built book as readers meet it: opened from the disk in a real browser, without a network."""

import io
import re
from itertools import pairwise

import browser
import browsers
import pytest
from playwright.sync_api import expect, sync_playwright
from pypdf import PdfReader
from test_book import BOOK, PAGES, needs_book

if browsers.find() is None:
    pytest.skip(f"{browsers.NOT_FOUND}; the pages are not tested", allow_module_level=True)

pytestmark = needs_book
ALL = [*PAGES, "genindex", "search"]
CHAPTER = BOOK / "notebooks" / "04_receptive_fields.html"


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright, browser.launch(playwright) as opened:
        yield opened


@pytest.fixture(scope="module")
def reader(chromium):
    """A tab on a wide screen, and what goes wrong in it."""
    context = browser.context(chromium, viewport={"width": 1280, "height": 900}, offline=True)
    tab = context.new_page()
    yield tab, browser.Watch(tab)
    context.close()


@pytest.fixture(scope="module")
def page(request, reader):
    """A page of the book, opened once for all tests of it."""
    tab, watch = reader
    watch.take()
    tab.emulate_media(color_scheme="light")
    browser.show(tab, BOOK / f"{request.param}.html")
    return tab, watch.take()


@pytest.fixture
def tab(chromium):
    """A tab of its own, so that nothing stays of what a test does to a page."""
    context = browser.context(chromium, viewport={"width": 1280, "height": 900}, offline=True)
    yield context.new_page()
    context.close()


each_page = pytest.mark.parametrize("page", ALL, indirect=True, scope="module")
# Of both colours of the book a change is tested in one on every page, and in the other on these.
IN_THE_DARK = ["intro", "notebooks/04_receptive_fields"]
LATER = [pytest.param(name, marks=pytest.mark.slow) for name in ALL if name not in IN_THE_DARK]


def report(findings):
    return "\n".join(["", *findings])


# ---- every page


def test_every_page_of_the_book_is_opened():
    built = {
        file.relative_to(BOOK).with_suffix("").as_posix()
        for file in BOOK.rglob("*.html")
        if "_static" not in file.parts
    }
    assert built == {*ALL, "index"}


@each_page
def test_page_opens_without_errors_and_asks_no_other_host(page):
    _, findings = page
    assert not findings, report(findings)


@each_page
def test_page_is_drawn_in_letters_that_the_book_brings(page):
    findings = browser.borrowed_letters(page[0])
    assert not findings, report(findings)


@each_page
def test_page_has_no_grave_barrier(page):
    findings = browser.barriers(page[0])
    assert not findings, report(findings)


@pytest.mark.parametrize("page", [*IN_THE_DARK, *LATER], indirect=True, scope="module")
def test_page_has_enough_contrast_in_the_dark(page):
    tab, _ = page
    tab.add_style_tag(content="* { transition: none !important }")  # no colour in between
    tab.emulate_media(color_scheme="dark")
    expect(tab.locator("html")).to_have_attribute("data-theme", "dark")
    findings = browser.barriers(tab, only=["color-contrast", "link-in-text-block"])
    assert not findings, report(findings)


@each_page
def test_page_names_its_language_and_steps_down_headings_one_by_one(page):
    tab, _ = page
    expect(tab.locator("html")).to_have_attribute("lang", "en")
    headings = tab.locator("main :is(h1, h2, h3, h4, h5, h6):visible")
    levels = [int(name[1]) for name in headings.evaluate_all("all => all.map(e => e.tagName)")]
    assert levels[0] == 1 and levels.count(1) == 1, levels
    steps = [after - before for before, after in pairwise(levels)]
    assert max(steps, default=0) <= 1, levels


@each_page
def test_tables_of_a_page_have_headers(page):
    for table in page[0].locator("article table:not(.indextable)").all():
        assert table.locator("th").count() > 0, table.inner_text()[:200]


# ---- what a page brings with it


def test_icons_are_drawn_and_launch_buttons_load_nothing(tab):
    watch = browser.Watch(tab)
    browser.show(tab, CHAPTER)
    launch = tab.locator(".dropdown-launch-buttons")
    icon = launch.locator("button svg").bounding_box()
    assert min(icon["width"], icon["height"]) > 10
    launch.locator("button").click()
    for link in launch.locator("a").all():
        expect(link).to_be_visible()
        assert link.get_attribute("href").startswith("https://")
    assert not watch.findings, report(watch.findings)


def test_formulas_are_drawn_in_their_own_fonts(tab):
    browser.show(tab, BOOK / "notebooks" / "02_ridge_encoding.html")
    assert tab.locator("article mjx-container").count() == tab.locator("article .math").count() > 10
    assert tab.locator("mjx-merror").count() == 0
    fonts = "[...document.fonts].filter(f => f.status == 'loaded').map(f => f.family)"
    assert any(font.startswith("MJXTEX") for font in tab.evaluate(fonts))


def test_the_viewer_draws_a_brain(tab):
    browser.show(tab, BOOK / "notebooks" / "further_eccentricity.html")
    canvas = tab.frame_locator("iframe[title*='viewer']").locator("canvas").first
    expect(canvas).to_be_visible()
    pixels = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data"
    assert canvas.evaluate(f"c => new Set(({pixels})(c)).size") > 50


# ---- what a reader does


def test_the_first_page_leads_into_the_book(tab):
    tab.goto((BOOK / "index.html").as_uri())
    tab.wait_for_url("**/intro.html")


def test_search_finds_receptive_fields(tab):
    watch = browser.Watch(tab)
    browser.show(tab, BOOK / "intro.html")
    tab.keyboard.press("ControlOrMeta+K")
    tab.locator(".search-button__search-container input").fill("receptive field")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/search.html?q=receptive*")
    found = tab.locator("#search-results a", has_text="Receptive fields").first
    expect(found).to_have_attribute("href", "notebooks/04_receptive_fields.html")
    found.click()
    expect(tab.locator("h1").last).to_contain_text("Receptive fields")
    assert not watch.findings, report(watch.findings)


def test_search_says_when_it_finds_nothing(tab):
    browser.show(tab, BOOK / "search.html", "?q=unfindable")
    expect(tab.locator("#search-results")).to_contain_text("did not match any documents")


def test_copy_button_copies_a_cell(tab):
    browser.show(tab, CHAPTER)
    cell = tab.locator("div.cell_input").first
    cell.hover()
    button = cell.locator("button.copybtn")
    # It says so for two seconds, and a busy machine may come too late to see it.
    button.evaluate(
        """button => {
            button.said = [];
            const keep = () => button.said.push(button.dataset.tooltip);
            new MutationObserver(keep).observe(button, { attributes: true });
        }"""
    )
    button.click()
    tab.wait_for_function("button => button.said.includes('Copied!')", arg=button.element_handle())
    tab.evaluate("document.body.prepend(document.createElement('textarea'))")
    pasted = tab.locator("body > textarea")
    pasted.focus()
    tab.keyboard.press("ControlOrMeta+V")
    assert pasted.input_value().strip() == cell.locator("pre").inner_text().strip()


@pytest.mark.parametrize("how", ["click", "keyboard"])
def test_a_folded_solution_opens_and_closes(tab, how):
    browser.show(tab, CHAPTER)
    solution = tab.locator("div.solution.dropdown").first
    inside = solution.locator("section").first
    button = solution.locator("button.toggle-button")

    def press():
        button.click() if how == "click" else button.press("Enter")

    expect(inside).to_be_hidden()
    expect(button).to_have_attribute("aria-expanded", "false")
    press()
    expect(inside).to_be_visible()
    expect(button).to_have_attribute("aria-expanded", "true")
    press()
    expect(inside).to_be_hidden()


def test_the_switch_goes_through_light_and_dark_and_the_next_page_keeps_it(tab):
    browser.show(tab, CHAPTER)
    html, backgrounds = tab.locator("html"), {}
    switch = tab.locator(".theme-switch-button").first
    for _ in range(3):
        switch.click()
        backgrounds[html.get_attribute("data-mode")] = tab.evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
    assert set(backgrounds) == {"auto", "light", "dark"}
    assert backgrounds["light"] != backgrounds["dark"]
    while html.get_attribute("data-mode") != "dark":
        switch.click()
    # Followed by a link as readers do: a page opened by its address may get a process of its own,
    # to which the browser hands what the last one stored only after a while.
    tab.locator("a.right-next").click()
    expect(html).to_have_attribute("data-theme", "dark")
    assert tab.url != CHAPTER.resolve().as_uri()


def test_the_menu_of_a_small_screen_opens_and_closes(tab):
    tab.set_viewport_size({"width": 400, "height": 800})
    browser.show(tab, CHAPTER)
    menu = tab.locator(".bd-sidebar-primary")
    entry = menu.get_by_role("link", name="Ridge encoding")
    expect(entry).not_to_be_in_viewport()
    tab.locator("button.primary-toggle").click()
    expect(entry).to_be_in_viewport()
    tab.locator("label.overlay-primary").click(position={"x": 380, "y": 400})
    expect(entry).not_to_be_in_viewport()


@pytest.mark.parametrize("name", PAGES)
def test_a_small_screen_needs_no_sideways_scrolling(reader, name):
    tab, _ = reader
    tab.set_viewport_size({"width": 400, "height": 800})
    browser.show(tab, BOOK / f"{name}.html")
    wide = tab.evaluate("document.documentElement.scrollWidth")
    tab.set_viewport_size({"width": 1280, "height": 900})
    assert wide <= 400


def fonts_of(sheet):
    """Names of the fonts in which a sheet is printed, without the tag of their subset."""
    parts, found = [sheet["/Resources"]], set()
    for part in parts:  # the list grows: a drawing may hold others
        for font in part.get_object().get("/Font", {}).values():
            font = font.get_object()
            name = font.get("/BaseFont") or font["/FontDescriptor"]["/FontName"]
            found.add(str(name).lstrip("/").split("+")[-1])
        drawings = [drawing.get_object() for drawing in part.get("/XObject", {}).values()]
        parts += [drawing["/Resources"] for drawing in drawings if "/Resources" in drawing]
    return found


def test_a_printed_chapter_can_be_read_and_searched(tab):
    browser.show(tab, CHAPTER)
    headings = tab.locator("article h2").evaluate_all("all => all.map(e => e.firstChild.data)")
    pdf = PdfReader(io.BytesIO(tab.pdf(format="A4")))
    texts = [" ".join(sheet.extract_text().split()) for sheet in pdf.pages]
    whole = " ".join(texts)
    assert len(headings) > 5
    assert [heading for heading in headings if heading.strip() not in whole] == []
    assert re.findall("[\ufb00-\ufb06]", whole) == []  # fi and the like as one letter
    for number, (text, sheet) in enumerate(zip(texts, pdf.pages, strict=True), start=1):
        assert len(text) > 40 or len(sheet.images) > 0, f"sheet {number} is empty"


def test_paper_has_the_letters_of_the_book_in_explorers_too(tab):
    browser.show(tab, CHAPTER)
    assert tab.locator("iframe").count() > 0
    pdf = PdfReader(io.BytesIO(tab.pdf(format="A4")))
    names = set().union(*map(fonts_of, pdf.pages))
    own = ("IBMPlex", "MathJax", "FontAwesome")
    assert [name for name in names if not name.startswith(own)] == []
    assert {"IBMPlexSans", "IBMPlexMono"} <= names


# ---- planted faults


START = "<!DOCTYPE html><html lang='en'><title>Fault</title>"
FRAME = "<iframe title='f' srcdoc='<html lang=en><title>f</title>{}'></iframe>"


def plant(tab, folder, html):
    """Open a small page, and return all that is found on it."""
    file = folder / "fault.html"
    file.write_text(f"{START}<main><h1>One</h1>{html}</main></html>", encoding="utf-8")
    watch = browser.Watch(tab)
    browser.show(tab, file)
    return [*watch.take(), *browser.barriers(tab)]


def test_a_page_in_order_has_no_findings(tab, tmp_path):
    assert plant(tab, tmp_path, f"<p>In order.</p>{FRAME.format('In order')}") == []


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("<img alt='x' src='https://example.org/x.png'>", "asks another host: https://example.org"),
        (FRAME.format("<img src=http://example.org/x>"), "asks another host: http:"),
        ("<img alt='x' src='missing.png'>", "does not get file:"),
        ("<script>console.error('oh')</script>", "the console says 'oh'"),
        ("<script>throw new Error('oh')</script>", "a script fails: oh"),
        ("<p style='color: #aaa'>pale</p>", "color-contrast: "),
        ("<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>", "image-alt: "),
        (FRAME.format("<input type=range>"), "label: "),
        ("<button aria-label='Go'>Search</button>", "label-content-name-mismatch: "),
    ],
)
def test_a_planted_fault_is_found(tab, tmp_path, html, words):
    findings = plant(tab, tmp_path, html)
    assert any(finding.startswith(words) for finding in findings), report(findings)


def test_a_letter_of_another_font_is_found(tab):
    browser.show(tab, CHAPTER)
    assert browser.borrowed_letters(tab) == []
    tab.evaluate(
        "document.querySelector('article p').append('\u2135')"
    )  # no font of the book has it
    (finding,) = browser.borrowed_letters(tab)
    assert finding.startswith("drawn in DejaVu Sans: <p")


def test_the_first_of_words_that_look_alike_is_checked(tab, tmp_path):
    pale = "<span class='k' style='color: #aaa'>if</span>"
    listing = f"<div><div class='highlight'><pre>{pale} {pale}</pre></div></div>"
    findings = plant(tab, tmp_path, listing)
    assert [finding.split(":")[0] for finding in findings] == ["color-contrast"]
