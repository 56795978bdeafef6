"""Ridge regression for thousands of voxels and all penalties at once, scored on held-out runs.

Why sums are enough, and the formulas, stand in `helpers._engine.ridge`.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from helpers._engine.folds import nest, run_folds, tabulate
from helpers._engine.penalties import (
    PenaltyWarning,
    at_ends,
    draw_shares,
    freedom,
    warn_ends,
)
from helpers._engine.ridge import make_plan
from helpers._engine.validation import (
    ConstantVoxelWarning,
    check_dtype,
    check_fit,
    check_lengths,
    check_penalties,
    check_readable,
    check_shape,
    check_table,
    is_constant,
    read_array,
    refuse_masked,
    warn_constant,
)

__all__ = [
    "BandedRidgeCV",
    "ConstantVoxelWarning",
    "Partition",
    "PenaltyWarning",
    "RidgeCV",
    "SpaceScores",
    "nested_scores",
    "partition",
    "run_folds",
    "space_scores",
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
        Penalties to choose from, above zero. They are in units of the features' variance: features
        a hundred times larger need penalties ten thousand times larger.
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
    at_end_ : ndarray of bool, shape (n_voxels,)
        Voxels that would be predicted better by a penalty beyond the smallest or the largest one:
        of three or more penalties, it is the best, and towards it, R2 rises by more than a tenth of
        what it spans, for a factor of ten in the penalty. At the largest one, R2 must also be above
        0 and rise by more than .01, or the penalty must be so small that noise is fitted, because
        voxels of noise rightly take the largest penalty (`helpers._engine.penalties`).
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
        PenaltyWarning
            If more than a tenth of the voxels that are not noise are `at_end_`: the features are in
            other units than the penalties.
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
        low, high, told = at_ends(alphas, means, freedom(X, alphas.max()))
        warn_ends(alphas, low, high, told)
        coef, intercept = plan.weights(Y, alpha)
        self.cv_scores_, self.best_score_ = scores[:, :, each], best_score[each]
        self.alpha_, self.coef_, self.intercept_ = alpha[each], coef[each], intercept[each]
        self.at_end_ = (low | high)[each]
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
        check_readable("X", X)
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
    PenaltyWarning
        If penalties beyond the ends of `alphas` would be better, as `RidgeCV.fit`.
    """
    X, Y = check_table("X", X), check_shape("Y", Y)
    check_lengths(X, Y)
    alphas, dtype = np.atleast_1d(check_penalties(alphas)), check_dtype(dtype)
    table = tabulate(cv, X, Y, groups)
    inner = nest(table, groups)
    plan = make_plan(X, np.concatenate([table, *inner]), alphas, dtype)
    nested = np.empty(Y.shape[1])
    at_end, free = np.empty((3, Y.shape[1]), dtype=bool), freedom(X, alphas.max())
    for block in _blocks(Y):
        means, _, outer = _nested(plan.score(Y[:, block]), inner)
        nested[block], at_end[:, block] = outer.mean(axis=0), at_ends(alphas, means, free)
    warn_constant(np.isnan(nested), "over at least one fold", "Their nested scores are NaN")
    warn_ends(alphas, *at_end)
    return nested


NESTED_BLOCK = 4096  # voxels whose scores on all inner folds are kept at a time


def _blocks(Y):
    starts = range(0, Y.shape[1], NESTED_BLOCK)
    return [slice(start, min(start + NESTED_BLOCK, Y.shape[1])) for start in starts]


def _nested(scores, inner):
    """Choose the penalty of each split on its inner folds.

    Parameters
    ----------
    scores : ndarray, shape (n_alphas, n_splits + n_inner_splits, n_voxels)
        On the splits, then on the inner folds of the first one, the second one, and so on.
    inner : list of ndarray
        The table of each split's inner folds.

    Returns
    -------
    means : ndarray, shape (n_alphas, n_voxels)
        Over the splits, which the penalty for all samples is chosen by.
    chosen : ndarray, shape (n_splits, n_voxels)
        The best mean over a split's inner folds; NaN where there is none.
    outer : ndarray, shape (n_splits, n_voxels)
        The score on the split itself with that penalty; NaN where there is none.
    """
    splits, *parts = np.split(scores, np.cumsum([len(inner), *map(len, inner[:-1])]), axis=1)
    inner_means = np.stack([part.mean(axis=1) for part in parts], axis=1)
    best = inner_means.argmax(axis=0)[np.newaxis]  # that of a NaN, where there is one
    chosen, outer = (np.take_along_axis(table, best, axis=0)[0] for table in (inner_means, splits))
    return splits.mean(axis=1), chosen, np.where(np.isnan(chosen), np.nan, outer)


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
    PenaltyWarning
        As `nested_scores`, for each of the three models.

    See Also
    --------
    space_scores : The same with a penalty for each set, and for any number of sets.

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


