"""Writing the simulated twin to a folder, whole or not at all."""

import errno
import os
import shutil
import tempfile
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import psutil
from nilearn.datasets import get_data_dirs

from helpers._files import DataError
from helpers._files.layout import RECORDING, is_twin, missing_files
from helpers._twin.files import write_recording
from helpers._twin.responses import VARIANTS
from helpers._twin.truth import TRUTH

VERSION = 4  # of the simulator: a twin of another version is made anew
PARTIAL = ".twin-of-process-"


def make_twin(folder, seed=2008, variant="default"):
    """Write the simulated twin, or a variant of it, unless the folder holds it already.

    The files are written into a temporary folder beside `folder`, which takes its name only when
    all of them are there: an interrupted run leaves no half-made twin.

    Parameters
    ----------
    folder : path-like
        Where to put it. It gets the folder ``miyawaki2008`` in the layout of nilearn's fetcher
        and the ground truth beside it.
    seed : int
        Of the random numbers. The same seed gives the same arrays.
    variant : str
        Key of `helpers.twin.VARIANTS`, which says what each changes: for example
        ``"compressive summation"``. Places, populations and images are those of the default.

    Returns
    -------
    pathlib.Path
        `folder`.

    Raises
    ------
    ValueError
        If the seed is not a whole number from 0 up, if there is no such variant, if the folder
        holds something other than a twin, or if it is one in which nilearn looks for real
        recordings.
    DataError
        If the folder cannot be written or the disk is full.
    """
    _check_seed(seed)
    if variant not in VARIANTS:
        raise ValueError(f'variant is "{variant}"; expected one of {list(VARIANTS)}.')
    folder = Path(folder).resolve()
    if _is_current(folder, seed, variant):
        return folder
    _check_folder(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_left_over(folder.parent)
        prefix = f"{PARTIAL}{os.getpid()}-"
        with tempfile.TemporaryDirectory(prefix=prefix, dir=folder.parent) as temporary:
            made = Path(temporary) / "twin"
            truth = write_recording(made, seed, VARIANTS[variant])
            stamp = {"seed": seed, "version": VERSION, "variant": variant}
            np.savez_compressed(made / TRUTH, **truth, **stamp)
            if not _is_current(folder, seed, variant):  # another process may have been first
                _replace(folder, made)
    except OSError as error:
        if not _is_current(folder, seed, variant):
            reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or error
            raise DataError(
                f"The twin cannot be written to {folder}: {reason}. It needs 60 MB in a folder "
                "that you may write to; the environment variable BOOK_DATA_DIR names another one."
            ) from None
    return folder


def _replace(folder, made):
    """Give a new twin its name; an older one keeps its place if that fails."""
    older = made.with_name("replaced")
    if folder.exists():
        folder.rename(older)
    try:
        made.rename(folder)
    except OSError:
        if older.exists():
            older.rename(folder)
        raise


def _is_current(folder, seed, variant):
    """Say whether the twin of this seed and variant is there with all its files."""
    if not is_twin(folder) or missing_files(folder / RECORDING):
        return False
    try:
        with (folder / TRUTH).open("rb") as stream, np.load(stream) as stored:
            stamp = stored["seed"], stored["version"], str(stored["variant"])
            return stamp == (seed, VERSION, variant)
    except (OSError, ValueError, KeyError, BadZipFile):
        return False  # no truth, or a damaged one: the twin is made anew


def _check_seed(seed):
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"seed is {seed!r}; it must be a whole number from 0 up, such as 2008.")


def _check_folder(folder):
    """Raise ValueError where a twin would remove something else, or pass for a recording."""
    twin_is_there = is_twin(folder)
    entries = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    if twin_is_there:
        entries -= {RECORDING, TRUTH}
    if entries or folder.is_file():
        raise ValueError(
            f"{folder} holds something other than a twin ({min(entries, default='it is a file')}), "
            "which making one would remove; name a new, empty folder. If it is an older twin, "
            "delete it."
        )
    if not twin_is_there and any(Path(known).resolve() == folder for known in get_data_dirs()):
        raise ValueError(
            f"{folder} is where nilearn looks for real recordings, and the twin could be taken "
            "for one there; name another folder."
        )


def _remove_left_over(parent):
    """Remove what a run that was killed has left behind."""
    for partial in parent.glob(PARTIAL + "*"):
        process = partial.name.removeprefix(PARTIAL).split("-")[0]
        if process.isdigit() and not psutil.pid_exists(int(process)):
            shutil.rmtree(partial, ignore_errors=True)
