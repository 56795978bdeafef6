"""Two-dimensional Gaussians on the pixels of an image."""

import numpy as np
from scipy.special import ndtr


def check_image(shape):
    """Return rows and columns of an image, or say why they are none.

    Parameters
    ----------
    shape : (int, int)

    Returns
    -------
    (int, int)

    Raises
    ------
    ValueError
        If these are not two whole numbers from 1 up.
    """
    sides = tuple(np.ravel(shape))
    whole = all(isinstance(n, int | np.integer) and n > 0 for n in sides)
    if len(sides) != 2 or not whole:
        raise ValueError(
            f"shape is {shape!r}; expected (rows, columns) of an image, two whole numbers from 1 "
            "up, such as (9, 16) for one that is wider than high."
        )
    return tuple(map(int, sides))


def sample_gaussians(centre, size, shape=(10, 10)):
    """Sample 2-D Gaussians with peak 1 at pixel centres.

    Parameters
    ----------
    centre : array_like, shape (n, 2)
        Row and column in pixels; NaN where there is no field.
    size : array_like, shape (n,)
        Standard deviation in pixels; NaN where there is no field.
    shape : (int, int)
        Rows and columns of the image.

    Returns
    -------
    ndarray, shape (n, n_pixels), in C order
        NaN where there is no field.

    Raises
    ------
    ValueError
        If there is not one size for each centre, a size is not above 0, or the shape is none.
    """
    shape = check_image(shape)
    centre, size = (np.asarray(values, dtype=np.float64) for values in (centre, size))
    if centre.ndim != 2 or centre.shape[1] != 2 or size.shape != centre.shape[:1]:
        raise ValueError(
            f"centre has shape {centre.shape} and size {size.shape}; expected (n, 2), a row and a "
            "column for each field, and (n,): one field is centre[np.newaxis] and [size]."
        )
    if (size <= 0).any():
        raise ValueError(
            f"{(size <= 0).sum()} of {len(size)} sizes are not above 0; expected standard "
            "deviations in pixels, or NaN where a voxel has no field."
        )
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
