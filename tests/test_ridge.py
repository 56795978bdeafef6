"""Ridge regression from sums, held against scikit-learn's Ridge and r2_score."""

import numpy as np
import pytest
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut, cross_val_predict
from threadpoolctl import threadpool_limits

from helpers import ridge
from helpers._engine import held_out, moments, nested
from helpers._engine.constant_voxels import ConstantVoxelWarning

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
    got = ridge.cross_validate(X, Y, runs, ALPHAS, n_folds)
    expected = sklearn_scores(X.astype(float), Y.astype(float), folds, ALPHAS)
    np.testing.assert_allclose(got.scores, expected, **EXACT)
    np.testing.assert_array_equal(got.alphas, ALPHAS)


def test_large_means_cost_few_digits():
    X, Y, runs = a_large_mean()
    got = ridge.cross_validate(X, Y, runs, ALPHAS, 3).scores
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
    got = ridge.cross_validate(X, Y.astype(np.float32), runs, ALPHAS, 4, dtype=np.float32).scores
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
    np.testing.assert_allclose(ridge.cross_validate(X, Y, runs).scores[0], expected, **EXACT)


NESTED = {
    "equal runs": lambda: simulate(noise=8.0, n_voxels=30),
    "unequal runs": lambda: simulate(lengths=(20, 41, 33, 18, 27), noise=8.0, n_voxels=30),
    "more features than samples": lambda: simulate(lengths=(8,) * 4, n_features=40, noise=8.0),
}


@pytest.mark.parametrize("case", NESTED)
def test_nested_scores_equal_a_double_loop_of_scikit_learn(case):
    X, Y, runs = NESTED[case]()
    n_folds = len(np.unique(runs))
    got = ridge.nested_scores(X, Y, runs, ALPHAS, n_folds)
    outer = []
    for train, test in LeaveOneGroupOut().split(X, groups=runs):
        inner = list(LeaveOneGroupOut().split(X[train], groups=runs[train]))
        inner_scores = sklearn_scores(X[train], Y[train], inner, ALPHAS).mean(axis=1)
        penalties = np.array(ALPHAS)[inner_scores.argmax(axis=0)]
        prediction = Ridge(alpha=penalties).fit(X[train], Y[train]).predict(X[test])
        outer.append(r2_score(Y[test], prediction, multioutput="raw_values"))
    np.testing.assert_allclose(got, np.mean(outer, axis=0), **EXACT)
    # Where a fold that is scored takes part in the choice, it is best_alpha that is chosen.
    peeked = ridge.cross_validate(X, Y, runs, ALPHAS, n_folds).scores.mean(axis=1).max(axis=0)
    assert (got < peeked - 1e-6).any()


@pytest.mark.parametrize(("lengths", "cuts"), [((40, 30), [20, 15]), ((20, 25, 18, 22), [20, 18])])
def test_nested_with_two_folds_halves_the_other_fold(lengths, cuts):
    X, Y, runs = simulate(lengths=lengths)
    got = ridge.nested_scores(X, Y, runs, ALPHAS, n_folds=2)
    outer = []
    for (train, test), cut in zip(ridge.run_folds(runs, 2), cuts[::-1], strict=True):
        first, second = np.arange(len(train))[:cut], np.arange(len(train))[cut:]
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
    nested = ridge.nested_scores(X, Y, runs, alphas, 5)
    chosen_on_the_test = ridge.cross_validate(X, Y, runs, alphas, 5).scores.mean(axis=1).max(axis=0)
    assert nested.mean() < 0
    assert nested.mean() < chosen_on_the_test.mean()


def test_a_fold_of_one_sample_has_no_score():
    """R2 compares with the fold's own variance, and one sample has none."""
    X, Y, runs = simulate(lengths=(30, 1, 30))
    with pytest.warns(ConstantVoxelWarning, match="9 of 9"):
        got = ridge.cross_validate(X, Y, runs, ALPHAS, 3)
    assert np.isnan(got.scores[:, 1]).all()
    folds = ridge.run_folds(runs, 3)
    expected = sklearn_scores(X, Y, [folds[0], folds[2]], ALPHAS)
    np.testing.assert_allclose(got.scores[:, [0, 2]], expected, **EXACT)
    model = Ridge(alpha=ALPHAS[0]).fit(X[folds[1][0]], Y[folds[1][0]])
    with pytest.warns(UndefinedMetricWarning):
        assert np.isnan(model.score(X[folds[1][1]], Y[folds[1][1]]))


