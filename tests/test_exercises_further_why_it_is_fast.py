"""What the checks of Going further: why it is so fast, say to wrong answers."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from small_recordings import said, short_runs

from helpers.exercises import further_why_it_is_fast

VOXEL = 1
SIZES = {"n": 2860, "p": 100, "K": 10, "a": 20}
LOOP, SUMS = [2, 2, 2], [1.1, 1.6, 1.4]


@pytest.fixture(scope="module")
def recording():
    return short_runs()


def turned(measured, predicted):
    return r2_score(predicted, measured)


def squared(measured, predicted):
    return np.corrcoef(measured, predicted)[0, 1] ** 2


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
        (
            (single_runs(recording, ridge, rows="training"), scores, 266),
            "scores on the runs of the fit",
        ),
        ((single_runs(recording, ridge, turned), scores, 266), "measured response first"),
        ((scores, single_runs(recording, ridge, squared), 266), "`by_helper`: these are squared"),
        ((single_runs(recording, Ridge()), scores, 266), "the default of `Ridge`"),
        ((scores, np.mean(scores), 266), "`by_helper` has the shape ()"),
        ((scores[:10], scores, 266), "it should be (20,)"),
        ((scores[::-1], scores, 266), "`by_loop` is wrong in"),
        ((scores, scores, 14), "the run that is scored"),
        ((scores, scores, 280), "these are all samples"),
        ((scores, scores, 252), "with two runs held out"),
        ((scores, scores, 304), "the shift of 4 s"),
        ((scores, scores, [266]), "should be one number"),
    ]:
        assert says in said(capsys, further_why_it_is_fast.check_1, *answers, recording, VOXEL)


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ((LOOP, SUMS), "right."),
        ((..., SUMS), "`loop_factors` is still empty"),
        ((LOOP, ...), "`sums_factors` is still empty"),
        ((2, SUMS), "has the shape (); it should be (3,)"),
        (([1, 2, 2], SUMS), "done only once"),
        (([2, 2, 1], SUMS), "how large are they"),
        (([2, 2, 4], SUMS), "samples by samples"),
        (([2, 3, 2], SUMS), "wrong in 1 of 3 values"),
        ((LOOP, [2, 2, 2]), "so the loop grows"),
        ((LOOP, [2, 1.62, 1.44]), "depends on the penalty"),
        ((LOOP, [1.06, 2, 1.44]), "the number of folds matter"),
        ((LOOP, [1.06, 1.06, 1.44]), "made anew in each fold"),
        ((LOOP, [1.06, 1.62, 2]), "goes through the samples? The others"),
        ((LOOP, [1.06, 1.62, 1]), "really no step"),
        ((LOOP, "many"), "is str; it should hold numbers"),
    ],
)
def test_twice_as_much(capsys, answers, says):
    further_why_it_is_fast.check_2(*answers, SIZES)
    assert says in capsys.readouterr().out


RESULTS = {
    "peak": {
        "float32": {"gflops": 100.0, "matmul_gflops": 200.0},
        "float64": {"gflops": 50.0, "matmul_gflops": 90.0},
    },
    "whole_brain": {
        "voxels": 200_000,
        "samples": 3000,
        "features": 500,
        "folds": 10,
        "penalties": 20,
        "seconds": 60.0,
    },
}


def foretell(v, n, p, K, a, rate=100e9):
    """The count of the chapter's text, step by step."""
    each_fold = 3 * (2 * p * p) + a * 2 * (2 * p) + 4 * K * p
    return v * (2 * n * p + K * each_fold) / rate


def loop(v, n, p, K, a):
    return v * 2 * a * K * p * (n + p) / 100e9


def backwards(a, K, p, n, v):
    return foretell(v, n, p, K, a)


RATIO = 60 / foretell(200_000, 3000, 500, 10, 20)


@pytest.mark.parametrize(
    ("function", "ratio", "says"),
    [
        (foretell, RATIO, "right."),
        (lambda *sizes: foretell(*sizes, rate=95e9), RATIO, "right."),
        (..., RATIO, "should be a function"),
        (117.0, RATIO, "should be a function"),
        (lambda *sizes: None, RATIO, "is still empty"),
        (lambda n, p, K, a: 1.0, RATIO, "stops with TypeError"),
        (lambda *sizes: sizes[0] / 0, RATIO, "stops with ZeroDivisionError"),
        (lambda *sizes: foretell(*sizes, rate=1), RATIO, "those are operations"),
        (lambda *sizes: foretell(*sizes, rate=1e9), RATIO, "those are 10^9 operations"),
        (lambda *sizes: foretell(*sizes, rate=100), RATIO, "in which unit"),
        (lambda v, *sizes: foretell(1, *sizes), RATIO, "of a single voxel"),
        (lambda *sizes: foretell(*sizes, rate=50e9), RATIO, "in double precision"),
        (lambda *sizes: foretell(*sizes, rate=200e9), RATIO, "one large product"),
        (lambda *sizes: foretell(*sizes) / 60, RATIO, "those are minutes"),
        (loop, RATIO, "operations of the loop"),
        (backwards, RATIO, "which is too"),
        (lambda *sizes: foretell(200_000, 3000, 500, 10, 20), RATIO, "foretell(5000,"),
        (foretell, 1 / RATIO, "foretold over measured"),
        (foretell, 1.0, "`ratio` is 1, which is too small"),
        (foretell, None, "`ratio` is still empty"),
    ],
)
def test_foretold_seconds(capsys, function, ratio, says):
    further_why_it_is_fast.check_3(function, ratio, RESULTS)
    assert says in capsys.readouterr().out
