"""The estimators keep scikit-learn's contract, and give the numbers of its own estimators."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.linear_model import LassoLarsCV as LassoOfScikitLearn
from sklearn.linear_model import Ridge
from sklearn.linear_model import RidgeCV as RidgeOfScikitLearn
from sklearn.metrics import r2_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    RepeatedKFold,
    ShuffleSplit,
    TimeSeriesSplit,
    cross_val_predict,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from helpers.features import Delayer
from helpers.receptive_fields import PRF, LassoLarsCV
from helpers.ridge import BandedRidgeCV, RidgeCV, run_folds

# Five voxels, or one, and three penalties: some sit at an end.
pytestmark = pytest.mark.filterwarnings("ignore::helpers.ridge.PenaltyWarning")

ALPHAS = (1.0, 30.0, 1000.0)
ESTIMATORS = [RidgeCV(ALPHAS), LassoLarsCV(max_iter=5), Delayer((0, 2))]
# A delayed row is made from the rows before it: other rows, or another order, give others.
NEIGHBOURS = {
    "check_methods_sample_order_invariance": "a delay depends on the order of the rows",
    "check_methods_subset_invariance": "a delay takes rows from before the subset",
}


# These give about ten samples, or take the columns behind a single pixel for dozens of nuisances.
FEW = {
    "check_regressor_multioutput": "eleven samples are fewer than a field and its nuisances need",
    "check_regressors_no_decision_function": "ten samples are fewer than they need",
}


def expected_to_fail(estimator):
    if isinstance(estimator, PRF):
        return FEW
    return NEIGHBOURS if isinstance(estimator, Delayer) else {}


@parametrize_with_checks(
    [
        RidgeCV(),
        BandedRidgeCV(n_iter=1),
        RidgeCV([10.0], cv=KFold(3, shuffle=True, random_state=0)),
        LassoLarsCV(),
        LassoLarsCV(max_iter=10, cv=3),
        Delayer((1,)),
        PRF((1, 1), hrf_peak=None),
    ],
    expected_failed_checks=expected_to_fail,
)
# Some checks sort the responses, so that a fold of consecutive samples holds one value only.
@pytest.mark.filterwarnings("ignore::helpers.ridge.ConstantVoxelWarning")
# A screen of one pixel tells no size.
@pytest.mark.filterwarnings("ignore::helpers.receptive_fields.BoundWarning")
def test_the_contract_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def data():
    """Eight runs of 15 samples, 7 features, 5 voxels with a mean of their own."""
    rng = np.random.default_rng(3)
    runs = np.repeat(np.arange(8), 15)
    X = rng.normal(size=(len(runs), 7)) + np.repeat(rng.normal(size=(8, 7)), 15, axis=0)
    Y = X @ rng.normal(size=(7, 5)) + 3 * rng.normal(size=(len(runs), 5)) + 100
    return X, Y, runs


SPLITTERS = {
    "number": 4,
    "leave one run out": LeaveOneGroupOut(),
    "groups": GroupKFold(3),
    "folds": KFold(5),
    "shuffled folds": KFold(5, shuffle=True, random_state=0),
    "repeated": RepeatedKFold(n_splits=3, n_repeats=2, random_state=0),
    "shuffled": ShuffleSplit(4, test_size=0.2, train_size=0.5, random_state=0),
    "time series": TimeSeriesSplit(4),
    "one split": PredefinedSplit(np.repeat([-1, 0], 60)),
    "a list": run_folds(np.repeat(np.arange(8), 15), 8),
}


def splits_of(cv, X, Y, runs):
    if isinstance(cv, int):
        return run_folds(runs, cv)
    return (
        cv
        if isinstance(cv, list)
        else list(cv.split(X, Y, runs if isinstance(cv, LeaveOneGroupOut | GroupKFold) else None))
    )


@pytest.mark.parametrize("n_features", [7, 200], ids=["narrow", "wide"])
@pytest.mark.parametrize("cv", SPLITTERS.values(), ids=SPLITTERS)
def test_ridge_scores_every_split_as_scikit_learn_does(data, cv, n_features):
    X, Y, runs = data
    X = np.hstack([X, np.random.default_rng(0).normal(size=(len(X), n_features - 7))])
    by_run = isinstance(cv, int | LeaveOneGroupOut | GroupKFold)
    model = RidgeCV(ALPHAS, cv=cv).fit(X, Y, groups=runs if by_run else None)
    for k, (train, test) in enumerate(splits_of(cv, X, Y, runs)):
        for a, alpha in enumerate(ALPHAS):
            predicted = Ridge(alpha=alpha).fit(X[train], Y[train]).predict(X[test])
            expected = r2_score(Y[test], predicted, multioutput="raw_values")
            np.testing.assert_allclose(model.cv_scores_[a, k], expected, rtol=0, atol=1e-10)
    best = model.cv_scores_.mean(axis=1)
    np.testing.assert_array_equal(model.alpha_, np.array(ALPHAS)[best.argmax(axis=0)])
    np.testing.assert_array_equal(model.best_score_, best.max(axis=0))
    refit = Ridge(alpha=model.alpha_).fit(X, Y)
    np.testing.assert_allclose(model.coef_, refit.coef_, rtol=0, atol=1e-10)
    np.testing.assert_allclose(model.intercept_, refit.intercept_, rtol=0, atol=1e-10)
    np.testing.assert_allclose(model.predict(X), refit.predict(X), rtol=0, atol=1e-9)


def test_ridge_chooses_as_the_ridge_of_scikit_learn_that_leaves_each_sample_out(data):
    """scikit-learn's `RidgeCV` compares squared errors, each sample left out in turn."""
    X, Y, _ = data
    theirs = RidgeOfScikitLearn(ALPHAS, alpha_per_target=True, store_cv_results=True).fit(X, Y)
    errors = []
    for alpha in ALPHAS:
        left = cross_val_predict(RidgeCV([alpha], cv=2), X, Y, cv=KFold(len(X)))
        errors.append((Y - left) ** 2)
    expected = theirs.cv_results_.transpose(2, 0, 1)
    np.testing.assert_allclose(errors, expected, rtol=1e-8)


