"""Checks of the exercise of the page Going further: bars or random images."""

import numpy as np
from scipy.signal import lfilter

from helpers.exercises.answers import NotYet, exercise, expect, expect_array, expect_choice
from helpers.features import convolve, haemodynamic_response
from helpers.receptive_fields import PRF, sample_gaussians

N_RUNS, LENGTH = 8, 145
RUNS = np.repeat(np.arange(N_RUNS), LENGTH)
STRENGTH, RHO = 3, 0.4  # of all voxels, and of their noise
SIZES, PEAK, LATE_PEAK = (0.7, 2.0), 5.0, 6.5


@exercise(1)
def check_1(spared, slow, shuffled, errors, ratios, bars, places, centre, size):
    """Check two variations of the bars.

    Parameters
    ----------
    spared : {"slow", "shuffled"}
        The one that keeps sizes right when the response is late.
    slow, shuffled : numpy.ndarray, shape (n_samples, 100)
        Bars that stay for two volumes a step, and bars in random order.
    errors : array_like, shape (2, 2)
        Median expected error of the centre for both, at sizes of 0.7 and 2 pixels.
    ratios : array_like, shape (2,)
        Median ratio of fitted and true size for both, when the response is late.
    bars : numpy.ndarray, shape (n_samples, 100)
        The bars of the page.
    places : numpy.ndarray, shape (n_places, 2)
        Centres for which errors are expected.
    centre : numpy.ndarray, shape (n_voxels, 2)
        Of the voxels that are fitted.
    size : numpy.ndarray, shape (n_voxels,)
    """
    expect_choice(
        "spared",
        spared,
        "shuffled",
        {"slow": "a slow bar still moves, and a late response looks like a bar farther along."},
    )
    screens = [_check_slow(slow, bars), _check_shuffled(shuffled, bars)]
    both = [[_expected(screen, places, each) for each in SIZES] for screen in screens]
    wanted, sizes = np.moveaxis(np.median(both, axis=3), 2, 0)
    size_says = "these are errors of the size. Take the first value of `expected_errors`."
    mistakes = [
        (wanted.T, "a row is one stimulus, and a column one size."),
        (wanted[::-1], "the first row is for `slow`."),
        (sizes, size_says),
        (np.mean(both, axis=3)[:, :, 0], "these are means over places. Take medians."),
    ]
    # Two digits will do.
    expect_array("errors", errors, wanted, np.maximum(0.02 * wanted, 0.006), mistakes)
    found = [_misfit(screen, centre, size, LATE_PEAK) for screen in screens]
    off, wanted = np.transpose(found)
    mistakes = [
        (wanted[::-1], "the first value is for `slow`."),
        (off, "these are errors of the centre. Take the second value of `misfit`."),
        (np.ones(2), "these are right sizes. Did the response peak at 6.5 s?"),
    ]
    expect_array("ratios", ratios, wanted, 0.02, mistakes)


def _check_slow(slow, bars):
    slow = _check_screen("slow", slow, bars)
    pairs = slow.reshape(N_RUNS, LENGTH, -1)[:, 1:].reshape(N_RUNS, -1, 2, slow.shape[1])
    expect(
        np.array_equal(pairs[:, :, 0], pairs[:, :, 1]),
        "In `slow` each step should last two volumes, after one empty volume in each run.",
    )
    expect(
        np.array_equal(_sorted(slow), _sorted(bars)),
        "`slow` should show the same bars as `designs['bars']`, as often: all eight directions, "
        "four in a run, and the other four in the next.",
    )
    return slow


def _check_shuffled(shuffled, bars):
    shuffled = _check_screen("shuffled", shuffled, bars)
    mine, theirs = (screen.reshape(N_RUNS, LENGTH, -1) for screen in (shuffled, bars))
    expect(
        np.array_equal(_sorted(shuffled), _sorted(bars)),
        "`shuffled` shows other images than `designs['bars']`. Shuffle volumes, not pixels.",
    )
    expect(
        all(np.array_equal(_sorted(a), _sorted(b)) for a, b in zip(mine, theirs, strict=True)),
        "In `shuffled` volumes have moved from one run to another. Shuffle each run by itself.",
    )
    # By chance about one volume in a run of many bars stays followed by its neighbour.
    stay = np.mean([np.all(a == b, axis=1).mean() for a, b in zip(mine, theirs, strict=True)])
    expect(stay < 0.5, "In `shuffled` most volumes are where they were.")
    return shuffled


def _check_screen(name, screen, bars):
    if screen is None or screen is ...:
        raise NotYet(f"`{name}` is still empty: put your answer there.")
    screen = np.asarray(screen, dtype=float)
    expect(
        screen.shape == bars.shape,
        f"`{name}` has the shape {screen.shape}; it should be {bars.shape}.",
    )
    return screen


def _sorted(screen):
    """Return the volumes in an order that does not depend on theirs."""
    return screen[np.lexsort(screen.T)]


def _with_column(screen):
    return np.column_stack([screen, screen.any(axis=1)])


def _clean(table):
    """Filter autocorrelation and a parabola out of each run, (n_samples - n_runs, n_columns)."""
    runs = table.reshape(N_RUNS, LENGTH, -1)
    filtered = lfilter([1, -RHO], [1], runs, axis=1)[:, 1:]
    basis = np.linalg.qr(np.vander(np.linspace(-1, 1, LENGTH - 1), 3))[0]
    return (filtered - basis @ (basis.T @ filtered)).reshape(-1, table.shape[1])


def _expected(screen, places, size):
    """Return expected errors of centre and size, (2, n_places)."""
    light = _clean(convolve(_with_column(screen), haemodynamic_response(PEAK), RUNS))
    information = light.T @ light / (1 - RHO**2)
    down, right = np.indices((10, 10)).reshape(2, 1, 100) - places.T[:, :, np.newaxis]
    field = _fields(places, np.full(len(places), size))
    # Derivatives of a field by row, column and log size, and by its strength.
    growth = (down**2 + right**2) / size**2 - 2
    slopes = np.zeros((len(places), 5, 101))
    for number, change in enumerate([down / size**2, right / size**2, growth, 1 / STRENGTH]):
        slopes[:, number, :100] = STRENGTH * field * change
    slopes[:, 4, 100] = 1
    covariance = np.linalg.inv(slopes @ information @ slopes.swapaxes(1, 2))
    variances = np.diagonal(covariance, axis1=1, axis2=2)
    return np.sqrt([variances[:, :2].sum(axis=1), variances[:, 2]])


def _fields(centre, size):
    return sample_gaussians(centre, size) / (2 * np.pi * size[:, np.newaxis] ** 2)


def _misfit(screen, centre, size, peak):
    """Return medians, of how far centres are off and of the ratio of fitted and true size."""
    light = _with_column(screen)
    drive = STRENGTH * screen @ _fields(centre, size).T + light[:, -1:]
    response = convolve(drive, haemodynamic_response(peak), RUNS)
    fit = PRF(hrf_peak=PEAK, drift_order=2).fit(light, response, groups=RUNS)
    off = np.linalg.norm(fit.centre_ - centre, axis=1)
    return np.median(off), np.median(fit.size_ / size)
