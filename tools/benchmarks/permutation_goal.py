"""A thousand permutations of whole runs, scored over the whole mask."""

from statistics import median

import numpy as np

from benchmarks.machine import threads
from benchmarks.points import run_point
from benchmarks.ridge_goals import Sides
from benchmarks.rows import limit_row, ratio_row
from benchmarks.setting import N_FOLDS, WARM
from benchmarks.timing import compare
from helpers import inference

N_PERMUTATIONS = 1000


def measure(setting):
    """Measure the goals of permutations; each run has a process of its own.

    Parameters
    ----------
    setting : Setting

    Returns
    -------
    ratios, limits : list of dict
    """
    n_permutations = 20 if setting.quick else N_PERMUTATIONS
    sides = Sides(setting.X.astype(np.float32), setting.runs, setting.folds)
    sides.example_scores(setting.Y[:, :WARM])
    n_runs = setting.repeat(3)
    points, loops = [], []
    for _ in range(n_runs):
        points.append(run_point("permutations", n=n_permutations, quick=setting.quick))
        (loop,) = compare(lambda: sides.example_scores(setting.Y), n_runs=1)
        loops.append(loop.seconds)
    seconds = median(point["seconds"] for point in points)
    details = {"n_runs": n_runs, "dtype": points[0]["dtype"], "threads": threads()}
    name = f"{n_permutations:,} permutations of whole runs, {N_FOLDS} folds, one penalty"
    ratio = ratio_row(
        "permutations",
        name,
        "loop of scikit-learn's Ridge and r2_score",
        seconds,
        median(loops) * n_permutations,
        agreement=("largest difference in R2", _difference(setting, sides)),
        **details,
        note="The loop ran one permutation; its time is scaled to all.",
    )
    peak = float(np.max([point["peak_mb"] for point in points]))
    limits = [
        limit_row("permutations-seconds", name, seconds, "s", limit=60, **details),
        limit_row(
            "permutations-memory",
            f"{n_permutations:,} permutations: most memory of a process that does them",
            peak / 1e3,
            "GB",
            limit=1.5,
            **details,
            note="With Python, the libraries, the recording and the null distribution.",
        ),
    ]
    return [ratio], limits


def _difference(setting, sides):
    """Score one permutation on both sides, and compare."""
    null = np.full((1, setting.Y.shape[1]), np.nan)
    inference.permute_runs(null, setting.X, setting.Y, setting.runs, n_folds=N_FOLDS, seed=0)
    order = np.random.default_rng([0, 0]).permutation(setting.runs[-1] + 1)
    rows = np.concatenate([np.flatnonzero(setting.runs == run) for run in order])
    theirs = np.mean(sides.example_scores(setting.Y[rows]), axis=0)
    return float(abs(null[0] - theirs).max())
