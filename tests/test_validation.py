"""Input checks: each message names what was given and where."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator

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


def test_values_whose_products_overflow_are_refused_and_others_are_not():
    X, Y, _ = arrays()
    validation.check_pair(X, np.full_like(Y, 1e100))
    with pytest.raises(ValueError, match=r"Y has \d+ values that are above 1e\+100.*row 0"):
        validation.check_pair(X, np.full_like(Y, 1e101))


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


def masked(*places):
    table = np.ma.array(np.arange(12.0).reshape(4, 3), mask=False)
    for place in places:
        table[place] = np.ma.masked
    return table


CHECKS = {
    "check_table": lambda values: validation.check_table("Y", values),
    "check_shape": lambda values: validation.check_shape("Y", values),
    "check_fits": lambda values: validation.check_fits("Y", values, (4, 3)),
    "check_complete": lambda values: validation.check_complete("Y", values, (4, 3)),
    "check_fit, X": lambda values: validation.check_fit(Estimator(), values, np.ones(4))[0],
    "check_fit, Y": lambda values: validation.check_fit(Estimator(), np.ones((4, 2)), values)[1],
}
NO_NUMBERS = {
    "masked": (masked((1, 1), (2, 0)), "has 2 masked values; expected none"),
    "a list of masked rows": ([*masked((1, 1), (2, 0))], "has 2 masked values"),
    "complex": (np.ones((4, 3)) * 1j, "holds complex numbers.*numpy.abs"),
    "text": (np.full((4, 3), "1.5"), r"holds text or dates, first .*1\.5.* at \(0, 0\)"),
    "one word": (pd.DataFrame({"a": [1, 2, 3, 4], "b": [1, "n/a", 2, 3]}), r"'n/a' at \(1, 1\)"),
    "dates": (pd.DataFrame({"a": pd.to_datetime(["2024-01-01"] * 4)}), "holds text or dates"),
    "rows of different length": ([[1, 2], [3], [4, 5], [6, 7]], "no table.*different lengths"),
}


class Estimator(BaseEstimator):
    """Something to note features at."""


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
@pytest.mark.parametrize(("values", "message"), NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_what_is_no_table_of_numbers_is_refused_with_a_sentence(check, values, message):
    with pytest.raises(ValueError, match=f"^[XY] .*{message}"):
        check(values)


TABLES = {
    "a mask of nothing": masked(),
    "whole numbers": np.arange(12).reshape(4, 3),
    "objects that are numbers": np.arange(12.0).reshape(4, 3).astype(object),
    "a DataFrame with an index of its own": pd.DataFrame(masked().data, index=[9, 9, 2, 1]),
    "whole numbers of pandas": pd.DataFrame(np.arange(12).reshape(4, 3), dtype="Int64"),
    "a list of Series": [pd.Series(row, index=[5, 3, 1]) for row in masked().data],
    "lists": masked().data.tolist(),
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
@pytest.mark.parametrize("values", TABLES.values(), ids=TABLES)
def test_tables_of_numbers_are_taken_by_row_and_column(check, values):
    got = check(values)
    assert type(got) is np.ndarray
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got, np.arange(12).reshape(4, 3))


def test_gaps_of_pandas_are_found_like_nan():
    table = pd.DataFrame({"a": [1, 2, 3], "b": [1, pd.NA, 2]}, dtype="Int64")
    with pytest.raises(ValueError, match=r"Y has 1 values that are NaN .*row 1, column 1"):
        validation.check_table("Y", table)
    np.testing.assert_array_equal(
        validation.check_fits("Y", table, (3, 2)), [[1, 1], [2, np.nan], [3, 2]]
    )


def test_objects_that_are_no_numbers_are_named():
    with pytest.raises(ValueError, match="Y is a csr_array of objects that are no numbers"):
        validation.check_table("Y", csr_array(np.eye(3)))
    with pytest.raises(ValueError, match="Y is a list of objects that are no numbers"):
        validation.check_table("Y", [[{}, {}]])


@pytest.mark.parametrize("dtype", ["single", "floaty", int, np.float16, "complex128"])
def test_precisions_that_are_none_are_refused(dtype):
    if dtype == "single":
        assert validation.check_dtype(dtype) == np.float32
    else:
        with pytest.raises(ValueError, match=r"dtype is .*; expected numpy\.float64 or"):
            validation.check_dtype(dtype)


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


MISSING = {
    "NaN": np.array([1.0, np.nan, np.nan, 2.0]),
    "a list of names": ["a", np.nan, np.nan, "b"],
    "None": [1, None, None, 2],
    "pandas' NA": pd.Series([1, pd.NA, pd.NA, 2], dtype="Int64"),
    "a list with pandas' NA": [1, pd.NA, pd.NA, 2],
    "names with gaps": pd.Series(["a", None, np.nan, "b"]),
    "dates": pd.to_datetime(pd.Series(["2024-01-01", None, None, "2024-01-02"])),
    "categories": pd.Series(["a", None, None, "b"], dtype="category"),
}


@pytest.mark.parametrize("labels", MISSING.values(), ids=MISSING)
def test_labels_that_are_missing_are_no_runs(labels):
    message = "2 of 4 run labels are NaN or missing, first at row 1"
    with pytest.raises(ValueError, match=message):
        validation.check_runs(labels, 4)


@pytest.mark.parametrize("dtype", [object, "string", "category"])
def test_labels_from_pandas_count_by_row_whatever_their_index(dtype):
    labels = pd.Series(["b", "b", "a", "a"], index=[7, 7, -1, 0], dtype=dtype)
    np.testing.assert_array_equal(validation.check_runs(labels, 4), [0, 0, 1, 1])
    with pytest.raises(ValueError, match="run labels has 1 masked values"):
        validation.check_runs(np.ma.array([1, 1, 2, 2], mask=[0, 0, 1, 0]), 4)


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_about_a_mean_is_no_variation(dtype):
    """A constant that was divided and multiplied again, and the smallest change that is one."""
    eps = np.finfo(dtype).eps
    Y = np.full((1000, 4), [1 / 3, -1000.0, 0.0, 1000.0], dtype)
    Y[::2] *= 1 + 4 * eps
    Y[::2, 3] *= 1 + 40 * eps
    assert (Y.max(axis=0) > Y.min(axis=0)).sum() == 3
    np.testing.assert_array_equal(validation.is_constant(Y), [True, True, True, False])
    assert not validation.is_constant(np.array([[1e308], [-1e308]])).any()
    whole = np.array([[2, 2], [2, 3]])
    np.testing.assert_array_equal(validation.is_constant(whole), [True, False])


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


def test_no_labels_at_all_are_no_runs():
    with pytest.raises(ValueError, match=r"There are no run labels; expected .* recording\.runs"):
        validation.check_runs(None, 4)
    with pytest.raises(ValueError, match="1 of 1 run labels are NaN"):
        validation.check_runs(np.nan, 4)
