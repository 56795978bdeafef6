"""Checks of the exercise of "Going further: thousands of tests"."""

import numpy as np

from helpers import inference
from helpers.exercises.answers import exercise, expect_array, expect_choice
from helpers.ridge import RidgeCV


@exercise(1)
def check_1(p_11, p_cycles, asks_11, asks_cycles, recording, alpha):
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
                (
                    start,
                    size,
                    False,
                    "the pieces still have means of their own. What does R2 make of them? Centre "
                    "the images and the responses in each piece.",
                ),
                (onset - start, size, True, "at which row should the first piece begin?"),
                (
                    onset - start,
                    23 - size,
                    True,
                    "this is from the other kind of pieces. How many volumes should one have?",
                ),
            )
        )
        wanted = _piece_p(recording, few, alpha, start, size, True)
        # Luck of some hundred orders moves a p near .5 by .05, one of 100 voxels by thrice that.
        expect_array(name, np.asarray(given)[few], wanted, 0.2, mistakes)
    says = (
        "is 11 a whole number of cycles of image and rest, 6 volumes each? See whether on/off "
        "voxels pass."
    )
    expect_choice("asks_11", asks_11, "any response", {"which image": says})
    says = "what happens to the rhythm of image and rest when whole cycles change places?"
    expect_choice("asks_cycles", asks_cycles, "which image", {"any response": says})


def _piece_p(recording, few, alpha, start, size, centred, n_orders=150):
    """Exchange the pieces of two runs, all orders side by side in one cross-validation."""
    length = int(np.sum(recording.runs == 0))
    rows = np.arange(start, start + (length - start) // size * size)
    rows = np.concatenate([rows, rows + length])
    x, y = recording.stimuli[rows], recording.bold[rows][:, ::4][:, few].astype(float)
    x, y = (table.reshape(-1, size, table.shape[1]) for table in (x, y))
    if centred:
        x, y = (pieces - pieces.mean(axis=1, keepdims=True) for pieces in (x, y))
    rng = np.random.default_rng(7)
    exchanged = [y, *(y[rng.permutation(len(y))] for _ in range(n_orders))]
    x, y = x.reshape(len(rows), -1), np.concatenate(exchanged, axis=2).reshape(len(rows), -1)
    scores = RidgeCV([alpha], cv=2).fit(x, y, groups=recording.runs[rows]).best_score_
    observed, *null = scores.reshape(1 + n_orders, -1)
    return inference.p_values(np.array(null), observed)
