"""What the checks of chapter 2's exercises say to wrong answers."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score
from small_recordings import said, short_runs

from helpers.exercises import ridge_encoding

COUNTS = (2, 4, 6, 10, 18)
VOXEL = 1


@pytest.fixture(scope="module")
def recording():
    return short_runs()


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ((0, -3, 1), "right."),
        ((-0.0002, -3.0009, 1.0), "right."),
        ((1, 1, 1), "`r2_of_double` is 1: R2 is 1 only if every value"),
        ((-3, -8, 1), "the prediction itself for the error"),
        ((0, -8, 1), "`r2_of_triple` is -8: this takes the prediction itself"),
        ((0, -1, 1), "squared before they are added"),
        ((0, 4, 1), "the ratio of the two errors"),
        ((0.5, -3, 1), "too large"),
        ((0, -3, 2), "A correlation lies between -1 and 1"),
        ((0, -3, 0), "too small"),
        ((0, -3, ...), "`correlation` is still empty"),
        (("zero", -3, 1), "it should hold numbers"),
    ],
)
def test_twice_as_large(capsys, answers, says):
    y = np.random.default_rng(4).standard_normal(400)
    assert says in said(capsys, ridge_encoding.check_1, *answers, y - y.mean() + 0.01)


def after_fits(recording, method, score=r2_score, more=0, rows=None):
    X, y, runs = recording.stimuli, recording.bold[:, VOXEL], recording.runs
    scores = []
    for count in COUNTS:
        few = runs < count + more
        model = method.fit(X[few], y[few])
        part = few if rows == "training" else runs >= 18
        scores.append(score(y[part], model.predict(X[part])))
    return scores


def turned(measured, predicted):
    return r2_score(predicted, measured)


def squared(measured, predicted):
    return np.corrcoef(measured, predicted)[0, 1] ** 2


def test_fewer_runs(recording, capsys):
    plain, ridge = LinearRegression(), Ridge(alpha=100.0)
    one, two = after_fits(recording, plain), after_fits(recording, ridge)
    worst = COUNTS[int(np.argmin(one))]
    assert worst != 2  # the data show what the exercise is about
    for answers, says in [
        ((one, two, worst), "right."),
        ((np.round(one, 3), np.round(two, 3), worst), "right."),
        ((two, one, worst), "`by_least_squares`: these are the scores of the other method"),
        ((one, one, worst), "`by_ridge`: these are the scores of the other method"),
        (
            (after_fits(recording, plain, rows="training"), two, worst),
            "scores on the runs of the fit",
        ),
        (
            (one, after_fits(recording, ridge, rows="training"), worst),
            "scores on the runs of the fit",
        ),
        ((after_fits(recording, plain, turned), two, worst), "takes the measured response first"),
        ((one, after_fits(recording, ridge, squared), worst), "squared correlations"),
        ((after_fits(recording, plain, more=1), two, worst), "one run too many"),
        ((one, after_fits(recording, Ridge(alpha=1.0)), worst), "a penalty of 1"),
        ((after_fits(recording, Ridge(alpha=1.0)), two, worst), "is wrong in"),
        ((one[1:], two, worst), "has the shape (4,); it should be (5,)"),
        ((one, np.multiply(two, np.nan), worst), "no finite numbers"),
        ((one, two, 2), "Which of your five scores"),
        ((one, two, COUNTS.index(worst)), "the place of the lowest score"),
        ((one, two, None), "`worst` is still empty"),
    ]:
        assert says in said(capsys, ridge_encoding.check_2, *answers, recording, VOXEL)
