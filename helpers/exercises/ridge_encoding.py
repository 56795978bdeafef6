"""Checks of the exercises of chapter 2, Ridge encoding."""

import numpy as np
from sklearn.metrics import r2_score

from helpers.exercises.answers import exercise, expect_array, expect_number

N_RUNS_USED = (2, 4, 6, 10, 18)
TRAINING = "these are scores on the runs of the fit. Which runs has the model not seen?"
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
    exact = (
        "R2 is 1 only if every value is right, and here only the timing of the ups and downs is. "
        "How large is the error in one sample?"
    )
    from_0 = (
        "this takes the prediction itself for the error. "
        "What is left of it when you subtract the response?"
    )
    unsquared = "the errors are squared before they are added. What is the square of twice y?"
    ratio = "that is the ratio of the two errors. How does R2 follow from the ratio?"
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
    hint = (
        "A correlation lies between -1 and 1. "
        "Does it change when every predicted value is multiplied by the same positive number?"
    )
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
            ([r2_score(y[runs < n], p[runs < n]) for n, p in used], TRAINING),
            (of_other, "these are the scores of the other method. Which list is which?"),
            (more, "each fit has one run too many. Which numbers do the first two runs have?"),
        ]
        mistakes += [
            (weak, "these belong to a penalty of 1. Which one does the exercise ask for?")
        ] * (alpha > 0)
        expect_array(name, given, scores[name], ROUNDED, mistakes)
    lowest = N_RUNS_USED[int(np.argmin(np.asarray(by_least_squares, dtype=float)))]
    place = "that is the place of the lowest score in the list. How many runs belong to it?"
    mistakes = [(N_RUNS_USED.index(lowest), place)]
    hint = "Which of your five scores of least squares is the lowest?"
    expect_number("worst", worst, lowest, 0, mistakes, hint)


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
            "`r2_score` takes the measured response first. In which order are yours?",
        ),
        (
            [np.corrcoef(measured, predicted)[0, 1] ** 2 for predicted in predictions],
            "these are squared correlations. Which mistakes of a prediction do they overlook?",
        ),
    ]