@pytest.mark.parametrize("max_iter", [3, 500])
def test_the_lasso_is_that_of_scikit_learn(data, max_iter):
    X, Y, runs = data
    model = LassoLarsCV(max_iter=max_iter, cv=4).fit(X, Y, groups=runs)
    for voxel, y in enumerate(Y.T):
        theirs = LassoOfScikitLearn(max_iter=max_iter, cv=run_folds(runs, 4)).fit(X, y)
        np.testing.assert_allclose(model.coef_[voxel], theirs.coef_, rtol=0, atol=1e-6)
        assert model.alpha_[voxel] == pytest.approx(theirs.alpha_, rel=1e-6)
        assert model.intercept_[voxel] == pytest.approx(theirs.intercept_, abs=1e-6)


@pytest.mark.parametrize("estimator", ESTIMATORS[:2], ids=repr)
def test_one_voxel_is_a_column_of_many(data, estimator):
    X, Y, runs = data
    many = clone(estimator).fit(X, Y, groups=runs)
    one = clone(estimator).fit(X, Y[:, 2], groups=runs)
    assert one.coef_.shape == (7,)
    assert np.ndim(one.alpha_) == np.ndim(one.intercept_) == 0
    np.testing.assert_allclose(one.coef_, many.coef_[2], rtol=0, atol=1e-12)
    np.testing.assert_allclose(one.predict(X), many.predict(X)[:, 2], rtol=0, atol=1e-11)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_copies_pickles_and_data_frames(data, estimator):
    X, Y, runs = data
    names = [f"pixel {i}" for i in range(7)]
    plain = clone(estimator).fit(X, Y, groups=runs)
    fitted = clone(estimator).fit(
        pd.DataFrame(X, columns=names), pd.DataFrame(Y), groups=pd.Series(runs)
    )
    assert list(fitted.feature_names_in_) == names
    again = pickle.loads(pickle.dumps(plain))
    if isinstance(estimator, Delayer):
        transform = [model.transform(X, groups=runs) for model in (plain, again)]
        transform.append(fitted.transform(pd.DataFrame(X, columns=names), groups=runs))
        np.testing.assert_array_equal(transform[0], transform[1])
        np.testing.assert_array_equal(transform[0], transform[2])
    else:
        np.testing.assert_array_equal(plain.predict(X), again.predict(X))
        np.testing.assert_allclose(fitted.coef_, plain.coef_, rtol=0, atol=1e-12)


