"""Ridge regression from sums, held against scikit-learn's Ridge and r2_score."""

import numpy as np
import pytest
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut
from threadpoolctl import threadpool_limits

from helpers import ridge
from helpers._engine import ridge as engine
from helpers._engine.folds import cut, tabulate
from helpers._engine.sums import pool_moments, sum_features, sum_voxels
from helpers.ridge import ConstantVoxelWarning, RidgeCV

ALPHAS = (0.1, 10.0, 1000.0)
EXACT = {"rtol": 0, "atol": 1e-10}
SINGLE = {"rtol": 0, "atol": 1e-4}  # what single precision may cost of R2


def simulate(lengths=(30,) * 6, n_features=12, n_voxels=9, noise=2.0, seed=0):
    """Simulate voxels from images with offsets, and a shift of the mean from run to run."""
    rng = np.random.default_rng(seed)
    runs = np.repeat(np.arange(len(lengths)), lengths)
    X = (rng.random((len(runs), n_features)) < 0.5).astype(float) + 3
    Y = X @ rng.normal(size=(n_features, n_voxels))
    Y += noise * rng.normal(size=Y.shape) + rng.normal(size=(len(lengths), n_voxels))[runs] + 50
    return X, Y, runs


def sklearn_scores(X, Y, folds, alphas):
    return np.array(
        [
            [
                r2_score(
                    Y[test],
                    Ridge(alpha=alpha).fit(X[train], Y[train]).predict(X[test]),
                    multioutput="raw_values",
                )
                for train, test in folds
            ]
            for alpha in alphas
        ]
    )


def more_features_than_samples():
    return simulate(lengths=(8,) * 6, n_features=100)


def collinear_and_constant_features():
    X, Y, runs = simulate()
    X[:, 3], X[:, 4], X[:, 5] = X[:, 0], X[:, 0] + 2 * X[:, 1], 7.0
    return X, Y, runs


def features_of_unlike_scale():
    X, Y, runs = simulate()
    return X * np.logspace(2, -3, 12), Y, runs


def a_feature_constant_in_training():
    X, Y, runs = simulate()
    X[:, 2] = np.where(runs == 5, X[:, 2], 3)
    return X, Y, runs


def single_precision():
    """Standardised, as a masker returns it: differences of such values need more digits."""
    X, Y, runs = simulate()
    Y = (Y - Y.mean(axis=0)) / Y.std(axis=0)
    return X.astype(np.float32), Y.astype(np.float32), runs


def a_large_mean():
    # The mean is 1e5 times the standard deviation, as in raw scanner units.
    X, Y, runs = simulate()
    return X + 1e4, Y + 1e6, runs


def no_feature_varies_in_training():
    """One column that varies in the first fold only: Ridge then predicts the mean."""
    X, Y, runs = simulate(n_features=1)
    return np.where(runs[:, np.newaxis] == 0, X, 3.0), Y, runs


CASES = {
    "no feature varies in training": no_feature_varies_in_training,
    "equal runs": simulate,
    "unequal runs": lambda: simulate(lengths=(20, 41, 33, 18, 27, 35, 22)),
    "more features than samples": more_features_than_samples,
    "collinear and constant features": collinear_and_constant_features,
    "features of unlike scale": features_of_unlike_scale,
    "a feature constant in training": a_feature_constant_in_training,
    "single precision": single_precision,
    "one voxel, one feature": lambda: simulate(n_features=1, n_voxels=1),
}


@pytest.mark.parametrize("n_folds", [2, 4, 6])
@pytest.mark.parametrize("case", CASES)
def test_scores_equal_scikit_learn_fold_by_fold(case, n_folds):
    X, Y, runs = CASES[case]()
    folds = ridge.run_folds(runs, n_folds)
    got = RidgeCV(ALPHAS, cv=n_folds).fit(X, Y, groups=runs)
    expected = sklearn_scores(X.astype(float), Y.astype(float), folds, ALPHAS)
    np.testing.assert_allclose(got.cv_scores_, expected, **EXACT)


