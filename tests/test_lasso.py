"""The lasso's path and the choice of its penalty, held against scikit-learn and the optimum."""

import numpy as np
import pytest
from sklearn.linear_model import Lasso, LassoLarsCV, lars_path_gram
from threadpoolctl import threadpool_limits

from helpers import data
from helpers._engine import lasso
from helpers._engine.folds import run_folds, tabulate
from helpers._engine.sums import pool_moments, sum_features, sum_voxels


def centred(table):
    return table - table.mean(axis=0)


def pixels(rng, n, p, kind="independent"):
    X = rng.normal(size=(n, p))
    if kind == "chained":  # neighbours resemble each other, so that pixels drop out of the path
        for j in range(1, p):
            X[:, j] = 0.95 * X[:, j - 1] + 0.3 * X[:, j]
    return (X > 0).astype(float) if kind == "binary" else X


def voxels(rng, X, n_voxels, noise=1.0, share=0.4):
    weights = rng.normal(size=(X.shape[1], n_voxels)) * (rng.random((X.shape[1], n_voxels)) < share)
    return X @ weights + noise * rng.normal(size=(len(X), n_voxels))


def walk(X, Y, n_steps):
    """Follow the path of a table; return the covariances as well."""
    x, y = centred(X), centred(Y)
    xx, xy = x.T @ x / len(x), y.T @ x / len(x)
    return xx, xy, *lasso.follow_path(xx, xy, n_steps, np.full(len(xy), 1e-9))


def imbalance(xx, xy, alphas, weights):
    """How far the knots are from the optimum, by the balance of pull and penalty."""
    pull = xy - weights @ xx
    too_strong = np.abs(pull).max(axis=2) - alphas
    off = np.where(weights != 0, np.abs(pull - alphas[:, :, np.newaxis] * np.sign(weights)), 0)
    return max(too_strong.max(), off.max())


def choose(X, Y, runs, n_folds):
    """Fit with the helper and with scikit-learn, on the same folds."""
    folds = run_folds(runs, n_folds)
    weights, _, alphas, _ = lasso.fit_with_best_penalty(X, Y, tabulate(folds, X), 10)
    with threadpool_limits(1):  # its products are small
        return weights, alphas, [LassoLarsCV(max_iter=10, cv=folds).fit(X, y) for y in Y.T]


def assert_same(weights, alphas, models, scale=1.0):
    expected = np.array([model.coef_ for model in models])
    np.testing.assert_allclose(weights, expected, rtol=0, atol=1e-9 * scale)
    # A weight that drops out leaves up to 1e-17 behind in scikit-learn.
    np.testing.assert_array_equal(weights != 0, np.abs(expected) > 1e-15 * scale)
    np.testing.assert_allclose(alphas, [model.alpha_ for model in models], rtol=1e-9)


# ---- the path


@pytest.mark.parametrize("kind", ["independent", "chained", "binary"])
@pytest.mark.parametrize(("n", "p"), [(90, 30), (50, 7), (25, 60)])
def test_path_equals_scikit_learns_at_every_knot(kind, n, p):
    rng = np.random.default_rng(0)
    X = pixels(rng, n, p, kind)
    xx, xy, alphas, weights = walk(X, voxels(rng, X, 12), n_steps=18)
    for voxel in range(12):
        knots, _, expected = lars_path_gram(
            n * xy[voxel], n * xx, n_samples=n, max_iter=18, method="lasso"
        )
        found = alphas[: len(knots), voxel], weights[: len(knots), voxel]
        np.testing.assert_allclose(found[0], knots, rtol=0, atol=1e-10)
        np.testing.assert_allclose(found[1], expected.T, rtol=0, atol=1e-9)


def test_pixels_that_change_sign_drop_out():
    rng = np.random.default_rng(1)
    X = pixels(rng, 60, 25, "chained")
    xx, xy, alphas, weights = walk(X, voxels(rng, X, 40), n_steps=24)
    active = weights != 0
    gone = active[:-1] & ~active[1:]
    assert gone.sum() > 40
    # No weight changes its sign without being 0 at a knot, and some come back.
    assert (weights[:-1] * weights[1:] >= 0).all()
    assert ((np.diff(active.astype(int), axis=0) == 1).sum(axis=0) > 1).any()
    assert imbalance(xx, xy, alphas, weights) < 1e-12


@pytest.mark.parametrize("seed", range(5))
def test_every_knot_is_optimal_where_pixels_tie(seed):
    """Small binary tables hold equal, opposite, constant and dependent pixels, and exact ties."""
    rng = np.random.default_rng(seed)
    worst = 0
    for _ in range(30):
        n, p = rng.integers(6, 16), rng.integers(2, 12)
        X = pixels(rng, n, p, "binary")
        Y = rng.integers(0, 4, (n, 8)).astype(float)
        worst = max(worst, imbalance(*walk(X, Y, n_steps=10)))
    assert worst < 1e-12


