"""What a browser does not have, and what takes its place there.

The book asks for threads only where there are any. The rest is here: memory-mapped files,
processes, and the parts of IPython that helpers and nilearn import. What of pybids helpers need
is in stand_in_bids.py. Python imports a module when it is first used, and the twin's anatomy is
read from a file, because the first result of a page would otherwise come six seconds later.
"""

import math
import sys
import warnings
from collections import namedtuple
from pathlib import Path
from types import ModuleType

import numpy as np
import stand_in_bids

GIB = 2**30
# Packages in which nothing depends on when a module imports another.
LAZY = ("helpers", "nibabel", "nilearn", "sklearn")
ANATOMY = "/book/site/anatomy.npz"  # of build.py


class MemoryMap(np.ndarray):
    """An array in memory in place of one on disk; it is written back when Python is done with it.

    Parameters
    ----------
    filename : path or file
    dtype, mode, offset, shape, order
        As for `numpy.memmap`.
    """

    def __new__(cls, filename, dtype=np.uint8, mode="r+", offset=0, shape=None, order="C"):
        """Read the file."""
        mode = {"readonly": "r", "copyonwrite": "c", "readwrite": "r+", "write": "w+"}.get(
            mode, mode
        )
        if mode not in ("r", "c", "r+", "w+"):
            raise ValueError(f"mode must be one of 'r', 'c', 'r+', 'w+', not {mode!r}")
        path = Path(filename.name if hasattr(filename, "read") else filename)
        dtype = np.dtype(dtype)
        if shape is not None:
            shape = tuple(np.atleast_1d(shape).tolist())
        elif mode == "w+":
            raise ValueError("shape must be given if mode == 'w+'")
        if mode == "w+":
            path.write_bytes(b"")
        there = max(0, path.stat().st_size - offset)
        size = there if shape is None else dtype.itemsize * math.prod(shape)
        if size > there and mode in ("r", "c"):
            raise ValueError("mmap length is greater than file size")
        # numpy.fromfile() copies the number of the open file, which a browser's Python cannot.
        with path.open("rb") as file:
            file.seek(offset)
            data = bytearray(size)
            file.readinto(data)
        array = np.frombuffer(data, dtype).reshape(-1 if shape is None else shape, order=order)
        array = array.view(cls)
        array.mode, array.filename, array.offset = mode, path, offset
        array._order = order
        if mode == "r":
            array.flags.writeable = False
        elif size > there:
            array.flush()
        return array

    def __array_finalize__(self, parent):
        """Leave the file to the whole map: what is made from it has none."""
        self.mode = self.filename = self.offset = self._order = None

    def __array_wrap__(self, array, context=None, return_scalar=False):
        """Make a plain array of what is computed, as `numpy.memmap` does."""
        array = super().__array_wrap__(array, context)
        if self is array or type(self) is not MemoryMap:
            return array
        return array[()] if return_scalar else array.view(np.ndarray)

    def __getitem__(self, index):
        """Make a plain array of a part that is no view, as `numpy.memmap` does."""
        part = super().__getitem__(index)
        if type(part) is MemoryMap and not np.may_share_memory(part, self):
            return part.view(np.ndarray)
        return part

    def flush(self):
        """Write the array to its file."""
        if self.mode not in ("r+", "w+"):
            return
        with Path(self.filename).open("r+b") as file:
            file.seek(self.offset)
            file.write(self.tobytes(self._order))

    def __del__(self):
        """Write what was changed."""
        if sys.is_finalizing():
            return
        self.flush()


def install():
    """Put the stand-ins where modules are imported from."""
    sys.modules["psutil"] = _psutil()
    sys.modules["IPython"], sys.modules["IPython.display"] = _ipython()
    sys.modules["bids"] = sys.modules["bids.exceptions"] = stand_in_bids
    np.memmap = MemoryMap
    # They say that they work on one core, which is all that there is.
    warnings.filterwarnings("ignore", message=".*joblib will operate in serial mode")
    warnings.filterwarnings("ignore", message="tqdm:disabling monitor support")
    _import_when_used()
    _read_anatomy()


def _import_when_used():
    """Let modules of some packages import others only when they need them (PEP 810).

    What a cell imports is imported at once, so that what it lacks is said there.
    """
    if not hasattr(sys, "set_lazy_imports"):  # before Python 3.15
        return
    sys.set_lazy_imports_filter(
        lambda importer, *_: importer is not None and importer.partition(".")[0] in LAZY
    )
    sys.set_lazy_imports("all")


def _read_anatomy():
    """Let the twin take its brain from a file that was made with the page's other files."""
    from helpers._twin import brain

    def anatomy():
        from nibabel import Nifti1Image

        with np.load(ANATOMY) as stored:
            return tuple(
                Nifti1Image(stored[name], brain.AFFINE) for name in ("background", "grey_matter")
            )

    brain.anatomy = anatomy


def _psutil():
    module = ModuleType("psutil", "A stand-in: a page has up to 4 GiB, and one process.")
    memory = namedtuple("svmem", "total available percent used free")
    module.virtual_memory = lambda: memory(4 * GIB, 3 * GIB, 25.0, GIB, 3 * GIB)
    module.pid_exists = lambda pid: pid == 1
    module.version_info = (6, 0, 0)
    return module


def _ipython():
    import page

    class HTML:
        """HTML to show."""

        def __init__(self, data):
            self.data = data

        def _repr_html_(self):
            return self.data

    shown = ModuleType("IPython.display", "A stand-in: shows what a page can show.")
    shown.display, shown.HTML = page.display, HTML
    package = ModuleType("IPython", "A stand-in.")
    package.display, package.get_ipython = shown, lambda: None
    package.version_info, package.__path__ = (9, 0, 0), []
    return package, shown