def test_large_means_cost_few_digits():
    X, Y, runs = a_large_mean()
    got = RidgeCV(ALPHAS, cv=3).fit(X, Y, groups=runs).cv_scores_
    # A mean of 1e6 itself is known to 1e-10 only; scikit-learn gets data without it.
    x, y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    expected = sklearn_scores(x, y, ridge.run_folds(runs, 3), ALPHAS)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-8)


def a_large_mean_in_single_precision():
    """Raw scanner units, as integers: what is stored is exact, what is computed is not."""
    X, Y, runs = simulate(lengths=(40,) * 8, n_features=30, n_voxels=50)
    return X + 1000, np.round(Y * 10 + 50_000), runs


SINGLE_CASES = {
    **CASES,
    "a large mean": a_large_mean_in_single_precision,
    "means that differ from run to run": lambda: drifting(100.0),
    "hardly any noise": lambda: simulate(noise=1e-3),
    "many samples": lambda: simulate(lengths=(1000,) * 4, n_features=40, n_voxels=5),
}


def drifting(step):
    X, Y, runs = simulate()
    return X, Y + step * Y.std() * np.random.default_rng(1).normal(size=6)[runs, np.newaxis], runs


@pytest.mark.parametrize("case", SINGLE_CASES)
def test_single_precision_costs_less_than_1e_4(case):
    X, Y, runs = SINGLE_CASES[case]()
    x, y = (Z - Z.astype(float).mean(axis=0) for Z in (X, Y.astype(np.float32)))
    expected = sklearn_scores(x, y, ridge.run_folds(runs, 4), ALPHAS)
    got = (
        RidgeCV(ALPHAS, cv=4, dtype=np.float32).fit(X, Y.astype(np.float32), groups=runs).cv_scores_
    )
    assert got.dtype == np.float32
    # Far below 0 the score is an error in units of the variance: its digits count, not its size.
    np.testing.assert_allclose((got - 1) / (1 - expected), -1, **SINGLE)
    np.testing.assert_allclose(got[expected > -1], expected[expected > -1], **SINGLE)


def test_the_example_loop_is_reproduced():
    """KFold(10) on 20 equal runs, alpha = 100: the loop of nilearn's example."""
    X, Y, runs = simulate(lengths=(20,) * 20)
    expected = []
    for train, test in KFold(n_splits=10).split(X):
        predictions = Ridge(alpha=100.0).fit(X[train], Y[train]).predict(X[test])
        expected.append(r2_score(Y[test], predictions, multioutput="raw_values"))
    np.testing.assert_allclose(
        RidgeCV([100.0], cv=10).fit(X, Y, groups=runs).cv_scores_[0], expected, **EXACT
    )


NESTED = {
    "equal runs": lambda: simulate(noise=8.0, n_voxels=30),
    "unequal runs": lambda: simulate(lengths=(20, 41, 33, 18, 27), noise=8.0, n_voxels=30),
    "more features than samples": lambda: simulate(lengths=(8,) * 4, n_features=40, noise=8.0),
}


@pytest.mark.parametrize("case", NESTED)
def test_nested_scores_equal_a_double_loop_of_scikit_learn(case):
    X, Y, runs = NESTED[case]()
    n_folds = len(np.unique(runs))
    got = ridge.nested_scores(X, Y, groups=runs, alphas=ALPHAS, cv=n_folds)
    outer = []
    for train, test in LeaveOneGroupOut().split(X, groups=runs):
        inner = list(LeaveOneGroupOut().split(X[train], groups=runs[train]))
        inner_scores = sklearn_scores(X[train], Y[train], inner, ALPHAS).mean(axis=1)
        penalties = np.array(ALPHAS)[inner_scores.argmax(axis=0)]
        prediction = Ridge(alpha=penalties).fit(X[train], Y[train]).predict(X[test])
        outer.append(r2_score(Y[test], prediction, multioutput="raw_values"))
    np.testing.assert_allclose(got, np.mean(outer, axis=0), **EXACT)
    # Where a fold that is scored takes part in the choice, it is alpha_ that is chosen.
    peeked = RidgeCV(ALPHAS, cv=n_folds).fit(X, Y, groups=runs).best_score_
    assert (got < peeked - 1e-6).any()


