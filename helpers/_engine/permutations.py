"""Ridge scores for many orders of the responses' runs, while the images stay where they are.

Append a column of ones to the images X: its weight is the intercept, which has no penalty. Then
the training runs X, Y give the weights, and the held-out runs x, y the error, from plain sums
without any mean:

    w = (X'X + P)^-1 X'y    with    P = diag(0, a, ..., a),
    |y - x w|^2  =  y'y - 2 w'x'y + w'x'x w.

The matrices X'X and x'x belong to the images, so no order changes them. Each split has columns B in
which the first is the identity, and the second a diagonal d (a generalised eigenproblem):

    B'(X'X + P)B = I,    B'x'x B = diag(d).

In these columns the weights are z = B'X'y, and with t = B'x'y the error is a sum over columns:

    |y - x w|^2  =  y'y + sum of z (d z - 2 t).

An order only decides which run of responses meets which run of images. The products of every run
of images with every run of responses are computed once; X'y and x'y of any order are sums of some
of them. With folds, each run of images is tested once, in its own fold's columns, so that t is such
a sum as well; and as X'y is that of all runs minus x'y, only B'(sum over all runs) is left, one
product for each fold.

If the images vary much more in some directions than in others, these sums need many digits.
So the columns are first combined into others, in which X'X + P over all runs is the identity;
predictions stay the same.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import eigh

from helpers._engine.folds import TEST, TRAIN
from helpers._engine.sums import centre, check_sums, drop_rounding
from helpers._engine.threads import for_blocks
from helpers._engine.validation import check_finite, rows_of_runs

PAIR_BYTES = 300e6  # what the products of a block of voxels may take, in each thread
SHIFT_BYTES = 100e6  # what the responses of a block of voxels may take that are shifted together
ALIKE = 0.01  # of a feature's variance: runs that differ by less show the same


@dataclass(frozen=True, eq=False)
class Images:
    """The images' side of a cross-validation in which runs of responses change places."""

    train: np.ndarray  # (n_splits, n_runs), bool, the runs of each training set
    test: np.ndarray  # the same of each test set
    by_run: np.ndarray  # (n_runs, n_columns, n), images and ones of each run, transposed
    rotation: np.ndarray  # (n_splits, n_columns, n_columns), B' of each split
    roots: np.ndarray  # (n_splits, n_columns, 1), square roots of d of each split

    @cached_property
    def is_folds(self):
        """Whether each run is tested once, and trains all other splits."""
        return (self.test.sum(axis=0) == 1).all() and (self.train == ~self.test).all()

    @cached_property
    def members(self):
        """Which of the tested runs, one test set after the other, belongs to each split."""
        return np.repeat(np.eye(len(self.test)), self.test.sum(axis=1), axis=1)

    @cached_property
    def rotated(self):
        """The images of each run in the columns of the fold that tests it."""
        return self.rotation[self.test.argmax(axis=0)] @ self.by_run


@dataclass(frozen=True, eq=False)
class Pairs:
    """Every run of images with every run of responses, for a block of voxels."""

    xy: np.ndarray  # (n_runs of images, n_runs of responses, n_columns, n_voxels)
    rotated: np.ndarray  # the same in the columns of each run's fold; empty without folds
    yy: np.ndarray  # (n_runs, n_voxels), sums of squares around the voxel's mean
    within: np.ndarray  # (n_runs, n_voxels), sums of squares around the run's mean
    y_mean: np.ndarray  # (n_runs, n_voxels)
    offset: np.ndarray  # (n_voxels,), the square of the voxel's mean, times the samples
    dtype: np.dtype  # of the responses as they were given


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
    squares, columns = zip(
        *(
            eigh(xx[tests].sum(axis=0), xx[trains].sum(axis=0) + penalty)
            for trains, tests in zip(train, test, strict=True)
        ),
        strict=True,
    )
    return Images(
        train,
        test,
        by_run.swapaxes(1, 2).astype(dtype),
        np.array(columns, dtype).swapaxes(1, 2),
        np.sqrt(np.maximum(squares, 0)).astype(dtype)[:, :, np.newaxis],
    )


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
    n_runs, n_columns, _ = images.by_run.shape
    size = int(PAIR_BYTES / (n_runs**2 * n_columns * dtype.itemsize * (1 + images.is_folds)))

    def work(block):
        pairs = _pair_runs(images, Y, block)
        # Reused: asking the system for new memory at every order would take as long as the sums.
        room = np.empty((3, n_columns, pairs.yy.shape[1]), dtype)
        for row, order in zip(scores, orders, strict=True):
            row[block] = _score(images, pairs, order, room)

    for_blocks(work, Y.shape[1], max(size, 1))
    return scores


