"""Checks of the exercise of chapter 9, Significance."""

import numpy as np

from helpers import inference
from helpers.exercises.answers import exercise, expect_array, expect_number


@exercise(1)
def check_1(smallest_p, share_needed, passed_19, null, score):
    """Check what 19, 99 and 499 permutations can say at best.

    Parameters
    ----------
    smallest_p : array_like, shape (3,)
        Smallest p with so many permutations.
    share_needed : array_like, shape (3,)
        Share of the voxels that must have this p, for any to have q up to .05.
    passed_19 : int
        Voxels with q up to .05 after 19 permutations.
    null : numpy.ndarray, shape (n_permutations, n_voxels)
        Scores of permuted runs.
    score : numpy.ndarray, shape (n_voxels,)
        Observed scores.
    """
    counts = np.array([19, 99, 499])
    mistakes = [
        (
            1 / counts,
            "the recording as it is counts as a permutation, too. Did you divide by all of them?",
        ),
        (np.zeros(3), "can P be 0, if the recording as it is counts as one of the permutations?"),
        (
            2 / (1 + counts),
            "how many reach the score if no permutation does? Only the recording does, once.",
        ),
    ]
    expect_array("smallest_p", smallest_p, 1 / (1 + counts), 1e-4, mistakes)
    # The q of k voxels with the smallest p is v p / k.
    wanted = 20 / (1 + counts)
    p = inference.p_values(null[:19], score)
    p = np.sort(p[~np.isnan(p)])
    mistakes = [
        (wanted * len(p), "these are numbers of voxels. What share of all voxels is that?"),
        (
            0.05 / (1 + counts),
            "this is .05 times the smallest P. Solve v P / k = .05 for the share k / v instead.",
        ),
        (
            1 / (1 + counts),
            "these are the smallest P. How many voxels must share one, so that v P / k is .05?",
        ),
        (1 - wanted, "this is the share of voxels that need not have the smallest P."),
    ]
    expect_array("share_needed", share_needed, wanted, 1e-3, mistakes)
    below = np.flatnonzero(p <= 0.05 * np.arange(1, len(p) + 1) / len(p))
    passed = below[-1] + 1 if below.size else 0
    mistakes = [
        (
            np.sum(p < 0.051),
            "so many voxels have the smallest P. Are they the share of all voxels that q asks for?",
        ),
        (
            round(0.05 * len(p)),
            "that is how many voxels would have P up to .05 by luck. How many have q up to .05?",
        ),
    ]
    hint = "What does the first number of `share_needed` ask of the mask?"
    expect_number("passed_19", passed_19, passed, 0, mistakes, hint)
