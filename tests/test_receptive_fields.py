"""Receptive fields, held against scikit-learn, SciPy and fields that are known."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import curve_fit
from sklearn.linear_model import LassoLarsCV, Ridge
from threadpoolctl import threadpool_limits

from helpers import receptive_fields as fields
from helpers import ridge
from helpers._engine import matching
from helpers.receptive_fields import BoundWarning, InvertedFieldWarning
from helpers.ridge import ConstantVoxelWarning

PIXELS = np.indices((10, 10)).reshape(2, -1)


def gaussian(pixels, row, column, size, height, offset):
    """Evaluate a Gaussian from its definition, independent of the helper."""
    squared = (pixels[0] - row) ** 2 + (pixels[1] - column) ** 2
    return height * np.exp(-squared / (2 * size**2)) + offset


def known_fields(n, low=0.0, high=9.0, seed=0):
    rng = np.random.default_rng(seed)
    centre = rng.uniform(low, high, (n, 2))
    size = np.exp(rng.uniform(np.log(0.6), np.log(3), n))
    weights = [gaussian(PIXELS, *c, s, 1.0, 0.0) for c, s in zip(centre, size, strict=True)]
    return centre, size, np.array([w / w.sum() for w in weights])


def recording(n_voxels, noise, n_blocks=6, seed=0):
    """Simulate 20 runs of random images and rest; noise is in units of the tuned response."""
    rng = np.random.default_rng(seed)
    centre, _, weights = known_fields(n_voxels, seed=seed)
    X = np.full((20, n_blocks, 6, 100), -1.0)
    X[:, :, :3] = rng.random((20, n_blocks, 1, 100)) < 0.5
    X, runs = X.reshape(-1, 100), np.repeat(np.arange(20), 6 * n_blocks)
    is_on = X.max(axis=1) > 0
    response = np.maximum(X, 0) @ weights.T
    response /= response[is_on].std(axis=0)
    return X, response + noise * rng.normal(size=response.shape), runs, centre


def distance(a, b):
    return np.hypot(*(a - b).T)


def test_lasso_equals_the_example_with_its_default_folds():
    """20 runs of equal length: cv=5 cuts at the same places."""
    X, Y, runs, _ = recording(3, noise=1.0)
    weights = fields.LassoLarsCV(max_iter=10, cv=5).fit(X, Y, groups=runs).coef_
    for voxel in range(3):
        expected = LassoLarsCV(max_iter=10).fit(X, Y[:, voxel]).coef_
        np.testing.assert_allclose(weights[voxel], expected, rtol=0, atol=1e-8)
        np.testing.assert_array_equal(weights[voxel] != 0, expected != 0)
        assert 0 < np.count_nonzero(expected) <= 10


def test_lasso_folds_hold_whole_runs():
    X, Y, _, _ = recording(6, noise=4.0)
    runs = np.repeat(np.arange(4), [100, 260, 120, 240])
    weights = fields.LassoLarsCV(max_iter=10, cv=3).fit(X, Y, groups=runs).coef_
    by_hand = [np.flatnonzero(np.isin(runs, part)) for part in ([0, 1], [2], [3])]
    cv = [(np.setdiff1d(np.arange(720), test), test) for test in by_hand]
    expected = [LassoLarsCV(max_iter=10, cv=cv).fit(X, y).coef_ for y in Y.T]
    np.testing.assert_allclose(weights, expected, rtol=0, atol=1e-8)
    # The folds matter here: those that cut runs apart choose another penalty.
    other = [LassoLarsCV(max_iter=10, cv=5).fit(X, y).coef_ for y in Y.T]
    assert np.abs(weights - other).max() > 1e-3


def test_lasso_does_not_depend_on_threads():
    X, Y, runs, _ = recording(300, noise=1.0, n_blocks=2)
    with threadpool_limits(1):
        expected = fields.LassoLarsCV(max_iter=10, cv=5).fit(X, Y, groups=runs).coef_
    with threadpool_limits(2):
        np.testing.assert_array_equal(
            fields.LassoLarsCV(max_iter=10, cv=5).fit(X, Y, groups=runs).coef_, expected
        )


def test_lasso_reports_constant_voxels_and_does_the_others():
    X, Y, runs, _ = recording(3, noise=1.0)
    expected = fields.LassoLarsCV(max_iter=10, cv=5).fit(X, Y, groups=runs).coef_
    Y[:, 1] = 0.1
    with pytest.warns(ConstantVoxelWarning, match="1 of 3 .* columns 1. Their weights"):
        weights = fields.LassoLarsCV(max_iter=10, cv=5).fit(X, Y, groups=runs).coef_
    assert np.isnan(weights[1]).all()
    np.testing.assert_allclose(weights[[0, 2]], expected[[0, 2]], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("light", "response"), [(255, 1), (1e-6, 1), (1, 1e-9), (1, 1e6)])
def test_lasso_does_not_depend_on_units(light, response):
    X, Y, runs, _ = recording(6, noise=1.0)
    expected = fields.LassoLarsCV(max_iter=10).fit(X, Y, groups=runs)
    model = fields.LassoLarsCV(max_iter=10).fit(light * X, response * Y, groups=runs)
    np.testing.assert_allclose(model.coef_ * light / response, expected.coef_, atol=1e-9)
    np.testing.assert_allclose(model.predict(light * X) / response, expected.predict(X), atol=1e-9)


def test_lasso_refuses_what_does_not_fit():
    X, Y, runs, _ = recording(1, noise=1.0)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        fields.LassoLarsCV(max_iter=10, cv=5).fit(X, np.where(Y > 1, np.nan, Y), groups=runs)
    with pytest.raises(ValueError, match="masked values"):
        fields.LassoLarsCV(max_iter=10, cv=5).fit(X, np.ma.masked_greater(Y, 1), groups=runs)
    with pytest.raises(ValueError, match=r"X has .* masked values"):
        fields.LassoLarsCV(max_iter=10).fit(X, Y).predict(np.ma.masked_greater(X, 0))
    with pytest.raises(ValueError, match="n_folds is 21"):
        fields.LassoLarsCV(max_iter=10, cv=21).fit(X, Y, groups=runs)
    with pytest.raises(ValueError, match="one run"):
        fields.LassoLarsCV(max_iter=10, cv=5).fit(X, Y, groups=np.zeros(len(X)))


def test_gaussians_are_sampled_at_pixel_centres():
    centre, size = np.array([[2.0, 7.5], [-1.0, 3.0]]), np.array([0.7, 2.0])
    expected = [gaussian(PIXELS, *c, s, 1.0, 0.0) for c, s in zip(centre, size, strict=True)]
    np.testing.assert_allclose(fields.sample_gaussians(centre, size), expected, atol=1e-12)
    assert fields.sample_gaussians(centre, size, (4, 6)).shape == (2, 24)
    assert fields.sample_gaussians(centre[:1], size[:1])[0].argmax() in (27, 28)


def test_known_fields_are_found_to_the_step_of_the_grid():
    centre, size, weights = known_fields(300)
    fits = fields.fit_gaussians(weights)
    error = np.abs(fits.centre - centre).max(axis=1)
    assert np.median(error) < 0.125  # half a step
    assert error.max() < 0.5
    # Neighbouring sizes differ by a factor of 1.26.
    assert np.abs(np.log(fits.size / size)).max() < 1.5 * np.log(1.26)
    assert fits.match.min() > 0.97


def test_scale_and_a_constant_make_no_difference():
    _, _, weights = known_fields(50)
    expected = fields.fit_gaussians(weights)
    fits = fields.fit_gaussians(1000 * weights - 30)
    np.testing.assert_array_equal(fits.centre, expected.centre)
    np.testing.assert_array_equal(fits.size, expected.size)
    np.testing.assert_allclose(fits.match, expected.match, atol=1e-9)


def test_noise_moves_centres_a_little():
    centre, _, weights = known_fields(500)
    rng = np.random.default_rng(1)
    noisy = weights + 0.5 * weights.std(axis=1, keepdims=True) * rng.normal(size=weights.shape)
    fits = fields.fit_gaussians(noisy)
    error = distance(fits.centre, centre)
    assert np.median(error) < 0.25
    assert np.quantile(error, 0.9) < 0.75


def test_centres_outside_the_image_are_found_outside():
    centre = np.array([[-1.0, 4.0], [5.0, 10.0], [-0.75, -0.75], [9.75, 2.0]])
    weights = np.array([gaussian(PIXELS, *c, 1.5, 1.0, 0.0) for c in centre])
    fits = fields.fit_gaussians(weights)
    assert distance(fits.centre, centre).max() < 0.5
    assert ((fits.centre < 0) | (fits.centre > 9)).any(axis=1).all()


def test_a_single_pixel_at_the_edge_is_not_placed_far_outside():
    weights = np.zeros((3, 100))
    weights[0, 0], weights[1, 50], weights[2, 99] = 1, 1, 1
    fits = fields.fit_gaussians(weights)
    # A narrow Gaussian beyond the corner looks like this as well; the nearest ones are kept.
    assert distance(fits.centre, np.array([[0, 0], [5, 0], [9, 9]])).max() < 1.1


def test_match_is_the_correlation_with_the_gaussian():
    _, _, weights = known_fields(20)
    noisy = weights + 0.02 * np.random.default_rng(2).normal(size=weights.shape)
    fits = fields.fit_gaussians(noisy)
    for voxel in range(20):
        model = gaussian(PIXELS, *fits.centre[voxel], fits.size[voxel], 1.0, 0.0)
        expected = np.corrcoef(noisy[voxel], model)[0, 1]
        np.testing.assert_allclose(fits.match[voxel], expected, atol=1e-12)


def test_an_inhibited_field_matches_worse_than_an_excited_one():
    _, _, weights = known_fields(50)
    with pytest.warns(InvertedFieldWarning, match=r"of 50 voxels, first in row 0, .* fit -weights"):
        inhibited = fields.fit_gaussians(-weights).match
    assert inhibited.min() > 0  # a Gaussian of the right sign, however poor
    assert inhibited.max() < 0.8
    assert fields.fit_gaussians(weights).match.min() > 0.97


def test_no_candidate_of_a_coarse_search_beats_the_fit():
    """A continuous least-squares fit with SciPy finds the same fields."""
    _, _, weights = known_fields(40, low=1.0, high=8.0, seed=3)
    noisy = weights / weights.max(axis=1, keepdims=True)
    noisy = noisy + 0.1 * np.random.default_rng(4).normal(size=weights.shape)
    fits = fields.fit_gaussians(noisy)
    for voxel, row in enumerate(noisy):
        start = [*np.unravel_index(row.argmax(), (10, 10)), 1.0, 1.0, 0.0]
        found, _ = curve_fit(gaussian, PIXELS, row, start)
        assert distance(fits.centre[[voxel]], found[:2]).max() < 0.3
        assert abs(np.log(fits.size[voxel] / abs(found[2]))) < np.log(1.26)
        best = np.corrcoef(row, gaussian(PIXELS, *found))[0, 1]
        assert best - 0.02 < fits.match[voxel] <= best + 1e-9


def test_rows_and_columns_keep_their_order():
    weights = gaussian(np.indices((4, 12)).reshape(2, -1), 1.0, 8.0, 1.0, 1.0, 0.0)
    fits = fields.fit_gaussians(weights[np.newaxis], shape=(4, 12))
    np.testing.assert_allclose(fits.centre, [[1.0, 8.0]], atol=0.01)


SIDES = pytest.mark.parametrize("shape", [(9, 16), (16, 9), (10, 10), (24, 32)], ids=str)


def fields_on(shape, sizes, seed=0):
    """Centres all over an image, away from its edges, and fields of these sizes."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform(0.2, 0.7, (len(sizes), 2)) * shape
    pixels = np.indices(shape).reshape(2, -1)
    return centre, np.array(
        [gaussian(pixels, *c, s, 1, 0) for c, s in zip(centre, sizes, strict=True)]
    )


