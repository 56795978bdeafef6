"""Gaussian receptive fields fitted to responses: a grid of fields, then damped steps, all at once.

What a field predicts is linear in what it makes of each frame of the stimulus. Let F hold the
course of every frame over the samples (its onsets, convolved with a response, cleaned), one column
a frame; a field that answers frame j with v_j predicts F v. With F = QR and orthonormal Q,

    |y - a F v|^2  =  |y|^2 - |Q'y|^2 + |Q'y - a R v|^2,

so that a search needs of the data only R, which all voxels share, and the few numbers Q'y of each
voxel, however many samples there are. Where images have fewer pixels than the recording has frames,
and a field sums over pixels, pixels take the place of frames: F is then the course of every pixel,
and v the field itself.

The amplitude a is found in closed form for each field of the grid. From the best one, steps of
Levenberg and Marquardt [1]_ change amplitude, place, size and whatever else a field has. A step
that does not explain more is taken back, so a fit is never worse than its grid.

References
----------
.. [1] Marquardt, D. W. (1963). An algorithm for least-squares estimation of nonlinear parameters.
   Journal of the Society for Industrial and Applied Mathematics, 11(2), 431-441.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from helpers._engine.gaussians import outer
from helpers._engine.threads import for_blocks

MAX_STEPS = 60
TINY = np.finfo(np.float64).tiny
SIZE_RATIO = 1.3  # from one size of the grid to the next
BYTES = 2**25  # of the fields that a thread works on at a time


@dataclass(frozen=True, eq=False)
class Screen:
    """The pixels of the stimulus, in units of visual angle (or of pixels, if they are 1 x 1)."""

    shape: tuple  # rows, columns
    pixel: tuple  # height and width of a pixel

    @cached_property
    def axes(self):
        """Positions of rows and of columns: 0 at the first."""
        return [np.arange(n) * step for n, step in zip(self.shape, self.pixel, strict=True)]

    @property
    def n_pixels(self):
        """Number of pixels."""
        return int(np.prod(self.shape))

    @cached_property
    def sizes(self):
        """Smallest and largest standard deviation that a fit may have."""
        return 0.2 * min(self.pixel), max(np.multiply(self.shape, self.pixel))

    @cached_property
    def edges(self):
        """First and last place of a centre: half a screen beyond each edge, (2, 2)."""
        extent = np.multiply(self.shape, self.pixel)
        middle = (extent - np.array(self.pixel)) / 2
        return np.array([middle - extent, middle + extent])

    def outside(self, centre):
        """Distance of centres from the screen, 0 on it."""
        half = np.array(self.pixel) / 2
        last = np.array([axis[-1] for axis in self.axes])
        return np.hypot(*np.maximum(np.maximum(-half - centre, centre - last - half), 0).T)

    def profiles(self, centre, size):
        """Gaussian profiles along rows and columns; their product integrates to about 1."""
        area = np.prod(self.pixel)
        rows, columns = (
            np.exp(-((axis - centre[:, [i]]) ** 2) / (2 * size[:, np.newaxis] ** 2))
            for i, axis in enumerate(self.axes)
        )
        return rows * (area / (2 * np.pi * size**2))[:, np.newaxis], columns

    def fields(self, centre, size):
        """Gaussian fields, (n, n_pixels); sampled at pixel centres."""
        return outer(*self.profiles(centre, size))

    def derivatives(self, centre, size):
        """Fields, and their derivatives by row, column and log size: 4 of (n, n_pixels)."""
        rows, columns = self.profiles(centre, size)
        dr, dc = (axis - centre[:, [i]] for i, axis in enumerate(self.axes))
        square = size[:, np.newaxis] ** 2
        return (
            outer(rows, columns),
            outer(rows * dr / square, columns),
            outer(rows, columns * dc / square),
            outer(rows * (dr**2 / square - 2), columns) + outer(rows, columns * dc**2 / square),
        )

    def candidates(self):
        """Fields of the grid, size by size: rows, columns and size, about a size apart."""
        finest = max(min(self.pixel) / 2, max(np.multiply(self.shape, self.pixel)) / 40)
        largest = self.sizes[1]
        n_sizes = 1 + int(np.ceil(np.log(largest / (0.7 * finest)) / np.log(SIZE_RATIO)))
        for size in np.geomspace(0.7 * finest, largest, n_sizes):
            step = max(0.75 * size, finest)
            yield size, [_spread(*edge, step) for edge in self.edges.T]


def _spread(first, last, step):
    n = max(2, int(np.ceil((last - first) / step)))
    return np.linspace(first, last, n + 1)


class Gaussian:
    """A field that sums the light in it. Parameters: row, column, log size."""

    linear = True
    more = False  # whether there are parameters beside those of a Gaussian
    pooled = None  # the parameter that voxels share more or less

    def bounds(self, screen):
        """Smallest and largest values of the parameters, (2, n_parameters)."""
        return np.column_stack([screen.edges, np.log(screen.sizes)])

    def respond(self, theta, screen, frames):
        """Answer to each frame, and its derivatives, (n, 1 + n_parameters, n_frames)."""
        parts = np.stack(screen.derivatives(theta[:, :2], np.exp(theta[:, 2])), axis=1)
        return parts if frames is None else parts @ frames.T

    def starts(self, theta):
        """Where steps start, given Gaussian fits, list of (n, n_parameters)."""
        return [theta]


class Compressive(Gaussian):
    """The summed light to a power. Parameters: row, column, log sigma, log exponent."""

    linear = False
    more = True
    pooled = 3

    def bounds(self, screen):
        """As for `Gaussian`."""
        return np.column_stack([super().bounds(screen), np.log([0.05, 2.0])])

    def respond(self, theta, screen, frames):
        """As for `Gaussian`."""
        light, *slopes = np.moveaxis(super().respond(theta[:, :3], screen, frames), 1, 0)
        exponent = np.exp(theta[:, 3, np.newaxis])
        # A frame that a field does not see stays without a response.
        lit = light > 1e-9 * light.max(axis=1, keepdims=True)
        safe = np.where(lit, light, 1.0)
        power = np.where(lit, safe**exponent, 0)
        inner = exponent * np.where(lit, power / safe, 0)
        by_exponent = exponent * power * np.log(safe)
        return np.stack([power, *(inner * slope for slope in slopes), by_exponent], axis=1)

    def starts(self, theta):
        """As for `Gaussian`: linear."""
        return [np.column_stack([theta, np.zeros(len(theta))])]


class CentreSurround(Gaussian):
    """A field minus a wider one. Parameters: row, column, log size, log ratio, surround's share."""

    more = True

    def bounds(self, screen):
        """As for `Gaussian`."""
        return np.column_stack([super().bounds(screen), np.log([1.2, 10.0]), [0.0, 1.0]])

    def respond(self, theta, screen, frames):
        """As for `Gaussian`."""
        centre, share = theta[:, :2], theta[:, 4, np.newaxis]
        inner = screen.derivatives(centre, np.exp(theta[:, 2]))
        outer = screen.derivatives(centre, np.exp(theta[:, 2] + theta[:, 3]))
        parts = [a - share * b for a, b in zip(inner, outer, strict=True)]
        parts = np.stack([*parts, -share * outer[3], -outer[0]], axis=1)
        return parts if frames is None else parts @ frames.T

    def starts(self, theta):
        """As for `Gaussian`: a weak and a strong surround."""
        ones = np.ones(len(theta))
        return [np.column_stack([theta, np.log(3.0) * ones, share * ones]) for share in (0.05, 0.5)]


