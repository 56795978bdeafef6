"""Two-dimensional Gaussians on the pixels of an image."""

import numpy as np
from scipy.special import ndtr


def sample_gaussians(centre, size, shape=(10, 10)):
    """Sample 2-D Gaussians with peak 1 at pixel centres.

    Parameters
    ----------
    centre : ndarray, shape (n, 2)
        Row and column in pixels.
    size : ndarray, shape (n,)
        Standard deviation in pixels.
    shape : (int, int)
        Rows and columns of the image.

    Returns
    -------
    ndarray, shape (n, n_pixels), in C order
    """
    rows, columns = (
        np.exp(-((np.arange(n) - centre[:, [axis]]) ** 2) / (2 * size[:, np.newaxis] ** 2))
        for axis, n in enumerate(shape)
    )
    return outer(rows, columns)


def integrate_gaussians(centre, size, shape=(10, 10)):
    """Integrate 2-D Gaussians of integral 1 over the area of each pixel.

    Parameters
    ----------
    centre, size, shape
        As for `sample_gaussians`.

    Returns
    -------
    ndarray, shape (n, n_pixels), in C order
    """
    rows, columns = (
        np.diff(ndtr((np.arange(n + 1) - 0.5 - centre[:, [axis]]) / size[:, np.newaxis]), axis=1)
        for axis, n in enumerate(shape)
    )
    return outer(rows, columns)


def outer(rows, columns):
    """Multiply a profile along rows and one along columns, (n, n_rows) and (n, n_columns)."""
    return (rows[:, :, np.newaxis] * columns[:, np.newaxis, :]).reshape(len(rows), -1)