@SIDES
def test_fields_of_any_size_are_found_on_images_of_any_shape(shape):
    """Half a pixel to most of the image; from 5 pixels on to the third digit."""
    sizes = np.array([0.5, 0.7, 1, 1.7, 3, 4.5, 5, 5.5, 6, 7, 8, 9, 9.5])
    centre, weights = fields_on(shape, sizes)
    fits = fields.fit_gaussians(0.02 * weights - 7, shape)
    wide = sizes >= 5
    np.testing.assert_allclose(fits.centre[wide], centre[wide], atol=0.01)
    np.testing.assert_allclose(fits.size[wide], sizes[wide], rtol=2e-3)
    assert distance(fits.centre, centre).max() < 0.4
    assert np.abs(np.log(fits.size / sizes)).max() < 1.1 * np.log(1.26)
    assert fits.match.min() > 0.96
    assert not fits.at_bound.any()


@SIDES
def test_in_noise_they_are_those_of_scipy(shape):
    """A continuous least-squares fit of all voxels, wide and narrow."""
    pixels = np.indices(shape).reshape(2, -1)
    sizes = np.repeat([0.8, 1.5, 3, 5.5, 7], 5)
    centre, weights = fields_on(shape, sizes, seed=1)
    noise = np.random.default_rng(2).normal(size=weights.shape)
    weights = weights / weights.std(axis=1, keepdims=True) + 0.3 * noise
    fits = fields.fit_gaussians(weights, shape)
    wide = fits.size >= 5
    assert 5 <= wide.sum() <= 12
    for voxel, row in enumerate(weights):
        start = [*centre[voxel], sizes[voxel], 3.0, 0.0]
        high = [np.inf, np.inf, max(shape), np.inf, np.inf]
        found, _ = curve_fit(gaussian, pixels, row, start, bounds=([-99] * 5, high))
        best = np.corrcoef(row, gaussian(pixels, *found))[0, 1]
        if wide[voxel]:
            np.testing.assert_allclose(fits.centre[voxel], found[:2], atol=0.03)
            assert fits.size[voxel] == pytest.approx(found[2], rel=0.02)
            assert fits.match[voxel] == pytest.approx(best, abs=1e-4)
        else:
            assert distance(fits.centre[[voxel]], found[:2]).max() < 0.5
            assert abs(np.log(fits.size[voxel] / found[2])) < np.log(1.4)
            assert best - 0.02 < fits.match[voxel] <= best + 1e-9


