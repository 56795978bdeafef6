"""A chapter run in its own page, and what its cells show there against what is stored."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXCEPTIONS = ROOT / "tools" / "live" / "exceptions.json"
# What each cell of the page shows, in the order of the page.
SHOWN = """() => window.live.notebook.cells.map(cell => {
    const shown = cell.element.querySelector(".live-output");
    const texts = kind => [...shown.querySelectorAll(kind)].map(part => part.textContent);
    return {
        id: cell.id,
        status: cell.status,
        ms: cell.ms,
        printed: texts(".stream pre").join(""),
        warned: texts(".stderr pre").join(""),
        error: texts(".live-error").join(""),
        said: texts(".text_plain pre").join("\\n"),
        tables: [...shown.querySelectorAll("table")].map(
            table => [...table.querySelectorAll("th, td")].map(part => part.textContent.trim())),
        frames: shown.querySelectorAll("iframe").length,
        figures: [...shown.querySelectorAll("img")].map(image => image.alt),
    };
})"""
# A page runs its chapter without the solutions. Here every cell is to run, in order: so what the
# page has ordered by itself is taken back before Python has started.
RUN_EVERYTHING = """async () => {
    if (!window.live) return false;
    const { notebook } = window.live;
    if (notebook.state === "starting") await notebook.stop();
    notebook.run(notebook.cells);
    return true;
}"""
STATE = """() => {
    const { notebook } = window.live;
    return notebook.state === "ready" && !notebook.batch ? "over" : notebook.state;
}"""


class Cells(HTMLParser):
    """Texts of the cells of the tables in a piece of HTML."""

    def __init__(self, html):
        super().__init__()
        self.tables, self.inside = [], False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.tables.append([])
        if tag in ("th", "td"):
            self.inside = True
            self.tables[-1].append("")

    def handle_endtag(self, tag):
        if tag in ("th", "td"):
            self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.tables[-1][-1] += data.strip()


def exceptions(page):
    """Cells whose outputs differ in the page, or that do not run in it, with the reasons."""
    return json.loads(EXCEPTIONS.read_text(encoding="utf-8")).get(page, {})


def stored(page):
    """What the notebook of a page has stored for each code cell, by id."""
    notebook = json.loads((ROOT / f"{page}.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return {cell["id"]: _stored(cell["outputs"]) for cell in cells}


def _stored(outputs):
    kept = {"printed": "", "said": "", "tables": [], "frames": 0, "figures": 0}
    for output in outputs:
        data = output.get("data", {})
        html = "".join(data.get("text/html", ""))
        if output["output_type"] == "stream":
            kept["printed"] += "".join(output["text"])
        elif "<table" in html and "<iframe" not in html:
            kept["tables"] += Cells(html).tables
        elif html:
            kept["frames"] += 1
        elif output["output_type"] == "display_data":
            kept["figures"] += 1
        else:
            kept["said"] += "".join(data["text/plain"])
    return kept


def differences(page, shown):
    """Compare what a page's cells show with what is stored.

    Parameters
    ----------
    page : str
        ``notebooks/02_ridge_encoding``, for instance.
    shown : list of dict
        What `SHOWN` returns there.

    Returns
    -------
    list of str
        One sentence a difference.
    """
    known, found = exceptions(page), []
    wanted = stored(page)
    if [cell["id"] for cell in shown] != list(wanted):
        return [f"{page} has other cells than its notebook"]
    for number, cell in enumerate(shown, 1):
        where, want = f"{page}, cell {number} ({cell['id']})", wanted[cell["id"]]
        exception = known.get(cell["id"])
        if exception and not exception["runs"]:
            if cell["status"] != "stored":
                found.append(f"{where} is not to run, but its status is {cell['status']}")
            continue
        if cell["status"] != "done":
            found.append(f"{where} is {cell['status']}: {cell['error'][:500]}")
            continue
        seen = {name: cell[name] for name in ("printed", "said", "tables", "frames")}
        seen["figures"] = len(cell["figures"])
        differs = [name for name, value in seen.items() if _plain(value) != _plain(want[name])]
        if exception and not differs:
            found.append(f"{where} shows what is stored: take it out of {EXCEPTIONS.name}")
        elif not exception:
            found += [f"{where}: {name} {want[name]!r}, here {seen[name]!r}" for name in differs]
        if cell["warned"]:
            found.append(f"{where} warns: {cell['warned'][:500]}")
        if not all(cell["figures"]):
            found.append(f"{where} has a figure without a text for who does not see it")
    return found


def _plain(value):
    """Text without the blanks at the ends of lines, which a page does not show."""
    return (
        re.sub(r"[ \t]+$", "", value, flags=re.MULTILINE).strip()
        if isinstance(value, str)
        else value
    )


def run_page(tab, address):
    """Open a page, press its button, and wait until its cells have run.

    Parameters
    ----------
    tab : playwright.sync_api.Page
    address : str

    Returns
    -------
    list of dict
        What its cells show; see `SHOWN`.
    """
    tab.goto(address)
    tab.get_by_role("button", name="Run this page").click()
    # The page's policy forbids what Playwright's own way to wait is made of.
    while not tab.evaluate(RUN_EVERYTHING):
        tab.wait_for_timeout(20)
    while (state := tab.evaluate(STATE)) not in ("over", "failed"):
        tab.wait_for_timeout(200)
    assert state == "over", tab.inner_text(".live-bar")
    return tab.evaluate(SHOWN)
