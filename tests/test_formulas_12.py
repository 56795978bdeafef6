"""The formulas that chapter 12 displays, beside what the helpers give."""

import numpy as np
import pytest
from displayed import chapter_text, displayed_formulas

from helpers import features
from helpers.data import Recording, block_means
from helpers.decoding import reconstruct, smooth_covariance

FORMULAS = {
    "decoding-model": r"y = B^\top x + b + \text{noise}, \qquad B = \sum_d g_d W_d, \qquad "
    r"\text{noise} \sim N(0, S)",
    "decoding-posterior": r"\hat{x} = m + V B S^{-1} (y - B^\top m - b), \qquad "
    r"V = \left(C^{-1} + B S^{-1} B^\top\right)^{-1}",
}
SMOOTH = r"$C_{jk} = .25 \exp(-d_{jk}^2 / 2\ell^2)$"


def test_the_chapter_displays_the_formulas_that_are_tested_here():
    assert displayed_formulas("12_reconstruction") == FORMULAS
    assert SMOOTH in chapter_text("12_reconstruction")


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(8)
    noise, prior = (np.cov(rng.normal(size=(size, 3 * size))) for size in (6, 4))
    return {
        "responses": rng.normal(size=(3, 6)),
        "coef": rng.normal(size=(4, 6)),
        "intercept": rng.normal(size=6),
        "noise": noise,
        "prior_mean": rng.random(4),
        "prior": prior,
    }


def test_posterior(model):
    y, B, b, S, m, C = model.values()
    V = np.linalg.inv(np.linalg.inv(C) + B @ np.linalg.inv(S) @ B.T)
    x_hat, covariance = reconstruct(**model)
    np.testing.assert_allclose(covariance, V, atol=1e-10)
    for trial in range(3):
        x = m + V @ B @ np.linalg.inv(S) @ (y[trial] - B.T @ m - b)
        np.testing.assert_allclose(x_hat[trial], x, atol=1e-10)


@pytest.mark.parametrize("length", [0.5, 1.0])
def test_smooth_prior(length):
    C = smooth_covariance(0.25, length)
    for j, k in [(0, 0), (0, 1), (37, 52), (9, 90)]:
        (row, column), (other_row, other_column) = divmod(j, 10), divmod(k, 10)
        squared = (row - other_row) ** 2 + (column - other_column) ** 2
        assert C[j, k] == pytest.approx(0.25 * np.exp(-squared / (2 * length**2)))


class NoMasker:
    n_elements_ = 1


def test_weights_of_the_delays_add_up_over_a_block():
    """The mean response of a trial, as the delays give it, is x B + b with B = sum of g_d W_d."""
    rng = np.random.default_rng(8)
    on = np.tile(np.repeat([0, 1, 0], [5, 6, 6]), 3)
    images = np.repeat(rng.random((3, 4)), 17, axis=0)
    stimuli = np.where(on[:, np.newaxis], images, -1.0)
    runs = np.repeat([0, 0, 1], 17)
    recording = Recording(np.zeros((51, 1)), stimuli, runs, on == 1, NoMasker())
    delays = (1, 2, 3, 4)
    W = rng.normal(size=(len(delays), 5, 2))  # four pixels and the on/off column, two voxels
    table = np.column_stack([stimuli * on[:, np.newaxis], on])
    response = features.Delayer(delays).fit_transform(table, groups=runs) @ W.reshape(-1, 2)
    g = [np.mean([0 <= t - d < 6 for t in range(2, 8)]) for d in delays]
    B, b = np.tensordot(g, W[:, :4], 1), np.tensordot(g, W[:, 4], 1)
    shown = block_means(stimuli, recording, shift=0)
    np.testing.assert_allclose(shown, images[[5, 22, 39]])
    np.testing.assert_allclose(block_means(response, recording), shown @ B + b, atol=1e-12)
