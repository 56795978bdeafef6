"""What is known of the real recording, from where, and how near to it the twin must come."""

from typing import NamedTuple

import numpy as np

from helpers._twin.brain import MARKED as MARKED_COLUMNS

# The voxels (i, j, k) that nilearn's example marks, in the order of its receptive fields.
MARKED = tuple(MARKED_COLUMNS[column] for column in (1780, 1951, 2131, 1935))

# How far the twin may be off: exactly; a share of the count; R2, correlation, share or
# proportion; pixels between the places of two peaks. These are our own choice.
TOLERANCE = {"shape": 0, "count": 0.25, "score": 0.1, "peak": 1}

# Where a target is from. "Encoding models for visual stimuli" and "Reconstruction of visual
# stimuli" are nilearn's two examples on the recording of Miyawaki et al. (2008). The public data
# are block means of V1 of the same subject, in sample/data of the project KamitaniLab/VBCCA
# (Fujiwara, Miyawaki and Kamitani, 2013); `pages/real_brain` computes the targets from them.
SOURCES = {
    "printed": "printed on the page of one of nilearn's examples",
    "figure": "read off a figure on the page of nilearn's encoding example, by us",
    "computed": "computed by us from public data of V1 of the same subject",
}


class Target(NamedTuple):
    """One figure that the twin has to meet.

    Attributes
    ----------
    value : float or tuple of int
        A shape (rows, columns), a count, a score, or the (row, column) of a pixel.
    kind : {"shape", "count", "score", "peak"}
        Key of `TOLERANCE`.
    source : {"printed", "figure", "computed"}
        Key of `SOURCES`.
    """

    value: float | tuple
    kind: str
    source: str


def _per_voxel(what, kind, values):
    """One line of the table for each marked voxel."""
    return {
        f"{what} of {voxel}": Target(value, kind, "figure")
        for voxel, value in zip(MARKED, values, strict=True)
    }


# The encoding model: mean R2 of ten folds, ridge with penalty 100, runs z-scored.
TARGETS = {
    "samples x voxels": Target((2860, 5438), "shape", "printed"),
    "samples x pixels": Target((2860, 100), "shape", "printed"),
    "voxels of slice k = 10 above 0": Target(185, "count", "figure"),
    "mean of these scores": Target(0.17, "score", "figure"),
    "median of these scores": Target(0.14, "score", "figure"),
    "voxels of slice k = 10 above 0.3": Target(37, "count", "figure"),
    "largest score of slice k = 10": Target(0.60, "score", "figure"),
    **_per_voxel("score", "score", (0.60, 0.60, 0.44, 0.47)),
    **_per_voxel("strongest pixel", "peak", ((4, 2), (4, 2), (3, 3), (4, 2))),
    **_per_voxel("second pixel", "peak", ((4, 1), (3, 2), (3, 2), (4, 3))),
    # Of images shown eight times; noise is what is left of a trial without the mean of its image.
    "single-trial ceiling, mean of V1": Target(0.34, "score", "computed"),
    "single-trial ceiling, best tenth of V1": Target(0.79, "score", "computed"),
    "noise correlation, all pairs of V1": Target(0.19, "score", "computed"),
    "noise correlation, V1 columns side by side": Target(0.38, "score", "computed"),
    "reconstruction: accuracy": Target(0.80, "score", "printed"),
    "reconstruction: precision": Target(0.41, "score", "printed"),
    "reconstruction: recall": Target(0.57, "score", "printed"),
    "reconstruction: F1": Target(0.47, "score", "printed"),
}


def is_met(name, achieved):
    """Say whether a figure of the twin is as near to its target as it must be.

    Parameters
    ----------
    name : str
        Key of `TARGETS`.
    achieved : float or tuple of int
        The same figure, computed on the twin.

    Returns
    -------
    bool
        Never true of NaN.

    Raises
    ------
    ValueError
        If there is no target of that name.
    """
    if name not in TARGETS:
        raise ValueError(f'"{name}" is no target; expected one of {list(TARGETS)}.')
    value, kind, _ = TARGETS[name]
    off = np.linalg.norm(np.subtract(achieved, value))
    allowed = TOLERANCE[kind] * (value if kind == "count" else 1)
    return bool(off <= allowed)
