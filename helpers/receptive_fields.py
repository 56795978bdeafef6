"""Receptive fields: sparse weights on the pixels, and the Gaussian that matches them best."""

from dataclasses import dataclass

import numpy as np

from helpers._engine.checks import check_arrays
from helpers._engine.constant_voxels import is_constant, warn_constant
from helpers._engine.folds import run_folds
from helpers._engine.gaussians import sample_gaussians
from helpers._engine.lasso_choice import fit_with_best_penalty

__all__ = ["GaussianFits", "fit_gaussians", "lasso", "sample_gaussians"]

GAUSSIAN_BLOCK = 256  # voxels at once: some 60 MB of correlations


@dataclass(frozen=True, eq=False)
class GaussianFits:
    """The best-matching Gaussian of each voxel.

    Attributes
    ----------
    centre : ndarray, shape (n_voxels, 2)
        Row and column in pixels, whole at pixel centres; it may lie outside the image.
    size : ndarray, shape (n_voxels,)
        Standard deviation in pixels.
    match : ndarray, shape (n_voxels,)
        Correlation of the weights with the Gaussian over pixels.
    """

    centre: np.ndarray
    size: np.ndarray
    match: np.ndarray


def lasso(X, Y, runs, n_folds=5):
    """Estimate sparse receptive fields, as nilearn's example does for four voxels [1]_.

    Each voxel gets the model of scikit-learn's ``LassoLarsCV(max_iter=10)``, whose penalty is
    chosen on held-out runs. With 20 runs of equal length the folds are those of the example's
    default ``cv=5``. All voxels take each step together, so a whole mask takes seconds:
    `helpers._engine.lasso_path` says how, and `helpers._engine.lasso_choice` gives the chosen
    penalties as well.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_pixels)
        Images, one row a volume.
    Y : array_like, shape (n_samples, n_voxels)
        Measured responses.
    runs : array_like, shape (n_samples,)
        The run that each sample belongs to.
    n_folds : int
        Folds of whole runs.

    Returns
    -------
    ndarray, shape (n_voxels, n_pixels)
        Weights of the pixels, at most ten of them other than 0.

    Raises
    ------
    ValueError
        For input that does not fit together, NaN or infinite values, or too few runs.

    Warns
    -----
    ConstantVoxelWarning
        If voxels are constant. Their weights are NaN.

    Notes
    -----
    Two departures matter in rare cases only. A pixel that others can replace exactly, such as the
    second of two equal ones, stays at 0; scikit-learn's path may go astray there. And what counts
    as 0 depends on the scale of the data, so that a recording in tiny units gets its fields, too.

    References
    ----------
    .. [1] Efron, B., et al. (2004). Least angle regression. Annals of Statistics, 32, 407-499.
    """
    X, Y, runs = check_arrays(X, Y, runs)
    tests = [test for _, test in run_folds(runs, n_folds)]
    constant = is_constant(Y)
    warn_constant(constant, "over all samples", "Their weights are NaN")
    varies = Y[:, ~constant] if constant.any() else Y  # the whole recording need not be copied
    weights = np.full((Y.shape[1], X.shape[1]), np.nan)
    weights[~constant], _ = fit_with_best_penalty(X, varies, tests)
    return weights


def fit_gaussians(weights, shape=(10, 10)):
    """Find the 2-D Gaussian that matches the weights of each voxel best.

    All Gaussians of a grid are compared, as in population receptive field mapping [1]_: centres
    every quarter of a pixel, up to a pixel outside the image, and twelve sizes from 0.4 to 5
    pixels, sampled at pixel centres. The match is a correlation over pixels, so that neither the
    scale of the weights nor a constant added to all of them matters. A field that lowers the
    response gets a poor match.

    Parameters
    ----------
    weights : array_like, shape (n_voxels, n_pixels)
        In C order: pixel ``p`` lies in row ``p // shape[1]``, column ``p % shape[1]``.
    shape : (int, int)
        Rows and columns of the image.

    Returns
    -------
    GaussianFits

    Raises
    ------
    ValueError
        If the weights do not fit the shape, or a row has some values that are not finite.

    Warns
    -----
    ConstantVoxelWarning
        If the weights of voxels are all the same or all NaN. Their fits are NaN.

    References
    ----------
    .. [1] Dumoulin, S. O., & Wandell, B. A. (2008). Population receptive field estimates in
       human visual cortex. NeuroImage, 39(2), 647-660.
    """
    weights = _check_weights(weights, shape)
    flat = np.isnan(weights).all(axis=1) | is_constant(weights.T)
    warn_constant(flat, "in their weights or have none (NaN)", "Their Gaussian fits are NaN")
    centres, sizes = _candidates(shape)
    templates = _standardise(sample_gaussians(centres, sizes, shape))
    fits = GaussianFits(*(np.full((len(weights), *rest), np.nan) for rest in [(2,), (), ()]))
    voxels = np.flatnonzero(~flat)
    for start in range(0, len(voxels), GAUSSIAN_BLOCK):
        block = voxels[start : start + GAUSSIAN_BLOCK]
        correlation = _standardise(weights[block]) @ templates.T
        best = correlation.argmax(axis=1)
        fits.centre[block], fits.size[block] = centres[best], sizes[best]
        fits.match[block] = correlation[np.arange(len(block)), best]
    return fits


def _candidates(shape):
    axes = [np.arange(-1.5, n + 0.51, 0.25) for n in shape]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    sizes = np.geomspace(0.4, 5, 12)
    centres, sizes = np.repeat(grid, len(sizes), axis=0), np.tile(sizes, len(grid))
    # A field further outside than its size shows a tail only, and all tails look alike.
    outside = np.maximum(np.maximum(-0.5 - centres, centres - np.array(shape) + 0.5), 0)
    near = np.hypot(*outside.T) <= sizes
    return centres[near], sizes[near]


def _standardise(rows):
    rows = rows - rows.mean(axis=1, keepdims=True)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _check_weights(weights, shape):
    weights = np.asarray(weights, dtype=np.float64)
    if weights.ndim != 2 or weights.shape[1] != np.prod(shape):
        raise ValueError(
            f"weights has shape {weights.shape}; expected (n_voxels, {np.prod(shape)}) for images "
            f"of {shape[0]} x {shape[1]} pixels. For the coefficients of ridge.fit give coef.T."
        )
    broken = ~(np.isfinite(weights).all(axis=1) | np.isnan(weights).all(axis=1))
    if broken.any():
        raise ValueError(
            f"The weights of {broken.sum()} of {len(weights)} voxels hold NaN or infinite "
            f"values, first in row {np.flatnonzero(broken)[0]}. Expected finite weights, or NaN "
            "in the whole row of a voxel that has none."
        )
    return weights
