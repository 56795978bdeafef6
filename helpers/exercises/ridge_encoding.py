"""Checks of the exercises of chapter 2, Ridge encoding."""

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer, r2_score
from sklearn.model_selection import LeaveOneGroupOut, cross_validate

from helpers.exercises.answers import exercise, expect_array, expect_number

N_RUNS_USED = (2, 4, 6, 10, 18)
ROUNDED = 0.001  # three digits will do; a squared correlation can be nearer to R2 than two digits


@exercise(1)
def check_1(r2_of_double, r2_of_triple, correlation, response):
    """Check the scores of a prediction that is the response, times 2 and times 3.

    Parameters
    ----------
    r2_of_double, r2_of_triple : float
        R2 of twice and of three times the response.
    correlation : float
        Correlation of either with the response.
    response : numpy.ndarray, shape (n_samples,)
        The measured response, with a mean close to 0.
    """
    exact = "an R2 of 1 needs the values themselves; right ups and downs are not enough."
    from_0 = "the error is the prediction minus the response, not the prediction."
    unsquared = "the errors are squared before they are added."
    ratio = "that is the ratio of the two errors. R2 is 1 minus it."
    power = np.mean(response**2) / response.var()  # 1 if the mean is 0
    for name, given, factor in (
        ("r2_of_double", r2_of_double, 2),
        ("r2_of_triple", r2_of_triple, 3),
    ):
        error = (factor - 1) ** 2
        mistakes = [(1, exact), (1 - factor**2, from_0), (error, ratio)]
        mistakes += [(2 - factor, unsquared)] * (factor > 2)
        # The mean of a run is not exactly 0, and who takes it for 0 is right as well.
        expect_number(name, given, 1 - error * power, 0.05, mistakes)
    hint = "A correlation lies between -1 and 1, and does not ask how large a prediction is."
    expect_number("correlation", correlation, 1, 0.001, hint=hint)


@exercise(2)
def check_2(by_least_squares, by_ridge, worst, recording, voxel):
    """Check the held-out scores after fits to fewer runs.

    Parameters
    ----------
    by_least_squares, by_ridge : numpy.ndarray, shape (5,)
        R2 on the last two runs after fits to the first 2, 4, 6, 10 and 18 runs.
    worst : int
        The number of runs after which least squares scores lowest.
    recording : Recording
        The random runs.
    voxel : int
        The column of the good voxel.
    """
    X, y, runs = recording.stimuli, recording.bold[:, voxel].astype(float), recording.runs
    last = runs >= runs.max() - 1
    methods = (("by_least_squares", by_least_squares, 0.0), ("by_ridge", by_ridge, 100.0))
    fits = {name: _predictions(X, y, runs, N_RUNS_USED, alpha) for name, _, alpha in methods}
    one_more = [count + 1 for count in N_RUNS_USED]
    for name, given, alpha in methods:
        scores = {each: [r2_score(y[last], p[last]) for p in fits[each]] for each in fits}
        of_other = scores["by_ridge" if alpha == 0 else "by_least_squares"]
        used = zip(N_RUNS_USED, fits[name], strict=True)
        weak = [r2_score(y[last], p[last]) for p in _predictions(X, y, runs, N_RUNS_USED, 1.0)]
        more = [r2_score(y[last], p[last]) for p in _predictions(X, y, runs, one_more, alpha)]
        mistakes = [
            *_wrong_scores(y[last], [p[last] for p in fits[name]]),
            ([r2_score(y[runs < n], p[runs < n]) for n, p in used], "score the held-out runs."),
            (of_other, "these are the scores of the other method."),
            (more, "each fit has one run too many. Runs are counted from 0."),
        ]
        mistakes += [(weak, "these belong to a penalty of 1.")] * (alpha > 0)
        expect_array(name, given, scores[name], ROUNDED, mistakes)
    lowest = N_RUNS_USED[int(np.argmin(np.asarray(by_least_squares, dtype=float)))]
    place = "that is the place of the lowest score, counted from 0. How many runs are there?"
    mistakes = [(N_RUNS_USED.index(lowest), place)]
    expect_number("worst", worst, lowest, 0, mistakes, "Compare your five scores.")


@exercise(3)
def check_3(by_loop, by_helper, n_train, recording, voxel):
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
        (result["train_right"], "these are scores on the training runs."),
        (result["test_turned"], "`r2_score` takes the measured response first."),
        (result["test_squared"], "these are squared correlations, which are no R2."),
        (weak, "these belong to a penalty of 1, which `Ridge` takes by default."),
    ]
    for name, given in (("by_loop", by_loop), ("by_helper", by_helper)):
        expect_array(name, given, result["test_right"], ROUNDED, mistakes)
    one = int((runs == runs[0]).sum())
    mistakes = [
        (one, "that is what it is scored on."),
        (len(runs), "the held-out run is in it."),
        (len(runs) - 2 * one, "that is with two runs held out."),
        ((len(np.unique(runs)) - 1) * (one + 2), "the shift has cost each run 2 volumes."),
    ]
    expect_number("n_train", n_train, len(runs) - one, 0, mistakes)


def _predictions(X, y, runs, counts, alpha):
    """Predict all samples after fits to the first runs; ridge is least squares with more rows."""
    predictions = []
    for count in counts:
        x_mean, y_mean = X[runs < count].mean(axis=0), y[runs < count].mean()
        rows = np.vstack([X[runs < count] - x_mean, np.sqrt(alpha) * np.eye(X.shape[1])])
        wanted = np.r_[y[runs < count] - y_mean, np.zeros(X.shape[1])]
        weights = np.linalg.lstsq(rows, wanted, rcond=1e-6)[0]
        predictions.append((X - x_mean) @ weights + y_mean)
    return predictions


def _wrong_scores(measured, predictions):
    """Give what readers take for R2, and what to say to it."""
    return [
        (
            [r2_score(predicted, measured) for predicted in predictions],
            "`r2_score` takes the measured response first.",
        ),
        (
            [np.corrcoef(measured, predicted)[0, 1] ** 2 for predicted in predictions],
            "these are squared correlations, which are no R2.",
        ),
    ]