@pytest.mark.parametrize("block", [1, 4, 100])
def test_blocks_and_threads_change_nothing(block, monkeypatch):
    X, Y, runs = simulate()
    expected = ridge.cross_validate(X, Y, runs, ALPHAS, 3).scores
    monkeypatch.setattr(held_out, "BLOCK", block)
    monkeypatch.setattr(nested, "BLOCK", block)
    np.testing.assert_allclose(
        ridge.cross_validate(X, Y, runs, ALPHAS, 3).scores, expected, rtol=0, atol=1e-13
    )
    several = ridge.nested_scores(X, Y, runs, ALPHAS, 3)
    with threadpool_limits(1):
        np.testing.assert_array_equal(ridge.nested_scores(X, Y, runs, ALPHAS, 3), several)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_found_block_by_block(bad, monkeypatch):
    monkeypatch.setattr(held_out, "BLOCK", 4)
    X, Y, runs = simulate()
    Y[17, 6] = bad
    for score in (ridge.cross_validate, ridge.nested_scores):
        with pytest.raises(ValueError, match=r"Y has 1 values .* row 17, column 6"):
            score(X, Y, runs, ALPHAS, 3)


def test_predictions_on_held_out_runs_equal_scikit_learn():
    X, Y, runs = simulate(lengths=(20, 41, 33))
    alphas = 10.0 ** np.random.default_rng(0).uniform(-1, 3, 9)
    expected = cross_val_predict(Ridge(alpha=alphas), X, Y, groups=runs, cv=LeaveOneGroupOut())
    np.testing.assert_allclose(ridge.predict_held_out(X, Y, runs, alphas, 3), expected, **EXACT)


def test_best_alpha_has_the_largest_mean_score():
    X, Y, runs = simulate(noise=8.0, n_voxels=50)
    alphas = (1000.0, 0.1, 30.0)  # the order is the caller's
    result = ridge.cross_validate(X, Y, runs, alphas, 3)
    means = result.scores.mean(axis=1)
    for voxel, alpha in enumerate(result.best_alpha):
        assert means[alphas.index(alpha), voxel] == means[:, voxel].max()
    assert len(set(result.best_alpha)) > 1


def test_with_one_penalty_the_nested_score_is_the_mean_score():
    X, Y, runs = simulate()
    result = ridge.cross_validate(X, Y, runs, (5.0,), 3)
    nested = ridge.nested_scores(X, Y, runs, (5.0,), 3)
    np.testing.assert_allclose(nested, result.scores[0].mean(axis=0), **EXACT)
    np.testing.assert_array_equal(result.best_alpha, 5.0)


def test_constant_voxels_are_reported_and_not_scored():
    X, Y, runs = simulate()
    Y[:, 2] = 0.1
    Y[runs == 4, 5] = 1 / 3  # constant in one fold only
    with pytest.warns(ConstantVoxelWarning, match="2 of 9 voxels .*one fold: columns 2, 5"):
        result = ridge.cross_validate(X, Y, runs, ALPHAS, 6)
    with pytest.warns(ConstantVoxelWarning, match="2 of 9 voxels .*one fold: columns 2, 5"):
        nested = ridge.nested_scores(X, Y, runs, ALPHAS, 6)
    unscored = np.isin(np.arange(9), [2, 5])
    np.testing.assert_array_equal(np.isnan(nested), unscored)
    np.testing.assert_array_equal(np.isnan(result.best_alpha), unscored)
    np.testing.assert_array_equal(np.isnan(result.scores).all(axis=(0, 1)), np.arange(9) == 2)
    np.testing.assert_array_equal(np.isnan(result.scores[:, :, 5]), [[0, 0, 0, 0, 1, 0]] * 3)
    # The other voxels do not notice, and scikit-learn hides what is reported here.
    others = ridge.nested_scores(X, Y[:, ~unscored], runs, ALPHAS, 6)
    np.testing.assert_allclose(nested[~unscored], others, **EXACT)
    hidden = sklearn_scores(X, Y, ridge.run_folds(runs, 6), ALPHAS)[:, :, unscored]
    assert np.isfinite(hidden).all()


def test_a_voxel_constant_in_half_a_run_is_reported_with_two_folds():
    X, Y, runs = simulate(lengths=(40, 40))
    Y[:20, 1] = 2.0
    with pytest.warns(ConstantVoxelWarning, match="1 of 9"):
        nested = ridge.nested_scores(X, Y, runs, ALPHAS, 2)
    np.testing.assert_array_equal(np.isnan(nested), np.arange(9) == 1)


