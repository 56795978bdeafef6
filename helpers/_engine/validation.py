"""Checks that several helpers share: each says what is wrong, where, and what to do.

What scikit-learn checks, its own functions check. These are for what only a recording has: runs,
voxels that do not vary, and files too large to be looked at all at once.
"""

import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
from sklearn.utils.validation import validate_data

LARGEST = 1e100  # of a value: products of several stay finite


def refuse_masked(name, values):
    """Raise ValueError if values are masked, which NumPy forgets without a word.

    Parameters
    ----------
    name : str
        What the values are called in messages.
    values : array_like
        A masked array, a list with masked arrays or values in it, or anything else.
    """
    parts = values if isinstance(values, list | tuple) else [values]
    n_masked = sum(np.ma.count_masked(v) for v in parts if isinstance(v, np.ma.MaskedArray))
    if n_masked:
        raise ValueError(
            f"{name} has {n_masked} masked values; expected none, because what lies beneath a mask "
            "would be taken for data. Leave these rows or columns out, or fill the values in."
        )


def read_array(name, values):
    """Return an array of whatever was given, or say why no numbers can come of it.

    Parameters
    ----------
    name : str
        What the values are called in messages.
    values : array_like

    Returns
    -------
    ndarray
        Of the type that NumPy finds; objects are looked at for text only.

    Raises
    ------
    ValueError
        For masked values, complex numbers, text, dates, and rows of different length.
    """
    refuse_masked(name, values)
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(
            f"{name} is no table: its rows or parts have different lengths. Expected the same "
            "number of values in each row."
        ) from None
    if array.dtype.kind == "c":
        raise ValueError(
            f"{name} holds complex numbers. Complex data not supported: take their absolute "
            "values with numpy.abs, or magnitude and phase as columns of their own."
        )
    if array.dtype.kind == "O":
        if any(isinstance(value, list | tuple | np.ndarray) for value in array.flat):
            raise ValueError(
                f"{name} holds lists or arrays in place of numbers; expected a number in each "
                "cell. Stack them first, for example with numpy.stack or numpy.vstack."
            )
        text = np.array([isinstance(value, str | bytes) for value in array.flat], dtype=bool)
    else:
        text = np.full(array.size, array.dtype.kind not in "biuf")
    if text.any():
        first = np.flatnonzero(text)[0]
        place = ", ".join(map(str, np.unravel_index(first, array.shape))) or "0"
        raise ValueError(
            f"{name} holds text or dates, first {array.flat[first]!r} at ({place}); expected "
            "numbers. Leave such columns out, or convert them with pandas.to_numeric."
        )
    return array


def check_readable(name, values):
    """Refuse what scikit-learn's own checks would stumble over.

    Parameters
    ----------
    name : str
        What the values are called in messages.
    values : array_like

    Returns
    -------
    ndarray
        As `read_array`.

    Raises
    ------
    ValueError
        As `read_array`; for pandas' missing values among objects, and a table without columns.
    """
    array = read_array(name, values)
    if array.ndim == 2 and not array.shape[1]:
        raise ValueError(
            f"{name} has 0 feature(s) (shape={array.shape}) while a minimum of 1 is required: look "
            "at the step that selected the columns."
        )
    if array.dtype.kind == "O" and array.ndim and pd.isna(array).any():
        raise ValueError(
            f"{name} has {pd.isna(array).sum()} missing values (NaN, None or pandas.NA), first at "
            f"{tuple(np.argwhere(pd.isna(array))[0].tolist())}; expected numbers: leave these rows "
            "or columns out, or fill the values in."
        )
    return array


def read_numbers(name, values):
    """Return an array of numbers in the precision it has, or say why it is none.

    Parameters
    ----------
    name : str
        What the values are called in messages.
    values : array_like
        What pandas takes for missing becomes NaN.

    Returns
    -------
    ndarray of float
        Double precision, if anything but floating-point numbers was given.

    Raises
    ------
    ValueError
        As `read_array`, and for other objects that are no numbers.
    """
    array = read_array(name, values)
    if array.dtype.kind == "O":
        try:
            return np.where(pd.isna(array), np.nan, array).astype(np.float64)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(
                f"{name} is a {type(values).__name__} of objects that are no numbers; expected an "
                "array of numbers. Convert it first, for example with numpy.array."
            ) from None
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def check_table(name, table):
    """Return a table of numbers as float64, or say why it is none.

    Parameters
    ----------
    name : str
        What the table is called in messages.
    table : array_like, shape (n_rows, n_columns)
        Any numbers; integers and single precision are converted.

    Returns
    -------
    ndarray of float64, shape (n_rows, n_columns)

    Raises
    ------
    ValueError
        If the table has not two dimensions, is empty, or holds NaN, infinite or masked values, or
        anything but real numbers.
    """
    table = check_shape(name, table).astype(np.float64, copy=False)
    check_finite(name, table)
    return table


