"""The lasso for many voxels at once: its weights at every penalty, and the penalty, from sums.

For one voxel y, the lasso finds the weights w that make

    |y - X w|^2 / (2 n) + alpha (|w_1| + |w_2| + ...)

least, where X and y have their means removed. Write S = X'X / n and c = X'y / n. As w_j grows, the
first term falls at the rate g_j, the covariance of pixel j with what is left to explain:

    g = c - S w.

At the minimum, this pull of the data and the push alpha of the penalty balance:

    g_j = alpha sign(w_j)   where w_j is not 0 (the active pixels),
    |g_j| <= alpha          elsewhere.

**The path.** From the largest |c_j| upwards, alpha outweighs every pull: w = 0. Now lower alpha.
On the active pixels, with signs s, g must follow: S w = c - alpha s. So for each unit by which
alpha falls, the active weights change by

    d = S^-1 s   (rows and columns of the active pixels; d is 0 elsewhere),

and g by -a, where a = S d. On the active pixels a is 1 or -1: X d has the same covariance with all
of them, but for the sign. It is the equiangular direction of least angle regression [1]_. The
weights are straight lines in alpha, with a knot wherever the set of active pixels changes:

- A pixel joins when its |g_j| equals alpha, after (alpha - g_j) / (1 - a_j) or
  (alpha + g_j) / (1 + a_j), whichever is shorter.
- A pixel drops out when its weight arrives at 0, after -w_j / d_j; beyond, the weight would have
  the wrong sign. No pixel joins at such a knot.
- The path ends at alpha = 0, or after a given number of steps.

**Many voxels.** All voxels share S, and each step does the same for all. So it is a few products of
arrays with one row a voxel, and a stack of small systems S d = s, which NumPy solves in one call.

**Pixels that cannot be told apart.** If active pixels explain all variance of another one, S would
have no inverse with it. Such a pixel adds nothing that they could not express, and is passed over.

**The penalty.** Each training set has a path of its own. Let x and y be the n held-out rows minus
the means of the *training* set, and r_a = y - x w_a what the weights at knot a leave of them. Sums
over the held-out rows are enough for

    e_ab = r_a'r_b / n = (y'y - w_a'x'y - w_b'x'y + w_a'x'x w_b) / n.

The mean squared error at knot a is e_aa. Between the knots a and b the weights, and with them
what they leave, are straight lines, so that at the share t of the way the error is

    |(1 - t) r_a + t r_b|^2 / n = (1 - t)^2 e_aa + 2 t (1 - t) e_ab + t^2 e_bb.

As in scikit-learn's ``LassoLarsCV``, the penalties compared are the knots of all training sets, and
the one with the least mean error over folds is taken. Its weights are read from the path over all
rows.

References
----------
.. [1] Efron, B., Hastie, T., Johnstone, I., & Tibshirani, R. (2004). Least angle regression.
   Annals of Statistics, 32(2), 407-499.
"""

import numpy as np

from helpers._engine.folds import TRAIN, cut
from helpers._engine.sums import pool_moments, sum_features, sum_voxels
from helpers._engine.threads import for_blocks

TIE = 1e-12  # of alpha: pixels so close to each other arrive together, and the first one joins
PARALLEL = 1e-8  # of alpha's rate: a gap that closes more slowly never does
DEPENDENT = 1e-12  # of a pixel's variance: with less unexplained, active pixels can replace it