def test_input_arrays_are_left_alone():
    X, Y, runs = simulate()
    copies = X.copy(), Y.copy(), runs.copy()
    ridge.cross_validate(X, Y, runs, ALPHAS, 3)
    ridge.fit(X, Y, 1.0)
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
        ridge.cross_validate(X, Y, runs, ALPHAS, n_folds)


@pytest.mark.parametrize("alphas", [(), (0,), (1, -1), (np.nan,), (np.inf,)])
def test_penalties_must_be_positive(alphas):
    X, Y, runs = simulate()
    with pytest.raises(ValueError, match="above zero"):
        ridge.cross_validate(X, Y, runs, alphas, 3)
    if len(alphas) == 1 and not np.isnan(alphas[0]):
        with pytest.raises(ValueError, match="above zero"):
            ridge.fit(X, Y, np.repeat(alphas, 9))
    with pytest.raises(ValueError, match="above zero"):
        ridge.fit(X, Y, alphas[0] if len(alphas) == 1 else -1)


@pytest.mark.parametrize("case", CASES)
def test_coefficients_equal_scikit_learn(case):
    X, Y, _ = CASES[case]()
    x, y = X.astype(float), Y.astype(float)
    rng = np.random.default_rng(0)
    for alphas in (3.0, 10.0 ** rng.uniform(-1, 3, Y.shape[1])):
        coef, intercept = ridge.fit(X, Y, alphas)
        theirs = Ridge(alpha=alphas).fit(x, y)
        np.testing.assert_allclose(coef, np.reshape(theirs.coef_, (Y.shape[1], -1)).T, **EXACT)
        np.testing.assert_allclose(intercept, theirs.intercept_, rtol=1e-10)
        np.testing.assert_allclose(
            x @ coef + intercept, theirs.predict(x).reshape(Y.shape), rtol=1e-10
        )


def test_the_refit_agrees_with_the_scores():
    """Two ways through the same data: sums of folds, and a fit on rows."""
    X, Y, runs = simulate(lengths=(20, 41, 33))
    result = ridge.cross_validate(X, Y, runs, ALPHAS, 3)
    for f, (train, test) in enumerate(ridge.run_folds(runs, 3)):
        coef, intercept = ridge.fit(X[train], Y[train], ALPHAS[1])
        score = r2_score(Y[test], X[test] @ coef + intercept, multioutput="raw_values")
        np.testing.assert_allclose(result.scores[1, f], score, **EXACT)


def test_voxels_that_are_constant_or_lack_a_penalty_get_no_coefficients():
    X, Y, _ = simulate()
    Y[:, 4] = 0.1
    alphas = np.full(9, 2.0)
    alphas[6] = np.nan
    with pytest.warns(ConstantVoxelWarning, match="2 of 9 .* columns 4, 6. Their coefficients"):
        coef, intercept = ridge.fit(X, Y, alphas)
    unknown = np.isin(np.arange(9), [4, 6])
    np.testing.assert_array_equal(np.isnan(coef), np.tile(unknown, (12, 1)))
    np.testing.assert_array_equal(np.isnan(intercept), unknown)
    expected = Ridge(alpha=2.0).fit(X, Y[:, ~unknown])
    np.testing.assert_allclose(coef[:, ~unknown].T, expected.coef_, **EXACT)


@pytest.mark.parametrize("shape", [(8,), (9, 1), (1, 9), (0,)])
def test_penalties_must_be_one_or_one_a_voxel(shape):
    X, Y, _ = simulate()
    with pytest.raises(ValueError, match="one penalty for each of the 9 voxels"):
        ridge.fit(X, Y, np.ones(shape))


def test_summaries_of_parts_merge_to_the_summary_of_the_whole():
    X, Y, _ = simulate()
    merged = moments.merge(moments.summarise(X[:31], Y[:31]), moments.summarise(X[31:], Y[31:]))
    x, y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    assert merged.n == len(X)
    for got, expected in [
        (merged.x_mean, X.mean(axis=0)),
        (merged.y_mean, Y.mean(axis=0)),
        (merged.xx, x.T @ x),
        (merged.xy, x.T @ y),
        (merged.yy, (y**2).sum(axis=0)),
    ]:
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-9)


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
