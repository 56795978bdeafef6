"""How time and memory grow with voxels, samples and features."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.machine import threads
from benchmarks.points import made_up, run_point
from benchmarks.setting import ALPHAS, N_FOLDS
from benchmarks.timing import slope
from helpers.scaling import simulate_bold

# What stays and what grows. The largest number of voxels is a whole brain.
CURVES = {
    "voxels": {"samples": 3000, "features": 500},
    "samples": {"features": 100, "voxels": 2000},
    "features": {"samples": 3000, "voxels": 2000},
}
SIZES = {
    "voxels": [1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000],
    "samples": [300, 1000, 3000, 10_000],
    "features": [100, 200, 500, 1000, 2000],
}
QUICK_SIZES = {
    "voxels": [1000, 2000, 4000],
    "samples": [300, 600, 1200],
    "features": [50, 100, 200],
}
LAST = 3  # points of the slope at the end, where what costs the same for all sizes matters least


def measure(quick):
    """Measure all three curves, and the whole brain at the end of the first.

    Parameters
    ----------
    quick : bool

    Returns
    -------
    curves : dict of dict
        By what grows.
    whole_brain : dict
    """
    sizes = QUICK_SIZES if quick else SIZES
    points = {
        "voxels": _voxel_points(sizes["voxels"]),
        "samples": [run_point("growth", samples=n, **CURVES["samples"]) for n in sizes["samples"]],
        "features": [
            run_point("growth", features=n, **CURVES["features"]) for n in sizes["features"]
        ],
    }
    curves = {name: curve(name, sizes[name], points[name]) for name in CURVES}
    return curves, whole_brain(curves["voxels"])


def _voxel_points(sizes):
    """Write a file of made-up voxels for each size, and score it from there."""
    fixed = CURVES["voxels"]
    X, _ = made_up(**fixed)
    points = []
    with TemporaryDirectory() as folder:
        for n_voxels in sizes:
            bold = Path(folder) / "bold.npy"
            simulate_bold(bold, X, n_voxels)
            points.append(run_point("voxels", bold=str(bold), **fixed))
            bold.unlink()
    return points


def curve(name, sizes, points):
    """Put the points of a curve together, with their slopes.

    Parameters
    ----------
    name : {"voxels", "samples", "features"}
    sizes : list of int
    points : list of dict

    Returns
    -------
    dict
    """
    columns = {key: [p[key] for p in points] for key in ("seconds", "peak_mb", "added_mb")}
    seconds, added = columns["seconds"], columns["added_mb"]
    by_block = name == "voxels"
    return {
        "x": sizes,
        **columns,
        "n_runs": [p["n_runs"] for p in points],
        "slope_seconds": slope(sizes, seconds),
        "slope_seconds_end": slope(sizes[-LAST:], seconds[-LAST:]),
        "slope_mb": slope(sizes, added),
        "slope_mb_end": slope(sizes[-LAST:], added[-LAST:]),
        "fixed": CURVES[name] | {"penalties": len(ALPHAS), "folds": N_FOLDS},
        "dtype": "float32" if by_block else "float64",
        "threads": threads(),
        "method": "whole_brain.score_blocks" if by_block else "ridge.cross_validate",
    }


def whole_brain(voxels):
    """Say what the largest number of voxels took.

    Parameters
    ----------
    voxels : dict
        The curve of voxels.

    Returns
    -------
    dict
    """
    n_voxels, seconds = voxels["x"][-1], voxels["seconds"][-1]
    return {
        "voxels": n_voxels,
        **voxels["fixed"],
        "file_gb": n_voxels * voxels["fixed"]["samples"] * np.dtype(voxels["dtype"]).itemsize / 1e9,
        "seconds": seconds,
        "peak_mb": voxels["peak_mb"][-1],
        "voxels_per_second": n_voxels / seconds,
        "dtype": voxels["dtype"],
        "threads": voxels["threads"],
    }
