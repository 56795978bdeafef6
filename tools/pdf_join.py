"""Put printed pages together into one PDF: links, bookmarks and page numbers."""

from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from pypdf import PdfWriter
from pypdf.generic import ArrayObject, Destination, Fit, NameObject

ANCHOR = 2  # points: links smaller than this only make the browser name their target


def place_of(address, folder):
    """Say where in the book a link leads.

    Parameters
    ----------
    address : str
    folder : pathlib.Path
        Where the book's HTML lies.

    Returns
    -------
    (str, str) or None
        Name of the page and the anchor on it; None for a link that leaves the book.
    """
    split, folder = urlsplit(address), Path(folder).resolve()
    path = Path(url2pathname(split.path)).resolve()
    if split.scheme != "file" or path.suffix != ".html" or not path.is_relative_to(folder):
        return None
    return path.relative_to(folder).with_suffix("").as_posix(), unquote(split.fragment)


def _anchors(prints, starts):
    """Return for (page, anchor) the sheet and the height on it, as far as the prints name them."""
    return {
        (name, unquote(anchor).lstrip("/")): (
            starts[name] + reader.get_destination_page_number(target),
            target.top,
        )
        for name, reader in prints.items()
        for anchor, target in reader.named_destinations.items()
    }


def _mend_links(writer, sheet, name, find, folder):
    """Let the links on one sheet lead to sheets; leave out those that only name a place."""
    kept, page = ArrayObject(), writer.pages[sheet]
    for annotation in page.get("/Annots") or []:
        link = annotation.get_object()
        left, bottom, right, top = link["/Rect"]
        if right - left < ANCHOR and top - bottom < ANCHOR:
            continue
        kept.append(annotation)
        if "/Dest" in link:
            target = find((name, unquote(str(link["/Dest"])).lstrip("/")))
        else:
            target = find(place_of(str(link.get("/A", {}).get("/URI", "")), folder))
        if target:
            number, height = target
            where = Fit.xyz(left=0, top=height)
            link.pop("/A", None)
            link[NameObject("/Dest")] = Destination(
                "", writer.pages[number].indirect_reference, where
            ).dest_array
    page[NameObject("/Annots")] = kept


def join(prints, folder):
    """Put printed pages together, with links from one to the other.

    A link to a place that no print names leads to the beginning of its page.

    Parameters
    ----------
    prints : dict of str to PdfReader
        For each page of the book, by its name, what the browser printed.
    folder : pathlib.Path
        Where the book's HTML lies.

    Returns
    -------
    writer : PdfWriter
    starts : dict of str to int
        On which sheet, from 0, each page begins.
    """
    writer, starts = PdfWriter(), {}
    for name, reader in prints.items():
        starts[name] = len(writer.pages)
        writer.append(reader, import_outline=False)
    anchors = _anchors(prints, starts)

    def find(place):
        return anchors.get(place) or (place and place[0] in starts and (starts[place[0]], None))

    for name, reader in prints.items():
        for sheet in range(starts[name], starts[name] + len(reader.pages)):
            _mend_links(writer, sheet, name, find, folder)
    return writer, starts


def add_bookmarks(writer, prints, starts, parts, titles):
    """Add bookmarks by part, chapter and section.

    Parameters
    ----------
    writer, starts
        From `join`.
    prints : dict of str to PdfReader
    parts : list of (str or None, list of str)
        Captions, None for pages before the parts, and the names of their pages.
    titles : dict of str to str
        For each page its title.
    """

    def add_sections(entries, reader, start, parent):
        last = parent
        for entry in entries:
            if isinstance(entry, list):
                add_sections(entry, reader, start, last)
            else:
                number = start + reader.get_destination_page_number(entry)
                fit = Fit.xyz(left=0, top=entry.top)
                last = writer.add_outline_item(
                    title=entry.title, page_number=number, parent=parent, fit=fit
                )

    for caption, names in parts:
        part = caption and writer.add_outline_item(title=caption, page_number=starts[names[0]])
        for name in names:
            chapter = writer.add_outline_item(
                title=titles[name], page_number=starts[name], parent=part
            )
            for entry in prints[name].outline:
                # The first level is the title itself, the list after it the sections.
                if isinstance(entry, list):
                    add_sections(entry, prints[name], starts[name], chapter)


def stamp(writer, numbers):
    """Lay the numbers over the sheets.

    Parameters
    ----------
    writer : PdfWriter
    numbers : PdfReader
        As many sheets, with nothing but their numbers.
    """
    for page, number in zip(writer.pages, numbers.pages, strict=True):
        page.merge_page(number)
