"""The lasso's penalty, chosen for each voxel on held-out runs, from sums alone.

`helpers._engine.lasso_path` gives the weights at the knots of each training set's path. Let x and
y be the n held-out rows minus the means of the *training* set, and r_a = y - x w_a what the weights
at knot a leave of them. Sums over the held-out rows are enough for

    e_ab = r_a'r_b / n = (y'y - w_a'x'y - w_b'x'y + w_a'x'x w_b) / n.

The mean squared error at knot a is e_aa. Between the knots a and b the weights, and with them
what they leave, are straight lines, so that at the share t of the way the error is

    |(1 - t) r_a + t r_b|^2 / n = (1 - t)^2 e_aa + 2 t (1 - t) e_ab + t^2 e_bb.

As in scikit-learn's ``LassoLarsCV``, the penalties compared are the knots of all training sets, and
the one with the least mean error over folds is taken. Its weights are read from the path over all
rows.
"""

from functools import reduce

import numpy as np

from helpers._engine.lasso_path import follow_path
from helpers._engine.moments import merge, summarise
from helpers._engine.threads import for_blocks

BLOCK = 256  # voxels; with a hundred pixels, their weights along a path take 2 MB
ROUNDING = 1e-7  # correlations below this one count as 0


def fit_with_best_penalty(X, Y, tests, n_steps=10):
    """Fit the lasso to every voxel at the penalty that predicts held-out rows best.

    Parameters
    ----------
    X : ndarray, shape (n_samples, n_pixels)
    Y : ndarray, shape (n_samples, n_voxels)
        None of them constant.
    tests : list of ndarray of int
        The rows that each fold holds out; together, all rows once.
    n_steps : int
        Steps of each path: the largest number of weights other than 0.

    Returns
    -------
    weights : ndarray, shape (n_voxels, n_pixels)
    alphas : ndarray, shape (n_voxels,)
        The penalties that were chosen.
    """
    weights, alphas = np.empty((Y.shape[1], X.shape[1])), np.empty(Y.shape[1])

    def fit_block(block):
        folds = [summarise(X[test], Y[test, block]) for test in tests]
        weights[block], alphas[block] = _choose_and_fit(folds, n_steps)

    for_blocks(fit_block, Y.shape[1], BLOCK)
    return weights, alphas


def _choose_and_fit(folds, n_steps):
    """Return the weights and the chosen penalty of a block of voxels."""
    whole = reduce(merge, folds)
    smallest = ROUNDING * np.sqrt(whole.xx.diagonal().max() * whole.yy) / whole.n
    paths, products = [], []
    for f, test in enumerate(folds):
        train = reduce(merge, folds[:f] + folds[f + 1 :])
        alphas, weights = follow_path(train.xx / train.n, train.xy.T / train.n, n_steps, smallest)
        paths.append(alphas)
        products.append(residual_products(weights, train, test))
    candidates = np.concatenate(paths)  # (n_folds * (n_steps + 1), n_voxels)
    errors = sum(error_at(candidates, *fold) for fold in zip(paths, products, strict=True))
    best = np.take_along_axis(candidates, errors.argmin(axis=0)[np.newaxis], axis=0)[0]
    path = follow_path(whole.xx / whole.n, whole.xy.T / whole.n, n_steps, smallest)
    return weights_at(best, *path), best


def residual_products(weights, train, test):
    """Multiply what the weights at the knots of a path leave on the held-out rows.

    Parameters
    ----------
    weights : ndarray, shape (n_knots, n_voxels, n_pixels)
    train, test : Summary

    Returns
    -------
    same : ndarray, shape (n_knots, n_voxels)
        Mean squared error at each knot, e_aa of the module's text.
    following : ndarray, shape (n_knots - 1, n_voxels)
        Mean product of each knot's residuals and the next one's, e_ab.
    """
    dx, dy = test.x_mean - train.x_mean, test.y_mean - train.y_mean
    xx = test.xx / test.n + np.outer(dx, dx)
    xy = test.xy.T / test.n + np.outer(dy, dx)  # (n_voxels, n_pixels)
    yy = test.yy / test.n + dy**2
    w_xx, w_xy = weights @ xx, np.einsum("kvp,vp->kv", weights, xy)
    same = yy - 2 * w_xy + np.einsum("kvp,kvp->kv", w_xx, weights)
    following = yy - w_xy[:-1] - w_xy[1:] + np.einsum("kvp,kvp->kv", w_xx[:-1], weights[1:])
    return same, following


def error_at(wanted, alphas, products):
    """Compute the held-out error at any penalties.

    Parameters
    ----------
    wanted : ndarray, shape (n_wanted, n_voxels)
        Penalties.
    alphas : ndarray, shape (n_knots, n_voxels)
        Penalties at the knots.
    products : (ndarray, ndarray)
        From `residual_products`.

    Returns
    -------
    ndarray, shape (n_wanted, n_voxels)
        Mean squared error.
    """
    same, following = products
    knot, t = _find(wanted, alphas)
    start, end = (np.take_along_axis(same, knot + i, axis=0) for i in (0, 1))
    both = np.take_along_axis(following, knot, axis=0)
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * both + t**2 * end


def weights_at(wanted, alphas, weights):
    """Read the weights at one penalty a voxel; beyond a path's ends they stay as they are.

    Parameters
    ----------
    wanted : ndarray, shape (n_voxels,)
        Penalties.
    alphas, weights : ndarray
        A path, from `helpers._engine.lasso_path.follow_path`.

    Returns
    -------
    ndarray, shape (n_voxels, n_pixels)
    """
    knot, t = (found[0] for found in _find(wanted[np.newaxis], alphas))
    voxels = np.arange(len(wanted))
    start, end = weights[knot, voxels], weights[knot + 1, voxels]
    return start + t[:, np.newaxis] * (end - start)


def _find(wanted, alphas):
    """Return the knot before each penalty, and the share t of the way to the next one."""
    passed = (alphas[:, np.newaxis] >= wanted).sum(axis=0)
    knot = np.clip(passed - 1, 0, len(alphas) - 2)
    start, end = (np.take_along_axis(alphas, knot + i, axis=0) for i in (0, 1))
    length = start - end
    # A path that ended early ends in steps without length.
    share = np.where(length > 0, (start - wanted) / np.where(length > 0, length, 1), 1)
    return knot, np.clip(share, 0, 1)
