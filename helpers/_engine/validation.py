"""Checks that several helpers share: each says what is wrong, where, and what to do.

What scikit-learn checks, its own functions check. These are for what only a recording has: runs,
voxels that do not vary, and files too large to be looked at all at once.
"""

import warnings
from itertools import pairwise

import numpy as np
from sklearn.utils.validation import validate_data


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
        If the table has not two dimensions, is empty, or holds NaN or infinite values.
    """
    table = check_shape(name, np.asarray(table, dtype=np.float64))
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
        If the table has not two dimensions, or is empty.
    """
    table = np.asarray(table)
    if not np.issubdtype(table.dtype, np.floating):
        table = table.astype(np.float64)
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
        For what scikit-learn refuses: NaN, infinite values, empty tables, other shapes; and for
        sample counts that differ.
    """
    for_X = {"dtype": np.float64, "ensure_min_samples": 2}
    for_Y = {"dtype": [np.float64, np.float32], "ensure_2d": False, "allow_nd": True}
    X, Y = validate_data(estimator, X, Y, validate_separately=(for_X, for_Y))
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
        If there is none, or one is not finite and above zero.
    """
    alphas = np.asarray(alphas, dtype=np.float64)
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
    if np.dtype(dtype) not in (np.float64, np.float32):
        raise ValueError(f"dtype is {np.dtype(dtype)}; expected numpy.float64 or numpy.float32.")
    return np.dtype(dtype)


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
        If there are NaN or infinite values.
    """
    bad = ~np.isfinite(table)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"{name} has {bad.sum()} values that are NaN or infinite, in {bad.any(axis=0).sum()} "
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
        If the shape is another.
    """
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
        If there is not one label a sample, or if a run comes back after another one began.
    """
    runs = np.asarray(runs)
    if runs.shape != (n_samples,):
        raise ValueError(
            f"runs has shape {runs.shape}; expected one run label for each of the {n_samples} "
            f"samples, that is shape ({n_samples},)."
        )
    unknown = runs != runs  # NaN, which would make every such row a run of its own
    if np.any(unknown):
        raise ValueError(
            f"{np.sum(unknown)} of {n_samples} run labels are NaN, first at row "
            f"{np.flatnonzero(unknown)[0]}; expected the run of every sample: look at the table "
            "that they come from."
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
    """Say which columns hold one value only.

    The test compares values and computes no variance: the variance of a constant such as 0.1
    comes out as some 1e-33, and dividing by that gives any score.

    Parameters
    ----------
    Y : ndarray, shape (n_samples, n_columns)

    Returns
    -------
    ndarray of bool, shape (n_columns,)
    """
    return Y.max(axis=0) == Y.min(axis=0)


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
