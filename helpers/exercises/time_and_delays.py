"""Checks of the exercises of the chapter Time and delays."""

import numpy as np

from helpers.exercises.answers import exercise, expect_array, expect_choice
from helpers.features import Delayer
from helpers.ridge import RidgeCV

CLOSE = 1e-3  # R2: single precision is nearer, the mistakes are further off in some voxel
PENALTY = 1000.0
N_FOLDS = 5


@exercise(1)
def check_1(kept, asks, wrong_score, images, Y, runs):
    """Check what is left of the score when each run gets the images of the next.

    Parameters
    ----------
    kept : {"most", "half", "nothing"}
        How much of the score is left, over the voxels that score above 0 with the right images.
    asks : {"which image", "any response"}
        What a test that exchanges runs asks about.
    wrong_score : numpy.ndarray, shape (n_voxels,)
        Mean held-out R2 with the images of the next run, at a delay of 3 volumes.
    images : numpy.ndarray, shape (n_samples, n_pixels)
        Images without a shift, rest 0; all runs have equally many rows.
    Y : numpy.ndarray, shape (n_samples, n_voxels)
        Responses without a shift.
    runs : numpy.ndarray, shape (n_samples,)
        The run of each sample.
    """
    length = int((runs == 0).sum())
    next_run = np.roll(images, -length, axis=0)
    right = _score(_delayed(images, runs), Y, runs)
    wrong = _score(_delayed(next_run, runs), Y, runs)
    share = wrong[right > 0].sum() / right[right > 0].sum()
    order = ["nothing", "half", "most"]
    at = int(np.digitize(share, [0.3, 0.7]))
    more = "more is left. What do the two runs have in common, although their images differ?"
    less = "less is left. Which part of the score is about the image that was shown?"
    says = {word: more if place < at else less for place, word in enumerate(order) if place != at}
    expect_choice("kept", kept, order[at], says)
    timing = (
        "the wrong images are on at the right times, too. Can the test notice a response to any "
        "image?"
    )
    expect_choice("asks", asks, "which image", {"any response": timing})

    def mistakes():
        delayed = _delayed(next_run, runs)
        before = _delayed(np.roll(images, length, axis=0), runs)
        yield right, "these are the scores of the right images. Exchange the images first."
        yield (
            _score(before, Y, runs),
            "these are the scores of the images of the run before. Roll the other way.",
        )
        yield (
            _score(next_run, Y, runs),
            "the images are not delayed. The task asks for a delay of 3.",
        )
        yield _score(delayed, Y, runs, 100.0), "you used the penalty 100; the task asks for 1000."
        yield _score(delayed, Y, runs, n_folds=10), "you used 10 folds; the task asks for `cv=5`."

    expect_array("wrong_score", wrong_score, wrong, CLOSE, mistakes())


def _delayed(X, runs):
    return Delayer([3]).fit_transform(X, groups=runs)


def _score(X, Y, runs, alpha=PENALTY, n_folds=N_FOLDS):
    model = RidgeCV([alpha], cv=n_folds, dtype=np.float32)
    return model.fit(X, Y, groups=runs).best_score_
