"""The model of chapter 5, as its page writes it, against its code, SciPy and the estimator."""

import numpy as np
import pytest
from displayed import displayed_formulas, functions_of
from nilearn.signal import clean
from scipy.optimize import least_squares

from helpers.features import convolve, haemodynamic_response
from helpers.receptive_fields import PRF

N_RUNS, LENGTH = 4, 100


def functions_of_the_chapter(**names):
    """The two functions of the chapter; `names` are what it has computed before."""
    namespace = functions_of("05_population_receptive_fields", **names)
    return namespace["gaussian"], namespace["predict"]


@pytest.fixture(scope="module")
def shown():
    """Pixels, stimulus regressor and runs: images of three volumes, rests of four."""
    rng = np.random.default_rng(8)
    on = np.tile(np.repeat([1.0, 0.0], [3, 4]), 58)[: N_RUNS * LENGTH]
    images = rng.integers(0, 2, (len(on) // 7 + 1, 100)).astype(float)
    pixels = np.repeat(images, 7, axis=0)[: len(on)] * on[:, np.newaxis]
    return pixels, on, np.repeat(np.arange(N_RUNS), LENGTH)


def field_by_formula(r_0, c_0, sigma):
    return np.array(
        [
            np.exp(-((r - r_0) ** 2 + (c - c_0) ** 2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
            for r in range(10)
            for c in range(10)
        ]
    )


def course_by_formula(shown, r_0, c_0, sigma, a, b, beta):
    """Sum over lags and pixels, one volume after the other; runs start anew."""
    s, u, runs = shown
    g, h = field_by_formula(r_0, c_0, sigma), haemodynamic_response(5.0)
    y = np.full(len(s), beta)
    for t in range(len(s)):
        for k in range(min(len(h), t % LENGTH + 1)):
            assert runs[t - k] == runs[t]
            y[t] += a * h[k] * (g * s[t - k]).sum() + b * h[k] * u[t - k]
    return y


def test_the_page_displays_these_formulas_and_no_other():
    field = (
        r"g_p = \frac{1}{2 \pi \sigma^2} "
        r"\exp\left(-\frac{(r_p - r_0)^2 + (c_p - c_0)^2}{2 \sigma^2}\right)"
    )
    model = r"y(t) = \beta + a \sum_k h(k) \sum_p g_p\, s_p(t - k) + b \sum_k h(k)\, u(t - k)"
    found = displayed_formulas("05_population_receptive_fields")
    assert found == {"prf-field": field, "prf-model": model}


def test_the_chapters_field_equals_the_formula_and_its_integral_is_one():
    rows, columns = np.indices((10, 10)).reshape(2, 100)
    gaussian, _ = functions_of_the_chapter(rows=rows, columns=columns)
    for place in [(4.0, 1.5, 0.6), (-1.2, 11.0, 3.0), (4.4, 4.7, 1.1)]:
        np.testing.assert_allclose(gaussian(*place), field_by_formula(*place), rtol=1e-12)
    wide = np.indices((60, 60)).reshape(2, 3600)
    gaussian, _ = functions_of_the_chapter(rows=wide[0], columns=wide[1])
    for size in (0.7, 2.0, 6.0):
        assert gaussian(30, 29.5, size).sum() == pytest.approx(1, abs=0.01)


def test_the_estimator_finds_what_the_formula_was_given(shown):
    """Without noise to the digit, and it predicts the same course."""
    given = {"r_0": 3.7, "c_0": 6.2, "sigma": 1.3, "a": 2.0, "b": 0.7, "beta": -0.4}
    y = course_by_formula(shown, **given)
    X = np.column_stack(shown[:2])
    prf = PRF(noise_model="ols").fit(X, y, groups=shown[2])
    found = [*prf.centre_, prf.size_, prf.amplitude_, *prf.nuisance_coef_, prf.baseline_]
    np.testing.assert_allclose(found, list(given.values()), rtol=1e-4)
    np.testing.assert_allclose(prf.predict(X, groups=shown[2]), y, rtol=0, atol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_the_long_way_and_the_estimator_give_the_same_three_digits(shown, seed):
    """The chapter's function and SciPy on cleaned pixels, against one call."""
    rng = np.random.default_rng(seed)
    centre, size = rng.uniform(2, 7, 2), rng.uniform(0.8, 2)
    y = course_by_formula(shown, *centre, size, 2.0, 1.0, 0.0)
    y += 0.2 * rng.standard_normal(len(y))
    pixels, on, runs = shown
    X = np.column_stack([pixels, on])
    options = {"runs": runs, "detrend": True, "standardize": None}
    y = clean(y[:, np.newaxis], **options)[:, 0]
    late = clean(convolve(X, haemodynamic_response(5.0), runs), **options)
    rows, columns = np.indices((10, 10)).reshape(2, 100)
    _, predict = functions_of_the_chapter(late=late, rows=rows, columns=columns)
    start = [*np.round(centre), 1, 1, 0]
    bounds = ([-5, -5, 0.2, 0, -np.inf], [14, 14, 10, np.inf, np.inf])
    fit = least_squares(lambda numbers: predict(numbers) - y, start, bounds=bounds)
    prf = PRF(noise_model="ols").fit(X, y, groups=runs)
    assert prf.has_field_
    found = [*prf.centre_, prf.size_, prf.amplitude_, *prf.nuisance_coef_]
    np.testing.assert_allclose(found, fit.x, rtol=5e-4)
