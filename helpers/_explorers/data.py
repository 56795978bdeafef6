"""Arrays made small enough for a page: whole numbers in one or two bytes, as text.

The explorers' scripts unpack them (``unpack`` and ``listVoxels`` in ``explorer.js``).
"""

import base64

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_hex

from helpers.plotting import source_line

BELOW_0 = "#F0C6B0"  # the chapters' colour for voxels that score below 0
MARGIN = 2  # voxels of brain around the mask


def shared_data(mask, background, zooms, scores, source):
    """Put together what both explorers need: the volume, colours, and where the data come from.

    Parameters
    ----------
    mask, background, zooms
        As for `pack_volume`.
    scores : ndarray
    source : {"twin", "real", "yours"}

    Returns
    -------
    dict
    """
    return {
        "volume": pack_volume(mask, background, zooms),
        "colours": _colours(),
        "top": top_of_scale(scores),
        "source": source_line(source),
    }


def pack(values, n_bytes=2, limits=None):
    """Write numbers as equal steps between two limits, coded in one or two bytes.

    Code 0 stands for NaN, code ``c`` above it for ``low + step * (c - 1)``. So what is unpacked
    differs from the value by half a step at most.

    Parameters
    ----------
    values : array_like
        Of any shape; packed in C order.
    n_bytes : {1, 2}
        1 gives 255 levels, 2 gives 65535, the low byte first.
    limits : (float, float), optional
        Values of the first and the last level; by default the smallest and the largest value.

    Returns
    -------
    dict
        ``data`` (base64), ``bytes``, ``low`` and ``step``.

    Raises
    ------
    ValueError
        If all values are NaN, or some are infinite or outside the limits.
    """
    values = np.asarray(values, dtype=np.float64).ravel()
    known = values[~np.isnan(values)]
    if not known.size or np.isinf(known).any():
        raise ValueError(
            f"Of {values.size} values, {known.size} are not NaN; expected some, and all of them "
            "finite: give the scores or weights of a fitted model."
        )
    low, high = (float(known.min()), float(known.max())) if limits is None else limits
    if known.min() < low or known.max() > high:
        raise ValueError(
            f"The values reach from {known.min():g} to {known.max():g}; expected them within "
            f"{low:g} and {high:g}: clip them, or pass wider limits."
        )
    step = (high - low) / (256**n_bytes - 2) or 1.0  # all equal: any step will do
    codes = np.where(np.isnan(values), 0, np.rint((values - low) / step) + 1)
    text = base64.b64encode(codes.astype(f"<u{n_bytes}").tobytes()).decode("ascii")
    return {"data": text, "bytes": n_bytes, "low": low, "step": step}


def pack_fields(weights):
    """Pack receptive fields in one byte a pixel, each as shares of its own largest weight.

    Parameters
    ----------
    weights : ndarray, shape (n_voxels, n_pixels)

    Returns
    -------
    dict
        ``shares``, from -1 to 1, and ``largest``, the largest weight of each voxel without its
        sign, both packed.
    """
    largest = np.abs(weights).max(axis=1)
    shares = weights / np.where(largest > 0, largest, 1)[:, np.newaxis]
    return {"shares": pack(shares, n_bytes=1, limits=(-1, 1)), "largest": pack(largest)}


def list_gaussians(centres, sizes):
    """List population receptive fields with four digits a number.

    They are not packed, because a single centre far outside the image would widen the steps of all.

    Parameters
    ----------
    centres : ndarray, shape (n_voxels, 2)
        Row and column in pixels.
    sizes : ndarray, shape (n_voxels,)
        Standard deviations in pixels.

    Returns
    -------
    list
        Row, column and size of each voxel, or None where they are NaN.
    """
    fields = np.column_stack([centres, sizes])
    return [
        None if np.isnan(field).any() else [float(f"{number:.4g}") for number in field]
        for field in fields
    ]


def pack_map(scores, top):
    """Pack the scores of maps in one byte, for colours only: no score below 0 becomes 0.

    Parameters
    ----------
    scores : ndarray, shape (n_maps, n_voxels)
    top : float
        Largest score that has a colour of its own.

    Returns
    -------
    dict
        Packed; negative scores are all -`top`, since they share one colour.
    """
    drawn = np.where(scores < 0, -top, np.minimum(scores, top))
    return pack(drawn, n_bytes=1, limits=(-top, top))


def pack_volume(mask, background, zooms):
    """Cut out the part of the grid that holds the mask, and pack what the slices show.

    Parameters
    ----------
    mask : ndarray of bool, shape (n_i, n_j, n_k)
    background : ndarray, shape (n_i, n_j, n_k)
    zooms : (float, float)
        Size of a voxel along i and j in mm.

    Returns
    -------
    dict
        ``first`` and ``shape`` of the window, its ``mask`` in single bits, its ``background``
        from 0 to 254, and ``zooms``.
    """
    window = find_window(mask)
    grey = np.nan_to_num(background[window].astype(np.float64))
    low, high = np.percentile(grey, [1, 99.5])
    grey = np.clip((grey - low) / (high - low or 1), 0, 1)
    return {
        "first": [cut.start for cut in window],
        "shape": grey.shape,
        "zooms": [float(zoom) for zoom in zooms],
        "mask": base64.b64encode(np.packbits(mask[window]).tobytes()).decode("ascii"),
        "background": pack(grey * 254, n_bytes=1, limits=(0, 254)),
    }


def find_window(mask):
    """Find the smallest box around the mask, with some brain around it in the slices.

    Parameters
    ----------
    mask : ndarray of bool, shape (n_i, n_j, n_k)

    Returns
    -------
    tuple of slice
        Along i, j and k; all slices in it hold voxels of the mask at its two ends.
    """
    places = np.argwhere(mask)
    margin = np.array([MARGIN, MARGIN, 0])
    first = np.maximum(places.min(axis=0) - margin, 0)
    last = np.minimum(places.max(axis=0) + margin, np.array(mask.shape) - 1)
    return tuple(slice(int(a), int(b) + 1) for a, b in zip(first, last, strict=True))


def _colours():
    """Return the colour maps of scores and weights, and the colour of scores below 0."""
    shares = np.linspace(0, 1, 129)
    stops = {
        name: [to_hex(colour) for colour in plt.get_cmap(cmap)(shares)]
        for name, cmap in {"scores": "viridis", "weights": "RdBu_r"}.items()
    }
    below = [int(BELOW_0[at : at + 2], 16) for at in (1, 3, 5)]
    return stops | {"below": below}


def top_of_scale(scores):
    """Return the end of the colour bar: the largest score, rounded up to a tenth.

    Parameters
    ----------
    scores : ndarray

    Returns
    -------
    float
        At least 0.1.
    """
    return max(float(np.ceil(np.nanmax(scores) * 10) / 10), 0.1)