class BandedRidgeCV(RidgeCV):
    """Ridge regression with a penalty for each space of features and each voxel [1]_.

    Features of different kinds, say pixels and the words of a caption, differ in units, in number
    and in how much a voxel owes to them. One penalty for all lets the larger space win. Here each
    space has its own, chosen for each voxel on held-out runs::

        X = np.hstack([pixels, words])
        spaces = np.repeat(["pixels", "words"], [100, 20])  # np.tile(spaces, 3) with three delays
        model = BandedRidgeCV(spaces, alphas, cv=5).fit(X, Y, groups=runs)

    The spaces are scaled against each other in some ways, drawn at random (`n_iter`), and for each
    of them every penalty is tried; a space may also be left out. How this gives a penalty for each
    space stands in `helpers._engine.penalties`. With one space this is `RidgeCV`.

    Parameters
    ----------
    spaces : array_like, shape (n_features,), optional
        The name of the space that each column of `X` belongs to. Without it, all are of one space.
    alphas : sequence of float
        Penalties to choose from, above zero. Those of the single spaces may lie beyond their ends.
    cv : int, splitter or iterable of (train, test)
        As for `RidgeCV`.
    n_iter : int
        How many relative scales of the spaces to draw. More of them cost time in proportion.
    random_state : int
        The same number gives the same scales.
    dtype : {numpy.float64, numpy.float32}
        As for `RidgeCV`.

    Attributes
    ----------
    alpha_ : ndarray, shape (n_spaces, n_voxels)
        The penalty of each space; infinite where the space is left out, and NaN where a score is.
    best_score_ : ndarray, shape (n_voxels,)
        Mean R2 over the splits with these penalties, which were chosen by it: more than with one
        penalty, it is too good. Report `space_scores` instead.
    at_end_ : ndarray of bool, shape (n_voxels,)
        As for `RidgeCV`, of the best score that any relative scale has with each penalty.
    coef_ : ndarray, shape (n_voxels, n_features)
        In units of the features as they were given; NaN where `alpha_` is.
    intercept_ : ndarray, shape (n_voxels,)
        Response where all features are zero; NaN where `alpha_` is.
    spaces_ : ndarray, shape (n_spaces,)
        The names of the spaces, in the order of their first columns.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, shape (n_features,)
        If the features were given as a DataFrame.

    See Also
    --------
    space_scores : What each space explains on runs that chose none of its penalties.

    Notes
    -----
    If the responses have one dimension, the axis of voxels is left out of all attributes.

    References
    ----------
    .. [1] Nunez-Elizalde, A. O., Huth, A. G., & Gallant, J. L. (2019). Voxelwise encoding models
       with non-spherical multivariate normal priors. NeuroImage, 197, 482-492.
    .. [2] Dupre la Tour, T., Eickenberg, M., Nunez-Elizalde, A. O., & Gallant, J. L. (2022).
       Feature-space selection with banded ridge regression. NeuroImage, 264, 119728.
    """

    def __init__(
        self,
        spaces=None,
        alphas=(1.0, 10.0, 100.0, 1e3, 1e4, 1e5),
        *,
        cv=5,
        n_iter=5,
        random_state=0,
        dtype=np.float64,
    ):
        super().__init__(alphas, cv=cv, dtype=dtype)
        self.spaces = spaces
        self.n_iter = n_iter
        self.random_state = random_state

    def fit(self, X, y, groups=None):
        """Choose the penalties of each voxel on held-out samples, and fit all samples with them.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            The features of all spaces.
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
            As `RidgeCV.fit`; or if `spaces` does not name the space of every column, or a space
            does not vary.

        Warns
        -----
        ConstantVoxelWarning, PenaltyWarning
            As `RidgeCV.fit`.
        """
        X, Y, each = check_fit(self, X, y)
        alphas, dtype = np.atleast_1d(check_penalties(self.alphas)), check_dtype(self.dtype)
        table = tabulate(self.cv, X, Y, groups)
        search = _Search(X, self.spaces, self.n_iter, self.random_state)
        profile = np.full((len(alphas), Y.shape[1]), -np.inf)
        # A constant voxel, whose weights are NaN, keeps the first scales, which leave nothing out.
        where = np.zeros(profile.shape, dtype=int)
        for number, (x, _) in enumerate(search):
            means = make_plan(x, table, alphas, dtype).score(Y).mean(axis=1)
            where[means > profile] = number
            profile = np.fmax(profile, means)
        constant = np.isnan(means).any(axis=0)
        warn_constant(constant, "over at least one fold", "Their scores and weights are NaN")
        profile[:, constant] = np.nan
        low, high, told = at_ends(alphas, profile, freedom(X, alphas.max()))
        warn_ends(alphas, low, high, told)
        best = profile.argmax(axis=0)[np.newaxis]
        alpha = np.where(constant, np.nan, alphas[best[0]])
        chosen = np.take_along_axis(where, best, axis=0)[0]
        coef, intercept = np.zeros((Y.shape[1], X.shape[1])), np.empty(Y.shape[1])
        penalties = np.empty((len(search.names), Y.shape[1]))
        for number, (x, scale) in enumerate(search):
            voxels = np.flatnonzero(chosen == number)
            if voxels.size:
                plan = make_plan(x, table[:1], alphas, dtype)
                weights, intercept[voxels] = plan.weights(Y[:, voxels], alpha[voxels])
                used = scale[search.column] > 0
                coef[np.ix_(voxels, used)] = weights * scale[search.column][used]
                with np.errstate(divide="ignore"):  # a space that is left out
                    penalties[:, voxels] = alpha[voxels] / scale[:, np.newaxis] ** 2
        self.spaces_ = search.names
        self.best_score_ = profile.max(axis=0)[each]
        self.alpha_, self.coef_, self.intercept_ = penalties[:, each], coef[each], intercept[each]
        self.at_end_ = (low | high)[each]
        return self

    def explained_by(self, X, y):
        """Split R2 on other samples into what each space contributes to the prediction.

        With the means of these samples removed from responses and predictions, R2 is a sum over
        spaces of products of a space's prediction p_s with the responses y and the whole prediction
        p, ``sum p_s (2 y - p) / sum y^2``: the product measure [2]_. What spaces have in common is
        divided among them; what only one can give is `SpaceScores.unique`.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            Features of samples that the model was not fitted to.
        y : array_like, shape (n_samples, n_voxels) or (n_samples,)
            Their responses.

        Returns
        -------
        DataFrame, n_voxels x n_spaces
            Its rows add up to R2; NaN where a voxel is constant or has no weights.

        Raises
        ------
        ValueError
            For input that does not fit together or does not fit the model.
        """
        check_is_fitted(self)
        check_readable("X", X)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        Y = check_table("y", np.reshape(read_array("y", y), (len(X), -1)))
        if len(Y.T) != len(np.atleast_2d(self.coef_)):
            raise ValueError(
                f"y has {len(Y.T)} voxels and the model {len(np.atleast_2d(self.coef_))}; expected "
                "the voxels that it was fitted to."
            )
        Y = Y - Y.mean(axis=0)
        X = X - X.mean(axis=0)
        _, column = _number_spaces(self.spaces, X.shape[1])
        coef = np.atleast_2d(self.coef_)
        parts = [X[:, column == s] @ coef[:, column == s].T for s in range(column.max() + 1)]
        products = [(part * (2 * Y - sum(parts))).sum(axis=0) for part in parts]
        squares = (Y**2).sum(axis=0)
        explained = np.divide(products, np.where(squares > 0, squares, np.nan))
        return pd.DataFrame(explained.T, columns=self.spaces_)


