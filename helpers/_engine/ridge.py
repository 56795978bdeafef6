"""Ridge regression for every voxel, penalty and split, from sums.

For each voxel y, ridge regression finds the weights w that make ``|y - X w|^2 + a |w|^2`` least,
where X and y have the means of the training set removed and a > 0 is the penalty. With the
eigenvectors Q and eigenvalues d of X'X, that is X'X = Q diag(d) Q', the solution is

    w = (X'X + a I)^-1 X'y = Q u    with    u_j = z_j / (d_j + a)    and    z = Q'X'y,

so that one decomposition serves every voxel and every penalty.

**The error on the test set is a quadratic form in u.** Let x and y now hold the n test samples
minus the means of the *training* set. With t = Q'x'y and G = Q'x'x Q,

    |y - x w|^2  =  |y - x Q u|^2  =  y'y - 2 u't + u'G u.

R2 is 1 minus this error, divided by the test set's sum of squares about its own mean.

**Penalties cost next to nothing.** The last term seems to need a product with G for each penalty.
But a product of two shrinkages is a difference of two, divided by a number without a:

    1 / ((d_j + a) (d_k + a))  =  (1 / (d_j + a) - 1 / (d_k + a)) / (d_k - d_j).

So, with C_jk = 2 G_jk / (d_k - d_j), which is made once a split,

    u'G u  =  sum_j z_j (C z)_j / (d_j + a)  +  sum_j z_j (D z)_j / (d_j + a)^2.

D takes what C cannot: the diagonal of G, and the entries of G whose eigenvalues are so close that
the difference would lose digits. For these the product of two shrinkages is the mean of their
squares, but for a relative error of ((d_j - d_k) / (d_j + a))^2 / 2. The border between both
(`CLOSE`) is set where either error is far below those that the tests allow. So every penalty is
two weighted sums over the directions, of products that are the same for all penalties.

With more features than samples all this is done on the samples' side: `helpers._engine.kernel`.
"""

from dataclasses import dataclass

import numpy as np

from helpers._engine.folds import cut
from helpers._engine.kernel import KernelPlan
from helpers._engine.sums import (
    BLOCK,
    bring_to_one,
    decompose,
    pool,
    sum_features,
    sum_voxels,
    variation,
)
from helpers._engine.threads import for_blocks, on_threads

CLOSE = {"d": 1e-5, "f": 2e-4}  # relative distance of close eigenvalues, in either precision


@dataclass(frozen=True, eq=False)
class Split:
    """What a training set, and the test set held out from it, ask of the features."""

    train: np.ndarray  # (n_pieces,), samples of each piece in the training set
    test: np.ndarray  # (n_pieces,), bool
    from_mean: np.ndarray  # (n_pieces, n_features), mean of each piece minus the training mean
    rotation: np.ndarray  # (n_directions, n_features), Q'
    shrinkage: np.ndarray  # (n_alphas, 2 * n_directions), 1 / (d + a), then its square
    products: np.ndarray  # (n_directions, n_directions), C
    close: np.ndarray  # D, or its diagonal, (n_directions, 1), where it has no other entries


