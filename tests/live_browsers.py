"""Browsers in which pages run, with what they keep, and the server that they ask."""

import http.server
import os
import shutil
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import browsers
import pytest
from playwright.sync_api import Error

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
LONG = 600_000  # milliseconds: ends what would never end, and says nothing about speed


def firefox():
    names = ("firefox-esr", "firefox")
    return os.environ.get("FIREFOX") or next(filter(None, map(shutil.which, names)), None)


@contextmanager
def opened(driver, name, profile):
    """Open a browser whose profile lies in a folder, and yield a tab."""
    if name == "chromium":
        if browsers.find() is None:
            pytest.skip(browsers.NOT_FOUND)
        options = {"executable_path": browsers.find(), "args": ["--disable-dev-shm-usage"]}
        context = driver.chromium.launch_persistent_context(profile, **options)
    else:
        if firefox() is None:
            pytest.skip("no Firefox found: install it, or name its program in FIREFOX.")
        options = {"executable_path": firefox(), "channel": "moz-firefox"}
        try:
            context = driver.firefox.launch_persistent_context(profile, **options)
        except Error as error:
            if "unknown command" not in str(error):
                raise
            pytest.skip("this Firefox is too old for Playwright: install a newer one.")
    context.set_default_timeout(LONG)
    tab = context.new_page()
    tab.complaints = []
    tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
    tab.on("request", lambda request: tab.complaints.append(request.url))
    tab.on("console", lambda said: said.type == "error" and tab.complaints.append(said.text))
    yield tab
    context.close()


def strangers(tab, *known):
    """What went wrong in a tab, and the addresses that it asked for beside those it may."""
    known = (*known, "data:", "blob:", "about:")
    return [told for told in tab.complaints if not told.startswith(known)]


class Server:
    """Serves a folder; it can be stopped, and started again at the same address."""

    def __init__(self, folder):
        self.folder, self.port, self.asked = Path(folder), 0, []
        self.start()

    def start(self):
        asked = self.asked

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                asked.append(self.path)

        handler = partial(Handler, directory=str(self.folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}/"
