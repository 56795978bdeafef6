"""Population receptive fields against SciPy, scikit-learn, known fields, and their own errors."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import least_squares
from scipy.signal import lfilter
from scipy.stats import gamma
from sklearn.metrics import r2_score
from threadpoolctl import threadpool_limits

from helpers import receptive_fields as fields
from helpers._engine import prf as engine
from helpers.features import convolve, haemodynamic_response
from helpers.receptive_fields import PRF, BoundWarning, CentreSurroundPRF, CompressivePRF
from helpers.ridge import ConstantVoxelWarning

SHAPE, PIXEL, TR = (8, 11), (1.2, 0.9), 1.5
LENGTHS = (390, 270, 330)
RUNS = np.repeat(np.arange(3), LENGTHS)


def images(rng, shape=SHAPE, runs=RUNS):
    """Random images for two volumes each, and nothing every third time."""
    n = len(runs) // 2 + 1
    drawn = rng.random((n, np.prod(shape))) < rng.choice([0.2, 0.5, 0.8], (n, 1))
    drawn[rng.random(n) < 1 / 3] = 0
    return np.repeat(drawn, 2, axis=0)[: len(runs)].astype(float)


def known_fields(rng, n, shape=SHAPE, pixel=PIXEL):
    """Centres in units, sizes, and fields on pixels, from their definition."""
    extent = np.multiply(shape, pixel)
    centre = rng.uniform(0.1, 0.8, (n, 2)) * extent
    size = rng.uniform(0.13, 0.28, n) * extent.min()
    rows, columns = np.indices(shape).reshape(2, -1) * np.array(pixel)[:, np.newaxis]
    square = (rows - centre[:, [0]]) ** 2 + (columns - centre[:, [1]]) ** 2
    field = np.exp(-square / (2 * size[:, np.newaxis] ** 2))
    return centre, size, field * np.prod(pixel) / (2 * np.pi * size[:, np.newaxis] ** 2)


def late(values, peak, runs=RUNS, t_r=TR):
    """Convolve run by run with NumPy, independent of the helper."""
    response = haemodynamic_response(peak, t_r)
    return np.vstack(
        [
            np.transpose([np.convolve(column, response)[: len(run)] for column in run.T])
            for run in (values[runs == r] for r in np.unique(runs))
        ]
    )


def drifts(runs=RUNS, order=1):
    """A polynomial of each run, one column an order and run."""
    columns = []
    for run in np.unique(runs):
        for power in range(order + 1):
            column = np.zeros(len(runs))
            column[runs == run] = np.linspace(-1, 1, (runs == run).sum()) ** power
            columns.append(column)
    return np.column_stack(columns)


def autoregressive(rng, shape, rho=0.5, runs=RUNS):
    noise = rng.standard_normal(shape)
    for r in np.unique(runs):
        noise[runs == r] = lfilter([np.sqrt(1 - rho**2)], [1, -rho], noise[runs == r], axis=0)
    return noise


def noisy_fields(rng, X, n, strength, rho):
    """Centres, sizes and responses of voxels with a field, in noise that lasts."""
    centre, size, field = known_fields(rng, n)
    signal = late(X[:, :-1] @ field.T, 5.0)
    noise = autoregressive(rng, signal.shape, rho)
    return centre, size, strength * signal / signal.std(axis=0) + noise


@pytest.fixture(scope="module")
def simulated():
    """Sixty voxels with a field, an on/off response, drift and noise that lasts."""
    rng = np.random.default_rng(0)
    light = images(rng)
    on = light.any(axis=1, keepdims=True).astype(float)
    centre, size, field = known_fields(rng, 60)
    signal = late(light @ field.T, 5.0)
    signal = 2 * signal / signal.std(axis=0) + late(on, 5.0) * rng.uniform(0, 2, 60)
    drift = drifts(order=1) @ rng.standard_normal((6, 60))
    Y = 100 + signal + drift + autoregressive(rng, signal.shape)
    X = np.column_stack([light, on])
    return X, Y, centre, size, field


MODEL = PRF(SHAPE, t_r=TR, pixel_size=PIXEL)
PLAIN = PRF(SHAPE, t_r=TR, pixel_size=PIXEL, noise_model="ols")


def test_the_fit_is_that_of_scipy(simulated):
    """All of drift, on/off, amplitude and field in one least-squares problem, voxel by voxel."""
    X, Y, centre, size, _ = simulated
    rng = np.random.default_rng(1)
    confounds = rng.standard_normal((len(X), 2))
    by_run = np.column_stack([confounds * (r == RUNS)[:, np.newaxis] for r in range(3)])
    model = PRF(SHAPE, t_r=TR, pixel_size=PIXEL, noise_model="ols", drift_order=2)
    Y = Y[:, :8] + by_run @ rng.standard_normal((6, 8))
    model.fit(X, Y, groups=RUNS, confounds=confounds)
    pixels, others = late(X[:, :-1], 5.0), np.column_stack([late(X[:, -1:], 5.0), by_run])
    others = np.column_stack([others, drifts(order=2)])
    places = np.indices(SHAPE).reshape(2, -1) * np.array(PIXEL)[:, np.newaxis]

    def course(p):
        square = (places[0] - p[0]) ** 2 + (places[1] - p[1]) ** 2
        return pixels @ np.exp(-square / (2 * p[2] ** 2)) * np.prod(PIXEL) / (2 * np.pi * p[2] ** 2)

    for voxel in range(8):

        def residual(p, y=Y[:, voxel]):
            design = np.column_stack([course(p), others])
            return y - design @ np.linalg.lstsq(design, y)[0]

        start = [*centre[voxel], size[voxel]]
        best = least_squares(residual, start, xtol=1e-12, ftol=1e-12, gtol=1e-12)
        found = [*(model.centre_[voxel] * PIXEL), model.size_[voxel]]
        np.testing.assert_allclose(found, best.x, rtol=0, atol=2e-3 * size[voxel])
        design = np.column_stack([course(best.x), others])
        weights = np.linalg.lstsq(design, Y[:, voxel])[0]
        assert model.amplitude_[voxel] == pytest.approx(weights[0], rel=5e-3)
        assert model.nuisance_coef_[voxel, 0] == pytest.approx(weights[1], rel=0.02, abs=0.02)
        # R2 of what is not drift or confound.
        without = np.column_stack([others[:, 1:]])
        total = Y[:, voxel] - without @ np.linalg.lstsq(without, Y[:, voxel])[0]
        assert model.r2_[voxel] == pytest.approx(1 - 2 * best.cost / (total @ total), abs=1e-5)


def test_fields_are_found_exactly_without_noise():
    rng = np.random.default_rng(2)
    light = images(rng)
    centre, size, field = known_fields(rng, 50)
    model = MODEL.fit(light, 3 + late(light @ field.T, 5.0) * 7, groups=RUNS)
    np.testing.assert_allclose(model.centre_ * PIXEL, centre, atol=1e-4)
    np.testing.assert_allclose(model.size_, size, rtol=1e-4)
    np.testing.assert_allclose(model.amplitude_, 7, rtol=1e-4)
    np.testing.assert_allclose(model.baseline_, 3, atol=1e-4)
    np.testing.assert_allclose(model.r2_, 1, atol=1e-8)
    assert model.n_without_field_ == 0


def test_places_in_degrees():
    """Row 0 is at the top, so a small row is up; a small column is left."""
    rng = np.random.default_rng(3)
    light = images(rng)
    rows, columns = np.indices(SHAPE).reshape(2, -1)
    up_right = np.exp(-(((rows - 1.5) * 1.2) ** 2 + ((columns - 8.7) * 0.9) ** 2) / 2)
    model = MODEL.fit(light, late(light @ up_right[:, np.newaxis], 5.0), groups=RUNS)
    np.testing.assert_allclose(model.centre_[0], [1.5, 8.7], atol=0.2)
    assert model.x_[0] == pytest.approx((model.centre_[0, 1] - 5) * 0.9)
    assert model.y_[0] == pytest.approx((3.5 - model.centre_[0, 0]) * 1.2)
    assert model.x_[0] > 0
    assert model.y_[0] > 0
    assert model.x_stderr_[0] == pytest.approx(model.centre_stderr_[0, 1] * 0.9)
    assert model.y_stderr_[0] == pytest.approx(model.centre_stderr_[0, 0] * 1.2)
    assert model.angle_[0] == pytest.approx(np.degrees(np.arctan(model.y_[0] / model.x_[0])))
    assert model.eccentricity_[0] == pytest.approx(np.hypot(model.x_[0], model.y_[0]))


def test_frames_and_pixels_give_the_same_fit(simulated, monkeypatch):
    """Few pixels are columns themselves; of many, the different frames are."""
    X, Y, *_ = simulated
    by_pixels = PLAIN.fit(X, Y, groups=RUNS)
    centre, size = by_pixels.centre_, by_pixels.size_
    made = engine.make_courses

    def of_frames(*given):
        return made(*given[:-1], False)

    monkeypatch.setattr(fields, "make_courses", of_frames)
    by_frames = PRF(SHAPE, t_r=TR, pixel_size=PIXEL, noise_model="ols").fit(X, Y, groups=RUNS)
    np.testing.assert_allclose(by_frames.centre_, centre, atol=1e-3)
    np.testing.assert_allclose(by_frames.size_, size, rtol=2e-3)
    np.testing.assert_allclose(by_frames.predict(X, RUNS), by_pixels.predict(X, RUNS), atol=1e-3)


def test_steps_never_end_below_their_grid(simulated):
    X, Y, *_ = simulated
    Y = np.column_stack([Y, np.random.default_rng(4).standard_normal((len(X), 200))])
    clean = engine.Cleaner(RUNS, 1)
    model = PRF(SHAPE, t_r=TR, pixel_size=PIXEL)
    courses = model._courses(X, model._screen(X), RUNS, linear=True)
    prepared = engine.prepare(courses[0], model._screen(X), clean)
    targets, _ = prepared.reduce(clean(Y))
    start = prepared.design.search(targets, positive=True)
    course = prepared.design.predict(start, engine.Gaussian())[:, 0]
    _, on_grid = engine.best_amplitude(course, targets.T, True)
    _, _, explained = prepared.design.refine(start, targets, engine.Gaussian(), True)
    assert (explained >= on_grid).all()
    assert np.median(explained[:60] / on_grid[:60]) > 1.003  # and the steps are worth it


# In so much noise a few of hundreds of fields shrink to a point.
@pytest.mark.filterwarnings("ignore::helpers.receptive_fields.BoundWarning")
def test_standard_errors_cover_the_truth(simulated):
    """Also where noise lasts over volumes, which those of plain least squares do not know."""
    X = simulated[0]
    centre, size, Y = noisy_fields(np.random.default_rng(5), X, 1500, strength=3, rho=0.6)
    for model in (MODEL, PLAIN):
        model.fit(X, Y, groups=RUNS)
        rows = np.abs(model.centre_[:, 0] * PIXEL[0] - centre[:, 0])
        inside = rows < 1.96 * model.centre_stderr_[:, 0] * PIXEL[0]
        assert 0.91 < inside.mean() < 0.97
        inside = np.abs(model.size_ - size) < 1.96 * model.size_stderr_
        assert 0.91 < inside.mean() < 0.97
        inside = rows < model.centre_stderr_[:, 0] * PIXEL[0]
        assert 0.63 < inside.mean() < 0.72
    # What the errors would be if each volume told something of its own.
    naive = PRF(SHAPE, t_r=TR, pixel_size=PIXEL, noise_model="ols")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.Cleaner, "fading", lambda self, values: np.zeros(values.shape[1]))
        naive.fit(X, Y, groups=RUNS)
    inside = np.abs(naive.size_ - size) < 1.96 * naive.size_stderr_
    assert inside.mean() < 0.88


# In so much noise a few of hundreds of fields shrink to a point.
@pytest.mark.filterwarnings("ignore::helpers.receptive_fields.BoundWarning")
def test_noise_that_lasts_is_discounted(simulated):
    """Generalised least squares comes closer to the truth than plain ones."""
    X = simulated[0]
    centre, _, Y = noisy_fields(np.random.default_rng(6), X, 400, strength=1.5, rho=0.8)
    errors = [
        np.hypot(*(model.fit(X, Y, groups=RUNS).centre_ * PIXEL - centre).T)
        for model in (MODEL, PLAIN)
    ]
    assert np.nanmedian(errors[0]) < 0.9 * np.nanmedian(errors[1])


def test_filters_make_noise_white():
    runs = np.repeat([0, 1], [7, 5])
    filters = engine.Cleaner(runs, 0).whitening(0.6)._filter(np.eye(7))
    covariance = 0.6 ** np.abs(np.subtract.outer(np.arange(7), np.arange(7)))
    np.testing.assert_allclose(filters @ covariance @ filters.T, (1 - 0.36) * np.eye(7), atol=1e-12)


def test_noise_that_lasts_passes_for_no_field():
    rng = np.random.default_rng(18)
    Y = autoregressive(rng, (len(RUNS), 400), 0.9)
    for noise_model in ("ar1", "ols"):
        model = PRF(SHAPE, t_r=TR, noise_model=noise_model)
        assert model.fit(images(rng), Y, groups=RUNS).has_field_.mean() < 0.02


def test_voxels_without_a_field_get_none():
    """Noise and an on/off response have a best Gaussian, too: it is not worth its parameters."""
    rng = np.random.default_rng(7)
    light = images(rng)
    on = light.any(axis=1, keepdims=True).astype(float)
    Y = autoregressive(rng, (len(light), 400))
    Y[:, 200:] += 3 * late(on, 5.0)
    Y[:, 0] += 20 * late(light @ known_fields(rng, 1)[2].T, 5.0)[:, 0]
    model = PRF(SHAPE, t_r=TR).fit(np.column_stack([light, on]), Y, groups=RUNS)
    assert model.has_field_[0]
    assert model.has_field_[1:].mean() < 0.02
    assert model.n_without_field_ == (~model.has_field_).sum() > 390
    none = ~model.has_field_
    for name in ("centre_", "size_", "amplitude_", "x_", "angle_", "centre_stderr_"):
        assert np.isnan(getattr(model, name)[none]).all(), name
    # Predictions still hold what the nuisance column explains.
    assert np.isfinite(model.predict(np.column_stack([light, on]), RUNS)).all()
    assert model.r2_[200:].min() > 0.3
    np.testing.assert_allclose(model.nuisance_coef_[200:, 0], 3, atol=1.2)


def test_a_field_that_lowers_the_response():
    rng = np.random.default_rng(8)
    light = images(rng)
    centre, _, field = known_fields(rng, 5)
    signal = late(light @ field.T, 5.0)
    Y = -signal / signal.std(axis=0) + 0.1 * rng.standard_normal(signal.shape)
    assert not PRF(SHAPE, t_r=TR, pixel_size=PIXEL).fit(light, Y, groups=RUNS).has_field_.any()
    signed = PRF(SHAPE, t_r=TR, pixel_size=PIXEL, positive=False).fit(light, Y, groups=RUNS)
    assert (signed.amplitude_ < 0).all()
    np.testing.assert_allclose(signed.centre_ * PIXEL, centre, atol=0.2)


def test_each_voxel_gets_the_response_that_explains_most(simulated):
    X, _, _, _, field = simulated
    peaks = np.tile([4.0, 5.0, 6.5], 20)
    parts = [late(X[:, :-1] @ one[:, np.newaxis], p) for one, p in zip(field, peaks, strict=True)]
    signal = np.hstack(parts)
    rng = np.random.default_rng(9)
    Y = signal / signal.std(axis=0) + 0.3 * autoregressive(rng, signal.shape)
    model = PRF(SHAPE, hrf_peak=[4.0, 5.0, 6.5], t_r=TR, pixel_size=PIXEL).fit(X, Y, groups=RUNS)
    np.testing.assert_array_equal(model.hrf_peak_, peaks)
    single = PRF(SHAPE, hrf_peak=4.0, t_r=TR, pixel_size=PIXEL).fit(X, Y[:, ::3], groups=RUNS)
    np.testing.assert_allclose(model.centre_[::3], single.centre_, atol=1e-3)
    predicted = model.predict(X, RUNS)
    np.testing.assert_allclose(predicted[:, ::3], single.predict(X, RUNS), atol=1e-3)


def test_no_response_means_rows_that_are_late_already(simulated):
    X, Y, *_ = simulated
    convolved = convolve(X, haemodynamic_response(5.0, TR), RUNS)
    given = PRF(SHAPE, hrf_peak=None, pixel_size=PIXEL).fit(convolved, Y, groups=RUNS)
    np.testing.assert_allclose(given.centre_, MODEL.fit(X, Y, groups=RUNS).centre_, atol=1e-3)
    assert np.isnan(given.hrf_peak_).all()


def test_convolution_is_numpys_and_stays_within_runs():
    rng = np.random.default_rng(10)
    values = rng.standard_normal((len(RUNS), 3))
    response = haemodynamic_response(5.0, TR)
    np.testing.assert_allclose(convolve(values, response, RUNS), late(values, 5.0), atol=1e-12)
    assert np.abs(convolve(values, response) - late(values, 5.0)).max() > 0.1


def test_response_is_a_double_gamma_at_any_repetition_time():
    for t_r in (0.72, 1.5, 2.079):
        response = haemodynamic_response([4.0, 6.0], t_r)
        lags = np.arange(len(response)) * t_r
        assert lags[-1] < 28 <= lags[-1] + t_r
        np.testing.assert_allclose(response.sum(axis=0), 1)
        for column, peak in zip(response.T, (4.0, 6.0), strict=True):
            shape = gamma.pdf(lags, peak + 1) - gamma.pdf(lags, peak + 11) / 6
            np.testing.assert_allclose(column, shape / shape.sum(), atol=0.03)
            assert abs(lags[column.argmax()] - peak) <= t_r / 2


def test_held_out_scores_are_those_of_a_loop(simulated):
    X, Y, *_ = simulated
    Y = Y[:, :6]
    scores = fields.held_out_scores(MODEL, X, Y, groups=RUNS, cv=3)
    by_hand = []
    for run in range(3):
        train, test = run != RUNS, run == RUNS
        predicted = MODEL.fit(X[train], Y[train], groups=RUNS[train]).predict(X[test])
        line = np.column_stack([np.ones(test.sum()), np.arange(test.sum())])
        residual_maker = np.eye(test.sum()) - line @ np.linalg.pinv(line)
        sides = residual_maker @ Y[test], residual_maker @ predicted
        by_hand.append(r2_score(*sides, multioutput="raw_values"))
    np.testing.assert_allclose(scores, np.mean(by_hand, axis=0), atol=1e-9)
    assert scores.mean() > 0.5
    train, test = RUNS != 0, RUNS == 0
    fitted = PRF(SHAPE, t_r=TR, pixel_size=PIXEL).fit(X[train], Y[train], groups=RUNS[train])
    assert fitted.score(X[test], Y[test]) == pytest.approx(by_hand[0].mean())


def test_one_voxel_is_a_column_of_many(simulated):
    X, Y, *_ = simulated
    many, one = MODEL.fit(X, Y, groups=RUNS).centre_[3], PRF(SHAPE, t_r=TR, pixel_size=PIXEL)
    one.fit(X, Y[:, 3], groups=RUNS)
    assert one.centre_.shape == (2,)
    assert np.ndim(one.size_) == np.ndim(one.x_) == np.ndim(one.r2_) == 0
    np.testing.assert_allclose(one.centre_, many, atol=1e-6)
    assert one.predict(X, RUNS).shape == (len(X),)


def test_results_do_not_depend_on_threads_or_precision(simulated):
    X, Y, *_ = simulated
    with threadpool_limits(1):
        expected = MODEL.fit(X, Y, groups=RUNS).centre_
    with threadpool_limits(2):
        np.testing.assert_array_equal(MODEL.fit(X, Y, groups=RUNS).centre_, expected)
    single = MODEL.fit(X, Y.astype(np.float32), groups=RUNS).centre_
    np.testing.assert_allclose(single, expected, atol=1e-3)


def test_fields_at_a_bound_are_reported(simulated):
    """A field far wider than the screen has no size that these images could tell."""
    X, *_ = simulated
    rng = np.random.default_rng(11)
    wide = late(X[:, :-1].sum(axis=1, keepdims=True), 5.0)
    Y = wide / wide.std() + 0.05 * rng.standard_normal((len(X), 3))
    model = PRF(SHAPE, t_r=TR, pixel_size=PIXEL)
    with pytest.warns(BoundWarning, match=r"fields end at a bound .* of 0.18 or 9.9 or half"):
        model.fit(X[:, :-1], Y, groups=RUNS)
    assert model.at_bound_.any()
    assert np.isnan(model.size_stderr_[model.at_bound_]).all()
    assert model.size_[model.at_bound_].max() == pytest.approx(9.9)


def test_fields_too_narrow_for_the_pixels_are_reported(simulated):
    """Four pixels around a point give two ratios and a sum, and no size."""
    X, *_ = simulated
    rng = np.random.default_rng(19)
    spot = np.zeros(SHAPE)
    spot[3:5, 4:6] = 1
    signal = late(X[:, :-1] @ spot.reshape(-1, 1), 5.0)
    Y = signal / signal.std() + 0.3 * rng.standard_normal((len(X), 3))
    model = PRF(SHAPE, t_r=TR)
    with pytest.warns(BoundWarning, match="size that these data do not tell"):
        model.fit(X[:, :-1], Y, groups=RUNS)
    assert model.at_bound_.any()
    np.testing.assert_array_equal(np.isnan(model.size_stderr_), model.at_bound_)
    np.testing.assert_allclose(model.centre_, [[3.5, 4.5]] * 3, atol=0.1)


def test_centres_where_nothing_was_lit_are_marked():
    """Most of this screen stays dark: fields there predict nothing, or rounding noise."""
    rng = np.random.default_rng(12)
    shape = (8, 40)
    light = images(rng, shape)
    light.reshape(-1, *shape)[:, :, 6:] = 0
    centre = np.array([[3.5, 6.8], [3.5, 3.0]])
    rows, columns = np.indices(shape).reshape(2, -1)
    square = (rows - centre[:, [0]]) ** 2 + (columns - centre[:, [1]]) ** 2
    signal = late(light @ np.exp(-square / 2).T, 5.0)
    Y = signal / signal.std(axis=0) + 0.05 * rng.standard_normal(signal.shape)
    Y = np.column_stack([Y, rng.standard_normal((len(Y), 50))])
    model = PRF(shape, t_r=TR).fit(light, Y, groups=RUNS)
    assert model.outside_[:2].tolist() == [True, False]
    np.testing.assert_allclose(model.centre_[:2], centre, atol=0.3)
    assert np.isfinite(model.r2_).all()


def test_constant_voxels_are_counted(simulated):
    X, Y, *_ = simulated
    Y = Y[:, :4].copy()
    expected = MODEL.fit(X, Y, groups=RUNS).centre_
    Y[:, 2] = 0.1
    with pytest.warns(
        ConstantVoxelWarning, match="1 of 4 voxels .* over a run: columns 2. Their fields"
    ):
        model = MODEL.fit(X, Y, groups=RUNS)
    assert np.isnan(model.centre_[2]).all()
    assert np.isnan([model.r2_[2], model.baseline_[2], model.size_[2]]).all()
    assert np.isnan(model.predict(X, RUNS)[:, 2]).all()
    np.testing.assert_allclose(model.centre_[[0, 1, 3]], expected[[0, 1, 3]], atol=1e-9)
    with pytest.warns(ConstantVoxelWarning, match="Their scores are NaN"):
        scores = fields.held_out_scores(MODEL, X, Y, groups=RUNS, cv=3)
    assert np.isnan(scores).tolist() == [False, False, True, False]


# In so much noise a few of hundreds of fields shrink to a point.
@pytest.mark.filterwarnings("ignore::helpers.receptive_fields.BoundWarning")
def test_exponents_are_found_and_shared():
    """Free of noise each voxel has its own; with noise they are drawn to what all say together."""
    rng = np.random.default_rng(13)
    light = images(rng)
    centre, size, field = known_fields(rng, 40)
    exponents = np.repeat([0.5, 1.0], 20)
    signal = late((light @ field.T) ** exponents, 5.0)
    signal /= signal.std(axis=0)
    model = CompressivePRF(SHAPE, t_r=TR, pixel_size=PIXEL)
    model.fit(light, signal + 1e-3 * rng.standard_normal(signal.shape), groups=RUNS)
    np.testing.assert_allclose(model.exponent_, exponents, atol=0.02)
    np.testing.assert_allclose(model.centre_ * PIXEL, centre, atol=0.02)
    np.testing.assert_allclose(model.sigma_, size, rtol=0.02)
    np.testing.assert_allclose(model.size_, model.sigma_ / np.sqrt(model.exponent_))
    # One exponent for all, and noise.
    _, _, field = known_fields(rng, 200)
    signal = late((light @ field.T) ** 0.6, 5.0)
    Y = 0.7 * signal / signal.std(axis=0) + autoregressive(rng, signal.shape)
    model.fit(light, Y, groups=RUNS)
    assert np.nanmedian(np.abs(model.exponent_ - 0.6)) < 0.06
    assert np.nanstd(model.exponent_) < 0.05
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fields.Compressive, "pooled", None)
        free = CompressivePRF(SHAPE, t_r=TR, pixel_size=PIXEL).fit(light, Y, groups=RUNS)
    assert np.nanstd(free.exponent_) > 0.12
    assert np.nanmedian(free.exponent_stderr_) > 1.5 * np.nanmedian(model.exponent_stderr_)


@pytest.mark.filterwarnings("ignore::helpers.receptive_fields.BoundWarning")
def test_exponents_that_differ_are_within_their_errors():
    rng = np.random.default_rng(17)
    light = images(rng)
    _, _, field = known_fields(rng, 400)
    exponents = np.clip(rng.normal(0.7, 0.15, 400), 0.2, 1.5)
    signal = late((light @ field.T) ** exponents, 5.0)
    Y = signal / signal.std(axis=0) + autoregressive(rng, signal.shape)
    model = CompressivePRF(SHAPE, t_r=TR, pixel_size=PIXEL).fit(light, Y, groups=RUNS)
    inside = np.abs(model.exponent_ - exponents) < 1.96 * model.exponent_stderr_
    assert 0.9 < inside[np.isfinite(model.exponent_stderr_)].mean() < 0.98
    assert np.corrcoef(model.exponent_, exponents)[0, 1] > 0.4


def test_a_compressive_field_predicts_what_its_formula_says():
    rng = np.random.default_rng(14)
    light = images(rng)
    on = light.any(axis=1, keepdims=True).astype(float)
    _, _, field = known_fields(rng, 4)
    Y = late((light @ field.T) ** 0.7, 5.0) * 9 + 2 * late(on, 5.0) + 5
    X = np.column_stack([light, on])
    model = CompressivePRF(SHAPE, t_r=TR, pixel_size=PIXEL)
    model.fit(X, Y + 0.01 * rng.standard_normal(Y.shape), groups=RUNS)
    new = images(rng)
    new_on = new.any(axis=1, keepdims=True).astype(float)
    rows, columns = np.indices(SHAPE).reshape(2, -1)
    square = ((rows - model.centre_[:, [0]]) * PIXEL[0]) ** 2
    square += ((columns - model.centre_[:, [1]]) * PIXEL[1]) ** 2
    variance = model.sigma_[:, np.newaxis] ** 2
    g = np.exp(-square / (2 * variance)) * np.prod(PIXEL) / (2 * np.pi * variance)
    expected = model.amplitude_ * late((new @ g.T) ** model.exponent_, 5.0)
    expected += late(new_on, 5.0) * model.nuisance_coef_[:, 0] + model.baseline_
    predicted = model.predict(np.column_stack([new, new_on]), RUNS)
    np.testing.assert_allclose(predicted, expected, atol=1e-9)


def test_on_linear_responses_compression_does_not_win(simulated):
    X, Y, *_ = simulated
    scores = [
        fields.held_out_scores(kind(SHAPE, t_r=TR, pixel_size=PIXEL), X, Y, groups=RUNS, cv=3)
        for kind in (PRF, CompressivePRF)
    ]
    assert np.mean(scores[1]) < np.mean(scores[0]) + 0.001


def test_surrounds_are_found():
    rng = np.random.default_rng(15)
    light = images(rng)
    _, size, field = known_fields(rng, 12)
    wide = []
    for one in field:  # the same place, three times the size
        row, column = np.unravel_index(one.argmax(), SHAPE)
        rows, columns = np.indices(SHAPE).reshape(2, -1) * np.array(PIXEL)[:, np.newaxis]
        mean = [one @ rows / one.sum(), one @ columns / one.sum()]
        wide.append((rows - mean[0]) ** 2 + (columns - mean[1]) ** 2)
    del row, column
    variance = (3 * size[:, np.newaxis]) ** 2
    outer = np.exp(-np.array(wide) / (2 * variance)) * np.prod(PIXEL) / (2 * np.pi * variance)
    signal = late(light @ (field - 0.6 * outer).T, 5.0)
    Y = signal / signal.std(axis=0) + 0.02 * rng.standard_normal(signal.shape)
    model = CentreSurroundPRF(SHAPE, t_r=TR, pixel_size=PIXEL).fit(light, Y, groups=RUNS)
    plain = PRF(SHAPE, t_r=TR, pixel_size=PIXEL).fit(light, Y, groups=RUNS)
    assert np.median(np.abs(model.surround_share_ - 0.6)) < 0.15
    assert np.median(np.abs(model.surround_size_ / (3 * size) - 1)) < 0.2
    assert (model.r2_ > plain.r2_).all()


def test_large_screens_need_little_memory():
    """The products of all pairs of 128 x 128 pixels alone would take two gigabytes."""
    rng = np.random.default_rng(16)
    shape, runs = (128, 128), np.zeros(120, dtype=int)
    coarse = images(rng, (8, 8), runs).reshape(-1, 8, 8)
    light = coarse.repeat(16, axis=1).repeat(16, axis=2).reshape(len(runs), -1)
    centre, size, field = known_fields(rng, 6, shape, (1, 1))
    signal = late(light @ field.T, 5.0, runs)
    Y = signal / signal.std(axis=0) + 0.01 * rng.standard_normal(signal.shape)
    tracemalloc.start()
    model = PRF(shape, t_r=TR).fit(light, Y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(model.centre_, centre, atol=1.5)
    np.testing.assert_allclose(model.size_, size, rtol=0.1)
    assert peak < 4e8


KINDS = pytest.mark.parametrize("kind", [PRF, CompressivePRF, CentreSurroundPRF])


# Voxels without a surround leave the wider Gaussian free to go to a bound.
@pytest.mark.filterwarnings("ignore::helpers.receptive_fields.BoundWarning")
@KINDS
def test_units_make_no_difference(simulated, kind):
    """Light to 255 or as a share, responses as raw numbers or in percent, degrees or metres."""
    X, Y, *_ = simulated
    X, Y = X.copy(), Y[:, :6]
    expected = kind(SHAPE, t_r=TR, pixel_size=PIXEL).fit(X, Y, groups=RUNS)
    predicted = expected.predict(X, RUNS)
    for light, response, length in [
        (255, 1, 1),
        (1e-3, 1, 1),
        (1e-10, 1, 1),
        (1, 1e-9, 1),
        (1, 1e6, 1),
        (255, 1e-4, 1),
        (1, 1, 1e-5),
    ]:
        scaled = X * np.append(np.full(88, light), 1)
        model = kind(SHAPE, t_r=TR, pixel_size=tuple(np.multiply(PIXEL, length)))
        model.fit(scaled, response * Y, groups=RUNS)
        np.testing.assert_allclose(model.centre_, expected.centre_, atol=5e-4)
        np.testing.assert_allclose(model.size_ / length, expected.size_, rtol=5e-4)
        np.testing.assert_array_equal(model.has_field_, expected.has_field_)
        np.testing.assert_allclose(
            model.predict(scaled, RUNS) / response, predicted, rtol=0, atol=5e-4
        )


@pytest.mark.parametrize(
    "form",
    [pd.DataFrame, np.asfortranarray, np.ndarray.tolist, np.float32],
    ids=lambda f: f.__name__,
)
def test_other_forms_of_the_same_data_fit_alike(simulated, form):
    X, Y, *_ = simulated
    expected = MODEL.fit(X, Y[:, :5], groups=RUNS).centre_
    X, Y = (v.astype(form) if form is np.float32 else form(v) for v in (X, Y[:, :5]))
    model = PRF(SHAPE, t_r=TR, pixel_size=PIXEL).fit(X, Y, groups=RUNS.tolist())
    np.testing.assert_allclose(model.centre_, expected, atol=1e-4)


def test_a_background_that_was_subtracted_makes_no_difference(simulated):
    """Where there is an on/off column; on grey, the fields were half a pixel off."""
    X, Y, *_ = simulated
    expected = MODEL.fit(X, Y[:, :5], groups=RUNS).centre_
    grey = X.copy()
    grey[:, :-1] -= 0.5 * X[:, -1:]  # rest is 0, dark pixels of an image -0.5
    fitted = PRF(SHAPE, t_r=TR, pixel_size=PIXEL).fit(grey, Y[:, :5], groups=RUNS)
    np.testing.assert_allclose(fitted.centre_, expected, atol=1e-6)


def test_a_voxel_that_stands_still_in_one_run_gets_no_field(simulated):
    X, Y, *_ = simulated
    Y = Y[:, :4].copy()
    expected = MODEL.fit(X, Y, groups=RUNS).centre_
    Y[RUNS == 1, 2] = 0
    model = PRF(SHAPE, t_r=TR, pixel_size=PIXEL)
    with pytest.warns(ConstantVoxelWarning, match="1 of 4 .* over a run: columns 2. Their fields"):
        model.fit(X, Y, groups=RUNS)
    assert np.isnan(model.centre_[2]).all()
    np.testing.assert_allclose(model.centre_[[0, 1, 3]], expected[[0, 1, 3]], atol=1e-9)


def test_scores_leave_out_what_cannot_be_scored(simulated):
    X, Y, *_ = simulated
    model = PRF(SHAPE, t_r=TR, pixel_size=PIXEL).fit(X, Y[:, :4], groups=RUNS)
    expected = PRF(SHAPE, t_r=TR, pixel_size=PIXEL).fit(X, Y[:, :3], groups=RUNS)
    expected = expected.score(X, Y[:, :3], RUNS)
    still = Y[:, :4].copy()
    still[:, 3] = 5
    with pytest.warns(ConstantVoxelWarning, match="columns 3. They do not count in the mean"):
        assert model.score(X, still, RUNS) == pytest.approx(expected)
    with pytest.warns(ConstantVoxelWarning, match="4 of 4"):
        assert np.isnan(model.score(X, 0 * still, RUNS))
    with pytest.raises(ValueError, match="y has 3 voxels and the model was fitted to 4"):
        model.score(X, Y[:, :3], RUNS)
    with pytest.raises(ValueError, match="990 samples and Y has 989"):
        model.score(X, Y[:-1, :4], RUNS)
    with pytest.raises(ValueError, match="y has 1 values that are NaN"):
        model.score(X, np.where(Y[7, 2] == Y, np.nan, Y)[:, :4], RUNS)
    for masked in (model.predict, lambda X: model.score(X, Y[:, :4], RUNS)):
        with pytest.raises(ValueError, match=r"X has .* masked values"):
            masked(np.ma.masked_greater(X, 0))
    with pytest.raises(ValueError, match=r"y has .* masked values"):
        model.score(X, np.ma.masked_greater(Y[:, :4], 101), RUNS)


def test_a_copy_of_a_run_is_not_held_out_from_itself(simulated):
    X, Y, *_ = simulated
    rows = np.r_[0 : len(X), np.flatnonzero(RUNS == 1)]
    groups = np.append(RUNS, np.full(270, 3))
    with pytest.raises(ValueError, match="Runs 1 and 3, counted from 0, hold the same responses"):
        fields.held_out_scores(MODEL, X[rows], Y[rows], groups=groups, cv=4)
    again = Y[rows]
    again[-1, 0] += 1e-6  # the same images shown again are no copy
    assert fields.held_out_scores(MODEL, X[rows], again, groups=groups, cv=4).shape == (60,)


def test_models_of_another_kind_are_not_scored(simulated):
    X, Y, *_ = simulated
    for model in (fields.LassoLarsCV(), PRF):
        with pytest.raises(ValueError, match=r"expected a PRF\(\) or one of its relatives"):
            fields.held_out_scores(model, X, Y, groups=RUNS, cv=3)


REFUSED = {
    "rest coded -1": (
        lambda X, Y: (np.vstack([-np.ones_like(X[:5]), X[5:]]), Y),
        {},
        "code for re",
    ),
    "a grey background": (
        lambda X, Y: (np.where(X[:, :-1].any(axis=1, keepdims=True), X, 0.5), Y),
        {},
        r"background of the screen is 0.5; expected 0 .* X - 0.5",
    ),
    "a bright background": (lambda X, Y: (X * 127 + 128, Y), {}, "background of the screen is 128"),
    "bars on grey": (
        lambda X, Y: (np.where(np.indices(X.shape)[1] % 5 > 0, 128, 255 * X), Y),
        {},
        "background of the screen is 128",
    ),
    "masked responses": (lambda X, Y: (X, np.ma.masked_greater(Y, 101)), {}, "masked values"),
    "masked stimuli": (lambda X, Y: (np.ma.masked_greater(X, 0), Y), {}, "masked values"),
    "the name of a response": (None, {"hrf_peak": "glover"}, "hrf_peak=None"),
    "all dark": (lambda X, Y: (0 * X, Y), {}, "Nothing of the stimulus varies"),
    "always the same": (lambda X, Y: (0 * X + 1, Y), {}, "Nothing of the stimulus varies"),
    "too few columns": (lambda X, Y: (X[:, :50], Y), {}, r"50 columns; expected at least 88"),
    "another screen": (None, {"shape": (7, 9)}, "so that 26 would be nuisances"),
    "NaN": (lambda X, Y: (X, np.where(Y > 101, np.nan, Y)), {}, "contains NaN"),
    "other lengths": (lambda X, Y: (X[:-1], Y), {}, "989 samples and Y has 990"),
    "a shape of three": (None, {"shape": (8, 11, 1)}, r"expected \(rows, columns\)"),
    "half a row": (None, {"shape": (8.5, 11)}, r"expected \(rows, columns\)"),
    "no repetition time": (None, {"t_r": 0}, "t_r is 0; expected seconds"),
    "milliseconds": (None, {"hrf_peak": 5000.0}, "above 0 and below 20"),
    "no response in a list": (None, {"hrf_peak": []}, "one or several"),
    "a repetition time of 0.1 s": (None, {"t_r": 0.1}, "lasts 280 volumes .* run has 270"),
    "a repetition time in milliseconds": (None, {"t_r": 1500}, "t_r is 1500; expected seconds"),
    "three sides": (None, {"pixel_size": (1, 2, 3)}, "height and width"),
    "a stack": (lambda X, Y: (X[:, :88].reshape(-1, 8, 11), Y), {}, r"X.reshape\(len\(X\), -1\)"),
    "a pixel of no size": (None, {"pixel_size": (1, 0)}, "pixel_size is"),
    "half a drift": (None, {"drift_order": 1.5}, "drift_order is 1.5"),
    "another noise": (None, {"noise_model": "ar2"}, 'expected "ar1" or "ols"'),
}


@pytest.mark.parametrize(("change", "options", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused(simulated, change, options, message):
    X, Y, *_ = simulated
    X, Y = (X, Y) if change is None else change(X, Y)
    groups = RUNS[: len(X)]
    model = PRF(**({"shape": SHAPE, "t_r": TR} | options))
    with pytest.raises(ValueError, match=message):
        model.fit(X, Y, groups=groups)


def test_too_few_samples_and_other_confounds_are_refused(simulated):
    X, Y, *_ = simulated
    late_already = PRF(SHAPE, hrf_peak=None)
    with pytest.raises(ValueError, match=r"n_samples = 7 and 5 parameters .* at least 9"):
        late_already.fit(X[:7], Y[:7])
    with pytest.raises(ValueError, match="confounds has 10 rows for 990 samples"):
        MODEL.fit(X, Y, groups=RUNS, confounds=np.zeros((10, 2)))
    for rows in (10, 1000):
        with pytest.raises(ValueError, match=f"confounds has {rows} rows for 990 samples"):
            fields.held_out_scores(MODEL, X, Y, groups=RUNS, confounds=np.zeros((rows, 2)))
    with pytest.raises(ValueError, match="one run label for each of the 990 samples"):
        convolve(X, haemodynamic_response(5.0, TR), RUNS[:-1])
    with pytest.raises(ValueError, match="below 0; expected light"):
        CompressivePRF(SHAPE, t_r=TR).fit(X - 0.5, Y, groups=RUNS)
    rows = np.arange(len(X))
    for test in (rows[:300], rows[::4]):
        cv = [(np.setdiff1d(rows, test), test)]
        with pytest.raises(ValueError, match="run in both its training and its test set"):
            fields.held_out_scores(MODEL, X, Y, groups=RUNS, cv=cv)
    with pytest.raises(ValueError, match="belong to one run"):
        fields.held_out_scores(MODEL, X, Y, groups=0 * RUNS)
    with pytest.raises(ValueError, match="starts again"):
        MODEL.fit(X, Y, groups=np.roll(RUNS, 5))
