"""Responses in .npy files that are larger than memory, read and written block by block."""

import hashlib
from functools import partial
from pathlib import Path

import numpy as np

from helpers._engine.validation import check_finite
from helpers._files import DataError

PRECISIONS = (np.dtype(np.float32), np.dtype(np.float64))


def open_bold(bold):
    """Open a file of responses as a memory map; no values are read.

    Parameters
    ----------
    bold : path-like

    Returns
    -------
    memory-mapped ndarray, shape (n_samples, n_voxels)

    Raises
    ------
    DataError
        If the file is missing, cut off, or no .npy file.
    ValueError
        If it holds anything but a table of float32 or float64.
    """
    try:
        responses = np.lib.format.open_memmap(bold, mode="r")
    except (OSError, ValueError) as error:
        raise DataError(
            f"{bold} cannot be read as a .npy file ({error}): check the path, or write the file "
            "anew with numpy.save."
        ) from None
    if responses.dtype not in PRECISIONS or responses.ndim != 2 or not responses.size:
        raise ValueError(
            f"{bold} holds {responses.dtype} of shape {responses.shape}; expected float32 or "
            "float64 of shape (n_samples, n_voxels): convert the array and save it again."
        )
    return responses


def describe_bold(bold):
    """Say in one line which responses a file holds, so that other responses are noticed.

    Path, size and date of a file may all be those of another one, so it is read as a whole. That
    takes a fifth of the time in which its voxels are scored, or less.

    Parameters
    ----------
    bold : path-like

    Returns
    -------
    str
        Type, shape, and a checksum of the file's bytes.
    """
    responses = open_bold(bold)
    # The quickest on most processors; nobody is kept out by it.
    quick = partial(hashlib.sha1, usedforsecurity=False)
    with Path(bold).open("rb") as stream:
        checksum = hashlib.file_digest(stream, quick).hexdigest()
    return f"{responses.dtype} {responses.shape}, checksum {checksum}"


def read_block(bold, block):
    """Read the responses of some voxels.

    Parameters
    ----------
    bold : path-like
    block : slice
        With start and stop.

    Returns
    -------
    ndarray, shape (n_samples, n_voxels of the block)

    Raises
    ------
    ValueError
        If there are NaN or infinite values; the message names row and column in the file.
    """
    whole = open_bold(bold)
    if whole.flags.f_contiguous:
        responses = np.array(whole[:, block])
    else:
        # Row by row: a map would keep much of the file in memory for a few numbers of each row.
        responses = np.empty((len(whole), block.stop - block.start), whole.dtype)
        with Path(bold).open("rb") as stream:
            for row, values in enumerate(responses):
                stream.seek(whole.offset + (row * whole.shape[1] + block.start) * whole.itemsize)
                stream.readinto(values)
    check_finite(f"{bold}, columns {block.start} to {block.stop - 1},", responses, block.start)
    return responses
