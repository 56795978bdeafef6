"""The printed pages of the book are put together with links, bookmarks and numbers that fit."""

import io
import os
import stat

import browsers
import pdf
import pdf_join
import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import Link
from pypdf.generic import Destination, Fit

HEIGHT = 800


@pytest.fixture
def folder(tmp_path):
    return tmp_path.resolve() / "html"


def sheet(n_pages, title=None, places=(), links=()):
    """A small PDF: `places` are (anchor, page, height), `links` (page, rectangle, address)."""
    writer = PdfWriter()
    for _ in range(n_pages):
        writer.add_blank_page(width=600, height=HEIGHT)
    for anchor, page, height in places:
        fit = Fit.xyz(left=0, top=height)
        target = Destination(f"/{anchor}", writer.pages[page].indirect_reference, fit)
        writer.add_named_destination_object(target)
    if title:
        top = writer.add_outline_item(title=title, page_number=0)
        for anchor, page, height in places:
            fit = Fit.xyz(left=0, top=height)
            writer.add_outline_item(title=anchor, page_number=page, parent=top, fit=fit)
    for page, rectangle, address in links:
        writer.add_annotation(page_number=page, annotation=Link(rect=rectangle, url=address))
    file = io.BytesIO()
    writer.write(file)
    return PdfReader(file)


def written(writer):
    file = io.BytesIO()
    writer.write(file)
    return PdfReader(file)


def links_of(reader):
    """For each sheet where its links lead: the number of a sheet, or an address."""
    number = {page.indirect_reference.idnum: n for n, page in enumerate(reader.pages)}
    found = []
    for page in reader.pages:
        links = [link.get_object() for link in page.get("/Annots") or []]
        found.append(
            [number[k["/Dest"][0].idnum] if "/Dest" in k else k["/A"]["/URI"] for k in links]
        )
    return found


@pytest.fixture
def prints(folder):
    box = (100, 100, 200, 120)
    two = (folder / "two.html").as_uri()
    one = sheet(
        2,
        "One",
        [("first", 1, 500)],
        [
            (0, box, f"{two}#there"),
            (0, box, two),
            (0, box, f"{two}#nowhere"),
            (1, box, "https://example.org/two.html"),
            (1, box, (folder.parent / "two.html").as_uri()),
            (1, (10, 10, 11, 11), f"{two}#there"),
        ],
    )
    links = [(2, box, (folder / "one.html").as_uri() + "#first")]
    return {"one": one, "two": sheet(3, "Two", [("there", 2, 300)], links)}


def test_links_lead_to_sheets_of_other_pages(prints, folder):
    writer, starts = pdf_join.join(prints, folder)
    assert starts == {"one": 0, "two": 2}
    outside = [(folder.parent / "two.html").as_uri(), "https://example.org/two.html"]
    first, second, *others = links_of(written(writer))
    assert first == [4, 2, 2], "a place, a page, and a place that no print names"
    assert sorted(second) == outside, "the tiny link is gone, links out of the book stay"
    assert others == [[], [], [1]]


def test_bookmarks_go_by_part_chapter_and_section(prints, folder):
    writer, starts = pdf_join.join(prints, folder)
    parts = [(None, ["one"]), ("Part I", ["two"])]
    titles = {"one": "One", "two": "Two"}
    pdf_join.add_bookmarks(writer, prints, starts, parts, titles)
    reader = written(writer)

    def tree(entries):
        return [
            tree(e) if isinstance(e, list) else (e.title, reader.get_destination_page_number(e))
            for e in entries
        ]

    assert tree(reader.outline) == [
        ("One", 0),
        [("first", 1)],
        ("Part I", 2),
        [("Two", 2), [("there", 4)]],
    ]


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("{book}/notebooks/01_a.html", ("notebooks/01_a", "")),
        ("{book}/pages/b.html#a%20place", ("pages/b", "a place")),
        ("{book}/_images/c.png", None),
        ("{book}/../elsewhere.html", None),
        ("https://example.org/pages/b.html", None),
        ("", None),
    ],
)
def test_a_link_within_the_book_is_told_from_others(address, place, folder):
    assert pdf_join.place_of(address.format(book=folder.as_uri()), folder) == place


def test_numbers_must_be_as_many_as_sheets(prints, folder):
    writer, _ = pdf_join.join(prints, folder)
    with pytest.raises(ValueError, match="shorter"):
        pdf_join.stamp(writer, sheet(4))
    assert pdf.page_numbers(3).count("<section>") == 3
    assert "<p>3</p>" in pdf.page_numbers(3) and "<p>1</p>" not in pdf.page_numbers(3)


def test_contents_name_every_page_with_its_sheet_and_a_link():
    parts = [(None, ["intro"]), ("Part <I>", ["notebooks/01_a"])]
    titles = {"intro": "Book", "notebooks/01_a": "A & B"}
    text = pdf.front_matter(titles, {"intro": 3, "notebooks/01_a": 17}, parts)
    address = (pdf.BOOK / "notebooks/01_a.html").as_uri()
    assert f'<li><a href="{address}">A &amp; B</a>17</li>' in text
    assert "<h2>Part &lt;I&gt;</h2>" in text and "Encoding Models of Visual Cortex" in text


def test_parts_are_read_from_the_contents():
    toc = {"root": "intro", "parts": [{"caption": "I", "chapters": [{"file": "a"}, {"file": "b"}]}]}
    assert pdf.read_contents(toc) == [(None, ["intro"]), ("I", ["a", "b"])]


def test_pages_below_others_are_printed_after_them():
    nested = {"file": "a", "sections": [{"file": "b"}, {"file": "c"}]}
    toc = {"root": "intro", "parts": [{"caption": "I", "chapters": [nested, {"file": "d"}]}]}
    assert pdf.read_contents(toc)[1] == ("I", ["a", "b", "c", "d"])


def test_no_browser_is_said_plainly(monkeypatch):
    monkeypatch.setattr(browsers, "NAMES", ("no-such-browser",))
    monkeypatch.setattr(browsers, "PLACES", ())
    monkeypatch.delenv("CHROMIUM", raising=False)
    assert browsers.find() is None
    assert "CHROMIUM" in browsers.NOT_FOUND
    monkeypatch.setenv("CHROMIUM", "somewhere/chrome")
    assert browsers.find() == "somewhere/chrome"


@pytest.mark.skipif(os.name == "nt", reason="a program has another form on Windows")
def test_a_browser_is_found_by_its_name(monkeypatch, tmp_path):
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    assert browsers.find() == str(program)
