"""Checks of the exercises of chapter 6, Recovering the truth."""

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold

from helpers.exercises.answers import exercise, expect_array, expect_choice, expect_number
from helpers.receptive_fields import fit_gaussians
from helpers.ridge import RidgeCV

ALPHA = 100.0  # the chapter's penalty
EXACT = 1e-6  # pixels: centres lie on a grid, so any solver of the same regression finds them
FOLDS = 0.02  # of R2: other folds of whole runs are as good, and differ by less


@exercise(1)
def check_1(between, half_error, blind_to, recording, truth, chosen):
    """Check the distance between the centres of two halves beside the true error of one.

    Parameters
    ----------
    between : numpy.ndarray, shape (n_chosen,)
        Distance in pixels between the centres of runs 0, 2, 4 ... and of runs 1, 3, 5 ...
    half_error : numpy.ndarray, shape (n_chosen,)
        Distance in pixels of the centres of runs 0, 2, 4 ... from the truth.
    blind_to : {"noise", "order"}
        What the distance between halves cannot notice.
    recording : Recording
        The random runs with a delay of 2 volumes.
    truth : Truth
        What the twin was made from.
    chosen : numpy.ndarray of int, shape (n_chosen,)
        The columns of the chosen voxels.
    """
    X, Y, runs = recording.stimuli, recording.bold[:, chosen], recording.runs
    even, odd = _two(X, Y, runs % 2 == 0)
    true = truth.centre[chosen]
    apart = even - odd

    def other_distances():
        first, second = _two(X, Y, runs < (runs.max() + 1) / 2)
        one, other = _two(X, Y, np.arange(len(X)) % 2 == 0)
        yield (
            _distance(first, second),
            "these halves are the first and the last runs. Use every other run.",
        )
        yield (
            _distance(one, other),
            "you split single volumes, and neighbouring ones share noise. Split whole runs.",
        )
        yield (apart**2).sum(axis=1), "these are squared distances. Take the square root."
        yield (
            np.abs(apart).sum(axis=1),
            "you added the differences in row and column. How long is the straight line?",
        )

    def other_errors():
        yield _distance(odd, true), "that is the error of the odd runs. Use runs 0, 2, 4 ..."
        yield (
            _distance(_centres(X, Y), true),
            "that is the error with all runs. Fit the even runs only.",
        )
        yield (
            _distance(even, odd),
            "that is the distance between the halves again. Compare one half with the truth.",
        )

    expect_array("between", between, _distance(even, odd), EXACT, other_distances())
    expect_array("half_error", half_error, _distance(even, true), EXACT, other_errors())
    seen = "each half has noise of its own. What does that do to the two centres?"
    expect_choice("blind_to", blind_to, "order", {"noise": seen})


@exercise(2)
def check_2(best_peak, moved, score_3, centre_3, recording, truth, chosen):
    """Check what a delay of 3 volumes does to scores and centres.

    Parameters
    ----------
    best_peak : float
        Predicted true peak, in s, at which the share of the ceiling is largest.
    moved : bool
        Whether the median centre error changes by more than a tenth of a pixel.
    score_3 : numpy.ndarray, shape (n_chosen,)
        Mean held-out R2 with a delay of 3 volumes.
    centre_3 : numpy.ndarray, shape (n_chosen, 2)
        Centres with a delay of 3 volumes: row and column in pixels.
    recording : Recording
        The random runs with a delay of 2 volumes.
    truth : Truth
        What the twin was made from.
    chosen : numpy.ndarray of int, shape (n_chosen,)
        The columns of the chosen voxels.
    """
    X, Y, runs = recording.stimuli, recording.bold[:, chosen], recording.runs
    ends = np.diff(runs, append=-1) != 0
    starts = np.roll(ends, 1)
    later = X[~ends], Y[~starts], runs[~ends]  # one volume more within each run
    score = _score(*later)
    share = score / truth.ceiling_random[chosen]
    peak = np.median(truth.peak[chosen][share > np.quantile(share, 0.9)])
    early = "those voxels do best with the shorter delay. Which ones respond a volume later?"
    copy = (
        "that is the delay itself, but more of a response comes after its peak than before it. "
        "When must the peak come?"
    )
    # A prediction: the curve is flat on top, so half a second and more either way is as good.
    expect_number("best_peak", best_peak, peak, 0.7, [(3.25, early), (6.0, copy)])
    places = _centres(later[0], later[1]), _centres(X, Y)
    errors = [np.median(_distance(found, truth.centre[chosen])) for found in places]
    shrinks = "a wrong delay acts on all weights of a voxel alike. Does that move its field?"
    wanted = bool(abs(errors[0] - errors[1]) > 0.1)
    expect_choice("moved", moved, wanted, {not wanted: shrinks})

    def other_scores():
        yield (
            _score(X, Y, runs),
            "these are the scores with a delay of 2 volumes. Use the recording with `shift=3`.",
        )
        yield share, "these are shares of the ceiling. Give the scores themselves."

    expect_array("score_3", score_3, score, FOLDS, other_scores())
    mistakes = [
        (places[1], "these are the centres with a delay of 2 volumes. Fit them again."),
        (places[0][:, ::-1], "row and column are exchanged: the row comes first."),
        (
            truth.centre[chosen],
            "these are the true centres. Use those that you fit to the weights.",
        ),
    ]
    expect_array("centre_3", centre_3, places[0], EXACT, mistakes)


def _score(X, Y, runs):
    # Single precision: less than 1e-4 of R2 off, and half the wait.
    model = RidgeCV([ALPHA], cv=GroupKFold(10), dtype=np.float32)
    return model.fit(X, Y, groups=runs).best_score_


def _centres(X, Y):
    return fit_gaussians(Ridge(ALPHA).fit(X, Y).coef_).centre


def _two(X, Y, half):
    return _centres(X[half], Y[half]), _centres(X[~half], Y[~half])


def _distance(found, other):
    return np.linalg.norm(found - other, axis=1)
