"""The sums that all fast results follow from: of features and voxels, piece by piece.

Ridge regression, the lasso and permutations need the data only through sums of products: X'X, X'Y
and Y'Y of training and test sets, about some mean. These sets share most of their samples. So the
samples are cut into pieces (`helpers._engine.folds.cut`), each piece is summed up once, and what
a set needs is pooled from its pieces.

**Pooling.** Let piece i hold n_i samples of the features x and voxels y, with means m_i and k_i.
About any other reference r for the features and s for the voxels, its sum of products is

    sum (x - r)'(y - s)  =  sum (x - m_i)'(y - k_i)  +  n_i (m_i - r)'(k_i - s),

because the deviations from a mean add up to 0. Summed over the pieces of a set, this gives the
products of a training set about its own mean, and those of a test set about the mean of the
*training* set, which is what a prediction is measured against [1]_.

Means are removed from every piece before products are summed, and nothing is subtracted from a sum:
a large mean would swallow the digits of a small variance.

References
----------
.. [1] Chan, T. F., Golub, G. H., & LeVeque, R. J. (1983). Algorithms for computing the sample
   variance. The American Statistician, 37(3), 242-247.
"""

from dataclasses import dataclass

import numpy as np

from helpers._engine.threads import on_threads
from helpers._engine.validation import check_finite

BLOCK = 1024  # voxels: their sums stay close to the core, and threads seldom wait for each other
ROOM = 0.85  # of the digits of the largest number: what squares are multiplied with has the rest
FAR = {"f": 1e18, "d": 1e100}  # of a unit: weights and penalties in it stay within the precision
ALIKE = 1e-13  # share of a voxel's variation that is rounding, whatever it went through


@dataclass(frozen=True, eq=False)
class FeatureSums:
    """The features of each piece, and their sums."""

    rows: list  # of slice or ndarray, the samples of each piece
    n: np.ndarray  # (n_pieces,)
    x: list  # of (n, n_features), minus the piece's mean
    mean: np.ndarray  # (n_pieces, n_features)
    xx: np.ndarray  # (n_pieces, n_features, n_features), about the piece's mean


@dataclass(frozen=True, eq=False)
class VoxelSums:
    """The sums of each piece that involve a block of voxels, about the piece's means."""

    mean: np.ndarray  # (n_pieces, n_voxels), float64
    xy: np.ndarray  # (n_pieces, n_features, n_voxels)
    yy: np.ndarray  # (n_pieces, n_voxels)
    dtype: np.dtype | type = np.float64  # of the responses as they were given


@dataclass(frozen=True, eq=False)
class Moments:
    """All that a model needs to know of a set of samples: count, means, and centred sums."""

    n: int
    x_mean: np.ndarray  # (n_features,)
    y_mean: np.ndarray  # (n_voxels,)
    xx: np.ndarray  # (n_features, n_features)
    xy: np.ndarray  # (n_features, n_voxels)
    yy: np.ndarray  # (n_voxels,), exactly 0 where a voxel is constant


def sum_features(X, rows, dtype=np.float64):
    """Sum up the features of each piece.

    Parameters
    ----------
    X : ndarray of float64, shape (n_samples, n_features)
    rows : list of slice or ndarray of int
        The samples of each piece.
    dtype : dtype
        Precision of the products with voxels. Sums of features alone are always float64.

    Returns
    -------
    FeatureSums
    """

    def work(piece):
        x = X[piece]
        mean = x.mean(axis=0)
        x = x - mean
        return x.astype(dtype, copy=False), mean, x.T @ x

    x, mean, xx = zip(*on_threads(work, rows), strict=True)
    return FeatureSums(rows, np.array([len(piece) for piece in x]), x, np.array(mean), np.array(xx))