@dataclass(frozen=True, eq=False)
class Design:
    """What all voxels share: R, and the frames that its columns stand for."""

    screen: Screen
    frames: np.ndarray | None  # (n_frames, n_pixels); None where columns are pixels
    factor: np.ndarray | None  # R, (rank, n_columns); None to fit the field up to a constant

    def predict(self, theta, model):
        """R v and its derivatives, (n, 1 + n_parameters, rank)."""
        responded = model.respond(theta, self.screen, self.frames)
        if self.factor is None:  # what takes the mean out of all pixels would be a large R
            return responded - responded.mean(axis=2, keepdims=True)
        return responded @ self.factor.T

    def block(self, n_parameters):
        """How many voxels a thread takes at a time."""
        widest = max([self.screen.n_pixels, *np.shape(self.factor)])
        return int(np.clip(BYTES / (8 * widest * (1 + n_parameters)), 8, 256))

    def grid(self):
        """Gaussian fields and what they predict, size by size: (n, 3) and (rank, n)."""
        for size, (rows, columns) in self.screen.candidates():
            centre = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1).reshape(-1, 2)
            # A field further outside than its size shows a tail only, and all tails look alike.
            near = self.screen.outside(centre) <= size
            theta = np.column_stack([centre, np.full(len(centre), np.log(size))])[near]
            yield theta, self._grid_of(theta, rows, columns, near, size)

    def _grid_of(self, theta, rows, columns, near, size):
        if self.frames is None:
            return self.factor @ self.screen.fields(theta[:, :2], np.exp(theta[:, 2])).T
        # Fields are products of profiles, so all rows and all columns are summed once.
        ends = np.zeros((max(len(rows), len(columns)), 2))
        ends[: len(rows), 0], ends[: len(columns), 1] = rows, columns
        along_rows, along_columns = self.screen.profiles(ends, np.full(len(ends), size))
        frames = self.frames.reshape(-1, *self.screen.shape)
        summed = frames @ along_columns[: len(columns)].T
        answers = along_rows[: len(rows)] @ summed  # frames x rows x columns
        return self.factor @ answers.reshape(len(frames), -1)[:, near]

    def search(self, targets, positive):
        """Find the best Gaussian of the grid for each voxel.

        Parameters
        ----------
        targets : ndarray, shape (rank, n_voxels)
            Q'y.
        positive : bool
            Whether only fields that raise the response count.

        Returns
        -------
        ndarray, shape (n_voxels, 3)
        """
        n_voxels = targets.shape[1]
        best, theta = np.full(n_voxels, -np.inf), np.zeros((n_voxels, 3))
        largest = 0.0
        for fields, predicted in self.grid():
            length = np.sqrt(np.einsum("kf,kf->f", predicted, predicted))
            largest = max(largest, length.max(initial=0))
            seen = length > 1e-6 * largest  # fields where the screen is never lit predict nothing
            if seen.any():
                unit = np.ascontiguousarray((predicted[:, seen] / length[seen]).T)
                _keep_best(unit, fields[seen], targets, positive, best, theta)
        return theta

    def refine(self, theta, targets, model, positive, hold=None):
        """Take damped steps from where each voxel starts.

        Parameters
        ----------
        theta : ndarray, shape (n_voxels, n_parameters)
        targets : ndarray, shape (rank, n_voxels)
        model : Gaussian, Compressive or CentreSurround
        positive : bool
        hold : (int, float, ndarray of shape (n_voxels,)), optional
            A parameter, the value that it is drawn to, and how strongly: what a distance of 1
            costs, as a sum of squares.

        Returns
        -------
        theta : ndarray, shape (n_voxels, n_parameters)
        amplitude, explained : ndarray, shape (n_voxels,)
            The amplitude of the field, and the sum of squares that it explains.
        """
        low, high = model.bounds(self.screen)
        theta = np.clip(theta, low, high)
        w = np.ascontiguousarray(targets.T)
        n_voxels, n = theta.shape
        parts = self.predict(theta, model)
        which, aim, strength = hold or (0, 0.0, np.zeros(n_voxels))
        amplitude, explained = best_amplitude(parts[:, 0], w, positive)
        explained -= strength * (theta[:, which] - aim) ** 2
        damping = np.full(n_voxels, 1e-2)
        active = np.arange(n_voxels)
        for _ in range(MAX_STEPS):
            jacobian = parts * _weights(amplitude[active], n)
            residual = w[active] - jacobian[:, 0] * amplitude[active, np.newaxis]
            slope = (jacobian @ residual[:, :, np.newaxis])[:, :, 0]
            hessian = jacobian @ jacobian.swapaxes(1, 2)
            here = theta[active]
            slope[:, 1 + which] -= strength[active] * (here[:, which] - aim)
            hessian[:, 1 + which, 1 + which] += strength[active]
            stuck = ((here <= low) & (slope[:, 1:] < 0)) | ((here >= high) & (slope[:, 1:] > 0))
            step = _solve(hessian, slope, damping[active], stuck)
            new = np.clip(here + _shorten(step[:, 1:], here), low, high)
            trial = self.predict(new, model)
            new_amplitude, new_explained = best_amplitude(trial[:, 0], w[active], positive)
            new_explained -= strength[active] * (new[:, which] - aim) ** 2
            gain = new_explained - explained[active]
            better = gain > 0
            took = active[better]
            theta[took], parts[better] = new[better], trial[better]
            amplitude[took], explained[took] = new_amplitude[better], new_explained[better]
            damping[active] = np.where(better, damping[active] / 5, damping[active] * 8)
            # A step counts in sizes of the field; one that rounding takes back is the last.
            small = (_length(new - here, here) < 1e-5) | (gain < 1e-9 * explained[active])
            done = (better & small) | (damping[active] > 1e8) | (amplitude[active] == 0)
            active, parts = active[~done], parts[~done]
            if not len(active):
                break
        return theta, amplitude, explained


