"""Weights of ridge regression for every voxel, from one decomposition of the features."""

import numpy as np

from helpers._engine import held_out
from helpers._engine.checks import check_lengths, check_penalties, check_shape, check_table
from helpers._engine.constant_voxels import warn_constant
from helpers._engine.moments import decompose
from helpers._engine.splits import make_fold
from helpers._engine.threads import for_blocks, on_threads


def fit(X, Y, alphas):
    """Fit ridge regression to every voxel, each with a penalty of its own if wanted.

    Predict with ``X @ coef + intercept``.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
        Features, for example pixels.
    Y : array_like, shape (n_samples, n_voxels)
        Measured responses.
    alphas : float or array_like, shape (n_voxels,)
        One penalty, or one a voxel, for example `RidgeScores.best_alpha`. A voxel without a
        penalty (NaN) gets no coefficients (NaN).

    Returns
    -------
    coef : ndarray, shape (n_features, n_voxels)
        Change of the response for a change of one in a feature.
    intercept : ndarray, shape (n_voxels,)
        Response where all features are zero.

    Raises
    ------
    ValueError
        For input that does not fit together, NaN or infinite values in it, or penalties that
        are not positive.

    Warns
    -----
    ConstantVoxelWarning
        If voxels are constant or have no penalty. Their coefficients and intercepts are NaN.
    """
    X, Y = check_table("X", X), check_shape("Y", Y)
    check_lengths(X, Y)
    alphas = _one_a_voxel(alphas, Y.shape[1])
    ((rows, values, vectors),) = on_threads(_decompose_features, [X])
    coef, intercept = np.empty((X.shape[1], Y.shape[1])), np.empty(Y.shape[1])

    def work(block):
        (sums,) = held_out.sum_folds([rows], Y, block, np.float64)
        shrunk = vectors.T @ sums.xy / (values[:, np.newaxis] + alphas[block])
        coef[:, block] = np.where(sums.yy > 0, vectors @ shrunk, np.nan)
        intercept[block] = sums.y_mean - rows.x_mean @ coef[:, block]

    for_blocks(work, Y.shape[1], held_out.BLOCK)
    unknown = np.isnan(intercept)
    warn_constant(unknown, "or have no penalty (NaN)", "Their coefficients are NaN")
    return coef, intercept


def _decompose_features(X):
    rows = make_fold(X, np.arange(len(X)))
    return rows, *decompose(rows.xx)


def _one_a_voxel(alphas, n_voxels):
    """Return a penalty for each voxel, (n_voxels,); NaN where a voxel has none."""
    alphas = np.asarray(alphas, dtype=np.float64)
    if alphas.shape not in {(), (n_voxels,)}:
        raise ValueError(
            f"alphas has shape {alphas.shape}; expected one number, or one penalty for each of "
            f"the {n_voxels} voxels."
        )
    missing = np.isnan(alphas) if alphas.ndim else np.False_
    check_penalties(alphas[~missing])
    return np.broadcast_to(alphas, n_voxels)
