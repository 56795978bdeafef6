"""Receptive fields: sparse weights on the pixels, and the Gaussian that matches them best."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from helpers._engine.folds import tabulate
from helpers._engine.gaussians import sample_gaussians
from helpers._engine.lasso import fit_with_best_penalty
from helpers._engine.validation import check_fit, is_constant, warn_constant

__all__ = ["GaussianFits", "LassoLarsCV", "fit_gaussians", "sample_gaussians"]

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


class LassoLarsCV(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Sparse receptive fields, as nilearn's example estimates them for four voxels [1]_.

    Each voxel gets the model of scikit-learn's ``LassoLarsCV``, whose penalty is chosen on held-out
    samples. All voxels take each step of the path together, so a whole mask takes seconds
    (`helpers._engine.lasso`).

    Parameters
    ----------
    max_iter : int
        Steps of the path at most. Each step adds a pixel or removes one, so no more than these
        have a weight other than 0.
    cv : int, splitter or iterable of (train, test)
        As scikit-learn's ``cv``. A whole number stands for that many folds: of whole, consecutive
        runs if `fit` is given `groups`, and of consecutive samples otherwise. With 20 runs of equal
        length, 5 folds of runs are those of scikit-learn's default.

    Attributes
    ----------
    coef_ : ndarray, shape (n_voxels, n_features)
        Weights; NaN for constant voxels.
    intercept_ : ndarray, shape (n_voxels,)
    alpha_ : ndarray, shape (n_voxels,)
        The penalties that were chosen.
    n_iter_ : ndarray of int, shape (n_voxels,)
        Steps of the path over all samples down to the chosen penalty.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, shape (n_features,)
        If the features were given as a DataFrame.

    Notes
    -----
    Two departures matter in rare cases only. A pixel that others can replace exactly, such as the
    second of two equal ones, stays at 0; scikit-learn's path may go astray there. And what counts
    as 0 depends on the scale of the data, so that a recording in tiny units gets its fields, too.

    If the responses have one dimension, the axis of voxels is left out of all attributes.

    References
    ----------
    .. [1] Efron, B., et al. (2004). Least angle regression. Annals of Statistics, 32, 407-499.
    """

    def __init__(self, *, max_iter=500, cv=5):
        self.max_iter = max_iter
        self.cv = cv

    def fit(self, X, y, groups=None):
        """Choose a penalty for each voxel on held-out samples, and fit all samples with it.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            Images, one row a volume.
        y : array_like, shape (n_samples, n_voxels) or (n_samples,)
            Measured responses.
        groups : array_like, shape (n_samples,), optional
            The run that each sample belongs to, for `cv`.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For input that does not fit together, NaN or infinite values, splits that cannot be
            made, or no step.

        Warns
        -----
        ConstantVoxelWarning
            If voxels are constant. Their weights are NaN.
        """
        X, Y, each = check_fit(self, X, y)
        if not isinstance(self.max_iter, int | np.integer) or self.max_iter < 1:
            raise ValueError(f"max_iter is {self.max_iter!r}; expected a whole number from 1 up.")
        table = tabulate(self.cv, X, Y, groups)
        constant = is_constant(Y)
        warn_constant(constant, "over all samples", "Their weights are NaN")
        varies = Y[:, ~constant] if constant.any() else Y  # the whole recording need not be copied
        fits = fit_with_best_penalty(X, varies, table, self.max_iter)
        names = ("coef_", "intercept_", "alpha_", "n_iter_")
        for name, fit, empty in zip(names, fits, (np.nan, np.nan, np.nan, 0), strict=True):
            values = np.full((Y.shape[1], *fit.shape[1:]), empty)
            values[~constant] = fit
            setattr(self, name, values[each])
        return self

    def predict(self, X):
        """Predict responses.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)

        Returns
        -------
        ndarray, shape (n_samples, n_voxels) or (n_samples,)
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return X @ self.coef_.T + self.intercept_


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
            f"of {shape[0]} x {shape[1]} pixels, as coef_ of scikit-learn's models."
        )
    broken = ~(np.isfinite(weights).all(axis=1) | np.isnan(weights).all(axis=1))
    if broken.any():
        raise ValueError(
            f"The weights of {broken.sum()} of {len(weights)} voxels hold NaN or infinite "
            f"values, first in row {np.flatnonzero(broken)[0]}. Expected finite weights, or NaN "
            "in the whole row of a voxel that has none."
        )
    return weights
