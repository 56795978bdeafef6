"""The browser of the system, which prints the book and in which its pages are tested.

Playwright drives the browser that is installed: it downloads none.
"""

import os
import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Google/Chrome/Application/chrome.exe",
)
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
