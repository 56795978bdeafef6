"""Checks of the exercises of chapter 6, Better models."""

import numpy as np

from helpers.exercises.answers import exercise, expect_array, expect_choice, expect_number
from helpers.features import Delayer
from helpers.ridge import RidgeCV, run_folds

N_FOLDS = 5  # the chapter's `options`
CLOSE = 1e-3  # R2: single precision is nearer, the mistakes are further off in some voxel
LARGE = 1000.0  # the chapter's penalty for a single delay
HUNDRED = 100


@exercise(1)
def check_1(kept, asks, wrong_score, images_0, Y_0, runs_0):
    """Check what is left of the score when each run gets the images of the next.

    Parameters
    ----------
    kept : {"most", "half", "nothing"}
        How much of the score is left, over the voxels that score above 0 with the right images.
    asks : {"which image", "any response"}
        What a test that exchanges runs asks about.
    wrong_score : numpy.ndarray, shape (n_voxels,)
        Mean held-out R2 with the images of the next run, at a delay of 3 volumes.
    images_0 : numpy.ndarray, shape (n_samples, n_pixels)
        Images without a shift, rest 0; all runs have equally many rows.
    Y_0 : numpy.ndarray, shape (n_samples, n_voxels)
        Responses without a shift.
    runs_0 : numpy.ndarray, shape (n_samples,)
        The run of each sample.
    """
    length = int((runs_0 == 0).sum())
    next_run = np.roll(images_0, -length, axis=0)
    right = _score(_delayed(images_0, runs_0, (3,)), Y_0, runs_0, LARGE)
    wrong = _score(_delayed(next_run, runs_0, (3,)), Y_0, runs_0, LARGE)
    share = wrong[right > 0].sum() / right[right > 0].sum()
    order = ["nothing", "half", "most"]
    at = int(np.digitize(share, [0.3, 0.7]))
    more = "more is left. What do the two runs have in common, if not the images?"
    less = "less is left. Something of the score is about which image was shown."
    says = {word: more if place < at else less for place, word in enumerate(order) if place != at}
    expect_choice("kept", kept, order[at], says)
    timing = "the wrong run is right about when an image was on: the test cannot notice that."
    expect_choice("asks", asks, "which image", {"any response": timing})

    def mistakes():
        delayed = _delayed(next_run, runs_0, (3,))
        before = _delayed(np.roll(images_0, length, axis=0), runs_0, (3,))
        ten = _folds(delayed, Y_0, runs_0, 10).mean(axis=0)
        yield right, "these are the scores of the right images."
        yield _score(before, Y_0, runs_0, LARGE), "these images are those of the run before."
        yield _score(next_run, Y_0, runs_0, LARGE), "the images are not delayed."
        yield _score(delayed, Y_0, runs_0, 100.0), "the penalty is 1000 for a single delay."
        yield ten, "these are 10 folds. The chapter's `options` say 5."

    expect_array("wrong_score", wrong_score, wrong, CLOSE, mistakes())


@exercise(2)
def check_2(column_scores, conditions, rising, opposite, alike, in_v1, on_0, Y_0, runs_0):
    """Check what more delays of the on/off column bring.

    Parameters
    ----------
    column_scores : sequence of three numpy.ndarray, shape (n_voxels,)
        Mean held-out R2 with the delays 1 to 4, 0 to 5 and 0 to 8.
    conditions : sequence of three float
        Condition numbers of the delayed columns, minus their means.
    rising : bool
        Whether the mean score in V1 grows by more than a tenth from the first to the last.
    opposite, alike : int
        The delay, from 1 to 8, whose column is least and most like the one without a delay.
    in_v1 : numpy.ndarray of bool, shape (n_voxels,)
        Which voxels lie in V1.
    on_0 : numpy.ndarray, shape (n_samples, 1)
        1 while an image is on, without a shift.
    Y_0 : numpy.ndarray, shape (n_samples, n_voxels)
        Responses without a shift.
    runs_0 : numpy.ndarray, shape (n_samples,)
        The run of each sample.
    """
    tables = [_delayed(on_0, runs_0, lags) for lags in (range(1, 5), range(6), range(9))]
    scores = [_score(table, Y_0, runs_0, 1.0) for table in tables]
    expect_array("column_scores", column_scores, scores, CLOSE, _other_columns(on_0, Y_0, runs_0))
    # The condition number of a table is the root of that of its columns' covariance.
    spreads = [np.linalg.eigvalsh(np.cov(table.T)) for table in tables]
    wanted = np.array([np.sqrt(values[-1] / values[0]) for values in spreads])
    mistakes = [
        ([np.linalg.cond(table) for table in tables], "the columns' means are still in."),
        (wanted**2, "those of the covariance are squares. Take the columns themselves."),
    ]
    expect_array("conditions", conditions, wanted, 0.5, mistakes)  # whole numbers will do
    first, _, last = (values[in_v1].mean() for values in scores)
    found = bool(last > 1.1 * first)
    expect_choice("rising", rising, found, {not found: "compare the means over `in_v1`."})
    like = np.corrcoef(tables[2].T)[0, 1:]
    rhythm = "count volumes: an image stays for three, and the next one comes after six."
    least, most = int(like.argmin()) + 1, int(like.argmax()) + 1
    expect_number("opposite", opposite, least, 0, [(most, "that one is most alike.")], rhythm)
    expect_number("alike", alike, most, 0, [(least, "that one is the opposite.")], rhythm)


@exercise(3)
def check_3(honest, flattering, images, Y, runs):
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
    leak = "these models were trained on the fold that you score. Fit anew, without it."
    mistakes = [
        ([scores[fold, chosen].mean() for fold, chosen in enumerate(others)], leak),
        (scores[:, _best(scores)].mean(axis=1), "the fold itself had a part in the choice."),
        (top[:, -HUNDRED:].mean(axis=1), "each fold chose its own best voxels."),
        (top[:, :HUNDRED].mean(axis=1), "these are the worst voxels: argsort begins with them."),
    ]
    # The shortcut in `leak` moves a fold by one voxel in a hundred; rounding moves it by far less.
    expect_array("honest", honest, wanted, 1e-5, mistakes)
    mistakes = [
        (np.mean(wanted), "that is the honest mean."),
        (top[:, -HUNDRED:].mean(), "there each fold chose its own. Choose by the mean of all."),
        (scores.mean(), "that is the mean of all voxels."),
    ]
    flatters = scores[:, _best(scores)].mean()
    expect_number("flattering", flattering, flatters, 1e-5, mistakes)


def _delayed(X, runs, lags):
    return Delayer(list(lags)).fit_transform(X, groups=runs)


def _score(X, Y, runs, alpha):
    return _folds(X, Y, runs, N_FOLDS, alpha).mean(axis=0)


def _folds(X, Y, runs, n_folds, alpha=LARGE):
    return RidgeCV([alpha], cv=n_folds, dtype=np.float32).fit(X, Y, groups=runs).cv_scores_[0]


def _best(scores, n=HUNDRED):
    return np.argsort(scores.mean(axis=0))[-n:]


def _other_columns(on_0, Y_0, runs_0):
    short = [_delayed(on_0, runs_0, lags) for lags in (range(1, 4), range(5), range(8))]
    last = "each last delay is missing: `range` stops before its end."
    yield [_score(table, Y_0, runs_0, 1.0) for table in short], last
    single = [_delayed(on_0, runs_0, (lag,)) for lag in (4, 5, 8)]
    yield [_score(table, Y_0, runs_0, 1.0) for table in single], "give all delays at once."
