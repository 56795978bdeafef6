"""Pack the built book into one file that opens, and runs, from a disk: _build/encoding-models.zip.

    python tools/offline.py [FOLDER]

packs the pages in the folder, _build/html unless another is named, and writes the zip beside it. A
page that is opened from a disk may not read files, but it may load scripts. So what the pages load
in order to run is packed as scripts, in place of the files that a server sends.
"""

import base64
import json
import os
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILT = ROOT / "_build" / "html"
NAME = "encoding-models"  # of the zip, and of the folder in it
LIVE = "_static/live/"
# Of use to a server, to Sphinx or to links from other projects.
LEFT_OUT = {".buildinfo", ".nojekyll", "objects.inv", "service.js", "CNAME", "robots.txt"}
FIXED_DATE = (1980, 1, 1, 0, 0, 0)  # the same book makes the same bytes
README = """\
Encoding models of visual cortex: the whole book, for computers without a network
==================================================================================

How to open it
--------------
1. Unpack the zip: all of it, not only one file. Pages do not work inside the zip.
   (Windows: right-click the zip, "Extract All". macOS: double-click it.)
2. Open the folder, and in it the file index.html, with Firefox, Chrome or Edge.

That is all. Nothing is installed, and nothing is sent anywhere: no server is needed, and the
network may be off.

How to run a page
-----------------
Every chapter has a button "Run this page". It starts Python inside the browser. Reading it from
the disk takes some seconds; then each piece of code on the page can be changed and run. An
exercise is answered, and checked, on its page.

For a classroom
---------------
- A computer needs about {room} MB of free disk for the unpacked folder, and 2 GB of free memory
  for a page that runs. Close a chapter before you run the next one.
- Copy the unpacked folder to each computer, or to a USB stick. A shared network drive works, too,
  but a page starts more slowly from there.
- Students' answers stay in the browser of the computer on which they were written. To take them
  home, or to hand them in, let students use the page's export: it saves a notebook file.
- Browsers may forget what was written on pages opened from a disk when the folder is moved, renamed
  or put on another stick. Let students export before that.

If a page does not run
----------------------
- "Run this page" says what is missing. An old browser is the usual reason: take one from 2025 or
  newer.
- If the page says that a file is missing, the folder was not unpacked completely: unpack the zip
  again, into an empty folder.

The licences of the book and of all that it brings are in _static/live/licences and on the page
"How to cite" of the book.
"""


def as_script(name, data):
    """Write a file as a script that hands it to the page.

    Parameters
    ----------
    name : str
        Of the file.
    data : bytes

    Returns
    -------
    str
        A call of ``liveAsset`` with the name and, in base64, the data.
    """
    return f'liveAsset({json.dumps(name)}, "{base64.b64encode(data).decode()}");\n'


def files_of(html):
    """Collect what goes into the zip.

    Parameters
    ----------
    html : path
        The folder of the built pages.

    Returns
    -------
    dict of str to pathlib.Path or bytes
        By the name in the zip.

    Raises
    ------
    ValueError
        If there are no pages, or they cannot run.
    """
    html = Path(html)
    if not (html / "index.html").is_file():
        raise ValueError(f"{html} holds no book: `make book` makes it.")
    files, run = {}, False
    for path in html.rglob("*"):
        name = path.relative_to(html).as_posix()
        if not path.is_file() or name in LEFT_OUT or name.startswith(".doctrees/"):
            continue
        if name.startswith(LIVE) and name.endswith(".gz"):
            files[f"{NAME}/{name}.js"] = as_script(path.name, path.read_bytes()).encode()
            run = True
        else:
            files[f"{NAME}/{name}"] = path
    if not run:
        raise ValueError(f"the pages in {html} cannot run: `make live book` makes pages that can.")
    size = sum(len(f) if isinstance(f, bytes) else f.stat().st_size for f in files.values())
    room = -(-size // 10_000_000) * 10
    files[f"{NAME}/README.txt"] = README.format(room=room).replace("\n", "\r\n").encode()
    return files


def pack(html, target):
    """Write the zip.

    Parameters
    ----------
    html : path
        The folder of the built pages.
    target : path
        The zip; the same pages make the same bytes.

    Returns
    -------
    int
        Its size in bytes.

    Raises
    ------
    ValueError
        If there are no pages, or they cannot run; nothing is written then.
    """
    files = files_of(html)
    target = Path(target)
    unfinished = target.with_suffix(".part")
    with zipfile.ZipFile(unfinished, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, FIXED_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # with the rights below, also where this runs on Windows
            entry.external_attr = 0o644 << 16
            file = files[name]
            archive.writestr(entry, file if isinstance(file, bytes) else file.read_bytes())
    unfinished.replace(target)
    return target.stat().st_size


def main(html=BUILT):
    """Pack a folder of pages, and write the zip beside it.

    Parameters
    ----------
    html : path
    """
    target = Path(html).resolve().parent / f"{NAME}.zip"
    try:
        size = pack(html, target)
    except ValueError as error:
        sys.exit(str(error))
    print(f"The book without a network: {os.path.relpath(target)}, {size / 1e6:.0f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:2])
