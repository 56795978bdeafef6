"""What is published of the real recording, and how near to it the simulated twin must come.

The figures of the encoding model and of the reconstruction are what nilearn's two examples on the
recording of Miyawaki et al. (2008) print and show, "Encoding models for visual stimuli" and
"Reconstruction of visual stimuli"; the two noise ceilings are of the same subject's V1.
"""

from typing import NamedTuple

import numpy as np

from helpers._twin.brain import MARKED as MARKED_COLUMNS

# The voxels (i, j, k) that nilearn's example marks, in the order of its receptive fields.
MARKED = tuple(MARKED_COLUMNS[column] for column in (1780, 1951, 2131, 1935))

# How far the twin may be off: exactly; a share of the published count; R2, share or proportion;
# pixels between the places of two peaks.
TOLERANCE = {"shape": 0, "count": 0.25, "score": 0.1, "peak": 1}


class Published(NamedTuple):
    """One published figure.

    Attributes
    ----------
    value : float or tuple of int
        A shape (rows, columns), a count, a score, or the (row, column) of a pixel.
    kind : {"shape", "count", "score", "peak"}
        Key of `TOLERANCE`.
    """

    value: float | tuple
    kind: str


def _per_voxel(what, kind, values):
    """One line of the table for each marked voxel."""
    return {
        f"{what} of {voxel}": Published(value, kind)
        for voxel, value in zip(MARKED, values, strict=True)
    }


# The encoding model: mean R2 of ten folds, ridge with penalty 100, runs z-scored.
PUBLISHED = {
    "samples x voxels": Published((2860, 5438), "shape"),
    "samples x pixels": Published((2860, 100), "shape"),
    "voxels of slice k = 10 above 0": Published(185, "count"),
    "mean of these scores": Published(0.17, "score"),
    "median of these scores": Published(0.14, "score"),
    "voxels of slice k = 10 above 0.3": Published(37, "count"),
    "largest score of slice k = 10": Published(0.60, "score"),
    **_per_voxel("score", "score", (0.60, 0.60, 0.44, 0.47)),
    **_per_voxel("strongest pixel", "peak", ((4, 2), (4, 2), (3, 3), (4, 2))),
    **_per_voxel("second pixel", "peak", ((4, 1), (3, 2), (3, 2), (4, 3))),
    "single-trial ceiling, mean of V1": Published(0.30, "score"),
    "single-trial ceiling, best tenth of V1": Published(0.76, "score"),
    "reconstruction: accuracy": Published(0.80, "score"),
    "reconstruction: precision": Published(0.41, "score"),
    "reconstruction: recall": Published(0.57, "score"),
    "reconstruction: F1": Published(0.47, "score"),
}


def is_met(name, achieved):
    """Say whether a figure of the twin is as near to the published one as it must be.

    Parameters
    ----------
    name : str
        Key of `PUBLISHED`.
    achieved : float or tuple of int
        The same figure, computed on the twin.

    Returns
    -------
    bool
        Never true of NaN.

    Raises
    ------
    ValueError
        If nothing of that name is published.
    """
    if name not in PUBLISHED:
        raise ValueError(f'"{name}" is not published; expected one of {list(PUBLISHED)}.')
    value, kind = PUBLISHED[name]
    off = np.linalg.norm(np.subtract(achieved, value))
    allowed = TOLERANCE[kind] * (value if kind == "count" else 1)
    return bool(off <= allowed)
