"""The sums behind ridge regression: computed once, they serve every voxel and every penalty.

For each voxel y, ridge regression finds the weights w that make ``|y - X w|^2 + a |w|^2`` least,
where X and y have their means removed and a > 0 is the penalty. The solution is

    w = (X'X + a I)^-1 X'y.

It needs the data only through the sums X'X and X'y. With the eigenvectors Q and eigenvalues d of
X'X, X'X = Q diag(d) Q', the solution is

    w = Q v    with    v = Q'X'y / (d + a),

so that one decomposition serves every voxel and every penalty.

The rows can be summarised part by part (`summarise`), and the parts added up (`merge`). With n rows
and means m in each part, and M the means of all,

    X'X = sum over parts of  x'x + n (m - M)'(m - M),

where x is a part without its own means. The held-out error needs sums only as well: see
`helpers._engine.splits`.

Means are removed before products are summed, because a large mean would swallow the digits of a
small variance.
"""

from dataclasses import dataclass

import numpy as np

from helpers._engine.constant_voxels import is_constant


@dataclass(frozen=True, eq=False)
class Summary:
    """All that ridge regression needs to know of some rows: count, means and centred sums."""

    n: int
    x_mean: np.ndarray  # (n_features,)
    y_mean: np.ndarray  # (n_voxels,)
    xx: np.ndarray  # (n_features, n_features)
    xy: np.ndarray  # (n_features, n_voxels)
    yy: np.ndarray  # (n_voxels,)


def summarise(X, Y):
    """Summarise some rows.

    Parameters
    ----------
    X : ndarray, shape (n, n_features)
    Y : ndarray, shape (n, n_voxels)

    Returns
    -------
    Summary
    """
    x_mean, y_mean = X.mean(axis=0), Y.mean(axis=0)
    x, y = X - x_mean, Y - y_mean
    yy = np.einsum("nv,nv->v", y, y)
    # A constant leaves rounding errors behind, which must not pass for variance.
    yy[is_constant(Y)] = 0
    return Summary(len(X), x_mean, y_mean, x.T @ x, x.T @ y, yy)


def merge(a, b):
    """Summarise the rows of two summaries together [1]_.

    Parameters
    ----------
    a, b : Summary
        Of different rows of the same tables.

    Returns
    -------
    Summary

    References
    ----------
    .. [1] Chan, T. F., Golub, G. H., & LeVeque, R. J. (1983). Algorithms for computing the sample
       variance. The American Statistician, 37(3), 242-247.
    """
    n = a.n + b.n
    dx, dy = b.x_mean - a.x_mean, b.y_mean - a.y_mean
    share = a.n * b.n / n
    return Summary(
        n,
        a.x_mean + b.n / n * dx,
        a.y_mean + b.n / n * dy,
        a.xx + b.xx + share * np.outer(dx, dx),
        a.xy + b.xy + share * np.outer(dx, dy),
        a.yy + b.yy + share * dy**2,
    )


def decompose(xx):
    """Return eigenvalues and eigenvectors of X'X; rounding must not make a value negative.

    Parameters
    ----------
    xx : ndarray, shape (n_features, n_features)

    Returns
    -------
    values : ndarray, shape (n_features,)
    vectors : ndarray, shape (n_features, n_features)
        One in each column.
    """
    values, vectors = np.linalg.eigh(xx)
    return np.maximum(values, 0), vectors
