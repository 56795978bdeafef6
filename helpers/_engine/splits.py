"""What cross-validated ridge regression asks of the features: prepared once for any voxel.

Let x and y hold a held-out fold's features (n, n_features) and one voxel (n,), both minus the means
of the *training* set. With the eigenvectors Q and eigenvalues d of the training set's X'X, the
weights at penalty a are w = Q v with v = Q'X'y / (d + a) (see `helpers._engine.moments`), and
the error on the fold is a quadratic form in v:

    |y - x w|^2  =  y'y - 2 v'Q'x'y + |x Q v|^2.

R2 is 1 minus this error, divided by the fold's sum of squares about its own mean.

The last term costs most: x Q times v, for each penalty and voxel. Only the length of x Q v
matters. With the triangular factor R of x Q (x Q = O R, where O has orthonormal columns), R v is as
long as x Q v. R has no more rows than features, and it is zero below its diagonal, which
halves the work. A penalty only scales the columns of R by 1 / (d + a), so one product with Q'X'y
serves all penalties.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from helpers._engine.moments import decompose
from helpers._engine.threads import on_threads

STRIPS = 5  # that many strips of a triangle leave out two fifths of the square; more are too thin


@dataclass(frozen=True, eq=False)
class Fold:
    """The features of one fold."""

    rows: slice
    x: np.ndarray  # (n, n_features), minus its mean
    x_mean: np.ndarray  # (n_features,)
    xx: np.ndarray  # (n_features, n_features), x'x


@dataclass(frozen=True, eq=False)
class Split:
    """What a training set, and the fold held out from it, ask of the features."""

    test: int  # the number of the fold held out
    n_train: np.ndarray  # (n_folds,), the samples of each fold, 0 for the one held out
    x_from_mean: np.ndarray  # (n_features, n_folds), mean of each fold minus the training mean
    x_weighted: np.ndarray  # the same, times n_train
    rotation: np.ndarray  # (n_features, n_directions), Q
    shrinkage: np.ndarray  # (n_alphas, n_directions), 1 / (d + a)
    strips: list  # of (start, strip): rows of R scaled for each penalty, from column `start` on


def make_fold(X, rows):
    """Keep the features of some consecutive rows, and their sums.

    Parameters
    ----------
    X : ndarray, shape (n_samples, n_features)
    rows : ndarray of int, shape (n,)

    Returns
    -------
    Fold
    """
    rows = slice(int(rows[0]), int(rows[-1]) + 1)
    x_mean = X[rows].mean(axis=0)
    x = X[rows] - x_mean
    return Fold(rows, x, x_mean, x.T @ x)


def leave_each_out(folds, alphas, dtype=np.float64):
    """Prepare the splits that hold out one fold after the other.

    Parameters
    ----------
    folds : list of Fold
    alphas : ndarray, shape (n_alphas,)
    dtype : dtype
        Precision of what multiplies voxels; it is prepared in double precision.

    Returns
    -------
    list of Split
    """
    return on_threads(lambda test: _split(folds, test, alphas, dtype), range(len(folds)))


def _split(folds, test, alphas, dtype):
    n_train = np.array([0 if fold is folds[test] else len(fold.x) for fold in folds])
    x_means = np.array([fold.x_mean for fold in folds])
    x_from_mean = (x_means - n_train @ x_means / n_train.sum()).T
    within = sum(fold.xx for fold in folds if fold is not folds[test])
    values, rotation = decompose(within + n_train * x_from_mean @ x_from_mean.T)
    # Directions in which the training set does not vary get no weight, whatever the penalty.
    varies = values > values[-1] * len(values) * np.finfo(np.float64).eps
    values, rotation = values[varies], rotation[:, varies]
    shrinkage = 1 / (values + alphas[:, np.newaxis])
    factor = np.linalg.qr((folds[test].x + x_from_mean[:, test]) @ rotation, mode="r")
    strips = [
        (start, _scaled(factor[start:end, start:], shrinkage[:, start:]).astype(dtype))
        for start, end in pairwise(np.linspace(0, len(factor), STRIPS + 1).astype(int))
    ]
    arrays = (x_from_mean, n_train * x_from_mean, rotation, shrinkage)
    return Split(test, n_train, *(array.astype(dtype) for array in arrays), strips)


def _scaled(strip, shrinkage):
    """Return the strip once for each penalty, (n_alphas * n_rows, n_directions)."""
    # Counted, not -1: without any direction (no feature varies) there is nothing to infer it from.
    return (strip * shrinkage[:, np.newaxis]).reshape(len(shrinkage) * len(strip), strip.shape[1])