@pytest.mark.parametrize(("lengths", "cuts"), [((40, 30), [20, 15]), ((20, 25, 18, 22), [20, 18])])
def test_nested_with_two_folds_halves_the_other_fold(lengths, cuts):
    X, Y, runs = simulate(lengths=lengths)
    got = ridge.nested_scores(X, Y, groups=runs, alphas=ALPHAS, cv=2)
    outer = []
    for (train, test), half in zip(ridge.run_folds(runs, 2), cuts[::-1], strict=True):
        first, second = np.arange(len(train))[:half], np.arange(len(train))[half:]
        inner = [(second, first), (first, second)]
        means = sklearn_scores(X[train], Y[train], inner, ALPHAS).mean(axis=1)
        penalties = np.array(ALPHAS)[means.argmax(axis=0)]
        prediction = Ridge(alpha=penalties).fit(X[train], Y[train]).predict(X[test])
        outer.append(r2_score(Y[test], prediction, multioutput="raw_values"))
    np.testing.assert_allclose(got, np.mean(outer, axis=0), **EXACT)


def test_pure_noise_scores_below_zero_when_nested():
    rng = np.random.default_rng(0)
    runs = np.repeat(np.arange(5), 30)
    X, Y = rng.normal(size=(150, 20)), rng.normal(size=(150, 500))
    alphas = np.logspace(0, 4, 9)
    nested = ridge.nested_scores(X, Y, groups=runs, alphas=alphas, cv=5)
    chosen_on_the_test = RidgeCV(alphas, cv=5).fit(X, Y, groups=runs).best_score_
    assert nested.mean() < 0
    assert nested.mean() < chosen_on_the_test.mean()


def test_a_fold_of_one_sample_has_no_score():
    """R2 compares with the fold's own variance, and one sample has none."""
    X, Y, runs = simulate(lengths=(30, 1, 30))
    with pytest.warns(ConstantVoxelWarning, match="9 of 9"):
        got = RidgeCV(ALPHAS, cv=3).fit(X, Y, groups=runs)
    assert np.isnan(got.cv_scores_[:, 1]).all()
    folds = ridge.run_folds(runs, 3)
    expected = sklearn_scores(X, Y, [folds[0], folds[2]], ALPHAS)
    np.testing.assert_allclose(got.cv_scores_[:, [0, 2]], expected, **EXACT)
    model = Ridge(alpha=ALPHAS[0]).fit(X[folds[1][0]], Y[folds[1][0]])
    with pytest.warns(UndefinedMetricWarning):
        assert np.isnan(model.score(X[folds[1][1]], Y[folds[1][1]]))


@pytest.mark.parametrize("block", [1, 4, 100])
def test_blocks_and_threads_change_nothing(block, monkeypatch):
    X, Y, runs = simulate()
    expected = RidgeCV(ALPHAS, cv=3).fit(X, Y, groups=runs).cv_scores_
    monkeypatch.setattr(engine, "BLOCK", block)
    monkeypatch.setattr(ridge, "NESTED_BLOCK", block)
    np.testing.assert_allclose(
        RidgeCV(ALPHAS, cv=3).fit(X, Y, groups=runs).cv_scores_, expected, rtol=0, atol=1e-13
    )
    with threadpool_limits(3):
        several = ridge.nested_scores(X, Y, groups=runs, alphas=ALPHAS, cv=3)
    with threadpool_limits(1):
        np.testing.assert_array_equal(
            ridge.nested_scores(X, Y, groups=runs, alphas=ALPHAS, cv=3), several
        )


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_found_block_by_block(bad, monkeypatch):
    monkeypatch.setattr(engine, "BLOCK", 4)
    X, Y, runs = simulate()
    Y[17, 6] = bad
    with pytest.raises(ValueError, match=r"Y has 1 values .* row 17, column 6"):
        ridge.nested_scores(X, Y, groups=runs, alphas=ALPHAS, cv=3)
    with pytest.raises(ValueError, match="Input y contains"):
        RidgeCV(ALPHAS, cv=3).fit(X, Y, groups=runs)


