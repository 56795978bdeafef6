"""The formulas of Going further: five thousand voxels in two seconds, against the engine and NumPy.

The page's own functions are taken out of its cells, so that what it shows is what is tested.
"""

import numpy as np
import pytest
from displayed import displayed_formulas, functions_of

from helpers._engine.fields import Gaussian, Screen, best_amplitude
from helpers._engine.prf import Cleaner, Course, find_frames, make_courses, prepare
from helpers.features import convolve, haemodynamic_response
from helpers.receptive_fields import sample_gaussians

FORMULAS = {
    "speed-sum-of-squares": r"\lVert y - a F g \rVert^2 = \lVert y \rVert^2 "
    r"- \lVert Q^\top y \rVert^2 + \lVert Q^\top y - a R g \rVert^2",
    "speed-explained": r"a = \frac{c^\top w}{\lVert c \rVert^2}, \qquad "
    r"\lVert w \rVert^2 - \lVert w - a c \rVert^2 = \left( \frac{c^\top w}{\lVert c \rVert} "
    r"\right)^2",
    "speed-derivatives": r"\begin{aligned} J &= R \left[ g, \; "
    r"a \frac{\partial g}{\partial r_0}, \; a \frac{\partial g}{\partial c_0}, \; "
    r"a \frac{\partial g}{\partial \log \sigma} \right], "
    r"\\ \frac{\partial g_p}{\partial r_0} &= \frac{r_p - r_0}{\sigma^2} g_p, "
    r"\qquad \frac{\partial g_p}{\partial \log \sigma} = \left( \frac{d_p^2}{\sigma^2} - 2 "
    r"\right) g_p \end{aligned}",
    "speed-frames": r"F g = A \, (S g)",
}
N_RUNS, LENGTH = 4, 90
RUNS = np.repeat(np.arange(N_RUNS), LENGTH)
SCREEN = Screen((10, 10), (1.0, 1.0))
FIELDS = [(4.0, 1.5, 0.6), (7.2, 6.9, 2.0), (-0.7, 3.1, 1.1)]


def functions_of_the_page(R):
    """The functions of the page, for another R."""
    rows, columns = np.indices((10, 10)).reshape(2, 100)
    return functions_of("further_prf_speed", R=R, rows=rows, columns=columns)


@pytest.fixture(scope="module")
def prepared():
    """Random images and the stimulus regressor, as the engine prepares them."""
    rng = np.random.default_rng(4)
    on = np.tile([1, 1, 1, 0, 0, 0], N_RUNS * LENGTH // 6)
    images = np.repeat(rng.integers(0, 2, (N_RUNS * LENGTH // 6, 100)), 6, axis=0)
    X = np.column_stack([images * on[:, np.newaxis], on]).astype(float)
    (course,) = make_courses(X, 100, RUNS, [5.0], 2.0, linear=True)
    if course.frames is not None:  # here the page's pixels are wanted
        h = haemodynamic_response(5.0)
        course = Course(5.0, None, convolve(X[:, :100], h, RUNS), convolve(X[:, 100:], h, RUNS))
    return prepare(course, SCREEN, Cleaner(RUNS, 1))


def field_by_formula(r_0, c_0, sigma):
    r, c = np.indices((10, 10)).reshape(2, 100)
    return np.exp(-((r - r_0) ** 2 + (c - c_0) ** 2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)


def test_the_page_displays_these_formulas_and_no_other():
    assert displayed_formulas("further_prf_speed") == FORMULAS


@pytest.mark.parametrize("field", FIELDS)
def test_a_hundred_numbers_give_the_sum_of_squares_of_all_volumes(prepared, field):
    rng = np.random.default_rng(1)
    clean = Cleaner(RUNS, 1)
    y = clean(rng.standard_normal((len(RUNS), 1)))
    (w,), (left,) = np.transpose(prepared.reduce(y)[0]), prepared.reduce(y)[1]
    assert w.shape == (100,)
    g, a = field_by_formula(*field), 1.7
    # By hand: the strength b of the regressor is fitted along with a given field.
    pixels, regressor = clean(prepared.course.columns), clean(prepared.course.nuisance)
    rest = y[:, 0] - a * pixels @ g
    by_hand = np.linalg.lstsq(regressor, rest)[1][0]
    by_formula = left - w @ w + np.sum((w - a * prepared.design.factor @ g) ** 2)
    assert by_formula == pytest.approx(by_hand, rel=1e-10)


@pytest.mark.parametrize("field", FIELDS)
def test_the_best_strength_explains_what_the_formula_says(prepared, field):
    w = np.random.default_rng(2).standard_normal(100)
    c = prepared.design.factor @ field_by_formula(*field)
    strengths = np.linspace(-30, 30, 60_001)
    fall = w @ w - np.sum((w - strengths[:, np.newaxis] * c) ** 2, axis=1)
    a = c @ w / (c @ c)
    assert strengths[fall.argmax()] == pytest.approx(a, abs=0.001)
    assert fall.max() == pytest.approx((c @ w) ** 2 / (c @ c), rel=1e-5)
    of_engine = best_amplitude(c[np.newaxis], w[np.newaxis], positive=False)
    assert np.ravel(of_engine) == pytest.approx([a, (c @ w) ** 2 / (c @ c)])


@pytest.mark.parametrize("field", FIELDS)
def test_rates_of_change_are_those_of_small_changes_and_of_the_engine(prepared, field):
    R = prepared.design.factor
    page = functions_of_the_page(R)
    theta, tiny = np.array([*field[:2], np.log(field[2])]), 1e-5

    def course(numbers):
        return R @ field_by_formula(*numbers[:2], np.exp(numbers[2]))

    J = [course(theta)]
    for step in tiny * np.eye(3):
        J.append((course(theta + step) - course(theta - step)) / (2 * tiny))
    found = page["courses_of"](*theta).T
    np.testing.assert_allclose(found, J, atol=1e-7 * np.abs(J).max())
    of_engine = prepared.design.predict(theta[np.newaxis], Gaussian())[0]
    np.testing.assert_allclose(found, of_engine, atol=1e-10 * np.abs(J).max())
    w = np.arange(100.0)
    np.testing.assert_allclose(page["residual_of"]([*theta, 3.0], w), w - 3 * J[0])


@pytest.mark.parametrize("shape", [(10, 10), (12, 8)])
def test_frames_take_the_place_of_pixels(shape):
    frames = np.reshape(functions_of_the_page(None)["bars"](shape), (160, -1)).astype(float)
    S, onsets = find_frames(frames)
    distinct = np.unique(frames, axis=0)
    assert len(S) == distinct.any(axis=1).sum() <= 80
    runs, h = np.zeros(160, dtype=int), haemodynamic_response(5.0)
    clean = Cleaner(runs, 1)
    F, A = clean(convolve(frames, h, runs)), clean(convolve(onsets, h, runs))
    g = sample_gaussians(np.array([[3.3, 5.1]]), np.array([1.3]), shape)[0]
    np.testing.assert_allclose(F @ g, A @ (S @ g), atol=1e-10)
