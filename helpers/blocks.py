"""The blocks of a recording: the rows through which one image lasts."""

import numpy as np


def image_blocks(recording):
    """Find the blocks of equal image rows; blocks of rest are left out, and no block crosses runs.

    Parameters
    ----------
    recording : helpers.recordings.Recording

    Returns
    -------
    starts, stops : ndarray of int, shape (n_blocks,)
        First row of each block, and the row after its last, in the order of the recording.
    """
    shown, runs = recording.stimuli, recording.runs
    changed = (shown[1:] != shown[:-1]).any(axis=1) | (runs[1:] != runs[:-1])
    edges = np.concatenate([[0], np.flatnonzero(changed) + 1, [len(shown)]])
    with_image = recording.is_on[edges[:-1]]
    return edges[:-1][with_image], edges[1:][with_image]


def block_edges(is_on):
    """Find the blocks of volumes with an image.

    Parameters
    ----------
    is_on : array_like of bool, shape (n_volumes,)

    Returns
    -------
    numpy.ndarray, shape (n_blocks, 2)
        The first volume of each block, and the first after it.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(is_on, dtype=int), [0]])))
    return edges.reshape(-1, 2)