def check_shape(name, table):
    """Return a table of numbers in the precision it has, or say why it is none.

    Its values are not looked at, so a memory-mapped table is not read.

    Parameters
    ----------
    name : str
        What the table is called in messages.
    table : array_like, shape (n_rows, n_columns)
        Anything but floating-point numbers is converted to double precision.

    Returns
    -------
    ndarray of float, shape (n_rows, n_columns)

    Raises
    ------
    ValueError
        If the table has not two dimensions, is empty, or holds masked values or anything but real
        numbers.
    """
    table = read_numbers(name, table)
    if table.ndim != 2:
        raise ValueError(
            f"{name} has shape {table.shape}; expected two dimensions, samples by columns. "
            f"Turn a single column into a table with {name}[:, np.newaxis]."
        )
    if table.size == 0:
        raise ValueError(
            f"{name} is empty: its shape is {table.shape}. Expected at least one row and one "
            "column; look at the step that selected them."
        )
    return table


def check_pair(X, Y):
    """Return features and voxels as float64 tables, or say why they do not go together.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    Y : array_like, shape (n_samples, n_voxels)

    Returns
    -------
    X, Y : ndarray of float64, of the same shapes

    Raises
    ------
    ValueError
        For empty tables, NaN or infinite values, and sample counts that differ.
    """
    X, Y = check_table("X", X), check_table("Y", Y)
    check_lengths(X, Y)
    return X, Y


def check_fit(estimator, X, Y):
    """Check with scikit-learn what an estimator is fitted to, and note its features.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_`` and, from a DataFrame, ``feature_names_in_``.
    X : array_like, shape (n_samples, n_features)
    Y : array_like, shape (n_samples,) or (n_samples, n_voxels)

    Returns
    -------
    X : ndarray of float64, shape (n_samples, n_features)
    Y : ndarray of float, shape (n_samples, n_voxels)
        In single or double precision, as it was given; a single voxel has become a column.
    each : slice or int
        What picks, of results for each column, those that go with Y's own shape.

    Raises
    ------
    ValueError
        For what scikit-learn refuses: NaN, infinite values, empty tables, other shapes; for
        masked values, text, and sample counts that differ.
    """
    check_readable("X", X)
    check_readable("Y", Y)
    for_X = {"dtype": np.float64, "ensure_min_samples": 2}
    for_Y = {"dtype": [np.float64, np.float32], "ensure_2d": False, "allow_nd": True}
    X, Y = validate_data(estimator, X, Y, validate_separately=(for_X, for_Y))
    check_finite("X", X)
    check_lengths(X, Y)
    if Y.ndim > 2:
        raise ValueError(
            f"Y has shape {Y.shape}; expected one column a voxel, (n_samples, n_voxels). From "
            "images, a NiftiMasker makes such a table."
        )
    return X, Y.reshape(len(Y), -1), 0 if Y.ndim == 1 else slice(None)


def check_lengths(X, Y):
    """Raise ValueError unless features and voxels have equally many rows.

    Parameters
    ----------
    X : ndarray, shape (n_samples, n_features)
    Y : ndarray, shape (n_samples, n_voxels)
    """
    if len(X) != len(Y):
        raise ValueError(
            f"X has {len(X)} samples and Y has {len(Y)}; expected one row of X for each row of Y. "
            "Check that both were shifted and stacked over the same runs."
        )


def check_penalties(alphas):
    """Return penalties as float64, or say which are not positive.

    Parameters
    ----------
    alphas : array_like

    Returns
    -------
    ndarray of float64, of the same shape

    Raises
    ------
    ValueError
        If there is none, one is not finite and above zero, or they are a table.
    """
    alphas = read_numbers("alphas", alphas).astype(np.float64)
    if alphas.ndim > 1:
        raise ValueError(
            f"alphas has shape {alphas.shape}; expected one penalty or a list of them, which each "
            "voxel chooses from: say numpy.ravel(alphas)."
        )
    good = np.isfinite(alphas) & (alphas > 0)
    if alphas.size == 0 or not good.all():
        given = ", ".join(f"{alpha:g}" for alpha in alphas[~good][:5]) or "none"
        raise ValueError(
            f"Penalties not above zero: {given} ({(~good).sum()} of {alphas.size}). Expected "
            "finite values above zero; for least squares take a very small one, such as 1e-6."
        )
    return alphas