def follow_path(xx, xy, max_iter, smallest):
    """Follow the lasso's weights from the largest penalty of interest to smaller ones.

    Parameters
    ----------
    xx : ndarray, shape (n_pixels, n_pixels)
        Covariances of the pixels: X'X / n, means removed.
    xy : ndarray, shape (n_voxels, n_pixels)
        Covariances of voxels and pixels: Y'X / n.
    max_iter : int
        Steps to take at most. Each ends where a pixel joins or drops out.
    smallest : ndarray, shape (n_voxels,)
        Covariances up to this one are rounding errors; the path ends there.

    Returns
    -------
    alphas : ndarray, shape (n_knots, n_voxels)
        Penalties at the knots, falling. Where a path ends early, its last one is repeated.
    weights : ndarray, shape (n_knots, n_voxels, n_pixels)
        Weights at the knots.
    """
    voxels = np.arange(len(xy))
    active = _ActivePixels(xx, len(xy))
    left = xy.copy()  # g, (n_voxels, n_pixels)
    alphas, weights = [np.abs(left).max(axis=1)], [np.zeros(xy.shape)]
    joins = (np.abs(left) >= (1 - TIE) * alphas[0][:, np.newaxis]).argmax(axis=1)
    dropped = np.zeros(len(xy), dtype=bool)
    # At least one step, of no length if need be: what lies between two knots can always be asked.
    while len(alphas) == 1 or (len(alphas) <= max_iter and (alphas[-1] > smallest).any()):
        alpha, going = alphas[-1], alphas[-1] > smallest
        active.join(joins, np.sign(left[voxels, joins]) * (going & ~dropped))
        direction = active.direction()  # d
        change = direction @ xx  # a
        to_join, joins = _next_join(alpha, left, change, active.closed)
        to_drop, drops = _next_drop(left, weights[-1], direction)
        length = going * np.clip(np.minimum(to_join, to_drop), 0, alpha)
        alphas.append(alpha - length)
        weights.append(weights[-1] + length[:, np.newaxis] * direction)
        left -= length[:, np.newaxis] * change
        dropped = going & (to_drop <= length)
        weights[-1][dropped, drops[dropped]] = 0
        active.drop(np.flatnonzero(dropped), drops[dropped])
    return np.array(alphas), np.array(weights)


class _ActivePixels:
    """The active pixels of each voxel, each in a slot of its own."""

    def __init__(self, xx, n_voxels, n_slots=8):
        self.xx = xx
        self.pixel = np.zeros((n_voxels, n_slots), dtype=int)
        self.sign = np.zeros((n_voxels, n_slots))  # 0: the slot is empty
        self.S = np.tile(np.eye(n_slots), (n_voxels, 1, 1))  # an empty slot keeps its 1
        self.closed = np.zeros((n_voxels, len(xx)), dtype=bool)  # pixels that cannot join

    def join(self, pixel, sign):
        """Put one pixel a voxel into its first empty slot; a sign of 0 leaves the slot empty."""
        if (self.sign != 0).all(axis=1).any():
            self._double()
        voxels, slot = np.arange(len(pixel)), (self.sign == 0).argmax(axis=1)
        own = self.xx[pixel, pixel]  # (n_voxels,)
        shared = self.xx[self.pixel, pixel[:, np.newaxis]] * (self.sign != 0)
        explained = np.einsum("vi,vi->v", shared, self.solve(shared))
        filled = (sign != 0) & (own - explained > DEPENDENT * own)
        self.pixel[voxels, slot], self.sign[voxels, slot] = pixel, sign * filled
        shared *= filled[:, np.newaxis]
        self.S[voxels, slot], self.S[voxels, :, slot] = shared, shared
        self.S[voxels, slot, slot] = np.where(filled, own, 1)
        self.closed[voxels, pixel] |= sign != 0

    def drop(self, voxels, pixels):
        """Empty one slot in each of these voxels: that of the pixel."""
        held = (self.pixel[voxels] == pixels[:, np.newaxis]) & (self.sign[voxels] != 0)
        slots = held.argmax(axis=1)
        self.sign[voxels, slots] = 0
        self.S[voxels, slots] = self.S[voxels, :, slots] = 0
        self.S[voxels, slots, slots] = 1
        self.closed[voxels, pixels] = False

    def solve(self, right):
        """Solve S z = right; right and z have shape (n_voxels, n_slots)."""
        used = int((self.sign != 0).any(axis=0).nonzero()[0].max(initial=0)) + 1
        solved = np.zeros(right.shape)
        solved[:, :used] = np.linalg.solve(self.S[:, :used, :used], right[:, :used, np.newaxis])[
            :, :, 0
        ]
        return solved

    def direction(self):
        """Return d, the change of all weights as alpha falls by one; (n_voxels, n_pixels)."""
        d = np.zeros(self.closed.shape)
        # Adding, not setting: an empty slot adds 0, although it still names a pixel.
        np.add.at(d, (np.arange(len(d))[:, np.newaxis], self.pixel), self.solve(self.sign))
        return d

    def _double(self):
        more = _ActivePixels(self.xx, *self.sign.shape)
        self.pixel = np.hstack([self.pixel, more.pixel])
        self.sign = np.hstack([self.sign, more.sign])
        self.S = np.block([[self.S, 0 * more.S], [0 * more.S, more.S]])


