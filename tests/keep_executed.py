"""What nbval has run need not run again: its outputs, figures included, go to the build's cache."""

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbval.plugin import IPyNbCell

EXECUTED = "executed notebook"


def pytest_addoption(parser):
    parser.addoption(
        "--cache-executed",
        metavar="FOLDER",
        help="the jupyter-cache that gets every notebook whose last cell has run",
    )


def pytest_configure(config):
    # Workers report to the process that started them, which alone writes.
    if config.getoption("--cache-executed") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Keeper(get_cache(config.getoption("--cache-executed"))))


def pytest_runtest_teardown(item, nextitem):
    """Take over a cell's outputs once they are compared, and report the notebook after its last."""
    if isinstance(item, IPyNbCell):
        item.cell.outputs = item.test_outputs or []
        if nextitem is None or nextitem.parent is not item.parent:
            item.user_properties.append((EXECUTED, nbformat.writes(item.parent.nb)))


class Keeper:
    """Put the notebooks that tests report into a cache."""

    def __init__(self, cache):
        self.cache = cache

    def pytest_runtest_logreport(self, report):
        executed = dict(report.user_properties).get(EXECUTED)
        if executed and report.when == "teardown":
            notebook = nbformat.reads(executed, as_version=4)
            self.cache.cache_notebook_bundle(CacheBundleIn(notebook, report.fspath), overwrite=True)