def test_alpha_has_the_largest_mean_score():
    X, Y, runs = simulate(noise=8.0, n_voxels=50)
    alphas = (1000.0, 0.1, 30.0)  # the order is the caller's
    result = RidgeCV(alphas, cv=3).fit(X, Y, groups=runs)
    means = result.cv_scores_.mean(axis=1)
    for voxel, alpha in enumerate(result.alpha_):
        assert means[alphas.index(alpha), voxel] == means[:, voxel].max()
    assert len(set(result.alpha_)) > 1


def test_with_one_penalty_the_nested_score_is_the_mean_score():
    X, Y, runs = simulate()
    result = RidgeCV((5.0,), cv=3).fit(X, Y, groups=runs)
    nested = ridge.nested_scores(X, Y, groups=runs, alphas=(5.0,), cv=3)
    np.testing.assert_allclose(nested, result.best_score_, **EXACT)
    np.testing.assert_array_equal(result.alpha_, 5.0)


def test_constant_voxels_are_reported_and_not_scored():
    X, Y, runs = simulate()
    Y[:, 2] = 0.1
    Y[runs == 4, 5] = 1 / 3  # constant in one fold only
    with pytest.warns(ConstantVoxelWarning, match="2 of 9 voxels .*one fold: columns 2, 5"):
        result = RidgeCV(ALPHAS, cv=6).fit(X, Y, groups=runs)
    with pytest.warns(ConstantVoxelWarning, match="2 of 9 voxels .*one fold: columns 2, 5"):
        nested = ridge.nested_scores(X, Y, groups=runs, alphas=ALPHAS, cv=6)
    unscored = np.isin(np.arange(9), [2, 5])
    np.testing.assert_array_equal(np.isnan(nested), unscored)
    np.testing.assert_array_equal(np.isnan(result.alpha_), unscored)
    np.testing.assert_array_equal(np.isnan(result.cv_scores_).all(axis=(0, 1)), np.arange(9) == 2)
    np.testing.assert_array_equal(np.isnan(result.cv_scores_[:, :, 5]), [[0, 0, 0, 0, 1, 0]] * 3)
    # The other voxels do not notice, and scikit-learn hides what is reported here.
    others = ridge.nested_scores(X, Y[:, ~unscored], groups=runs, alphas=ALPHAS, cv=6)
    np.testing.assert_allclose(nested[~unscored], others, **EXACT)
    hidden = sklearn_scores(X, Y, ridge.run_folds(runs, 6), ALPHAS)[:, :, unscored]
    assert np.isfinite(hidden).all()


def test_a_voxel_constant_in_half_a_run_is_reported_with_two_folds():
    X, Y, runs = simulate(lengths=(40, 40))
    Y[:20, 1] = 2.0
    with pytest.warns(ConstantVoxelWarning, match="1 of 9"):
        nested = ridge.nested_scores(X, Y, groups=runs, alphas=ALPHAS, cv=2)
    np.testing.assert_array_equal(np.isnan(nested), np.arange(9) == 1)