def _next_join(alpha, left, change, closed):
    """Return how far alpha falls until a pixel joins, and which; both (n_voxels,)."""
    steps = np.full(left.shape, np.inf)
    for sign in (1, -1):
        rate = 1 - sign * change
        np.copyto(rate, np.nan, where=(rate <= PARALLEL) | closed)
        arrival = alpha[:, np.newaxis] - sign * left
        arrival /= rate
        np.fmin(steps, arrival, out=steps)  # leaves NaN out
    shortest = steps.min(axis=1)
    together = steps <= (shortest + TIE * alpha)[:, np.newaxis]
    return shortest, together.argmax(axis=1)


def _next_drop(left, weights, direction):
    """Return how far alpha falls until a weight is 0, and which; both (n_voxels,)."""
    falling = left * direction < 0  # an active weight has the sign of what is left
    steps = np.where(falling, -weights / np.where(falling, direction, 1), np.inf)
    return steps.min(axis=1), steps.argmin(axis=1)


BLOCK = 1024  # voxels; with fewer, the threads wait for their turn between short steps
PATH_BYTES = 64e6  # what the weights along a long path may take, in each thread
ROUNDING = 1e-7  # correlations below this one count as 0


def fit_with_best_penalty(X, Y, table, max_iter):
    """Fit the lasso to every voxel at the penalty that predicts held-out samples best.

    Parameters
    ----------
    X : ndarray, shape (n_samples, n_pixels)
    Y : ndarray, shape (n_samples, n_voxels)
        None of them constant.
    table : ndarray of int8, shape (n_splits, n_samples)
        From `helpers._engine.folds.tabulate`.
    max_iter : int
        Steps of each path at most.

    Returns
    -------
    weights : ndarray, shape (n_voxels, n_pixels)
    intercept, alphas : ndarray, shape (n_voxels,)
        The penalties are those that were chosen.
    n_iter : ndarray of int, shape (n_voxels,)
        Steps of the path over all samples down to this penalty.
    """
    # One more split trains on all samples, for the weights.
    rows, train, test = cut(np.vstack([table, np.full(len(X), TRAIN, dtype=table.dtype)]))
    features = sum_features(X, rows)
    weights = np.empty((Y.shape[1], X.shape[1]))
    intercept, alphas = np.empty(len(weights)), np.empty(len(weights))
    n_iter = np.empty(len(weights), dtype=int)
    max_iter = int(max_iter)  # NumPy's small whole numbers overflow
    n_knots = min(max_iter, 3 * min(X.shape)) + 1
    size = int(np.clip(PATH_BYTES / (n_knots * X.shape[1] * 8), 1, BLOCK))

    def fit_block(block):
        voxels = sum_voxels(features, Y, block)
        sets = [
            [pool_moments(members, features, voxels) for members in kind[: len(table)]]
            for kind in (train, test)
        ]
        whole = pool_moments(train[-1], features, voxels)
        weights[block], alphas[block], n_iter[block] = _choose_and_fit(whole, *sets, max_iter)
        intercept[block] = whole.y_mean - weights[block] @ whole.x_mean

    for_blocks(fit_block, Y.shape[1], size)
    return weights, intercept, alphas, n_iter


