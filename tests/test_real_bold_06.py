"""Chapter 6 on real scanner data: delays against a single shift, and the response read back.

The recording is found through the environment variable REAL_BOLD_DIR; see test_real_bold.py.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from helpers import datasets, features, ridge

ALPHAS = np.logspace(0, 5, 11)
DELAYS = (1, 2, 3)

pytestmark = pytest.mark.skipif(
    not os.environ.get("REAL_BOLD_DIR"),
    reason="REAL_BOLD_DIR is not set: it names the folder of the small real recording.",
)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
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
def scores(recording):
    """Nested scores of each delay alone and of all three together."""
    models = {(d,): None for d in DELAYS} | {DELAYS: None}
    for lags in models:
        X = features.delay(recording.stimuli, recording.runs, lags)
        models[lags] = ridge.nested_scores(X, recording.bold, recording.runs, ALPHAS, n_folds=2)
    return models


def test_delays_beat_the_best_shift_even_in_voxels_that_the_shift_chose(scores):
    shifts = {lags: score for lags, score in scores.items() if len(lags) == 1}
    best = max(shifts, key=lambda lags: np.sort(shifts[lags])[-46:].mean())
    assert best == (2,)
    chosen = np.argsort(shifts[best])[-46:]
    gain = scores[DELAYS][chosen] - shifts[best][chosen]
    assert gain.mean() > 0.02
    assert np.mean(gain > 0) > 0.7


def test_the_response_read_back_rises_and_falls(recording, scores):
    """In most voxels the first singular vector of delays x pixels peaks at 2 volumes, 4 s."""
    chosen = np.argsort(scores[(2,)])[-46:]
    X = features.delay(recording.stimuli, recording.runs, DELAYS)
    coef, _ = ridge.fit(X, recording.bold[:, chosen], 1000.0)
    tables = coef.reshape(len(DELAYS), 100, len(chosen)).transpose(2, 0, 1)
    response = np.linalg.svd(tables)[0][:, :, 0]
    response /= response.sum(axis=1, keepdims=True)
    assert np.mean(response.argmax(axis=1) == 1) > 0.7
    assert np.all(np.median(response, axis=0) > 0)
