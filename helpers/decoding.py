"""Reconstruction: the image behind the responses, by turning an encoding model round.

For one trial, with the image x (n_pixels,) and the responses y (n_voxels,), the model says

    y = B'x + b + noise,    noise ~ N(0, S),

and Bayes' rule turns it into a distribution over images. `helpers.identification` uses the same
model forwards, to choose among given images.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.spatial.distance import cdist

from helpers.blocks import image_blocks
from helpers.checks import check_table
from helpers.identification import root_of


def block_means(values, recording, shift=2):
    """Average rows over each block, the rows through which one image lasts, some rows later.

    Parameters
    ----------
    values : array_like, shape (n_samples, n_columns)
        One row for each row of the recording: responses, predictions, or features.
    recording : Recording
        Says where blocks begin and end; loaded with ``shift=0``.
    shift : int
        Volumes by which the rows of `values` come after those of the images.

    Returns
    -------
    ndarray, shape (n_blocks, n_columns)
        In the order of the recording. A block at the end of its run loses the rows that lie
        beyond it.

    Raises
    ------
    ValueError
        If no image was shown, the tables have different lengths, the shift is negative, or all
        rows of a block lie beyond the end of its run.
    """
    runs = recording.runs
    if len(values) != len(runs) or shift < 0 or not recording.is_on.any():
        raise ValueError(
            f"values has {len(values)} rows, the recording {len(runs)}, {recording.is_on.sum()} "
            f"of them with an image, and shift is {shift}; expected equally many rows, at least "
            "one image, and a shift of 0 or more."
        )
    starts, stops = image_blocks(recording)
    ends = np.searchsorted(runs, runs[starts], side="right")  # where the run of each block ends
    rows = zip(starts + shift, np.minimum(stops + shift, ends), strict=True)
    blocks = [values[first:end] for first, end in rows]
    if not all(map(len, blocks)):
        raise ValueError(f"A block lies at the end of its run: no rows {shift} volumes later.")
    return np.array([np.mean(block, axis=0, dtype=np.float64) for block in blocks])


def reconstruct(responses, coef, intercept, noise, prior_mean, prior):
    """Find the images that are most probable, given responses and a prior [1]_.

    With images x ~ N(m, C) the images given the responses y are Gaussian as well, with

        covariance  V = (C^-1 + B S^-1 B')^-1    and    mean  m + V B S^-1 (y - B'm - b).

    Parameters
    ----------
    responses : array_like, shape (n_trials, n_voxels)
        Measured responses y.
    coef : array_like, shape (n_pixels, n_voxels)
        Weights B of the encoding model, as `ridge.fit` returns them.
    intercept : array_like, shape (n_voxels,)
        Its intercepts b.
    noise : array_like, shape (n_voxels, n_voxels)
        Covariance S of what the model leaves unexplained in a trial, in squared units of the
        responses.
    prior_mean : array_like, shape (n_pixels,)
        Image m expected before anything is measured.
    prior : array_like, shape (n_pixels, n_pixels)
        Covariance C of images about it.

    Returns
    -------
    images : ndarray, shape (n_trials, n_pixels)
        Posterior means, in the units of pixels.
    covariance : ndarray, shape (n_pixels, n_pixels)
        V, the same for every trial.

    Raises
    ------
    ValueError
        For tables that do not fit together, or a covariance that is none.

    References
    ----------
    .. [1] Schoenmakers, S., Barth, M., Heskes, T., & van Gerven, M. (2013). Linear reconstruction
       of perceived images from human brain activity. NeuroImage, 83, 951-961.
    """
    coef, responses = check_table("coef", coef), check_table("responses", responses)
    n_pixels, n_voxels = coef.shape
    intercept, prior_mean = np.asarray(intercept), np.asarray(prior_mean)
    if (responses.shape[1], *intercept.shape) != (n_voxels, n_voxels):
        raise ValueError(
            f"coef has {n_voxels} voxels, responses have shape {responses.shape} and intercept "
            f"{intercept.shape}; expected the same voxels in all: choose the same columns."
        )
    if prior_mean.shape != (n_pixels,):
        raise ValueError(f"prior_mean has shape {prior_mean.shape}; expected ({n_pixels},).")
    root, prior_root = root_of("noise", noise, n_voxels), root_of("prior", prior, n_pixels)
    white = solve_triangular(root, coef.T, lower=True)  # (n_voxels, n_pixels)
    left = solve_triangular(root, (responses - prior_mean @ coef - intercept).T, lower=True)
    # With C = K K': V = K (I + K'B S^-1 B'K)^-1 K'. C itself is never inverted.
    inner = white @ prior_root
    factor = cho_factor(np.eye(n_pixels) + inner.T @ inner, lower=True)
    covariance = prior_root @ cho_solve(factor, prior_root.T)
    return prior_mean + (prior_root @ cho_solve(factor, inner.T @ left)).T, covariance


def smooth_covariance(variance, length, shape=(10, 10)):
    """Covariance of images whose neighbouring pixels are alike.

    It falls off with the distance d of two pixels, variance * exp(-d^2 / (2 length^2)).

    Parameters
    ----------
    variance : float
        Of a single pixel.
    length : float
        In pixels; 0 for independent pixels.
    shape : (int, int)
        Rows and columns of the image.

    Returns
    -------
    ndarray, shape (n_pixels, n_pixels), in C order

    Raises
    ------
    ValueError
        If the variance is not above zero, or the length is negative.
    """
    if not variance > 0 or not length >= 0:
        raise ValueError(
            f"variance is {variance} and length {length}; expected a variance above zero and a "
            "length of zero pixels or more."
        )
    places = np.argwhere(np.ones(shape))
    squared = cdist(places, places, "sqeuclidean")
    return variance * (np.exp(-squared / (2 * length**2)) if length else (squared == 0) * 1.0)