def test_input_arrays_are_left_alone():
    X, Y, runs = simulate()
    copies = X.copy(), Y.copy(), runs.copy()
    RidgeCV(ALPHAS, cv=3).fit(X, Y, groups=runs)
    for array, copy in zip((X, Y, runs), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("n_folds", [2, 3, 5, 7])
def test_folds_hold_whole_consecutive_runs_and_each_row_once(n_folds):
    runs = np.repeat(["c", "a", "b", "e", "d", "g", "f"], [3, 9, 4, 5, 2, 6, 3])
    folds = ridge.run_folds(runs, n_folds)
    assert len(folds) == n_folds
    np.testing.assert_array_equal(np.concatenate([test for _, test in folds]), np.arange(32))
    sizes = []
    for train, test in folds:
        assert not set(runs[train]) & set(runs[test])
        np.testing.assert_array_equal(np.sort(np.r_[train, test]), np.arange(32))
        sizes.append(len(set(runs[test])))
    assert max(sizes) - min(sizes) <= 1


def test_folds_of_single_runs_agree_with_group_k_fold():
    runs = np.repeat(np.arange(4), 6)
    ours = {tuple(test) for _, test in ridge.run_folds(runs, 4)}
    theirs = {tuple(test) for _, test in GroupKFold(4).split(runs, groups=runs)}
    assert ours == theirs


@pytest.mark.parametrize("n_folds", [-1, 0, 1, 7])
def test_impossible_numbers_of_folds_are_refused(n_folds):
    X, Y, runs = simulate()
    with pytest.raises(ValueError, match=f"n_folds is {n_folds} and there are 6 runs"):
        RidgeCV(ALPHAS, cv=n_folds).fit(X, Y, groups=runs)


@pytest.mark.parametrize("alphas", [(), (0,), (1, -1), (np.nan,), (np.inf,)])
def test_penalties_must_be_positive(alphas):
    X, Y, runs = simulate()
    with pytest.raises(ValueError, match="above zero"):
        RidgeCV(alphas, cv=3).fit(X, Y, groups=runs)
    with pytest.raises(ValueError, match="above zero"):
        ridge.nested_scores(X, Y, groups=runs, alphas=alphas, cv=3)


@pytest.mark.parametrize("case", CASES)
def test_coefficients_equal_scikit_learn(case):
    X, Y, runs = CASES[case]()
    x, y = X.astype(float), Y.astype(float)
    model = RidgeCV(ALPHAS, cv=3).fit(X, Y, groups=runs)
    theirs = Ridge(alpha=model.alpha_).fit(x, y)
    np.testing.assert_allclose(model.coef_, np.reshape(theirs.coef_, (Y.shape[1], -1)), **EXACT)
    np.testing.assert_allclose(model.intercept_, theirs.intercept_, rtol=1e-10)
    np.testing.assert_allclose(model.predict(X), theirs.predict(x).reshape(Y.shape), rtol=1e-10)


def test_voxels_without_a_score_get_no_coefficients():
    X, Y, runs = simulate()
    Y[:, 4] = 0.1
    Y[runs == 2, 6] = 0.1
    with pytest.warns(ConstantVoxelWarning, match="2 of 9 .* columns 4, 6. Their scores and"):
        model = RidgeCV([2.0], cv=6).fit(X, Y, groups=runs)
    unknown = np.isin(np.arange(9), [4, 6])
    np.testing.assert_array_equal(np.isnan(model.coef_), np.tile(unknown, (12, 1)).T)
    np.testing.assert_array_equal(np.isnan(model.intercept_), unknown)
    expected = Ridge(alpha=2.0).fit(X, Y[:, ~unknown])
    np.testing.assert_allclose(model.coef_[~unknown], expected.coef_, **EXACT)


@pytest.mark.parametrize("shuffled", [False, True])
def test_moments_pooled_from_pieces_are_those_of_their_rows(shuffled):
    X, Y, runs = simulate()
    Y[:, 3], Y[:60, 5] = 0.1, 1 / 3  # constant: their variance must come out as 0
    rows = np.random.default_rng(0).permutation(len(X)) if shuffled else np.arange(len(X))
    X, Y = X[np.argsort(rows)], Y[np.argsort(rows)]
    splits = [(rows[train], rows[test]) for train, test in ridge.run_folds(runs, 3)]
    pieces, *sets = cut(tabulate(splits, X))
    features = sum_features(X, pieces)
    voxels = sum_voxels(features, Y, slice(0, 9))
    for members in np.vstack(sets):
        pooled = pool_moments(members, features, voxels)
        chosen = np.concatenate([np.arange(len(X))[pieces[i]] for i in np.flatnonzero(members)])
        x, y = X[chosen], Y[chosen]
        dx, dy = x - x.mean(axis=0), y - y.mean(axis=0)
        assert pooled.n == len(chosen)
        for got, expected in [
            (pooled.x_mean, x.mean(axis=0)),
            (pooled.y_mean, y.mean(axis=0)),
            (pooled.xx, dx.T @ dx),
            (pooled.xy, dx.T @ dy),
            (pooled.yy, (dy**2).sum(axis=0)),
        ]:
            np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-9)
        assert pooled.yy[3] == 0
        assert (pooled.yy[5] == 0) == (np.ptp(y[:, 5]) == 0)


