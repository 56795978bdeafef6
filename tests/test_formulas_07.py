"""The formulas that chapter 7 displays, beside what the helpers and SciPy give."""

import numpy as np
import pytest
from displayed import displayed_formulas
from scipy.stats import false_discovery_control

from helpers.inference import p_values, single_trial_ceiling

FORMULAS = {
    "significance-p": r"p = \frac{1 + \#\{k : R^2_k \ge R^2\}}{1 + K}",
    "significance-q": r"q_{(i)} = \min_{k \ge i} \; \frac{v}{k} \, p_{(k)}",
    "ceiling-sums": r"B = \sum_{i=1}^{m} n_i (\bar{y}_i - \bar{y})^2, \qquad "
    r"W = \sum_{i=1}^{m} \sum_{j=1}^{n_i} (y_{ij} - \bar{y}_i)^2",
    "ceiling-expected": r"\mathrm{E}[W] = (n - m) \, s^2, \qquad "
    r"\mathrm{E}[B] = \sum_{i=1}^{m} n_i (\mu_i - \bar{\mu})^2 + (m - 1) \, s^2",
    "ceiling": r"C = \frac{B - (m - 1) \, \frac{W}{n - m}}{B + W}",
}
REPEATS = np.array([8] * 5 + [4] * 10 + [8] * 5)
N, M = REPEATS.sum(), len(REPEATS)
IMAGE = np.repeat(np.arange(M), REPEATS)


def test_the_chapter_displays_the_formulas_that_are_tested_here():
    assert displayed_formulas("07_significance_and_ceiling") == FORMULAS


def test_p_counts_permutations_that_reach_the_score():
    rng = np.random.default_rng(0)
    null, scores = rng.normal(size=(30, 8)), rng.normal(size=8)
    K = len(null)
    p = [(1 + sum(null[k, v] >= scores[v] for k in range(K))) / (1 + K) for v in range(8)]
    np.testing.assert_allclose(p_values(null, scores), p)


def test_q_is_the_smallest_of_the_larger_p_times_v_over_k():
    p = np.sort(np.random.default_rng(1).random(50) ** 2)
    v = len(p)
    q = [min(v / k * p[k - 1] for k in range(i, v + 1)) for i in range(1, v + 1)]
    np.testing.assert_allclose(false_discovery_control(p), np.minimum(q, 1))


def sums(y):
    """B and W of one voxel, as the double sums say."""
    groups = [y[i == IMAGE] for i in range(M)]
    B = sum(len(g) * (g.mean() - y.mean()) ** 2 for g in groups)
    W = sum((value - g.mean()) ** 2 for g in groups for value in g)
    return B, W


def test_the_ceiling_is_made_of_the_sums():
    responses = np.random.default_rng(2).normal(size=(N, 6)) + IMAGE[:, np.newaxis] / M
    for y, got in zip(responses.T, single_trial_ceiling(responses, IMAGE), strict=True):
        B, W = sums(y)
        np.testing.assert_allclose(got, (B - (M - 1) * W / (N - M)) / (B + W), rtol=1e-10)
        np.testing.assert_allclose(B + W, N * y.var(), rtol=1e-10)


@pytest.mark.parametrize("s", [0.5, 2.0])
def test_expected_sums(s):
    rng = np.random.default_rng(3)
    mu = rng.normal(size=M)
    draws = [sums(mu[IMAGE] + s * rng.normal(size=N)) for _ in range(3000)]
    B, W = np.mean(draws, axis=0)
    mu_bar = REPEATS @ mu / N
    np.testing.assert_allclose(W, (N - M) * s**2, rtol=0.01)
    np.testing.assert_allclose(B, REPEATS @ (mu - mu_bar) ** 2 + (M - 1) * s**2, rtol=0.02)
