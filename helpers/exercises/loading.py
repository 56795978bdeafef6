"""Checks of the exercises of chapter 1, Loading."""

import numpy as np

from helpers.exercises.answers import exercise, expect_array, expect_choice, expect_number


@exercise(1)
def check_1(shape_of_X, shape_of_Y, lost, recording):
    """Check the shapes of the tables with a shift of 3 volumes, and the kind of rows lost.

    Parameters
    ----------
    shape_of_X, shape_of_Y : (int, int)
        Predicted shapes.
    lost : {"rest", "image"}
        Which rows of `X` a longer shift loses.
    recording : Recording
        The random runs with a shift of 2 volumes.
    """
    n_runs = len(np.unique(recording.runs))
    n_samples = len(recording.stimuli)
    for name, given, table in (
        ("shape_of_X", shape_of_X, recording.stimuli),
        ("shape_of_Y", shape_of_Y, recording.bold),
    ):
        columns = table.shape[1]
        mistakes = [
            (
                (columns, n_samples - n_runs),
                "each row is a sample. Which number should then come first?",
            ),
            (
                (n_samples, columns),
                "that is the shape with a shift of 2 volumes. What changes with 3?",
            ),
            (
                (n_samples - 1, columns),
                "you took one row off the whole table. Where is a shift applied?",
            ),
            (
                (n_samples - 3 * n_runs, columns),
                "how many of the 3 rows does each run lose already at a shift of 2?",
            ),
            (
                (n_samples + n_runs, columns),
                "a longer shift makes each run shorter. Count in the other direction.",
            ),
        ]
        expect_array(name, given, (n_samples - n_runs, columns), mistakes=mistakes)
    says = "`X` loses the end of each run. What is on the screen then?"
    expect_choice("lost", lost, "rest", {"image": says})


@exercise(2)
def check_2(row, n_same, seconds, at_peak, recording):
    """Check where the first image of run 1 stands, and when its volume was recorded.

    Parameters
    ----------
    row : int
        The first row of `X` that holds the image.
    n_same : int
        How many rows hold it.
    seconds : float
        Time from the start of the run to the volume in that row of `Y`, in s.
    at_peak : bool
        Whether the response to the image is at its peak there.
    recording : Recording
        The random runs with a shift of 2 volumes of 2 s.
    """
    onset = int(np.flatnonzero(recording.is_on)[0])
    block = np.flatnonzero((recording.stimuli == recording.stimuli[onset]).all(axis=1))
    counted = "Python counts rows from 0. How many rest rows come before this one?"
    shifted = "which of the two tables loses its first rows, `X` or `Y`?"
    expect_number("row", row, onset, 0, [(onset + 1, counted), (onset + 2, shifted)])
    every = "that counts the rows with any image. How many hold this one?"
    expect_number("n_same", n_same, len(block), 0, [(recording.is_on.sum(), every)])
    mistakes = [
        (
            2.0 * onset,
            "that is when the image appears. When is the volume in its row of `Y` recorded?",
        ),
        (
            2.0 * (onset - 2),
            "you went back in time. Does the response come before or after its image?",
        ),
        (onset + 2, "that is the number of the volume. How many seconds does a volume take?"),
    ]
    expect_number("seconds", seconds, 2.0 * (onset + 2), 0.01, mistakes)
    late = "find 4 s in the figure of the average response. Has the curve stopped climbing?"
    expect_choice("at_peak", at_peak, False, {True: late})


@exercise(3)
def check_3(shares, expected, recording):
    """Check how often each pixel is on, and how far fair coins would stray.

    Parameters
    ----------
    shares : numpy.ndarray, shape (n_pixels,)
        Share of the images in which each pixel is on.
    expected : float
        Standard deviation of the share of heads of a fair coin thrown once an image.
    recording : Recording
        The random runs.
    """
    rows = recording.stimuli[recording.is_on]
    images = np.unique(rows, axis=0)
    with_rest = "you average the rest rows as well. What does their -1 do to a mean?"
    rest_as_dark = "you count rest rows as dark images (all 0). Which rows hold an image?"
    mistakes = [
        (recording.stimuli.mean(axis=0), with_rest),
        ((recording.stimuli > 0).mean(axis=0), rest_as_dark),
        (images.sum(axis=0), "these are counts. What turns a count into a share?"),
    ]
    expect_array("shares", shares, images.mean(axis=0), 1e-6, mistakes)
    mistakes = [
        (0.5 / np.sqrt(len(rows)), "you count rows. How many rows does each image fill?"),
        (
            0.25 / len(images),
            "that is the variance. How do you get the standard deviation from it?",
        ),
        (0.5, "that holds for a single throw. A share is the mean of many throws."),
        (images.mean(axis=0).std(), "that is what you measured. What would fair coins give?"),
    ]
    # Lets three digits pass, and not the deviation that was measured.
    expect_number("expected", expected, 0.5 / np.sqrt(len(images)), 5e-5, mistakes)
