"""Checks of the built book. A check takes a page, its name and its HTML parsed, and returns
its findings, one sentence each: the page, the fault and what to do.
"""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

RAW = re.compile(r":::|```|\{[a-z][\w:-]*\}[`\[]|\{(cite|ref|term|eq|doc|numref)\b|\$\$|\\\[")
LINKS = {"a": "href", "link": "href", "img": "src", "script": "src", "iframe": "src"}
LAUNCHERS = {"Binder": "https://mybinder.org/", "Colab": "https://colab.research.google.com/"}


def parse(html):
    return BeautifulSoup(html, "html.parser")


def pages_of(toc):
    """Names of all pages in the table of contents, without suffix."""
    if isinstance(toc, list):
        return [page for entry in toc for page in pages_of(entry)]
    if not isinstance(toc, dict):
        return []
    here = [toc[key] for key in ("root", "file") if key in toc]
    return here + [page for entry in toc.values() for page in pages_of(entry)]


def missing_pages(toc, folder):
    return [
        f"{page}: is in _toc.yml, but {page}.html is not in the book"
        for page in pages_of(toc)
        if not (Path(folder) / f"{page}.html").is_file()
    ]


def targets(soup):
    """Tag, attribute value and parsed address of everything that the page links or loads."""
    for tag, attribute in LINKS.items():
        for element in soup.find_all(tag, attrs={attribute: True}):
            yield tag, element[attribute], urlsplit(element[attribute])


def anchors(soup):
    names = [tag["name"] for tag in soup.find_all("a", attrs={"name": True})]
    return {tag["id"] for tag in soup.find_all(id=True)} | set(names)


def dead_links(page, soups, folder):
    """Relative addresses that lead to no file of the book or to no anchor in it."""
    findings = []
    for _, written, address in targets(soups[page]):
        if address.scheme or address.netloc or written == "#":
            continue
        here = Path(folder) / f"{page}.html"
        file = (here.parent / unquote(address.path)).resolve() if address.path else here.resolve()
        if not file.is_file():
            findings.append(f"{page}: links {written!r}, which is not in the book")
            continue
        name = file.relative_to(Path(folder).resolve()).with_suffix("").as_posix()
        known = anchors(soups[name]) if name in soups else None
        if address.fragment and known is not None and unquote(address.fragment) not in known:
            findings.append(f"{page}: links {written!r}, but the page has no such anchor")
    return findings


def other_hosts(page, soup):
    """Scripts, styles, images and frames from elsewhere: the page would be incomplete offline."""
    return [
        f"{page}: loads {written!r}; ship it with the book"
        for tag, written, address in targets(soup)
        if tag != "a" and address.netloc and not _is_only_named(soup, written)
    ]


def _is_only_named(soup, address):
    """Whether the address stands in a link that loads nothing, as rel=canonical."""
    links = soup.find_all("link", href=address)
    loading = {"stylesheet", "preload", "icon", "modulepreload", "prefetch"}
    return bool(links) and not any(loading & set(link.get("rel", [])) for link in links)


def too_heavy(page, soup, folder, limit):
    """A page whose own files, without those that all pages share, have more than limit bytes."""
    here = Path(folder) / f"{page}.html"
    shared = Path(folder).resolve() / "_static"
    loaded = {
        (here.parent / unquote(address.path)).resolve()
        for tag, _, address in targets(soup)
        if tag != "a" and address.path and not address.scheme and not address.netloc
    }
    own = [file for file in loaded if shared not in file.parents and file.suffix != ".html"]
    weight = sum(file.stat().st_size for file in [here, *own])
    if weight <= limit:
        return []
    return [f"{page}: weighs {weight / 1e6:.2f} MB of at most {limit / 1e6:.2f}; draw it smaller"]


def raw_markup(page, soup):
    """Directives, roles and formulas that a reader would see unrendered."""
    article = parse(str(soup.find("article") or soup))
    for element in article.select("pre, code, script, style, .math"):
        element.decompose()
    return [
        f"{page}: shows {line.strip()[:80]!r}; the markup was not understood"
        for line in article.get_text().splitlines()
        if RAW.search(line)
    ]


def images(page, soup):
    """Images without alt text, and figures of code that share one."""
    findings = [
        f"{page}: the image {image.get('src', '')[-40:]!r} has no alt text"
        for image in soup.select("article img")
        if not image.get("alt", "").strip()
    ]
    alts = [image.get("alt", "") for image in soup.select(".cell_output img")]
    return findings + [
        f"{page}: {alts.count(alt)} figures share the alt text {alt!r}"
        for alt in sorted(set(alts))
        if alt and alts.count(alt) > 1
    ]


def missing_figures(page, soup, expected):
    """Figures that the notebook declares by alt text and the page does not show."""
    shown = {image.get("alt") for image in soup.select(".cell_output img")}
    return [
        f"{page}: does not show the figure {alt!r}; was the notebook executed?"
        for alt in expected
        if alt not in shown
    ]


def failures(page, soup):
    """Warnings, tracebacks, reprs of figures, and frames that a screen reader cannot name."""
    findings = [
        f"{page}: shows {element.get_text().strip()[:80]!r} in place of a result; mend the cell"
        for element in soup.select(
            ".cell_output .stderr, .cell_output .traceback, .cell_output pre"
        )
        if {"stderr", "traceback"} & set(element.get("class", []))
        or re.search(r"Traceback \(most recent call last\)|<Figure size", element.get_text())
    ]
    return findings + [
        f"{page}: an iframe without title; say in it what the frame shows"
        for frame in soup.select("article iframe")
        if not frame.get("title", "").strip()
    ]


def launch_buttons(page, soup, repository):
    """Binder and Colab buttons that open this notebook of the repository."""
    addresses = [unquote(a["href"]) for a in soup.select(".dropdown-launch-buttons a[href]")]
    own = "/".join(urlsplit(repository).path.strip("/").split("/")[:2])
    return [
        f"{page}: has no {launcher} button that opens {page}.ipynb of {own}"
        for launcher, host in LAUNCHERS.items()
        if not any(
            address.startswith(host) and f"/{own}/" in address and address.endswith(f"{page}.ipynb")
            for address in addresses
        )
    ]


def search_bars(page, soup):
    count = len(soup.select("form.bd-search"))
    return [] if count == 1 else [f"{page}: has {count} search bars; pin the theme"]


def unfolded_solutions(page, soup):
    """Solutions that a reader sees before asking for them."""
    findings = [
        f"{page}: the solution {solution.get('id')!r} is open; add ':class: dropdown'"
        for solution in soup.select("div.solution")
        if "dropdown" not in solution["class"]
    ]
    if soup.select("div.solution") and "togglebutton" not in str(soup.find_all("script")):
        findings.append(f"{page}: nothing folds solutions; add sphinx_togglebutton")
    return findings


def unrendered_math(page, soup):
    """Formulas on a page that loads nothing to draw them."""
    if soup.select("article .math") and "mathjax" not in str(soup.find_all("script")).lower():
        return [f"{page}: has formulas, but loads no MathJax"]
    return []
