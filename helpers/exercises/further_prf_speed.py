"""Check of the exercise of the page Going further: five thousand voxels in two seconds."""

import numpy as np
from scipy.optimize import least_squares

from helpers.exercises.answers import exercise, expect_choice, expect_number
from helpers.receptive_fields import sample_gaussians

SHAPE, N_STARTS = (10, 10), 100
NEAR = 0.01  # pixels
NARROW, WIDE = 0.0, 1.0  # logarithms of sizes


@exercise(1)
def check_1(better, n_narrow, n_wide, R, w):
    """Check how many starts lead to the best field.

    Parameters
    ----------
    better : {"narrow", "wide"}
        The fields from which more starts do.
    n_narrow, n_wide : int
        How many of a hundred do, one start in the middle of each pixel.
    R : numpy.ndarray, shape (n_pixels, n_pixels)
        Triangular factor of the courses of the pixels.
    w : numpy.ndarray, shape (n_pixels,)
        The voxel's response, as far as the pixels can reach it.
    """
    far = "what does a narrow field far away from the true one tell about the way there?"
    expect_choice("better", better, "wide", {"narrow": far})
    narrow, wide = (_arrived(R, w, log_size) for log_size in (NARROW, WIDE))
    hint = "Start at all pairs of a whole row and a whole column, from 0 to 9."
    swapped = "this is the number for the other size. The starts hold logarithms of sizes, 0 and 1."
    given = [("n_narrow", n_narrow, narrow, wide), ("n_wide", n_wide, wide, narrow)]
    for name, number, wanted, other in given:
        mistakes = [
            (other, swapped),
            (wanted / N_STARTS, "this is a share. Count the starts."),
            (N_STARTS - wanted, "this is how many end elsewhere."),
        ]
        # On another machine, a start between two dips may end in the other one.
        expect_number(name, number, wanted, 3, mistakes, hint)


def _arrived(R, w, log_size):
    """Count the starts that end in the best place of all."""

    def residual(numbers):
        size = np.exp(numbers[2:3])
        field = sample_gaussians(numbers[np.newaxis, :2], size, SHAPE)[0] / (2 * np.pi * size**2)
        return w - numbers[3] * (R @ field)

    fits = [least_squares(residual, [*pixel, log_size, 1.0]) for pixel in np.ndindex(SHAPE)]
    best = min(fits, key=lambda fit: fit.cost).x[:2]
    return sum(np.linalg.norm(fit.x[:2] - best) < NEAR for fit in fits)
