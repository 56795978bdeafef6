"""The lasso's weights at every penalty, from sums alone, for many voxels at once.

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

References
----------
.. [1] Efron, B., Hastie, T., Johnstone, I., & Tibshirani, R. (2004). Least angle regression.
   Annals of Statistics, 32(2), 407-499.
"""

import numpy as np

TIE = 1e-12  # of alpha: pixels so close to each other arrive together, and the first one joins
PARALLEL = 1e-8  # of alpha's rate: a gap that closes more slowly never does
DEPENDENT = 1e-12  # of a pixel's variance: with less unexplained, active pixels can replace it


def follow_path(xx, xy, n_steps, smallest):
    """Follow the lasso's weights from the largest penalty of interest to smaller ones.

    Parameters
    ----------
    xx : ndarray, shape (n_pixels, n_pixels)
        Covariances of the pixels: X'X / n, means removed.
    xy : ndarray, shape (n_voxels, n_pixels)
        Covariances of voxels and pixels: Y'X / n.
    n_steps : int
        Steps to take. Each ends where a pixel joins or drops out.
    smallest : ndarray, shape (n_voxels,)
        Covariances up to this one are rounding errors; the path ends there.

    Returns
    -------
    alphas : ndarray, shape (n_steps + 1, n_voxels)
        Penalties at the knots, falling. Where a path ends early, its last one is repeated.
    weights : ndarray, shape (n_steps + 1, n_voxels, n_pixels)
        Weights at the knots.
    """
    voxels = np.arange(len(xy))
    alphas = np.empty((n_steps + 1, len(xy)))
    weights = np.zeros((n_steps + 1, *xy.shape))
    active = _ActivePixels(xx, len(xy), n_steps)
    left = xy.copy()  # g, (n_voxels, n_pixels)
    alphas[0] = np.abs(left).max(axis=1)
    joins = (np.abs(left) >= (1 - TIE) * alphas[0, :, np.newaxis]).argmax(axis=1)
    dropped = np.zeros(len(xy), dtype=bool)
    for step in range(n_steps):
        alpha, going = alphas[step], alphas[step] > smallest
        active.join(step, joins, np.sign(left[voxels, joins]) * ~dropped)
        direction = active.direction(step + 1)  # d
        change = direction @ xx  # a
        to_join, joins = _next_join(alpha, left, change, active.closed)
        to_drop, drops = _next_drop(left, weights[step], direction)
        length = going * np.clip(np.minimum(to_join, to_drop), 0, alpha)
        alphas[step + 1] = alpha - length
        weights[step + 1] = weights[step] + length[:, np.newaxis] * direction
        left -= length[:, np.newaxis] * change
        dropped = going & (to_drop <= length)
        weights[step + 1, dropped, drops[dropped]] = 0
        active.drop(np.flatnonzero(dropped), drops[dropped])
    return alphas, weights


class _ActivePixels:
    """The active pixels of each voxel, with a slot for the one that joins at each step."""

    def __init__(self, xx, n_voxels, n_slots):
        self.xx = xx
        self.pixel = np.zeros((n_voxels, n_slots), dtype=int)
        self.sign = np.zeros((n_voxels, n_slots))  # 0: the slot is empty
        self.S = np.tile(np.eye(n_slots), (n_voxels, 1, 1))  # an empty slot keeps its 1
        self.closed = np.zeros((n_voxels, len(xx)), dtype=bool)  # pixels that cannot join

    def join(self, slot, pixel, sign):
        """Put one pixel a voxel into a slot; a sign of 0 leaves the slot empty."""
        own = self.xx[pixel, pixel]  # (n_voxels,)
        shared = self.xx[self.pixel[:, :slot], pixel[:, np.newaxis]] * (self.sign[:, :slot] != 0)
        explained = np.einsum("vi,vi->v", shared, self.solve(shared))
        filled = (sign != 0) & (own - explained > DEPENDENT * own)
        self.pixel[:, slot], self.sign[:, slot] = pixel, sign * filled
        self.S[:, slot, :slot] = self.S[:, :slot, slot] = shared * filled[:, np.newaxis]
        self.S[:, slot, slot] = np.where(filled, own, 1)
        self.closed[np.arange(len(pixel)), pixel] |= sign != 0

    def drop(self, voxels, pixels):
        """Empty one slot in each of these voxels: that of the pixel."""
        held = (self.pixel[voxels] == pixels[:, np.newaxis]) & (self.sign[voxels] != 0)
        slots = held.argmax(axis=1)
        self.sign[voxels, slots] = 0
        self.S[voxels, slots] = self.S[voxels, :, slots] = 0
        self.S[voxels, slots, slots] = 1
        self.closed[voxels, pixels] = False

    def solve(self, right):
        """Solve S z = right for the first slots; right and z have shape (n_voxels, n_slots)."""
        n_slots = right.shape[1]
        return np.linalg.solve(self.S[:, :n_slots, :n_slots], right[:, :, np.newaxis])[:, :, 0]

    def direction(self, n_slots):
        """Return d, the change of all weights as alpha falls by one; (n_voxels, n_pixels)."""
        d = np.zeros(self.closed.shape)
        rows = np.arange(len(d))[:, np.newaxis]
        # Adding, not setting: an empty slot adds 0, although it still names a pixel.
        np.add.at(d, (rows, self.pixel[:, :n_slots]), self.solve(self.sign[:, :n_slots]))
        return d


def _next_join(alpha, left, change, closed):
    """Return how far alpha falls until a pixel joins, and which; both (n_voxels,)."""
    steps = np.full(left.shape, np.inf)
    for sign in (1, -1):
        rate = 1 - sign * change
        may = (rate > PARALLEL) & ~closed
        arrival = (alpha[:, np.newaxis] - sign * left) / np.where(may, rate, np.nan)
        steps = np.fmin(steps, arrival)  # leaves NaN out
    shortest = steps.min(axis=1)
    together = steps <= (shortest + TIE * alpha)[:, np.newaxis]
    return shortest, together.argmax(axis=1)


def _next_drop(left, weights, direction):
    """Return how far alpha falls until a weight is 0, and which; both (n_voxels,)."""
    falling = left * direction < 0  # an active weight has the sign of what is left
    steps = np.where(falling, -weights / np.where(falling, direction, 1), np.inf)
    return steps.min(axis=1), steps.argmin(axis=1)
