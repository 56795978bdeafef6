"""What the checks of chapter 2's exercises say to wrong answers."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score

from helpers.exercises import ridge_encoding

COUNTS = (2, 4, 6, 10, 18)
VOXEL = 1


@pytest.fixture(scope="module")
def recording():
    """Twenty short runs of 30 pixels, so that some fits have fewer images than weights."""
    rng = np.random.default_rng(2)
    stimuli = np.repeat(rng.integers(0, 2, (20 * 7, 30)), 2, axis=0).astype(float)
    bold = stimuli @ rng.standard_normal((30, 2)) + 4 * rng.standard_normal((280, 2))
    bold -= bold.mean(axis=0)
    return SimpleNamespace(
        stimuli=stimuli, bold=bold.astype(np.float32), runs=np.repeat(range(20), 14)
    )


def said(capsys, check, *answers):
    check(*answers)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ((0, -3, 1), "right."),
        ((-0.0002, -3.0009, 1.0), "right."),
        ((1, 1, 1), "`r2_of_double` is 1: an R2 of 1 needs the values"),
        ((-3, -8, 1), "not the prediction"),
        ((0, -8, 1), "`r2_of_triple` is -8: the error is the prediction minus"),
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
        ((after_fits(recording, plain, rows="training"), two, worst), "score the held-out runs"),
        ((one, after_fits(recording, ridge, rows="training"), worst), "score the held-out runs"),
        ((after_fits(recording, plain, turned), two, worst), "takes the measured response first"),
        ((one, after_fits(recording, ridge, squared), worst), "squared correlations"),
        ((after_fits(recording, plain, more=1), two, worst), "one run too many"),
        ((one, after_fits(recording, Ridge(alpha=1.0)), worst), "a penalty of 1"),
        ((after_fits(recording, Ridge(alpha=1.0)), two, worst), "is wrong in"),
        ((one[1:], two, worst), "has the shape (4,); it should be (5,)"),
        ((one, np.multiply(two, np.nan), worst), "no finite numbers"),
        ((one, two, 2), "Compare your five scores"),
        ((one, two, COUNTS.index(worst)), "counted from 0"),
        ((one, two, None), "`worst` is still empty"),
    ]:
        assert says in said(capsys, ridge_encoding.check_2, *answers, recording, VOXEL)


def single_runs(recording, method, score=r2_score, rows="held out"):
    X, y, runs = recording.stimuli, recording.bold[:, VOXEL], recording.runs
    scores = []
    for run in range(20):
        model = method.fit(X[runs != run], y[runs != run])
        part = runs == run if rows == "held out" else runs != run
        scores.append(score(y[part], model.predict(X[part])))
    return scores


def test_one_run_at_a_time(recording, capsys):
    ridge = Ridge(alpha=100.0)
    scores = single_runs(recording, ridge)
    for answers, says in [
        ((scores, scores, 266), "right."),
        ((np.round(scores, 3), scores, 266.0), "right."),
        ((single_runs(recording, ridge, rows="training"), scores, 266), "on the training runs"),
        ((single_runs(recording, ridge, turned), scores, 266), "measured response first"),
        ((scores, single_runs(recording, ridge, squared), 266), "`by_helper`: these are squared"),
        ((single_runs(recording, Ridge()), scores, 266), "by default"),
        ((scores, np.mean(scores), 266), "`by_helper` has the shape ()"),
        ((scores[:10], scores, 266), "it should be (20,)"),
        ((scores[::-1], scores, 266), "`by_loop` is wrong in"),
        ((scores, scores, 14), "what it is scored on"),
        ((scores, scores, 280), "the held-out run is in it"),
        ((scores, scores, 252), "with two runs held out"),
        ((scores, scores, 304), "the shift has cost"),
        ((scores, scores, [266]), "should be one number"),
    ]:
        assert says in said(capsys, ridge_encoding.check_3, *answers, recording, VOXEL)
