"""Receptive fields recovered from the twin, held against the fields that were put in."""

import numpy as np
import pytest
from nilearn.signal import clean
from scipy.signal import lfilter
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from helpers import data, receptive_fields, ridge
from helpers._files import stimuli
from helpers.features import convolve, haemodynamic_response

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
        patch.setattr(stimuli, "read_stimuli", lambda name, _: np.loadtxt(name, delimiter=","))
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


@pytest.fixture(scope="module")
def courses(twin):
    """Images as they were shown, and whether one was on; to be convolved with a response."""
    unshifted = data.recording(twin, shift=0)
    X = np.column_stack([np.maximum(unshifted.stimuli, 0), unshifted.is_on])
    return X, unshifted.bold, unshifted.runs


@pytest.fixture(scope="module")
def fields(courses, strong):
    X, Y, runs = courses
    return receptive_fields.PRF().fit(X, Y[:, strong], groups=runs)


def test_population_receptive_fields_are_nearer_than_weights(recording, twin, fields, strong):
    truth = twin.truth
    error = distances(fields.centre_, truth, strong)
    assert np.nanmedian(error) < 0.09
    assert np.mean(~(error < 0.5)) < 0.04  # a voxel without a field is a miss
    ratio = fields.size_ / truth.size[strong]
    assert 0.97 < np.nanmedian(ratio) < 1.03
    assert np.nanmedian(np.abs(np.log(ratio))) < 0.055
    by_weights = receptive_fields.fit_gaussians(ridge_weights(recording, strong))
    assert np.nanmedian(error) < 0.65 * np.median(distances(by_weights.centre, truth, strong))


def test_the_true_field_lies_within_the_errors(twin, fields, strong):
    offset = (fields.centre_ - twin.truth.centre[strong]) / fields.centre_stderr_
    known = np.isfinite(offset).all(axis=1)
    assert known.mean() > 0.95
    assert 0.92 < np.mean(np.abs(offset[known]) < 1.96) < 0.98
    assert 0.63 < np.mean(np.abs(offset[known]) < 1) < 0.75
    offset = (fields.size_ - twin.truth.size[strong]) / fields.size_stderr_
    assert 0.92 < np.mean(np.abs(offset[known]) < 1.96) < 0.98


# Too wide a field may grow to the bound, which is the point here.
@pytest.mark.filterwarnings("ignore::helpers.receptive_fields.BoundWarning")
def test_without_an_on_off_column_sizes_are_too_large(twin, courses, strong):
    X, Y, runs = courses
    model = receptive_fields.PRF().fit(X[:, :100], Y[:, strong[:300]], groups=runs)
    assert np.nanmedian(model.size_ / twin.truth.size[strong[:300]]) > 1.25


def test_silent_and_on_off_voxels_get_no_field(twin, courses):
    X, Y, runs = courses
    for kind in ("silent", "on_off"):
        voxels = np.flatnonzero(twin.truth.population == kind)[:300]
        model = receptive_fields.PRF().fit(X, Y[:, voxels], groups=runs)
        assert model.has_field_.mean() < 0.01
        assert np.isnan(model.centre_[~model.has_field_]).all()


def test_the_peak_of_the_response_is_found(twin, courses, strong):
    X, Y, runs = courses
    some = strong[::10]
    model = receptive_fields.PRF(hrf_peak=np.arange(3.5, 7.01, 0.5)).fit(X, Y[:, some], groups=runs)
    assert np.median(np.abs(model.hrf_peak_ - twin.truth.peak[some])) < 0.2


def test_fields_predict_held_out_runs_better_than_weights(courses, some):
    X, Y, runs = courses
    Y = Y[:, some]
    by_field = receptive_fields.held_out_scores(
        receptive_fields.PRF(), X, Y, groups=runs, cv=5
    ).mean()
    convolved = convolve(X, haemodynamic_response(5.0), runs)
    convolved = clean(convolved, runs=runs, detrend=True, standardize=None)
    convolved[:, -1] *= 10  # so that the penalty hardly touches the on/off column
    by_weights = ridge.nested_scores(
        convolved, Y, groups=runs, alphas=np.logspace(0.5, 4, 8), cv=5
    ).mean()
    lasso = receptive_fields.LassoLarsCV(max_iter=30)
    by_lasso = np.mean(
        [
            r2_score(
                Y[test],
                lasso.fit(convolved[train], Y[train], groups=runs[train]).predict(convolved[test]),
                multioutput="raw_values",
            )
            for train, test in ridge.run_folds(runs, 5)
        ]
    )
    assert by_field > by_weights + 0.01
    assert by_field > by_lasso + 0.01


def test_compressive_responses_are_told_from_linear_ones(twin):
    """Of voxels with the twin's images, times its noise, and an exponent of 0.7 or 1."""
    X = data.recording(twin, shift=0)
    light, runs = np.maximum(X.stimuli, 0), X.runs
    on = X.is_on[:, np.newaxis].astype(float)
    rng = np.random.default_rng(8)
    chosen = np.flatnonzero((twin.truth.population == "tuned") & (twin.truth.ceiling_random > 0.4))
    field = receptive_fields.sample_gaussians(twin.truth.centre, twin.truth.size)[chosen[::4]]
    light_in_field = light @ (field / field.sum(axis=1, keepdims=True)).T
    for exponent in (0.7, 1.0):
        signal = convolve(light_in_field**exponent, haemodynamic_response(5.0), runs)
        Y = signal / signal.std(axis=0) + lfilter(
            [1.0], [1.0, -0.4], rng.standard_normal(signal.shape), axis=0
        )
        model = receptive_fields.CompressivePRF().fit(np.column_stack([light, on]), Y, groups=runs)
        assert abs(np.nanmedian(model.exponent_) - exponent) < 0.1
