"""Variance partition: three nested scores, whose differences are the parts."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from helpers import ridge
from helpers.ridge import ConstantVoxelWarning, Partition, partition

ALPHAS = (0.1, 30.0, 3000.0)


@pytest.fixture(scope="module")
def data():
    """Eight runs; two sets of features that have something in common; three voxels."""
    rng = np.random.default_rng(6)
    runs = np.repeat(np.arange(8), 30)
    common = rng.normal(size=(len(runs), 1))
    first = rng.normal(size=(len(runs), 6)) + common
    second = rng.normal(size=(len(runs), 2)) + common
    signal = np.column_stack([first.sum(axis=1), second.sum(axis=1), common[:, 0]])
    return first, second, signal + 2 * rng.normal(size=signal.shape), runs


def nested_by_scikit_learn(X, y, runs):
    """Choose the penalty on the other folds, then score; one voxel, four folds."""
    folds, scores = ridge.run_folds(runs, 4), []
    for train, test in folds:
        means = []
        for alpha in ALPHAS:
            inner = []
            for _, validation in folds:
                if np.array_equal(validation, test):
                    continue
                rest = np.setdiff1d(train, validation)
                model = Ridge(alpha=alpha).fit(X[rest], y[rest])
                inner.append(r2_score(y[validation], model.predict(X[validation])))
            means.append(np.mean(inner))
        model = Ridge(alpha=ALPHAS[np.argmax(means)]).fit(X[train], y[train])
        scores.append(r2_score(y[test], model.predict(X[test])))
    return np.mean(scores)


def test_scores_and_parts_are_those_of_scikit_learn(data):
    first, second, Y, runs = data
    parts = partition(first, second, Y, groups=runs, alphas=ALPHAS, cv=4)
    for voxel, y in enumerate(Y.T):
        both = nested_by_scikit_learn(np.hstack([first, second]), y, runs)
        alone = [nested_by_scikit_learn(X, y, runs) for X in (first, second)]
        assert parts.both[voxel] == pytest.approx(both, abs=1e-10)
        assert parts.only_first[voxel] == pytest.approx(both - alone[1], abs=1e-10)
        assert parts.only_second[voxel] == pytest.approx(both - alone[0], abs=1e-10)
        assert parts.shared[voxel] == pytest.approx(sum(alone) - both, abs=1e-10)


def test_the_parts_are_the_shares_of_variance_that_were_put_in():
    """Independent features: nothing is shared, and each set has its own share of the variance."""
    rng = np.random.default_rng(7)
    runs = np.repeat(np.arange(10), 1000)
    # Columns of variance 1 that are uncorrelated to the last digit, the noise among them.
    columns = np.linalg.qr(rng.normal(size=(len(runs), 6)))[0] * np.sqrt(len(runs))
    first, second = columns[:, :3], columns[:, 3:5]
    # Variances of the parts and of the noise: 3, 2 and 5, of 10 in all.
    y = first.sum(axis=1) + second.sum(axis=1) + np.sqrt(5) * columns[:, 5]
    parts = partition(first, second, y[:, np.newaxis], groups=runs, alphas=(1e-3, 1.0), cv=10)
    assert parts.only_first[0] == pytest.approx(0.3, abs=0.02)
    assert parts.only_second[0] == pytest.approx(0.2, abs=0.02)
    assert parts.shared[0] == pytest.approx(0, abs=0.005)


def test_a_copy_of_the_features_shares_everything(data):
    first, _, Y, runs = data
    # Twice the columns halve the penalty; near least squares that makes no difference.
    parts = partition(first, first, Y, groups=runs, alphas=(1e-6,), cv=4)
    np.testing.assert_allclose(parts.only_first, 0, atol=1e-6)
    np.testing.assert_allclose(parts.shared, parts.both, atol=1e-6)


def test_parts_add_up_and_may_be_negative():
    parts = Partition(np.array([0.30]), np.array([0.25]), np.array([0.32]))
    total = parts.only_first + parts.only_second + parts.shared
    np.testing.assert_allclose(total, parts.both)
    assert parts.only_first[0] == pytest.approx(-0.02)
    assert parts.only_second[0] == pytest.approx(0.05)
    assert parts.shared[0] == pytest.approx(0.27)


def test_single_precision_is_passed_on(data):
    first, second, Y, runs = data
    double = partition(first, second, Y, groups=runs, alphas=ALPHAS, cv=4)
    single = partition(first, second, Y, groups=runs, alphas=ALPHAS, cv=4, dtype=np.float32)
    assert 0 < np.abs(np.subtract(single, double)).max() < 1e-4


def test_bad_input_is_named(data):
    first, second, Y, runs = data
    with pytest.raises(ValueError, match=r"second has shape \(240,\); expected two"):
        partition(first, second[:, 0], Y, groups=runs, alphas=ALPHAS, cv=10)
    with pytest.raises(ValueError, match="first has 240 samples and second has 239"):
        partition(first, second[1:], Y, groups=runs, alphas=ALPHAS, cv=10)
    with pytest.raises(ValueError, match="X has 239 samples and Y has 240"):
        partition(first[1:], second[1:], Y, groups=runs, alphas=ALPHAS, cv=10)


def test_a_constant_voxel_is_reported_and_has_no_parts(data):
    first, second, Y, runs = data
    flat = np.column_stack([Y[:, 0], np.ones(len(Y))])
    with pytest.warns(ConstantVoxelWarning):
        parts = partition(first, second, flat, groups=runs, alphas=ALPHAS, cv=4)
    assert np.isfinite(parts.only_first[0])
    assert np.isnan([parts.only_first[1], parts.only_second[1], parts.shared[1]]).all()
