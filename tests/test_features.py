"""Delayed features: each column is the shifted run, and nothing crosses a run."""

import numpy as np
import pandas as pd
import pytest

from helpers._twin import responses
from helpers.features import Delayer, haemodynamic_response

LENGTHS = [(5, 5, 5), (4, 9, 6), (7,)]


def delay(X, runs, delays):
    return Delayer(delays).fit_transform(X, groups=runs)


def table(lengths, n_features=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(sum(lengths), n_features)), np.repeat(np.arange(len(lengths)), lengths)


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("delays", [(0,), (1, 2, 3), (3, 0, 2)])
def test_each_value_is_the_one_so_many_volumes_before(lengths, delays):
    X, runs = table(lengths)
    delayed = delay(X, runs, delays)
    assert delayed.shape == (len(X), 3 * len(delays))
    for row in range(len(X)):
        for i, lag in enumerate(delays):
            same_run = row - lag >= 0 and runs[row - lag] == runs[row]
            expected = X[row - lag] if same_run else np.zeros(3)
            np.testing.assert_array_equal(delayed[row, 3 * i : 3 * i + 3], expected)


@pytest.mark.parametrize("lengths", LENGTHS)
def test_a_run_does_not_depend_on_the_others(lengths):
    X, runs = table(lengths)
    together = delay(X, runs, (1, 2, 3))
    for run in np.unique(runs):
        rows = runs == run
        np.testing.assert_array_equal(together[rows], delay(X[rows], runs[rows], (1, 2, 3)))


def test_delay_zero_is_the_input_and_a_copy():
    X, runs = table((4, 4))
    delayed = delay(X, runs, [0])
    np.testing.assert_array_equal(delayed, X)
    assert not np.shares_memory(delayed, X)


def test_the_input_is_left_alone():
    X, runs = table((4, 4))
    before = X.copy()
    delay(X, runs, (1, 2))
    np.testing.assert_array_equal(X, before)


def test_integer_images_are_not_truncated():
    assert delay(np.ones((3, 1), int), [0, 0, 0], (1,)).dtype == np.float64


@pytest.mark.parametrize(
    ("delays", "message"),
    [
        ((-1,), "from 0 to 3.*looks into the future"),
        ((1, 4), "shortest run .n_samples = 4"),
        ((), "whole numbers"),
        (2, "whole numbers"),
        ((1.5,), "whole numbers"),
        ((2.0,), "whole numbers"),
        ((1, 1), "twice"),
    ],
)
def test_impossible_delays_are_refused(delays, message):
    X, runs = table((9, 4, 6))
    with pytest.raises(ValueError, match=message):
        delay(X, runs, delays)


def test_runs_must_fit_the_features():
    X, runs = table((4, 4))
    with pytest.raises(ValueError, match="runs has shape"):
        delay(X, runs[1:], (1,))
    with pytest.raises(ValueError, match="starts again at row 6"):
        delay(X, [0, 0, 1, 1, 2, 2, 0, 0], (1,))
    with pytest.raises(ValueError, match="NaN"):
        delay(np.full((8, 1), np.nan), runs, (1,))


def test_the_last_image_of_a_run_does_not_reach_the_next_run():
    """Delays never cross a run, whatever stands at the border."""
    X, runs = table((6, 6, 6))
    other = X.copy()
    other[[5, 11]] += 100  # the last rows of runs 0 and 1
    changed = (delay(X, runs, (1, 2, 3, 4)) != delay(other, runs, (1, 2, 3, 4))).any(axis=1)
    assert not changed.any()


@pytest.mark.parametrize("peak", [3.5, 4.9, 6.5])
def test_weights_at_all_delays_are_the_response_of_the_twin(peak):
    """Least squares on delayed pixels finds pixel weights x response, without noise exactly."""
    rng = np.random.default_rng(1)
    runs = np.repeat(np.arange(8), 200)
    labels = rng.integers(0, 2, size=(len(runs), 100))
    labels[rng.random(len(runs)) < 0.5] = -1
    response = haemodynamic_response(np.array([peak]))
    field, on_gain = np.zeros(100), 0.3
    field[[44, 45, 54]] = 1.0, 0.5, 0.25
    voxel = responses.Voxels(None, field[None], np.array([on_gain]), None, None, None, np.ones(1))
    y = [responses.noise_free_run(labels[runs == r], voxel, response) for r in range(8)]
    on = labels[:, :1] >= 0
    images = np.where(on, labels, 0).reshape(-1, 10, 10).transpose(0, 2, 1).reshape(-1, 100)
    seen = np.column_stack([images[:, [44, 45, 54, 0]], on])
    lags = range(len(response))
    weights, *_ = np.linalg.lstsq(delay(seen, runs, list(lags)), np.vstack(y)[:, 0])
    expected = response * [1.0, 0.5, 0.25, 0.0, on_gain]
    np.testing.assert_allclose(weights.reshape(len(lags), 5), expected, rtol=0, atol=1e-10)


def test_without_runs_all_rows_are_one_run():
    X, runs = table((6, 6))
    one_run = Delayer((1,)).fit_transform(X)
    np.testing.assert_array_equal(one_run[1:], X[:-1])
    assert (one_run[6] != delay(X, runs, (1,))[6]).any()


def test_rows_that_lost_their_runs_are_reported():
    """The wrong rows would be few, and nobody would see them."""
    X, runs = table((6, 6))
    delayer = Delayer((1,)).fit(X, groups=runs)
    with pytest.warns(UserWarning, match="fitted with groups, but transforms without"):
        delayer.transform(X)


FORMS = {
    "DataFrame": lambda a: pd.DataFrame(a),
    "lists": lambda a: a.tolist(),
    "Fortran order": np.asfortranarray,
    "every other column": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "backwards in memory": lambda a: a[::-1].copy()[::-1],
    "whole numbers": lambda a: a.astype(np.int8),
    "yes and no": lambda a: a.astype(bool),
    "single precision": lambda a: a.astype(np.float32),
    "big-endian": lambda a: a.astype(">f4"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_any_form_of_the_same_numbers_is_delayed_alike(form):
    X, runs = table((6, 4))
    X = np.abs(np.sign(X)) * (X > 0)
    given = form(X)
    np.testing.assert_array_equal(delay(given, runs, (0, 2)), delay(X, runs, (0, 2)))


@pytest.mark.parametrize("labels", [np.array, list, pd.Categorical, pd.Series])
def test_runs_may_have_any_labels(labels):
    X, runs = table((6, 4))
    names = labels([f"run-{9 - run}" for run in runs])
    np.testing.assert_array_equal(delay(X, names, (1, 2)), delay(X, runs, (1, 2)))


def test_what_lies_beneath_a_mask_is_no_feature():
    X, runs = table((6, 4))
    masked = np.ma.masked_greater(X, 0.5)
    delayer = Delayer((1,)).fit(X, groups=runs)
    for call in (delayer.fit, delayer.transform):
        with pytest.raises(ValueError, match=r"X has \d+ masked values; expected none"):
            call(masked, groups=runs)
