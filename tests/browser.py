"""What the system's browser says about a page of the built book."""

from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from browsers import find

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
# Off by default, and asked for by Lighthouse.
MORE_RULES = {"label-content-name-mismatch": {"enabled": True}}


def launch(playwright):
    return playwright.chromium.launch(executable_path=find(), args=OPTIONS)


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
