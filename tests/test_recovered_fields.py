"""Receptive fields recovered from the twin, held against the fields that were put in."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from helpers import data, receptive_fields, ridge

ALPHAS = (10.0, 100.0, 1e3, 1e4)
FARTHEST = 0.75  # pixels, for the median voxel
EXCESS = 0.03  # of a score over its ceiling, by chance


@pytest.fixture(scope="module")
def twin():
    return data.load("twin")


@pytest.fixture(scope="module")
def recording(twin):
    return data.recording(twin)


@pytest.fixture(scope="module")
def misread(twin):
    """Read the twin as someone does who takes the rows of the label files for C order."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "read_stimuli", lambda name: np.loadtxt(name, delimiter=","))
        return data.recording(twin)


@pytest.fixture(scope="module")
def strong(twin):
    truth = twin.truth
    return np.flatnonzero((truth.population == "tuned") & (truth.ceiling_random > 0.3))


@pytest.fixture(scope="module")
def some(strong):
    return np.sort(np.random.default_rng(5).choice(strong, 100, replace=False))


@pytest.fixture(scope="module")
def result(recording, strong):
    X, Y, runs = recording.stimuli, recording.bold[:, strong], recording.runs
    return ridge.RidgeCV(ALPHAS, cv=10).fit(X, Y, groups=runs)


def ridge_weights(recording, voxels, alphas=100.0):
    return Ridge(alpha=alphas).fit(recording.stimuli, recording.bold[:, voxels]).coef_


def lasso_weights(recording, voxels):
    model = receptive_fields.LassoLarsCV(max_iter=10)
    return model.fit(recording.stimuli, recording.bold[:, voxels], groups=recording.runs).coef_


def distances(centre, truth, voxels):
    """Distance of recovered from true centres in pixels."""
    return np.linalg.norm(centre - truth.centre[voxels], axis=1)


def check_centres(weights, truth, voxels):
    """Raise AssertionError unless the fields of most voxels are where they were put."""
    centre = receptive_fields.fit_gaussians(weights).centre
    median = np.median(distances(centre, truth, voxels))
    assert median < FARTHEST, f"the median centre is {median:.2f} pixels off"


def check_ceiling(scores, ceiling):
    """Raise AssertionError if voxels score above what their noise allows."""
    highest = np.quantile(scores - ceiling, 0.99)
    assert highest < EXCESS, f"one score in a hundred is {highest:.3f} above its ceiling"


def test_the_bar_is_worth_something(twin, strong, some):
    """Many voxels, spread over the image: with the centres dealt out at random, all is lost."""
    assert 800 < len(strong) < 1200
    dealt = np.random.default_rng(0).permutation(strong)
    centre = twin.truth.centre
    assert np.median(distances(centre[dealt], twin.truth, strong)) > 3 * FARTHEST
    assert len(np.unique(twin.truth.area[some])) >= 3
    assert set(twin.truth.hemisphere[some]) == {"LH", "RH"}


def test_ridge_finds_the_centres(twin, recording, strong):
    check_centres(ridge_weights(recording, strong), twin.truth, strong)


def test_ridge_finds_them_with_a_penalty_for_each_voxel(twin, recording, strong, result):
    weights = ridge_weights(recording, strong, result.alpha_)
    check_centres(weights, twin.truth, strong)


def test_lasso_finds_the_centres(twin, recording, some):
    check_centres(lasso_weights(recording, some), twin.truth, some)


@pytest.mark.parametrize("weights_of", [ridge_weights, lasso_weights])
def test_label_files_read_in_c_order_are_found_out(weights_of, twin, misread, some):
    weights = weights_of(misread, some)
    with pytest.raises(AssertionError, match="pixels off"):
        check_centres(weights, twin.truth, some)
    centre = receptive_fields.fit_gaussians(weights).centre
    assert np.median(distances(centre, twin.truth, some)) > 2
    # What is wrong is the order alone: rows and columns have changed places.
    assert np.median(distances(centre[:, ::-1], twin.truth, some)) < FARTHEST


def test_no_score_notices_the_order(recording, misread, some):
    """Why the check needs the truth: the model predicts as well with the pixels permuted."""
    right, wrong = (
        ridge.RidgeCV([100.0], cv=10)
        .fit(data.stimuli, data.bold[:, some], groups=data.runs)
        .cv_scores_
        for data in (recording, misread)
    )
    np.testing.assert_allclose(wrong, right, rtol=0, atol=1e-10)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_scores_of_all_voxels_stay_below_the_ceiling(alpha, twin, recording):
    X, Y, runs = recording.stimuli, recording.bold, recording.runs
    scores = ridge.RidgeCV((alpha,), cv=10).fit(X, Y, groups=runs).cv_scores_.mean(axis=(0, 1))
    check_ceiling(scores, twin.truth.ceiling_random)


def test_nested_scores_stay_below_the_ceiling(twin, recording, strong):
    X, Y, runs = recording.stimuli, recording.bold[:, strong], recording.runs
    nested = ridge.nested_scores(X, Y, groups=runs, alphas=ALPHAS, cv=10)
    check_ceiling(nested, twin.truth.ceiling_random[strong])
    assert np.median(nested) > 0.15  # a model that fails would pass as well


def test_scores_on_training_data_break_the_ceiling(twin, recording):
    X, Y = recording.stimuli, recording.bold
    fitted = Ridge(alpha=100.0).fit(X, Y)
    coef, intercept = fitted.coef_.T, fitted.intercept_
    scores = 1 - (Y - X @ coef - intercept).var(axis=0) / Y.var(axis=0)
    with pytest.raises(AssertionError, match="above its ceiling"):
        check_ceiling(scores, twin.truth.ceiling_random)
