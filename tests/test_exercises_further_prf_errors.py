"""What the check of the exercise of "Going further: how sure is a receptive field?" says."""

import warnings

import numpy as np
import pytest
from small_recordings import said

from helpers import features
from helpers.exercises import further_prf_errors
from helpers.receptive_fields import PRF, BoundWarning

N_RUNS, LENGTH, N_VOXELS = 6, 90, 120


@pytest.fixture(scope="module")
def recording():
    """Blocks of 3 volumes of a random image and 3 of rest, and voxels of three sizes."""
    rng = np.random.default_rng(3)
    runs = np.repeat(np.arange(N_RUNS), LENGTH)
    on = np.tile([1, 1, 1, 0, 0, 0], N_RUNS * LENGTH // 6)
    images = np.repeat(rng.integers(0, 2, (N_RUNS * LENGTH // 6, 100)), 6, axis=0)
    X = np.column_stack([images * on[:, np.newaxis], on]).astype(float)
    rows, columns = np.indices((10, 10)).reshape(2, 100)
    centre, size = rng.uniform(2, 7, (N_VOXELS, 2)), rng.choice([0.7, 1.0, 1.3], N_VOXELS)
    distance = (rows - centre[:, [0]]) ** 2 + (columns - centre[:, [1]]) ** 2
    fields = np.exp(-distance / (2 * size[:, np.newaxis] ** 2)) / (2 * np.pi * size[:, None] ** 2)
    drive = X @ np.column_stack([fields, np.full(N_VOXELS, 0.7)]).T
    signal = features.convolve(drive, features.haemodynamic_response(5.0), runs)
    return X, signal + 0.3 * rng.standard_normal(signal.shape), runs


def answers(X, Y, runs):
    """Sizes, centres and their standard errors of the two halves, by loops over voxels."""
    fits = []
    for first in (0, 1):
        half = np.isin(runs, range(first, N_RUNS, 2))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BoundWarning)
            fits.append(PRF().fit(X[half], Y[half], groups=runs[half]))
    even, odd = fits
    agree, one_half, added, one_error, counted = [], [], [], [], 0
    for a, b, sa, sb in zip(
        even.size_, odd.size_, even.size_stderr_, odd.size_stderr_, strict=True
    ):
        if np.isnan(sa) or np.isnan(sb):
            counted += 1
            continue
        agree.append(abs(a - b) < 1.96 * (sa**2 + sb**2) ** 0.5)
        one_half.append(abs(a - b) < 1.96 * sa)
        added.append(abs(a - b) < 1.96 * (sa + sb))
        one_error.append(abs(a - b) < (sa**2 + sb**2) ** 0.5)
    places = (even.centre_ - odd.centre_) ** 2 / (even.centre_stderr_**2 + odd.centre_stderr_**2)
    places = places[np.isfinite(places)] < 1.96**2
    everyone = np.sum(agree) / (len(agree) + counted)
    return [np.mean(x) for x in (agree, one_half, added, one_error, places, everyone)]


def test_halves(recording, capsys):
    X, Y, runs = recording
    kept, *wrong = answers(X, Y, runs)
    kept_without, *wrong_without = answers(X[:, :100], Y, runs)
    assert kept > 0.9  # honest standard errors
    cases = [
        ((False, kept, kept_without), "right."),
        ((False, round(kept, 2), round(kept_without, 2)), "right."),
        ((..., kept, kept_without), "`as_rarely` is still empty"),
        ((True, kept, kept_without), "in different directions?"),
        ((False, None, kept_without), "`kept` is still empty"),
        ((False, [kept] * 2, kept_without), "it has the shape (2,)"),
        ((False, kept_without, kept_without), "`kept` is"),
        ((False, kept_without, kept_without), "the share without the stimulus regressor"),
        ((False, kept, kept), "`kept_without` is"),
        ((False, kept, kept), "the share with the stimulus regressor"),
        ((False, 0.3, kept_without), "too small"),
    ]
    says = ["one half only", "Take the root", "Take 1.96", "Compare the sizes", "Leave them out"]
    for mistake, mistake_without, message in zip(wrong, wrong_without, says, strict=True):
        cases.append(((False, mistake, kept_without), message))
        cases.append(((False, kept, mistake_without), message))
    for given, message in cases:
        assert message in said(capsys, further_prf_errors.check_1, *given, X, Y, runs), given
