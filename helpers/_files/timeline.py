"""Volumes and what was shown, put beside each other row by row, run after run.

A run is a row of volumes. Each volume has features, and some volumes may have been dropped: the
first ones, or those in which the head moved. Responses come `shift` volumes after what was shown.
So a row of the stacked arrays is a volume that was kept, beside the features of `shift` volumes
before it; and where volumes are missing, "the row before" is not "the volume before".
"""

from typing import NamedTuple

import numpy as np


class RunOfVolumes(NamedTuple):
    """What is known of one run before it is stacked with the others."""

    features: np.ndarray  # (n_volumes, n_features)
    kept: np.ndarray  # (n_kept,), the volumes that stay, in their order
    blocks: np.ndarray | None  # (n_events, 2), first volume of each event, and the one after it
    images: np.ndarray | None  # (n_events, n_features), what each event showed


class Rows(NamedTuple):
    """Runs stacked, a row for each volume that stays."""

    stimuli: np.ndarray  # (n_samples, n_features)
    runs: np.ndarray  # (n_samples,), from 0
    volumes: np.ndarray  # (n_samples,), the volume that was measured, from 0 in each run
    from_kept: np.ndarray  # (n_samples,), the row among all volumes that were kept
    blocks: np.ndarray | None  # (n_events, 2), first row of each event, and the row after its last
    images: np.ndarray | None  # (n_events, n_features)
    n_lost: int  # events without a row: their volumes were dropped, or lie behind the run's end


def stack(runs, shift):
    """Put responses beside what was shown `shift` volumes before, in all runs.

    Parameters
    ----------
    runs : list of RunOfVolumes
    shift : int
        From 0 up, in volumes.

    Returns
    -------
    Rows
    """
    stimuli, volumes, from_kept, blocks, images = [], [], [], [], []
    n_kept = n_rows = n_events = 0
    for run in runs:
        rows = np.flatnonzero(run.kept >= shift)
        measured = run.kept[rows]
        stimuli.append(run.features[measured - shift])
        volumes.append(measured)
        from_kept.append(n_kept + rows)
        if run.blocks is not None:
            found = np.searchsorted(measured - shift, run.blocks)
            there = found[:, 0] < found[:, 1]
            blocks.append(n_rows + found[there])
            images.append(run.images[there])
            n_events += len(run.blocks)
        n_kept, n_rows = n_kept + len(run.kept), n_rows + len(rows)
    with_events = bool(blocks)
    blocks = np.vstack(blocks) if with_events else None
    return Rows(
        stimuli=np.vstack(stimuli),
        runs=np.repeat(np.arange(len(runs)), [len(rows) for rows in volumes]),
        volumes=np.concatenate(volumes),
        from_kept=np.concatenate(from_kept),
        blocks=blocks,
        images=np.vstack(images) if with_events else None,
        n_lost=n_events - len(blocks) if with_events else 0,
    )


def has_gaps(runs, volumes):
    """Say whether volumes are missing between the first and the last row of a run.

    Parameters
    ----------
    runs, volumes : ndarray of int, shape (n_samples,)

    Returns
    -------
    bool
    """
    same_run = runs[1:] == runs[:-1]
    return bool((np.diff(volumes)[same_run] != 1).any())


def rows_later(runs, volumes, starts, stops, later):
    """Find the rows of blocks, some volumes later, whatever is missing between them.

    Parameters
    ----------
    runs, volumes : ndarray of int, shape (n_samples,)
    starts, stops : ndarray of int, shape (n_blocks,)
        First row of each block, and the row after its last.
    later : int
        Volumes.

    Returns
    -------
    firsts, ends : ndarray of int, shape (n_blocks,)
        A block whose rows lie beyond the end of its run is empty.
    """
    length = volumes.max() + 1 + later  # so that no run reaches into the next
    times = runs * length + volumes
    return (
        np.searchsorted(times, times[starts] + later),
        np.minimum(
            np.searchsorted(times, times[stops - 1] + later, side="right"),
            np.searchsorted(runs, runs[starts], side="right"),
        ),
    )


def delay(features, runs, shown, delays):
    """Look up, for each row, what was shown some volumes before.

    Parameters
    ----------
    features : sequence of ndarray, (n_volumes, n_features)
        Of each run, all volumes.
    runs : ndarray of int, shape (n_samples,)
    shown : ndarray of int, shape (n_samples,)
        The volume whose features a row has.
    delays : sequence of int

    Returns
    -------
    ndarray of float64, shape (n_samples, n_features * n_delays)
        0 where nothing was recorded yet.
    """
    n_features = features[0].shape[1]
    delayed = np.zeros((len(runs), len(delays), n_features))
    for run, table in enumerate(features):
        rows = np.flatnonzero(runs == run)
        for i, lag in enumerate(delays):
            there = shown[rows] >= lag
            delayed[rows[there], i] = table[shown[rows[there]] - lag]
    return delayed.reshape(len(runs), -1)