def test_path_ends_at_least_squares():
    rng = np.random.default_rng(2)
    X = pixels(rng, 50, 6)
    Y = voxels(rng, X, 5, share=1)
    *_, alphas, weights = walk(X, Y, n_steps=10)
    expected = np.linalg.lstsq(centred(X), centred(Y))[0]
    np.testing.assert_allclose(weights[-1], expected.T, atol=1e-12)
    np.testing.assert_allclose(alphas[-1], 0, atol=1e-12)
    assert (np.diff(alphas, axis=0) <= 0).all()


def test_path_ends_where_nothing_is_left_to_explain():
    rng = np.random.default_rng(3)
    X = pixels(rng, 50, 30)
    truth = np.zeros((4, 30))
    truth[:, [3, 17]] = rng.uniform(1, 2, (4, 2))
    *_, alphas, weights = walk(X, X @ truth.T, n_steps=10)
    np.testing.assert_allclose(weights[-1], truth, atol=1e-12)
    assert (alphas[-1] < 1e-9).all()
    np.testing.assert_array_equal(weights[-1] != 0, truth != 0)


def test_more_pixels_than_rows():
    rng = np.random.default_rng(4)
    X = pixels(rng, 9, 40)
    xx, xy, alphas, weights = walk(X, voxels(rng, X, 6), n_steps=20)
    assert imbalance(xx, xy, alphas, weights) < 1e-10
    assert (np.count_nonzero(weights, axis=2) <= 8).all()  # nine rows minus their mean
    assert (alphas[-1] < 1e-9).all()


@pytest.mark.parametrize("eps", [0, 1e-12, 1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3])
def test_pixels_that_can_hardly_be_told_apart(eps):
    """Two copies of a pixel, one of them turned round, and a sum of two pixels, each with noise."""
    rng = np.random.default_rng(5)
    X = pixels(rng, 100, 20)
    Y = voxels(rng, X, 40, share=1)
    X[:, 13:16] = np.column_stack([X[:, 2], -X[:, 2], X[:, 3] + X[:, 4]])
    X[:, 13:16] += eps * rng.normal(size=(100, 3))
    xx, xy, alphas, weights = walk(X, Y, n_steps=25)
    assert imbalance(xx, xy, alphas, weights) < 1e-6
    assert (alphas[-1] < 0.1 * alphas[0]).all()
    if eps == 0:
        assert (weights[:, :, 13:15] == 0).all()
        assert (weights[:, :, 2] != 0).any() and (weights[:, :, 15] != 0).any()


def test_a_pixel_that_does_not_vary_gets_no_weight():
    rng = np.random.default_rng(6)
    X = pixels(rng, 60, 12)
    Y = voxels(rng, X, 8)
    *_, expected = walk(X, Y, n_steps=14)
    *_, weights = walk(np.insert(X, 4, 0.1, axis=1), Y, n_steps=14)
    assert (weights[:, :, 4] == 0).all()
    np.testing.assert_allclose(np.delete(weights, 4, axis=2), expected, atol=1e-12)


# ---- the choice


