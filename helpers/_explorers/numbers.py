"""Numbers that the explorer of the penalty shows: scores of one run, penalties in words."""

import numpy as np
from sklearn.metrics import r2_score


def in_words(penalty):
    """Write a penalty with three digits, or whole from 100 on.

    Parameters
    ----------
    penalty : float

    Returns
    -------
    str
    """
    return f"{penalty:,.0f}" if penalty >= 100 else f"{penalty:.3g}"


def r2_of_each(measured, predicted):
    """Score each prediction of one run.

    Parameters
    ----------
    measured : numpy.ndarray, shape (n_volumes, n_chosen)
    predicted : numpy.ndarray, shape (n_penalties, n_volumes, n_chosen)

    Returns
    -------
    numpy.ndarray, shape (n_penalties, n_chosen)
        R2.

    Raises
    ------
    ValueError
        If a voxel is constant over the run.
    """
    if not np.ptp(measured, axis=0).all():
        raise ValueError("A chosen voxel is constant over the run: choose one that varies.")
    return np.array([r2_score(measured, each, multioutput="raw_values") for each in predicted])
