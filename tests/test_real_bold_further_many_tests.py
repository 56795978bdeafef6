"""Thousands of tests on real scanner data: with two runs, pieces of volumes change places.

The recording is found through the environment variable REAL_BOLD_DIR; see test_real_bold.py.
"""

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from helpers import features, inference, ridge

DELAYS = (1, 2, 3)
# 25 volumes, 52 s, outlast the response and most of the noise's memory, and leave 16 blocks; 1000
# is the penalty of the page. Blocks of 10 to 50 volumes and penalties of 100 to 10,000 find 179
# to 216 voxels, and none with reversed stimuli.
BLOCK, ALPHA, N_PERMUTATIONS = 25, 1000.0, 999


def centre_blocks(values):
    """Centre each block as if it were a short run, or blocks would not be exchangeable."""
    blocks = np.split(values, len(values) // BLOCK)
    return np.vstack([block - block.mean(axis=0) for block in blocks])


def p_values(real_bold, stimuli):
    """Exchange blocks, within and between the runs, and return p of the score across runs."""
    X = centre_blocks(
        features.Delayer(DELAYS).fit_transform(stimuli, groups=real_bold.runs)
    )  # delays stay in their run
    Y, runs = centre_blocks(real_bold.bold), real_bold.runs
    blocks = np.arange(len(X)) // BLOCK
    null = np.full((N_PERMUTATIONS, Y.shape[1]), np.nan)
    inference.permute_runs(null, X, Y, groups=blocks, alpha=ALPHA, cv=2)
    scores = ridge.RidgeCV((ALPHA,), cv=2).fit(X, Y, groups=runs).best_score_
    return inference.p_values(null, scores)


def test_a_quarter_of_the_voxels_survives(real_bold):
    found = false_discovery_control(p_values(real_bold, real_bold.stimuli)) <= 0.05
    assert found.size == 456
    assert found.sum() >= 114


@pytest.mark.slow
def test_hardly_any_survives_with_reversed_stimuli(real_bold):
    wrong = np.vstack([real_bold.stimuli[real_bold.runs == run][::-1] for run in (0, 1)])
    p = p_values(real_bold, wrong)
    assert np.sum(false_discovery_control(p) <= 0.05) <= 5
    assert np.mean(p < 0.05) < 0.1  # nor is anything hidden below the correction
