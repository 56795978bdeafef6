"""Cover, table of contents and numbers of the PDF, as pages for the browser that prints it."""

import html
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "_build" / "html"
# The letters of the book's own pages.
FONTS = f'<link rel="stylesheet" href="{(BOOK / "_static" / "fonts" / "fonts.css").as_uri()}">'
FRONT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>{fonts}<style>
body {{ font-family: var(--pst-font-family-base); color: #1b2430; }}
.cover {{ break-after: page; padding-top: 45mm; text-align: center; }}
.cover h1 {{ font-size: 25pt; }} .cover img {{ width: 100%; }} .cover .logo {{ width: 30mm; }}
ol {{ list-style: none; padding: 0; }} li {{ display: flex; margin: 2mm 0; }}
li a {{ flex: 1; color: inherit; text-decoration: none; border-bottom: 1px dotted #8a94a0; }}
</style><div class="cover"><img class="logo" src="{logo}" alt=""><h1>{title}</h1>
<p>{author}</p><p>Version {version}</p><img src="{picture}" alt=""></div><h1>Contents</h1>{parts}"""
NUMBERS = """<!doctype html><meta charset="utf-8">{fonts}<style>
@page {{ margin: 0 }} body {{ margin: 0; font: 9pt var(--pst-font-family-base); color: #4a5560 }}
section {{ height: 296mm; break-after: page; position: relative; overflow: hidden }}
section:last-child {{ break-after: auto }}
p {{ position: absolute; bottom: 8mm; width: 100%; text-align: center; margin: 0 }}
</style>{sheets}"""


def front_matter(titles, sheets, parts):
    """Write the cover and the table of contents as a page for the browser.

    Parameters
    ----------
    titles : dict of str to str
        For each page its title.
    sheets : dict of str to int
        For each page the number that is printed on its first sheet.
    parts : list of (str or None, list of str)
        From `read_contents`.

    Returns
    -------
    str
    """
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    citation = yaml.safe_load((ROOT / "pages" / "CITATION.cff").read_text(encoding="utf-8"))
    lists = [
        (f"<h2>{html.escape(caption)}</h2>" if caption else "")
        + "<ol>"
        + "".join(
            f'<li><a href="{(BOOK / name).as_uri()}.html">{html.escape(titles[name])}</a>'
            f"{sheets[name]}</li>"
            for name in names
        )
        + "</ol>"
        for caption, names in parts
    ]
    return FRONT.format(
        fonts=FONTS,
        title=html.escape(config["title"]),
        author=html.escape(config["author"]),
        version=citation["version"],
        logo=(ROOT / config["logo"]).as_uri(),
        picture=(ROOT / "pages" / "images" / "overview.png").as_uri(),
        parts="".join(lists),
    )


def page_numbers(count):
    """Write sheets that show nothing but their number, for the browser; the cover has none."""
    sheets = "".join(
        f"<section><p>{'' if n == 1 else n}</p></section>" for n in range(1, count + 1)
    )
    return NUMBERS.format(fonts=FONTS, sheets=sheets)
