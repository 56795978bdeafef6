"""Checks of the exercises of chapter 5, Recovering the truth."""

import numpy as np
from sklearn.linear_model import Ridge

from helpers.exercises.answers import exercise, expect_array, expect_choice, expect_number
from helpers.receptive_fields import fit_gaussians
from helpers.ridge import RidgeCV

ALPHA = 100.0  # the chapter's penalty
EXACT = 1e-6  # pixels: centres lie on a grid, so any solver of the same regression finds them


@exercise(1)
def check_1(halves_tell, apart_right, apart_wrong, gap_right, gap_wrong, centre, truth, strong):
    """Check what gives away that the label files were read in C order.

    Parameters
    ----------
    halves_tell : bool
        Whether centres of two halves of the runs move apart.
    apart_right, apart_wrong : {"row", "column"}
        Where the hemispheres of V1 differ more, read right and in C order.
    gap_right, gap_wrong : numpy.ndarray, shape (2,)
        Median centre of V1 in the left hemisphere minus that in the right: row, column, in pixels.
    centre : numpy.ndarray, shape (n_strong, 2)
        Centres of the strong voxels, read right.
    truth : Truth
        What the twin was made from.
    strong : numpy.ndarray of bool, shape (n_voxels,)
        Which voxels are strong.
    """
    together = "both halves are read in the same wrong order, so their centres move together."
    expect_choice("halves_tell", halves_tell, False, {True: together})
    names = np.array(["row", "column"])
    side, area = truth.hemisphere[strong], truth.area[strong]
    v1 = np.char.startswith(area, "V1")
    gap = _gap(centre, side, v1)
    opposite = "each hemisphere sees the opposite half of the field: is that a row or a column?"
    turned = "in C order the rows and columns of every field change places."
    widest = names[np.argsort(np.abs(gap))]
    expect_choice("apart_right", apart_right, str(widest[1]), {str(widest[0]): opposite})
    expect_choice("apart_wrong", apart_wrong, str(widest[0]), {str(widest[1]): turned})
    # Read in C order, a field is mirrored about the diagonal: its row and column change places.
    orders = [
        ("gap_right", gap_right, centre, "rows come first. (Or are these the centres in C order?)"),
        ("gap_wrong", gap_wrong, centre[:, ::-1], "these are the centres read right."),
    ]
    for name, given, places, swapped in orders:
        wanted = _gap(places, side, v1)
        mistakes = [
            (wanted[::-1], swapped),
            (-wanted, "take the left hemisphere minus the right one."),
            (_gap(places, side, np.ones_like(v1)), "these are voxels of all areas, not of V1."),
            (_gap(places, side, area == "V1d"), "V1 has two parts, V1d and V1v."),
            (_gap(places, side, v1, np.mean), "these are means. Take the medians."),
        ]
        # Medians lie on eighths of a pixel.
        expect_array(name, given, wanted, 0.05, mistakes)


