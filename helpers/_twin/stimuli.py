"""The twin's images and label files: the design of the real experiment."""

import numpy as np

from helpers._files.layout import FIGURE_RUNS, RANDOM_RUNS
from helpers._files.stimuli import REST

N_PIXELS = 100
N_RANDOM_RUNS, N_FIGURE_RUNS = len(RANDOM_RUNS), len(FIGURE_RUNS)
RANDOM_BLOCKS, FIGURE_BLOCKS = 22, 10  # blocks a run
RANDOM_VOLUMES, FIGURE_VOLUMES = 3, 6  # volumes on, and as many off, in a block
FIRST_REST, LAST_REST = 10, 6  # volumes
LETTERS = {
    "n": ("#####", "#...#", "#...#", "#...#", "#...#"),
    "e": ("#####", "#....", "#####", "#....", "#####"),
    "u": ("#...#", "#...#", "#...#", "#...#", "#####"),
    "r": ("#####", "#...#", "####.", "#..#.", "#...#"),
    "o": ("#####", "#...#", "#...#", "#...#", "#####"),
}


def _place(patch):
    """Put a patch of ones and zeros in the middle of an empty image."""
    image = np.zeros((10, 10), dtype=int)
    top, left = ((10 - side) // 2 for side in patch.shape)
    image[top : top + patch.shape[0], left : left + patch.shape[1]] = patch
    return image


def shapes():
    """Draw the five shapes: filled square, hollow square, plus, X and large frame.

    Returns
    -------
    array of int, shape (5, 10, 10)
    """
    square = np.ones((4, 4), dtype=int)
    hollow = np.pad(np.zeros((4, 4), dtype=int), 1, constant_values=1)
    plus = np.zeros((6, 6), dtype=int)
    plus[2:4] = plus[:, 2:4] = 1
    diagonal = np.abs(np.subtract.outer(np.arange(6), np.arange(6))) < 2
    cross = diagonal | diagonal[::-1]
    frame = np.pad(np.zeros((6, 6), dtype=int), 1, constant_values=1)
    return np.stack([_place(patch.astype(int)) for patch in (square, hollow, plus, cross, frame)])


def letters(height, width, stroke):
    """Draw n, e, u, r and o.

    Parameters
    ----------
    height, width : int
        Size of a letter in pixels, 5 or more.
    stroke : int
        Width of a line in pixels.

    Returns
    -------
    array of int, shape (5, 10, 10)
    """
    drawn = np.array([[[mark == "#" for mark in line] for line in rows]
                      for rows in LETTERS.values()])  # fmt: skip
    down, right = (
        np.round(np.linspace(0, 4, side - stroke + 1)).astype(int) for side in (height, width)
    )
    thin = np.pad(drawn[:, down][:, :, right], ((0, 0), (0, stroke - 1), (0, stroke - 1)))
    # A thicker line is the thin one, moved by up to stroke - 1 pixels down and to the right.
    steps = [(row, column) for row in range(stroke) for column in range(stroke)]
    thick = np.any([np.roll(thin, step, axis=(1, 2)) for step in steps], axis=0)
    return np.stack([_place(letter.astype(int)) for letter in thick])


def figure_sets():
    """Draw the images of the twelve figure runs.

    Returns
    -------
    list of array of int, shape (5, 10, 10)
        One set of five images for each run.
    """
    narrow, wide, thin = letters(8, 5, 2), letters(8, 6, 2), letters(5, 5, 1)
    return 4 * [shapes()] + 2 * [narrow] + 2 * [wide] + 4 * [thin]


def label_rows(images, volumes):
    """Spread the images of a run over its volumes, with the rest around them.

    Parameters
    ----------
    images : array of int, shape (n_blocks, 10, 10)
        Images in the order in which they are shown, ones and zeros.
    volumes : int
        Volumes that an image stays on, and that the rest after it lasts.

    Returns
    -------
    array of int, shape (n_volumes, 100)
        One row for each volume, pixels in Fortran order, rest rows all -1. The rest at the end
        of the run takes the place of the rest block after the last image.
    """
    shown = images.transpose(0, 2, 1).reshape(len(images), N_PIXELS)
    rest = np.full((volumes, N_PIXELS), REST)
    blocks = [np.vstack([np.tile(image, (volumes, 1)), rest]) for image in shown]
    blocks[-1] = blocks[-1][:volumes]
    before, after = (np.full((count, N_PIXELS), REST) for count in (FIRST_REST, LAST_REST))
    return np.vstack([before, *blocks, after])


def all_labels(rng):
    """Draw the label rows of all runs, figure runs first, as the fetcher lists them.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    list of array of int, shape (n_volumes, 100)
        Twelve figure runs (130 volumes each), then twenty random runs (145 volumes each).
    """
    figures = [np.concatenate([rng.permutation(five), rng.permutation(five)])
               for five in figure_sets()]  # fmt: skip
    n_images = N_RANDOM_RUNS * RANDOM_BLOCKS
    random = rng.integers(0, 2, (n_images, 10, 10)).reshape(N_RANDOM_RUNS, RANDOM_BLOCKS, 10, 10)
    return [label_rows(run, FIGURE_VOLUMES) for run in figures] + [
        label_rows(run, RANDOM_VOLUMES) for run in random
    ]
