"""Checks on arrays that several helpers share: each says what is wrong, where, and what to do."""

import numpy as np


def check_table(name, table):
    """Return a table of numbers as float64, or say why it is none.

    Parameters
    ----------
    name : str
        What the table is called in messages.
    table : array_like, shape (n_rows, n_columns)
        Any numbers; integers and single precision are converted.

    Returns
    -------
    ndarray of float64, shape (n_rows, n_columns)

    Raises
    ------
    ValueError
        If the table has not two dimensions, is empty, or holds NaN or infinite values.
    """
    table = np.asarray(table, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError(
            f"{name} has shape {table.shape}; expected two dimensions, samples by columns. "
            f"Turn a single column into a table with {name}[:, np.newaxis]."
        )
    if table.size == 0:
        raise ValueError(
            f"{name} is empty: its shape is {table.shape}. Expected at least one row and one "
            "column; look at the step that selected them."
        )
    _check_finite(name, table)
    return table


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


def check_arrays(X, Y, runs):
    """Check what a cross-validated model needs: features, voxels and at least two runs.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
        Features, for example pixels.
    Y : array_like, shape (n_samples, n_voxels)
        Measured responses.
    runs : array_like, shape (n_samples,)
        The run that each sample belongs to.

    Returns
    -------
    X, Y : ndarray of float64
    runs : ndarray of int
        Runs numbered from 0 in their order.

    Raises
    ------
    ValueError
        For empty tables, NaN or infinite values, sample counts that differ, runs in pieces,
        and a single run.
    """
    X, Y = check_pair(X, Y)
    runs = check_runs(runs, len(X))
    if runs[-1] == 0:
        raise ValueError(
            "All samples belong to one run; expected two or more. Cross-validation holds out "
            "whole runs, so load another run."
        )
    return X, Y, runs


def check_pair(X, Y):
    """Return features and voxels as float64 tables, or say why they do not go together.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    Y : array_like, shape (n_samples, n_voxels)

    Returns
    -------
    X, Y : ndarray of float64, of the same shapes

    Raises
    ------
    ValueError
        For empty tables, NaN or infinite values, and sample counts that differ.
    """
    X, Y = check_table("X", X), check_table("Y", Y)
    if len(X) != len(Y):
        raise ValueError(
            f"X has {len(X)} samples and Y has {len(Y)}; expected one row of X for each row of Y. "
            "Check that both were shifted and stacked over the same runs."
        )
    return X, Y


def check_penalties(alphas):
    """Return penalties as float64, or say which are not positive.

    Parameters
    ----------
    alphas : array_like

    Returns
    -------
    ndarray of float64, of the same shape

    Raises
    ------
    ValueError
        If there is none, or one is not finite and above zero.
    """
    alphas = np.asarray(alphas, dtype=np.float64)
    good = np.isfinite(alphas) & (alphas > 0)
    if alphas.size == 0 or not good.all():
        given = ", ".join(f"{alpha:g}" for alpha in alphas[~good][:5]) or "none"
        raise ValueError(
            f"Penalties not above zero: {given} ({(~good).sum()} of {alphas.size}). Expected "
            "finite values above zero; for least squares take a very small one, such as 1e-6."
        )
    return alphas


def _check_finite(name, table):
    bad = ~np.isfinite(table)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"{name} has {bad.sum()} values that are NaN or infinite, in {bad.any(axis=0).sum()} "
            f"of {bad.shape[1]} columns; the first is at row {row}, column {column}. Expected "
            "finite numbers: leave these columns out or repair the recording."
        )
