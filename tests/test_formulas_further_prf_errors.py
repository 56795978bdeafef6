"""The covariance of fitted fields, as the page displays and computes it."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from displayed import NOTEBOOKS, displayed_formulas
from scipy.linalg import block_diag, toeplitz
from scipy.optimize import curve_fit
from scipy.signal import detrend

from helpers import features, receptive_fields

N_RUNS, LENGTH, N_VOXELS = 4, 90, 12
ROWS, COLUMNS = np.indices((10, 10)).reshape(2, 100)


def detrended(table):
    return np.vstack([detrend(run, axis=0) for run in np.split(table, N_RUNS)])


def predicted(pixels, amplitude, row, column, size):
    distance = (ROWS - row) ** 2 + (COLUMNS - column) ** 2
    return amplitude * pixels @ (np.exp(-distance / (2 * size**2)) / (2 * np.pi * size**2))


@pytest.fixture(scope="module")
def fitted():
    """Plain least squares for voxels with autocorrelated noise; pixels as the fit sees them."""
    rng = np.random.default_rng(4)
    n = N_RUNS * LENGTH
    runs, on = np.repeat(np.arange(N_RUNS), LENGTH), np.tile([1, 1, 1, 0, 0, 0], n // 6)
    images = np.repeat(rng.integers(0, 2, (n // 6, 100)), 6, axis=0) * on[:, np.newaxis]
    X = np.column_stack([images, on]).astype(float)
    late = detrended(features.convolve(X, features.haemodynamic_response(5.0), runs))
    noise = rng.standard_normal((n, N_VOXELS))
    for row in range(1, n):
        noise[row] += 0.5 * noise[row - 1] * (runs[row] == runs[row - 1])
    Y = np.empty((n, N_VOXELS))
    for voxel in range(N_VOXELS):
        place, size = rng.uniform(2, 7, 2), rng.uniform(0.6, 1.2)
        Y[:, voxel] = predicted(late[:, :100], 3.0, *place, size) + late[:, 100]
    Y = detrended(Y + 0.3 * noise)
    model = receptive_fields.PRF(noise_model="ols").fit(X, Y, groups=runs)
    assert model.has_field_.all()
    pixels, column = late[:, :100], late[:, 100:]
    pixels = pixels - column @ np.linalg.lstsq(column, pixels, rcond=None)[0]
    residuals = detrended(Y - model.predict(X, groups=runs))
    return SimpleNamespace(
        model=model, X=X, runs=runs, pixels=pixels, late=late, Y=Y, residuals=residuals
    )


def estimates(model, voxel):
    return [model.amplitude_[voxel], *model.centre_[voxel], model.size_[voxel]]


def slopes(pixels, numbers, step=1e-5):
    """J: what a small change of amplitude, row, column and size does to the prediction."""
    changes = step * np.eye(4)
    return np.column_stack(
        [
            (predicted(pixels, *(numbers + change)) - predicted(pixels, *(numbers - change)))
            / (2 * step)
            for change in changes
        ]
    )


def variance(residuals, voxel):
    return residuals[:, voxel] @ residuals[:, voxel] / (N_RUNS * (LENGTH - 2) - 5)


def test_the_page_displays_the_formula_that_is_tested_here():
    covariance = r"C = (J^\top J)^{-1} J^\top S J \, (J^\top J)^{-1}"
    assert displayed_formulas("further_prf_errors") == {"errors-covariance": covariance}


def test_standard_errors_of_the_helper_are_those_of_the_formula(fitted):
    """With noise that fades by a constant factor, to the nearest twentieth, within each run."""
    for voxel in range(N_VOXELS):
        J = slopes(fitted.pixels, estimates(fitted.model, voxel))
        parts = np.split(fitted.residuals[:, voxel], N_RUNS)
        together = sum(part[1:] @ part[:-1] for part in parts)
        fading = 0.05 * np.round(together / sum(part @ part for part in parts) / 0.05)
        assert fading > 0.2
        S = block_diag(*N_RUNS * [toeplitz(fading ** np.arange(LENGTH))])
        S *= variance(fitted.residuals, voxel)
        inverse = np.linalg.inv(J.T @ J)
        C = inverse @ J.T @ S @ J @ inverse
        ours = [
            fitted.model.amplitude_stderr_[voxel],
            *fitted.model.centre_stderr_[voxel],
            fitted.model.size_stderr_[voxel],
        ]
        np.testing.assert_allclose(ours, np.sqrt(np.diagonal(C)), rtol=1e-4)


def page_cell(start):
    """The code cell of the page that begins so."""
    text = (NOTEBOOKS / "further_prf_errors.ipynb").read_text(encoding="utf-8")
    sources = ["".join(cell["source"]) for cell in json.loads(text)["cells"]]
    (found,) = [source for source in sources if source.startswith(start)]
    return found


def test_the_pages_naive_standard_errors_are_those_of_curve_fit(fitted):
    names = {
        "np": np,
        "features": features,
        "data": SimpleNamespace(clean_like=lambda table, recording: detrended(table)),
        "recording": None,
        "X": fitted.X,
        "runs": fitted.runs,
        "ols": fitted.model,
        "variance": np.array([variance(fitted.residuals, voxel) for voxel in range(N_VOXELS)]),
    }
    exec(page_cell("# What the fit sees of each pixel"), names)
    for voxel in range(N_VOXELS):
        found, covariance = curve_fit(
            lambda late, *numbers: (
                predicted(late[:, :100], *numbers[:4]) + numbers[4] * late[:, 100]
            ),
            fitted.late,
            fitted.Y[:, voxel],
            [*estimates(fitted.model, voxel), 1.0],
        )
        np.testing.assert_allclose(found[:4], estimates(fitted.model, voxel), rtol=1e-3)
        # curve_fit does not know of the lines that were taken out of each run.
        lost = (len(fitted.Y) - 5) / (N_RUNS * (LENGTH - 2) - 5)
        theirs = np.sqrt(lost * np.diagonal(covariance))[1:3]
        np.testing.assert_allclose(names["naive"][voxel], theirs, rtol=1e-2)
