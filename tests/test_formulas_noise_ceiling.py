"""The formulas that chapter 10 displays, beside what the helper and scikit-learn give."""

import numpy as np
import pytest
from displayed import displayed_formulas
from sklearn.feature_selection import f_classif

from helpers.inference import single_trial_ceiling

FORMULAS = {
    "ceiling": r"\text{ceiling} = \frac{(m - 1)(F - 1)}{(m - 1) \, F + n - m}",
    "ceiling-f": r"F = \frac{\frac{1}{m - 1} \sum_{i=1}^{m} n_i (\bar{y}_i - \bar{y})^2}"
    r"{\frac{1}{n - m} \sum_{i=1}^{m} \sum_{j=1}^{n_i} (y_{ij} - \bar{y}_i)^2}",
    "ceiling-expected": r"\mathrm{E}[\text{within}] = s^2, \qquad "
    r"\mathrm{E}[\text{between}] = s^2 + \frac{1}{m - 1} \sum_{i=1}^{m} n_i (\mu_i - \bar{\mu})^2",
}
REPEATS = np.array([8] * 5 + [4] * 10 + [8] * 5)
N, M = REPEATS.sum(), len(REPEATS)
IMAGE = np.repeat(np.arange(M), REPEATS)


def test_the_chapter_displays_the_formulas_that_are_tested_here():
    assert displayed_formulas("10_noise_ceiling") == FORMULAS


def mean_squares(y):
    """Mean squares between and within images of one voxel, as the double sums say."""
    groups = [y[i == IMAGE] for i in range(M)]
    between = sum(len(group) * (group.mean() - y.mean()) ** 2 for group in groups) / (M - 1)
    within = sum((value - group.mean()) ** 2 for group in groups for value in group) / (N - M)
    return between, within


def test_the_ceiling_is_made_of_f():
    responses = np.random.default_rng(2).normal(size=(N, 6)) + IMAGE[:, np.newaxis] / M
    ratios, _ = f_classif(responses, IMAGE)
    ceilings = single_trial_ceiling(responses, IMAGE)
    for y, ratio, ceiling in zip(responses.T, ratios, ceilings, strict=True):
        between, within = mean_squares(y)
        F = between / within
        np.testing.assert_allclose(ratio, F, rtol=1e-10)
        np.testing.assert_allclose(ceiling, (M - 1) * (F - 1) / ((M - 1) * F + N - M), rtol=1e-10)


def test_the_ceiling_is_the_share_of_the_images_in_the_total():
    """What the page says in words: the images' part of the sum of squares, out of the total."""
    responses = np.random.default_rng(4).normal(size=(N, 6)) + 2 * IMAGE[:, np.newaxis] / M
    for y, ceiling in zip(responses.T, single_trial_ceiling(responses, IMAGE), strict=True):
        between, within = mean_squares(y)
        total = (M - 1) * between + (N - M) * within
        np.testing.assert_allclose(total, N * y.var(), rtol=1e-10)
        np.testing.assert_allclose(ceiling, (M - 1) * (between - within) / total, rtol=1e-10)


@pytest.mark.parametrize("s", [0.5, 2.0])
def test_expected_mean_squares(s):
    rng = np.random.default_rng(3)
    mu = rng.normal(size=M)
    draws = [mean_squares(mu[IMAGE] + s * rng.normal(size=N)) for _ in range(3000)]
    between, within = np.mean(draws, axis=0)
    of_images = REPEATS @ (mu - REPEATS @ mu / N) ** 2 / (M - 1)
    np.testing.assert_allclose(within, s**2, rtol=0.01)
    np.testing.assert_allclose(between, s**2 + of_images, rtol=0.02)
