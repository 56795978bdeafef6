"""Ridge scores for many orders of the responses' runs, while the images stay where they are.

Append a column of ones to the images X: its weight is the intercept, which has no penalty. Then
the training runs give the weights, and the held-out runs x, y the error, from plain sums without
any mean:

    w = H X'y    with    H = (X'X + P)^-1,    P = diag(0, a, ..., a),
    |y - x w|^2  =  y'y + 2 w'(x'x w / 2 - x'y).

H and x'x belong to the images, so no order changes them. An order only decides which run of
responses meets which run of images. The products of every run of images with every run of
responses are computed once; X'y and x'y of any order are sums of some of them.

If the images vary much more in some directions than in others, these sums need many digits.
So the columns are first combined into others, in which X'X + P over all runs is the identity;
predictions stay the same.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from helpers._engine.folds import TEST, TRAIN
from helpers._engine.sums import centre
from helpers._engine.threads import for_blocks
from helpers._engine.validation import check_finite

PAIR_BYTES = 96e6  # what the products of a block of voxels may take, in each thread


@dataclass(frozen=True, eq=False)
class Images:
    """The images' side of a cross-validation in which runs of responses change places."""

    train: np.ndarray  # (n_splits, n_runs), bool, the runs of each training set
    test: np.ndarray  # the same of each test set
    by_run: np.ndarray  # (n_runs * n_columns, n), images and ones of each run, transposed
    solve: np.ndarray  # (n_splits, n_columns, n_columns), H of each training set
    products: np.ndarray  # (n_splits, n_columns, n_columns), x'x / 2 of each test set

    @cached_property
    def is_folds(self):
        """Whether each run is tested once, and trains all other splits."""
        return (self.test.sum(axis=0) == 1).all() and (self.train == ~self.test).all()


@dataclass(frozen=True, eq=False)
class Pairs:
    """Every run of images with every run of responses, for a block of voxels."""

    xy: np.ndarray  # (n_runs of images, n_runs of responses, n_columns, n_voxels)
    yy: np.ndarray  # (n_runs, n_voxels), sums of squares around the voxel's mean
    within: np.ndarray  # (n_runs, n_voxels), sums of squares around the run's mean
    y_mean: np.ndarray  # (n_runs, n_voxels)


def prepare_images(X, runs, table, alpha, dtype):
    """Prepare all that the images decide.

    Parameters
    ----------
    X : ndarray of float64, shape (n_samples, n_features)
    runs : ndarray of int, shape (n_samples,)
        Runs numbered from 0, all of the same length.
    table : ndarray of int8, shape (n_splits, n_samples)
        From `helpers._engine.folds.tabulate`; each run is all training, all test, or left out.
    alpha : float
        Penalty.
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
    by_run = X.reshape(runs[-1] + 1, -1, X.shape[1])
    xx = by_run.swapaxes(1, 2) @ by_run
    train, test = (table[:, :: by_run.shape[1]] == kind for kind in (TRAIN, TEST))
    solve = [np.linalg.inv(xx[chosen].sum(axis=0) + penalty) for chosen in train]
    products = [xx[chosen].sum(axis=0) / 2 for chosen in test]
    by_run = by_run.swapaxes(1, 2).reshape(-1, by_run.shape[1]).astype(dtype)
    return Images(train, test, by_run, np.array(solve, dtype), np.array(products, dtype))


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
        Mean R2 over the splits; NaN where a voxel is constant over a test set.

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
    Y = Y[:, block]
    with np.errstate(invalid="ignore"):  # raised below, with the place
        y, _ = centre(Y, images.by_run.dtype)
        y = y.reshape(-1, n, y.shape[1])
        from_first = y - y[:, :1]  # exactly 0 in a run where the voxel is constant
        within = n * from_first.var(axis=1, dtype=np.float64)
        y_mean = y[:, 0] + from_first.mean(axis=1, dtype=np.float64)
    if not np.isfinite(within).all():
        check_finite("Y", Y, block.start)
    xy = (images.by_run @ y).reshape(len(y), len(y), n_columns, -1).swapaxes(0, 1)
    return Pairs(xy, within + n * y_mean**2, within, y_mean)


def _score(images, pairs, order):
    """Score one order: mean R2 over the splits, (n_voxels,)."""
    met = [pairs.xy[run, other] for run, other in enumerate(order)]
    tests = [_add(met, chosen) for chosen in images.test]
    # With folds, a training set is all but the test set, and the products need adding up only once.
    whole = _add(tests) if images.is_folds else None
    errors, squares = _sum_squares(images, pairs, order)
    for k, (error, xy) in enumerate(zip(errors, tests, strict=True)):
        weights = images.solve[k] @ (whole - xy if images.is_folds else _add(met, images.train[k]))
        left = images.products[k] @ weights
        left -= xy
        error += 2 * np.einsum("cv,cv->v", weights, left)
    return 1 - (errors / squares).mean(axis=0)


def _add(arrays, chosen=slice(None)):
    """Add up some of the arrays."""
    arrays = [arrays[i] for i in np.arange(len(arrays))[chosen]]
    total = arrays[0] + arrays[1] if len(arrays) > 1 else arrays[0]
    for array in arrays[2:]:
        total += array
    return total


def _sum_squares(images, pairs, order):
    """Sum the squares about the voxel's mean, and about that of each test set.

    Both have shape (n_splits, n_voxels); the second is NaN where a voxel is constant.
    """
    n, lengths = images.by_run.shape[1], images.test.sum(axis=1)
    starts = np.cumsum(lengths) - lengths
    runs = order[np.nonzero(images.test)[1]]  # of one test set after the other
    y_mean = pairs.y_mean[runs]
    y_mean -= np.repeat(y_mean[starts], lengths, axis=0)  # exactly 0 where the voxel is constant
    squares = np.add.reduceat(pairs.within[runs] + n * y_mean**2, starts)
    squares -= n * np.add.reduceat(y_mean, starts) ** 2 / lengths[:, np.newaxis]
    errors = np.add.reduceat(pairs.yy[runs], starts)
    return errors, np.where(squares > 0, squares, np.nan)