def sum_voxels(features, Y, block):
    """Sum up a block of voxels over each piece.

    Parameters
    ----------
    features : FeatureSums
    Y : array, shape (n_samples, n_voxels)
        Measured responses; of a memory-mapped array, only the block is read.
    block : slice
        The voxels to take.

    Returns
    -------
    VoxelSums
        In the precision of ``features.x``.

    Raises
    ------
    ValueError
        If values are NaN, infinite, or too large for the precision.
    """
    n_voxels, (_, n_features) = block.stop - block.start, features.mean.shape
    n_pieces, dtype = len(features.n), features.x[0].dtype
    sums = VoxelSums(
        np.empty((n_pieces, n_voxels)),
        np.empty((n_pieces, n_features, n_voxels), dtype),
        np.empty((n_pieces, n_voxels), dtype),
        Y.dtype,
    )
    with np.errstate(invalid="ignore", over="ignore"):  # raised below, with the place
        for i, (rows, x) in enumerate(zip(features.rows, features.x, strict=True)):
            y, sums.mean[i] = centre(Y[rows, block], dtype)
            np.matmul(x.T, y, out=sums.xy[i])
            np.einsum("nv,nv->v", y, y, out=sums.yy[i])
    check_sums(sums.yy, Y[:, block], block.start)
    return sums


def bring_to_one(X, dtype):
    """Divide features by a power of two, so that their squares keep their digits in any unit.

    Parameters
    ----------
    X : ndarray of float64, shape (n_samples, n_features)
        Their mean removed.
    dtype : dtype
        Of the weights that they get, in the unit that they had.

    Returns
    -------
    X : ndarray of float64, of the same shape
        With a largest value of about 1; no digit is lost.
    unit : float
        What they were divided by.

    Raises
    ------
    ValueError
        If weights and penalties in this unit could not be told in the precision.
    """
    largest = np.abs(X).max()
    unit = 2.0 ** np.round(np.log2(largest)) if largest > 0 else 1.0
    dtype = np.dtype(dtype)
    far = FAR[dtype.char]
    if not 1 / far <= unit <= far:
        raise ValueError(
            f"X varies by {largest:.2g}; expected features between {1 / far:g} and {far:g} for "
            f"weights in {dtype}: bring them to another unit, such as a standard deviation of 1."
        )
    return X / unit, unit


def exponents(values, axis):
    """Say by which powers of two to divide, so that squares keep their digits in any unit.

    Parameters
    ----------
    values : ndarray of float
    axis : int
        Along which the largest value is looked for.

    Returns
    -------
    ndarray of int
        With ``np.ldexp(values, -exponents(values, axis))`` the largest is between 0.5 and 1.
    """
    return np.frexp(np.abs(values).max(axis=axis, keepdims=True))[1]


def check_sums(squares, Y, first_column):
    """Say why sums of squares are not finite, or too large to be multiplied.

    Parameters
    ----------
    squares : ndarray, shape (..., n_voxels)
    Y : array, shape (n_samples, n_voxels)
        What they are the sums of.
    first_column : int
        As for `check_finite`.

    Raises
    ------
    ValueError
        If values are NaN, infinite, or too large for the precision.
    """
    if not (squares <= np.finfo(squares.dtype).max ** ROOM).all():
        check_finite("Y", np.asarray(Y), first_column)
        raise ValueError(
            f"Y has values up to {np.abs(Y).max():g}, too large for sums in {squares.dtype}; "
            "expected measurements in another unit: divide Y by a number, or take "
            "dtype=numpy.float64."
        )


def centre(Y, dtype):
    """Remove the mean of each voxel.

    Minus the first sample, a constant voxel is exactly 0, and a large mean costs no digits.

    Parameters
    ----------
    Y : ndarray, shape (n, n_voxels)
    dtype : dtype

    Returns
    -------
    y : ndarray of `dtype`, shape (n, n_voxels)
    mean : ndarray of float64, shape (n_voxels,)
    """
    y = np.subtract(Y, Y[0], dtype=np.result_type(Y, dtype)).astype(dtype, copy=False)
    mean = y.mean(axis=0)
    y -= mean
    return y, Y[0].astype(np.float64) + mean


