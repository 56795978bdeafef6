"""What the judges of all assignments need: recordings, and answers read as numbers.

What comes out of a student's notebook may be a list, a table of pandas or an array of any type. It
counts if its values are right, so all of it passes through here before it is compared.
"""

import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np

from helpers import data, receptive_fields, ridge, twin
from helpers._twin import students

from . import expect


def files(recording):
    """Find the films and labels of a recording that was handed out.

    Parameters
    ----------
    recording : path-like
        Its folder.

    Returns
    -------
    random, figure : Bunch
        Paths, as from `helpers.twin.load_student`.
    """
    return twin.student_files(Path(recording))


def random_runs(recording, lag):
    """Load the random runs at a lag in volumes, as `helpers.data.recording` does."""
    folder = Path(recording).resolve()
    return _random_runs(folder, str(students.read_stamp(folder)), int(lag))


def ridge_model(recording, lag):
    """Fit the random runs with the penalty 100, as the book does; nested in no choice."""
    folder = Path(recording).resolve()
    return _ridge_model(folder, str(students.read_stamp(folder)), int(lag))


# One student's questions follow one another, of two students side by side. A stamp tells a folder
# that was made anew.
@lru_cache(maxsize=4)
def _random_runs(folder, stamp, lag):
    return data.recording(files(folder)[0], "all", shift=lag)


@lru_cache(maxsize=2)
def _ridge_model(folder, stamp, lag):
    loaded = _random_runs(folder, stamp, lag)
    model = ridge.RidgeCV([100.0], cv=8)
    return model.fit(loaded.stimuli, loaded.bold, groups=loaded.runs)


def number(value, name):
    """Read an answer as one finite number, or say that it is none.

    Parameters
    ----------
    value : object
        What the notebook gave.
    name : str
        What to call it.

    Returns
    -------
    float
    """
    values = table(value, name)
    expect(values.size == 1, f"{name} is not a single number.")
    expect(np.isfinite(values).all(), f"{name} is no finite number.")
    return float(values.ravel()[0])


def table(value, name, shape=None):
    """Read an answer as an array of floats, or say that it is none.

    Parameters
    ----------
    value : object
        What the notebook gave.
    name : str
        What to call it.
    shape : tuple of int, optional
        The shape that the task asks for.

    Returns
    -------
    ndarray of float64
    """
    try:
        values = np.asarray(value)
        if values.dtype.kind == "c" and not np.any(values.imag):
            values = values.real
        values = None if values.dtype.kind == "c" else values.astype(np.float64)
    except (TypeError, ValueError):
        values = None
    expect(values is not None, f"{name} does not hold numbers alone.")
    if shape is not None:
        expect(
            values.shape == tuple(shape),
            f"{name} has the shape {values.shape}: expected {tuple(shape)}.",
        )
    return values


def parts(value, count, name):
    """Read an answer as several values, such as a function returns them together.

    Parameters
    ----------
    value : object
        What the notebook gave.
    count : int
        Number of values.
    name : str
        What to call it.

    Returns
    -------
    list
    """
    expect(
        isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim > 0),
        f"{name} returns one thing: expected {count}.",
    )
    expect(len(value) == count, f"{name} returns {len(value)} things: expected {count}.")
    return list(value)


def texts(value, name):
    """Read an answer as a list of texts, or say that it is none; a single text is one, too."""
    entries = value.ravel().tolist() if isinstance(value, np.ndarray) else value
    entries = list(entries) if isinstance(entries, list | tuple) else [entries]
    expect(
        all(isinstance(one, str) for one in entries),
        f"{name} does not hold letters or words alone.",
    )
    return [one.strip() for one in entries]


def letters(value, name):
    """Read an answer as a string of small letters; a list of letters is one, too."""
    return "".join(texts(value, name)).lower()


def alike(given, right, atol=1e-4, rtol=1e-4):
    """Say whether two arrays are equal but for rounding, that of 32 bits included."""
    return np.shape(given) == np.shape(right) and np.allclose(given, right, rtol=rtol, atol=atol)


def prf_model(recording, peak, regressor=True):
    """Fit population receptive fields to the random runs, with or without stimulus regressor."""
    folder = Path(recording).resolve()
    return _prf_model(folder, str(students.read_stamp(folder)), float(peak), regressor)


@lru_cache(maxsize=4)
def _prf_model(folder, stamp, peak, regressor):
    loaded = _random_runs(folder, stamp, 0)
    shown = np.maximum(loaded.stimuli, 0)
    if regressor:
        shown = np.column_stack([shown, loaded.is_on])
    with warnings.catch_warnings(action="ignore", category=receptive_fields.BoundWarning):
        return receptive_fields.PRF(hrf_peak=peak).fit(shown, loaded.bold, groups=loaded.runs)