def _keep_best(unit, fields, targets, positive, best, theta):
    """Give each voxel the field that explains most, if that is more than its best so far."""

    def work(block):
        explained = unit @ targets[:, block]
        if not positive:
            np.abs(explained, out=explained)
        winner = explained.argmax(axis=0)
        value = explained[winner, np.arange(len(winner))]
        better = value > best[block]
        best[block][better], theta[block][better] = value[better], fields[winner[better]]

    for_blocks(work, targets.shape[1], 512)


def best_amplitude(predicted, w, positive):
    """Amplitude of each field's course, and the sum of squares that it explains, 2 of (n,)."""
    product = np.einsum("vk,vk->v", predicted, w)
    square = np.einsum("vk,vk->v", predicted, predicted)
    amplitude = product / np.maximum(square, TINY)
    amplitude[square <= TINY] = 0
    if positive:
        amplitude = np.maximum(amplitude, 0)
    return amplitude, amplitude * (2 * product - amplitude * square)


def _weights(amplitude, n):
    """Scale derivatives by parameters with the amplitude, and that by the amplitude with 1."""
    return np.column_stack([np.ones(len(amplitude))] + n * [amplitude])[:, :, np.newaxis]


def _solve(hessian, slope, damping, stuck):
    """Solve for damped steps; in units in which the data and the stimulus make no difference."""
    stuck = np.column_stack([np.zeros(len(stuck), dtype=bool), stuck])
    diagonal = np.einsum("vii->vi", hessian)
    free = ~stuck & (diagonal > 0)
    scale = np.where(free, 1 / np.sqrt(np.where(free, diagonal, 1)), 0)
    hessian = hessian * (scale[:, :, np.newaxis] * scale[:, np.newaxis, :])
    i = np.arange(hessian.shape[1])
    hessian[:, i, i] += damping[:, np.newaxis] + 1e-10 + ~free
    return scale * np.linalg.solve(hessian, (slope * scale)[:, :, np.newaxis])[:, :, 0]


