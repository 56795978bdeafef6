"""The search for the Gaussian that matches an image best, such as the weights of a voxel.

A Gaussian is the product of a profile along rows and one along columns. So the product of an image
with every Gaussian of one size needs each profile once: the image between two small matrices, in
place of one long product for each Gaussian.
"""

from typing import NamedTuple

import numpy as np

from helpers._engine.fields import Design, Gaussian, Screen
from helpers._engine.threads import for_blocks

STEP = 0.25  # pixels from one centre to the next, for sizes up to the largest of these
SIZES = np.geomspace(0.4, 5, 12)
RATIO = SIZES[1] / SIZES[0]
PRODUCTS = 2**19  # images times centres that a thread holds at a time


class Matches(NamedTuple):
    """The best-matching Gaussian of each image."""

    field: np.ndarray  # (n, 3): row, column, size
    match: np.ndarray  # (n,), correlation of the image with the Gaussian
    upside_down: np.ndarray  # (n,), the same for the best Gaussian that points downwards
    at_bound: np.ndarray  # (n,), whether the search ended at one of its limits
    cut_off: np.ndarray  # (n,), whether that was the largest size or an outermost centre


def clear_match(shape):
    """Return the match from which on an image has a field, and is not noise that looks like one.

    A correlation over n pixels of noise has a standard error of ``1 / sqrt(n)``. The best of all
    Gaussians reaches some three of them, and hardly ever five.

    Parameters
    ----------
    shape : (int, int)

    Returns
    -------
    float
        0.9 at most, for images of a few pixels.
    """
    return min(0.9, 5 / np.sqrt(np.prod(shape)))


def match_gaussians(images, shape):
    """Find the Gaussian that each image correlates with most.

    A grid comes first: centres up to a pixel beyond the edges, sizes from 0.4 pixels to 5 or half
    the longer side. Where an image has a clear match that ends at the outermost centres, or at a
    size from 5 pixels up, of which a grid tells little, damped steps lead on from there.

    Parameters
    ----------
    images : ndarray of float64, shape (n, n_pixels)
        In C order; none of them constant.
    shape : (int, int)

    Returns
    -------
    Matches
    """
    images = images / np.abs(images).max(axis=1, keepdims=True)  # squares of any unit have digits
    images = images - images.mean(axis=1, keepdims=True)
    images = images / np.linalg.norm(images, axis=1, keepdims=True)
    found = _search(images.reshape(-1, *shape), shape)
    wide = found.cut_off | (found.field[:, 2] >= SIZES[-1])
    _refine(found, images, np.flatnonzero(wide & (found.match >= clear_match(shape))), shape)
    return found


def _search(images, shape):
    """Compare images with the Gaussians of the grid, size by size."""
    n = len(images)
    found = Matches(np.zeros((n, 3)), *np.full((2, n), -np.inf), *np.zeros((2, n), dtype=bool))
    n_more = int(np.ceil(np.log(max(1, max(shape) / 2 / SIZES[-1])) / np.log(RATIO)))
    sizes = np.append(SIZES, SIZES[-1] * RATIO ** np.arange(1, n_more + 1))
    for size in sizes:
        step = STEP * max(1, size / SIZES[-1])
        axes = [_centres(n_pixels, step) for n_pixels in shape]
        outside, outermost = _places(axes, shape)
        # A field further outside than its size shows a tail only, and all tails look alike.
        near = outside <= size
        tail = (outside > 0) & (outside > size - step)
        cut_off = outermost | (size == sizes[-1])
        at_bound = cut_off | tail | (size == sizes[0])

        def work(block, size=size, axes=axes, near=near, ends=(at_bound, cut_off)):
            match = np.where(near, _correlate(images[block], axes, size), 0)
            match = match.reshape(-1, near.size)
            winner = match.argmax(axis=1)
            row, column = np.unravel_index(winner, near.shape)
            value = match[np.arange(len(match)), winner]
            down = np.maximum(found.upside_down[block], -match.min(axis=1))
            found.upside_down[block] = down
            better = value > found.match[block]
            field = np.column_stack([axes[0][row], axes[1][column], np.full(len(row), size)])
            new = Matches(field, value, down, *(end[row, column] for end in ends))
            for values, those in zip(found, new, strict=True):
                values[block][better] = those[better]

        for_blocks(work, n, max(1, PRODUCTS // near.size))
    return found


def _centres(n, step):
    """Places of centres along a side; a side of one pixel has only its own."""
    return np.linspace(-1.5, n + 0.5, 1 + int(np.ceil((n + 2) / step))) if n > 1 else np.zeros(1)


def _places(axes, shape):
    """Distance of centres from the image, and whether they are the outermost of a side."""
    outside, outermost = [], []
    for axis, n in zip(axes, shape, strict=True):
        outside.append(np.maximum(np.maximum(-0.5 - axis, axis - n + 0.5), 0))
        outermost.append((n > 1) & np.isin(np.arange(len(axis)), [0, len(axis) - 1]))
    return np.hypot.outer(*outside), np.logical_or.outer(*outermost)


def _correlate(images, axes, size):
    """Correlate images of mean 0 and length 1 with Gaussians, (n, n_row_places, n_columns)."""
    rows, columns = (
        np.exp(-((np.arange(n) - axis[:, np.newaxis]) ** 2) / (2 * size**2))
        for n, axis in zip(images.shape[1:], axes, strict=True)
    )
    total = np.outer(rows.sum(axis=1), columns.sum(axis=1))
    square = np.outer((rows**2).sum(axis=1), (columns**2).sum(axis=1))
    length = np.sqrt(square - total**2 / images[0].size)
    return rows @ (images @ columns.T) / length


def _refine(found, images, which, shape):
    """Take steps from the fields of some images, within the bounds of a `PRF` on this screen."""
    model, design = Gaussian(), Design(Screen(shape, (1.0, 1.0)), None, None)
    low, high = model.bounds(design.screen)
    margin = 1e-6 * (high - low)

    def work(block):
        mine = which[block]
        place = found.field[mine, :2]
        best = np.full(len(mine), -np.inf)
        # Wide fields differ so little that steps may not get from one size to the other end.
        for size in (np.log(found.field[mine, 2]), np.full(len(mine), high[2])):
            start = np.column_stack([place, size])
            theta, _, explained = design.refine(start, images[mine].T, model, positive=True)
            better = explained > best
            best[better], those = explained[better], mine[better]
            found.field[those] = np.column_stack([theta[:, :2], np.exp(theta[:, 2])])[better]
            ends = ((theta <= low + margin) | (theta >= high - margin)).any(axis=1)
            found.at_bound[those] = found.cut_off[those] = ends[better]
        found.match[mine] = np.sqrt(best)

    if len(which):
        for_blocks(work, len(which), design.block(3))
