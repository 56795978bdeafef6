"""The formula of Going further: bars or random images, beside what repeated fits give."""

import numpy as np
import pytest
from displayed import displayed_formulas
from scipy.signal import lfilter

from helpers.features import convolve, haemodynamic_response
from helpers.receptive_fields import PRF

FORMULAS = {
    "bars-covariance": r"\mathrm{Cov}(\hat\theta) \approx s^2 \left( J^\top J \right)^{-1}",
}
N_RUNS, LENGTH, RHO = 4, 120, 0.4
RUNS = np.repeat(np.arange(N_RUNS), LENGTH)
THETA = np.array([4.3, 5.2, 0.8, 3.0, 1.0])  # row, column, size, strength, on/off response
ROW, COLUMN = np.indices((10, 10)).reshape(2, 100)


@pytest.fixture(scope="module")
def light():
    """Random images for 3 volumes and 3 of rest."""
    rng = np.random.default_rng(2)
    on = np.tile([1, 1, 1, 0, 0, 0], N_RUNS * LENGTH // 6)
    images = np.repeat(rng.integers(0, 2, (N_RUNS * LENGTH // 6, 100)), 6, axis=0)
    return np.column_stack([images * on[:, np.newaxis], on]).astype(float)


def respond(light, theta):
    row, column, size, strength, on_off = theta
    squared_distance = (ROW - row) ** 2 + (COLUMN - column) ** 2
    field = np.exp(-squared_distance / (2 * size**2)) / (2 * np.pi * size**2)
    drive = light @ np.append(strength * field, on_off)
    return convolve(drive[:, np.newaxis], haemodynamic_response(5.0), RUNS)[:, 0]


def covariance(light, rho=RHO):
    """The formula, with the covariance of the noise in full in place of a filter."""
    steps = 1e-5 * np.eye(5)
    J = [(respond(light, THETA + h) - respond(light, THETA - h)) / 2e-5 for h in steps]
    J = np.array(J).T
    lags = np.abs(np.subtract.outer(np.arange(LENGTH), np.arange(LENGTH)))
    precision = np.linalg.inv(float(rho) ** lags)
    time = np.vander(np.linspace(-1, 1, LENGTH), 2)
    information = 0
    for run in range(N_RUNS):
        part = J[run == RUNS]
        drift = precision @ time
        kept = precision - drift @ np.linalg.solve(time.T @ drift, drift.T)
        information = information + part.T @ kept @ part
    return np.linalg.inv(information)


def test_the_page_displays_the_formula_that_is_tested_here():
    assert displayed_formulas("further_bars") == FORMULAS


def test_fits_of_the_same_voxel_scatter_as_the_formula_says(light):
    rng = np.random.default_rng(5)
    n_repeats = 600
    shocks = rng.normal(0, np.sqrt(1 - RHO**2), (N_RUNS, LENGTH + 20, n_repeats))
    noise = 0.5 * lfilter([1], [1, -RHO], shocks, axis=1)[:, 20:].reshape(-1, n_repeats)
    fit = PRF().fit(light, respond(light, THETA)[:, np.newaxis] + noise, groups=RUNS)
    expected = 0.25 * covariance(light)[:3, :3]
    found = np.cov(np.column_stack([fit.centre_, fit.size_]).T)
    # With 600 fits a variance is known to 6 percent.
    np.testing.assert_allclose(found.diagonal(), expected.diagonal(), rtol=0.2)
    stated = np.median(np.column_stack([fit.centre_stderr_, fit.size_stderr_]), axis=0)
    np.testing.assert_allclose(stated**2, expected.diagonal(), rtol=0.15)
    # Without the filter, the formula promises too much.
    assert np.all(0.25 * covariance(light, rho=0).diagonal()[:2] < 0.8 * found.diagonal()[:2])