def test_fields_wider_than_the_image_are_limits():
    _, weights = fields_on((9, 16), np.array([2.0, 20, 60]))
    with pytest.warns(BoundWarning, match="2 of 3 fits end at a bound .* a size of 16 pixels"):
        fits = fields.fit_gaussians(weights, (9, 16))
    np.testing.assert_array_equal(fits.at_bound, [False, True, True])
    np.testing.assert_allclose(fits.size[1:], 16)
    # On a strip, a size of 18 pixels looks almost like one of 40.
    _, weights = fields_on((2, 20), np.array([40.0]))
    with pytest.warns(BoundWarning, match="a size of 20 pixels"):
        assert fields.fit_gaussians(weights, (2, 20)).at_bound


def test_centres_far_outside_are_found_or_limits():
    """Beyond half an image, nothing says how far."""
    pixels = np.indices((9, 16)).reshape(2, -1)
    places = [(-3, 5, 3.0), (4, 18.5, 4.0), (4, 30, 6.0)]
    weights = np.array([gaussian(pixels, *place, 1, 0) for place in places])
    with pytest.warns(BoundWarning, match="1 of 3 fits end at a bound"):
        fits = fields.fit_gaussians(weights, (9, 16))
    np.testing.assert_allclose(fits.centre[:2], [place[:2] for place in places[:2]], atol=0.05)
    np.testing.assert_allclose(fits.size[:2], [3, 4], rtol=0.02)
    assert fits.at_bound.tolist() == [False, False, True]


