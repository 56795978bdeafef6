"""Checks of the exercise of chapter 10, Noise ceiling."""

import numpy as np
from scipy import stats

from helpers.exercises.answers import exercise, expect_array


@exercise(1)
def check_1(naive_by_count, corrected_by_count, scatter, trial, in_area, true):
    """Check both ceilings from the first 2, 3, 4 and 8 trials of each image.

    Parameters
    ----------
    naive_by_count, corrected_by_count : array_like, shape (4,)
        Mean ceilings over the voxels of the area.
    scatter : array_like, shape (4,)
        Standard deviation over its voxels of corrected minus true ceiling.
    trial : helpers.data.Trials
        Trials of the figure runs.
    in_area : numpy.ndarray of bool, shape (n_voxels,)
        Which voxels are in the area.
    true : numpy.ndarray, shape (n_voxels,)
        True ceilings.
    """
    kept = [_first_trials(trial, count) for count in (2, 3, 4, 8)]
    naive, corrected = zip(*(_ceilings(trial, rows) for rows in kept), strict=True)
    inside = np.array(naive)[:, in_area], np.array(corrected)[:, in_area]
    means = [table.mean(axis=1) for table in inside]
    everywhere = "this is the mean over all voxels. Which of them are in V1?"
    swapped = "this is the other ceiling. Which of the two subtracts 1 from F?"
    outside = np.mean(naive, axis=1), np.mean(corrected, axis=1)
    mistakes = [(means[1], swapped), (outside[0], everywhere)]
    # Far less than these mistakes change; single precision costs less than that.
    expect_array("naive_by_count", naive_by_count, means[0], 0.002, mistakes)
    clipped = np.maximum(inside[1], 0).mean(axis=1)
    mistakes = [
        (means[0], swapped),
        (outside[1], everywhere),
        (
            clipped,
            "negative ceilings were set to 0. Which way does luck move the mean if only the "
            "ceilings that it raised are kept?",
        ),
    ]
    expect_array("corrected_by_count", corrected_by_count, means[1], 0.002, mistakes)
    errors = inside[1] - true[in_area]
    mistakes = [
        (
            inside[1].std(axis=1),
            "voxels also differ in their true ceilings. Subtract these before you take the SD.",
        ),
        (
            np.abs(errors).mean(axis=1),
            "this is the mean size of the error, bias included. How far do errors scatter about "
            "their own mean?",
        ),
        (
            errors.mean(axis=1),
            "this is the mean error, the bias. How far do errors scatter about it?",
        ),
        (errors.var(axis=1), "this is the variance. The standard deviation is its square root."),
        (
            (inside[0] - true[in_area]).std(axis=1),
            "this is the scatter of the naive ceiling. Take the corrected one.",
        ),
    ]
    expect_array("scatter", scatter, errors.std(axis=1), 0.002, mistakes)


def _first_trials(trial, count):
    """Rows of the first trials of each image."""
    rows = [np.flatnonzero(trial.image == i)[:count] for i in np.unique(trial.image)]
    return np.sort(np.concatenate(rows))


def _ceilings(trial, rows):
    """Naive and corrected ceiling from the F of an analysis of variance."""
    y, image = trial.responses[rows], trial.image[rows]
    groups = [y[image == i] for i in np.unique(image)]
    F = stats.f_oneway(*groups).statistic
    between, within = len(groups) - 1, len(y) - len(groups)
    total = between * F + within
    return between * F / total, between * (F - 1) / total
