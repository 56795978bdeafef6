"""The formulas that chapter 6 displays, beside what the helpers and the designs give."""

import itertools

import numpy as np
import pytest
from displayed import displayed_formulas
from sklearn.linear_model import Ridge

from helpers import ridge
from helpers.features import Delayer
from helpers.ridge import partition

FORMULAS = {
    "better-correlation": r"\rho(c) = \frac{(1 - q) \left(\frac{1}{2} - c\right)^2}"
    r"{(1 - q) \left(\frac{1}{2} - c\right)^2 + \frac{1}{4}}",
    "better-parts": r"\begin{aligned} R^2_{\text{only pixels}} &= R^2_{\text{both}} - "
    r"R^2_{\text{on/off}} \\ R^2_{\text{only on/off}} &= R^2_{\text{both}} - R^2_{\text{pixels}} "
    r"\\ R^2_{\text{shared}} &= R^2_{\text{pixels}} + R^2_{\text{on/off}} - R^2_{\text{both}} "
    r"\end{aligned}",
    "better-delays": r"\hat{y}_t = b + \sum_{d \in D} \sum_{j=1}^{p} w_{dj} \, x_{t-d,\,j}",
    "better-separable": r"w_{dj} = h_d \, f_j",
}


def test_the_chapter_displays_the_formulas_that_are_tested_here():
    assert displayed_formulas("06_better_models") == FORMULAS


@pytest.mark.parametrize("c", [-1.0, -0.25, 0.0, 0.5, 2.0])
@pytest.mark.parametrize("n_rest", [0, 5, 16, 40])
def test_correlation_of_two_pixels_by_the_code_of_rest(c, n_rest):
    """All images of four pixels, once each: pixels are lit half of the time and independent."""
    images = np.array(list(itertools.product([0.0, 1.0], repeat=4)))
    X = np.vstack([images, np.full((n_rest, 4), c)])
    q = len(images) / len(X)
    common = (1 - q) * (1 / 2 - c) ** 2
    table = np.corrcoef(X.T)
    off_diagonal = table[~np.eye(4, dtype=bool)]
    np.testing.assert_allclose(off_diagonal, common / (common + 1 / 4), rtol=0, atol=1e-12)


@pytest.fixture(scope="module")
def data():
    """Six runs of ten pixels, about half of the rows rest, and the on/off column."""
    rng = np.random.default_rng(3)
    runs = np.repeat(np.arange(6), 40)
    on = rng.random((len(runs), 1)) < 0.5
    X = np.where(on, rng.integers(0, 2, size=(len(runs), 10)), 0.0)
    Y = X @ rng.normal(size=(10, 3)) + on + rng.normal(size=(len(runs), 3))
    return X, on.astype(float), Y, runs


def test_parts_are_differences_of_nested_scores(data):
    X, on, Y, runs = data
    alphas = (1.0, 100.0)
    tables = {"both": np.hstack([X, on]), "pixels": X, "on/off": on}
    r2 = {
        name: ridge.nested_scores(t, Y, groups=runs, alphas=alphas, cv=3)
        for name, t in tables.items()
    }
    parts = partition(X, on, Y, groups=runs, alphas=alphas, cv=3)
    np.testing.assert_allclose(parts.only_first, r2["both"] - r2["on/off"], atol=1e-12)
    np.testing.assert_allclose(parts.only_second, r2["both"] - r2["pixels"], atol=1e-12)
    np.testing.assert_allclose(parts.shared, r2["pixels"] + r2["on/off"] - r2["both"], atol=1e-12)


def test_delayed_features_predict_as_the_double_sum(data):
    X, _, Y, runs = data
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


def test_weights_of_a_separable_voxel_are_response_times_field(data):
    X, _, _, runs = data
    h, f = np.array([0.2, 0.4, 0.3, 0.1]), np.linspace(-1, 1, 10)
    delayed = Delayer((1, 2, 3, 4)).fit_transform(X, groups=runs)
    y = delayed @ np.outer(h, f).ravel()
    coef = Ridge(alpha=1e-8).fit(delayed, y[:, np.newaxis]).coef_.T
    w = coef.reshape(4, 10)
    np.testing.assert_allclose(w, np.outer(h, f), atol=1e-8)
    # As the chapter reads the response back: the first singular vector.
    u, sizes, _ = np.linalg.svd(w)
    np.testing.assert_allclose(u[:, 0] / u[:, 0].sum(), h, atol=1e-8)
    assert sizes[1] < 1e-7 * sizes[0]