def pool(members, n, within, left, right):
    """Pool the sums of products of some pieces, about any reference.

    Parameters
    ----------
    members : ndarray of bool, shape (n_pieces,)
    n : ndarray of int, shape (n_pieces,)
    within : ndarray, shape (n_pieces, n_left, n_right)
        Sums of products about each piece's own means.
    left, right : ndarray, shape (n_pieces, n_left), (n_pieces, n_right)
        The pieces' means minus the reference.

    Returns
    -------
    ndarray, shape (n_left, n_right)
    """
    if members.sum() == 1:
        (i,) = np.flatnonzero(members)
        return within[i] + (n[i] * left[i][:, np.newaxis]).astype(left.dtype) * right[i]
    weighted = (members * n).astype(left.dtype)[:, np.newaxis] * left
    return np.tensordot(members.astype(within.dtype), within, 1) + weighted.T @ right


def pool_moments(members, features, voxels):
    """Pool all that a model needs to know of the samples in some pieces.

    Parameters
    ----------
    members : ndarray of bool, shape (n_pieces,)
    features : FeatureSums
    voxels : VoxelSums

    Returns
    -------
    Moments
    """
    n = members * features.n
    x_mean, y_mean = (n @ sums.mean / n.sum() for sums in (features, voxels))
    dx, dy = features.mean - x_mean, voxels.mean - y_mean
    return Moments(
        int(n.sum()),
        x_mean,
        y_mean,
        pool(members, features.n, features.xx, dx, dx),
        pool(members, features.n, voxels.xy, dx, dy),
        variation(members, features.n, voxels),
    )


def variation(members, n, voxels):
    """Sum the squares about the mean of the samples in some pieces.

    Parameters
    ----------
    members : ndarray of bool, shape (n_pieces,)
    n : ndarray of int, shape (n_pieces,)
    voxels : VoxelSums

    Returns
    -------
    ndarray, shape (n_voxels,)
        Exactly 0 where a voxel is constant, so that rounding errors do not pass for variance.
    """
    every = np.ones_like(members)
    squares, whole = (_squares(chosen, n, voxels) for chosen in (members, every))
    return drop_rounding(squares, whole, n @ voxels.mean**2, voxels.dtype)


def _squares(members, n, voxels):
    mean, yy, n = voxels.mean[members], voxels.yy[members], n[members]
    from_mean = mean - n @ mean / n.sum()
    from_mean[:, np.ptp(mean, axis=0) == 0] = 0
    return yy.sum(axis=0) + n @ from_mean**2


def drop_rounding(squares, whole, offset, dtype):
    """Set sums of squares to 0 where they are nothing but rounding errors.

    Cleaning leaves of a voxel that is constant in one run some 1e-16 of what it is in the others,
    or 1e-7 in single precision; divided by that, an error becomes a score of -1e30.

    Parameters
    ----------
    squares : ndarray, shape (..., n_voxels)
        About the mean of some samples.
    whole : ndarray, shape (n_voxels,)
        The same of all samples.
    offset : ndarray, shape (n_voxels,)
        The squares of the means, times the number of all samples.
    dtype : dtype
        Of the responses as they were given: their mean is rounded to its digits.

    Returns
    -------
    ndarray, shape (..., n_voxels)
        0 where the standard deviation is less than 3e-7 of that of all samples, or than eight
        units in the last place of the mean.
    """
    eps = np.finfo(np.result_type(dtype, np.float16)).eps  # whole numbers: that of float64
    rounding = ALIKE * whole + (8 * eps) ** 2 * offset
    return np.where(squares > rounding, squares, 0)


def decompose(xx):
    """Return eigenvalues and eigenvectors of X'X, without directions that do not vary.

    Parameters
    ----------
    xx : ndarray, shape (n_features, n_features)

    Returns
    -------
    values : ndarray, shape (n_directions,)
        Above zero, rising.
    vectors : ndarray, shape (n_features, n_directions)
        One in each column.
    """
    values, vectors = np.linalg.eigh(xx)
    # No model can give a weight to a direction in which its training set does not vary.
    varies = values > values[-1] * len(values) * np.finfo(np.float64).eps
    return values[varies], vectors[:, varies]