class _Search:
    """The features with their spaces scaled against each other, in one way after the other."""

    def __init__(self, X, spaces, n_iter, random_state):
        self.X = X
        self.names, self.column = _number_spaces(spaces, X.shape[1])
        for name, number in (("n_iter", n_iter), ("random_state", random_state)):
            is_whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
            if not is_whole or number < 0:
                raise ValueError(
                    f"{name} is {number!r}; expected a whole number from 0 up, such as 5."
                )
        # Not the rounding errors of a constant, which a scale of its own would make a feature.
        variance = np.bincount(self.column, np.where(is_constant(X), 0, X.var(axis=0)))
        if not variance.all() and len(variance) > 1:
            name = str(self.names[np.flatnonzero(variance == 0)[0]])
            raise ValueError(
                f"Space {name!r} does not vary over the samples; expected features that do. Leave "
                "its columns out, or look at the table that they come from."
            )
        self.shares = self.scales = np.ones((1, 1))
        if len(variance) > 1:
            self.shares = draw_shares(variance / variance.sum(), n_iter, random_state)
            self.scales = np.sqrt(self.shares * variance.sum() / variance)

    def __iter__(self):
        for scale in self.scales:
            used = scale[self.column] > 0
            yield self.X[:, used] * scale[self.column][used], scale


