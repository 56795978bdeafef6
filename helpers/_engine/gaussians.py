"""Two-dimensional Gaussians on the pixels of an image."""

import numpy as np


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
    return (rows[:, :, np.newaxis] * columns[:, np.newaxis, :]).reshape(len(centre), -1)