def check_dtype(dtype):
    """Return a precision, or say which there are.

    Parameters
    ----------
    dtype : dtype

    Returns
    -------
    numpy.dtype

    Raises
    ------
    ValueError
        If it is neither float64 nor float32.
    """
    known = {np.dtype(kind): kind for kind in (np.float64, np.float32)}
    try:
        given = np.dtype(dtype)
    except TypeError:
        given = repr(dtype)
    if given not in known:
        raise ValueError(f"dtype is {given}; expected numpy.float64 or numpy.float32.")
    return given


def check_finite(name, table, first_column=0):
    """Say where a table has values that are no numbers.

    Parameters
    ----------
    name : str
        What the table is called in messages.
    table : ndarray, shape (n_rows, n_columns)
    first_column : int
        Where the table starts, if it is a part of a larger one.

    Raises
    ------
    ValueError
        If there are NaN or infinite values, or some so large that products of them might be.
    """
    bad = ~np.isfinite(table)
    what = "NaN or infinite"
    if not bad.any() and table.dtype.itemsize > 4:
        bad = np.abs(table) > LARGEST
        what = f"above {LARGEST:g}"
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"{name} has {bad.sum()} values that are {what}, in {bad.any(axis=0).sum()} "
            f"of {bad.shape[1]} columns; the first is at row {row}, column "
            f"{first_column + column}. Expected finite numbers: leave these columns out or repair "
            "the recording."
        )


def check_fits(name, values, shape, dtype=np.float64):
    """Return an array of the expected shape, or say which was given.

    Parameters
    ----------
    name : str
        What the array is called in messages.
    values : array_like
        NaN is allowed.
    shape : tuple of int
    dtype : type

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        If the shape is another, for masked values, and for text where numbers are expected.
    """
    refuse_masked(name, values)
    if dtype is np.float64:
        values = read_numbers(name, values)
    values = np.asarray(values, dtype=dtype)
    if values.shape != shape:
        raise ValueError(
            f"{name} has shape {values.shape}; expected {shape}, to go with the other arrays."
        )
    return values


def check_complete(name, values, shape):
    """Return an array of the expected shape and without gaps, or say what is wrong with it.

    Parameters
    ----------
    name : str
        What the array is called in messages.
    values : array_like
    shape : tuple of int

    Returns
    -------
    ndarray of float64

    Raises
    ------
    ValueError
        If the shape is another, or values are NaN or infinite.
    """
    values = check_fits(name, values, shape)
    bad = ~np.isfinite(values)
    if bad.any():
        raise ValueError(
            f"{name} has {bad.sum()} values that are NaN or infinite, first at "
            f"{tuple(np.argwhere(bad)[0].tolist())}. Expected finite numbers: leave out voxels "
            "that are constant over a run."
        )
    return values


def check_labels(what, labels):
    """Return labels as an array, or say which are missing.

    Parameters
    ----------
    what : str
        What the labels name, such as "run".
    labels : array_like, shape (n,)

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    ValueError
        If labels are NaN, None, pandas' NA, or masked: each would be a label of its own, or all
        of them one; or if they are lists.
    """
    if labels is None:
        raise ValueError(
            f"There are no {what} labels; expected the {what} of every row, such as recording.runs."
        )
    refuse_masked(f"{what} labels", labels)
    given = np.asarray(labels, dtype=object)  # before a list turns NaN into "nan"
    if any(isinstance(label, list | tuple | dict | set | np.ndarray) for label in given.flat):
        raise ValueError(
            f"Some {what} labels are lists or the like; expected one label a row, a number or text."
        )
    unknown = np.atleast_1d(pd.isna(given))
    if unknown.any():
        raise ValueError(
            f"{unknown.sum()} of {unknown.size} {what} labels are NaN or missing, first at row "
            f"{np.argwhere(unknown)[0, 0]}; expected the {what} of every row: look at the table "
            "that they come from."
        )
    return np.asarray(labels)


