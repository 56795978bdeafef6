"""Voxels that do not vary: found by their values, reported, and never scored in silence."""

import warnings

import numpy as np


class ConstantVoxelWarning(UserWarning):
    """Some voxels do not vary, so that nothing can be said about them."""


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
