"""Identification: which of some images was shown, from predicted and measured patterns."""

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.spatial.distance import cdist

from helpers.checks import check_table


def correlations(measured, predicted):
    """Correlate each measured pattern with each predicted one, over voxels [1]_.

    Parameters
    ----------
    measured : array_like, shape (n_trials, n_voxels)
    predicted : array_like, shape (n_candidates, n_voxels)

    Returns
    -------
    ndarray, shape (n_trials, n_candidates)

    Raises
    ------
    ValueError
        For tables that do not fit together or hold values that are no numbers.

    References
    ----------
    .. [1] Kay, K. N., et al. (2008). Identifying natural images from human brain activity.
       Nature, 452(7185), 352-355.
    """
    measured, predicted = _check_patterns(measured, predicted)
    return 1 - cdist(measured, predicted, "correlation")


def log_likelihoods(measured, predicted, noise):
    """Say how probable each measured pattern is under each candidate, with Gaussian noise.

    Parameters
    ----------
    measured : array_like, shape (n_trials, n_voxels)
    predicted : array_like, shape (n_candidates, n_voxels)
    noise : array_like, shape (n_voxels, n_voxels)
        Covariance S of the noise of one trial.

    Returns
    -------
    ndarray, shape (n_trials, n_candidates)
        -(y - f)' S^-1 (y - f) / 2, without the constant that all candidates share.

    Raises
    ------
    ValueError
        For tables that do not fit together, or a covariance that is none.
    """
    measured, predicted = _check_patterns(measured, predicted)
    root = root_of("noise", noise, measured.shape[1])
    # In the coordinates L^-1 y, with S = L L', the noise is white.
    white = [solve_triangular(root, rows.T, lower=True).T for rows in (measured, predicted)]
    return -cdist(*white, "sqeuclidean") / 2


def identified(match, shown, n_candidates, seed=0):
    """Say which trials are identified among some candidates: the image shown and others, drawn.

    Each trial gets other candidates of its own. With the same seed those for a smaller number are
    among those for a larger one.

    Parameters
    ----------
    match : array_like, shape (n_trials, n_pool)
        How well each image of the pool matches, larger is better.
    shown : array_like of int, shape (n_trials,)
        Which image of the pool was shown.
    n_candidates : int
        From 1 to the size of the pool.
    seed : int

    Returns
    -------
    ndarray of bool, shape (n_trials,)
        Whether the image shown matches better than all others. A tie is a miss.

    Raises
    ------
    ValueError
        If `shown` does not fit `match`, or `n_candidates` does not fit the pool.
    """
    match, shown = check_table("match", match), np.asarray(shown)
    n_trials, n_pool = match.shape
    if shown.shape != (n_trials,) or not np.issubdtype(shown.dtype, np.integer):
        raise ValueError(
            f"shown has shape {shown.shape} and type {shown.dtype}; expected the column of the "
            f"image shown, a whole number, for each of the {n_trials} rows of match."
        )
    if shown.min() < 0 or shown.max() >= n_pool or not 1 <= n_candidates <= n_pool:
        raise ValueError(
            f"shown runs from {shown.min()} to {shown.max()} and n_candidates is {n_candidates}; "
            f"match has columns 0 to {n_pool - 1}, and so at most {n_pool} candidates."
        )
    rows = np.arange(n_trials)
    order = np.random.default_rng(seed).random(match.shape)
    order[rows, shown] = -1  # first in line
    drawn = np.argsort(order, axis=1)[:, 1:n_candidates]
    others = np.take_along_axis(match, drawn, axis=1)
    return (others < match[rows, shown][:, np.newaxis]).all(axis=1)


def root_of(name, covariance, size):
    """Return the lower triangular L with L L' = covariance.

    Parameters
    ----------
    name : str
        What the covariance is called in messages.
    covariance : array_like, shape (size, size)
    size : int

    Returns
    -------
    ndarray, shape (size, size)

    Raises
    ------
    ValueError
        If it has another shape, is not symmetric, or not positive definite.
    """
    covariance = check_table(name, covariance)
    if covariance.shape != (size, size) or not np.allclose(covariance, covariance.T):
        raise ValueError(
            f"{name} has shape {covariance.shape}; expected a symmetric covariance matrix of "
            f"shape ({size}, {size})."
        )
    try:
        return cholesky(covariance, lower=True)
    except np.linalg.LinAlgError:
        raise ValueError(
            f"{name} is no covariance matrix: it is not positive definite. Shrink it, for example "
            "with sklearn.covariance.LedoitWolf, or add a little to its diagonal."
        ) from None


def _check_patterns(measured, predicted):
    measured, predicted = check_table("measured", measured), check_table("predicted", predicted)
    if measured.shape[1] != predicted.shape[1]:
        raise ValueError(
            f"measured has {measured.shape[1]} voxels and predicted {predicted.shape[1]}; expected "
            "the same voxels in both: choose the same columns."
        )
    return measured, predicted
