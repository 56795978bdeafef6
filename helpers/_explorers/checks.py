"""Checks of what the explorers are given: each says what is wrong and what to do."""

import numpy as np

from helpers._engine.gaussians import check_image
from helpers._engine.validation import check_penalties, refuse_masked


def check_volume(mask, background):
    """Return mask and background as arrays, or say why they are no pair.

    Parameters
    ----------
    mask : array_like, shape (n_i, n_j, n_k)
    background : array_like, shape (n_i, n_j, n_k)

    Returns
    -------
    mask : ndarray of bool
    background : ndarray

    Raises
    ------
    ValueError
        If their shapes differ, the mask holds no voxel or NaN, or values are masked.
    """
    refuse_masked("mask", mask)
    refuse_masked("background", background)
    mask, background = np.asarray(mask), np.asarray(background)
    if (mask != mask).any():  # which bool() takes for true
        raise ValueError(
            f"The mask holds NaN at {(mask != mask).sum()} places; expected true and false, or 1 "
            "and 0: say np.nan_to_num(mask) if these lie outside."
        )
    mask = mask.astype(bool)
    if mask.ndim != 3 or mask.shape != background.shape:
        raise ValueError(
            f"The mask has shape {mask.shape}, the background {background.shape}; expected two "
            "volumes on one grid: resample the background to the mask."
        )
    if not mask.any():
        raise ValueError("The mask holds no voxel; expected the mask that the scores belong to.")
    return mask, background


def check_columns(columns, n_expected, n_voxels):
    """Return the columns of chosen voxels as an array, or say why they are none.

    Parameters
    ----------
    columns : array_like of int
    n_expected : int
        How many other arrays have.
    n_voxels : int
        Voxels of the mask.

    Returns
    -------
    ndarray of int, shape (n_expected,)

    Raises
    ------
    ValueError
        If there are more or fewer, or some lie outside the mask or are given twice.
    """
    columns = np.asarray(columns)
    whole = np.issubdtype(columns.dtype, np.integer)
    if columns.shape != (n_expected,) or not n_expected or not whole:
        raise ValueError(
            f"The columns have shape {columns.shape} and type {columns.dtype}; expected "
            f"{n_expected} whole numbers, one for each voxel with weights: pass "
            "np.flatnonzero(...) instead of a boolean array."
        )
    outside = (columns < 0) | (columns >= n_voxels)
    if outside.any() or len(np.unique(columns)) < n_expected:
        raise ValueError(
            f"The columns reach from {columns.min()} to {columns.max()}, and "
            f"{len(np.unique(columns))} of {n_expected} differ; expected different columns from 0 "
            f"to {n_voxels - 1}."
        )
    return columns


def check_pixels(weights, shape):
    """Return rows and columns of the image, or say that the weights are none of its pixels.

    Parameters
    ----------
    weights : ndarray, shape (..., n_pixels)
    shape : (int, int)

    Returns
    -------
    (int, int)

    Raises
    ------
    ValueError
        If there is not one weight a pixel.
    """
    rows, columns = check_image(shape)
    if weights.shape[-1] != rows * columns:
        raise ValueError(
            f"weights has {weights.shape[-1]} values a voxel; expected {rows * columns}, one for "
            f"each pixel of an image of {rows} x {columns}: say shape=(rows, columns) of your "
            "images."
        )
    return rows, columns


def check_gaussians(centres, sizes, n_expected):
    """Return centres and sizes of population receptive fields, or say why they are none.

    Parameters
    ----------
    centres : array_like, shape (n_expected, 2)
        Row and column in pixels; NaN where a voxel has no field.
    sizes : array_like, shape (n_expected,)
        Standard deviations in pixels; NaN where the centre is.
    n_expected : int
        How many voxels have weights.

    Returns
    -------
    centres : ndarray of float64, shape (n_expected, 2)
    sizes : ndarray of float64, shape (n_expected,)

    Raises
    ------
    ValueError
        If one of them is missing or has another shape, values are infinite, sizes are not
        positive, or only some of the three numbers of a field are NaN.
    """
    if centres is None or sizes is None:
        given, missing = ("sizes", "centres") if centres is None else ("centres", "sizes")
        raise ValueError(
            f"{given} was given without {missing}; expected both or neither, because a circle "
            f"needs a centre and a size: pass {missing} too, or leave out {given}."
        )
    centres, sizes = np.asarray(centres, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    if centres.shape != (n_expected, 2) or sizes.shape != (n_expected,):
        raise ValueError(
            f"centres has shape {centres.shape} and sizes {sizes.shape}; expected "
            f"({n_expected}, 2) and ({n_expected},), a field for each voxel with weights: choose "
            "the same voxels as for the weights, in the same order."
        )
    fields = np.column_stack([centres, sizes])
    infinite, without = np.isinf(fields).any(axis=1), np.isnan(fields)
    if infinite.any():
        raise ValueError(
            f"Centre or size is infinite in {infinite.sum()} of {n_expected} rows, first in row "
            f"{np.flatnonzero(infinite)[0]}. Expected finite numbers of pixels: set centre and "
            "size to NaN where the fit failed."
        )
    torn = without.any(axis=1) & ~without.all(axis=1)
    if torn.any():
        row = np.flatnonzero(torn)[0]
        raise ValueError(
            f"In {torn.sum()} of {n_expected} rows only some numbers are NaN; the first is row "
            f"{row}, centre {centres[row].tolist()}, size {sizes[row]}. Expected a centre and a "
            "size, or NaN for all three: set all to NaN where a voxel has no field."
        )
    if (sizes <= 0).any():
        row = np.flatnonzero(sizes <= 0)[0]
        raise ValueError(
            f"{(sizes <= 0).sum()} of {n_expected} sizes are not positive, first {sizes[row]:g} in "
            f"row {row}. Expected standard deviations in pixels, above 0: set centre and size to "
            "NaN where a voxel has no field."
        )
    return centres, sizes


def check_grid(penalties, start):
    """Return the penalties as an array, or say why a slider cannot run over them.

    Parameters
    ----------
    penalties : array_like
    start : int
        Place of the first one shown.

    Returns
    -------
    ndarray, shape (n_penalties,)

    Raises
    ------
    ValueError
        If they are fewer than two, not positive or not rising, or the start lies outside them.
    """
    penalties = np.atleast_1d(check_penalties(penalties))
    if len(penalties) < 2 or (np.diff(penalties) <= 0).any():
        raise ValueError(
            f"penalties is {penalties.tolist()}; expected two or more in rising order: pass "
            "np.sort(penalties), and order the other arrays likewise."
        )
    if not 0 <= start < len(penalties):
        raise ValueError(
            f"start is {start}; expected the place of a penalty, 0 to {len(penalties) - 1}."
        )
    return penalties
