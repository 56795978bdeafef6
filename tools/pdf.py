"""Make one PDF of the built book: _build/book.pdf.

    python tools/pdf.py

A browser prints each page in the order of the contents; the prints are put together with a cover,
a table of contents, page numbers, bookmarks, and links that lead from chapter to chapter.
"""

import io
import sys
import tempfile
from pathlib import Path

import browsers
import yaml
from pdf_front import BOOK, ROOT, front_matter, page_numbers
from pdf_join import add_bookmarks, join, place_of, stamp
from pypdf import PdfReader

PAPER = {
    "format": "A4",
    "margin": {"top": "18mm", "bottom": "20mm", "left": "18mm", "right": "18mm"},
}
# Folded answers are opened, and each place that another page links to gets a tiny link of its own:
# the browser names only places to which the page itself links.
PREPARE = """async (ids) => {
  document.documentElement.dataset.theme = "light";
  document.querySelectorAll("details").forEach((box) => { box.open = true; });
  const folded = document.querySelectorAll(".toggle-hidden");
  folded.forEach((box) => box.classList.remove("toggle-hidden"));
  for (const id of ids) {
    const link = document.createElement("a");
    link.href = "#" + id;
    link.textContent = ".";
    link.className = "names-a-place";
    document.querySelector("article").append(link);
  }
  document.querySelectorAll("img").forEach((image) => { image.loading = "eager"; });
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
  const frames = [...document.querySelectorAll("iframe")].map((frame) => frame.contentDocument);
  await Promise.all([document, ...frames].map((page) => page?.fonts.ready));
  await window.MathJax?.startup?.promise;
}"""
READ = """() => [
  document.querySelector("article h1").firstChild.textContent,
  [...document.querySelectorAll("article a[href]")].map((link) => link.href),
]"""
FRONT_NAME = "front"


def read_contents(toc):
    """Return the parts: each a caption, None for the first, and the names of its pages."""

    def names(chapters):
        return [name for c in chapters for name in (c["file"], *names(c.get("sections", [])))]

    parts = [(part["caption"], names(part["chapters"])) for part in toc["parts"]]
    return [(None, [toc["root"]]), *parts]


class Printer:
    """A browser that prints pages of the book, or pages made for it."""

    def __init__(self, browser):
        self.tab = browser.new_page()
        self.tab.emulate_media(media="print", color_scheme="light")

    def read(self, name):
        """Return a page's title, and the places of the book to which it links."""
        self.tab.goto((BOOK / f"{name}.html").as_uri(), wait_until="domcontentloaded")
        title, links = self.tab.evaluate(READ)
        return title, {place for link in links if (place := place_of(link, BOOK))}

    def page(self, name, anchors):
        """Print one page of the book, with `anchors` named."""
        self.tab.goto((BOOK / f"{name}.html").as_uri())
        self.tab.evaluate(PREPARE, sorted(anchors))
        return self._print(outline=True)

    def text(self, page):
        """Print a page that is given as text."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "page.html")
            file.write_text(page, encoding="utf-8")
            self.tab.goto(file.as_uri())
            self.tab.evaluate("document.fonts.ready")
            return self._print()

    def _print(self, **options):
        printed = self.tab.pdf(print_background=True, tagged=True, **PAPER, **options)
        return PdfReader(io.BytesIO(printed))


def print_book(browser, parts):
    """Print all pages, put them together and number the sheets.

    Parameters
    ----------
    browser : playwright.sync_api.Browser
    parts : list of (str or None, list of str)
        From `read_contents`.

    Returns
    -------
    PdfWriter
    """
    printer = Printer(browser)
    names = [name for _, pages in parts for name in pages]
    titles, links = zip(*(printer.read(name) for name in names), strict=True)
    titles, linked = dict(zip(names, titles, strict=True)), set().union(*links)
    prints = {n: printer.page(n, {a for page, a in linked if page == n and a}) for n in names}
    # A first time only to see how many sheets the front takes.
    front = printer.text(front_matter(titles, dict.fromkeys(names, 0), parts))
    sheets, number = {}, len(front.pages) + 1
    for name, reader in prints.items():
        sheets[name], number = number, number + len(reader.pages)
    prints = {FRONT_NAME: printer.text(front_matter(titles, sheets, parts)), **prints}
    writer, starts = join(prints, BOOK)
    add_bookmarks(writer, prints, starts, parts, titles)
    stamp(writer, printer.text(page_numbers(len(writer.pages))))
    return writer


def main():
    """Print the built book."""
    from playwright.sync_api import sync_playwright

    if not (BOOK / "intro.html").is_file():
        sys.exit("The book is not built: run `make book` first.")
    if not browsers.find():
        sys.exit(f"The book cannot be printed: {browsers.NOT_FOUND}.")
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    # Pages are read from files: fonts and pictures lie beside them.
    option = "--allow-file-access-from-files"
    with sync_playwright() as playwright, browsers.launch(playwright, option) as browser:
        writer = print_book(browser, read_contents(toc))
    writer.compress_identical_objects()
    writer.write(BOOK.parent / "book.pdf")
    print(f"The book: _build/book.pdf, {len(writer.pages)} sheets")


if __name__ == "__main__":
    main()
