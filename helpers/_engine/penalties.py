"""Whether a grid of penalties was wide enough, and how several penalties are searched.

**Ends of a grid.** Penalties have the units of the features' variance: features a hundred times
smaller ask for penalties ten thousand times smaller. A grid in other units ends before the best
penalty, and the score falls without a word. But a voxel of noise rightly takes the largest penalty,
and with few features the smallest ones are all the same. So a voxel counts as *at an end* only if

- its best penalty is the smallest or the largest of three or more, and
- towards that end its score still rises: over the last step, by more than a tenth (for each
  factor of ten in the penalty) of what it spans over the grid, and
- at the largest penalty, it is predicted (R2 above 0) and rises by more than .01 for a factor of
  ten; or that penalty is so small that the model still has a direction to fit for every fifty
  samples, so that it fits noise.

How many directions a penalty leaves is the sum of d / (d + a) over the eigenvalues d of X'X [1]_.
It is largest if they are all alike, which needs no more than their sum (`freedom`).

Over the simulated twin and all grids of the book, at most one voxel in a thousand is at an end;
with the features multiplied by 0.01, 100 or 255, four out of five are or more. Voxels of noise (R2
below 0) at a penalty that does not fit noise say nothing, and are left out of the share.

**A penalty for each space of features.** Banded ridge regression [2]_ makes
``|y - X w|^2 + sum_s a_s |w_s|^2`` least, where w_s are the weights of the features in space s.
With the columns of each space multiplied by sqrt(g_s), this is ridge regression with one penalty a,
and a_s = a / g_s: so one decomposition for each set of g serves every voxel and every a. Which sets
of g to try is chosen at random, as in [3]_. Here g_s is counted in shares of variance,

    g_s  =  share_s V / V_s,

where V_s is the summed variance of the columns of space s and V that of all columns. So a space
in other units gets the same sets to try, equal penalties are among them (share_s = V_s / V), and
with a single space nothing is left but ridge regression. A share of 0 leaves the space out.

References
----------
.. [1] Hastie, T., Tibshirani, R., & Friedman, J. (2009). The elements of statistical learning (2nd
   ed., section 3.4.1). Springer.
.. [2] Nunez-Elizalde, A. O., Huth, A. G., & Gallant, J. L. (2019). Voxelwise encoding models with
   non-spherical multivariate normal priors. NeuroImage, 197, 482-492.
.. [3] Dupre la Tour, T., Eickenberg, M., Nunez-Elizalde, A. O., & Gallant, J. L. (2022).
   Feature-space selection with banded ridge regression. NeuroImage, 264, 119728.
"""

import warnings

import numpy as np

STEP, GAIN, FREE, SHARE = 0.1, 0.01, 0.02, 0.1


class PenaltyWarning(UserWarning):
    """Many voxels would be predicted better by penalties beyond the ends of the grid."""


def freedom(X, alpha):
    """Say how many directions of the features a penalty leaves a model to fit, at most.

    Parameters
    ----------
    X : ndarray, shape (n_samples, n_features)
    alpha : float

    Returns
    -------
    float
        For each sample, from 0 to 1.
    """
    n_samples, n_features = X.shape
    directions = min(n_features, n_samples - 1)
    squares = n_samples * X.var(axis=0).sum() / directions  # the mean eigenvalue of X'X
    return directions * squares / (squares + alpha) / n_samples


def at_ends(alphas, scores, free):
    """Say which voxels would be predicted better by penalties that the grid does not have.

    Parameters
    ----------
    alphas : ndarray, shape (n_alphas,)
        In any order.
    scores : ndarray, shape (n_alphas, n_voxels)
        Mean R2 over the folds; voxels with NaN are at no end.
    free : float
        The `freedom` that the largest penalty leaves.

    Returns
    -------
    low, high : ndarray of bool, shape (n_voxels,)
        Voxels at the smallest and at the largest penalty.
    told : ndarray of bool, shape (n_voxels,)
        Voxels that can tell: those with a score, but for noise at the largest penalty.
    """
    grid, order = np.unique(alphas, return_index=True)
    scores = scores[order]
    best, top = scores.argmax(axis=0), scores.max(axis=0)
    scored = np.isfinite(top)
    if len(grid) < 3:
        nowhere = np.zeros_like(scored)
        return nowhere, nowhere, scored
    decades = np.log10(grid)
    step = STEP * (top - scores.min(axis=0))
    rise_low = (scores[0] - scores[1]) / (decades[1] - decades[0])
    rise_high = (scores[-1] - scores[-2]) / (decades[-1] - decades[-2])
    last = best == len(grid) - 1
    low = scored & (best == 0) & (rise_low > step)
    fits_noise = free > FREE
    high = scored & last & (rise_high > step) & (((top > 0) & (rise_high > GAIN)) | fits_noise)
    return low, high, scored & (~last | (top > 0) | fits_noise)


def warn_ends(alphas, low, high, told, stacklevel=3):
    """Warn once if more than a tenth of the voxels are at the ends of a grid.

    Parameters
    ----------
    alphas : ndarray, shape (n_alphas,)
    low, high, told : ndarray of bool, shape (n_voxels,)
        From `at_ends`.
    stacklevel : int
        As for `warnings.warn`.

    Warns
    -----
    PenaltyWarning
        With the end, the number of voxels, and what to do.
    """
    if (low | high).sum() <= SHARE * told.sum():
        return
    many_low = low.sum() >= high.sum()
    at_end, end = (low, "smallest") if many_low else (high, "largest")
    alpha, others = (np.min(alphas), "smaller") if many_low else (np.max(alphas), "larger")
    warnings.warn(
        f"{at_end.sum()} of {at_end.size} voxels are predicted best with the {end} penalty, "
        f"{alpha:g}, and would be better with {others} ones. Widen alphas, or bring the features "
        "to the scale that alphas were made for (sklearn.preprocessing.StandardScaler): penalties "
        "are in units of the features' variance.",
        PenaltyWarning,
        stacklevel=stacklevel,
    )


def draw_shares(given, n_iter, random_state):
    """Draw how much of the features' variance each space has, once its columns are scaled.

    Parameters
    ----------
    given : ndarray, shape (n_spaces,)
        The shares as the features were given, above zero; they add up to 1.
    n_iter : int
        How many to draw. Two shares differ by up to a factor of 10,000, evenly in its logarithm.
    random_state : int
        The same number gives the same shares.

    Returns
    -------
    ndarray, shape (n_draws, n_spaces)
        Equal shares of all spaces, those given and those drawn, each of them also without each
        space in turn, and each space alone. They add up to 1.
    """
    n_spaces = len(given)
    drawn = 10 ** np.random.default_rng(random_state).uniform(-2, 2, size=(n_iter, n_spaces))
    together = np.vstack([np.ones(n_spaces), given, drawn])
    without = (1 - np.eye(n_spaces))[:, np.newaxis] * together
    every = np.vstack([together, *without, np.eye(n_spaces)])
    every = every[every.any(axis=1)]
    every /= every.sum(axis=1, keepdims=True)
    _, first = np.unique(every.round(12), axis=0, return_index=True)
    return every[np.sort(first)]