@exercise(2)
def check_2(best_peak, moved, score_3, centre_3, recording, truth, strong):
    """Check what a shift of 3 volumes does to scores and centres.

    Parameters
    ----------
    best_peak : float
        Predicted true peak, in s, at which the share of the ceiling is largest.
    moved : bool
        Whether the median centre error changes by more than a tenth of a pixel.
    score_3 : numpy.ndarray, shape (n_strong,)
        Mean held-out R2 with a shift of 3 volumes.
    centre_3 : numpy.ndarray, shape (n_strong, 2)
        Centres with a shift of 3 volumes: row and column in pixels.
    recording : Recording
        The random runs with a shift of 2 volumes.
    truth : Truth
        What the twin was made from.
    strong : numpy.ndarray of bool, shape (n_voxels,)
        Which voxels are strong.
    """
    X, Y, runs = recording.stimuli, recording.bold[:, strong], recording.runs
    ends = np.diff(runs, append=-1) != 0
    starts = np.roll(ends, 1)
    later = X[~ends], Y[~starts], runs[~ends]  # one volume more within each run
    score = _score(*later)
    share = score / truth.ceiling_random[strong]
    peak = np.median(truth.peak[strong][share > np.quantile(share, 0.9)])
    early = "the shorter shift served those voxels best. A later one serves later ones."
    copy = "that is the shift itself. More of a response comes after its peak than before."
    # A prediction: the curve is flat on top, so half a second either way is as good.
    expect_number("best_peak", best_peak, peak, 0.6, [(3.25, early), (6.0, copy)])
    places = _centres(later[0], later[1]), _centres(X, Y)
    errors = [np.median(_distance(found, truth.centre[strong])) for found in places]
    shrinks = "timing acts on all pixels of a voxel alike. Does that move its field?"
    wanted = bool(abs(errors[0] - errors[1]) > 0.1)
    expect_choice("moved", moved, wanted, {not wanted: shrinks})

    def other_scores():
        yield _score(X, Y, runs), "these are the scores with a shift of 2 volumes."
        yield share, "these are shares of the ceiling. Give the scores themselves."

    expect_array("score_3", score_3, score, 1e-3, other_scores())
    mistakes = [
        (places[1], "these are the centres with a shift of 2 volumes."),
        (places[0][:, ::-1], "the row comes first, then the column."),
        (truth.centre[strong], "these are the true centres."),
    ]
    expect_array("centre_3", centre_3, places[0], EXACT, mistakes)


@exercise(3)
def check_3(between, half_error, blind_to, recording, truth, strong):
    """Check the distance between the centres of two halves beside the true error of one.

    Parameters
    ----------
    between : numpy.ndarray, shape (n_strong,)
        Distance in pixels between the centres of runs 0, 2, 4 ... and of runs 1, 3, 5 ...
    half_error : numpy.ndarray, shape (n_strong,)
        Distance in pixels of the centres of runs 0, 2, 4 ... from the truth.
    blind_to : {"noise", "order"}
        What the distance between halves cannot notice.
    recording : Recording
        The random runs with a shift of 2 volumes.
    truth : Truth
        What the twin was made from.
    strong : numpy.ndarray of bool, shape (n_voxels,)
        Which voxels are strong.
    """
    X, Y, runs = recording.stimuli, recording.bold[:, strong], recording.runs
    even, odd = _two(X, Y, runs % 2 == 0)
    apart, true = even - odd, truth.centre[strong]

    def other_distances():
        first, second = _two(X, Y, runs < (runs.max() + 1) / 2)
        one, other = _two(X, Y, np.arange(len(X)) % 2 == 0)
        yield _distance(first, second), "these are first and last runs. Take every other one."
        yield _distance(one, other), "you deal out volumes. Neighbours share noise: deal out runs."
        yield (apart**2).sum(axis=1), "take the root: these are squared distances."
        yield np.abs(apart).sum(axis=1), "rows and columns are added up. A distance is shorter."

    def other_errors():
        yield _distance(odd, true), "that is the other half. Take runs 0, 2, 4 and so on."
        yield _distance(_centres(X, Y), true), "that is the error with all runs. Take one half."
        yield _distance(even, odd), "that is the distance between the halves again."

    expect_array("between", between, _distance(even, odd), EXACT, other_distances())
    expect_array("half_error", half_error, _distance(even, true), EXACT, other_errors())
    seen = "the halves have noise of their own, so it drives their centres apart."
    expect_choice("blind_to", blind_to, "order", {"noise": seen})


def _gap(centre, side, chosen, middle=np.median):
    left, right = (middle(centre[chosen & (side == name)], axis=0) for name in ("LH", "RH"))
    return left - right


def _score(X, Y, runs):
    # Single precision: less than 1e-4 of R2 off, and half the wait.
    return RidgeCV([ALPHA], cv=10, dtype=np.float32).fit(X, Y, groups=runs).best_score_


def _centres(X, Y):
    return fit_gaussians(Ridge(ALPHA).fit(X, Y).coef_).centre


def _two(X, Y, half):
    return _centres(X[half], Y[half]), _centres(X[~half], Y[~half])


def _distance(found, other):
    return np.linalg.norm(found - other, axis=1)