def _number_spaces(spaces, n_features):
    """Return the names of spaces in the order of their first columns, and each column's number."""
    refuse_masked("spaces", spaces)
    # As objects, because a list with text turns NaN into "nan".
    names = np.zeros(n_features) if spaces is None else np.asarray(spaces, dtype=object)
    if names.shape != (n_features,) or any(isinstance(name, list) for name in names):
        raise ValueError(
            f"spaces has shape {names.shape}; expected the name of a space for each of the "
            f"{n_features} columns of X, such as np.repeat(['pixels', 'words'], [100, 20])."
        )
    codes, found = pd.factorize(names)
    if (codes < 0).any():
        raise ValueError(
            f"{(codes < 0).sum()} of {n_features} columns have no space (NaN or None), first "
            f"column {np.flatnonzero(codes < 0)[0]}; expected a name for each of them."
        )
    return np.asarray(found.tolist()), codes


class SpaceScores(NamedTuple):
    """Held-out scores of several spaces of features: all, each alone, and all without each."""

    together: np.ndarray  # (n_voxels,)
    alone: pd.DataFrame  # n_voxels x n_spaces
    without: pd.DataFrame  # n_voxels x n_spaces

    @property
    def unique(self):
        """R2 that is lost without a space, n_voxels x n_spaces."""
        return -self.without.sub(self.together, axis=0)


def space_scores(
    X,
    Y,
    *,
    spaces,
    groups=None,
    alphas,
    cv=5,
    n_iter=5,
    random_state=0,
    dtype=np.float64,
):
    """Score spaces of features together, each alone, and all without each.

    Each of these models is a `BandedRidgeCV`: it has a penalty for each space and voxel. They are
    chosen by cross-validation within each training set, so that no test set has a part in it (as in
    `nested_scores`). What is lost without a space is what only this space explains::

        found = space_scores(X, Y, spaces=spaces, groups=runs, alphas=alphas)
        found.alone["words"], found.unique["words"]

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
        The features of all spaces.
    Y : array_like, shape (n_samples, n_voxels)
        Measured responses.
    spaces : array_like, shape (n_features,)
        The name of the space that each column of `X` belongs to; two spaces or more.
    groups, alphas, cv, n_iter, random_state, dtype
        As for `BandedRidgeCV` and its ``fit``.

    Returns
    -------
    SpaceScores
        ``together``, ndarray of shape (n_voxels,); ``alone``, ``without`` and ``unique``,
        DataFrames with a column for each space. Mean R2 over the splits; NaN where a voxel is
        constant over a test set. ``unique`` may be a little below 0: a space without signal adds
        noise.

    Raises
    ------
    ValueError
        As `nested_scores`; or if `spaces` does not name two spaces or more that vary.

    Warns
    -----
    ConstantVoxelWarning, PenaltyWarning
        As `nested_scores`; penalties are judged with all spaces.

    See Also
    --------
    partition : Two sets with one penalty, and what they share.
    """
    X, Y = check_table("X", X), check_shape("Y", Y)
    check_lengths(X, Y)
    alphas, dtype = np.atleast_1d(check_penalties(alphas)), check_dtype(dtype)
    search = _Search(X, spaces, n_iter, random_state)
    n_spaces = len(search.names)
    if n_spaces < 2:
        raise ValueError("spaces names one space; expected two or more, to tell them apart.")
    table = tabulate(cv, X, Y, groups)
    inner = nest(table, groups)
    whole = np.concatenate([table, *inner])
    best = np.full((1 + 2 * n_spaces, len(table), Y.shape[1]), -np.inf)
    scores = np.full(best.shape, np.nan)
    profile = np.full((len(alphas), Y.shape[1]), np.nan)
    for (x, _), share in zip(search, search.shares, strict=True):
        models = np.flatnonzero([True, *(share == 1), *(share == 0)])
        plan = make_plan(x, whole, alphas, dtype)
        for block in _blocks(Y):
            means, chosen, outer = _nested(plan.score(Y[:, block]), inner)
            profile[:, block] = np.fmax(profile[:, block], means)
            for model in models:
                better = chosen > best[model, :, block]
                best[model, :, block][better] = chosen[better]
                scores[model, :, block][better] = outer[better]
    together, *others = scores.mean(axis=1)
    warn_constant(np.isnan(together), "over at least one fold", "Their scores are NaN")
    warn_ends(alphas, *at_ends(alphas, profile, freedom(X, alphas.max())))
    alone, without = (
        pd.DataFrame(np.transpose(part), columns=search.names)
        for part in (others[:n_spaces], others[n_spaces:])
    )
    return SpaceScores(together, alone, without)
