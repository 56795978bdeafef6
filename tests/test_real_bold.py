"""Real scanner data: the same helpers, from NIfTI and CSV files to scores and receptive fields.

The recording has two runs of 0.8 mm volumes while bars moved over the screen. It is found through
the environment variable REAL_BOLD_DIR.
"""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from helpers import features, receptive_fields, ridge

ALPHAS = np.logspace(0, 5, 11)
DELAYS = (1, 2, 3)


@pytest.fixture(scope="module")
def design(real_bold):
    return features.Delayer(DELAYS).fit_transform(real_bold.stimuli, groups=real_bold.runs)


@pytest.fixture(scope="module")
def scores(real_bold, design):
    return ridge.RidgeCV(ALPHAS, cv=2).fit(design, real_bold.bold, groups=real_bold.runs)


def best_tenth(values):
    return np.argsort(values)[-round(len(values) / 10) :]


def mean_score(scores):
    """Mean R2 over both folds, for each voxel at its best penalty."""
    return scores.best_score_


def test_files_come_in_as_they_are(real_bold):
    assert real_bold.bold.shape == (400, 456)
    assert real_bold.stimuli.shape == (400, 100)
    np.testing.assert_array_equal(real_bold.runs, np.repeat([0, 1], 200))
    assert real_bold.is_on.sum() == 384  # 8 blank volumes a run
    assert 0 <= real_bold.stimuli.min() < real_bold.stimuli.max() <= 1


@pytest.fixture(scope="module")
def nested(real_bold, design):
    return ridge.nested_scores(design, real_bold.bold, groups=real_bold.runs, alphas=ALPHAS, cv=2)


def test_the_best_voxels_are_predicted_across_runs(scores):
    """Mean R2 of the best tenth of voxels, trained on one run and scored on the other.

    The scored runs also pick these voxels and their penalties, so the number is a little too
    high; the next test has one that is not.
    """
    score = mean_score(scores)
    assert score[best_tenth(score)].mean() >= 0.20


def test_penalties_chosen_without_the_scored_run_do_nearly_as_well(nested):
    assert nested[best_tenth(nested)].mean() >= 0.18


