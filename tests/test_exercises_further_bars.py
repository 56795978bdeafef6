"""What the check of the exercise of "Going further: bars or random images?" says."""

import numpy as np
import pytest
from scipy.linalg import toeplitz
from small_recordings import said

from helpers.exercises import further_bars
from helpers.features import convolve, haemodynamic_response
from helpers.receptive_fields import PRF

LENGTH = 145
RUNS = np.repeat(np.arange(8), LENGTH)
ROW, COLUMN = np.indices((10, 10)).reshape(2, 100)
PLACES = np.random.default_rng(1).uniform(2, 7, (15, 2))
CENTRE = np.random.default_rng(2).uniform(3, 6, (25, 2))
SIZE = np.random.default_rng(3).uniform(0.5, 1, 25)


def sweep(direction, hold):
    """A bar that crosses the screen: a direction is a step in rows and one in columns."""
    down, right = direction
    along = ((ROW - 4.5) * down + (COLUMN - 4.5) * right) / np.hypot(down, right)
    frames = [np.abs(along - step) < 1 + 1e-6 for step in range(-7, 8)] + 3 * [np.zeros(100)]
    return np.repeat(np.array(frames, dtype=float), hold, axis=0)


STRAIGHT = [(0, 1), (1, 0), (0, -1), (-1, 0)]
DIAGONAL = [(1, 1), (1, -1), (-1, -1), (-1, 1)]


def run_of(directions, hold):
    return np.vstack([np.zeros((1, 100)), *(sweep(each, hold) for each in directions)])


BARS = np.tile(run_of(STRAIGHT + DIAGONAL, 1), (8, 1))
SLOW = np.tile(np.vstack([run_of(STRAIGHT, 2), run_of(DIAGONAL, 2)]), (4, 1))
MIXED = np.vstack([np.random.default_rng(each).permutation(BARS[:LENGTH]) for each in range(8)])


def fields(centre, size):
    distance = (ROW - centre[:, [0]]) ** 2 + (COLUMN - centre[:, [1]]) ** 2
    return np.exp(-distance / (2 * size[:, np.newaxis] ** 2)) / (2 * np.pi * size[:, None] ** 2)


def respond(screen, centre, size, peak=5.0, strength=3.0):
    drive = strength * screen @ fields(centre, size).T + screen.any(axis=1)[:, np.newaxis]
    return convolve(drive, haemodynamic_response(peak), RUNS)


def expected(screen, size):
    """Errors of centre and size at each place, by differences and the noise's full covariance."""
    sizes, h = np.full(len(PLACES), size), 1e-4
    steps = [(h, 0, 0), (0, h, 0), (0, 0, h)]
    J = [
        (
            respond(screen, PLACES + np.array([a, b]), sizes * np.exp(c))
            - respond(screen, PLACES - np.array([a, b]), sizes * np.exp(-c))
        )
        / (2 * h)
        for a, b, c in steps
    ]
    J += [respond(screen, PLACES, sizes, strength=each) for each in (1.0, 0.0)]
    # As the page: each run without its first volume, given that volume.
    first = np.sqrt(1 - 0.4**2)
    filtered = np.eye(LENGTH) - np.diag(np.full(LENGTH - 1, 0.4), -1)
    filtered = filtered[1:] / first
    drift = filtered @ np.vander(np.linspace(-1, 1, LENGTH), 3)
    kept = filtered.T @ (np.eye(LENGTH - 1) - drift @ np.linalg.pinv(drift)) @ filtered
    J = np.array(J).reshape(5, 8, LENGTH, -1)
    information = np.einsum("prtv,ts,qrsv->vpq", J, kept, J, optimize=True)
    variances = np.linalg.inv(information).diagonal(axis1=1, axis2=2)
    return np.sqrt(variances[:, 0] + variances[:, 1]), np.sqrt(variances[:, 2])


def misfit(screen, peak):
    light = np.column_stack([screen, screen.any(axis=1)])
    response = respond(screen, CENTRE, SIZE, peak)
    fit = PRF(drift_order=2).fit(light, response, groups=RUNS)
    off = np.hypot(*(fit.centre_ - CENTRE).T)
    return np.median(off), np.median(fit.size_ / SIZE)


