"""Ridge scores for many orders of the responses' runs, while the images stay where they are.

Append a column of ones to the images X: its weight is the intercept, which has no penalty. Then
the training runs give the weights, and the held-out fold x, y the error, from plain sums:

    w = H X'y    with    H = (X'X + P)^-1,    P = diag(0, a, ..., a),
    |y - x w|^2  =  y'y - 2 w'x'y + |R w|^2,

where R is the triangular factor of x (R'R = x'x): R w is as long as x w, and R has fewer rows.
H and R belong to the images, so no order changes them. An order only decides which run of
responses meets which run of images. The products of every run of images with every run of
responses are computed once; X'y and x'y of any order are sums of some of them.

If the images vary much more in some directions than in others, these sums need many digits.
So the columns are first combined into others, in which X'X + P over all runs is the identity;
predictions stay the same.
"""

from dataclasses import dataclass

import numpy as np

from helpers._engine.checks import check_finite
from helpers._engine.folds import run_folds
from helpers._engine.threads import for_blocks

PAIR_BYTES = 96e6  # what the products of a block of voxels may take, in each thread


@dataclass(frozen=True, eq=False)
class Images:
    """The images' side of a cross-validation in which runs of responses change places."""

    parts: list  # of slices, the runs of each fold
    by_run: np.ndarray  # (n_runs * n_columns, n), images and ones of each run, transposed
    solve: np.ndarray  # (n_folds, n_columns, n_columns), H of each training set
    factors: list  # of (n_rows, n_columns), R of each fold


@dataclass(frozen=True, eq=False)
class Pairs:
    """Every run of images with every run of responses, for a block of voxels."""

    xy: np.ndarray  # (n_runs of images, n_runs of responses, n_columns, n_voxels)
    yy: np.ndarray  # (n_runs, n_voxels), sums of squares around the voxel's mean
    within: np.ndarray  # (n_runs, n_voxels), sums of squares around the run's mean
    y_mean: np.ndarray  # (n_runs, n_voxels)


def prepare_images(X, runs, alpha, n_folds, dtype):
    """Prepare all that the images decide.

    Parameters
    ----------
    X : ndarray of float64, shape (n_samples, n_features)
    runs : ndarray of int, shape (n_samples,)
        Runs numbered from 0, all of the same length.
    alpha : float
        Penalty.
    n_folds : int
        Folds of whole runs.
    dtype : dtype
        Precision of what multiplies voxels; it is prepared in double precision.

    Returns
    -------
    Images
    """
    X = np.column_stack([np.ones(len(X)), X - X.mean(axis=0)])
    penalty = np.diag([0, *np.full(X.shape[1] - 1, alpha)])
    # Columns in which X'X + P is the identity.
    basis = np.linalg.inv(np.linalg.cholesky(X.T @ X + penalty)).T
    X, penalty = X @ basis, basis.T @ penalty @ basis
    folds = run_folds(runs, n_folds)
    parts = [slice(runs[test[0]], runs[test[-1]] + 1) for _, test in folds]
    solve = [np.linalg.inv(X[train].T @ X[train] + penalty) for train, _ in folds]
    factors = [np.linalg.qr(X[test], mode="r").astype(dtype) for _, test in folds]
    by_run = X.reshape(runs[-1] + 1, -1, X.shape[1]).swapaxes(1, 2).reshape(-1, (runs == 0).sum())
    return Images(parts, by_run.astype(dtype), np.array(solve, dtype), factors)


def score_orders(images, Y, orders):
    """Score every order on held-out runs.

    Parameters
    ----------
    images : Images
    Y : array, shape (n_samples, n_voxels)
        Measured responses; a memory-mapped array is read block by block.
    orders : ndarray of int, shape (n_orders, n_runs)
        Each row says which run of responses goes with the first, second ... run of images.

    Returns
    -------
    ndarray, shape (n_orders, n_voxels)
        Mean R2 over the folds; NaN where a voxel is constant over a fold.

    Raises
    ------
    ValueError
        If Y has NaN or infinite values.
    """
    dtype = images.by_run.dtype
    scores = np.empty((len(orders), Y.shape[1]), dtype)
    n_columns = images.solve.shape[1]
    size = int(PAIR_BYTES / (orders.shape[1] ** 2 * n_columns * dtype.itemsize))

    def work(block):
        pairs = _pair_runs(images, Y, block)
        for row, order in zip(scores, orders, strict=True):
            row[block] = _score(images, pairs, order)

    for_blocks(work, Y.shape[1], max(size, 1))
    return scores


def _pair_runs(images, Y, block):
    """Compute all products of a block of voxels."""
    n_columns, n = images.solve.shape[1], images.by_run.shape[1]
    dtype = images.by_run.dtype
    Y = Y[:, block]
    with np.errstate(invalid="ignore"):  # raised below, with the place
        # Minus the first volume, a large mean costs no digits.
        y = np.subtract(Y, Y[0], dtype=np.result_type(Y, dtype)).astype(dtype, copy=False)
        y -= y.mean(axis=0)
        y = y.reshape(-1, n, y.shape[1])
        from_first = y - y[:, :1]  # exactly 0 in a run where the voxel is constant
        within = n * from_first.var(axis=1, dtype=np.float64)
        y_mean = y[:, 0] + from_first.mean(axis=1, dtype=np.float64)
    if not np.isfinite(within).all():
        check_finite("Y", Y, block.start)
    xy = (images.by_run @ y).reshape(len(y), len(y), n_columns, -1).swapaxes(0, 1)
    return Pairs(xy, within + n * y_mean**2, within, y_mean)


def _score(images, pairs, order):
    """Score one order: mean R2 over the folds, (n_voxels,)."""
    runs = range(len(order))
    test_xy = [sum(pairs.xy[run, order[run]] for run in runs[part]) for part in images.parts]
    all_xy = sum(test_xy)
    errors = [pairs.yy[order[part]].sum(axis=0) for part in images.parts]
    steps = zip(errors, images.solve, images.factors, test_xy, strict=True)
    for error, solve, factor, xy in steps:
        weights = solve @ (all_xy - xy)
        predicted = factor @ weights
        error -= 2 * np.einsum("cv,cv->v", weights, xy)
        error += np.einsum("rv,rv->v", predicted, predicted)
    return 1 - (np.array(errors) / _variation(images, pairs, order)).mean(axis=0)


def _variation(images, pairs, order):
    """Sum the squares around each fold's mean, (n_folds, n_voxels); NaN where nothing varies."""
    n, starts = images.by_run.shape[1], [part.start for part in images.parts]
    lengths = np.diff([*starts, len(order)])
    y_mean = pairs.y_mean[order]
    y_mean -= np.repeat(y_mean[starts], lengths, axis=0)  # exactly 0 where the fold is constant
    squares = np.add.reduceat(pairs.within[order] + n * y_mean**2, starts)
    variation = squares - n * np.add.reduceat(y_mean, starts) ** 2 / lengths[:, np.newaxis]
    return np.where(variation > 0, variation, np.nan)
