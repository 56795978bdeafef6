"""Checks of the exercises of chapter 11, Identification."""

import numpy as np

from helpers.exercises.answers import exercise, expect_number

N_BEST = (10, 30, 100, 300, 1000)


@exercise(1)
def check_1(enough, most, report, measured, predicted, n_voxels):
    """Check how many voxels are enough, how many are best, and what may be reported.

    Parameters
    ----------
    enough : int
        The smallest of 10, 30, 100, 300 and 1,000 voxels with which the correlation identifies at
        least half of the trials among 1,000 candidates; 0 if none does.
    most : int
        The number of voxels that identifies most trials.
    report : float
        The share identified that may be reported: that with `n_voxels` voxels.
    measured : numpy.ndarray, shape (n_trials, n_voxels)
        Test trials of the first images of the pool, in order; the best voxels come first.
    predicted : numpy.ndarray, shape (n_pool, n_voxels)
        Predictions for the pool, of which the first 1,000 are the candidates.
    n_voxels : int
        The number of voxels that was chosen without the test, one of the five.
    """
    found = {n: _share(measured[:, :n], predicted[:, :n]) for n in N_BEST}
    wanted = next((n for n in N_BEST if found[n] >= 0.5), 0)
    mistakes = [
        (n, f"with so many voxels only {share:.0%} of trials are identified, less than half.")
        if share < 0.5
        else (n, "so many are enough, and fewer are enough, too.")
        for n, share in found.items()
    ]
    hint = "It should be one of 10, 30, 100, 300 and 1,000, or 0 if none of them is enough."
    expect_number("enough", enough, wanted, 0, mistakes, hint)
    largest = max(found.values())
    best = [n for n in N_BEST if found[n] == largest]
    says = (
        "another number identifies more trials. Are more voxels always better? Look at the table."
    )
    mistakes = [(n, says) for n in N_BEST if n not in best]
    right = most if np.ndim(most) == 0 and most in best else best[0]
    expect_number("most", most, right, 0, mistakes, "It should be one of the five numbers.")
    says = (
        "you know only from the test that this number of voxels does well. Which number was "
        "chosen before the test?"
    )
    mistakes = [(share, says) for n, share in found.items() if n != n_voxels]
    hint = "It is the share identified with the number of voxels that was chosen before the test."
    expect_number("report", report, found[n_voxels], 0.005, mistakes, hint)


def _share(measured, predicted):
    """Share of trials whose own image correlates best among the first 1,000 candidates."""
    tables = measured, predicted[:1000]
    rows = [table - table.mean(axis=1, keepdims=True) for table in tables]
    y, f = (table / np.linalg.norm(table, axis=1, keepdims=True) for table in rows)
    return np.mean((y @ f.T).argmax(axis=1) == np.arange(len(y)))
