"""Checks of the exercises of the page Going further: why it is so fast."""

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer, r2_score
from sklearn.model_selection import LeaveOneGroupOut, cross_validate

from helpers.exercises.answers import (
    exercise,
    expect,
    expect_array,
    expect_number,
    expect_ratio,
)

ROUNDED = 0.001  # three digits will do; a squared correlation can be nearer to R2 than two digits


@exercise(1)
def check_1(by_loop, by_helper, n_train, recording, voxel):
    """Check the scores of single held-out runs.

    Parameters
    ----------
    by_loop, by_helper : numpy.ndarray, shape (n_runs,)
        R2 of each run.
    n_train : int
        How many samples each model is fitted to.
    recording : Recording
        The random runs, all equally long.
    voxel : int
        The column of the good voxel.
    """
    X, y, runs = recording.stimuli, recording.bold[:, voxel].astype(float), recording.runs
    options = {"groups": runs, "cv": LeaveOneGroupOut()}
    scoring = {"right": "r2", "turned": make_scorer(lambda y, p: r2_score(p, y))}
    scoring["squared"] = make_scorer(lambda y, p: np.corrcoef(y, p)[0, 1] ** 2)
    train = {"scoring": scoring, "return_train_score": True}
    result = cross_validate(Ridge(alpha=100.0), X, y, **options, **train)
    weak = cross_validate(Ridge(), X, y, **options)["test_score"]
    mistakes = [
        (
            result["train_right"],
            "these are scores on the runs of the fit. Which run has the model not seen?",
        ),
        (
            result["test_turned"],
            "`r2_score` takes the measured response first. In which order did you give them?",
        ),
        (
            result["test_squared"],
            "these are squared correlations. Which mistakes of a prediction do they overlook?",
        ),
        (weak, "these belong to a penalty of 1, the default of `Ridge`. Which one is asked for?"),
    ]
    for name, given in (("by_loop", by_loop), ("by_helper", by_helper)):
        expect_array(name, given, result["test_right"], ROUNDED, mistakes)
    one = int((runs == runs[0]).sum())
    mistakes = [
        (
            one,
            "that is the number of samples in the run that is scored. How many are in the others?",
        ),
        (len(runs), "these are all samples. Is the model fitted to the run that it is scored on?"),
        (len(runs) - 2 * one, "that is with two runs held out. How many are held out here?"),
        (
            (len(np.unique(runs)) - 1) * (one + 2),
            "that counts all volumes of a run. How many did the shift of 4 s leave?",
        ),
    ]
    expect_number("n_train", n_train, len(runs) - one, 0, mistakes)


@exercise(2)
def check_2(loop_factors, sums_factors, sizes):
    """Check how both counts grow with twice the penalties, folds and samples.

    Parameters
    ----------
    loop_factors, sums_factors : array_like, shape (3,)
        Predicted factors, in this order.
    sizes : dict
        Samples `n`, pixels `p`, folds `K` and penalties `a`.
    """
    doubled = [sizes | {key: 2 * sizes[key]} for key in ("a", "K", "n")]
    wanted = [_loop(**more) / _loop(**sizes) for more in doubled]
    free = "which step of the loop is done only once, for all penalties or for all folds?"
    longer = "which steps of the loop go through the samples, and how large are they?"
    mistakes = [
        ([1, 2, 2], free),
        ([2, 1, 2], free),
        ([1, 1, 2], free),
        ([2, 2, 1], longer),
        ([2, 2, 4], "that is the square of 2. Does any step multiply samples by samples?"),
    ]
    # A tenth is less than the share of any step but the smallest: a guess may round.
    expect_array("loop_factors", loop_factors, wanted, 0.1, mistakes)
    wanted = [_sums(**more) / _sums(**sizes) for more in doubled]
    products = "which of the four steps depends on the penalty, and how large is it?"
    mistakes = [
        ([2, 2, 2], "so the loop grows. Which steps of the sums stay as they are?"),
        ([2, *wanted[1:]], products),
        (
            [wanted[0], 2, wanted[2]],
            "the sums go through all samples once. Does the number of folds matter to them?",
        ),
        (
            [wanted[0], wanted[0], wanted[2]],
            "the products are made anew in each fold. Have you doubled them?",
        ),
        (
            [*wanted[:2], 2],
            "which of the four steps goes through the samples? The others stay as they are.",
        ),
        ([*wanted[:2], 1], "is there really no step that goes through all samples?"),
    ]
    expect_array("sums_factors", sums_factors, wanted, 0.1, mistakes)


@exercise(3)
def check_3(foretell, ratio, results):
    """Check a function that foretells the seconds of a study, and how far it is off.

    Parameters
    ----------
    foretell : callable
        Takes voxels, samples, features, folds and penalties; returns seconds.
    ratio : float
        Measured over foretold time of the benchmarks' whole brain.
    results : dict
        The benchmarks.
    """
    expect(callable(foretell), "`foretell` should be a function of n_voxels, n, p, K and a.")
    peak, brain = results["peak"], results["whole_brain"]
    rate = 1e9 * peak["float32"]["gflops"]
    keys = ("samples", "features", "folds", "penalties")
    for sizes in ((brain["voxels"], *map(brain.get, keys)), (5000, 2860, 100, 10, 1)):
        wanted = sizes[0] * _sums(*sizes[1:]) / rate
        double = 1e9 * peak["float64"]["gflops"]
        limit = 1e9 * peak["float32"]["matmul_gflops"]
        mistakes = [
            (wanted * rate, "those are operations. How many does the machine do in a second?"),
            (
                wanted * rate / 1e9,
                "those are 10^9 operations. How many of them does the machine do in a second?",
            ),
            (wanted * 1e9, "in which unit does the file give the rate?"),
            (wanted / sizes[0], "that is the time of a single voxel. How many are there?"),
            (
                wanted * rate / double,
                "that is the rate in double precision. Which precision does the exercise name?",
            ),
            (
                wanted * rate / limit,
                "that is the rate of one large product. Which rate did the scores reach?",
            ),
            (wanted / 60, "those are minutes. Which unit does the exercise ask for?"),
            (
                sizes[0] * _loop(*sizes[1:]) / rate,
                "those are the operations of the loop. Which count belongs to the sums?",
            ),
        ]
        # The rate may also come from the time of the whole mask; it differs by a few percent.
        expect_ratio(f"foretell{sizes}", _result(foretell, sizes), wanted, 0.1, mistakes)
    foretold = brain["voxels"] * _sums(*map(brain.get, keys)) / rate
    wanted = brain["seconds"] / foretold
    inverse = (1 / wanted, "that is foretold over measured. Which of the two times comes first?")
    expect_ratio("ratio", ratio, wanted, 0.1, [inverse])


def _loop(n, p, K, a):
    return 2 * a * K * p * (n + p)


def _sums(n, p, K, a):
    return 2 * n * p + 2 * K * p * (3 * p + 2 * a + 2 * K)


def _result(function, values):
    try:
        return function(*values)
    except Exception as error:  # whatever a reader's function raises is a finding
        expect(False, f"`foretell{values}` stops with {type(error).__name__}: {error}")