def _choose_and_fit(whole, trains, tests, max_iter):
    """Return the weights, the chosen penalty, and the steps to it of a block of voxels."""
    smallest = ROUNDING * np.sqrt(whole.xx.diagonal().max()) * np.sqrt(whole.yy) / whole.n
    paths, products = [], []
    for train, test in zip(trains, tests, strict=True):
        alphas, weights = follow_path(train.xx / train.n, train.xy.T / train.n, max_iter, smallest)
        paths.append(alphas)
        products.append(residual_products(weights, train, test))
    candidates = np.concatenate(paths)  # (n_splits * n_knots, n_voxels)
    errors = sum(error_at(candidates, *split) for split in zip(paths, products, strict=True))
    best = np.take_along_axis(candidates, errors.argmin(axis=0)[np.newaxis], axis=0)[0]
    path = follow_path(whole.xx / whole.n, whole.xy.T / whole.n, max_iter, smallest)
    n_iter = np.clip((path[0] > best).sum(axis=0), 1, len(path[0]) - 1)
    return weights_at(best, *path), best, n_iter


def residual_products(weights, train, test):
    """Multiply what the weights at the knots of a path leave on the held-out rows.

    Parameters
    ----------
    weights : ndarray, shape (n_knots, n_voxels, n_pixels)
    train, test : helpers._engine.sums.Moments

    Returns
    -------
    same : ndarray, shape (n_knots, n_voxels)
        Mean squared error at each knot, e_aa of the module's text.
    following : ndarray, shape (n_knots - 1, n_voxels)
        Mean product of each knot's residuals and the next one's, e_ab.
    """
    dx, dy = test.x_mean - train.x_mean, test.y_mean - train.y_mean
    xx = test.xx / test.n + np.outer(dx, dx)
    xy = test.xy.T / test.n + np.outer(dy, dx)  # (n_voxels, n_pixels)
    yy = test.yy / test.n + dy**2
    w_xx, w_xy = weights @ xx, np.einsum("kvp,vp->kv", weights, xy)
    same = yy - 2 * w_xy + np.einsum("kvp,kvp->kv", w_xx, weights)
    following = yy - w_xy[:-1] - w_xy[1:] + np.einsum("kvp,kvp->kv", w_xx[:-1], weights[1:])
    return same, following


def error_at(wanted, alphas, products):
    """Compute the held-out error at any penalties.

    Parameters
    ----------
    wanted : ndarray, shape (n_wanted, n_voxels)
        Penalties.
    alphas : ndarray, shape (n_knots, n_voxels)
        Penalties at the knots.
    products : (ndarray, ndarray)
        From `residual_products`.

    Returns
    -------
    ndarray, shape (n_wanted, n_voxels)
        Mean squared error.
    """
    same, following = products
    knot, t = _find(wanted, alphas)
    start, end = (np.take_along_axis(same, knot + i, axis=0) for i in (0, 1))
    both = np.take_along_axis(following, knot, axis=0)
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * both + t**2 * end


def weights_at(wanted, alphas, weights):
    """Read the weights at one penalty a voxel; beyond a path's ends they stay as they are.

    Parameters
    ----------
    wanted : ndarray, shape (n_voxels,)
        Penalties.
    alphas, weights : ndarray
        A path, from `follow_path`.

    Returns
    -------
    ndarray, shape (n_voxels, n_pixels)
    """
    knot, t = (found[0] for found in _find(wanted[np.newaxis], alphas))
    voxels = np.arange(len(wanted))
    start, end = weights[knot, voxels], weights[knot + 1, voxels]
    return start + t[:, np.newaxis] * (end - start)


def _find(wanted, alphas):
    """Return the knot before each penalty, and the share t of the way to the next one."""
    passed = sum((knot >= wanted).astype(int) for knot in alphas)
    knot = np.clip(passed - 1, 0, max(len(alphas) - 2, 0))
    start, end = (np.take_along_axis(alphas, knot + i, axis=0) for i in (0, 1))
    length = start - end
    # A path that ended early ends in steps without length.
    share = np.where(length > 0, (start - wanted) / np.where(length > 0, length, 1), 1)
    return knot, np.clip(share, 0, 1)
