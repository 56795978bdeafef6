"""The book without a network: pages that a browser keeps, and the zip that runs from a disk."""

import base64
import json
import os
import shutil
import zipfile

import offline
import pytest
from live_browsers import HTML, ROOT, Server, opened, strangers
from live_pages import with_policy
from playwright.sync_api import Error, sync_playwright

SOURCES = ROOT / "tools" / "live" / "src"
CHAPTER = "notebooks/01_loading.html"


@pytest.fixture(scope="module")
def driver():
    with sync_playwright() as driver:
        yield driver


# ---- pages that a browser keeps

PAGE = """<!doctype html><html lang="en"><head>
<meta charset="utf-8"><link rel="icon" href="data:,"><title>{title}</title>
<link rel="stylesheet" href="../_static/theme.css?v={edition}{edition}">
<script type="module" src="../_static/page.js"></script></head>
<body><img alt="" src="../_images/{edition}{edition}{edition}{edition}.svg"></body></html>"""
SCRIPT = """
import { keepForLater } from "./keep.js";
window.keep = (version) => keepForLater(new URL("../", location.href), version);
window.kept = async () => {
  const found = [];
  for (const name of await caches.keys()) {
    for (const { url } of await (await caches.open(name)).keys()) found.push(new URL(url));
  }
  return found.map((at) => at.pathname + at.search).sort();
};
fetch("../_static/live/python.0123456789ab.wasm.gz");
"""
DRAWN = """() => [getComputedStyle(document.body).color, document.images[0].naturalWidth]"""
STYLES = "@font-face {{ font-family: F; src: url(f.woff2); }} body {{ color: rgb(1, 2, {blue}); }}"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="2"/>'


def write_book(folder, edition, number):
    """Write a book of two pages, and a page that is not of the book."""
    for name in ("notebooks", "_static/live", "_images"):
        (folder / "book" / name).mkdir(parents=True, exist_ok=True)
    book = folder / "book"
    for title in ("one", "two"):
        page = with_policy(PAGE.format(title=f"{title} {number}", edition=edition))
        (book / "notebooks" / f"{title}.html").write_text(page, encoding="utf-8")
    (book / "_static/theme.css").write_text(STYLES.format(blue=number), encoding="utf-8")
    (book / f"_images/{4 * edition}.svg").write_text(SVG.format(width=number), encoding="utf-8")
    (book / "_static/page.js").write_text(SCRIPT, encoding="utf-8")
    (book / "_static/f.woff2").write_bytes(b"font")
    (book / "_static/live/python.0123456789ab.wasm.gz").write_bytes(b"large")
    (book / "_static/live/frame.html").write_text("frame", encoding="utf-8")
    shutil.copy2(SOURCES / "keep.js", book / "_static/keep.js")
    shutil.copy2(SOURCES / "service.js", book / "service.js")
    (folder / "other.html").write_text("<title>other</title>", encoding="utf-8")
    (folder / "favicon.ico").write_bytes(b"")  # a browser asks for it


def show(tab, address):
    tab.goto(address)
    tab.wait_for_function("window.keep && document.images[0].complete")
    return tab.title(), *tab.evaluate(DRAWN)


@pytest.mark.parametrize("name", ["chromium", pytest.param("firefox", marks=pytest.mark.slow)])
def test_pages_that_were_visited_open_without_a_network(driver, name, tmp_path):
    old, new = "0a1b2c3d", "4e5f6a7b"
    site, profile = tmp_path / "site", tmp_path / "profile"
    write_book(site, old, 1)
    server = Server(site)
    book = f"{server.address}book/"
    first, second = f"{book}notebooks/one.html", f"{book}notebooks/two.html"
    with opened(driver, name, profile) as tab:
        assert show(tab, first) == ("one 1", "rgb(1, 2, 1)", 1)
        # Nothing is kept before the reader's click.
        assert tab.evaluate("kept()") == []
        registered = "navigator.serviceWorker.getRegistrations().then((all) => all.length)"
        assert tab.evaluate(registered) == 0
        assert tab.evaluate("keep('version 1')") is True
        kept = tab.evaluate("kept()")
        assert f"/book/_images/{4 * old}.svg" in kept and "/book/_static/f.woff2" in kept
        assert not [path for path in kept if path.endswith(".gz")]
        show(tab, second)
        tab.wait_for_function("kept().then((all) => all.includes('/book/notebooks/two.html'))")
        tab.goto(f"{server.address}other.html")
        assert not strangers(tab, server.address)

    server.stop()
    with opened(driver, name, profile) as tab:
        assert show(tab, f"{first}?highlight=penalty") == ("one 1", "rgb(1, 2, 1)", 1)
        assert show(tab, second) == ("two 1", "rgb(1, 2, 1)", 1)
        # Neither is a page there that was not visited, nor one outside of the book.
        for missing in (f"{book}notebooks/three.html", f"{server.address}other.html"):
            other = tab.context.new_page()
            with pytest.raises(Error):
                other.goto(missing)
            other.close()

        write_book(site, new, 2)
        server.start()
        assert show(tab, first) == ("one 2", "rgb(1, 2, 2)", 2)
        assert tab.evaluate("keep('version 2')") is True
        kept = tab.evaluate("kept()")
        assert not [path for path in kept if old in path]
        assert "/book/_static/live/frame.html" in kept
        # The other page, too, is the new one, though nobody has looked at it.
        server.stop()
        assert show(tab, second) == ("two 2", "rgb(1, 2, 2)", 2)


# ---- the book itself