def check_runs(runs, n_samples):
    """Return runs numbered 0, 1, 2 ... in their order, or say why they are no runs.

    Parameters
    ----------
    runs : array_like, shape (n_samples,)
        The run that each sample belongs to; any labels.
    n_samples : int
        How many samples there are.

    Returns
    -------
    ndarray of int, shape (n_samples,)

    Raises
    ------
    ValueError
        If there is not one label a sample, if labels are missing, or if a run comes back after
        another one began.
    """
    runs = check_labels("run", runs)
    if runs.shape != (n_samples,):
        raise ValueError(
            f"runs has shape {runs.shape}; expected one run label for each of the {n_samples} "
            f"samples, that is shape ({n_samples},)."
        )
    starts = np.flatnonzero(runs[1:] != runs[:-1]) + 1
    labels = [runs[0], *runs[starts]] if n_samples else []
    for row, label in zip(starts, labels[1:], strict=True):
        if (runs[:row] == label).any():
            raise ValueError(
                f"Run {label} starts again at row {row}: the rows of a run must follow one "
                "another. Sort the rows by run, and give every run a label of its own."
            )
    return np.searchsorted(starts, np.arange(n_samples), side="right")


def number_runs(groups, n_samples):
    """Return runs as `check_runs` does; without labels, all samples are one run.

    Parameters
    ----------
    groups : array_like, shape (n_samples,), or None
    n_samples : int

    Returns
    -------
    ndarray of int, shape (n_samples,)
    """
    return np.zeros(n_samples, dtype=int) if groups is None else check_runs(groups, n_samples)


def rows_of_runs(runs):
    """Return the rows of each run as a slice.

    Parameters
    ----------
    runs : ndarray of int, shape (n_samples,)
        From `number_runs`.

    Returns
    -------
    list of slice
    """
    edges = [0, *(np.flatnonzero(np.diff(runs)) + 1), len(runs)]
    return [slice(*pair) for pair in pairwise(edges)]


def check_several_runs(runs, n_samples):
    """Return runs as `check_runs` does; a single run is refused.

    Parameters
    ----------
    runs : array_like, shape (n_samples,)
    n_samples : int

    Returns
    -------
    ndarray of int, shape (n_samples,)

    Raises
    ------
    ValueError
        If the labels are no runs, or if there is only one.
    """
    runs = check_runs(runs, n_samples)
    if runs[-1] == 0:
        raise ValueError(
            "All samples belong to one run; expected two or more. Cross-validation holds out "
            "whole runs, so load another run."
        )
    return runs


class ConstantVoxelWarning(UserWarning):
    """Some voxels do not vary, so that nothing can be said about them."""


class FewOrdersWarning(UserWarning):
    """What the runs show allows few different permutations, so that no p can be small."""


def is_constant(Y):
    """Say which columns hold one value only, but for rounding.

    The test compares values and computes no variance: the variance of a constant such as 0.1
    comes out as some 1e-33, and dividing by that gives any score.

    Of a constant that was cleaned, rounding errors about 0 are all that is left, and what is
    z-scored after that looks like any noise: judge such data before they are cleaned.

    Parameters
    ----------
    Y : ndarray, shape (n_samples, n_columns)

    Returns
    -------
    ndarray of bool, shape (n_columns,)
        Whether the largest and the smallest value are at most eight units in the last place apart.
    """
    high, low = Y.max(axis=0), Y.min(axis=0)
    eps = np.finfo(Y.dtype).eps if np.issubdtype(Y.dtype, np.floating) else 0
    return high - 8 * eps * np.maximum(np.abs(high), np.abs(low)) <= low


def warn_constant(constant, where, result):
    """Warn once about constant columns: how many, which, and what becomes of them.

    Parameters
    ----------
    constant : ndarray of bool, shape (n_columns,)
    where : str
        Where they are constant, such as "over all samples".
    result : str
        What they get, such as "Their scores are NaN".

    Warns
    -----
    ConstantVoxelWarning
        If there are any.
    """
    columns = np.flatnonzero(constant)
    if columns.size:
        shown = ", ".join(map(str, columns[:5])) + (", ..." if columns.size > 5 else "")
        warnings.warn(
            f"{columns.size} of {constant.size} voxels are constant {where}: columns {shown}. "
            f"{result}. Voxels outside the brain are often constant: check the mask.",
            ConstantVoxelWarning,
            stacklevel=3,
        )
