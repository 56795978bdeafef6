"""Runs, and folds of whole runs."""

import numpy as np


def check_runs(runs, n_samples):
    """Return runs numbered 0, 1, 2 ... in their order, or say why they are no runs.

    Parameters
    ----------
    runs : array_like, shape (n_samples,)
        The run that each sample belongs to; any labels.
    n_samples : int
        How many samples there are.

    Returns
    -------
    ndarray of int, shape (n_samples,)

    Raises
    ------
    ValueError
        If there is not one label a sample, or if a run comes back after another one began.
    """
    runs = np.asarray(runs)
    if runs.shape != (n_samples,):
        raise ValueError(
            f"runs has shape {runs.shape}; expected one run label for each of the {n_samples} "
            f"samples, that is shape ({n_samples},)."
        )
    starts = np.flatnonzero(runs[1:] != runs[:-1]) + 1
    labels = [runs[0], *runs[starts]] if n_samples else []
    for row, label in zip(starts, labels[1:], strict=True):
        if (runs[:row] == label).any():
            raise ValueError(
                f"Run {label} starts again at row {row}: the rows of a run must follow one "
                "another. Sort the rows by run, and give every run a label of its own."
            )
    return np.searchsorted(starts, np.arange(n_samples), side="right")


def check_several_runs(runs, n_samples):
    """Return runs as `check_runs` does; a single run is refused.

    Parameters
    ----------
    runs : array_like, shape (n_samples,)
    n_samples : int

    Returns
    -------
    ndarray of int, shape (n_samples,)

    Raises
    ------
    ValueError
        If the labels are no runs, or if there is only one.
    """
    runs = check_runs(runs, n_samples)
    if runs[-1] == 0:
        raise ValueError(
            "All samples belong to one run; expected two or more. Cross-validation holds out "
            "whole runs, so load another run."
        )
    return runs


def run_folds(runs, n_folds):
    """Split samples into folds of whole, consecutive runs.

    Neighbouring volumes resemble each other, so a fold must not end within a run.

    Parameters
    ----------
    runs : array_like, shape (n_samples,)
        The run that each sample belongs to.
    n_folds : int
        From 2 to the number of runs. When it does not divide the number of runs, the first
        folds have one run more.

    Returns
    -------
    list of (train, test)
        Row numbers, for scikit-learn's ``cv`` as well.

    Raises
    ------
    ValueError
        If there are more folds than runs, or fewer than two.
    """
    runs = check_runs(runs, len(runs))
    n_runs = len(np.unique(runs))
    if not 2 <= n_folds <= n_runs:
        raise ValueError(
            f"n_folds is {n_folds} and there are {n_runs} runs; expected 2 to {n_runs} folds, "
            "because each fold holds out whole runs."
        )
    held_out = [np.isin(runs, part) for part in np.array_split(np.arange(n_runs), n_folds)]
    return [(np.flatnonzero(~test), np.flatnonzero(test)) for test in held_out]


def halves(rows, runs):
    """Cut rows in two: between their runs, or within a single run where it must be.

    Parameters
    ----------
    rows : ndarray of int, shape (n,)
    runs : ndarray, shape (n_samples,)

    Returns
    -------
    list of two ndarrays of int
    """
    if len(np.unique(runs[rows])) > 1:
        return [rows[test] for _, test in run_folds(runs[rows], 2)]
    return np.array_split(rows, 2)
