"""Ridge regression on the samples' side, for more features than samples.

The predictions of ridge regression depend on the features only through the products of samples,
the kernel K = X X' with the means of X removed [1]_. It has as many rows as there are samples, so
any number of features costs no more than making K. With the eigenvectors U and eigenvalues d of K,
without the constant one (y has its mean removed as well), the model with penalty a leaves of y

    r  =  y - X w  =  a U diag(1 / (d + a)) U'y  =  a B y.

**All folds from one decomposition.** What a model leaves of a test set f that had no part in its
fit follows from the model of *all* samples [2]_:

    e_f  =  (a B_ff)^-1 r_f  =  B_ff^-1 (B y)_f,

where B_ff are the rows and columns of B in f. This is exact for penalised least squares, and it
holds with an intercept, which is what leaving out the constant eigenvector means. So the cost does
not depend on the number of folds. Splits that use different samples (where the training set is not
everything but the test set) are decomposed one by one.

References
----------
.. [1] Saunders, C., Gammerman, A., & Vovk, V. (1998). Ridge regression learning algorithm in dual
   variables. Proceedings of the 15th International Conference on Machine Learning, 515-521.
.. [2] Golub, G. H., Heath, M., & Wahba, G. (1979). Generalized cross-validation as a method for
   choosing a good ridge parameter. Technometrics, 21(2), 215-223.
"""

from functools import cached_property

import numpy as np

from helpers._engine.folds import TEST
from helpers._engine.sums import BLOCK, bring_to_one, centre, check_sums, drop_rounding
from helpers._engine.threads import for_blocks, on_threads
from helpers._engine.validation import check_finite

COLUMNS = 8192  # voxels whose rotated responses are kept at a time


class KernelPlan:
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
        self.table, self.dtype = table, np.dtype(dtype)
        self.x_mean = X.mean(axis=0)
        self.x, self.unit = bring_to_one(X - self.x_mean, dtype)
        self.alphas = alphas / self.unit**2
        self.kernel = self.x @ self.x.T

    @cached_property
    def whole(self):
        """Eigenvalues and eigenvectors of all samples."""
        return decompose(self.kernel)

    def score(self, Y):
        """Score every penalty on every split.

        Parameters
        ----------
        Y : array, shape (n_samples, n_voxels)

        Returns
        -------
        ndarray, shape (n_alphas, n_splits, n_voxels)
            R2; NaN where a voxel is constant over the test set.

        Raises
        ------
        ValueError
            If voxels have NaN or infinite values.
        """
        scores = np.empty((len(self.alphas), len(self.table), Y.shape[1]), self.dtype)
        used, group = np.unique(self.table != 0, axis=0, return_inverse=True)
        for number, samples in enumerate(used):
            rows, splits = np.flatnonzero(samples), np.flatnonzero(group.ravel() == number)
            tests = [np.flatnonzero(split[rows] == TEST) for split in self.table[splits]]
            everything = len(rows) == len(self.kernel)
            parts = self.whole if everything else decompose(self.kernel[np.ix_(rows, rows)])
            for start in range(0, Y.shape[1], COLUMNS):
                columns = slice(start, min(start + COLUMNS, Y.shape[1]))
                y = np.asarray(Y[rows, columns])
                check_finite("Y", y, start)
                scores[:, splits, columns] = self._score(y, tests, *parts)
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
        values, vectors = (part.astype(self.dtype) for part in self.whole)
        x = self.x.astype(self.dtype, copy=False)
        coef = np.empty((Y.shape[1], x.shape[1]), self.dtype)
        intercept = np.empty(Y.shape[1])

        def work(block):
            y, y_mean = centre(Y[:, block], self.dtype)
            penalties = (alphas[block] / self.unit**2).astype(self.dtype)
            shrinkage = 1 / (values[:, np.newaxis] + penalties)
            dual = vectors @ (vectors.T @ y * shrinkage)
            squares = np.einsum("nv,nv->v", y, y)
            constant = drop_rounding(squares, squares, len(y) * y_mean**2, Y.dtype) == 0
            dual[:, constant] = np.nan
            np.matmul(dual.T, x, out=coef[block])
            coef[block] /= self.unit
            intercept[block] = y_mean - coef[block] @ self.x_mean

        for_blocks(work, Y.shape[1], BLOCK)
        return coef, intercept

    def _score(self, Y, tests, values, vectors):
        """Score splits that share all of their samples, (n_alphas, n_splits, n_voxels)."""
        rotated = np.empty((vectors.shape[1], Y.shape[1]), self.dtype)
        squares = np.empty((len(tests), Y.shape[1]), self.dtype)
        U = vectors.astype(self.dtype)

        def rotate(block):
            with np.errstate(invalid="ignore", over="ignore"):  # raised below, with the place
                y, mean = centre(Y[:, block], self.dtype)
                np.matmul(U.T, y, out=rotated[:, block])
                whole, offset = np.einsum("nv,nv->v", y, y), len(y) * mean**2
            check_sums(whole, Y[:, block], block.start)
            for row, test in zip(squares, tests, strict=True):
                y, _ = centre(Y[test, block], self.dtype)
                found = np.einsum("nv,nv->v", y, y)
                row[block] = drop_rounding(found, whole, offset, Y.dtype)

        for_blocks(rotate, Y.shape[1], BLOCK)
        squares[squares == 0] = np.nan
        scores = np.empty((len(self.alphas), *squares.shape), self.dtype)
        for alpha, row in zip(self.alphas, scores, strict=True):
            self._score_alpha(vectors, 1 / (values + alpha), rotated, tests, row)
        return 1 - scores / squares

    def _score_alpha(self, vectors, shrinkage, rotated, tests, errors):
        """Fill in the squared errors of one penalty, (n_splits, n_voxels)."""

        def leave_out(test):
            U = vectors[test]
            BU = U * shrinkage
            return (np.linalg.inv(BU @ U.T) @ BU).astype(self.dtype)

        models = on_threads(leave_out, tests)

        def work(block):
            y = rotated[:, block]
            for row, model in zip(errors, models, strict=True):
                error = model @ y
                row[block] = np.einsum("nv,nv->v", error, error)

        for_blocks(work, rotated.shape[1], BLOCK)


def decompose(kernel):
    """Decompose the kernel of samples whose features have their mean removed.

    Parameters
    ----------
    kernel : ndarray, shape (n_samples, n_samples)
        About any mean.

    Returns
    -------
    values : ndarray, shape (n_samples - 1,)
        Not negative, rising.
    vectors : ndarray, shape (n_samples, n_samples - 1)
        All that are orthogonal to the constant.
    """
    mean = kernel.mean(axis=0)
    kernel = kernel - mean - mean[:, np.newaxis] + mean.mean()
    # The constant is an eigenvector with the value 0. It gets the largest one, to be found last; no
    # more than that, because beside a large number small ones lose their digits.
    largest = 2 * np.trace(kernel)
    values, vectors = np.linalg.eigh(kernel + (largest if largest > 0 else 1) / len(kernel))
    return np.maximum(values[:-1], 0), vectors[:, :-1]
