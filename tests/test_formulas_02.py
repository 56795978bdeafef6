"""The formulas that chapter 2 displays are those that the helpers compute.

Each formula stands here as the chapter shows it, beside a function that evaluates it term by term.
"""

import numpy as np
import pytest
from displayed import displayed_formulas
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from small_recordings import runs_with_rest

from helpers import ridge

EXACT = {"rtol": 0, "atol": 1e-10}

FORMULAS = {
    "ridge-prediction": r"\hat{y} = X w + b",
    "ridge-r2": r"R^2 = 1 - \frac{\sum_i (y_i - \hat{y}_i)^2}{\sum_i (y_i - \bar{y})^2}",
    "ridge-objective": r"\min_{w,\, b} \; \lVert y - X w - b \rVert^2 + \alpha \lVert w \rVert^2",
}


def predict(X, w, b):
    return X @ w + b


def r2(y, predicted):
    y_bar = y.sum() / len(y)
    error = sum((y_i - p_i) ** 2 for y_i, p_i in zip(y, predicted, strict=True))
    return 1 - error / sum((y_i - y_bar) ** 2 for y_i in y)


def objective(X, y, w, b, alpha):
    return np.linalg.norm(y - X @ w - b) ** 2 + alpha * np.linalg.norm(w) ** 2


@pytest.fixture(params=[0.5, 100.0, 3e4], ids="alpha={}".format)
def alpha(request):
    return request.param


@pytest.fixture
def data():
    return runs_with_rest()


def test_the_chapter_displays_the_formulas_that_are_tested_here():
    assert displayed_formulas("02_ridge_encoding") == FORMULAS


def test_fit_is_the_minimum_of_the_objective(data, alpha):
    X, Y, _ = data
    fitted = Ridge(alpha=alpha).fit(X, Y)
    coef, intercept = fitted.coef_.T, fitted.intercept_
    for voxel, y in enumerate(Y.T):
        w, b = coef[:, voxel], intercept[voxel]
        lowest = objective(X, y, w, b, alpha)
        # Half the derivative is zero for each weight and for the intercept.
        left_over = y - X @ w - b
        np.testing.assert_allclose(alpha * w, X.T @ left_over, rtol=0, atol=1e-8)
        np.testing.assert_allclose(left_over.sum(), 0, atol=1e-8)
        for step in np.eye(X.shape[1]):
            assert objective(X, y, w + 0.01 * step, b, alpha) > lowest
            assert objective(X, y, w - 0.01 * step, b, alpha) > lowest
        assert objective(X, y, w, b + 0.01, alpha) > lowest
        assert objective(X, y, w, b - 0.01, alpha) > lowest


def test_r2_is_what_the_estimator_and_scikit_learn_return(data, alpha):
    X, Y, runs = data
    scores = ridge.RidgeCV((alpha,), cv=3).fit(X, Y, groups=runs).cv_scores_[0]
    for fold, (train, test) in enumerate(ridge.run_folds(runs, 3)):
        for voxel, y in enumerate(Y.T):
            model = Ridge(alpha=alpha).fit(X[train], y[train])
            predicted = predict(X[test], model.coef_, model.intercept_)
            expected = r2(y[test], predicted)
            np.testing.assert_allclose(scores[fold, voxel], expected, **EXACT)
            np.testing.assert_allclose(r2_score(y[test], predicted), expected, **EXACT)


def test_r2_is_one_zero_and_negative_as_the_chapter_says(data):
    y = data[1][:, 1]
    assert r2(y, y) == 1
    assert r2(y, np.full_like(y, y.mean())) == pytest.approx(0, abs=1e-12)
    assert r2(y, 2 * y.mean() - y) == pytest.approx(-3, abs=1e-12)