def test_ridge_in_cross_val_predict_and_grid_search(data):
    X, Y, runs = data
    folds = run_folds(runs, 4)
    held_out = cross_val_predict(RidgeCV([30.0]), X, Y, cv=folds)
    expected = cross_val_predict(Ridge(alpha=30.0), X, Y, cv=folds)
    np.testing.assert_allclose(held_out, expected, rtol=0, atol=1e-9)
    grid = {"ridgecv__alphas": [[1e-3], [1e5]]}
    search = GridSearchCV(make_pipeline(StandardScaler(), RidgeCV()), grid, cv=folds).fit(X, Y)
    assert search.best_params_ == {"ridgecv__alphas": [1e-3]}


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
def test_a_pipeline_hands_the_runs_to_both_steps(data):
    X, Y, runs = data
    delayer = Delayer((1, 2)).set_fit_request(groups=True).set_transform_request(groups=True)
    model = make_pipeline(delayer, RidgeCV(ALPHAS, cv=4).set_fit_request(groups=True))
    model.fit(X, Y, groups=runs)
    delayed = Delayer((1, 2)).fit(X, groups=runs).transform(X, groups=runs)
    by_hand = RidgeCV(ALPHAS, cv=4).fit(delayed, Y, groups=runs)
    np.testing.assert_array_equal(model[-1].coef_, by_hand.coef_)
    np.testing.assert_array_equal(model.predict(X, groups=runs), by_hand.predict(delayed))
    # The runs matter: without them, the first volumes of a run see the run before.
    crossed = Delayer((1, 2)).fit_transform(X)
    assert np.abs(crossed - delayed).max() > 0.1


@pytest.mark.usefixtures("routing")
def test_cross_validation_of_a_pipeline_over_runs(data):
    X, Y, runs = data
    delayer = Delayer((1, 2)).set_fit_request(groups=True).set_transform_request(groups=True)
    model = make_pipeline(delayer, RidgeCV([30.0], cv=2).set_fit_request(groups=True))
    one_run_out = LeaveOneGroupOut().set_split_request(groups=True)
    with pytest.warns(UserWarning, match="transforms without"):  # each test set is one run
        held_out = cross_val_predict(model, X, Y, cv=one_run_out, params={"groups": runs})
    delayed = Delayer((1, 2)).fit_transform(X, groups=runs)
    expected = cross_val_predict(
        Ridge(alpha=30.0), delayed, Y, cv=LeaveOneGroupOut().split(X, Y, runs)
    )
    np.testing.assert_allclose(held_out, expected, rtol=0, atol=1e-9)


def test_a_split_with_a_sample_in_both_sets_is_refused(data):
    X, Y, _ = data
    rows = np.arange(len(X))
    with pytest.raises(ValueError, match="in both its training and its test set"):
        RidgeCV(cv=[(rows, rows[:10])]).fit(X, Y)
    with pytest.raises(ValueError, match="empty training or test set"):
        RidgeCV(cv=[(rows, rows[:0])]).fit(X, Y)


def test_close_and_equal_eigenvalues_cost_no_digits():
    """Images of one lit pixel each, in equal numbers: all directions have the same eigenvalue."""
    rng = np.random.default_rng(5)
    runs = np.repeat(np.arange(5), 40)
    exact = np.tile(np.eye(20), (10, 1))
    for spread in (0, 1e-12, 1e-6, 1e-5, 1e-4, 1e-2):
        X = exact * (1 + spread * rng.random(20))
        Y = X @ rng.normal(size=(20, 6)) + rng.normal(size=(200, 6))
        for dtype, tolerance in ((np.float64, 1e-10), (np.float32, 1e-4)):
            model = RidgeCV(ALPHAS, cv=5, dtype=dtype).fit(X, Y, groups=runs)
            for k, (train, test) in enumerate(run_folds(runs, 5)):
                predicted = Ridge(alpha=ALPHAS[0]).fit(X[train], Y[train]).predict(X[test])
                expected = r2_score(Y[test], predicted, multioutput="raw_values")
                np.testing.assert_allclose(model.cv_scores_[0, k], expected, atol=tolerance)
