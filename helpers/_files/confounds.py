"""What is taken out of each run besides drift: confounds, and volumes that are left out."""

from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline

from helpers._files.images import check_file

FEWEST = 3  # volumes of a run: with mean and trend taken out, nothing is left of two
TABLES = (pd.DataFrame, pd.Series, np.ndarray, str, PathLike)
SEPARATORS = {".tsv": "\t", ".csv": ","}


def per_run(name, given, n_runs):
    """Return one item a run of an argument that may be None for all of them.

    Parameters
    ----------
    name : str
        Of the argument, for an error.
    given : sequence, or None
        With a single run also the item itself, as `load_confounds` returns it.
    n_runs : int

    Returns
    -------
    list

    Raises
    ------
    ValueError
        If there is not one item a run.
    """
    if given is None:
        return [None] * n_runs
    if n_runs == 1 and _is_item(given):
        return [given]
    if _is_item(given) or len(given) != n_runs:
        found = type(given).__name__ if _is_item(given) else f"{len(given)} items"
        raise ValueError(
            f"{name} was given as {found}, and there are {n_runs} runs; expected a list with one "
            "item a run, None for a run without."
        )
    return list(given)


def _is_item(given):
    """Whether an argument belongs to one run: a table, a path, or a row of numbers."""
    if isinstance(given, pd.DataFrame | pd.Series | str | PathLike):
        return True
    if isinstance(given, np.ndarray):
        return given.dtype != object and given.ndim < 3
    return len(given) > 0 and all(isinstance(item, int | float | np.number) for item in given)


def confound_table(given, name):
    """Read the confounds of one run.

    Parameters
    ----------
    given : DataFrame, array_like, (n_volumes, n_confounds), str or Path, list of these, or None
        A path names a table as fMRIPrep's TSV, with or without a line of names.
    name : str
        Of the run, for an error.

    Returns
    -------
    DataFrame of float, or None
        One row a volume, NaN where the table says "n/a"; None without confounds.

    Raises
    ------
    DataError
        If there is no such file.
    ValueError
        If a column holds no numbers, or the array has more than two dimensions.
    """
    if given is None:
        return None
    if isinstance(given, str | PathLike):
        given = _read_table(given)
    elif isinstance(given, list | tuple) and any(isinstance(part, TABLES) for part in given):
        parts = [confound_table(part, name) for part in given]
        given = pd.concat([part.reset_index(drop=True) for part in parts], axis=1)
    try:
        return pd.DataFrame(given).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The confounds of {name} are no table of numbers ({error}); expected one row a volume "
            "and a column for each confound, as load_confounds of nilearn.interfaces.fmriprep "
            "returns them."
        ) from None


def _read_table(path):
    """Read a table whose columns may have names."""
    check_file(path)
    separator = SEPARATORS.get(Path(path).suffix.lower(), r"\s+")
    table = pd.read_csv(path, sep=separator)
    try:
        table.columns.astype(np.float64)
    except ValueError:
        return table
    return pd.read_csv(path, sep=separator, header=None)


def kept_volumes(sample_mask, n_volumes, name):
    """Return the volumes of a run that are kept.

    Parameters
    ----------
    sample_mask : array_like of int or bool, or None
        Numbers of the volumes to keep, or one truth value a volume; None keeps all.
    n_volumes : int
    name : str
        Of the run, for an error.

    Returns
    -------
    ndarray of int
        Numbers of the volumes from 0, in their order.

    Raises
    ------
    ValueError
        If fewer volumes are kept than say more than mean and trend, a number is out of range or
        comes twice, or the order is not theirs.
    """
    if sample_mask is None and n_volumes >= FEWEST:
        return np.arange(n_volumes)
    if sample_mask is None:
        raise ValueError(
            f"{name} has {n_volumes} volumes; expected at least {FEWEST}, because mean and trend "
            "are taken out: leave out the run."
        )
    given = np.asarray(sample_mask)
    if given.dtype == bool and given.shape == (n_volumes,):
        given = np.flatnonzero(given)
    whole = given.ndim == 1 and given.dtype.kind in "iu"
    if (
        not whole
        or len(given) < FEWEST
        or given.min() < 0
        or given.max() >= n_volumes
        or (np.diff(given.astype(np.int64)) <= 0).any()
    ):
        raise ValueError(
            f"The sample_mask of {name} is {_shortened(given)}; expected the numbers of the "
            f"volumes to keep, rising, from 0 to {n_volumes - 1}, or {n_volumes} truth values, "
            f"and at least {FEWEST} volumes."
        )
    return given.astype(np.int64)


def _shortened(values):
    """Say what an array is in a few words."""
    if not values.size:
        return "empty"
    few = " ".join(np.array2string(values, threshold=8, edgeitems=3).split())
    return f"{few} of type {values.dtype}"


def usable_confounds(table, kept, n_volumes, name):
    """Check that the confounds of a run can be taken out of it, and return their values.

    Parameters
    ----------
    table : DataFrame
        As `confound_table` returns it.
    kept : ndarray of int
        Volumes that are kept.
    n_volumes : int
        Of the run.
    name : str
        Of the run, for an error.

    Returns
    -------
    ndarray of float, (n_volumes, n_confounds)
        Each column divided by its largest value, so that no unit is too large for a sum of squares;
        0 where a volume that is left out has no number.

    Raises
    ------
    ValueError
        If there is not one row a volume; if a kept row has NaN; or if, with mean and trend,
        confounds explain any run of this length.
    """
    if len(table) != n_volumes:
        raise ValueError(
            f"The confounds of {name} have {len(table)} rows, and the run has {n_volumes} volumes; "
            "expected one row a volume, also for those that sample_mask leaves out."
        )
    values = table.to_numpy(copy=True)
    missing = ~np.isfinite(values)
    lost = missing[kept]
    if lost.any():
        rows, columns = kept[lost.any(axis=1)], table.columns[lost.any(axis=0)]
        raise ValueError(
            f"The confounds of {name} have no number in volume {rows[0]} (and {len(rows) - 1} "
            f"more) of {', '.join(map(str, columns[:3]))}; fMRIPrep leaves the first row of "
            "derivatives empty: fill it with 0, or leave those volumes out with sample_mask."
        )
    values[missing] = 0
    largest = np.abs(values).max(axis=0)
    values /= np.where(largest > 0, largest, 1)
    trend = np.vander(np.linspace(-1, 1, len(kept)), 2)
    if np.linalg.matrix_rank(np.hstack([trend, values[kept]])) >= len(kept):
        raise ValueError(
            f"{table.shape[1]} confounds, with mean and trend, explain all of the {len(kept)} "
            f"volumes of {name}; expected far fewer than volumes: choose some of them."
        )
    return values


def between_kept(values, kept):
    """Cut a run to its kept volumes, with a cubic spline in place of those left out between them.

    So a bad volume does not ring through a filter. nilearn means to do the same. Its version 0.14
    looks for dropped volumes at their mirror images in time: where both are dropped, the bad volume
    stays in, and with as many first as last volumes dropped, other volumes than asked for return.

    Parameters
    ----------
    values : ndarray, (n_volumes, n_columns)
    kept : ndarray of int

    Returns
    -------
    ndarray, (kept[-1] - kept[0] + 1, n_columns)
    """
    dropped = np.setdiff1d(np.arange(kept[0], kept[-1]), kept)
    filled = values.copy()
    if len(dropped):
        filled[dropped] = CubicSpline(kept, values[kept])(dropped)
    return filled[kept[0] : kept[-1] + 1]
