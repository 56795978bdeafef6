"""The real recording: nilearn's download, made safe against whatever may go wrong."""

import errno
import gzip
import os
import re
import shutil
import time
import warnings
import zlib
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory

import requests
from nilearn.datasets import fetch_miyawaki2008, get_data_dirs

from helpers._files import DataError
from helpers._files.images import open_image
from helpers._files.layout import RANDOM_RUNS, RECORDING, is_twin, missing_files
from helpers._files.stimuli import read_stimuli

SERVER = "www.nitrc.org"
TWIN_WORKS = 'the simulated twin still works: unset BOOK_DATA or call load(source="twin")'


def fetch_local(folder):
    """Return the dataset of a folder through nilearn's fetcher, without any download.

    Parameters
    ----------
    folder : Path
        It holds a folder miyawaki2008.

    Returns
    -------
    Bunch

    Raises
    ------
    DataError
        If a file is missing: nilearn would download the real recording to fill the gap.
    ValueError
        If nilearn would take the folder's name for several.
    """
    missing = missing_files(folder / RECORDING)
    if missing:
        raise DataError(
            f"{folder / RECORDING} lacks {len(missing)} files, the first is {missing[0]}: delete "
            "that folder and load again."
        )
    return _fetch(folder)


def _fetch(folder):
    """Call nilearn's fetcher on one folder."""
    if os.pathsep in str(folder):
        raise ValueError(
            f'nilearn cannot use {folder}, as "{os.pathsep}" separates folders there; expected a '
            "name without it: set BOOK_DATA_DIR to another folder."
        )
    return fetch_miyawaki2008(data_dir=str(folder), verbose=0)


def real_recording(home):
    """Find the real recording, or download it into ``home / "real"``.

    Parameters
    ----------
    home : Path
        The book's data folder. Its folder ``real`` is searched, then nilearn's own data folders.

    Returns
    -------
    Path
        The folder that holds a complete miyawaki2008.

    Raises
    ------
    DataError
        If a folder holds the simulated twin in its place, or the download fails.
    ValueError
        If nilearn would take the name of `home` for several folders.
    """
    own = home / "real"
    for folder in [own, *map(Path, get_data_dirs())]:
        if is_twin(folder):
            raise DataError(
                f"{folder} holds the simulated twin, not the real recording: let NILEARN_DATA name "
                'another folder, or call load(source="twin").'
            )
        if not missing_files(folder / RECORDING):
            return folder
    if (own / RECORDING).exists():
        raise DataError(
            f"{own / RECORDING} lacks {missing_files(own / RECORDING)[0]}: delete that folder and "
            "load again."
        )
    try:
        _download(own)
    except OSError as error:
        if not missing_files(own / RECORDING):  # Another process was faster.
            return own
        raise DataError(
            f"The real recording cannot be fetched: {_what_happened(error)}; {TWIN_WORKS}."
        ) from None
    return own


def _download(own):
    """Download into a temporary folder beside `own`, check, and only then move it in place."""
    own.parent.mkdir(parents=True, exist_ok=True)
    for left in own.parent.glob(".real-*"):  # A killed download cannot clean up behind itself.
        if time.time() - left.stat().st_mtime > 86400:
            shutil.rmtree(left, ignore_errors=True)
    print("Fetching the real recording (153 MB, once); this may take some minutes.")
    with TemporaryDirectory(prefix=".real-", dir=own.parent) as part, warnings.catch_warnings():
        # Said with the name of the file in the DataError.
        warnings.filterwarnings("ignore", message="An error occurred while fetching")
        _fetch(part)
        _check_recording(Path(part) / RECORDING)
        own.mkdir(exist_ok=True)
        (Path(part) / RECORDING).rename(own / RECORDING)


def _check_recording(folder):
    """Raise DataError unless each file can be read to its end and images fit their labels."""
    for image_file in sorted(folder.rglob("*.nii.gz")):
        _check_image(image_file, image_file.relative_to(folder).as_posix())
    # The chapters rest on the random runs; a figure run that does not fit is reported when it is
    # asked for, and is no reason to throw the download away.
    for run in RANDOM_RUNS:
        try:
            n_rows = len(read_stimuli(folder / "label" / f"{run}_label.csv"))
        except ValueError as error:
            raise DataError(f"the archive's file label/{run}_label.csv is damaged") from error
        shape = open_image(folder / "func" / f"{run}.nii.gz").shape
        if len(shape) != 4 or shape[3] != n_rows:
            raise DataError(f"the archive's {run} has the shape {shape} but {n_rows} label rows")


def _check_image(image_file, name):
    """Raise DataError unless a compressed image can be read to its end."""
    try:
        with gzip.open(image_file) as stream:
            size = sum(len(chunk) for chunk in iter(lambda: stream.read(1 << 20), b""))
        image = open_image(image_file)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"the archive's file {name} is damaged") from error
    needed = image.dataobj.offset + prod(image.shape) * image.get_data_dtype().itemsize
    if size < needed:
        raise DataError(f"the archive's file {name} ends after {size} of {needed} bytes")


def _what_happened(error):
    """Say in a clause why the download failed."""
    text = str(error)
    lacking = re.search(r"not provided(?s:.*?)Target file: (.*)", text)
    if isinstance(error, requests.HTTPError):
        return f"the server {SERVER} answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return f"the connection to {SERVER} broke in the middle of the download"
    if isinstance(error, requests.RequestException):
        return f"the server {SERVER} cannot be reached or does not answer"
    # nilearn passes on only the text of an error that stops it while it unpacks.
    if getattr(error, "errno", None) == errno.ENOSPC or f"[Errno {errno.ENOSPC}]" in text:
        return "the disk is full, and about 1 GB is needed for a while"
    if lacking:
        return f"the downloaded archive lacks the file {Path(lacking[1]).name}"
    if "end-of-stream" in text or "unexpected end of data" in text:
        return "the downloaded archive is truncated"
    if "unknown archive file format" in text:
        return f"the server {SERVER} sent something else than the archive"
    return text.splitlines()[0] if text else type(error).__name__
