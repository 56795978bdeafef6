"""Ridge regression from sums, held against scikit-learn's Ridge and r2_score."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut, TimeSeriesSplit
from threadpoolctl import threadpool_limits

from helpers import ridge
from helpers._engine import ridge as engine
from helpers._engine.folds import cut, tabulate
from helpers._engine.penalties import at_ends, freedom
from helpers._engine.sums import pool_moments, sum_features, sum_voxels
from helpers.ridge import ConstantVoxelWarning, PenaltyWarning, RidgeCV

# Nine voxels and three penalties, a hundred times apart: some sit at an end.
pytestmark = pytest.mark.filterwarnings("ignore::helpers.ridge.PenaltyWarning")

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


def test_nested_scores_of_splits_with_unlike_numbers_of_inner_folds():
    """Each training set ends where its test set begins: the last one holds three others."""
    X, Y, _ = simulate(noise=8.0, n_voxels=30)
    splits = list(TimeSeriesSplit(4).split(X))
    outer = []
    for k, (train, test) in enumerate(splits):
        tests = [t for _, t in splits[:k]] if k > 1 else np.array_split(train, 2)
        inner = [(np.setdiff1d(train, t), t) for t in tests]
        means = sklearn_scores(X, Y, inner, ALPHAS).mean(axis=1)
        penalties = np.array(ALPHAS)[means.argmax(axis=0)]
        prediction = Ridge(alpha=penalties).fit(X[train], Y[train]).predict(X[test])
        outer.append(r2_score(Y[test], prediction, multioutput="raw_values"))
    got = ridge.nested_scores(X, Y, alphas=ALPHAS, cv=TimeSeriesSplit(4))
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


def constant_up_to_rounding(dtype, seed=0):
    """Voxels that do not vary in one run but for the last digits, as cleaning leaves them."""
    rng = np.random.default_rng(seed)
    X, Y, runs = simulate()
    Y -= Y.mean(axis=0)
    rounding = np.finfo(dtype).eps * rng.normal(size=30)
    Y[runs == 1, 2] = rounding
    Y[runs == 4, 5] = 7 * (1 + rounding)
    return X, Y.astype(dtype), runs


@pytest.mark.parametrize("n_features", [12, 400], ids=["narrow", "wide"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_voxel_that_is_constant_but_for_rounding_has_no_score_in_that_run(dtype, n_features):
    X, Y, runs = constant_up_to_rounding(dtype)
    X = np.hstack([X, np.random.default_rng(1).normal(size=(len(X), n_features - 12))])
    folds = ridge.run_folds(runs, 6)
    expected = sklearn_scores(X, Y.astype(float), folds, ALPHAS)
    assert expected.min() < -1e10
    for k, voxel in ((1, 2), (4, 5)):
        assert np.ptp(Y[folds[k][1], voxel]) > 0
        expected[:, k, voxel] = np.nan
    with pytest.warns(ConstantVoxelWarning, match="2 of 9 voxels .* columns 2, 5"):
        model = RidgeCV(ALPHAS, cv=6).fit(X, Y, groups=runs)
    np.testing.assert_allclose(model.cv_scores_, expected, **EXACT)
    np.testing.assert_array_equal(np.isnan(model.coef_).all(axis=1), np.isin(range(9), [2, 5]))
    with pytest.warns(ConstantVoxelWarning, match="2 of 9 voxels .* columns 2, 5"):
        nested = ridge.nested_scores(X, Y, groups=runs, alphas=ALPHAS, cv=6)
    np.testing.assert_array_equal(np.isnan(nested), np.isin(range(9), [2, 5]))


@pytest.mark.parametrize("plan", [engine.SumsPlan, engine.KernelPlan])
def test_a_voxel_that_varies_a_millionth_in_one_run_is_scored(plan):
    X, Y, runs = simulate()
    Y -= Y.mean(axis=0)
    Y[runs == 1, 2] *= 1e-6
    scores = plan(X, tabulate(6, X, Y, runs), np.array(ALPHAS)).score(Y)
    expected = sklearn_scores(X, Y, ridge.run_folds(runs, 6), ALPHAS)
    assert expected.min() < -1e9
    np.testing.assert_allclose(scores, expected, rtol=1e-6)


@pytest.mark.parametrize("plan", [engine.SumsPlan, engine.KernelPlan])
def test_weights_of_what_is_rounding_about_a_mean_are_nan(plan):
    X, Y, runs = simulate()
    Y[:, 3] = 1000 * (1 + np.finfo(float).eps * np.random.default_rng(0).normal(size=len(Y)))
    coef, intercept = plan(X, tabulate(6, X, Y, runs), np.array(ALPHAS)).weights(Y, np.ones(9))
    np.testing.assert_array_equal(np.isnan(coef).all(axis=1), np.arange(9) == 3)
    np.testing.assert_array_equal(np.isnan(intercept), np.arange(9) == 3)


def a_mask(n_voxels=300, seed=0):
    """Six runs of 80 samples, 40 pixels; a third of the voxels respond, the others are noise."""
    rng = np.random.default_rng(seed)
    runs = np.repeat(np.arange(6), 80)
    X = rng.choice([-1.0, 0.0, 1.0], size=(len(runs), 40))
    Y = rng.normal(size=(len(runs), n_voxels))
    responding = np.arange(n_voxels) % 3 == 0
    Y[:, responding] += X @ rng.normal(size=(40, responding.sum())) / 6
    return X, Y, runs, responding


GRID = np.logspace(0, 5, 6)
SCORERS = {
    "RidgeCV": lambda X, Y, runs: RidgeCV(GRID, cv=6).fit(X, Y, groups=runs),
    "unordered": lambda X, Y, runs: RidgeCV(GRID[[3, 0, 5, 1, 2, 4]], cv=6).fit(X, Y, groups=runs),
    "nested": lambda X, Y, runs: ridge.nested_scores(X, Y, groups=runs, alphas=GRID, cv=6),
    "partition": lambda X, Y, runs: ridge.partition(
        X[:, :20], X[:, 20:], Y, groups=runs, alphas=GRID, cv=6
    ),
}


@pytest.mark.filterwarnings("error::helpers.ridge.PenaltyWarning")
@pytest.mark.parametrize("scorer", SCORERS.values(), ids=SCORERS)
def test_features_in_other_units_are_reported(scorer, monkeypatch):
    monkeypatch.setattr(ridge, "NESTED_BLOCK", 77)
    X, Y, runs, _ = a_mask()
    scorer(X, Y, runs)  # in these units, the grid will do
    for factor in (1e-6, 1e-4, 1e-3, 0.01):
        with pytest.warns(PenaltyWarning, match=r"smallest penalty, 1, .*Widen alphas, or bring"):
            scorer(factor * X, Y, runs)
    for factor in (100, 255, 1e6):
        responding = Y[:, ::3]
        with pytest.warns(
            PenaltyWarning, match="of 100 voxels are predicted best with the largest"
        ):
            scorer(factor * X, responding, runs)
        with pytest.warns(PenaltyWarning, match="largest penalty, 100000, .*StandardScaler"):
            scorer(factor * X, Y, runs)


@pytest.mark.filterwarnings("error::helpers.ridge.PenaltyWarning")
def test_voxels_at_an_end_are_those_that_another_penalty_predicts_better():
    X, Y, runs, responding = a_mask()
    wide = np.logspace(-6, 11, 18)
    best = RidgeCV(wide, cv=6).fit(X, Y, groups=runs).best_score_
    for factor in (0.01, 1.0, 100.0):
        model = RidgeCV([1.0], cv=6).fit(factor * X, Y, groups=runs)
        assert not model.at_end_.any()  # one penalty alone is a choice
    assert not RidgeCV(GRID, cv=6).fit(X, Y, groups=runs).at_end_.any()
    with pytest.warns(PenaltyWarning, match="voxels are predicted best with the smallest"):
        small = RidgeCV(GRID, cv=6).fit(0.01 * X, Y, groups=runs)
    assert small.at_end_[responding].all()
    assert (small.alpha_[small.at_end_] == 1).all()
    assert (best > small.best_score_ + 0.1)[responding].all()
    assert RidgeCV(GRID, cv=6).fit(X, Y[:, 1], groups=runs).at_end_.shape == ()


@pytest.mark.filterwarnings("error::helpers.ridge.PenaltyWarning")
def test_noise_takes_the_largest_penalty_without_a_warning():
    X, Y, runs, responding = a_mask()
    noise = Y[:, ~responding]
    model = RidgeCV(GRID, cv=6).fit(X, noise, groups=runs)
    assert (model.alpha_ == 1e5).mean() > 0.3
    assert not model.at_end_.any()
    ridge.nested_scores(X, noise, groups=runs, alphas=GRID, cv=6)


CURVES = {  # mean R2 at the penalties 1, 10, 100, 1000: at the low end, at the high end, counts
    "best inside": ([0.1, 0.3, 0.2, 0.0], 0, 0, 1),
    "better below": ([0.3, 0.2, 0.1, 0.0], 1, 0, 1),
    "better below, by very little": ([3e-9, 2e-9, 1e-9, 0.0], 1, 0, 1),
    "as good below": ([0.300, 0.299, 0.2, 0.0], 0, 0, 1),
    "better above": ([0.0, 0.1, 0.2, 0.3], 0, 1, 1),
    "as good above": ([0.0, 0.1, 0.299, 0.3], 0, 0, 1),
    "hardly better above": ([0.300, 0.302, 0.304, 0.306], 0, 0, 1),
    "noise": ([-0.5, -0.2, -0.06, -0.01], 0, 0, 0),
    "noise of runs with other means": ([-0.9, -0.5, -0.31, -0.3], 0, 0, 0),
    "noise that is fitted": ([-0.9, -0.8, -0.5, -0.2], 0, 0, 0),
    "no score": ([np.nan] * 4, 0, 0, 0),
}


def test_ends_of_a_grid_by_hand():
    alphas = np.array([1.0, 10, 100, 1000])
    scores = np.transpose([curve for curve, *_ in CURVES.values()])
    expected = np.transpose([answers for _, *answers in CURVES.values()])
    np.testing.assert_array_equal(at_ends(alphas, scores, 0.01), expected)
    np.testing.assert_array_equal(at_ends(alphas[::-1], scores[::-1], 0.01), expected)
    few = at_ends(alphas[[0, 3]], scores[[0, 3]], 0.03)  # of two penalties, both are ends
    np.testing.assert_array_equal(few[:2], np.zeros((2, len(CURVES))))
    apart = at_ends(np.array([1.0, 10, 100, 1e8]), scores, 0.01)  # the same rise over six decades
    assert not apart[1][list(CURVES).index("better above")]


def test_where_the_largest_penalty_fits_noise_all_voxels_count():
    scores = np.transpose([curve for curve, *_ in CURVES.values()])
    low, high, told = at_ends(np.array([1.0, 10, 100, 1000]), scores, 0.03)
    above = ["better above", "hardly better above", "noise", "noise that is fitted"]
    np.testing.assert_array_equal(high, np.isin(list(CURVES), above))
    np.testing.assert_array_equal(told, ~np.isnan(scores[0]))
    np.testing.assert_array_equal(low, [answer for _, answer, *_ in CURVES.values()])


@pytest.mark.parametrize(("n_samples", "n_features"), [(60, 9), (30, 80)])
def test_freedom_is_the_most_that_the_eigenvalues_allow(n_samples, n_features):
    x = np.random.default_rng(0).normal(size=(n_samples, n_features))
    x -= x.mean(axis=0)
    values = np.linalg.svd(x, compute_uv=False)[: min(n_features, n_samples - 1)] ** 2
    for alpha in (1e-9, 10.0, 1e4):
        exact = (values / (values + alpha)).sum() / n_samples
        assert exact <= freedom(x + 5, alpha) * (1 + 1e-9)
        assert freedom(x + 5, alpha) < 1.5 * exact
    alike = np.linalg.qr(x[:, : n_samples // 2])[0]
    exact = alike.shape[1] * 1 / (1 + 10.0) / n_samples
    assert freedom(alike, 10.0) == pytest.approx(exact)


FORMS = {
    "DataFrame": lambda a: pd.DataFrame(a),
    "lists": lambda a: a.tolist(),
    "Fortran order": np.asfortranarray,
    "every other row of a longer table": lambda a: np.repeat(a, 2, axis=0)[::2],
    "backwards in memory": lambda a: a[:, ::-1].copy()[:, ::-1],
    "read-only": lambda a: np.frombuffer(a.tobytes()).reshape(a.shape),
    "big-endian": lambda a: a.astype(">f8"),
    "whole numbers": lambda a: a.astype(np.int16),
    "objects": lambda a: a.astype(object),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_any_form_of_the_same_numbers_gives_the_same_scores(form):
    X, Y, runs = simulate()
    Y = np.round(10 * Y)
    model = RidgeCV(ALPHAS, cv=3).fit(X, Y, groups=runs)
    nested = ridge.nested_scores(X, Y, groups=runs, alphas=ALPHAS, cv=3)
    again = RidgeCV(ALPHAS, cv=3).fit(form(X), form(Y), groups=runs)
    np.testing.assert_allclose(again.cv_scores_, model.cv_scores_, **EXACT)
    np.testing.assert_allclose(again.predict(form(X)), model.predict(X), rtol=1e-10)
    found = ridge.nested_scores(form(X), form(Y), groups=runs, alphas=ALPHAS, cv=3)
    np.testing.assert_allclose(found, nested, **EXACT)


LABELS = {
    "strings": lambda runs: np.array([f"run-{10 - run}" for run in runs]),
    "a list of strings": lambda runs: [f"run-{run}" for run in runs],
    "categories": lambda runs: pd.Categorical([f"run-{run}" for run in runs]),
    "a column": lambda runs: pd.Series(runs, index=range(5, 5 + len(runs)), name="run"),
    "fractions": lambda runs: runs + 0.5,
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_runs_may_have_any_labels(labels):
    X, Y, runs = simulate()
    expected = RidgeCV(ALPHAS, cv=2).fit(X, Y, groups=runs).cv_scores_
    found = RidgeCV(ALPHAS, cv=2).fit(X, Y, groups=labels(runs)).cv_scores_
    np.testing.assert_array_equal(found, expected)
    nested = [
        ridge.nested_scores(X, Y, groups=g, alphas=ALPHAS, cv=2) for g in (runs, labels(runs))
    ]
    np.testing.assert_array_equal(*nested)


def test_masked_values_are_refused_wherever_they_are_given():
    X, Y, runs = simulate()
    masked = np.ma.masked_greater(X, 3.5)
    model = RidgeCV(ALPHAS, cv=3).fit(X, Y, groups=runs)
    calls = [
        lambda: RidgeCV(ALPHAS, cv=3).fit(masked, Y, groups=runs),
        lambda: RidgeCV(ALPHAS, cv=3).fit(X, np.ma.masked_greater(Y, 50), groups=runs),
        lambda: model.predict(masked),
        lambda: ridge.nested_scores(masked, Y, groups=runs, alphas=ALPHAS, cv=3),
        lambda: ridge.partition(X, masked, Y, groups=runs, alphas=ALPHAS, cv=3),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="masked values; expected none"):
            call()