@pytest.mark.parametrize("kind", ["independent", "chained", "binary"])
@pytest.mark.parametrize(("n", "p", "n_folds"), [(120, 30, 4), (150, 4, 5), (80, 100, 2)])
def test_same_penalty_and_weights_as_scikit_learn(kind, n, p, n_folds):
    rng = np.random.default_rng(7)
    X = pixels(rng, n, p, kind)
    Y = np.hstack([voxels(rng, X, 5, noise, 0.3) for noise in (0.3, 2.0, 20.0)])
    runs = np.repeat(np.arange(5), [n // 5 - 10, n // 5 - 5, n // 5, n // 5 + 5, n // 5 + 10])
    weights, alphas, models = choose(X, Y, runs, n_folds)
    assert_same(weights, alphas, models)
    assert len(np.unique(np.count_nonzero(weights, axis=1))) > 1


def test_same_on_the_twin():
    recording = data.recording(data.load("twin"))
    some = np.sort(np.random.default_rng(8).choice(recording.bold.shape[1], 10, replace=False))
    Y = recording.bold[:, some].astype(float)
    assert_same(*choose(recording.stimuli, Y, recording.runs, 5))


def test_same_without_noise():
    """Then the least penalty is best, and which one of 1e-15 or so is left to rounding."""
    rng = np.random.default_rng(9)
    X = pixels(rng, 100, 30)
    truth = np.zeros((6, 30))
    truth[:, [0, 9, 21]] = rng.uniform(1, 2, (6, 3))
    weights, alphas, models = choose(X, X @ truth.T, np.arange(100) // 10, 5)
    np.testing.assert_allclose(weights, truth, atol=1e-9)
    np.testing.assert_array_equal(weights != 0, truth != 0)
    np.testing.assert_allclose(weights, [model.coef_ for model in models], atol=1e-9)
    assert (alphas < 1e-9).all()


def test_same_where_means_are_large_and_pixels_differ_in_scale():
    rng = np.random.default_rng(10)
    X = 1e5 + pixels(rng, 120, 15) * 10.0 ** rng.integers(-2, 3, 15)
    Y = 1e4 + voxels(rng, centred(X), 8)
    weights, alphas, models = choose(X, Y, np.arange(120) // 12, 5)
    expected = np.array([model.coef_ for model in models])
    np.testing.assert_allclose(weights, expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(alphas, [model.alpha_ for model in models], rtol=1e-9)


def test_same_where_a_voxel_varies_in_one_run_only():
    """The training set without that run holds a constant voxel."""
    rng = np.random.default_rng(11)
    X = pixels(rng, 100, 20)
    Y = np.full((100, 6), 0.1)
    Y[20:30] += voxels(rng, X[20:30], 6, noise=0.1)
    weights, _, models = choose(X, Y, np.arange(100) // 10, 10)
    np.testing.assert_allclose(weights, [model.coef_ for model in models], atol=1e-9)


def test_the_second_of_two_equal_pixels_stays_at_0():
    rng = np.random.default_rng(12)
    X = pixels(rng, 100, 20)
    Y = voxels(rng, X, 20, share=1)
    _, _, models = choose(X, Y, np.arange(100) // 10, 5)
    doubled = np.insert(X, 15, X[:, 4], axis=1)
    table = tabulate(run_folds(np.arange(100) // 10, 5), X)
    weights, _, alphas, _ = lasso.fit_with_best_penalty(doubled, Y, table, 10)
    assert (weights[:, 15] == 0).all() and (weights[:, 4] != 0).any()
    assert_same(np.delete(weights, 15, axis=1), alphas, models)


def test_units_make_no_difference():
    rng = np.random.default_rng(13)
    X = pixels(rng, 100, 20)
    Y = voxels(rng, X, 6)
    table = tabulate(run_folds(np.arange(100) // 10, 5), X)
    expected, _, alphas, _ = lasso.fit_with_best_penalty(X, Y, table, 10)
    for scale in (1e-9, 1e9):
        weights, _, scaled, _ = lasso.fit_with_best_penalty(X, scale * Y, table, 10)
        np.testing.assert_allclose(weights / scale, expected, rtol=1e-9)
        np.testing.assert_allclose(scaled / scale, alphas, rtol=1e-12)


def test_held_out_error_between_knots_is_that_of_the_lasso():
    """Coordinate descent, another algorithm, gives the weights; residuals give the error."""
    rng = np.random.default_rng(14)
    X = pixels(rng, 90, 12, "chained") + 5
    Y = voxels(rng, X, 3) + 100
    features = sum_features(X, [slice(0, 60), slice(60, 90)])
    voxels_of = sum_voxels(features, Y, slice(0, 3))
    train, test = (pool_moments(members, features, voxels_of) for members in np.eye(2, dtype=bool))
    *_, path, weights = walk(X[:60], Y[:60], n_steps=10)
    products = lasso.residual_products(weights, train, test)
    wanted = path[[0, 0, 1, 3, -1]] * np.array([[2.0], [0.9], [1.0], [0.7], [1.0]])
    errors = lasso.error_at(wanted, path, products)
    read = [lasso.weights_at(alphas, path, weights) for alphas in wanted]
    for row, voxel in np.ndindex(wanted.shape):
        model = Lasso(alpha=wanted[row, voxel], tol=1e-14, max_iter=1_000_000)
        model.fit(X[:60], Y[:60, voxel])
        expected = np.mean((Y[60:, voxel] - model.predict(X[60:])) ** 2)
        np.testing.assert_allclose(errors[row, voxel], expected, rtol=1e-7)
        np.testing.assert_allclose(read[row][voxel], model.coef_, rtol=0, atol=1e-6)
    # Below the last knot, everything stays as it is there.
    np.testing.assert_array_equal(lasso.error_at(path[-1:] / 2, path, products), errors[-1:])


@pytest.mark.parametrize("kind", ["independent", "binary"])
def test_blocks_and_threads_make_no_difference(monkeypatch, kind):
    rng = np.random.default_rng(15)
    X = pixels(rng, 60, 23, kind)
    X = np.hstack([X, X[:, :3]])
    Y = voxels(rng, X, 70)
    table = tabulate(run_folds(np.arange(60) // 6, 5), X)
    results = []
    for size, n_threads in [(20, 1), (20, 3), (256, 2), (7, 2)]:
        monkeypatch.setattr(lasso, "BLOCK", size)
        with threadpool_limits(n_threads):
            results.append(lasso.fit_with_best_penalty(X, Y, table, 10))
    for result in results[1:]:
        for got, expected in zip(result, results[0], strict=True):
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(results[1][0], results[0][0])
