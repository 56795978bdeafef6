"""Checks of the exercises of the page Going further: the shape of the response."""

import numpy as np

from helpers.exercises.answers import exercise, expect_array, expect_choice, expect_number
from helpers.features import Delayer
from helpers.ridge import RidgeCV

CLOSE = 1e-3  # R2: single precision is nearer, the mistakes are further off in some voxel
N_FOLDS = 5


@exercise(1)
def check_1(regressor_scores, conditions, rising, opposite, alike, well, stimulus, Y, runs):
    """Check what more delays of the stimulus regressor bring.

    Parameters
    ----------
    regressor_scores : sequence of three numpy.ndarray, shape (n_voxels,)
        Mean held-out R2 with the delays 1 to 4, 0 to 5 and 0 to 8.
    conditions : sequence of three float
        Condition numbers of the delayed columns, minus their means.
    rising : bool
        Whether the mean score of the well-predicted voxels grows by more than a tenth from the
        first to the last.
    opposite, alike : int
        The delay, from 1 to 8, whose column is least and most like the one without a delay.
    well : numpy.ndarray of bool, shape (n_voxels,)
        Which voxels are predicted well.
    stimulus : numpy.ndarray, shape (n_samples, 1)
        1 while an image is on, without a shift.
    Y : numpy.ndarray, shape (n_samples, n_voxels)
        Responses without a shift.
    runs : numpy.ndarray, shape (n_samples,)
        The run of each sample.
    """
    tables = [_delayed(stimulus, runs, delays) for delays in (range(1, 5), range(6), range(9))]
    scores = [_score(table, Y, runs) for table in tables]
    others = _other_delays(stimulus, Y, runs)
    expect_array("regressor_scores", regressor_scores, scores, CLOSE, others)
    # The condition number of a table is the root of that of its columns' covariance.
    spreads = [np.linalg.eigvalsh(np.cov(table.T)) for table in tables]
    wanted = np.array([np.sqrt(values[-1] / values[0]) for values in spreads])
    means = "the columns still contain their means. Subtract the mean of each column first."
    squares = "these are squares of the right values. Use the table itself, not its covariance."
    mistakes = [([np.linalg.cond(table) for table in tables], means), (wanted**2, squares)]
    expect_array("conditions", conditions, wanted, 0.5, mistakes)  # whole numbers will do
    first, _, last = (values[well].mean() for values in scores)
    found = bool(last > 1.1 * first)
    compare = "compare the first and the last mean over the voxels in `well`."
    expect_choice("rising", rising, found, {not found: compare})
    like = np.corrcoef(tables[2].T)[0, 1:]
    rhythm = "Count volumes: an image stays for three, and the next one comes after six."
    least, most = int(like.argmin()) + 1, int(like.argmax()) + 1
    expect_number(
        "opposite", opposite, least, 0, [(most, "at that delay they are the most alike.")], rhythm
    )
    expect_number("alike", alike, most, 0, [(least, "that delay is the opposite.")], rhythm)


def _delayed(X, runs, delays):
    return Delayer(list(delays)).fit_transform(X, groups=runs)


def _score(X, Y, runs):
    return RidgeCV([1.0], cv=N_FOLDS, dtype=np.float32).fit(X, Y, groups=runs).best_score_


def _other_delays(stimulus, Y, runs):
    short = [_delayed(stimulus, runs, delays) for delays in (range(1, 4), range(5), range(8))]
    last = "the last delay of each table is missing. Where does `range` stop?"
    yield [_score(table, Y, runs) for table in short], last
    single = [_delayed(stimulus, runs, [delay]) for delay in (4, 5, 8)]
    yield [_score(table, Y, runs) for table in single], "give the model all delays at once."
