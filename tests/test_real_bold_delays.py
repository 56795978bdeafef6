"""Time and delays on real scanner data: delays against one shift, and the response read back.

The recording is found through the environment variable REAL_BOLD_DIR; see test_real_bold.py.
"""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from helpers import features, ridge

ALPHAS = np.logspace(0, 5, 11)
DELAYS = (1, 2, 3)


@pytest.fixture(scope="module")
def scores(real_bold):
    """Nested scores of each delay alone and of all three together."""
    models = {(d,): None for d in DELAYS} | {DELAYS: None}
    for lags in models:
        X = features.Delayer(lags).fit_transform(real_bold.stimuli, groups=real_bold.runs)
        models[lags] = ridge.nested_scores(
            X, real_bold.bold, groups=real_bold.runs, alphas=ALPHAS, cv=2
        )
    return models


def test_delays_beat_the_best_shift_even_in_voxels_that_the_shift_chose(scores):
    shifts = {lags: score for lags, score in scores.items() if len(lags) == 1}
    best = max(shifts, key=lambda lags: np.sort(shifts[lags])[-46:].mean())
    assert best == (2,)
    chosen = np.argsort(shifts[best])[-46:]
    gain = scores[DELAYS][chosen] - shifts[best][chosen]
    assert gain.mean() > 0.02
    assert np.mean(gain > 0) > 0.7


def test_the_response_read_back_rises_and_falls(real_bold, scores):
    """In most voxels the first singular vector of delays x pixels peaks at 2 volumes, 4 s."""
    chosen = np.argsort(scores[(2,)])[-46:]
    X = features.Delayer(DELAYS).fit_transform(real_bold.stimuli, groups=real_bold.runs)
    coef = Ridge(alpha=1000.0).fit(X, real_bold.bold[:, chosen]).coef_.T
    tables = coef.reshape(len(DELAYS), 100, len(chosen)).transpose(2, 0, 1)
    response = np.linalg.svd(tables)[0][:, :, 0]
    response /= response.sum(axis=1, keepdims=True)
    assert np.mean(response.argmax(axis=1) == 1) > 0.7
    assert np.all(np.median(response, axis=0) > 0)