def _shorten(step, theta):
    """Keep steps to half a size, half an e-fold, and 0.2 of a log exponent or a share."""
    limit = np.full(step.shape, 0.2)
    limit[:, :2] = 0.5 * np.exp(theta[:, [2]])
    limit[:, 2] = 0.5
    return np.clip(step, -limit, limit)


def _length(step, theta):
    step = np.abs(step)
    step[:, :2] /= np.exp(theta[:, [2]])
    return step.max(axis=1)


def covariance(parts, amplitude, noise, kernel, hold=None):
    """Covariance of amplitude and parameters, if the noise of a sample resembles its neighbours'.

    To first order the estimates are linear in the noise: H^-1 J'e with H = J'J. So their covariance
    is H^-1 J'SJ H^-1, where S is the covariance of the noise, here that of a first-order
    autoregressive process. A prior adds to H what it costs to leave it, and to the noise how much
    voxels differ by it.

    Parameters
    ----------
    parts : ndarray, shape (n, 1 + n_parameters, rank)
        What `Design.predict` gives.
    amplitude, noise : ndarray, shape (n,)
        Amplitudes, and variance of the noise.
    kernel : ndarray, shape (rank, rank)
        Correlation of the noise, as Q sees it.
    hold : (int, float), optional
        A parameter with a prior, and its variance over voxels.

    Returns
    -------
    covariance : ndarray, shape (n, 1 + n_parameters, 1 + n_parameters)
        NaN where the data do not determine the parameters.
    inflation : ndarray, shape (n,)
        How many times more of such noise a field's course picks up than of noise without
        correlation.
    """
    jacobian = parts * _weights(amplitude, parts.shape[1] - 1)
    hessian = jacobian @ jacobian.swapaxes(1, 2)
    middle = jacobian @ kernel @ jacobian.swapaxes(1, 2)
    if hold is not None:
        which, variance = 1 + hold[0], hold[1]
        hessian[:, which, which] += noise / variance
        middle[:, which, which] += noise / variance
    scale = np.sqrt(np.einsum("vii->vi", hessian))
    good = (scale > 0).all(axis=1)
    scale[~good] = 1
    hessian /= scale[:, :, np.newaxis] * scale[:, np.newaxis, :]
    hessian[~good] = np.eye(hessian.shape[1])
    good &= np.linalg.cond(hessian) < 1e10
    hessian[~good] = np.eye(hessian.shape[1])
    inverse = np.linalg.inv(hessian) / (scale[:, :, np.newaxis] * scale[:, np.newaxis, :])
    result = inverse @ middle @ inverse * noise[:, np.newaxis, np.newaxis]
    result[~good] = np.nan
    course = parts[:, 0]
    own = np.maximum(np.einsum("vk,vk->v", course, course), TINY)
    return result, np.maximum(np.einsum("vk,vk->v", course @ kernel, course) / own, 1)