def test_noise_ends_at_bounds_without_a_warning():
    """Nothing is to be warned of where nothing is seen; at_bound tells all the same."""
    rng = np.random.default_rng(3)
    for shape in [(10, 10), (9, 16), (5, 5), (24, 32)]:
        fits = fields.fit_gaussians(rng.normal(size=(300, np.prod(shape))), shape)
        assert fits.match.max() < matching.clear_match(shape)
        ends = (fits.size < 0.41) | (fits.size > max(4.99, max(shape) / 2))
        ends |= ((fits.centre <= -1.5) | (fits.centre >= np.array(shape) + 0.5)).any(axis=1)
        assert 30 < ends.sum() < 300
        assert fits.at_bound[ends].all()


def test_upside_down_fields_are_named():
    _, _, weights = known_fields(20)
    weights[[4, 7]] *= -3
    with pytest.warns(InvertedFieldWarning, match="of 2 of 20 voxels, first in row 4"):
        fits = fields.fit_gaussians(weights)
    upright = np.delete(np.arange(20), [4, 7])
    assert fits.match[upright].min() > 0.97


def test_an_image_of_one_row_has_its_centres_there():
    columns = np.arange(20)
    weights = np.exp(-((columns - np.array([[5.0], [12.5]])) ** 2) / (2 * 2.0**2))
    fits = fields.fit_gaussians(weights, (1, 20))
    np.testing.assert_allclose(fits.centre, [[0, 5], [0, 12.5]])
    assert not fits.at_bound.any()
    fits = fields.fit_gaussians(weights, (20, 1))
    np.testing.assert_allclose(fits.centre, [[5, 0], [12.5, 0]])


