"""Input checks: each message names what was given and where."""

import warnings

import numpy as np
import pytest

from helpers._engine import validation


def arrays(n_runs=3, length=8):
    rng = np.random.default_rng(0)
    runs = np.repeat(np.arange(n_runs), length)
    return rng.normal(size=(len(runs), 4)), rng.normal(size=(len(runs), 6)), runs


def test_good_input_comes_back_as_float64_and_unchanged():
    X, Y, runs = arrays()
    labels = np.array(["b", "a", "c"])[runs]
    got_x, got_y = validation.check_pair(X.astype(np.float32), (Y * 10).astype(int))
    got_runs = validation.check_several_runs(labels, len(X))
    assert got_x.dtype == got_y.dtype == np.float64
    np.testing.assert_array_equal(got_x, X.astype(np.float32))
    np.testing.assert_array_equal(got_runs, runs)


def test_good_input_is_not_copied():
    X, Y, _ = arrays()
    got_x, got_y = validation.check_pair(X, Y)
    assert np.shares_memory(got_x, X)
    assert np.shares_memory(got_y, Y)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["X", "Y"])
def test_values_that_are_not_finite_are_counted_and_located(name, value):
    X, Y, _ = arrays()
    table = {"X": X, "Y": Y}[name]
    table[5, 2] = table[9, 3] = table[11, 3] = value
    message = rf"{name} has 3 values .* 2 of \d columns.*row 5, column 2"
    with pytest.raises(ValueError, match=message):
        validation.check_pair(X, Y)


def test_infinities_of_both_signs_do_not_cancel():
    X, Y, _ = arrays()
    Y[0, 0], Y[1, 0] = np.inf, -np.inf
    with pytest.raises(ValueError, match="Y has 2 values"):
        validation.check_pair(X, Y)


def test_sums_that_overflow_are_no_fault():
    X, Y, _ = arrays()
    validation.check_pair(X, np.full_like(Y, 1e308))


def test_counts_that_differ_are_both_named():
    X, Y, runs = arrays()
    with pytest.raises(ValueError, match="X has 23 samples and Y has 24"):
        validation.check_pair(X[1:], Y)
    with pytest.raises(ValueError, match=r"runs has shape \(23,\).*24 samples"):
        validation.check_several_runs(runs[1:], len(X))


@pytest.mark.parametrize(
    ("shape", "message"),
    [((0, 4), "X is empty"), ((24, 0), "X is empty"), ((24,), "two dimensions"), ((), "two dim")],
)
def test_empty_and_flat_tables_are_refused(shape, message):
    _, Y, _ = arrays()
    with pytest.raises(ValueError, match=message):
        validation.check_pair(np.zeros(shape), Y)


def test_a_single_run_is_refused():
    X, _, runs = arrays(n_runs=1)
    with pytest.raises(ValueError, match="All samples belong to one run"):
        validation.check_several_runs(runs, len(X))


def test_a_run_in_pieces_is_named_with_its_row():
    X, _, runs = arrays()
    runs[20:] = 1
    with pytest.raises(ValueError, match="Run 1 starts again at row 20"):
        validation.check_runs(runs, len(X))
    with pytest.raises(ValueError, match="Run a starts again at row 2"):
        validation.check_runs(["a", "b", "a", "b"], 4)
    with pytest.raises(ValueError, match="2 of 4 run labels are NaN, first at row 1"):
        validation.check_runs([1.0, np.nan, np.nan, 2.0], 4)


def test_runs_are_numbered_in_their_order():
    np.testing.assert_array_equal(validation.check_runs([7, 7, 2, 5, 5], 5), [0, 0, 1, 2, 2])


@pytest.mark.parametrize("alphas", [0, -1.0, [1, 0], [np.nan], [1, np.inf], []])
def test_penalties_that_are_not_positive_are_refused(alphas):
    with pytest.raises(ValueError, match="Penalties not above zero"):
        validation.check_penalties(alphas)


def test_bad_penalties_are_listed():
    with pytest.raises(ValueError, match=r"zero: -1, 0 \(2 of 3\)"):
        validation.check_penalties([-1, 5, 0])


def test_constant_columns_are_found_by_value_not_by_variance():
    rng = np.random.default_rng(0)
    Y = rng.normal(size=(1001, 4))
    Y[:, 1] = 0.1  # its computed variance is not zero
    Y[:, 2] = 1e6 + 1e-4 * Y[:, 2]  # varies a little about a large mean
    assert np.var(Y[:, 1]) > 0
    np.testing.assert_array_equal(validation.is_constant(Y), [False, True, False, False])


def test_constant_voxels_are_counted_and_named():
    constant = np.zeros(50, bool)
    constant[[3, 7, 20, 21, 22, 40]] = True
    with pytest.warns(
        validation.ConstantVoxelWarning, match="6 of 50 .*: columns 3, 7, 20, 21, 22, "
    ):
        validation.warn_constant(constant, "over all samples", "Their scores are NaN")


def test_no_constant_voxel_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        validation.warn_constant(np.zeros(5, bool), "over all samples", "Their scores are NaN")