# The cells that the button runs: solutions of exercises wait for who asks for them.
RUN = """live.notebook.cells.filter((cell) => !cell.skipped && !cell.optional)"""
DONE = f"""() => {{
    if (!window.live) return false;
    const cells = {RUN};
    if (cells.some((cell) => cell.status === "error")) return "error";
    return cells.every((cell) => cell.status === "done") && "done";
}}"""
PRINTED = f"() => {RUN}.map((cell) => cell.error?.traceback ?? cell.output.innerText)"
KEPT = """async (path) => {
    const names = (await caches.keys()).filter((name) => name.startsWith("book "));
    const found = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    return found.flat().some(({ url }) => new URL(url).pathname === path);
}"""
EDIT = f"""() => {{ {RUN}.at(-1).source += "\\nprint('and one more line')"; }}"""
STORED = """() => Object.values(localStorage).some((text) => text.includes("and one more line"))"""


def run_page(tab):
    """Press the button, and return what all cells show when they have run."""
    tab.get_by_role("button", name="Run this page").click()
    ended = tab.wait_for_function(DONE).json_value()
    printed = tab.evaluate(PRINTED)
    assert ended == "done", printed
    return printed


@pytest.fixture(scope="module")
def book():
    """The folder of the book that `make book` made."""
    if not (HTML / "service.js").is_file():
        pytest.skip("the book has not been built with what its pages load: run make book.")
    return HTML


@pytest.mark.slow
@pytest.mark.parametrize("name", ["chromium", "firefox"])
def test_a_chapter_that_was_run_opens_and_runs_again_without_a_network(
    driver, book, name, tmp_path
):
    server = Server(book)
    with opened(driver, name, tmp_path) as tab:
        tab.goto(server.address + CHAPTER)
        first = run_page(tab)
        tab.evaluate(EDIT)
        tab.wait_for_function(STORED)
        tab.wait_for_function(KEPT, arg=f"/{CHAPTER}")
        assert not strangers(tab, server.address)
    server.stop()
    # Each part of Python came once: what page.js keeps, the service worker does not ask for again.
    parts = [path for path in server.asked if path.endswith(".gz")]
    assert sorted(parts) == sorted(set(parts))
    with opened(driver, name, tmp_path) as tab:
        tab.goto(server.address + CHAPTER)
        again = run_page(tab)
        assert again[:-1] == first[:-1]
        assert "and one more line" in again[-1]
        assert not strangers(tab, server.address)


@pytest.fixture(scope="module")
def unpacked(book, tmp_path_factory):
    """The folder that a reader gets from the zip."""
    folder = tmp_path_factory.mktemp("zip")
    offline.pack(book, folder / "book.zip")
    with zipfile.ZipFile(folder / "book.zip") as archive:
        archive.extractall(folder)
    return folder / offline.NAME


@pytest.mark.slow
@pytest.mark.parametrize("name", ["chromium", "firefox"])
def test_the_unpacked_zip_opens_and_runs_from_the_disk(driver, unpacked, name, tmp_path):
    with opened(driver, name, tmp_path) as tab:
        tab.goto((unpacked / "index.html").as_uri())
        tab.wait_for_selector("article")  # it leads on to the first page
        tab.goto((unpacked / CHAPTER).as_uri())
        printed = run_page(tab)
        assert any(printed)
        assert tab.locator(".cell_output img, .live-output img").count() > 0
        assert not strangers(tab, unpacked.as_uri())


# ---- the zip


@pytest.fixture
def built(tmp_path):
    """A built book of one page that could run, and an asset of any bytes."""
    html = tmp_path / "html"
    (html / "_static" / "live").mkdir(parents=True)
    (html / "index.html").write_text("<p>Welcome</p>", encoding="utf-8")
    (html / ".buildinfo").write_text("for Sphinx", encoding="utf-8")
    (html / "service.js").write_text("for a server", encoding="utf-8")
    (html / "_static/live/python.0123.wasm.gz").write_bytes(bytes(range(256)))
    (html / "_static/live/page.0123.js").write_text("run()", encoding="utf-8")
    return html


def test_the_zip_holds_what_the_pages_load_as_scripts(built, tmp_path):
    assert offline.pack(built, tmp_path / "book.zip") == (tmp_path / "book.zip").stat().st_size
    with zipfile.ZipFile(tmp_path / "book.zip") as archive:
        names = archive.namelist()
        script = archive.read("encoding-models/_static/live/python.0123.wasm.gz.js").decode()
        readme = archive.read("encoding-models/README.txt").decode()
    assert names == [
        "encoding-models/README.txt",
        "encoding-models/_static/live/page.0123.js",
        "encoding-models/_static/live/python.0123.wasm.gz.js",
        "encoding-models/index.html",
    ]
    call, text = script.removesuffix(");\n").split("(", 1)
    file, data = json.loads(f"[{text}]")
    assert (call, file) == ("liveAsset", "python.0123.wasm.gz")
    assert base64.b64decode(data) == bytes(range(256))
    assert "index.html" in readme and "about 10 MB" in readme
    assert max(map(len, readme.splitlines())) <= 100


def test_the_same_book_makes_the_same_zip(built, tmp_path):
    offline.pack(built, tmp_path / "one.zip")
    for path in built.rglob("*"):
        os.utime(path, (0, 1_000_000_000))
    (built / "index.html").chmod(0o600)
    offline.pack(built, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_a_book_that_cannot_run_is_not_packed(built, tmp_path):
    (built / "_static/live/python.0123.wasm.gz").unlink()
    with pytest.raises(ValueError, match="cannot run"):
        offline.pack(built, tmp_path / "book.zip")
    (built / "index.html").unlink()
    with pytest.raises(ValueError, match="holds no book"):
        offline.pack(built, tmp_path / "book.zip")
    assert not list(tmp_path.glob("book*"))
