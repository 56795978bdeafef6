"""The formula of Going further: the shape of the response, beside what a fit gives."""

import numpy as np
from displayed import displayed_formulas
from sklearn.linear_model import Ridge

from helpers.features import Delayer

FORMULAS = {"shape-separable": r"w_{dj} = h_d \, f_j"}


def test_the_page_displays_the_formulas_that_are_tested_here():
    assert displayed_formulas("further_response_shape") == FORMULAS


def test_weights_of_a_separable_voxel_are_response_times_field():
    rng = np.random.default_rng(3)
    runs = np.repeat(np.arange(6), 40)
    X = rng.integers(0, 2, size=(len(runs), 10)) * (rng.random((len(runs), 1)) < 0.5)
    h, f = np.array([0.2, 0.4, 0.3, 0.1]), np.linspace(-1, 1, 10)
    delayed = Delayer((1, 2, 3, 4)).fit_transform(X, groups=runs)
    y = delayed @ np.outer(h, f).ravel()
    coef = Ridge(alpha=1e-8).fit(delayed, y[:, np.newaxis]).coef_.T
    w = coef.reshape(4, 10)
    np.testing.assert_allclose(w, np.outer(h, f), atol=1e-8)
    # As the page reads the response back: the first singular vector.
    u, sizes, _ = np.linalg.svd(w)
    np.testing.assert_allclose(u[:, 0] / u[:, 0].sum(), h, atol=1e-8)
    assert sizes[1] < 1e-7 * sizes[0]
