"""What the system's browser says about a page of the built book."""

from pathlib import Path

import browsers
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

HANG = 300_000  # milliseconds: ends what would never end, and says nothing about speed
expect.set_options(timeout=HANG)
OPTIONS = ["--disable-gpu", "--disable-dev-shm-usage"]
OWN = ("file:", "data:", "blob:", "about:")
GRAVE = {"serious", "critical"}
# Formulas are drawn, fonts are there, and the theme's scripts have run.
READY = """async () => {
    await window.MathJax?.startup?.promise;
    const frames = [...document.querySelectorAll("iframe")].map(frame => frame.contentDocument);
    await Promise.all([document, ...frames].map(page => page?.fonts.ready));
}"""
# Of the words of a listing, coloured alike in boxes alike, the first stands for all, and a formula
# has the colour of the text around it: with every word, contrasts take most of the tests' time.
HIDE_REPEATED = """() => {
    const seen = new Set();
    for (const word of document.querySelectorAll(".highlight pre span")) {
        const box = word.closest(".highlight").parentElement;
        const around = word.closest(".cell, .admonition");
        const looks = [word, box, around].map(element => element?.className).join("|");
        if (seen.has(looks)) word.style.visibility = "hidden";
        seen.add(looks);
    }
    const formulas = document.querySelectorAll("mjx-math");
    formulas.forEach(formula => formula.style.visibility = "hidden");
}"""
# Each letter once for each family, weight and slant in which it is to be drawn.
MARK_LETTERS = """() => {
    const seen = new Set();
    for (const element of document.querySelectorAll("body *")) {
        if (!element.checkVisibility() || element.closest("mjx-container")) continue;
        const { fontFamily, fontWeight, fontStyle } = getComputedStyle(element);
        for (const node of element.childNodes) {
            if (node.nodeType !== Node.TEXT_NODE) continue;
            for (const letter of node.data.replace(/\\s/g, "")) {
                const looks = [letter, fontFamily, fontWeight, fontStyle].join("|");
                if (seen.has(looks)) continue;
                seen.add(looks);
                element.dataset.letters = "";
            }
        }
    }
}"""
# Off by default, and asked for by Lighthouse.
MORE_RULES = {"label-content-name-mismatch": {"enabled": True}}


def launch(playwright):
    return browsers.launch(playwright, *OPTIONS)


def context(browser, **options):
    """A window of its own, in which nobody is too slow."""
    opened = browser.new_context(**options)
    opened.set_default_timeout(HANG)
    return opened


class Watch:
    """What goes wrong in a tab: errors in the console, and files that it asks other hosts for."""

    def __init__(self, tab):
        self.findings = []
        tab.on("console", self._console)
        tab.on("pageerror", lambda error: self.findings.append(f"a script fails: {error}"))
        tab.on("request", self._request)
        tab.on("requestfailed", lambda r: self.findings.append(f"does not get {r.url[:200]}"))

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.findings.append(f"the console says {message.text[:300]!r}")

    def _request(self, request):
        if not request.url.startswith(OWN):
            self.findings.append(f"asks another host: {request.url[:200]}")

    def take(self):
        """All findings since the last time."""
        taken, self.findings = self.findings, []
        return taken


def show(tab, file, question=""):
    """Open a file of the book and wait until it is drawn."""
    tab.goto(Path(file).resolve().as_uri() + question)
    tab.evaluate(READY)


def barriers(tab, only=None):
    """Serious and critical findings of axe, in the page and in its frames; or of some rules."""
    choice = {"runOnly": list(only)} if only else {"rules": MORE_RULES}
    options = {"resultTypes": ["violations"], "preload": False, "iframes": False, **choice}
    tab.evaluate(HIDE_REPEATED)
    return [
        f"{violation['id']}: {violation['help']}: {node['html'][:160]}"
        for frame in tab.frames
        for violation in Axe().run(frame, options=options).response["violations"]
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]


def borrowed_letters(tab):
    """Fonts of the system in which a page is drawn, and where; formulas are left out."""
    tab.evaluate(MARK_LETTERS)
    tools = tab.context.new_cdp_session(tab)
    for domain in ("DOM", "CSS"):
        tools.send(f"{domain}.enable")
    root = tools.send("DOM.getDocument", {"depth": 0})["root"]["nodeId"]
    marked = {"nodeId": root, "selector": "[data-letters]"}
    found = []
    for node in tools.send("DOM.querySelectorAll", marked)["nodeIds"]:
        for font in tools.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]:
            if not font["isCustomFont"]:
                html = tools.send("DOM.getOuterHTML", {"nodeId": node})["outerHTML"]
                found.append(f"drawn in {font['familyName']}: {html[:160]}")
    tools.detach()
    return found
