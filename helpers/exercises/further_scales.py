"""Checks of the exercises of the page "Going further: do larger patches help?"."""

import numpy as np

from helpers.exercises.answers import exercise, expect_array, expect_choice

N_DRAWS = 10_000


@exercise(1)
def check_1(widths, report, f1_multi, f1_blurred, figure):
    """Check the widths of three bootstrap intervals, and which of them to report.

    Parameters
    ----------
    widths : array_like, shape (3,)
        Of the 95 % intervals of the mean difference: figures in pairs, trials in pairs, figures
        drawn separately for each method.
    report : {"figures", "trials", "separate figures"}
        Which interval to report.
    f1_multi, f1_blurred : array_like, shape (n_trials,)
        F1 of each trial's drawing, by either method.
    figure : array_like of int, shape (n_trials,)
        Number of the figure that was seen.
    """
    rng = np.random.default_rng(1)
    trials = np.array([f1_multi, f1_blurred], dtype=float)
    n_trials = np.bincount(figure)
    figures = np.array([np.bincount(figure, method) / n_trials for method in trials])
    ahead, ahead_in_trials = figures[0] - figures[1], trials[0] - trials[1]
    draws, others = (rng.integers(0, len(ahead), (N_DRAWS, len(ahead))) for _ in range(2))
    means = [
        ahead[draws].mean(axis=1),
        ahead_in_trials[rng.integers(0, len(figure), (N_DRAWS, len(figure)))].mean(axis=1),
        figures[0][draws].mean(axis=1) - figures[1][others].mean(axis=1),
    ]
    right = _widths(means, 0.95)
    shuffled = rng.integers(0, len(figure), (2, N_DRAWS, len(figure)))
    separate_trials = trials[0][shuffled[0]].mean(axis=1) - trials[1][shuffled[1]].mean(axis=1)
    mistakes = [
        (_widths(means, 0.9), "those are 90 % intervals. Leave 2.5 % of the means on each side."),
        (right / 2, "those are half widths. Subtract the lower end from the upper one."),
        (right[[1, 0, 2]], "the first two are in another order: figures first, then trials."),
        (
            [right[0], right[1], *_widths([separate_trials], 0.95)],
            "the last one has separate trials. Draw figures, once for each method.",
        ),
        (
            [right[0], right[1], right[0]],
            "the last one is paired too. Draw the figures anew for the second method.",
        ),
        (
            [np.ptp(np.quantile(values, [0.025, 0.975])) for values in (ahead, ahead_in_trials)]
            + [right[2]],
            "the first two are ranges of single differences. Average in each repetition first.",
        ),
    ]
    # Widths of 2,000 draws scatter by about 2 %.
    expect_array("widths", widths, right, 0.08 * right, mistakes)
    says = {
        "trials": "if a figure is easy to draw in one trial, is it not easy in the others too?",
        "separate figures": "both methods drew the same figures. What cancels in a difference?",
    }
    expect_choice("report", report, "figures", says)


def _widths(means, share):
    ends = [np.quantile(values, [(1 - share) / 2, (1 + share) / 2]) for values in means]
    return np.ptp(ends, axis=1)
