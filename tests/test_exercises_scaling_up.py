"""What the checks of chapter 9's exercises say to wrong answers."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from helpers.exercises import scaling_up

SIZES = {"n": 2860, "p": 100, "K": 10, "a": 20}
LOOP, SUMS = [2, 2, 2], [1.1, 1.6, 1.4]


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ((LOOP, SUMS), "right."),
        ((..., SUMS), "`loop_factors` is still empty"),
        ((LOOP, ...), "`sums_factors` is still empty"),
        ((2, SUMS), "has the shape (); it should be (3,)"),
        (([1, 2, 2], SUMS), "nothing is done once"),
        (([2, 2, 1], SUMS), "most of its work"),
        (([2, 2, 4], SUMS), "samples with samples"),
        (([2, 3, 2], SUMS), "wrong in 1 of 3 values"),
        ((LOOP, [2, 2, 2]), "that is the loop"),
        ((LOOP, [2, 1.62, 1.44]), "no product meets a penalty"),
        ((LOOP, [1.06, 2, 1.44]), "go through all samples once"),
        ((LOOP, [1.06, 1.06, 1.44]), "the products are done for each fold"),
        ((LOOP, [1.06, 1.62, 2]), "only the sums of the folds go through the samples"),
        ((LOOP, [1.06, 1.62, 1]), "go through all samples, if only once"),
        ((LOOP, "many"), "is str; it should hold numbers"),
    ],
)
def test_twice_as_much(capsys, answers, says):
    scaling_up.check_1(*answers, SIZES)
    assert says in capsys.readouterr().out


@pytest.fixture(scope="module")
def brain(tmp_path_factory):
    """A file of 2,500 voxels, and its scores by scikit-learn: two blocks of 1,000 and a half."""
    rng = np.random.default_rng(1)
    runs = np.repeat(np.arange(10), 6)
    X, Y = rng.normal(size=(60, 4)), rng.normal(size=(60, 2500))
    file, alphas = tmp_path_factory.mktemp("brain") / "brain.npy", np.array([1.0, 100.0])
    np.save(file, Y)
    scores = np.zeros((2, 2500))
    for number, alpha in enumerate(alphas):
        for run in range(10):
            test = runs == run
            guess = Ridge(alpha=alpha).fit(X[~test], Y[~test]).predict(X[test])
            scores[number] += r2_score(Y[test], guess, multioutput="raw_values") / 10
    return (None, X, file, runs, alphas), scores


def test_smaller_blocks(brain, capsys):
    inputs, scores = brain
    half_done = np.where(np.arange(2500) < 2000, scores, np.nan)
    for answers, says in [
        ((scores, 3, 60_000, "refuses"), "right."),
        ((scores.astype(np.float32), 3, 60_000, "refuses"), "right."),
        ((None, 3, 60_000, "refuses"), "`scores_smaller` is still empty"),
        ((scores.max(axis=0), 3, 60_000, "refuses"), "has the shape (2500,)"),
        ((np.tile(scores.max(axis=0), (2, 1)), 3, 60_000, "refuses"), "a score a penalty"),
        ((scores[::-1], 3, 60_000, "refuses"), "in another order"),
        ((half_done, 3, 60_000, "refuses"), "no finite numbers"),
        ((scores + 0.1, 3, 60_000, "refuses"), "wrong in 5000 of 5000"),
        ((scores, 1, 60_000, "refuses"), "the number in the old folder"),
        ((scores, 1000, 60_000, "refuses"), "so many voxels are in a block"),
        ((scores, 2, 60_000, "refuses"), "too small"),
        ((scores, 3, 1000, "refuses"), "a response in every sample"),
        ((scores, 3, 150_000, "refuses"), "the whole file"),
        ((scores, 3, 60 * 4096, "refuses"), "a block of the old folder"),
        ((scores, 3, 4000, "refuses"), "the features are held apart"),
        ((scores, 3, 2000, "refuses"), "the scores that a block gives"),
        ((scores, 3, 240_000, "refuses"), "those are bytes"),
        ((scores, 3, 60_000, "returns"), "blocks of another size"),
        ((scores, 3, 60_000, "starts again"), "nobody asked"),
        ((scores, 3, 60_000, True), "should be one of"),
    ]:
        scaling_up.check_2(*answers, inputs, SimpleNamespace(scores=scores))
        assert says in capsys.readouterr().out
    # The chapter's scores may have been overwritten by other ones.
    scaling_up.check_2(scores + 1, 3, 60_000, "refuses", inputs, SimpleNamespace(scores=scores + 1))
    assert "wrong in" in capsys.readouterr().out


RESULTS = {
    "limits": [{"id": "permutations-seconds", "value": 20.0}],
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


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        # 1,000 voxels: p of 1 in 20,000, which take 400 s and 20,000 x 1,000 x 4 bytes.
        ((19_999, 400 / 3600, 0.08), "right."),
        ((20_000, 0.11, 0.08), "right."),
        ((..., 0.11, 0.08), "`needed` is still empty"),
        ((19, 0.11, 0.08), "enough for a single voxel"),
        ((1000, 0.11, 0.08), "20 times too large"),
        ((50, 0.11, 0.08), "without any correction"),
        ((0.00005, 0.11, 0.08), "that is the p"),
        ((10_000, 0.11, 0.08), "too small"),
        ((19_999, 400, 0.08), "those are seconds"),
        ((19_999, 6.67, 0.08), "those are minutes"),
        ((19_999, 111, 0.08), "1,000 permutations, not of one"),
        ((19_999, 0.5, 0.08), "too large"),
        ((19_999, 0.11, 0.02), "4 bytes, not one"),
        ((19_999, 0.11, 0.16), "double precision"),
        ((19_999, 0.11, 0.0745), "2^30 bytes"),
        ((19_999, 0.11, 8e7), "those are bytes"),
        ((19_999, 0.11, 80), "those are MB"),
        ((19_999, 0.11, np.nan), "no finite number"),
    ],
)
def test_permutations(capsys, answers, says):
    scaling_up.check_3(*answers, np.zeros((3, 1000)), RESULTS)
    assert says in capsys.readouterr().out


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
        (lambda *sizes: foretell(*sizes, rate=1e9), RATIO, "Divide by the rate as well"),
        (lambda *sizes: foretell(*sizes, rate=100), RATIO, "in 10^9 operations"),
        (lambda v, *sizes: foretell(1, *sizes), RATIO, "of a single voxel"),
        (lambda *sizes: foretell(*sizes, rate=50e9), RATIO, "in double precision"),
        (lambda *sizes: foretell(*sizes, rate=200e9), RATIO, "the limit's rate"),
        (lambda *sizes: foretell(*sizes) / 60, RATIO, "those are minutes"),
        (loop, RATIO, "the loop's operations"),
        (backwards, RATIO, "which is too"),
        (lambda *sizes: foretell(200_000, 3000, 500, 10, 20), RATIO, "foretell(5000,"),
        (foretell, 1 / RATIO, "foretold over measured"),
        (foretell, 1.0, "`ratio` is 1, which is too small"),
        (foretell, None, "`ratio` is still empty"),
    ],
)
def test_foretold_seconds(capsys, function, ratio, says):
    scaling_up.check_4(function, ratio, RESULTS)
    assert says in capsys.readouterr().out
