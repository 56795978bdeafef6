"""Ridge regression for thousands of voxels and all penalties at once, scored on held-out runs.

Why sums are enough, and the formulas, stand in `helpers._engine.ridge`.
"""

from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from helpers._engine.folds import nest, run_folds, tabulate
from helpers._engine.ridge import make_plan
from helpers._engine.validation import (
    ConstantVoxelWarning,
    check_dtype,
    check_fit,
    check_lengths,
    check_penalties,
    check_shape,
    check_table,
    warn_constant,
)

__all__ = [
    "ConstantVoxelWarning",
    "Partition",
    "RidgeCV",
    "nested_scores",
    "partition",
    "run_folds",
]


class RidgeCV(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Ridge regression with a penalty for each voxel, chosen on held-out runs.

    The scores are those of scikit-learn's ``Ridge(alpha)`` fitted on each training set and
    ``r2_score`` on its test set; the weights are those of ``Ridge`` with the chosen penalties,
    fitted on all samples. They are computed for all voxels and penalties at once, which takes a
    hundredth of the time (`helpers._engine.ridge`).

    Parameters
    ----------
    alphas : sequence of float
        Penalties to choose from, above zero.
    cv : int, splitter or iterable of (train, test)
        As scikit-learn's ``cv``. A whole number stands for that many folds: of whole, consecutive
        runs if `fit` is given `groups` (`run_folds`), and of consecutive samples otherwise.
    dtype : {numpy.float64, numpy.float32}
        Precision of the sums. Single precision takes about half the time and costs less than
        1e-4 of R2.

    Attributes
    ----------
    alpha_ : ndarray, shape (n_voxels,)
        The penalty with the largest mean score; NaN where a score is NaN.
    best_score_ : ndarray, shape (n_voxels,)
        Mean R2 over the splits at this penalty. It is a little too good, because the same splits
        chose the penalty; report `nested_scores` instead.
    cv_scores_ : ndarray, shape (n_alphas, n_splits, n_voxels)
        R2 on each test set. NaN where a voxel is constant over a test set.
    coef_ : ndarray, shape (n_voxels, n_features)
        Change of the response for a change of one in a feature; NaN where `alpha_` is NaN.
    intercept_ : ndarray, shape (n_voxels,)
        Response where all features are zero; NaN where `alpha_` is NaN.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, shape (n_features,)
        If the features were given as a DataFrame.

    Notes
    -----
    If the responses have one dimension, the axis of voxels is left out of all attributes, as in
    scikit-learn.
    """

    def __init__(self, alphas=(1.0, 10.0, 100.0, 1e3, 1e4, 1e5), *, cv=5, dtype=np.float64):
        self.alphas = alphas
        self.cv = cv
        self.dtype = dtype

    def fit(self, X, y, groups=None):
        """Choose a penalty for each voxel on held-out samples, and fit all samples with it.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            Features, for example pixels.
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
            made, or penalties that are not positive.

        Warns
        -----
        ConstantVoxelWarning
            If voxels are constant over a test set.
        """
        X, Y, each = check_fit(self, X, y)
        alphas = np.atleast_1d(check_penalties(self.alphas))
        plan = make_plan(X, tabulate(self.cv, X, Y, groups), alphas, check_dtype(self.dtype))
        scores = plan.score(Y)
        means = scores.mean(axis=1)
        best = means.argmax(axis=0)  # that of a NaN, where there is one
        best_score = np.take_along_axis(means, best[np.newaxis], axis=0)[0]
        constant = np.isnan(best_score)
        warn_constant(constant, "over at least one fold", "Their scores and weights are NaN")
        alpha = np.where(constant, np.nan, alphas[best])
        coef, intercept = plan.weights(Y, alpha)
        self.cv_scores_, self.best_score_ = scores[:, :, each], best_score[each]
        self.alpha_, self.coef_, self.intercept_ = alpha[each], coef[each], intercept[each]
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


def nested_scores(X, Y, *, groups=None, alphas, cv=5, dtype=np.float64):
    """Score ridge regression where no test set has a part in the choice of its penalty.

    For each split and voxel the penalty is chosen by cross-validation within the training set,
    which is split as the other splits split it. In scikit-learn this is ``cross_validate`` over
    `RidgeCV`. It takes about as many times longer than `RidgeCV` as there are splits.

    With two folds there is one other fold; it is cut in two, between runs if it has several, else
    in the middle of its run. Then the penalty is a rougher choice, but the fold that is scored
    still has no part in it.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
        Features, for example pixels.
    Y : array_like, shape (n_samples, n_voxels)
        Measured responses.
    groups : array_like, shape (n_samples,), optional
        The run that each sample belongs to, for `cv`.
    alphas, cv, dtype
        As for `RidgeCV`.

    Returns
    -------
    ndarray, shape (n_voxels,)
        Mean R2 over the splits; NaN where a voxel is constant over a test set.

    Raises
    ------
    ValueError
        As `RidgeCV.fit`.

    Warns
    -----
    ConstantVoxelWarning
        If voxels are constant over a test set.
    """
    X, Y = check_table("X", X), check_shape("Y", Y)
    check_lengths(X, Y)
    alphas, dtype = np.atleast_1d(check_penalties(alphas)), check_dtype(dtype)
    table = tabulate(cv, X, Y, groups)
    inner = nest(table, groups)
    plan = make_plan(X, np.concatenate([table, *inner]), alphas, dtype)
    ends = len(table) + np.cumsum([0, *map(len, inner)])
    nested = np.empty(Y.shape[1])
    for start in range(0, Y.shape[1], NESTED_BLOCK):
        block = slice(start, start + NESTED_BLOCK)
        scores = plan.score(Y[:, block])
        parts = zip(scores[:, : len(table)].swapaxes(0, 1), ends[:-1], ends[1:], strict=True)
        chosen = [_choose(outer, scores[:, begin:end]) for outer, begin, end in parts]
        nested[block] = np.mean(chosen, axis=0)
    warn_constant(np.isnan(nested), "over at least one fold", "Their nested scores are NaN")
    return nested


NESTED_BLOCK = 4096  # voxels whose scores on all inner folds are kept at a time


def _choose(outer, inner):
    """Return each voxel's score at the penalty that the inner folds choose, (n_voxels,)."""
    means = inner.mean(axis=1)
    best = np.take_along_axis(outer, means.argmax(axis=0)[np.newaxis], axis=0)[0]
    return np.where(np.isnan(means).any(axis=0), np.nan, best)


class Partition(NamedTuple):
    """Held-out scores of two sets of features, together and alone; arrays of shape (n_voxels,)."""

    both: np.ndarray
    first: np.ndarray
    second: np.ndarray

    @property
    def only_first(self):
        """R2 that is lost without the first set."""
        return self.both - self.second

    @property
    def only_second(self):
        """R2 that is lost without the second set."""
        return self.both - self.first

    @property
    def shared(self):
        """R2 that either set can give."""
        return self.first + self.second - self.both


def partition(first, second, Y, *, groups=None, alphas, cv=5, dtype=np.float64):
    """Part the score of two sets of features: what only one can give, and what either can [1]_.

    The penalties of each of the three models are chosen voxel by voxel on other folds
    (`nested_scores`). One penalty acts on both sets: give them a similar scale, for example
    by multiplying a single column that stands against a hundred by ten.

    Parameters
    ----------
    first, second : array_like, shape (n_samples, n_features)
        The two sets, for example pixels and a column that says whether an image is on.
    Y, groups, alphas, cv, dtype
        As for `nested_scores`.

    Returns
    -------
    Partition
        Its parts ``only_first``, ``only_second`` and ``shared`` add up to ``both``. They may be
        negative: a set that adds more noise than signal lowers the score.

    Raises
    ------
    ValueError
        As `nested_scores`.

    Warns
    -----
    ConstantVoxelWarning
        If voxels are constant over a fold. Their scores are NaN.

    References
    ----------
    .. [1] de Heer, W. A., Huth, A. G., Griffiths, T. L., Gallant, J. L., & Theunissen, F. E.
       (2017). The hierarchical cortical organization of human speech processing. Journal of
       Neuroscience, 37(27), 6539-6557.
    """
    first, second = check_table("first", first), check_table("second", second)
    if len(first) != len(second):
        raise ValueError(
            f"first has {len(first)} samples and second has {len(second)}; expected one row a "
            "sample in both: make both from the same stimuli."
        )
    tables = (np.column_stack([first, second]), first, second)
    return Partition(
        *(nested_scores(X, Y, groups=groups, alphas=alphas, cv=cv, dtype=dtype) for X in tables)
    )