def test_voxels_and_penalties_chosen_on_one_run_hold_on_the_other(real_bold, design):
    """The honest number: the scored run picks neither the penalties nor the voxels."""
    means = []
    for train, test in ridge.run_folds(real_bold.runs, 2):
        halves = np.repeat([0, 1], len(train) // 2)
        X, Y = design[train], real_bold.bold[train]
        inside = ridge.RidgeCV(ALPHAS, cv=2).fit(X, Y, groups=halves)
        chosen = best_tenth(mean_score(inside))
        fitted = Ridge(alpha=inside.alpha_[chosen]).fit(X, Y[:, chosen])
        coef, intercept = fitted.coef_.T, fitted.intercept_
        predicted = design[test] @ coef + intercept
        means.append(r2_score(real_bold.bold[test][:, chosen], predicted))
    assert np.mean(means) >= 0.15


def test_reversed_stimuli_predict_nothing(real_bold, scores):
    reversed_runs = [real_bold.stimuli[real_bold.runs == run][::-1] for run in (0, 1)]
    X = features.Delayer(DELAYS).fit_transform(np.vstack(reversed_runs), groups=real_bold.runs)
    wrong = ridge.RidgeCV(ALPHAS, cv=2).fit(X, real_bold.bold, groups=real_bold.runs)
    wrong_nested = ridge.nested_scores(
        X, real_bold.bold, groups=real_bold.runs, alphas=ALPHAS, cv=2
    )
    assert wrong_nested[best_tenth(mean_score(scores))].mean() < 0.02
    assert wrong_nested.mean() < 0.02
    # Even the voxels that are best by chance stay far below those of the true order.
    assert mean_score(wrong)[best_tenth(mean_score(wrong))].mean() < 0.05


def test_scores_go_back_to_the_brain(real_bold, nested):
    image = real_bold.masker.inverse_transform(nested)
    mask = real_bold.masker.mask_img_
    assert image.shape == mask.shape == (58, 33, 25)
    np.testing.assert_array_equal(image.affine, mask.affine)
    i, j, k = real_bold.voxels.T
    np.testing.assert_allclose(image.get_fdata()[i, j, k], nested, rtol=1e-6)
    assert np.count_nonzero(image.get_fdata()) <= 456


def test_receptive_fields_lie_where_the_bars_went(real_bold, design, scores):
    best = best_tenth(mean_score(scores))
    coef = Ridge(alpha=scores.alpha_[best]).fit(design, real_bold.bold[:, best]).coef_.T
    weights = coef.reshape(len(DELAYS), 100, len(best)).sum(axis=0).T
    fits = receptive_fields.fit_gaussians(weights)
    inside = ((fits.centre >= -0.5) & (fits.centre <= 9.5)).all(axis=1)
    assert inside.mean() > 0.9
    assert np.median(fits.match) > 0.5
    # Fields of a small patch of cortex lie close together.
    assert np.median(np.hypot(*(fits.centre - np.median(fits.centre, axis=0)).T)) < 2


# The response of this patch of cortex is early: it peaks after some 4 s.
FIELDS = {"t_r": 2.079, "drift_order": 3}
PEAKS = (3.0, 3.5, 4.0, 4.5, 5.0)


@pytest.fixture(scope="module")
def light(real_bold):
    """Pixels and the stimulus regressor."""
    return np.column_stack([np.maximum(real_bold.stimuli, 0), real_bold.is_on])


def held_out(model, X, real_bold):
    return receptive_fields.held_out_scores(model, X, real_bold.bold, groups=real_bold.runs, cv=2)


def fit(model, X, real_bold, samples=slice(None)):
    with warnings.catch_warnings():
        # At a bound of the search are fields smaller than a pixel: at_bound_ tells them.
        warnings.simplefilter("ignore", receptive_fields.BoundWarning)
        return model.fit(X[samples], real_bold.bold[samples], groups=real_bold.runs[samples])


@pytest.mark.parametrize("with_regressor", [True, False])
@pytest.mark.parametrize("peaks", [PEAKS, 4.0, 5.0])
def test_gaussian_fields_predict_the_other_run_better_than_ridge(
    real_bold, light, nested, peaks, with_regressor
):
    """With the best of several responses, with one that fits, and with the default.

    The voxels that ridge predicts best flatter ridge, and the fields win even there.
    """
    X = light if with_regressor else light[:, :-1]
    score = held_out(receptive_fields.PRF(hrf_peak=peaks, **FIELDS), X, real_bold)
    assert score.mean() > nested.mean() + 0.005
    for chosen in (best_tenth(nested), best_tenth(score)):
        assert score[chosen].mean() > nested[chosen].mean() + 0.01


def test_fields_also_beat_ridge_on_pixels_that_were_convolved_with_the_same_response(
    real_bold, light
):
    """So the gain is not only that of a better response than three free delays."""
    response = features.haemodynamic_response(4.0, FIELDS["t_r"])
    late = features.convolve(light, response, real_bold.runs)
    ridge_scores = ridge.nested_scores(
        late, real_bold.bold, groups=real_bold.runs, alphas=ALPHAS, cv=2
    )
    score = held_out(receptive_fields.PRF(hrf_peak=4.0, **FIELDS), light, real_bold)
    assert score.mean() > ridge_scores.mean()
    for chosen in (best_tenth(ridge_scores), best_tenth(score)):
        assert score[chosen].mean() > ridge_scores[chosen].mean() + 0.01


def test_both_runs_find_a_field_at_the_same_place(real_bold, light):
    """Within half a pixel in the median, where shuffled voxels are more than a pixel apart."""
    model = receptive_fields.PRF(hrf_peak=PEAKS, **FIELDS)
    first, second = (fit(clone(model), light, real_bold, real_bold.runs == run) for run in (0, 1))
    both = np.flatnonzero(first.has_field_ & second.has_field_)
    assert len(both) > 456 / 5
    distance = np.hypot(*(first.centre_ - second.centre_)[both].T)
    shuffled = np.random.default_rng(0).permutation(both)
    apart = np.hypot(*(first.centre_[both] - second.centre_[shuffled]).T)
    assert np.median(distance) < 0.45
    assert np.median(apart) > 1
    # Where there are standard errors, they account for the distance.
    spread = np.hypot(first.centre_stderr_, second.centre_stderr_)[both]
    z = (first.centre_ - second.centre_)[both] / spread
    assert np.mean(np.abs(z[np.isfinite(z)]) < 1.96) > 0.9


def test_the_response_of_the_best_voxels_peaks_at_four_seconds(real_bold, light, nested):
    fitted = fit(receptive_fields.PRF(hrf_peak=(3, 4, 5, 6, 7), **FIELDS), light, real_bold)
    assert np.mean(fitted.hrf_peak_[best_tenth(nested)] <= 4) > 0.8


def test_reversed_stimuli_find_no_fields(real_bold, light):
    wrong = np.vstack([light[real_bold.runs == run][::-1] for run in (0, 1)])
    model = receptive_fields.PRF(hrf_peak=4.0, **FIELDS)
    assert fit(model, wrong, real_bold).has_field_.mean() < 0.02
    assert fit(model, light, real_bold).has_field_.mean() > 0.4
    assert held_out(model, wrong, real_bold).mean() < 0.005
