"""Real scanner data: the same helpers, from NIfTI and CSV files to scores and receptive fields.

The recording has two runs of 0.8 mm volumes while bars moved over the screen. It is found through
the environment variable REAL_BOLD_DIR.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import r2_score

from helpers import datasets, features, receptive_fields, ridge

ALPHAS = np.logspace(0, 5, 11)
DELAYS = (1, 2, 3)

pytestmark = pytest.mark.skipif(
    not os.environ.get("REAL_BOLD_DIR"),
    reason="REAL_BOLD_DIR is not set: it names the folder of the small real recording.",
)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Load two runs; the responses are related to images by delays, so nothing is shifted.

    The default linear detrending is all that the drift needs here: a run lasts 416 s, and cosine
    drifts (high_pass=0.0036 to 0.015 Hz) lower the scores by .01 to .03.
    """
    folder = Path(os.environ["REAL_BOLD_DIR"])
    dataset = datasets.from_files(
        func=[folder / f"run-{run}_bold.nii.gz" for run in (1, 2)],
        label=[folder / f"run-{run}_stimuli.csv" for run in (1, 2)],
        mask=folder / "mask.nii.gz",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOOK_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        return datasets.recording(dataset, kind="all", shift=0)


@pytest.fixture(scope="module")
def design(recording):
    return features.delay(recording.stimuli, recording.runs, DELAYS)


@pytest.fixture(scope="module")
def scores(recording, design):
    return ridge.cross_validate(design, recording.bold, recording.runs, ALPHAS, n_folds=2)


def best_tenth(values):
    return np.argsort(values)[-round(len(values) / 10) :]


def mean_score(scores):
    """Mean R2 over both folds, for each voxel at its best penalty."""
    return scores.scores.mean(axis=1).max(axis=0)


def test_files_come_in_as_they_are(recording):
    assert recording.bold.shape == (400, 456)
    assert recording.stimuli.shape == (400, 100)
    np.testing.assert_array_equal(recording.runs, np.repeat([0, 1], 200))
    assert recording.is_on.sum() == 384  # 8 blank volumes a run
    assert 0 <= recording.stimuli.min() < recording.stimuli.max() <= 1


@pytest.fixture(scope="module")
def nested(recording, design):
    return ridge.nested_scores(design, recording.bold, recording.runs, ALPHAS, n_folds=2)


def test_the_best_voxels_are_predicted_across_runs(scores):
    """Mean R2 of the best tenth of voxels, trained on one run and scored on the other.

    The scored runs also pick these voxels and their penalties, so the number is a little too
    high; the next test has one that is not.
    """
    score = mean_score(scores)
    assert score[best_tenth(score)].mean() >= 0.20


def test_penalties_chosen_without_the_scored_run_do_nearly_as_well(nested):
    assert nested[best_tenth(nested)].mean() >= 0.18


def test_voxels_and_penalties_chosen_on_one_run_hold_on_the_other(recording, design):
    """The honest number: the scored run picks neither the penalties nor the voxels."""
    means = []
    for train, test in ridge.run_folds(recording.runs, 2):
        halves = np.repeat([0, 1], len(train) // 2)
        X, Y = design[train], recording.bold[train]
        inside = ridge.cross_validate(X, Y, halves, ALPHAS, n_folds=2)
        chosen = best_tenth(mean_score(inside))
        coef, intercept = ridge.fit(X, Y[:, chosen], inside.best_alpha[chosen])
        predicted = design[test] @ coef + intercept
        means.append(r2_score(recording.bold[test][:, chosen], predicted))
    assert np.mean(means) >= 0.15


def test_reversed_stimuli_predict_nothing(recording, scores):
    reversed_runs = [recording.stimuli[recording.runs == run][::-1] for run in (0, 1)]
    X = features.delay(np.vstack(reversed_runs), recording.runs, DELAYS)
    wrong = ridge.cross_validate(X, recording.bold, recording.runs, ALPHAS, n_folds=2)
    wrong_nested = ridge.nested_scores(X, recording.bold, recording.runs, ALPHAS, n_folds=2)
    assert wrong_nested[best_tenth(mean_score(scores))].mean() < 0.02
    assert wrong_nested.mean() < 0.02
    # Even the voxels that are best by chance stay far below those of the true order.
    assert mean_score(wrong)[best_tenth(mean_score(wrong))].mean() < 0.05


def test_scores_go_back_to_the_brain(recording, nested):
    image = recording.masker.inverse_transform(nested)
    mask = recording.masker.mask_img_
    assert image.shape == mask.shape == (58, 33, 25)
    np.testing.assert_array_equal(image.affine, mask.affine)
    i, j, k = recording.voxels.T
    np.testing.assert_allclose(image.get_fdata()[i, j, k], nested, rtol=1e-6)
    assert np.count_nonzero(image.get_fdata()) <= 456


def test_receptive_fields_lie_where_the_bars_went(recording, design, scores):
    best = best_tenth(mean_score(scores))
    coef, _ = ridge.fit(design, recording.bold[:, best], scores.best_alpha[best])
    weights = coef.reshape(len(DELAYS), 100, len(best)).sum(axis=0).T
    fits = receptive_fields.fit_gaussians(weights)
    inside = ((fits.centre >= -0.5) & (fits.centre <= 9.5)).all(axis=1)
    assert inside.mean() > 0.9
    assert np.median(fits.match) > 0.5
    # Fields of a small patch of cortex lie close together.
    assert np.median(np.hypot(*(fits.centre - np.median(fits.centre, axis=0)).T)) < 2