class SumsPlan:
    """The features' side of a cross-validation: made once, it scores any number of voxels.

    Parameters
    ----------
    X : ndarray of float64, shape (n_samples, n_features)
    table : ndarray of int8, shape (n_splits, n_samples)
        From `helpers._engine.folds.tabulate`.
    alphas : ndarray, shape (n_alphas,)
    dtype : {numpy.float64, numpy.float32}
        Precision of what involves voxels; the rest is prepared in double precision.
    """

    def __init__(self, X, table, alphas, dtype=np.float64):
        rows, train, test = cut(table)
        # Without the mean of all samples, those of the pieces have digits left for what differs.
        self.x_mean = X.mean(axis=0)
        self.x, self.unit = bring_to_one(X - self.x_mean, dtype)
        alphas = alphas / self.unit**2
        self.shape = (len(alphas), len(table))
        self.dtype = np.dtype(dtype)
        self.features = sum_features(self.x, rows, self.dtype)
        self.splits = on_threads(
            lambda sets: _prepare(self.features, *sets, alphas, self.dtype),
            zip(train, test, strict=True),
        )

    def score(self, Y):
        """Score every penalty on every split.

        Parameters
        ----------
        Y : array, shape (n_samples, n_voxels)
            Measured responses; a memory-mapped array is read block by block.

        Returns
        -------
        ndarray, shape (n_alphas, n_splits, n_voxels)
            R2; NaN where a voxel is constant over the test set.

        Raises
        ------
        ValueError
            If voxels have NaN or infinite values.
        """
        scores = np.empty((*self.shape, Y.shape[1]), self.dtype)

        def work(block):
            scores[:, :, block] = self._score_block(Y, block)

        for_blocks(work, Y.shape[1], BLOCK)
        return scores

    def _score_block(self, Y, block):
        sums = sum_voxels(self.features, Y, block)
        scores = np.empty((*self.shape, block.stop - block.start), self.dtype)
        for k, split in enumerate(self.splits):
            scores[:, k] = _score(split, self.features.n, sums)
        return scores

    def weights(self, Y, alphas):
        """Fit every voxel to all samples, each with a penalty of its own.

        Parameters
        ----------
        Y : array, shape (n_samples, n_voxels)
        alphas : ndarray, shape (n_voxels,)
            A voxel without a penalty (NaN) gets no weights (NaN).

        Returns
        -------
        coef : ndarray, shape (n_voxels, n_features)
        intercept : ndarray, shape (n_voxels,)
            NaN, as the weights, where a voxel is constant or has no penalty.
        """
        features = sum_features(self.x, [slice(0, len(self.x))], self.dtype)
        ((values, Q),) = on_threads(decompose, features.xx)
        values, Q = values.astype(self.dtype), Q.astype(self.dtype)
        coef = np.empty((Y.shape[1], self.x.shape[1]), self.dtype)
        intercept = np.empty(Y.shape[1])

        def work(block):
            sums = sum_voxels(features, Y, block)
            penalties = (alphas[block] / self.unit**2).astype(self.dtype)
            shrinkage = 1 / (values[:, np.newaxis] + penalties)
            fitted = variation(np.array([True]), features.n, sums) > 0
            fitted &= ~np.isnan(alphas[block])
            coef[block] = np.where(fitted, Q @ (Q.T @ sums.xy[0] * shrinkage), np.nan).T
            coef[block] /= self.unit
            intercept[block] = sums.mean[0] - coef[block] @ self.x_mean

        for_blocks(work, Y.shape[1], BLOCK)
        return coef, intercept


def make_plan(X, table, alphas, dtype=np.float64):
    """Prepare a cross-validation in the form that costs less.

    Parameters
    ----------
    X, table, alphas, dtype
        As for `SumsPlan`.

    Returns
    -------
    SumsPlan or KernelPlan
    """
    plan = KernelPlan if X.shape[1] > X.shape[0] else SumsPlan
    return plan(X, table, alphas, dtype)


def _prepare(features, train, test, alphas, dtype):
    n = features.n
    from_mean = features.mean - (train * n) @ features.mean / (train @ n)
    values, Q = decompose(pool(train, n, features.xx, from_mean, from_mean))
    G = Q.T @ pool(test, n, features.xx, from_mean, from_mean) @ Q
    distance = values - values[:, np.newaxis]
    close = np.abs(distance) <= CLOSE[dtype.char] * (values + alphas.min())
    close |= close.T
    products = np.where(close, 0, 2 * G / np.where(close, 1, distance))
    alone = close.sum() == len(values)
    shrinkage = 1 / (values + alphas[:, np.newaxis])
    tables = (
        from_mean,
        Q.T,
        np.hstack([shrinkage, shrinkage**2]),
        products,
        G.diagonal()[:, np.newaxis] if alone else np.where(close, G, 0),
    )
    return Split(train * n, test, *(np.ascontiguousarray(table, dtype) for table in tables))


def _score(split, n, sums):
    """Score every penalty on one split, (n_alphas, n_voxels)."""
    y_mean = split.train @ sums.mean / split.train.sum()
    from_mean = (sums.mean - y_mean).astype(sums.xy.dtype)
    z = split.rotation @ pool(split.train > 0, n, sums.xy, split.from_mean, from_mean)
    t = split.rotation @ pool(split.test, n, sums.xy, split.from_mean, from_mean)
    n_directions = len(z)
    terms = np.empty_like(z, shape=(2 * n_directions, z.shape[1]))
    np.matmul(split.products, z, out=terms[:n_directions])
    terms[:n_directions] -= 2 * t
    terms[:n_directions] *= z
    is_diagonal = split.close.shape != (n_directions, n_directions) or n_directions == 1
    terms[n_directions:] = split.close * z if is_diagonal else split.close @ z
    terms[n_directions:] *= z
    error = split.shrinkage @ terms
    error += sums.yy[split.test].sum(axis=0) + n[split.test] @ from_mean[split.test] ** 2
    squares = variation(split.test, n, sums)
    return 1 - error / np.where(squares > 0, squares, np.nan)
