"""Checks of the exercises of the chapter What the score hides."""

import numpy as np

from helpers.exercises.answers import exercise, expect_array, expect_number
from helpers.ridge import RidgeCV, run_folds

PENALTY = 1000.0
HUNDRED = 100


@exercise(1)
def check_1(honest, flattering, images, Y, runs):
    """Check the score of a hundred voxels that the other folds chose.

    Parameters
    ----------
    honest : sequence of float
        For each of ten folds, its mean R2 over the 100 voxels that are best by cross-validation
        on the other nine.
    flattering : float
        Mean R2 of the 100 voxels that are best on all ten folds.
    images : numpy.ndarray, shape (n_samples, n_pixels)
        Images with a shift of 2 volumes, rest 0.
    Y : numpy.ndarray, shape (n_samples, n_voxels)
        Responses of all voxels.
    runs : numpy.ndarray, shape (n_samples,)
        The run of each sample.
    """
    scores = _folds(images, Y, runs, 10)
    # Who is not among the best thousand on ten folds is not among the best 100 on nine of them.
    candidates = _best(scores, 10 * HUNDRED)
    wanted = []
    for fold, (train, _) in enumerate(run_folds(runs, 10)):
        inner = _folds(images[train], Y[train][:, candidates], runs[train], 9)
        wanted.append(scores[fold, candidates[_best(inner)]].mean())
    others = [_best(np.delete(scores, fold, axis=0)) for fold in range(10)]
    top = np.sort(scores, axis=1)
    leak = (
        "the models that chose these voxels were trained on the fold that you score. "
        "Fit new models without it."
    )
    own = "the fold that you score had a part in the choice of its voxels. Leave it out."
    each = "each fold chose its own best voxels. Which folds should choose for it?"
    worst = "these are the worst voxels. Where does argsort put the best ones?"
    mistakes = [
        ([scores[fold, chosen].mean() for fold, chosen in enumerate(others)], leak),
        (scores[:, _best(scores)].mean(axis=1), own),
        (top[:, -HUNDRED:].mean(axis=1), each),
        (top[:, :HUNDRED].mean(axis=1), worst),
    ]
    # The shortcut in `leak` moves a fold by one voxel in a hundred; rounding moves it by far less.
    expect_array("honest", honest, wanted, 1e-5, mistakes)
    one_choice = "here each fold chose its own voxels. Choose once, by the mean over all folds."
    mistakes = [
        (np.mean(wanted), "that is the mean of `honest`. Here all ten folds choose."),
        (top[:, -HUNDRED:].mean(), one_choice),
        (scores.mean(), "that is the mean over all voxels. Which hundred are the best?"),
    ]
    flatters = scores[:, _best(scores)].mean()
    expect_number("flattering", flattering, flatters, 1e-5, mistakes)


def _folds(X, Y, runs, n_folds):
    model = RidgeCV([PENALTY], cv=n_folds, dtype=np.float32)
    return model.fit(X, Y, groups=runs).cv_scores_[0]


def _best(scores, n=HUNDRED):
    return np.argsort(scores.mean(axis=0))[-n:]
