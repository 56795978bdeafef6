"""Scores on held-out folds, for every penalty, fold and voxel, from sums.

`helpers._engine.splits` derives the formulas and prepares what involves the features alone. Here
the voxels come in. Each fold is summed up once (`sum_folds`): its means, and the sums x'y and y'y
of what is left without them. Over several folds, with n rows each, X'y is the sum of these x'y and
of

    n (m_x - M_x)'(m_y - M_y),

where m are the means of a fold and M those of all its folds together; so it is for the held-out
fold about the means of the training set. From these sums follow the scores (`score_sums`).
"""

from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from helpers._engine.checks import check_finite
from helpers._engine.folds import run_folds
from helpers._engine.splits import leave_each_out, make_fold
from helpers._engine.threads import for_blocks, on_threads

BLOCK = 512  # voxels whose sums over 100 features (0.4 MB) a core can keep close at hand


@dataclass(frozen=True, eq=False)
class VoxelSums:
    """The sums over one fold that involve voxels."""

    n: int
    y_mean: np.ndarray  # (n_voxels,)
    xy: np.ndarray  # (n_features, n_voxels), of features and voxels minus their means
    yy: np.ndarray  # (n_voxels,), of voxels minus their means


@dataclass(frozen=True, eq=False)
class Plan:
    """The features' side of a cross-validation: made once, it scores any number of voxels."""

    folds: list  # of Fold
    splits: list  # of Split, one a fold
    alphas: np.ndarray  # (n_alphas,)
    dtype: np.dtype  # precision of all that involves voxels


def make_plan(X, runs, alphas, n_folds=10, dtype=np.float64):
    """Prepare the cross-validation of ridge regression.

    Parameters
    ----------
    X : ndarray of float64, shape (n_samples, n_features)
    runs : ndarray, shape (n_samples,)
    alphas : ndarray, shape (n_alphas,)
    n_folds : int
    dtype : {numpy.float64, numpy.float32}

    Returns
    -------
    Plan
    """
    tests = [rows for _, rows in run_folds(runs, n_folds)]
    folds = on_threads(lambda rows: make_fold(X, rows), tests)
    return Plan(folds, leave_each_out(folds, alphas, dtype), alphas, np.dtype(dtype))


def score(plan, Y):
    """Score every penalty on every fold.

    Parameters
    ----------
    plan : Plan
    Y : array, shape (n_samples, n_voxels)
        Measured responses; a memory-mapped array is read block by block.

    Returns
    -------
    ndarray, shape (n_alphas, n_folds, n_voxels)
        R2; NaN where a voxel is constant over the fold.

    Raises
    ------
    ValueError
        If voxels have NaN or infinite values.
    """
    scores = np.empty((len(plan.alphas), len(plan.folds), Y.shape[1]), plan.dtype)

    def work(block):
        sums = sum_folds(plan.folds, Y, block, plan.dtype)
        scores[:, :, block] = score_sums(plan.splits, sums)

    for_blocks(work, Y.shape[1], BLOCK)
    return scores


def sum_folds(folds, Y, block, dtype):
    """Sum up each fold for a block of voxels.

    Parameters
    ----------
    folds : list of Fold
    Y : array, shape (n_samples, n_voxels)
    block : slice
        The voxels to take.
    dtype : dtype
        Precision of the sums.

    Returns
    -------
    list of VoxelSums

    Raises
    ------
    ValueError
        If values are NaN or infinite.
    """
    with np.errstate(invalid="ignore"):  # raised below, with the place
        sums = [_sum_fold(fold, Y[fold.rows, block], dtype) for fold in folds]
    if not all(np.isfinite(fold.yy).all() for fold in sums):
        check_finite("Y", Y[:, block], block.start)
    return sums


def _sum_fold(fold, Y, dtype):
    # Minus the first volume, a constant voxel is exactly 0, and a large mean costs no digits.
    first = Y[0].astype(np.float64)
    y = np.subtract(Y, Y[0], dtype=np.result_type(Y, dtype)).astype(dtype, copy=False)
    mean = y.mean(axis=0)
    y -= mean
    xy = fold.x.T.astype(dtype, copy=False) @ y
    return VoxelSums(len(y), first + mean, xy, np.einsum("nv,nv->v", y, y))


def score_sums(splits, sums):
    """Score every penalty on every fold of a block of voxels.

    Parameters
    ----------
    splits : list of Split
    sums : list of VoxelSums
        One a fold.

    Returns
    -------
    ndarray, shape (n_alphas, n_folds, n_voxels)
    """
    within = _all_but_one([fold.xy for fold in sums])
    return np.stack([_score(*pair, sums) for pair in zip(splits, within, strict=True)], axis=1)


def _all_but_one(parts):
    """Sum all arrays but one, for each in turn; nothing is subtracted, so no digits are lost."""
    before = accumulate(parts[:-1], initial=0)
    after = [*accumulate(parts[:0:-1], initial=0)][::-1]
    return [b + a for b, a in zip(before, after, strict=True)]


def _score(split, within, sums):
    """Score every penalty on one fold, (n_alphas, n_voxels)."""
    test = sums[split.test]
    y_means = np.array([fold.y_mean for fold in sums])
    y_mean = split.n_train @ y_means / split.n_train.sum()
    y_from_mean = (y_means - y_mean).astype(test.xy.dtype)
    x_shift, y_shift = split.x_from_mean[:, split.test], y_from_mean[split.test]
    # Q'X'y of the training set and Q'x'y of the fold, both minus the training means.
    train_xy = split.rotation.T @ (within + split.x_weighted @ y_from_mean)
    test_xy = split.rotation.T @ (test.xy + test.n * np.outer(x_shift, y_shift))
    error = test.yy + test.n * y_shift**2 - 2 * split.shrinkage @ (train_xy * test_xy)
    for start, strip in split.strips:
        n_rows = len(strip) // len(error)
        predicted = (strip @ train_xy[start:]).reshape(len(error), n_rows, len(y_mean))
        error += np.einsum("apv,apv->av", predicted, predicted)
    return 1 - error / np.where(test.yy > 0, test.yy, np.nan)
