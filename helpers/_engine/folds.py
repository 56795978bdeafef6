"""Folds of whole runs, and any other way to split samples into training and test sets.

A table says what each split does with each sample: `TRAIN`, `TEST`, or 0 where it leaves the sample
out. Samples that every split treats alike form a *piece*. All training and test sets are made of
pieces, so sums over pieces are enough for every split, however many there are.
"""

import numpy as np
from sklearn.model_selection import check_cv

from helpers._engine.validation import (
    check_labels,
    check_runs,
    check_several_runs,
    read_array,
)

TRAIN, TEST = 1, 2


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


def tabulate(cv, X, Y=None, groups=None):
    """Say in a table what each split does with each sample.

    Parameters
    ----------
    cv : int, splitter or iterable of (train, test)
        As scikit-learn's ``cv``. A whole number means folds of whole, consecutive runs if `groups`
        are given (`run_folds`), and of consecutive samples otherwise.
    X : array, shape (n_samples, n_features)
    Y : array, shape (n_samples, n_voxels), optional
    groups : array_like, shape (n_samples,), optional
        The run that each sample belongs to.

    Returns
    -------
    ndarray of int8, shape (n_splits, n_samples)
        `TRAIN`, `TEST` or 0.

    Raises
    ------
    ValueError
        If there is no split, or one has an empty training or test set, a sample in both, or what
        are no rows.
    """
    n_samples = len(X)
    if isinstance(cv, int | np.integer) and groups is not None:
        splits = run_folds(check_several_runs(groups, n_samples), cv)
    else:
        if groups is not None and check_labels("run", groups).ndim != 1:
            raise ValueError(
                f"groups has shape {np.shape(groups)}; expected one run label for each of the "
                f"{n_samples} samples, that is shape ({n_samples},)."
            )
        splits = list(check_cv(_pairs(cv)).split(X, Y, groups))
    table = np.zeros((len(splits), n_samples), dtype=np.int8)
    for row, pair in zip(table, splits, strict=True):
        train, test = (_check_rows(part, n_samples) for part in pair)
        row[train] = TRAIN
        if (row[test] == TRAIN).any():
            raise ValueError(
                f"cv has a split with {(row[test] == TRAIN).sum()} samples in both its training "
                "and its test set; expected none, because a model predicts what it has seen."
            )
        row[test] = TEST
    if not len(table) or not ((table == TRAIN).any(axis=1) & (table == TEST).any(axis=1)).all():
        raise ValueError(
            f"cv gives {len(table)} splits, of which some have an empty training or test set; "
            "expected at least one split, with samples in both sets."
        )
    return table


def _pairs(cv):
    """Return pairs of rows as a list, a splitter or a number as it is, or say why it is neither."""
    if cv is None or isinstance(cv, int | np.integer):
        return cv
    if hasattr(cv, "split") and not isinstance(cv, type):
        return cv
    try:
        return [(train, test) for train, test in cv]
    except (TypeError, ValueError):
        raise ValueError(
            f"cv is {cv!r}; expected a whole number of folds, a splitter such as "
            "LeaveOneGroupOut(), or pairs of row numbers, one of training and one of test rows."
        ) from None


def _check_rows(rows, n_samples):
    """Return the rows of a training or test set, or say why they are none."""
    rows = read_array("A training or test set of cv", rows)
    is_mask = rows.dtype == bool and rows.shape == (n_samples,)
    is_whole = np.issubdtype(rows.dtype, np.integer) or not rows.size
    if is_mask or (rows.ndim == 1 and is_whole and ((rows >= 0) & (rows < n_samples)).all()):
        return rows if rows.size else rows.astype(int)
    raise ValueError(
        f"cv has a training or test set of type {rows.dtype} and shape {rows.shape}; expected row "
        f"numbers from 0 to {n_samples - 1}, or True or False for each of {n_samples} rows."
    )


def nest(table, groups=None):
    """Split each training set in turn, so that a choice can be made without the test set.

    The training set is split as the other test sets split it. Where no other test set lies in it
    (with two folds), it is cut in two: between its runs if it has several, else in the middle.

    Parameters
    ----------
    table : ndarray of int8, shape (n_splits, n_samples)
        From `tabulate`.
    groups : array_like, shape (n_samples,), optional
        The run that each sample belongs to.

    Returns
    -------
    list of ndarray of int8, shape (n_inner_splits, n_samples)
        One table a split.

    Raises
    ------
    ValueError
        If a training set that must be cut in two has a single sample.
    """
    return [_nest(table, k, groups) for k in range(len(table))]


def _nest(table, k, groups):
    train = table[k] == TRAIN
    inside = [train & (test == TEST) for j, test in enumerate(table) if j != k]
    tests = [test for test in inside if test.any() and (train & ~test).any()]
    if len(tests) < 2:
        rows = np.flatnonzero(train)
        if len(rows) < 2:
            raise ValueError(
                f"Split {k} of cv trains on a single sample; expected two or more, because a part "
                "of them is held out to choose the penalty. Load more runs, or use other splits."
            )
        tests = [np.isin(np.arange(len(train)), half) for half in _halves(rows, groups)]
    return np.array([np.where(test, TEST, TRAIN * train) for test in tests], dtype=np.int8)


def _halves(rows, groups):
    """Cut rows in two: between their runs, or within a single run where it must be."""
    if groups is not None:
        runs = np.asarray(groups)[rows]
        if len(np.unique(runs)) > 1:
            return [rows[test] for _, test in run_folds(runs, 2)]
    return np.array_split(rows, 2)


def cut(table):
    """Cut the samples into pieces, of which all training and test sets are made.

    Parameters
    ----------
    table : ndarray of int8, shape (n_splits, n_samples)

    Returns
    -------
    rows : list of slice or ndarray of int
        The samples of each piece; a slice where they follow one another.
    train, test : ndarray of bool, shape (n_splits, n_pieces)
        Which pieces make up the sets of each split.
    """
    kinds, first, piece = np.unique(table, axis=1, return_index=True, return_inverse=True)
    used = (kinds != 0).any(axis=0)
    if used.sum() > 2 * len(table):
        # Shuffled splits have little in common: each set is a piece of its own.
        sets = [row == kind for kind in (TRAIN, TEST) for row in table]
        train, test = np.split(np.eye(len(sets), dtype=bool), 2)
        return [_rows(np.flatnonzero(chosen)) for chosen in sets], train, test
    order = [kind for kind in np.argsort(first) if used[kind]]
    rows = [_rows(np.flatnonzero(piece.ravel() == kind)) for kind in order]
    return rows, kinds[:, order] == TRAIN, kinds[:, order] == TEST


def _rows(rows):
    """Return row numbers as a slice where they follow one another: it needs no copy."""
    if rows[-1] - rows[0] + 1 == len(rows):
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows
