"""The formula that the page on likelihoods displays, beside what the helper gives."""

import numpy as np
from displayed import displayed_formulas
from scipy.stats import multivariate_normal

from helpers.decoding import log_likelihoods

FORMULAS = {
    "decoding-likelihood": r"\log p(y \mid x) = -\tfrac{1}{2} (y - f)^\top S^{-1} (y - f) + "
    r"\text{constant}",
}


def test_the_page_displays_the_formula_that_is_tested_here():
    assert displayed_formulas("further_likelihood") == FORMULAS


def test_likelihood():
    rng = np.random.default_rng(8)
    S = np.cov(rng.normal(size=(6, 18)))
    y, B, b, m = (rng.normal(size=size) for size in ((3, 6), (4, 6), 6, 4))
    x = np.array([m, np.ones(4)])
    f = x @ B + b
    ours = log_likelihoods(y, f, S)
    for trial in range(3):
        charge = [(y[trial] - g) @ np.linalg.inv(S) @ (y[trial] - g) / 2 for g in f]
        np.testing.assert_allclose(ours[trial], -np.array(charge), atol=1e-10)
        log_p = [multivariate_normal.logpdf(y[trial], g, S) for g in f]
        np.testing.assert_allclose(np.diff(ours[trial]), np.diff(log_p), atol=1e-10)