def test_the_formulas_of_the_derivation_hold():
    """The module's text, evaluated as written against the definition of ridge regression."""
    X, Y, _ = simulate(n_voxels=1)
    a = 7.0
    train, test = slice(0, 130), slice(130, None)
    X_train, y_train = X[train] - X[train].mean(axis=0), Y[train, 0] - Y[train, 0].mean()
    augmented = np.vstack([X_train, np.sqrt(a) * np.eye(12)])
    w = np.linalg.lstsq(augmented, np.r_[y_train, np.zeros(12)], rcond=None)[0]
    d, Q = np.linalg.eigh(X_train.T @ X_train)
    np.testing.assert_allclose(Q @ (Q.T @ X_train.T @ y_train / (d + a)), w, atol=1e-10)
    x, y = X[test] - X[test].mean(axis=0), Y[test, 0] - Y[test, 0].mean()
    m_x = X[test].mean(axis=0) - X[train].mean(axis=0)
    m_y = Y[test, 0].mean() - Y[train, 0].mean()
    error = y @ y - 2 * w @ x.T @ y + w @ x.T @ x @ w + len(x) * (m_y - m_x @ w) ** 2
    predicted = Y[train, 0].mean() + (X[test] - X[train].mean(axis=0)) @ w
    np.testing.assert_allclose(error, ((Y[test, 0] - predicted) ** 2).sum(), rtol=1e-10)


def test_the_quadratic_form_is_a_sum_over_directions_for_every_penalty():
    """u'G u from C and D, as the module's text writes it, with the close pairs that D takes."""
    rng = np.random.default_rng(2)
    d = np.sort(rng.uniform(1, 50, 8))
    d[3] = d[2] * (1 + 1e-9)
    G = np.cov(rng.normal(size=(8, 30)))
    z = rng.normal(size=8)
    distance = d - d[:, np.newaxis]
    close = np.abs(distance) < 1e-5 * d
    C = np.where(close, 0, 2 * G / np.where(close, 1, distance))
    D = np.where(close, G, 0)
    for a in (0.1, 3.0, 1e4):
        u = z / (d + a)
        split = (z * (C @ z) / (d + a)).sum() + (z * (D @ z) / (d + a) ** 2).sum()
        assert split == pytest.approx(u @ G @ u, rel=1e-9)


def test_samples_side_and_features_side_agree():
    """Both forms of one cross-validation, where either will do."""
    X, Y, runs = simulate()
    table = tabulate(4, X, Y, runs)
    plans = [plan(X, table, np.array(ALPHAS)) for plan in (engine.SumsPlan, engine.KernelPlan)]
    scores = [plan.score(Y) for plan in plans]
    np.testing.assert_allclose(*scores, **EXACT)
    for one, other in zip(*(plan.weights(Y, np.full(9, 3.0)) for plan in plans), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)
