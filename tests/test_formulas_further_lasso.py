"""The lasso's objective, as its page displays it, against the helper and scikit-learn."""

import numpy as np
from displayed import displayed_formulas
from sklearn.linear_model import Lasso

from helpers import receptive_fields


def blocks(n_voxels, noise, seed=0):
    """Random images and rest in 10 runs, and voxels that look at two or three pixels."""
    rng = np.random.default_rng(seed)
    X = np.full((10, 8, 6, 100), -1.0)
    X[:, :, :3] = rng.random((10, 8, 1, 100)) < 0.5
    X, runs = X.reshape(-1, 100), np.repeat(np.arange(10), 48)
    weights = np.zeros((n_voxels, 100))
    for voxel in range(n_voxels):
        weights[voxel, rng.choice(100, 2 + voxel % 2, replace=False)] = 1
    return X, X @ weights.T + noise * rng.normal(size=(len(X), n_voxels)), runs


def test_the_page_displays_this_objective_and_no_other_formula():
    objective = (
        r"\min_{w,\, b} \; \frac{1}{2n} \lVert y - X w - b \rVert^2"
        r" + \alpha \sum_{j=1}^{p} |w_j|"
    )
    assert displayed_formulas("further_lasso") == {"fields-lasso": objective}


def test_lasso_weights_minimise_the_objective_of_the_page():
    """Where |y - Xw - b|^2 / (2n) + alpha * sum |w| is least, its slopes say what alpha is.

    Each weight other than 0 then has the slope alpha, with its sign, and no other slope is larger.
    scikit-learn's coordinate descent, another algorithm, finds the same weights at this alpha.
    """
    X, Y, runs = blocks(4, noise=1.0)
    fields = receptive_fields.LassoLarsCV(max_iter=10, cv=5).fit(X, Y, groups=runs).coef_
    Xc, Yc = X - X.mean(axis=0), Y - Y.mean(axis=0)
    for y, w in zip(Yc.T, fields, strict=True):
        slopes = Xc.T @ (y - Xc @ w) / len(y)
        alpha = np.abs(slopes).max()
        active = w != 0
        assert 2 <= active.sum() <= 10
        np.testing.assert_allclose(slopes[active], alpha * np.sign(w[active]), rtol=1e-6)
        descent = Lasso(alpha=alpha, tol=1e-12, max_iter=100_000).fit(Xc, y).coef_
        np.testing.assert_allclose(w, descent, rtol=0, atol=1e-5)
