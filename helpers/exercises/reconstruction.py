"""Checks of the exercises of chapter 12, Reconstruction."""

import numpy as np

from helpers.exercises.answers import exercise, expect_array, expect_choice


@exercise(1)
def check_1(r_whole, r_shared, noise_only, figure):
    """Check the drawings from 1, 2 and 4 trials of each figure.

    Parameters
    ----------
    r_whole, r_shared : array_like, shape (3,)
        Mean correlation over figures, with the noise S of a trial, and with S / n.
    noise_only : {"goes to 1", "stays below 1"}
        What happens with many trials, were noise all that is wrong.
    figure : tuple
        Images, responses, weights, intercepts and noise of the trials.
    """
    images, y, B, b, S = figure
    to_pixels = np.linalg.solve(S, B.T)
    gains = {n: n * to_pixels @ gain(n * B @ to_pixels, 1.0) for n in (1, 2, 4)}
    distinct, which = np.unique(images, axis=0, return_inverse=True)
    places = [np.flatnonzero(which.reshape(-1) == k) for k in range(len(distinct))]
    whole, shared, single, last = [], [], [], []
    for n, to_image in gains.items():
        first = np.array([y[rows[:n]].mean(axis=0) for rows in places])
        late = np.array([y[rows[-n:]].mean(axis=0) for rows in places])
        rows = np.concatenate([rows[:n] for rows in places])
        whole.append(mean_r(distinct, draw(first, B, b, gains[1])))
        shared.append(mean_r(distinct, draw(first, B, b, to_image)))
        single.append(mean_r(images[rows], draw(y[rows], B, b, gains[1])))
        last.append(mean_r(distinct, draw(late, B, b, gains[1])))
    mistakes = [
        (single, "these are drawings of single trials. Average the responses of a figure first."),
        (last, "these are the last trials of each figure. Take its first ones."),
    ]
    is_shared = (shared, "that is with S / n. Use the noise of a single trial here.")
    is_whole = (whole, "that is with S. A mean of n trials has less noise.")
    expect_array("r_whole", r_whole, whole, 0.002, [*mistakes, is_shared])
    expect_array("r_shared", r_shared, shared, 0.002, [*mistakes, is_whole])
    says = "what would the mean of very many trials be, if the model were true?"
    expect_choice("noise_only", noise_only, "goes to 1", {"stays below 1": says})


def gain(M, length):
    """Return C (I + M C)^-1 for row vectors; `decoding.reconstruct` takes another route.

    Parameters
    ----------
    M : ndarray, shape (100, 100)
        B S^-1 B', with the weights B and the noise S of the voxels.
    length : float
        Of the smooth prior C, in pixels; 0 for independent pixels.

    Returns
    -------
    ndarray, shape (100, 100)
    """
    places = np.arange(10)
    squared = np.subtract.outer(places, places) ** 2
    side = np.exp(-squared / (2 * length**2)) if length else np.eye(10)
    C = 0.25 * np.kron(side, side)
    return np.linalg.solve(np.eye(100) + C @ M, C)


def draw(y, B, b, to_image, mean=0.5):
    """Return the posterior means m + (y - B'm - b)' S^-1 B' (I + C M)^-1 C.

    Parameters
    ----------
    y : ndarray, shape (n_trials, n_voxels)
    B : ndarray, shape (100, n_voxels)
    b : ndarray, shape (n_voxels,)
    to_image : ndarray, shape (n_voxels, 100)
        S^-1 B' times what the function `gain` returns.
    mean : float
        The prior mean m of each pixel.

    Returns
    -------
    ndarray, shape (n_trials, 100)
    """
    return mean + (y - mean * B.sum(axis=0) - b) @ to_image


def mean_r(images, drawn):
    """Correlate each drawing with its image, over pixels, and average over drawings.

    Parameters
    ----------
    images, drawn : ndarray, shape (n_trials, 100)

    Returns
    -------
    float
        NaN if a drawing or an image is of one grey.
    """
    x, y = (table - table.mean(axis=1, keepdims=True) for table in (images, drawn * 1.0))
    with np.errstate(invalid="ignore"):  # a drawing of one grey has no correlation: NaN
        r = (x * y).sum(axis=1) / np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    return r.mean()
