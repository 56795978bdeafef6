"""Every chapter runs in its own page, in two browsers, and shows there what is stored."""

import json

import live_checks
import pytest
import yaml
from book_checks import pages_of
from live_browsers import HTML, Server, opened, strangers
from live_checks import ROOT, differences, exceptions, run_page, stored
from playwright.sync_api import sync_playwright
from test_book import needs_book

pytestmark = needs_book
BROWSERS = ["chromium", "firefox"]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
PAGES = [
    page
    for page in pages_of(TOC)
    if (ROOT / f"{page}.ipynb").is_file() and page != "pages/real_brain"
]
ONE = ("chromium", "notebooks/02_ridge_encoding")
ALL = [
    pytest.param(*pair, marks=() if pair == ONE else pytest.mark.slow)
    for pair in [(name, page) for name in BROWSERS for page in PAGES]
]


@pytest.fixture(scope="module")
def site():
    served = Server(HTML)
    yield f"http://127.0.0.1:{served.port}"
    served.stop()


@pytest.mark.parametrize(("name", "page"), ALL)
def test_a_chapter_shows_in_its_page_what_is_stored(name, page, site, tmp_path):
    with sync_playwright() as driver, opened(driver, name, tmp_path) as tab:
        shown = run_page(tab, f"{site}/{page}.html")
        complaints = strangers(tab, site)
    found = differences(page, shown)
    assert not found, "\n".join(found)
    assert not complaints, "\n".join(complaints)


def test_exceptions_are_cells_of_the_book_and_say_why():
    listed = json.loads(live_checks.EXCEPTIONS.read_text(encoding="utf-8"))
    assert set(listed) <= set(PAGES)
    for page, cells in listed.items():
        assert cells.keys() <= stored(page).keys()
        for exception in cells.values():
            assert exception["why"].endswith(".") and len(exception["why"]) > 30
            assert exception["runs"] in (True, False)


# ---- the comparison sees what it is there for


def cells_of(page):
    """What a page would show that shows what is stored."""
    shown = [
        {"id": name, "status": "done", "error": "", "warned": "", **want}
        for name, want in stored(page).items()
    ]
    for cell in shown:
        cell["figures"] = ["What the figure shows."] * cell["figures"]
        if not exceptions(page).get(cell["id"], {"runs": True})["runs"]:
            cell["status"] = "stored"
    return shown


@pytest.mark.parametrize(
    ("place", "change", "finding"),
    [
        (1, {"printed": "samples x pixels: (2574, 99)"}, "printed"),
        (1, {"warned": "RuntimeWarning: overflow"}, "warns"),
        (4, {"tables": []}, "tables"),
        (2, {"figures": []}, "figures"),
        (2, {"figures": [""]}, "a figure without a text"),
        (3, {"status": "error", "error": "NameError"}, "NameError"),
        (3, {"id": "another"}, "other cells"),
    ],
)
def test_the_comparison_finds_a_planted_fault(place, change, finding):
    page = "notebooks/02_ridge_encoding"
    assert differences(page, cells_of(page)) == []
    shown = cells_of(page)
    shown[place] |= change
    (found,) = differences(page, shown)
    assert finding in found
