"""The formulas that chapter 2 displays are those that the helpers compute.

Each formula stands here as the chapter shows it, beside a function that evaluates it term by term.
"""

import numpy as np
import pytest
from displayed import displayed_formulas
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from helpers import ridge
from helpers._engine.sums import decompose

EXACT = {"rtol": 0, "atol": 1e-10}

FORMULAS = {
    "ridge-prediction": r"\hat{y} = X w + b",
    "ridge-r2": r"R^2 = 1 - \frac{\sum_i (y_i - \hat{y}_i)^2}{\sum_i (y_i - \bar{y})^2}",
    "ridge-objective": r"\min_{w,\, b} \; \lVert y - X w - b \rVert^2 + \alpha \lVert w \rVert^2",
    "ridge-closed-form": r"w = (X_c^\top X_c + \alpha I)^{-1} X_c^\top y_c, "
    r"\qquad b = \bar{y} - \bar{x} w",
    "ridge-eigen": r"X_c^\top X_c = Q \, \mathrm{diag}(d) \, Q^\top, "
    r"\qquad w = Q \, \mathrm{diag}\!\left(\frac{1}{d + \alpha}\right) Q^\top X_c^\top y_c",
    "ridge-held-out": r"\lVert y_h - X_h w \rVert^2 = "
    r"y_h^\top y_h - 2 \, v^\top Q^\top X_h^\top y_h + v^\top G \, v, "
    r"\qquad G = Q^\top X_h^\top X_h Q",
}


def predict(X, w, b):
    return X @ w + b


def r2(y, predicted):
    y_bar = y.sum() / len(y)
    error = sum((y_i - p_i) ** 2 for y_i, p_i in zip(y, predicted, strict=True))
    return 1 - error / sum((y_i - y_bar) ** 2 for y_i in y)


def objective(X, y, w, b, alpha):
    return np.linalg.norm(y - X @ w - b) ** 2 + alpha * np.linalg.norm(w) ** 2


def closed_form(X, y, alpha):
    x_bar, y_bar = X.mean(axis=0), y.mean()
    X_c, y_c = X - x_bar, y - y_bar
    w = np.linalg.inv(X_c.T @ X_c + alpha * np.eye(X.shape[1])) @ X_c.T @ y_c
    return w, y_bar - x_bar @ w


def held_out_error(X, y, X_test, y_test, alpha):
    """Evaluate the right side of ridge-held-out; nothing is predicted."""
    X_c, y_c = X - X.mean(axis=0), y - y.mean()
    X_h, y_h = X_test - X.mean(axis=0), y_test - y.mean()
    d, Q = np.linalg.eigh(X_c.T @ X_c)
    v = Q.T @ X_c.T @ y_c / (d + alpha)
    G = Q.T @ X_h.T @ X_h @ Q
    return y_h @ y_h - 2 * v @ Q.T @ X_h.T @ y_h + v @ G @ v


@pytest.fixture(params=[0.5, 100.0, 3e4], ids="alpha={}".format)
def alpha(request):
    return request.param


@pytest.fixture
def data():
    """Six runs with rest rows coded -1, offsets, and four voxels."""
    rng = np.random.default_rng(2)
    runs = np.repeat(np.arange(6), 25)
    X = rng.integers(0, 2, size=(len(runs), 10)).astype(float)
    X[rng.random(len(runs)) < 0.5] = -1
    Y = X @ rng.normal(size=(10, 4)) + 3 * rng.normal(size=(len(runs), 4)) + [0.0, 1.0, -2.0, 40.0]
    return X, Y, runs


def test_the_chapter_displays_the_formulas_that_are_tested_here():
    assert displayed_formulas("02_ridge_encoding") == FORMULAS


def test_closed_form_is_what_fit_returns(data, alpha):
    X, Y, _ = data
    fitted = Ridge(alpha=alpha).fit(X, Y)
    coef, intercept = fitted.coef_.T, fitted.intercept_
    for voxel, y in enumerate(Y.T):
        w, b = closed_form(X, y, alpha)
        np.testing.assert_allclose(coef[:, voxel], w, **EXACT)
        np.testing.assert_allclose(intercept[voxel], b, **EXACT)


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


def test_eigen_form_gives_the_weights_of_scikit_learn(data, alpha):
    X, Y, _ = data
    X_c, Y_c = X - X.mean(axis=0), Y - Y.mean(axis=0)
    d, Q = decompose(X_c.T @ X_c)
    np.testing.assert_allclose(Q @ np.diag(d) @ Q.T, X_c.T @ X_c, **EXACT)
    coef = Ridge(alpha=alpha).fit(X, Y).coef_.T
    np.testing.assert_allclose(Q @ np.diag(1 / (d + alpha)) @ Q.T @ X_c.T @ Y_c, coef, **EXACT)


def test_the_fraction_kept_is_that_of_least_squares(data, alpha):
    """In words beside the eigen form: ridge keeps d / (d + alpha) along each direction."""
    X, Y, _ = data
    X_c = X - X.mean(axis=0)
    least_squares, *_ = np.linalg.lstsq(X_c, Y - Y.mean(axis=0))
    d, Q = decompose(X_c.T @ X_c)
    coef = Ridge(alpha=alpha).fit(X, Y).coef_.T
    kept = (d / (d + alpha))[:, np.newaxis]
    np.testing.assert_allclose(Q.T @ coef, kept * (Q.T @ least_squares), **EXACT)


def test_r2_is_what_the_estimator_and_scikit_learn_return(data, alpha):
    X, Y, runs = data
    scores = ridge.RidgeCV((alpha,), cv=3).fit(X, Y, groups=runs).cv_scores_[0]
    for fold, (train, test) in enumerate(ridge.run_folds(runs, 3)):
        for voxel, y in enumerate(Y.T):
            predicted = predict(X[test], *closed_form(X[train], y[train], alpha))
            expected = r2(y[test], predicted)
            np.testing.assert_allclose(scores[fold, voxel], expected, **EXACT)
            np.testing.assert_allclose(r2_score(y[test], predicted), expected, **EXACT)


def test_r2_is_one_zero_and_negative_as_the_chapter_says(data):
    y = data[1][:, 1]
    assert r2(y, y) == 1
    assert r2(y, np.full_like(y, y.mean())) == pytest.approx(0, abs=1e-12)
    assert r2(y, 2 * y.mean() - y) == pytest.approx(-3, abs=1e-12)


@pytest.mark.parametrize("n_test", [25, 6], ids=["more rows than pixels", "fewer"])
def test_held_out_form_is_the_error_of_the_predictions(data, alpha, n_test):
    X, Y, _ = data
    train, test = slice(0, -n_test), slice(-n_test, None)
    for y in Y.T:
        predicted = predict(X[test], *closed_form(X[train], y[train], alpha))
        error = held_out_error(X[train], y[train], X[test], y[test], alpha)
        np.testing.assert_allclose(error, np.sum((y[test] - predicted) ** 2), rtol=1e-10)


def test_held_out_form_gives_the_scores_of_the_estimator(data, alpha):
    X, Y, runs = data
    scores = ridge.RidgeCV((alpha,), cv=3).fit(X, Y, groups=runs).cv_scores_[0]
    for fold, (train, test) in enumerate(ridge.run_folds(runs, 3)):
        for voxel, y in enumerate(Y.T):
            error = held_out_error(X[train], y[train], X[test], y[test], alpha)
            expected = 1 - error / np.sum((y[test] - y[test].mean()) ** 2)
            np.testing.assert_allclose(scores[fold, voxel], expected, **EXACT)
