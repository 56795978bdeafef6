"""Checks of the exercises of chapter 7, Significance and ceiling."""

import numpy as np
from scipy import stats

from helpers import inference
from helpers.exercises.answers import exercise, expect_array, expect_choice, expect_number
from helpers.ridge import RidgeCV


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
        Scores by luck.
    score : numpy.ndarray, shape (n_voxels,)
        Observed scores.
    """
    counts = np.array([19, 99, 499])
    mistakes = [
        (1 / counts, "count the recording as it is as a permutation, above and below the line."),
        (np.zeros(3), "luck reaches a score at least once: the recording counts."),
        (2 / (1 + counts), "the recording counts once, and no other order has to reach its score."),
    ]
    expect_array("smallest_p", smallest_p, 1 / (1 + counts), 1e-4, mistakes)
    # At rank k the line of q = .05 has the height .05 k / v.
    wanted = 20 / (1 + counts)
    p = inference.p_values(null[:19], score)
    p = np.sort(p[~np.isnan(p)])
    mistakes = [
        (wanted * len(p), "these are numbers of voxels. Divide them by the number of all."),
        (
            0.05 / (1 + counts),
            "the line of q = .05 has the height .05 at the last rank only.",
        ),
        (1 / (1 + counts), "these are the p. At which rank does the line of q = .05 reach them?"),
        (1 - wanted, "that is the share on the other side of the crossing."),
    ]
    expect_array("share_needed", share_needed, wanted, 1e-3, mistakes)
    below = np.flatnonzero(p <= 0.05 * np.arange(1, len(p) + 1) / len(p))
    passed = below[-1] + 1 if below.size else 0
    mistakes = [
        (np.sum(p < 0.051), "so many have the smallest p. For q their share of all voxels counts."),
        (round(0.05 * len(p)), "so many would have p up to .05 by luck alone."),
    ]
    expect_number("passed_19", passed_19, passed, 0, mistakes, "Look at the first `share_needed`.")


@exercise(2)
def check_2(naive_by_count, corrected_by_count, scatter, trial, in_area, true):
    """Check both ceilings from the first 2, 3, 4 and 8 trials of each image.

    Parameters
    ----------
    naive_by_count, corrected_by_count : array_like, shape (4,)
        Mean ceilings over the voxels of the area.
    scatter : array_like, shape (4,)
        Standard deviation over its voxels of corrected minus true ceiling.
    trial : helpers.inference.Trials
        Trials of the figure runs.
    in_area : numpy.ndarray of bool, shape (n_voxels,)
        Which voxels are in the area.
    true : numpy.ndarray, shape (n_voxels,)
        True ceilings.
    """
    kept = [_first_trials(trial, count) for count in (2, 3, 4, 8)]
    naive, corrected = zip(*(_ceilings(trial, rows) for rows in kept), strict=True)
    inside = np.array(naive)[:, in_area], np.array(corrected)[:, in_area]
    means, everywhere = [table.mean(axis=1) for table in inside], "that is over all voxels."
    swapped = "that is the other ceiling."
    outside = np.mean(naive, axis=1), np.mean(corrected, axis=1)
    mistakes = [(means[1], swapped), (outside[0], everywhere)]
    # Far less than these mistakes change; single precision costs less than that.
    expect_array("naive_by_count", naive_by_count, means[0], 0.002, mistakes)
    clipped = np.maximum(inside[1], 0).mean(axis=1)
    mistakes = [
        (means[0], swapped),
        (outside[1], everywhere),
        (clipped, "with 0 for what is negative the mean keeps only the luck that goes up."),
    ]
    expect_array("corrected_by_count", corrected_by_count, means[1], 0.002, mistakes)
    errors = inside[1] - true[in_area]
    mistakes = [
        (inside[1].std(axis=1), "voxels differ in their true ceilings, too. Subtract these first."),
        (np.abs(errors).mean(axis=1), "that is the mean size of the error, bias included."),
        (errors.mean(axis=1), "that is the mean error, the bias. How far do voxels lie about it?"),
        (errors.var(axis=1), "that is the variance. The standard deviation is its root."),
        ((inside[0] - true[in_area]).std(axis=1), "that is of the naive ceiling."),
    ]
    expect_array("scatter", scatter, errors.std(axis=1), 0.002, mistakes)


@exercise(3)
def check_3(p_11, p_cycles, asks_11, asks_cycles, recording, alpha):
    """Check the p-values of two runs whose pieces change places, and what they are about.

    Parameters
    ----------
    p_11, p_cycles : array_like, shape (n_voxels of every fourth,)
        From centred pieces of 11 volumes, and of two whole cycles from the first image on.
    asks_11, asks_cycles : {"which image", "any response"}
        What a voxel has to do to pass.
    recording : Recording
        The random runs.
    alpha : float
        Penalty.
    """
    onset = int(np.argmax(recording.is_on))
    for name, given, start, size in (("p_11", p_11, 0, 11), ("p_cycles", p_cycles, onset, 12)):
        every_fourth = np.full(recording.bold[:1, ::4].shape[1], 0.5)
        expect_array(name, given, every_fourth, 0.5)  # a number from 0 to 1 for each
        few = slice(None, None, max(len(every_fourth) // 100, 1))
        mistakes = (
            (_piece_p(recording, few, alpha, *wrong[:-1]), wrong[-1])
            for wrong in (
                (start, size, False, "pieces have means of their own. Centre X and Y in each."),
                (onset - start, size, True, "the pieces begin at another row."),
                (onset - start, 23 - size, True, "that is from the other pieces."),
            )
        )
        wanted = _piece_p(recording, few, alpha, start, size, True)
        # Luck of some hundred orders moves a p near .5 by .05, one of 100 voxels by thrice that.
        expect_array(name, np.asarray(given)[few], wanted, 0.2, mistakes)
    says = "are 11 volumes a whole number of cycles of image and rest? On_off voxels answer that."
    expect_choice("asks_11", asks_11, "any response", {"which image": says})
    says = "each piece has the same rhythm of image and rest, in whatever order they come."
    expect_choice("asks_cycles", asks_cycles, "which image", {"any response": says})


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


def _piece_p(recording, few, alpha, start, size, centred, n_orders=150):
    """Deal the pieces of two runs out anew, all orders side by side in one cross-validation."""
    length = int(np.sum(recording.runs == 0))
    rows = np.arange(start, start + (length - start) // size * size)
    rows = np.concatenate([rows, rows + length])
    x, y = recording.stimuli[rows], recording.bold[rows][:, ::4][:, few].astype(float)
    x, y = (table.reshape(-1, size, table.shape[1]) for table in (x, y))
    if centred:
        x, y = (pieces - pieces.mean(axis=1, keepdims=True) for pieces in (x, y))
    rng = np.random.default_rng(7)
    dealt = [y, *(y[rng.permutation(len(y))] for _ in range(n_orders))]
    x, y = x.reshape(len(rows), -1), np.concatenate(dealt, axis=2).reshape(len(rows), -1)
    scores = RidgeCV([alpha], cv=2).fit(x, y, groups=recording.runs[rows]).best_score_
    observed, *by_luck = scores.reshape(1 + n_orders, -1)
    return inference.p_values(np.array(by_luck), observed)
