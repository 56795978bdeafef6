"""The formulas of Going further: does a voxel add up its light?, beside what the model predicts."""

import numpy as np
import pytest
from displayed import displayed_formulas

from helpers.features import convolve, haemodynamic_response
from helpers.receptive_fields import CompressivePRF

FORMULAS = {
    "compression-response": r"r = a \Bigl( \sum_p g_p \, s_p \Bigr)^n",
    "compression-size": r"\text{size} = \frac{\sigma}{\sqrt{n}} .",
}
RUNS = np.repeat(np.arange(4), 60)


def gaussian(centre, sigma):
    place = np.indices((10, 10)).reshape(2, 100)
    squared_distance = (place[0] - centre[0]) ** 2 + (place[1] - centre[1]) ** 2
    return np.exp(-squared_distance / (2 * sigma**2)) / (2 * np.pi * sigma**2)


@pytest.fixture(scope="module")
def model():
    """Three voxels with an exponent of one half and an on/off response, fitted."""
    rng = np.random.default_rng(4)
    share = rng.choice([0, 0.2, 0.5, 0.8], (len(RUNS) // 3, 1))
    images = np.repeat(rng.random((len(share), 100)) < share, 3, axis=0).astype(float)
    X = np.column_stack([images, images.any(axis=1)])
    light = images @ gaussian((4.3, 5.6), 1.2)
    answer = 2 * light**0.5 + 0.4 * X[:, 100]
    y = convolve(answer[:, np.newaxis], haemodynamic_response(5.0), RUNS)
    y = y + 0.01 * rng.standard_normal((len(RUNS), 3))
    return CompressivePRF().fit(X, y, groups=RUNS)


def test_the_page_displays_the_formulas_that_are_tested_here():
    assert displayed_formulas("further_compression") == FORMULAS


def test_response(model):
    np.testing.assert_allclose(model.exponent_, 0.5, atol=0.05)
    s = np.random.default_rng(5).random((len(RUNS), 100))  # other light than in the fit, in greys
    predicted = model.predict(np.column_stack([s, np.zeros(len(RUNS))]), groups=RUNS)
    for voxel in range(3):
        a, n = model.amplitude_[voxel], model.exponent_[voxel]
        g = gaussian(model.centre_[voxel], model.sigma_[voxel])
        r = [a * sum(g[p] * s[t, p] for p in range(100)) ** n for t in range(len(RUNS))]
        course = convolve(np.array(r)[:, np.newaxis], haemodynamic_response(5.0), RUNS)[:, 0]
        np.testing.assert_allclose(predicted[:, voxel], model.baseline_[voxel] + course, atol=1e-9)


def test_size_is_that_of_the_responses_to_a_small_light(model):
    # A light in the first volume of each run: in each, another pixel of one row.
    n_volumes = len(haemodynamic_response(5.0))
    X = np.zeros((10, n_volumes, 101))
    X[np.arange(10), 0, 40 + np.arange(10)] = 1
    runs = np.repeat(np.arange(10), n_volumes)
    predicted = model.predict(X.reshape(-1, 101), groups=runs) - model.baseline_
    peaks = predicted.reshape(10, n_volumes, 3).max(axis=1)[3:9]  # those that the field sees
    # The logarithm of a Gaussian is a parabola, with -1 / (2 size^2) before the square.
    curvature = np.polyfit(np.arange(3, 9), np.log(peaks), 2)[0]
    size = np.sqrt(-1 / (2 * curvature))
    np.testing.assert_allclose(size, model.sigma_ / np.sqrt(model.exponent_), rtol=1e-6)
    np.testing.assert_allclose(size, model.size_, rtol=1e-6)
