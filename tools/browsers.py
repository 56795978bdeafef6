"""The browser of the system, which prints the book and in which its pages are tested.

Playwright drives the browser that is installed: it downloads none.
"""

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from xml.sax.saxutils import escape

import matplotlib

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Google/Chrome/Application/chrome.exe",
)
# Each Linux system has other fonts, or none, and without any Chromium draws no formula. So it sees
# those that matplotlib brings, and falls back on them wherever the book's own lack a letter.
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig><dir>{fonts}</dir><cachedir>{cache}</cachedir></fontconfig>
"""
NOT_FOUND = (
    "no browser found: install Chromium or Google Chrome, or name its program in the environment "
    "variable CHROMIUM"
)


def find():
    """Return the path of a browser that Playwright can drive.

    Returns
    -------
    str or None
        What the environment variable ``CHROMIUM`` names, or the first browser that is found.
    """
    if os.environ.get("CHROMIUM"):
        return os.environ["CHROMIUM"]
    found = [shutil.which(name) for name in NAMES]
    found += [place for place in PLACES if Path(place).is_file()]
    return next(filter(None, found), None)


@contextmanager
def launch(playwright, *options):
    """Start the browser that `find` finds, with the same fonts on every Linux computer.

    Parameters
    ----------
    playwright : playwright.sync_api.Playwright
    *options : str
        For its command line.

    Yields
    ------
    playwright.sync_api.Browser
        It ends with the ``with`` block.
    """
    fonts = Path(matplotlib.get_data_path(), "fonts", "ttf")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        settings = Path(folder, "fonts.conf")
        text = FONTS.format(fonts=escape(str(fonts)), cache=escape(folder))
        settings.write_text(text, encoding="utf-8")
        browser = playwright.chromium.launch(
            executable_path=find(),
            args=options,
            env=os.environ | {"FONTCONFIG_FILE": str(settings)},
        )
        yield browser
        browser.close()