@pytest.fixture(scope="module")
def right():
    errors = [[expected(screen, size) for size in (0.7, 2.0)] for screen in (SLOW, MIXED)]
    misfits = np.array([misfit(screen, 6.5) for screen in (SLOW, MIXED)])
    return np.array(errors), misfits  # stimuli x sizes x (centre, size) x places


def test_noise_of_the_page_is_what_the_filter_makes_white():
    """The filter in `expected` is the root of the inverse of this covariance."""
    covariance = toeplitz(0.4 ** np.arange(LENGTH))
    filtered = (np.eye(LENGTH) - np.diag(np.full(LENGTH - 1, 0.4), -1))[1:] / np.sqrt(1 - 0.4**2)
    np.testing.assert_allclose(filtered @ covariance @ filtered.T, np.eye(LENGTH - 1), atol=1e-10)


def test_two_other_bars(right, capsys):
    all_errors, misfits = right
    off, ratios = misfits.T
    errors, of_sizes = (
        np.median(all_errors, axis=3)[:, :, 0],
        np.median(all_errors, axis=3)[:, :, 1],
    )
    assert ratios[0] > 1.1 > ratios[1] > 0.9
    across = np.random.default_rng(0).permutation(BARS)
    by_pixel = BARS[:, np.random.default_rng(0).permutation(100)]
    fast_pairs = np.repeat(BARS.reshape(8, LENGTH, 100)[:, 1::2], 2, axis=1)
    fast_pairs = np.pad(fast_pairs, ((0, 0), (1, 0), (0, 0))).reshape(-1, 100)
    for answers, says in [
        (("shuffled", SLOW, MIXED, errors, ratios), "right."),
        (("shuffled", SLOW.astype(bool), MIXED, errors.round(2), list(ratios.round(2))), "right."),
        (("slow", SLOW, MIXED, errors, ratios), "a slow bar still moves"),
        ((None, SLOW, MIXED, errors, ratios), "`spared` is still empty"),
        (("shuffled", ..., MIXED, errors, ratios), "`slow` is still empty"),
        (("shuffled", SLOW[:-1], MIXED, errors, ratios), "`slow` has the shape (1159, 100)"),
        (("shuffled", BARS, MIXED, errors, ratios), "each step should last two volumes"),
        (("shuffled", fast_pairs, MIXED, errors, ratios), "all eight directions"),
        (("shuffled", SLOW, None, errors, ratios), "`shuffled` is still empty"),
        (("shuffled", SLOW, BARS, errors, ratios), "most volumes are where they were"),
        (("shuffled", SLOW, by_pixel, errors, ratios), "Shuffle volumes, not pixels"),
        (("shuffled", SLOW, across, errors, ratios), "Shuffle each run by itself"),
        (("shuffled", SLOW, MIXED, errors.T, ratios), "a row is one stimulus"),
        (("shuffled", SLOW, MIXED, errors[::-1], ratios), "the first row is for `slow`"),
        (("shuffled", SLOW, MIXED, of_sizes, ratios), "these are errors of the size"),
        (("shuffled", SLOW, MIXED, all_errors.mean(axis=3)[:, :, 0], ratios), "Take medians"),
        (("shuffled", SLOW, MIXED, errors[0], ratios), "it should be (2, 2)"),
        (("shuffled", SLOW, MIXED, 2 * errors, ratios), "`errors` is wrong in 4 of 4"),
        (("shuffled", SLOW, MIXED, errors, ratios[::-1]), "the first value is for `slow`"),
        (("shuffled", SLOW, MIXED, errors, [misfit(SLOW, 5.0)[1], 1.0]), "peak at 6.5 s?"),
        (("shuffled", SLOW, MIXED, errors, off), "Take the second value of `misfit`"),
        (("shuffled", SLOW, MIXED, errors, 2 * ratios), "`ratios` is wrong in 2 of 2"),
    ]:
        spoken = said(capsys, further_bars.check_1, *answers, BARS, PLACES, CENTRE, SIZE)
        assert says in spoken, (says, spoken)