def _pair_runs(images, Y, block):
    """Compute all products of a block of voxels."""
    n = images.by_run.shape[2]
    Y = Y[:, block]
    with np.errstate(invalid="ignore", over="ignore"):  # raised below, with the place
        y, mean = centre(Y, images.by_run.dtype)
        y = y.reshape(-1, n, y.shape[1])
        from_first = y - y[:, :1]  # exactly 0 in a run where the voxel is constant
        within = n * from_first.var(axis=1, dtype=np.float64)
        y_mean = y[:, 0] + from_first.mean(axis=1, dtype=np.float64)
    check_sums(within.astype(images.by_run.dtype), Y, block.start)
    xy = images.by_run[:, np.newaxis] @ y
    rotated = images.rotated[:, np.newaxis] @ y if images.is_folds else np.empty(0)
    yy = within + n * y_mean**2
    return Pairs(xy, rotated, yy, within, y_mean, len(Y) * mean**2, Y.dtype)


def _score(images, pairs, order, room):
    """Score one order: mean R2 over the splits, (n_voxels,)."""
    errors, squares = _sum_squares(images, pairs, order)
    everything, tests, weights = room
    runs = np.arange(len(order))
    if images.is_folds:
        _add(pairs.xy, runs, order, out=everything)
    for k, rotation in enumerate(images.rotation):
        train, test = (runs[chosen[k]] for chosen in (images.train, images.test))
        if images.is_folds:
            _add(pairs.rotated, test, order, out=tests)
            np.matmul(rotation, everything, out=weights)
            weights -= tests
        else:
            np.matmul(rotation, _add(pairs.xy, test, order, out=everything), out=tests)
            np.matmul(rotation, _add(pairs.xy, train, order, out=everything), out=weights)
        errors[k] -= 2 * np.einsum("cv,cv->v", weights, tests)
        weights *= images.roots[k]
        errors[k] += np.einsum("cv,cv->v", weights, weights)
    return 1 - (errors / squares).mean(axis=0)


def _add(products, runs, order, out):
    """Add up the products of runs of images and the runs of responses that they meet."""
    first, *others = (products[run, order[run]] for run in runs)
    np.add(first, others[0] if others else 0, out=out)
    for product in others[1:]:
        out += product
    return out


def _sum_squares(images, pairs, order):
    """Sum the squares about the voxel's mean, and about that of each test set.

    Both have shape (n_splits, n_voxels); the second is NaN where a voxel is constant.
    """
    n, members = images.by_run.shape[2], images.members
    lengths = images.test.sum(axis=1)
    runs = order[np.nonzero(images.test)[1]]  # of one test set after the other
    y_mean = pairs.y_mean[runs]
    first = y_mean[np.cumsum(lengths) - lengths]
    y_mean -= np.repeat(first, lengths, axis=0)  # exactly 0 where the voxel is constant
    squares = members @ (pairs.within[runs] + n * y_mean**2)
    squares -= n * (members @ y_mean) ** 2 / lengths[:, np.newaxis]
    squares = drop_rounding(squares, pairs.yy.sum(axis=0), pairs.offset, pairs.dtype)
    return members @ pairs.yy[runs], np.where(squares > 0, squares, np.nan)


def kinds_of_runs(X, runs):
    """Give each run a number, the same to those that show the same.

    Parameters
    ----------
    X : ndarray of float64, shape (n_samples, n_features)
    runs : ndarray of int, shape (n_samples,)
        Runs numbered from 0, all of the same length.

    Returns
    -------
    list of int
        One a run, from 0. Two runs have the same number if in no feature their mean squared
        difference is above `ALIKE` times the feature's variance.
    """
    different, kinds = [], []
    variance = X.var(axis=0)
    for run in X.reshape(runs[-1] + 1, -1, X.shape[1]):
        differences = (((run - other) ** 2).mean(axis=0) for other in different)
        same = [(squares <= ALIKE * variance).all() for squares in differences]
        kinds.append(same.index(True) if any(same) else len(different))
        different += [] if any(same) else [run]
    return kinds


def score_shifts(plan, Y, runs, shifts):
    """Score responses that are shifted in time within their runs, on held-out runs.

    What leaves a run at its end comes in at its start. No sum survives a shift, so each of them
    is scored from the start.

    Parameters
    ----------
    plan : helpers._engine.ridge.SumsPlan or helpers._engine.kernel.KernelPlan
        With one penalty.
    Y : array, shape (n_samples, n_voxels)
        Measured responses; a memory-mapped array is read block by block.
    runs : ndarray of int, shape (n_samples,)
        Runs numbered from 0, of any length.
    shifts : ndarray of int, shape (n_shifts, n_runs)
        By how many samples each run's responses come later.

    Returns
    -------
    ndarray, shape (n_shifts, n_voxels)
        Mean R2 over the splits; NaN where a voxel is constant over a test set.

    Raises
    ------
    ValueError
        If Y has NaN or infinite values.
    """
    scores = np.empty((len(shifts), Y.shape[1]), plan.dtype)
    size = max(int(SHIFT_BYTES / (len(Y) * Y.dtype.itemsize)), 1)
    numbers = [np.arange(rows.start, rows.stop) for rows in rows_of_runs(runs)]
    for start in range(0, Y.shape[1], size):
        block = slice(start, min(start + size, Y.shape[1]))
        y = np.asarray(Y[:, block])
        check_finite("Y", y, start)
        for row, shift in zip(scores, shifts, strict=True):
            rows = np.concatenate(list(map(np.roll, numbers, shift)))
            row[block] = plan.score(y[rows])[0].mean(axis=0)
    return scores
