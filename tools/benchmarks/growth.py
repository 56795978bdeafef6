"""How time and memory grow with voxels, samples and features.

Each point is measured in a process of its own, so that its memory is its own: `run_point` starts
``python -m benchmarks.growth`` with a task and its arguments as JSON, and reads the result from its
standard output.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from himalaya.kernel_ridge import KernelRidgeCV
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold

from benchmarks.measuring import ALPHAS, N_FOLDS, load, peak_mb, slope, threads
from helpers import inference, scaling
from helpers.receptive_fields import LassoLarsCV
from helpers.ridge import RidgeCV

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
            scaling.simulate_bold(bold, X, n_voxels)
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
        "method": "scaling.score_blocks" if by_block else "ridge.RidgeCV",
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


# ---- one measurement in a process of its own

FOLDER = Path(__file__).parents[1]  # in which Python finds this package
N_SCAN_RUNS = 20  # of made-up recordings; two to a fold
CHECKED = 20  # voxels whose weights are held against scikit-learn's
ENOUGH = 10  # seconds after which a point is not measured again


def run_point(task, **arguments):
    """Do a task in a new process.

    Parameters
    ----------
    task : {"growth", "voxels", "permutations", "lasso", "wide"}
    **arguments
        Of the task's function.

    Returns
    -------
    dict
        What the function returns, and ``peak_mb``.

    Raises
    ------
    subprocess.CalledProcessError
        If the task fails; its message is on stderr.
    """
    command = [sys.executable, "-m", "benchmarks.growth", json.dumps({"task": task} | arguments)]
    quiet = os.environ | {"TQDM_DISABLE": "1"}
    done = subprocess.run(command, cwd=FOLDER, env=quiet, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def made_up(samples, features):
    """Make up features and runs.

    Parameters
    ----------
    samples, features : int

    Returns
    -------
    X : ndarray, shape (samples, features)
    runs : ndarray of int, shape (samples,)
    """
    X = np.random.default_rng(0).standard_normal((samples, features))
    return X, np.arange(samples) * N_SCAN_RUNS // samples


def growth(samples, features, voxels):
    """Score made-up voxels in memory, in float64."""
    X, runs = made_up(samples, features)
    Y = np.random.default_rng(1).standard_normal((samples, voxels))
    return _repeat(lambda: RidgeCV(ALPHAS, cv=N_FOLDS).fit(X, Y, groups=runs))


def voxels(bold, samples, features):
    """Score a file of voxels block by block, in float32."""
    X, runs = made_up(samples, features)

    def score():
        with TemporaryDirectory() as folder:
            scaling.score_blocks(folder, X, bold, runs, ALPHAS, N_FOLDS)

    return _repeat(score)


def permutations(n, quick):
    """Score the twin with runs in other orders, once."""
    twin = load(quick)
    null = np.full((n, twin.Y.shape[1]), np.nan)
    start = time.perf_counter()
    inference.permute_runs(null, twin.X, twin.Y, groups=twin.runs, cv=N_FOLDS)
    assert np.isfinite(null).all()
    return {"seconds": time.perf_counter() - start, "dtype": "float32"}


def lasso(quick):
    """Estimate the twin's receptive fields, once."""
    twin = load(quick)
    start = time.perf_counter()
    LassoLarsCV(max_iter=10).fit(twin.X, twin.Y, groups=twin.runs)
    return {"seconds": time.perf_counter() - start}


def wide(side, samples, features, voxels):
    """Fit more features than samples, once, on one side; and check our weights."""
    random = np.random.default_rng(0)
    X = random.standard_normal((samples, features))
    weights = random.standard_normal((features, voxels), dtype=np.float32) / np.sqrt(features)
    Y = X @ weights.astype(np.float64) + 2 * random.standard_normal((samples, voxels))
    del weights
    start = time.perf_counter()
    if side == "himalaya":
        model = KernelRidgeCV(ALPHAS, fit_intercept=True, cv=KFold(N_FOLDS))
        model.fit(X, Y)
        return {"seconds": time.perf_counter() - start}
    model = RidgeCV(ALPHAS, cv=KFold(N_FOLDS)).fit(X, Y)
    seconds = time.perf_counter() - start
    theirs = Ridge(alpha=model.alpha_[:CHECKED], solver="cholesky").fit(X, Y[:, :CHECKED])
    difference = abs(model.coef_[:CHECKED] - theirs.coef_).max()
    return {"seconds": seconds, "difference": float(difference)}


def _repeat(work):
    """Time work up to three times; long work fewer times."""
    seconds = []
    while len(seconds) < 3 and sum(seconds) < ENOUGH:
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return {"seconds": median(seconds), "n_runs": len(seconds)}


def _warm_up():
    X, runs = made_up(100, 10)
    RidgeCV(ALPHAS, cv=N_FOLDS).fit(X, X, groups=runs)


TASKS = {
    "growth": growth,
    "voxels": voxels,
    "permutations": permutations,
    "lasso": lasso,
    "wide": wide,
}

if __name__ == "__main__":
    arguments = json.loads(sys.argv[1])
    task = TASKS[arguments.pop("task")]
    _warm_up()
    before = peak_mb()
    result = task(**arguments)
    print(json.dumps(result | {"peak_mb": peak_mb(), "added_mb": peak_mb() - before}))