def test_weights_without_a_field_are_reported_and_nan():
    _, _, weights = known_fields(5)
    expected = fields.fit_gaussians(weights)
    weights[1], weights[3] = 0.1, np.nan
    with pytest.warns(ConstantVoxelWarning, match="2 of 5 .* columns 1, 3. Their Gaussian"):
        fits = fields.fit_gaussians(weights)
    none = np.isin(np.arange(5), [1, 3])
    np.testing.assert_array_equal(np.isnan(fits.centre).all(axis=1), none)
    np.testing.assert_array_equal(np.isnan(fits.size), none)
    np.testing.assert_array_equal(np.isnan(fits.match), none)
    np.testing.assert_array_equal(fits.centre[~none], expected.centre[~none])


def test_blocks_of_voxels_make_no_difference(monkeypatch):
    _, _, weights = known_fields(11)
    expected = fields.fit_gaussians(weights)
    monkeypatch.setattr(matching, "PRODUCTS", 4 * 49**2)
    fits = fields.fit_gaussians(weights)
    np.testing.assert_array_equal(fits.centre, expected.centre)


@pytest.mark.parametrize("shape", [(100, 4), (4, 99), (100,)])
def test_weights_of_another_shape_are_refused(shape):
    with pytest.raises(
        ValueError, match=r"expected \(n_voxels, 100\) .* say shape=\(rows, columns"
    ):
        fields.fit_gaussians(np.ones(shape))


def test_weights_of_several_delays_are_refused():
    with pytest.raises(ValueError, match=r"3 delays, sum .* weights.reshape\(-1, 3, 100\).sum"):
        fields.fit_gaussians(np.ones((4, 300)))


@pytest.mark.parametrize("shape", [100, (10,), (10, 10, 1), (9.5, 16), (0, 100), ("ten", "ten")])
def test_shapes_that_are_none_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected \(rows, columns\) of an image"):
        fields.fit_gaussians(np.ones((4, 100)), shape)
    with pytest.raises(ValueError, match=r"expected \(rows, columns\) of an image"):
        fields.sample_gaussians(np.zeros((1, 2)), np.ones(1), shape)


def test_gaussians_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"centre has shape \(2,\) and size \(1,\)"):
        fields.sample_gaussians([2.0, 3.0], [1.0])
    with pytest.raises(ValueError, match=r"\(3, 2\) and size \(1,\); expected"):
        fields.sample_gaussians(np.ones((3, 2)), [1.0])
    with pytest.raises(ValueError, match="1 of 2 sizes are not above 0"):
        fields.sample_gaussians(np.ones((2, 2)), [1, 0])
    without = fields.sample_gaussians([[np.nan, np.nan], [1, 2]], [np.nan, 1])
    assert np.isnan(without[0]).all() and np.isfinite(without[1]).all()


def test_masked_weights_are_refused():
    _, _, weights = known_fields(3)
    with pytest.raises(ValueError, match=r"weights has .* masked values"):
        fields.fit_gaussians(np.ma.masked_less(weights, 1e-6))


@pytest.mark.parametrize(
    "form",
    [np.float32, pd.DataFrame, np.asfortranarray, np.ndarray.tolist],
    ids=lambda f: f.__name__,
)
def test_other_forms_of_the_same_weights_fit_alike(form):
    _, _, weights = known_fields(10)
    expected = fields.fit_gaussians(weights)
    given = weights.astype(form) if form is np.float32 else form(weights)
    fits = fields.fit_gaussians(given)
    np.testing.assert_array_equal(fits.centre, expected.centre)
    np.testing.assert_array_equal(fits.size, expected.size)
    np.testing.assert_allclose(fits.match, expected.match, atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_partly_not_finite_are_refused(value):
    _, _, weights = known_fields(4)
    weights[2, 7] = value
    with pytest.raises(ValueError, match=r"1 of 4 voxels .*\s.*row 2"):
        fields.fit_gaussians(weights)


def test_from_images_to_centres():
    """Known fields come back through noise, ridge weights and the Gaussian fit."""
    X, Y, runs, centre = recording(150, noise=2.0, n_blocks=12)
    result = ridge.RidgeCV(np.logspace(0, 4, 9), cv=10).fit(X, Y, groups=runs)
    coef = Ridge(alpha=result.alpha_).fit(X, Y).coef_.T
    fits = fields.fit_gaussians(coef.T)
    assert np.median(distance(fits.centre, centre)) < 0.75
    # Pixels read in the other order put the centres elsewhere.
    wrong = X.reshape(-1, 10, 10).transpose(0, 2, 1).reshape(-1, 100)
    coef = Ridge(alpha=result.alpha_).fit(wrong, Y).coef_.T
    fits = fields.fit_gaussians(coef.T)
    assert np.median(distance(fits.centre, centre)) > 2
    assert np.median(distance(fits.centre[:, ::-1], centre)) < 0.75
