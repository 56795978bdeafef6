"""The formula of Time and delays, beside what the helpers give."""

import numpy as np
import pytest
from displayed import displayed_formulas
from sklearn.linear_model import Ridge
from small_recordings import runs_and_regressor

from helpers.features import Delayer

FORMULAS = {
    "time-delays": r"\hat{y}_t = b + \sum_{d \in D} \sum_{j=1}^{p} w_{dj} \, x_{t-d,\,j}",
}


def test_the_chapter_displays_the_formulas_that_are_tested_here():
    assert displayed_formulas("08_time_and_delays") == FORMULAS


@pytest.fixture(scope="module")
def data():
    X, _, Y, runs = runs_and_regressor()
    return X, Y, runs


def test_delayed_features_predict_as_the_double_sum(data):
    X, Y, runs = data
    D = (1, 2, 4)
    delayed = Delayer(D).fit_transform(X, groups=runs)
    fitted = Ridge(alpha=10.0).fit(delayed, Y)
    coef, intercept = fitted.coef_.T, fitted.intercept_
    w = coef.reshape(len(D), X.shape[1], Y.shape[1])
    for t in (0, 3, 41, 45, len(X) - 1):
        y_hat = intercept.copy()
        for i, d in enumerate(D):
            if t - d >= 0 and runs[t - d] == runs[t]:  # images before the run count as 0
                for j in range(X.shape[1]):
                    y_hat += w[i, j] * X[t - d, j]
        np.testing.assert_allclose(delayed[t] @ coef + intercept, y_hat, atol=1e-10)
