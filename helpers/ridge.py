"""Ridge regression for thousands of voxels and all penalties at once, scored on held-out runs.

Why sums are enough, and the formulas, stand in `helpers._engine.moments` and
`helpers._engine.splits`.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from helpers._engine import held_out, nested
from helpers._engine.checks import (
    check_arrays,
    check_lengths,
    check_penalties,
    check_shape,
    check_table,
)
from helpers._engine.constant_voxels import ConstantVoxelWarning, warn_constant
from helpers._engine.folds import check_several_runs, run_folds
from helpers._engine.weights import fit

__all__ = [
    "ConstantVoxelWarning",
    "Partition",
    "RidgeScores",
    "cross_validate",
    "fit",
    "nested_scores",
    "partition",
    "predict_held_out",
    "run_folds",
]


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
        because the same folds chose it; report `nested_scores` instead. NaN where a score is NaN.
    """

    alphas: np.ndarray
    scores: np.ndarray
    best_alpha: np.ndarray


def cross_validate(X, Y, runs, alphas=(100.0,), n_folds=10, dtype=np.float64):
    """Score ridge regression on held-out runs, for every penalty, fold and voxel.

    The scores equal those of scikit-learn's ``Ridge(alpha)`` fitted on the training runs and
    ``r2_score`` on the held-out runs. `helpers._engine.splits` derives the formulas.

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
    dtype : {numpy.float64, numpy.float32}
        Precision of the sums. Single precision takes about half the time and costs less than
        1e-4 of R2.

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
    plan, Y = _prepare(X, Y, runs, alphas, n_folds, dtype)
    scores = held_out.score(plan, Y)
    means = scores.mean(axis=1)
    constant = np.isnan(means).any(axis=0)
    warn_constant(constant, "over at least one fold", "Their mean scores are NaN")
    best_alpha = np.where(constant, np.nan, plan.alphas[means.argmax(axis=0)])
    return RidgeScores(plan.alphas, scores, best_alpha)


def nested_scores(X, Y, runs, alphas, n_folds=10, dtype=np.float64):
    """Score ridge regression where no fold has a part in the choice of its penalty.

    For each fold and voxel the penalty is chosen by cross-validation over the other folds. That
    takes about as many times longer than `cross_validate` as there are folds.

    With two folds there is one other fold; it is cut in two, between runs if it has several, else
    in the middle of its run. Then the penalty is a rougher choice, but the fold that is scored
    still has no part in it.

    Parameters
    ----------
    X, Y, runs, alphas, n_folds, dtype
        As for `cross_validate`.

    Returns
    -------
    ndarray, shape (n_voxels,)
        Mean R2 over the folds; NaN where a voxel is constant over a fold.

    Raises
    ------
    ValueError
        As `cross_validate`.

    Warns
    -----
    ConstantVoxelWarning
        If voxels are constant over a fold.
    """
    plan, Y = _prepare(X, Y, runs, alphas, n_folds, dtype)
    scores = nested.score(plan, nested.inner_plans(plan, X, runs), Y)
    warn_constant(np.isnan(scores), "over at least one fold", "Their nested scores are NaN")
    return scores


def predict_held_out(X, Y, runs, alphas, n_folds=10):
    """Predict each fold from the others: what the scores of `cross_validate` compare with Y.

    Parameters
    ----------
    X, Y, runs, n_folds
        As for `cross_validate`.
    alphas : float or array_like, shape (n_voxels,)
        As for `fit`.

    Returns
    -------
    ndarray, shape (n_samples, n_voxels)

    Raises
    ------
    ValueError
        As `cross_validate` and `fit`.

    Warns
    -----
    ConstantVoxelWarning
        As `fit`. The predictions are NaN.
    """
    X, Y, runs = check_arrays(X, Y, runs)
    predicted = np.empty_like(Y)
    for train, test in run_folds(runs, n_folds):
        coef, intercept = fit(X[train], Y[train], alphas)
        predicted[test] = X[test] @ coef + intercept
    return predicted


def _prepare(X, Y, runs, alphas, n_folds, dtype):
    """Check the input and prepare the features' side; Y is not read yet."""
    X, Y = check_table("X", X), check_shape("Y", Y)
    check_lengths(X, Y)
    alphas = np.atleast_1d(check_penalties(alphas))
    return held_out.make_plan(X, check_several_runs(runs, len(X)), alphas, n_folds, dtype), Y


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


def partition(first, second, Y, runs, alphas, n_folds=10, dtype=np.float64):
    """Part the score of two sets of features: what only one can give, and what either can [1]_.

    The penalties of each of the three models are chosen voxel by voxel on other folds
    (`nested_scores`). One penalty acts on both sets: give them a similar scale, for example
    by multiplying a single column that stands against a hundred by ten.

    Parameters
    ----------
    first, second : array_like, shape (n_samples, n_features)
        The two sets, for example pixels and a column that says whether an image is on.
    Y, runs, alphas, n_folds, dtype
        As for `cross_validate`.

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
        *(nested_scores(X, Y, runs, alphas, n_folds=n_folds, dtype=dtype) for X in tables)
    )
