"""Ridge regression for thousands of voxels, scored on held-out runs.

The sums that make it fast, and the formulas, are in `helpers.moments`.
"""

from dataclasses import dataclass

import numpy as np

from helpers.checks import check_arrays, check_pair, check_penalties, check_runs
from helpers.constant_voxels import is_constant, warn_constant
from helpers.moments import decompose, held_out_scores, summarise


@dataclass(frozen=True, eq=False)
class RidgeScores:
    """Scores of cross-validated ridge regression.

    Attributes
    ----------
    alphas : ndarray, shape (n_alphas,)
        The penalties that were tried, as they were given.
    scores : ndarray, shape (n_alphas, n_folds, n_voxels)
        R2 on each held-out fold. NaN where a voxel is constant over a fold.
    best_alpha : ndarray, shape (n_voxels,)
        The penalty with the largest mean score. The score at this penalty is a little too good,
        because the same folds chose it; report `nested` instead. NaN where a score is NaN.
    nested : ndarray, shape (n_voxels,)
        Mean R2 over the folds, where the penalty of each fold and voxel was chosen without
        that fold.
    """

    alphas: np.ndarray
    scores: np.ndarray
    best_alpha: np.ndarray
    nested: np.ndarray


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


def cross_validate(X, Y, runs, alphas=(100.0,), n_folds=10):
    """Score ridge regression on held-out runs, for every penalty, fold and voxel.

    The scores equal those of scikit-learn's ``Ridge(alpha)`` fitted on the training runs and
    ``r2_score`` on the held-out runs. The module's text derives the formulas.

    The nested score chooses the penalty of a fold by cross-validation over the other folds. With
    two folds there is one other fold; it is cut in two, between runs if it has several, else in
    the middle of its run. Then the penalty is a rougher choice, but the fold that is scored still
    has no part in it.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
        Features, for example pixels.
    Y : array_like, shape (n_samples, n_voxels)
        Measured responses.
    runs : array_like, shape (n_samples,)
        The run that each sample belongs to.
    alphas : sequence of float
        Penalties, above zero.
    n_folds : int
        Folds of whole runs.

    Returns
    -------
    RidgeScores

    Raises
    ------
    ValueError
        For input that does not fit together, NaN or infinite values, a single run, more folds
        than runs, or penalties that are not positive.

    Warns
    -----
    ConstantVoxelWarning
        If voxels are constant over a fold. Their scores are NaN.
    """
    X, Y, runs = check_arrays(X, Y, runs)
    alphas = np.atleast_1d(check_penalties(alphas))
    tests = [test for _, test in run_folds(runs, n_folds)]
    folds = [summarise(X[test], Y[test]) for test in tests]
    scores = held_out_scores(folds, alphas)
    best = scores.mean(axis=1).argmax(axis=0)
    nested = scores[0].copy()
    for f in range(n_folds if len(alphas) > 1 else 0):  # one penalty leaves nothing to choose
        inner = folds[:f] + folds[f + 1 :]
        if len(inner) == 1:
            inner = [summarise(X[rows], Y[rows]) for rows in _halves(tests[1 - f], runs)]
        means = held_out_scores(inner, alphas).mean(axis=1)
        chosen = scores[means.argmax(axis=0), f, np.arange(Y.shape[1])]
        nested[f] = np.where(np.isnan(means).any(axis=0), np.nan, chosen)
    nested = nested.mean(axis=0)
    warn_constant(np.isnan(nested), "over at least one fold", "Their nested scores are NaN")
    best_alpha = np.where(np.isnan(nested), np.nan, alphas[best])
    return RidgeScores(alphas, scores, best_alpha, nested)


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
    X, Y = check_pair(X, Y)
    alphas = np.asarray(alphas, dtype=np.float64)
    if alphas.shape not in {(), (Y.shape[1],)}:
        raise ValueError(
            f"alphas has shape {alphas.shape}; expected one number, or one penalty for each of "
            f"the {Y.shape[1]} voxels."
        )
    missing = np.isnan(alphas) if alphas.ndim else np.False_
    check_penalties(alphas[~missing])
    unknown = is_constant(Y) | missing
    warn_constant(unknown, "or have no penalty (NaN)", "Their coefficients are NaN")
    data = summarise(X, Y)
    values, vectors = decompose(data.xx)
    coef = vectors @ (vectors.T @ data.xy / (values[:, np.newaxis] + alphas))
    coef[:, unknown] = np.nan
    return coef, data.y_mean - data.x_mean @ coef


def _halves(rows, runs):
    """Cut rows in two: between their runs, or within a single run where it must be."""
    if len(np.unique(runs[rows])) > 1:
        return [rows[test] for _, test in run_folds(runs[rows], 2)]
    return np.array_split(rows, 2)
